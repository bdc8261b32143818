//! Lines of the app-server to events, commands to lines. Holds what the protocol needs to remember and
//! nothing else.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::asks::{Asking, Asks};
use super::calls::{self, Call};
use super::effort::{self, Model};
use super::failure::{class_of, classify, told};
use super::launch::{Plan, input};
use super::mailbox::{Mailbox, Message};
use super::steps::Steps;
use super::wire::{
    self, Account, ErrorNote, Item, ItemNote, Received, Resolved, RpcError, Status, ThreadOpened,
    Turn, TurnNote, TurnOpened, TurnStatus, UsageNote,
};
use crate::config::Effort;
use crate::providers::lines::cut_request;
use crate::providers::{
    Arrival, Codec, Command, Decision, Event, Exit, Failure, FailureClass, Input, When, clip,
};

/// Tool calls that are remembered at a time. Background commands stay on until they end.
const MANY_CALLS: usize = 4000;
/// Failed connections in a row after which the network is taken to be gone. The CLI gives up by itself
/// after five, unless a later version forgets the setting that makes it.
const MANY_RETRIES: u32 = 12;

pub(super) struct Codex {
    plan: Plan,
    requests_sent: u64,
    /// Our requests that were not answered yet.
    sent: HashMap<u64, Sent>,
    /// MCP servers of the user's own configuration.
    configured: Vec<String>,
    /// What the models take.
    models: Vec<Model>,
    /// What the model of the thread is to spend on thinking.
    effort: Option<Effort>,
    thread: Option<String>,
    turn: Running,
    mailbox: Mailbox,
    asks: Asks,
    /// Tool calls that have not ended.
    calls: HashMap<String, Call>,
    /// Calls whose refusal is known already.
    refused: HashSet<String>,
    /// The model waits for a tool: a message now cuts off nothing that it writes.
    tool_runs: bool,
    steps: Steps,
    /// The last text of the running turn.
    text: String,
    retries: u32,
    interrupting: bool,
    ended: bool,
    understood: bool,
    noise: Option<String>,
    /// Lines that follow from what was received.
    replies: Vec<Input>,
}

enum Sent {
    Initialize,
    Configuration,
    Account,
    Models,
    Thread,
    Turn,
    /// A letter of the mailbox into the running turn.
    Steer(String),
    Other,
}

/// The turn that we have started.
enum Running {
    Nothing,
    /// Asked for; its id is not known yet.
    Opening,
    Turn(String),
}

impl Codex {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            requests_sent: 0,
            sent: HashMap::new(),
            configured: Vec::new(),
            models: Vec::new(),
            effort: None,
            thread: None,
            turn: Running::Nothing,
            mailbox: Mailbox::default(),
            asks: Asks::default(),
            calls: HashMap::new(),
            refused: HashSet::new(),
            tool_runs: false,
            steps: Steps::new(plan.resumes.is_some()),
            text: String::new(),
            retries: 0,
            interrupting: false,
            ended: false,
            understood: false,
            noise: None,
            replies: Vec::new(),
            plan,
        }
    }

    fn request(&mut self, kind: Sent, method: &str, params: &Value) {
        self.requests_sent += 1;
        let line = wire::request(self.requests_sent, method, params);
        self.sent.insert(self.requests_sent, kind);
        self.replies.push(Input::Line(line));
    }

    fn answered(&mut self, id: u64, outcome: Result<Value, RpcError>) -> Vec<Event> {
        match (self.sent.remove(&id), outcome) {
            (Some(Sent::Initialize), Ok(_)) => {
                self.replies
                    .push(Input::Line(wire::notification("initialized")));
                let layers_of = self.plan.place();
                self.request(Sent::Configuration, "config/read", &layers_of);
                Vec::new()
            }
            (Some(Sent::Initialize), Err(error)) => {
                vec![self.refused_by_cli(FailureClass::Protocol, &error)]
            }
            (Some(Sent::Configuration), Ok(result)) => {
                let servers = result.pointer("/config/mcp_servers");
                let servers = servers.and_then(Value::as_object);
                self.configured = servers
                    .into_iter()
                    .flat_map(|s| s.keys().cloned())
                    .collect();
                self.request(Sent::Account, "account/read", &json!({}));
                Vec::new()
            }
            // A child must not have servers that nobody knows of.
            (Some(Sent::Configuration), Err(error)) => {
                vec![self.refused_by_cli(FailureClass::Other, &error)]
            }
            (Some(Sent::Account), outcome) => {
                let account = outcome.ok().and_then(wire::read::<Account>);
                // Without this it would try for a quarter of a minute.
                if account.is_some_and(|a| a.requires_openai_auth && a.account.is_null()) {
                    let class = FailureClass::NotLoggedIn;
                    let failure = told(class, "codex is not logged in");
                    return vec![self.failed(failure)];
                }
                if self.plan.effort.is_some() {
                    let all = json!({ "includeHidden": true });
                    self.request(Sent::Models, "model/list", &all);
                } else {
                    self.open();
                }
                Vec::new()
            }
            // Where there is no list, there are models that nobody knows.
            (Some(Sent::Models), outcome) => {
                self.models = outcome.map(effort::models).unwrap_or_default();
                self.open();
                Vec::new()
            }
            (Some(Sent::Thread), outcome) => self.thread_opened(outcome),
            (Some(Sent::Turn), Ok(result)) => {
                if let Some(opened) = wire::read::<TurnOpened>(result) {
                    self.turn_opened(opened.turn.id);
                }
                Vec::new()
            }
            (Some(Sent::Turn), Err(error)) => {
                vec![self.refused_by_cli(FailureClass::Protocol, &error)]
            }
            (Some(Sent::Steer(letter)), outcome) => {
                // It came too late, or the turn takes no messages: it begins the next one.
                if outcome.is_err() || matches!(self.turn, Running::Nothing) {
                    self.mailbox.came_back(&letter);
                    self.begin_turn();
                }
                Vec::new()
            }
            (Some(Sent::Other) | None, _) => Vec::new(),
        }
    }

    fn open(&mut self) {
        let configured = std::mem::take(&mut self.configured);
        let (method, params) = self.plan.open(configured);
        self.request(Sent::Thread, method, &params);
    }

    fn thread_opened(&mut self, outcome: Result<Value, RpcError>) -> Vec<Event> {
        match outcome.map(wire::read::<ThreadOpened>) {
            Ok(Some(opened)) => {
                self.thread = Some(opened.thread.id.clone());
                let asked = self.plan.effort;
                self.effort = asked.map(|asked| effort::held(asked, &opened.model, &self.models));
                self.begin_turn();
                vec![Event::Started {
                    session: opened.thread.id,
                    model: opened.model,
                }]
            }
            Ok(None) => {
                let error = RpcError {
                    message: "the answer to the opening of a thread names none".to_owned(),
                };
                vec![self.refused_by_cli(FailureClass::Protocol, &error)]
            }
            Err(error) => {
                let lost = ["no rollout found", "invalid session id", "thread not found"];
                let class = match lost.iter().any(|words| error.message.contains(words)) {
                    true => FailureClass::SessionLost,
                    false => FailureClass::Other,
                };
                vec![self.refused_by_cli(class, &error)]
            }
        }
    }

    /// Starts a turn with what waits, if there is anything and none runs.
    fn begin_turn(&mut self) {
        let (Running::Nothing, Some(thread)) = (&self.turn, &self.thread) else {
            return;
        };
        let Some((letter, texts)) = self.mailbox.for_turn() else {
            return;
        };
        let params = self.plan.turn(thread, &texts, &letter, self.effort);
        self.turn = Running::Opening;
        self.ended = false;
        self.tool_runs = false;
        self.text.clear();
        self.request(Sent::Turn, "turn/start", &params);
    }

    fn turn_opened(&mut self, id: String) {
        if matches!(self.turn, Running::Opening) {
            self.turn = Running::Turn(id);
            if self.interrupting {
                self.interrupt();
            }
            self.pass_on();
        }
    }

    /// Sends what may go into the running turn now.
    fn pass_on(&mut self) {
        while let (Running::Turn(turn), Some(thread)) = (&self.turn, &self.thread)
            && let Some((letter, texts)) = self.mailbox.for_step(self.tool_runs)
        {
            let params = json!({
                "threadId": thread,
                "expectedTurnId": turn,
                "input": input(&texts),
                "clientUserMessageId": letter,
            });
            self.request(Sent::Steer(letter), "turn/steer", &params);
        }
    }

    /// Breaks off the running turn; commands of it would otherwise go on in the background.
    fn interrupt(&mut self) {
        if let (Running::Turn(turn), Some(thread)) = (&self.turn, &self.thread) {
            let interrupt = json!({ "threadId": thread, "turnId": turn });
            let clean = json!({ "threadId": thread });
            self.request(Sent::Other, "turn/interrupt", &interrupt);
            self.request(Sent::Other, "thread/backgroundTerminals/clean", &clean);
        }
    }

    fn notified(&mut self, method: &str, params: Value) -> Vec<Event> {
        let about = params.get("threadId").and_then(Value::as_str);
        if about.is_some() && about != self.thread.as_deref() {
            return Vec::new();
        }
        match method {
            "turn/started" => {
                if let Some(opened) = wire::read::<TurnOpened>(params) {
                    self.turn_opened(opened.turn.id);
                }
                Vec::new()
            }
            "item/started" => wire::read(params).map_or_else(Vec::new, |note| self.began(note)),
            "item/completed" => {
                wire::read(params).map_or_else(Vec::new, |note| self.completed(note))
            }
            // The model looks after a command that it left running.
            "item/commandExecution/terminalInteraction" => {
                self.tool_runs = true;
                self.pass_on();
                Vec::new()
            }
            "thread/tokenUsage/updated" => {
                wire::read(params).map_or_else(Vec::new, |note| self.used(&note))
            }
            "error" => wire::read(params).map_or_else(Vec::new, |note| self.went_wrong(&note)),
            "serverRequest/resolved" => wire::read::<Resolved>(params)
                .and_then(|resolved| self.asks.withdrawn(&resolved.request_id))
                .map(|request| Event::PermissionWithdrawn { request })
                .into_iter()
                .collect(),
            "turn/completed" => match wire::read::<TurnNote>(params) {
                Some(note) if self.is_running(&note.turn.id) => self.turn_ended(note.turn),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn is_running(&self, id: &str) -> bool {
        matches!(&self.turn, Running::Turn(turn) if turn == id)
    }

    fn began(&mut self, note: ItemNote) -> Vec<Event> {
        if let Item::UserMessage { client_id } = note.item {
            self.steps.told();
            return delivered(self.mailbox.arrived(&client_id.unwrap_or_default()));
        }
        if !self.is_running(&note.turn_id) {
            return Vec::new();
        }
        let call = calls::call(&note.item);
        if call.is_none() && matches!(note.item, Item::Unknown) {
            return Vec::new();
        }
        let mut events = Vec::new();
        self.retries = 0;
        if self.steps.produced() {
            events.push(Event::Stepped);
        }
        self.tool_runs = call.is_some();
        if let Some(call) = call {
            self.pass_on();
            events.extend(self.call_began(call));
        }
        events
    }

    fn call_began(&mut self, call: Call) -> Option<Event> {
        if self.calls.len() >= MANY_CALLS || self.calls.contains_key(&call.id) {
            return None;
        }
        let started = call.started();
        self.calls.insert(call.id.clone(), call);
        Some(started)
    }

    fn completed(&mut self, note: ItemNote) -> Vec<Event> {
        match note.item {
            Item::AgentMessage { text } if !text.is_empty() => {
                if self.is_running(&note.turn_id) {
                    self.text.clone_from(&text);
                }
                vec![Event::Text { text }]
            }
            Item::Reasoning { summary, content } => {
                let text = [summary, content].concat().join("\n");
                let thought = (!text.is_empty()).then_some(Event::Thought { text });
                thought.into_iter().collect()
            }
            item => self.call_ended(item),
        }
    }

    fn call_ended(&mut self, item: Item) -> Vec<Event> {
        let Some(whole) = calls::call(&item) else {
            return Vec::new();
        };
        let outcome = calls::outcome(item);
        let mut events = Vec::new();
        let call = match self.calls.remove(&whole.id) {
            Some(_) => whole,
            // Its beginning was lost, or there were too many.
            None => {
                events.push(whole.started());
                whole
            }
        };
        let known = self.refused.remove(&call.id);
        if outcome.status == Status::Declined && !known {
            events.push(Event::Denied {
                call: call.id.clone(),
                tool: call.name.clone(),
            });
        }
        events.extend(call.ended(outcome));
        events
    }

    fn used(&mut self, note: &UsageNote) -> Vec<Event> {
        if !self.is_running(&note.turn_id) {
            // A resumed thread begins with the account of what came before.
            if self.steps_are_of_before() {
                self.steps.restored(&note.token_usage);
            }
            return Vec::new();
        }
        let mut events = Vec::new();
        if self.steps.reported(&note.token_usage) {
            events.push(Event::Stepped);
        }
        self.tool_runs = false;
        events.push(Event::Usage(self.steps.usage(false)));
        events
    }

    /// No turn of this run has begun yet.
    fn steps_are_of_before(&self) -> bool {
        self.plan.resumes.is_some() && !matches!(self.turn, Running::Turn(_))
    }

    fn went_wrong(&mut self, note: &ErrorNote) -> Vec<Event> {
        // What will not be tried again comes once more with the end of the turn.
        if !note.will_retry || !(note.turn_id.is_empty() || self.is_running(&note.turn_id)) {
            return Vec::new();
        }
        self.retries += 1;
        self.steps.repeated();
        let class = class_of(&note.error);
        let reason = match note.error.additional_details.as_str() {
            "" => &note.error.message,
            details => details,
        };
        // A login that was refused twice is not mended by asking again; a first time may be the
        // moment in which a token is renewed.
        let hopeless = match class {
            Some(FailureClass::NotLoggedIn) => self.retries > 1,
            Some(FailureClass::Network) => self.retries >= MANY_RETRIES,
            _ => false,
        };
        match class {
            Some(class) if hopeless => {
                let failure = told(class, reason);
                vec![self.failed(failure)]
            }
            _ => vec![Event::Retrying {
                reason: reason.to_owned(),
                attempt: attempt(&note.error.message).unwrap_or(self.retries),
                class,
            }],
        }
    }

    fn asked(&mut self, id: Value, method: &str, params: Value) -> Vec<Event> {
        match self.asks.received(id, method, params, &self.calls) {
            Asking::Asks(event) => vec![event],
            Asking::Answered(answer) => {
                self.replies.push(answer);
                Vec::new()
            }
        }
    }

    /// Tells the model why a call is about to be refused; the refusal itself takes no reason. A reading
    /// agent is refused in the moment it asks, when a message may cut off what else it writes.
    fn explain(&mut self, reason: &str) {
        if let (Running::Turn(turn), Some(thread)) = (&self.turn, &self.thread)
            && self.plan.may_be_answered()
            && !reason.is_empty()
        {
            let text = format!("[Your request for approval is denied: {reason}]");
            let params = json!({
                "threadId": thread,
                "expectedTurnId": turn,
                "input": input(&[&text]),
            });
            self.request(Sent::Other, "turn/steer", &params);
        }
    }

    fn note_refusal(&mut self, call: String) {
        if self.calls.contains_key(&call) {
            self.refused.insert(call);
        }
    }

    fn turn_ended(&mut self, turn: Turn) -> Vec<Event> {
        self.turn = Running::Nothing;
        // A late answer to its start must not be taken for that of the next turn.
        self.sent.retain(|_, sent| !matches!(sent, Sent::Turn));
        self.tool_runs = false;
        let interrupted = std::mem::take(&mut self.interrupting);
        if interrupted {
            self.mailbox.clear();
        }
        let sent = &self.sent;
        let arrived = self.mailbox.turn_ended(|letter| {
            let open = |sent: &Sent| matches!(sent, Sent::Steer(steer) if steer == letter);
            sent.values().any(open)
        });
        let mut events = delivered(arrived);
        let more_follows = !self.mailbox.is_empty();
        let end = match turn.status {
            TurnStatus::Completed => {
                self.ended = !more_follows;
                let text = last_text(turn.items).unwrap_or_else(|| std::mem::take(&mut self.text));
                Event::TurnEnded { text, more_follows }
            }
            TurnStatus::Interrupted => {
                self.ended = !more_follows;
                Event::TurnInterrupted { more_follows }
            }
            TurnStatus::Failed | TurnStatus::Unknown => {
                let failure = classify(&turn.error.unwrap_or_default());
                self.failed(failure)
            }
        };
        if !self.ended {
            self.begin_turn();
        }
        // Behind the end: exact figures must not call for a wrap-up of what is done already.
        events.extend([end, Event::Usage(self.steps.usage(true))]);
        events
    }

    /// The CLI has refused a request that everything depends on.
    fn refused_by_cli(&mut self, class: FailureClass, error: &RpcError) -> Event {
        self.failed(told(class, &error.message))
    }

    fn failed(&mut self, failure: Failure) -> Event {
        self.ended = true;
        Event::Failed(failure)
    }
}

impl Codec for Codex {
    fn send(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Prompt(text) => {
                self.mailbox.put(Message {
                    text,
                    steer: None,
                    when: When::AfterTurn,
                });
                let params = json!({
                    "clientInfo": {
                        "name": "ostler",
                        "title": "ostler",
                        "version": env!("CARGO_PKG_VERSION"),
                    },
                    "capabilities": {
                        // For the end of background commands.
                        "experimentalApi": true,
                        "optOutNotificationMethods": UNHEARD,
                    },
                });
                self.request(Sent::Initialize, "initialize", &params);
            }
            Command::Steer { id, text, when } => {
                self.ended = false;
                self.mailbox.put(Message {
                    text,
                    steer: Some(id),
                    when,
                });
                self.begin_turn();
                self.pass_on();
            }
            Command::Interrupt => {
                self.mailbox.clear();
                self.interrupting = !matches!(self.turn, Running::Nothing);
                self.interrupt();
            }
            Command::Answer { request, decision } => {
                if let Some((answer, refused)) = self.asks.answer(&request, &decision) {
                    if let (Some(_), Decision::Deny(reason)) = (&refused, &decision) {
                        self.explain(reason);
                    }
                    self.replies.push(answer);
                    if let Some(call) = refused {
                        self.note_refusal(call);
                    }
                }
            }
            Command::AskUsage => {}
            Command::Close => {
                // Whatever the end of the process looks like now, we asked for it.
                self.ended = true;
                self.replies.push(Input::Close);
            }
        }
        self.replies()
    }

    fn receive(&mut self, line: &str) -> Vec<Event> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        let Some(received) = wire::parse(line) else {
            let beginning = clip(line, 200).to_owned();
            self.noise.get_or_insert_with(|| beginning.clone());
            return vec![Event::Noise { line: beginning }];
        };
        self.understood = true;
        match received {
            Received::Response { id, outcome } => self.answered(id, outcome),
            Received::Request { id, method, params } => self.asked(id, &method, params),
            Received::Notification { method, params } => self.notified(&method, params),
        }
    }

    fn receive_cut(&mut self, beginning: &str, bytes: u64) -> Vec<Event> {
        // Else it would wait for the answer.
        if let Some(id) = cut_request(beginning) {
            let text = format!("the line of {bytes} bytes is too long");
            self.replies.push(Input::Line(wire::error(&id, &text)));
        }
        Vec::new()
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
                    "it does not speak the app-server protocol; it began with {noise:?} and ended \
                     with {exit}. Next: check `providers.{}.command`.",
                    self.plan.provider
                ),
            ),
            _ => Failure::new(
                FailureClass::Crashed,
                format!("codex ended without a result, with {exit}"),
            ),
        };
        vec![Event::Failed(failure)]
    }
}

/// Notifications that are large or come often, and tell us nothing. Pieces of texts and of outputs tell
/// that the child is alive.
const UNHEARD: [&str; 3] = [
    "account/rateLimits/updated",
    "thread/settings/updated",
    "turn/diff/updated",
];

fn delivered(receipts: Vec<(String, Arrival)>) -> Vec<Event> {
    let receipts = receipts.into_iter();
    receipts
        .map(|(id, how)| Event::SteerDelivered { id, how })
        .collect()
}

/// The text of the last message among the items of a turn.
fn last_text(items: Vec<Value>) -> Option<String> {
    items
        .into_iter()
        .rev()
        .find_map(|item| match wire::read(item)? {
            Item::AgentMessage { text } => Some(text),
            _ => None,
        })
}

/// The number in "Reconnecting... 2/5".
fn attempt(text: &str) -> Option<u32> {
    let (before, _) = text.split_once('/')?;
    before.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests;
