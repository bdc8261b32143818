//! Lines of stream-json to events, commands to lines. Holds what the protocol needs to remember and
//! nothing else.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{classify, told};
use super::tools::Limits;
use super::wire::{
    self, Block, MessageUsage, Outcome, Received, Request, Response, Spoken, System,
};
use crate::providers::{
    Arrival, Codec, Command, Decision, Event, Exit, Failure, FailureClass, Gate, Input, Launch,
    Reach, Usage, When, clip,
};

/// Tools that write the file they name.
const WRITERS: [(&str, &str); 3] = [
    ("Write", "file_path"),
    ("Edit", "file_path"),
    ("NotebookEdit", "notebook_path"),
];
const SHELL: &str = "Bash";

pub(super) struct Claude {
    session: Uuid,
    /// The role.
    instructions: String,
    limits: Limits,
    /// User lines that were written and not yet taken up, oldest first.
    waiting: Vec<Written>,
    lines_written: u128,
    requests_sent: u32,
    /// Our control requests that were not answered yet.
    sent: HashMap<String, Sent>,
    /// The CLI's requests that we have not answered yet.
    asked: HashMap<String, Asked>,
    /// Tool calls in flight.
    calls: HashMap<String, Call>,
    /// Calls whose refusal we know of already.
    denied: HashSet<String>,
    /// Messages whose start was counted.
    messages: HashSet<String>,
    usage: Usage,
    interrupting: bool,
    ended: bool,
    understood: bool,
    noise: Option<String>,
    /// Answers that need no decision.
    replies: Vec<Input>,
}

struct Written {
    uuid: String,
    /// The receipt id; `None` for the prompt.
    steer: Option<String>,
    /// `None` for the prompt.
    when: Option<When>,
    fate: Fate,
}

/// What is known of a line between its writing and its replay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Written.
    Open,
    /// It (or another line as urgent) has started the running turn. Its replay comes with the first
    /// words of the model.
    Taken,
    /// Its turn was broken off before that, so a replay may never come.
    Doubtful,
}

enum Sent {
    Cost,
    /// Withdrawal of a user line.
    Cancel(String),
    Other,
}

struct Asked {
    gate: Gate,
    call: String,
    input: Value,
}

struct Call {
    name: String,
    path: Option<String>,
}

impl Claude {
    pub(super) fn new(launch: &Launch) -> Self {
        Self {
            session: Uuid::parse_str(launch.conversation.session()).unwrap_or_default(),
            instructions: launch.instructions.clone(),
            limits: Limits::new(&launch.tools, &launch.cwd),
            waiting: Vec::new(),
            lines_written: 0,
            requests_sent: 0,
            sent: HashMap::new(),
            asked: HashMap::new(),
            calls: HashMap::new(),
            denied: HashSet::new(),
            messages: HashSet::new(),
            usage: Usage::default(),
            interrupting: false,
            ended: false,
            understood: false,
            noise: None,
            replies: Vec::new(),
        }
    }

    /// A user line under an id of its own, derived from the session's.
    fn user(&mut self, text: &str, steer: Option<(String, When)>) -> Input {
        self.lines_written += 1;
        let uuid = Uuid::from_u128(self.session.as_u128() ^ self.lines_written).to_string();
        let when = steer.as_ref().map(|(_, when)| *when);
        // A line that begins with a slash is a command to the CLI itself, which the model never sees.
        let text = if text.starts_with('/') {
            format!(" {text}")
        } else {
            text.to_owned()
        };
        let line = wire::user_line(&uuid, &text, when.map(priority));
        self.waiting.push(Written {
            uuid,
            steer: steer.map(|(id, _)| id),
            when,
            fate: Fate::Open,
        });
        self.ended = false;
        Input::Line(line)
    }

    fn request(&mut self, kind: Sent, request: &Value) -> Input {
        self.requests_sent += 1;
        let id = format!("ostler-{}", self.requests_sent);
        let line = wire::control_request(&id, request);
        self.sent.insert(id, kind);
        Input::Line(line)
    }

    fn interrupt(&mut self) -> Vec<Input> {
        self.interrupting = true;
        // Lines that wait would start the next turn at once, so they are withdrawn first.
        let waiting: Vec<String> = self.waiting.iter().map(|line| line.uuid.clone()).collect();
        let mut inputs: Vec<Input> = waiting
            .into_iter()
            .map(|uuid| {
                let request = json!({ "subtype": "cancel_async_message", "message_uuid": uuid });
                self.request(Sent::Cancel(uuid), &request)
            })
            .collect();
        inputs.push(self.request(Sent::Other, &json!({ "subtype": "interrupt" })));
        inputs
    }

    fn answer(&mut self, request: &str, decision: &Decision) -> Vec<Input> {
        let Some(asked) = self.asked.remove(request) else {
            return Vec::new();
        };
        if matches!(decision, Decision::Deny(_)) {
            self.denied.insert(asked.call);
        }
        let response = match (asked.gate, decision) {
            (Gate::Policy, Decision::Allow | Decision::Reply(_)) => json!({}),
            (Gate::Policy, Decision::Deny(reason)) => json!({
                "hookSpecificOutput": {
                    "hookEventName": "PreToolUse",
                    "permissionDecision": "deny",
                    "permissionDecisionReason": reason,
                }
            }),
            (Gate::Approval, Decision::Allow | Decision::Reply(_)) => {
                json!({ "behavior": "allow", "updatedInput": asked.input })
            }
            (Gate::Approval, Decision::Deny(reason)) => {
                json!({ "behavior": "deny", "message": reason })
            }
        };
        vec![Input::Line(wire::control_response(request, &response))]
    }

    fn system(&mut self, system: System) -> Vec<Event> {
        match system {
            // Repeated at the start of every turn; whoever listens knows the first one.
            System::Init { session_id, model } => {
                self.turn_begins();
                vec![Event::Started {
                    session: session_id,
                    model,
                }]
            }
            // The CLI would try for three minutes; no retry mends a login.
            System::ApiRetry {
                error_status: Some(status @ (401 | 403)),
                error,
                ..
            } => {
                vec![self.failed(classify(
                    Some(status),
                    &format!("the model API answered {status} ({error})"),
                ))]
            }
            System::ApiRetry {
                attempt,
                error_status,
                error,
            } => {
                let status = error_status
                    .map(|status| format!(" ({status})"))
                    .unwrap_or_default();
                vec![Event::Retrying {
                    reason: format!("{error}{status}"),
                    attempt,
                    class: Some(classify(error_status, &error).class),
                }]
            }
            System::Unknown => Vec::new(),
        }
    }

    fn assistant(&mut self, spoken: Spoken) -> Vec<Event> {
        let mut events = Vec::new();
        let message = spoken.message;
        // Made up by the CLI to show an API error; the result line says the same.
        if message.model == "<synthetic>" {
            return events;
        }
        let own = spoken.parent_tool_use_id.is_none();
        if !message.id.is_empty() && self.messages.insert(message.id) {
            self.add_estimate(message.usage);
            // Steps of its own sub-agents are steps of this run.
            events.push(Event::Stepped);
            events.push(Event::Usage(self.usage.clone()));
        }
        for block in blocks(message.content) {
            match block {
                Block::Text { text } if own => events.push(Event::Text { text }),
                Block::Thinking { thinking } if own && !thinking.is_empty() => {
                    events.push(Event::Thought { text: thinking });
                }
                Block::ToolUse { id, name, input } => events.push(self.call(id, name, input)),
                _ => {}
            }
        }
        events
    }

    fn call(&mut self, id: String, name: String, input: Value) -> Event {
        let path = written_path(&name, &input);
        let field = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
        let command = if name == SHELL {
            field("command")
        } else {
            None
        };
        self.calls.insert(
            id.clone(),
            Call {
                name: name.clone(),
                path,
            },
        );
        Event::ToolStarted {
            id,
            name,
            input,
            command,
        }
    }

    fn user_said(&mut self, spoken: Spoken) -> Vec<Event> {
        if spoken.is_replay {
            return self.taken_up(&spoken.uuid).into_iter().collect();
        }
        let benign = spoken
            .tool_use_result
            .get("returnCodeInterpretation")
            .is_some();
        let mut events = Vec::new();
        for block in blocks(spoken.message.content) {
            let Block::ToolResult {
                tool_use_id,
                content,
                is_error,
            } = block
            else {
                continue;
            };
            let ok = !is_error.unwrap_or(false);
            let output = wire::plain_text(&content);
            let call = self.calls.remove(&tool_use_id);
            let exit_code = match &call {
                Some(call) if call.name == SHELL && ok => (!benign).then_some(0),
                Some(call) if call.name == SHELL => exit_code(&output),
                _ => None,
            };
            // A tool that was withheld is not there for the CLI, so nobody is asked.
            if !ok && output.contains("No such tool available") {
                let tool = call
                    .as_ref()
                    .map(|call| call.name.clone())
                    .unwrap_or_default();
                self.denied.insert(tool_use_id.clone());
                events.push(Event::Denied {
                    call: tool_use_id.clone(),
                    tool,
                });
            }
            if let Some(path) = call.and_then(|call| call.path).filter(|_| ok) {
                events.push(Event::FileChanged { path });
            }
            events.push(Event::ToolEnded {
                id: tool_use_id,
                ok,
                exit_code,
                output,
            });
        }
        events
    }

    /// The most urgent lines that wait start the turn: the prompt, else `now`, else `next`.
    fn turn_begins(&mut self) {
        let open = self
            .waiting
            .iter_mut()
            .filter(|line| line.fate == Fate::Open);
        let mut open: Vec<&mut Written> = open.collect();
        let most_urgent = open.iter().map(|line| urgency(line.when)).min();
        for line in open
            .iter_mut()
            .filter(|line| Some(urgency(line.when)) == most_urgent)
        {
            line.fate = Fate::Taken;
        }
    }

    /// A line that we wrote has reached the model.
    fn taken_up(&mut self, uuid: &str) -> Option<Event> {
        let at = self.waiting.iter().position(|line| line.uuid == uuid)?;
        let line = self.waiting.remove(at);
        let how = match line.fate {
            Fate::Open => Arrival::SameTurn,
            Fate::Taken | Fate::Doubtful => Arrival::NewTurn,
        };
        line.steer.map(|id| Event::SteerDelivered { id, how })
    }

    fn asked(&mut self, id: String, request: Request) -> Vec<Event> {
        let (gate, call, tool, input) = match request {
            Request::CanUseTool {
                tool_name,
                input,
                tool_use_id,
            } => (Gate::Approval, tool_use_id, tool_name, input),
            Request::HookCallback { input } => (
                Gate::Policy,
                input.tool_use_id,
                input.tool_name,
                input.tool_input,
            ),
            Request::Unknown => {
                let error = "ostler does not know this request";
                self.replies
                    .push(Input::Line(wire::control_error(&id, error)));
                return Vec::new();
            }
        };
        let asked = Asked {
            gate,
            call: call.clone(),
            input: input.clone(),
        };
        self.asked.insert(id.clone(), asked);
        if let Some(reason) = self.limits.refusal(&tool, &input) {
            let refusal = self.answer(&id, &Decision::Deny(reason));
            self.replies.extend(refusal);
            return vec![Event::Denied { call, tool }];
        }
        {
            let files: Vec<String> = written_path(&tool, &input).into_iter().collect();
            let reach = if files.is_empty() {
                Reach::Acts
            } else {
                Reach::Edits
            };
            vec![Event::PermissionAsked {
                request: id,
                gate,
                call,
                tool,
                input,
                reach,
                files,
            }]
        }
    }

    fn answered(&mut self, response: &Response) -> Vec<Event> {
        // Answers of ours are echoed in the same shape; those ids are not among our requests.
        match self.sent.remove(&response.request_id) {
            Some(Sent::Cost) => {
                let text = response.response.get("text").and_then(Value::as_str);
                match text.and_then(total_cost) {
                    Some(cost) => {
                        self.usage.cost_usd = Some(cost);
                        vec![Event::Usage(self.usage.clone())]
                    }
                    None => Vec::new(),
                }
            }
            Some(Sent::Cancel(uuid)) => {
                let gone = response.response.get("cancelled").and_then(Value::as_bool);
                if gone == Some(true) {
                    self.waiting.retain(|line| line.uuid != uuid);
                }
                Vec::new()
            }
            Some(Sent::Other) | None => Vec::new(),
        }
    }

    fn result(&mut self, outcome: Outcome) -> Vec<Event> {
        let mut events = Vec::new();
        self.add_final(&outcome);
        for denial in outcome.permission_denials {
            if self.denied.insert(denial.tool_use_id.clone()) {
                events.push(Event::Denied {
                    call: denial.tool_use_id,
                    tool: denial.tool_name,
                });
            }
        }
        // A message that breaks off the turn before the model has said anything ends it like an
        // interrupt; after that it ends like a success.
        let interrupted = std::mem::take(&mut self.interrupting)
            || self.waiting.iter().any(|line| line.when == Some(When::Now));
        if interrupted {
            for line in self
                .waiting
                .iter_mut()
                .filter(|line| line.fate == Fate::Taken)
            {
                line.fate = Fate::Doubtful;
            }
        }
        let more_follows = self.waiting.iter().any(|line| line.fate != Fate::Doubtful);
        let text = outcome.result.unwrap_or_default();
        let errors = outcome.errors.join("; ");
        events.push(match outcome.subtype.as_str() {
            "success" if !outcome.is_error => {
                self.ended = !more_follows;
                Event::TurnEnded { text, more_follows }
            }
            "success" => self.failed(classify(outcome.api_error_status, &text)),
            "error_max_budget_usd" => self.limit("max_cost_usd"),
            "error_max_turns" => self.limit("max_turns"),
            _ if errors.contains("No conversation found") => {
                let class = FailureClass::SessionLost;
                self.failed(told(class, &errors))
            }
            "error_during_execution" if interrupted => {
                self.ended = !more_follows;
                Event::TurnInterrupted { more_follows }
            }
            other => {
                let text = if errors.is_empty() { other } else { &errors };
                self.failed(classify(outcome.api_error_status, text))
            }
        });
        // Behind the end: exact figures must not call for a wrap-up of what is done already.
        events.push(Event::Usage(self.usage.clone()));
        events
    }

    fn limit(&mut self, limit: &str) -> Event {
        self.ended = true;
        Event::LimitReached {
            limit: limit.to_owned(),
        }
    }

    fn failed(&mut self, failure: Failure) -> Event {
        self.ended = true;
        Event::Failed(failure)
    }

    /// Adds the usage known at the start of a message. Each content block repeats it, so it is
    /// counted once for each message; the output count is not final there.
    fn add_estimate(&mut self, usage: MessageUsage) {
        add(&mut self.usage.input_tokens, usage.input_tokens);
        add(&mut self.usage.output_tokens, usage.output_tokens);
        add(
            &mut self.usage.cache_read_tokens,
            usage.cache_read_input_tokens,
        );
        add(
            &mut self.usage.cache_write_tokens,
            usage.cache_creation_input_tokens,
        );
        self.usage.is_final = false;
    }

    /// The end of a turn has exact figures, cumulative for the process, sub-agents included.
    fn add_final(&mut self, outcome: &Outcome) {
        self.usage.cost_usd = outcome.total_cost_usd.or(self.usage.cost_usd);
        if outcome.model_usage.is_empty() {
            return;
        }
        let models = outcome.model_usage.values();
        let mut sum = Usage {
            cost_usd: self.usage.cost_usd,
            is_final: true,
            ..Usage::default()
        };
        for model in models {
            add(&mut sum.input_tokens, model.input_tokens);
            add(&mut sum.output_tokens, model.output_tokens);
            add(&mut sum.cache_read_tokens, model.cache_read_input_tokens);
            add(
                &mut sum.cache_write_tokens,
                model.cache_creation_input_tokens,
            );
        }
        self.usage = sum;
    }
}

impl Codec for Claude {
    fn send(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Prompt(text) => {
                // The hook sees every call, also those that a rule allows, and it cannot time out.
                let hooks = json!({ "PreToolUse": [{ "hookCallbackIds": ["ostler"] }] });
                let mut initialize = json!({ "subtype": "initialize", "hooks": hooks });
                // As an argument, every process on the machine could read it.
                if let Some(initialize) = initialize.as_object_mut()
                    && !self.instructions.is_empty()
                {
                    let role = json!(self.instructions);
                    initialize.insert("appendSystemPrompt".to_owned(), role);
                }
                vec![
                    self.request(Sent::Other, &initialize),
                    self.user(&text, None),
                ]
            }
            Command::Steer { id, text, when } => vec![self.user(&text, Some((id, when)))],
            Command::Interrupt => self.interrupt(),
            Command::Answer { request, decision } => self.answer(&request, &decision),
            Command::AskUsage => {
                vec![self.request(Sent::Cost, &json!({ "subtype": "get_session_cost" }))]
            }
            Command::Close => {
                // Whatever the end of the process looks like now, we asked for it.
                self.ended = true;
                vec![Input::Close]
            }
        }
    }

    fn receive(&mut self, line: &str) -> Vec<Event> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        let Ok(received) = serde_json::from_str::<Received>(line) else {
            let beginning = clip(line, 200).to_owned();
            self.noise.get_or_insert_with(|| beginning.clone());
            return vec![Event::Noise { line: beginning }];
        };
        self.understood = true;
        match received {
            Received::System(system) => self.system(system),
            Received::Assistant(spoken) => self.assistant(spoken),
            Received::User(spoken) => self.user_said(spoken),
            Received::Result(outcome) => self.result(*outcome),
            Received::ControlRequest {
                request_id,
                request,
            } => self.asked(request_id, request),
            Received::ControlResponse { response } => self.answered(&response),
            Received::ControlCancelRequest { request_id } => {
                self.asked.remove(&request_id);
                vec![Event::PermissionWithdrawn {
                    request: request_id,
                }]
            }
            Received::Unknown => Vec::new(),
        }
    }

    fn replies(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.replies)
    }

    fn exited(&mut self, exit: &Exit) -> Vec<Event> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        let failure = match &self.noise {
            Some(noise) if !self.understood => Failure::new(
                FailureClass::Protocol,
                format!(
                    "it does not speak stream-json; it began with {noise:?} and ended with {exit}. \
                     Next: check `providers.claude.command`."
                ),
            ),
            _ => {
                let class = match exit.stderr.as_str() {
                    text if text.contains("No conversation found") => FailureClass::SessionLost,
                    _ => FailureClass::Crashed,
                };
                Failure::new(class, format!("claude ended without a result, with {exit}"))
            }
        };
        vec![Event::Failed(failure)]
    }
}

/// The file that a call of `tool` would write.
fn written_path(tool: &str, input: &Value) -> Option<String> {
    let (_, key) = WRITERS.iter().find(|(name, _)| *name == tool)?;
    input.get(*key).and_then(Value::as_str).map(str::to_owned)
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

fn priority(when: When) -> &'static str {
    match when {
        When::Now => "now",
        When::NextStep => "next",
        When::AfterTurn => "later",
    }
}

/// The order in which the CLI takes up lines.
fn urgency(when: Option<When>) -> u8 {
    match when {
        None => 0,
        Some(When::Now) => 1,
        Some(When::NextStep) => 2,
        Some(When::AfterTurn) => 3,
    }
}

fn blocks(content: Value) -> Vec<Block> {
    match content {
        Value::Array(blocks) => blocks
            .into_iter()
            .filter_map(|block| serde_json::from_value(block).ok())
            .collect(),
        _ => Vec::new(),
    }
}

/// The code in `Exit code 3\n…`, which is how a failed shell call begins.
fn exit_code(output: &str) -> Option<i32> {
    let digits = output.strip_prefix("Exit code ")?;
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The figure in `Total cost:   $0.0015`, rounded by the CLI to 2 or 4 places.
fn total_cost(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Total cost:"))?;
    line.trim()
        .strip_prefix('$')?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;
