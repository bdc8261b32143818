//! Lines of the protocol to events, commands to lines. Holds what the protocol needs to remember
//! and nothing else.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::calls::{Asked, Calls};
use super::failure;
use super::mailbox::{Answered, Breaking, Mailbox, Outgoing};
use super::models::ModelChoice;
use super::quirks::{ModelBy, Quirks};
use super::speech::Speech;
use super::usage::{self, Account};
use super::wire::{self, Received, Refusal, list, text};
use crate::config::AcpProvider;
use crate::providers::{
    Codec, Command, Conversation, Decision, Event, Exit, Failure, FailureClass, Gate, Input,
    Launch, McpServer, clip,
};

/// The protocol version spoken here.
const VERSION: u64 = 1;
/// JSON-RPC: there is no such method.
const NO_SUCH_METHOD: i64 = -32601;
/// JSON-RPC: the request is no good.
const BAD_REQUEST: i64 = -32600;
/// Requests for permission that may wait at once.
const ASKED_LIMIT: usize = 256;

pub(super) struct Acp {
    quirks: &'static Quirks,
    launch: Launch,
    model: Option<String>,
    servers: Value,
    stage: Stage,
    session: String,
    /// The model that answers, as far as the agent says.
    answering: String,
    requests: u64,
    prompt: Option<String>,
    mail: Mailbox,
    calls: Calls,
    account: Account,
    /// Requests for permission that wait for our decision.
    asked: HashMap<String, Waiting>,
    speech: Speech,
    /// The next sign of the model begins a step.
    awaits_model: bool,
    over: bool,
    understood: bool,
    noise: Option<String>,
    replies: Vec<Input>,
}

/// How far the session has come, with the request that brings it further.
enum Stage {
    Idle,
    Initializing(u64),
    Opening(u64),
    /// The replay of a loaded session may still be running; whether some of it came since the
    /// request was written.
    Settling(u64, bool),
    ChoosingModel(u64),
    Ready,
}

struct Waiting {
    id: Value,
    call: String,
    options: Vec<(String, String)>,
}

impl Acp {
    pub(super) fn new(
        quirks: &'static Quirks,
        config: &AcpProvider,
        launch: &Launch,
        servers: &[McpServer],
    ) -> Self {
        let model = launch.model.as_ref().or(config.model.as_ref());
        let continued = matches!(launch.conversation, Conversation::Continued { .. });
        let list = servers.iter().map(|server| {
            let env = server.env.iter();
            let env: Vec<Value> = env
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
            json!({
                "name": server.name, "command": server.command, "args": server.args, "env": env,
            })
        });
        Self {
            quirks,
            launch: launch.clone(),
            model: model.cloned(),
            servers: list.collect(),
            stage: Stage::Idle,
            session: String::new(),
            answering: String::new(),
            requests: 0,
            prompt: None,
            mail: Mailbox::new(quirks.joins, quirks.forgets),
            calls: Calls::new(quirks, servers),
            account: Account::new(quirks, continued),
            asked: HashMap::new(),
            speech: Speech::default(),
            awaits_model: true,
            over: false,
            understood: false,
            noise: None,
            replies: Vec::new(),
        }
    }

    fn request(&mut self, method: &str, params: Value) -> (u64, Input) {
        self.requests += 1;
        (self.requests, wire::request(self.requests, method, params))
    }

    // --- The session comes up -----------------------------------------------------------------

    fn initialize(&mut self, prompt: String) -> Vec<Input> {
        self.prompt = Some(prompt);
        // Files and terminals stay the agent's own business.
        let capabilities = json!({
            "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false,
        });
        let (id, line) = self.request(
            "initialize",
            json!({
                "protocolVersion": VERSION,
                "clientCapabilities": capabilities,
                "clientInfo": { "name": "ostler", "version": env!("CARGO_PKG_VERSION") },
            }),
        );
        self.stage = Stage::Initializing(id);
        vec![line]
    }

    fn initialized(&mut self, result: &Value) -> Vec<Event> {
        let version = result.get("protocolVersion").and_then(Value::as_u64);
        if version != Some(VERSION) {
            let version = result.get("protocolVersion").unwrap_or(&Value::Null);
            let text = format!("the agent speaks version {version} of the protocol, not {VERSION}");
            return vec![self.fail(FailureClass::Protocol, &text)];
        }
        let (cwd, servers) = (&self.launch.cwd, &self.servers);
        let mut params = json!({ "cwd": cwd, "mcpServers": servers });
        let method = match &self.launch.conversation {
            Conversation::Fresh { .. } => "session/new",
            Conversation::Continued { from, .. } => {
                self.session.clone_from(from);
                params = json!({ "sessionId": from, "cwd": cwd, "mcpServers": servers });
                let can = |pointer: &str| {
                    let told = result.pointer(pointer);
                    told.is_some_and(|can| !matches!(can, Value::Null | Value::Bool(false)))
                };
                // Resuming does not replay what was said.
                if can("/agentCapabilities/sessionCapabilities/resume") {
                    "session/resume"
                } else if can("/agentCapabilities/loadSession") {
                    "session/load"
                } else {
                    let text = "the agent cannot carry on a session";
                    return vec![self.fail(FailureClass::SessionLost, text)];
                }
            }
        };
        let (id, line) = self.request(method, params);
        self.stage = Stage::Opening(id);
        self.replies.push(line);
        Vec::new()
    }

    fn opened(&mut self, result: &Value) -> Vec<Event> {
        let told = text(result, "sessionId");
        if !told.is_empty() {
            told.clone_into(&mut self.session);
        }
        if self.session.is_empty() {
            return vec![self.fail(FailureClass::Protocol, "the agent named no session")];
        }
        let choice = ModelChoice::offered(result);
        self.answering = choice.current(result);
        if self.quirks.model == ModelBy::Protocol
            && let Some(model) = self.model.clone()
        {
            let Some((method, params)) = choice.choose(&self.session, &model) else {
                let text = "the agent offers no choice of models";
                return vec![self.fail(FailureClass::BadModel, text)];
            };
            let (id, line) = self.request(method, params);
            self.stage = Stage::ChoosingModel(id);
            self.replies.push(line);
            return Vec::new();
        }
        let loaded = matches!(self.launch.conversation, Conversation::Continued { .. });
        if loaded && self.quirks.late_replay {
            self.settle();
            return Vec::new();
        }
        self.ready()
    }

    /// Asks something that costs nothing: once an answer comes without replay before it, the replay
    /// is over.
    fn settle(&mut self) {
        let (id, line) = self.request("_ostler/settled", json!({}));
        self.stage = Stage::Settling(id, false);
        self.replies.push(line);
    }

    fn ready(&mut self) -> Vec<Event> {
        self.stage = Stage::Ready;
        if let Some(model) = &self.model {
            self.answering.clone_from(model);
        }
        if let Some(prompt) = self.prompt.take() {
            self.write(Mailbox::first(prompt));
        }
        self.pass_on();
        vec![Event::Started {
            session: self.session.clone(),
            model: self.answering.clone(),
        }]
    }

    // --- Prompts ------------------------------------------------------------------------------

    fn write(&mut self, outgoing: Outgoing) {
        let texts: Vec<String> = outgoing.texts.iter().map(|text| self.plain(text)).collect();
        let params = json!({ "sessionId": self.session, "prompt": wire::prompt(&texts) });
        let (id, line) = self.request("session/prompt", params);
        if !self.mail.is_running() {
            self.awaits_model = true;
        }
        self.mail.wrote(id, outgoing, self.awaits_model);
        self.over = false;
        self.replies.push(line);
    }

    /// A text that cannot be taken for a command to the program.
    fn plain(&self, text: &str) -> String {
        if text.trim_start().starts_with(self.quirks.commands) {
            format!("The message is: {text}")
        } else {
            text.to_owned()
        }
    }

    /// Writes what is held and may go now.
    fn pass_on(&mut self) {
        if !matches!(self.stage, Stage::Ready) {
            return;
        }
        if self.mail.wants_break() {
            self.break_off(Breaking::ForMessage);
        }
        while let Some(outgoing) = self.mail.next() {
            self.write(outgoing);
        }
    }

    fn break_off(&mut self, why: Breaking) {
        let was = self.mail.breaking();
        self.mail.break_off(why);
        if was.is_some() || !self.mail.is_running() {
            return;
        }
        // An agent may wait for these before it takes notice of anything else.
        for (_, waiting) in self.asked.drain() {
            self.replies.push(cancelled(&waiting.id));
        }
        let params = json!({ "sessionId": self.session });
        self.replies
            .push(wire::notification("session/cancel", params));
    }

    fn prompt_answered(&mut self, id: u64, result: Result<Value, Refusal>) -> Vec<Event> {
        let broken = self.mail.breaking().is_some();
        let result = match result {
            Ok(result) => result,
            // What a broken turn stumbles over does not matter.
            Err(_) if broken => json!({ "stopReason": "cancelled" }),
            Err(refusal) => return self.prompt_failed(id, &refusal),
        };
        let reason = text(&result, "stopReason");
        let how = match reason {
            "cancelled" => Answered::Cancelled,
            _ => Answered::Ended,
        };
        let Some(delivered) = self.mail.answered(id, how) else {
            return Vec::new();
        };
        let mut events = self.turn_closes();
        let whole = how == Answered::Ended;
        let usage = self.account.prompt_ended(&result, whole);
        let usage = usage.map(Event::Usage);
        let lost = self.quirks.empty_is_lost && usage::is_empty(&result);
        match reason {
            "end_turn" if lost => {
                let text = "the model's answer broke off, or was withheld";
                events.push(self.fail(FailureClass::Overloaded, text));
            }
            "end_turn" => {
                events.extend(delivered);
                let more_follows = self.mail.has_more();
                self.over = !more_follows;
                let text = match self.awaits_model {
                    true => String::new(),
                    false => std::mem::take(&mut self.speech.answer),
                };
                events.push(Event::TurnEnded { text, more_follows });
            }
            "cancelled" => {
                let more_follows = self.mail.has_more();
                self.over = !more_follows;
                events.push(Event::TurnInterrupted { more_follows });
            }
            "max_turn_requests" => {
                self.over = true;
                let limit = "max_turns".to_owned();
                events.push(Event::LimitReached { limit });
            }
            "max_tokens" => {
                let text = "the agent stopped at the model's limit of tokens";
                events.push(self.fail(FailureClass::ContextFull, text));
            }
            "refusal" => {
                events.push(self.fail(FailureClass::Other, "the model refuses to go on"));
            }
            other => {
                let text = format!("the agent ended the turn for an unknown reason, {other:?}");
                events.push(self.fail(FailureClass::Protocol, &text));
            }
        }
        // Behind the end: exact figures must not call for a wrap-up of what is done already.
        events.extend(usage);
        self.pass_on();
        events
    }

    fn prompt_failed(&mut self, id: u64, refusal: &Refusal) -> Vec<Event> {
        if self.mail.answered(id, Answered::Cancelled).is_none() {
            return Vec::new();
        }
        let mut events = self.turn_closes();
        events.push(self.refused(refusal));
        events
    }

    /// What ends with a turn.
    fn turn_closes(&mut self) -> Vec<Event> {
        let mut events = self.speech.flush();
        if self.mail.is_running() {
            return events;
        }
        events.extend(self.calls.settle(true));
        self.asked.clear();
        events
    }

    // --- What the agent does ------------------------------------------------------------------

    fn update(&mut self, params: &Value) -> Vec<Event> {
        let Some(update) = params.get("update") else {
            return Vec::new();
        };
        let kind = text(update, "sessionUpdate");
        let is_speech = matches!(
            kind,
            "user_message_chunk" | "agent_message_chunk" | "agent_thought_chunk" | "tool_call"
        );
        match &mut self.stage {
            Stage::Ready => {}
            Stage::Settling(_, replayed) => {
                *replayed |= is_speech;
                return Vec::new();
            }
            // A replay, or nothing that matters.
            _ => return Vec::new(),
        }
        // Sessions of the agent's own making are its business.
        if !text(params, "sessionId").is_empty() && text(params, "sessionId") != self.session {
            return Vec::new();
        }
        let content = update.get("content").unwrap_or(&Value::Null);
        match kind {
            "agent_message_chunk" => {
                self.said(wire::block_text(content), text(update, "messageId"))
            }
            "agent_thought_chunk" => {
                let mut events = self.begins();
                self.speech.thinks(wire::block_text(content), &mut events);
                events
            }
            "tool_call" | "tool_call_update" => self.called(update),
            "usage_update" => {
                let usage = self.account.session_costs(update);
                usage.map(Event::Usage).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn said(&mut self, said: &str, message: &str) -> Vec<Event> {
        let fake = self.quirks.fake_text;
        if said.is_empty() || fake.is_some_and(|fake| said.starts_with(fake)) {
            return Vec::new();
        }
        let other = !message.is_empty()
            && !self.speech.message.is_empty()
            && message != self.speech.message;
        self.awaits_model |= other;
        let mut events = self.begins();
        message.clone_into(&mut self.speech.message);
        self.speech.says(said, &mut events);
        events
    }

    fn called(&mut self, update: &Value) -> Vec<Event> {
        let mut events = Vec::new();
        if !self.calls.is_known(update) {
            events = self.call_begins(update);
        }
        let ran = self.calls.any_runs();
        events.extend(self.speech.flush());
        events.extend(self.calls.update(update));
        if ran && !self.calls.any_runs() {
            self.awaits_model = true;
        }
        events
    }

    /// The step of a call that was not heard of before.
    fn call_begins(&mut self, update: &Value) -> Vec<Event> {
        let id = text(update, "toolCallId");
        let place = id
            .rsplit('_')
            .next()
            .and_then(|place| place.parse::<u16>().ok());
        if self.quirks.numbers_calls && place.is_some_and(|place| place > 0) {
            self.awaits_model = false;
        }
        self.begins()
    }

    /// A sign of the model: the first of a step begins the step.
    fn begins(&mut self) -> Vec<Event> {
        if !std::mem::take(&mut self.awaits_model) {
            return Vec::new();
        }
        let mut events = self.speech.flush();
        events.extend(self.calls.settle(false));
        self.speech = Speech::default();
        events.extend(self.mail.stepped());
        events.push(Event::Stepped);
        events
    }

    fn requested(&mut self, id: Value, method: &str, params: &Value) -> Vec<Event> {
        if method != "session/request_permission" {
            let text = "ostler does not know this request";
            self.replies.push(wire::refusal(&id, NO_SUCH_METHOD, text));
            return Vec::new();
        }
        let call = params.get("toolCall").unwrap_or(&Value::Null);
        let mut events = Vec::new();
        if !self.calls.is_known(call) {
            events = self.call_begins(call);
        }
        events.extend(self.speech.flush());
        let (reported, asked) = self.calls.ask(call);
        events.extend(reported);
        let options = list(params, "options").iter();
        let options = options.map(|option| {
            let member = |key| text(option, key).to_owned();
            (member("kind"), member("optionId"))
        });
        let waiting = Waiting {
            id,
            call: asked.call.clone(),
            options: options.collect(),
        };
        if self.mail.breaking().is_some() || self.asked.len() >= ASKED_LIMIT {
            self.replies.push(cancelled(&waiting.id));
            self.calls.refuse(&asked.call);
        } else if asked.is_own {
            self.replies.push(waiting.answer(true));
        } else if self.quirks.refused.contains(&asked.tool.as_str()) {
            self.replies.push(waiting.answer(false));
            self.refuse(&asked.call);
            events.push(Event::Denied {
                call: asked.call,
                tool: asked.tool,
            });
        } else {
            events.push(self.park(waiting, asked));
        }
        events
    }

    fn park(&mut self, waiting: Waiting, asked: Asked) -> Event {
        let request = waiting.id.to_string();
        self.asked.insert(request.clone(), waiting);
        Event::PermissionAsked {
            request,
            gate: Gate::Approval,
            call: asked.call,
            tool: asked.tool,
            input: asked.input,
            reach: asked.reach,
            writes: asked.writes,
        }
    }

    fn decided(&mut self, request: &str, decision: &Decision) -> Vec<Input> {
        let Some(waiting) = self.asked.remove(request) else {
            return Vec::new();
        };
        let allowed = !matches!(decision, Decision::Deny(_));
        if !allowed {
            self.refuse(&waiting.call);
        }
        vec![waiting.answer(allowed)]
    }

    fn refuse(&mut self, call: &str) {
        self.calls.refuse(call);
        if !self.calls.any_runs() {
            self.awaits_model = true;
        }
    }

    fn notified(&mut self, method: &str, params: &Value) -> Vec<Event> {
        match method {
            "session/update" => self.update(params),
            "$/cancel_request" => {
                let request = params.get("requestId").or_else(|| params.get("id"));
                let request = request.map(Value::to_string).unwrap_or_default();
                match self.asked.remove(&request) {
                    Some(_) => vec![Event::PermissionWithdrawn { request }],
                    None => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    fn answered(&mut self, id: u64, result: Result<Value, Refusal>) -> Vec<Event> {
        match self.stage {
            Stage::Initializing(ours) if ours == id => match result {
                Ok(result) => self.initialized(&result),
                Err(refusal) => vec![self.refused(&refusal)],
            },
            Stage::Opening(ours) if ours == id => match result {
                Ok(result) => self.opened(&result),
                Err(refusal) => {
                    let failure = failure::classify(self.quirks, &refusal);
                    let fresh = matches!(self.launch.conversation, Conversation::Fresh { .. });
                    let failure = match failure.class {
                        _ if fresh => failure,
                        FailureClass::NotLoggedIn => failure,
                        _ => {
                            let text =
                                format!("the session cannot be carried on: {}", failure.message);
                            failure::new(self.quirks, FailureClass::SessionLost, &text)
                        }
                    };
                    vec![self.failed(failure)]
                }
            },
            Stage::Settling(ours, replayed) if ours == id => {
                if replayed {
                    self.settle();
                    return Vec::new();
                }
                self.ready()
            }
            Stage::ChoosingModel(ours) if ours == id => match result {
                Ok(_) => self.ready(),
                Err(refusal) => {
                    let text = refusal.message.trim_start_matches("Invalid params: ");
                    vec![self.fail(FailureClass::BadModel, text)]
                }
            },
            Stage::Ready => self.prompt_answered(id, result),
            _ => Vec::new(),
        }
    }

    fn refused(&mut self, refusal: &Refusal) -> Event {
        let failure = failure::classify(self.quirks, refusal);
        self.failed(failure)
    }

    fn fail(&mut self, class: FailureClass, text: &str) -> Event {
        let failure = failure::new(self.quirks, class, text);
        self.failed(failure)
    }

    fn failed(&mut self, failure: Failure) -> Event {
        self.over = true;
        Event::Failed(failure)
    }
}

impl Codec for Acp {
    fn send(&mut self, command: Command) -> Vec<Input> {
        match command {
            Command::Prompt(text) => return self.initialize(text),
            Command::Steer { id, text, when } => {
                self.mail.hold(id, text, when);
                self.pass_on();
            }
            Command::Interrupt => self.break_off(Breaking::ToEnd),
            Command::Answer { request, decision } => return self.decided(&request, &decision),
            Command::AskUsage => {}
            Command::Close => {
                // Whatever the end of the process looks like now, we asked for it.
                self.over = true;
                return vec![Input::Close];
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
            Received::Request { id, method, params } => self.requested(id, &method, &params),
            Received::Notification { method, params } => self.notified(&method, &params),
            Received::Response { id, result } => self.answered(id, result),
        }
    }

    fn receive_cut(&mut self, beginning: &str, bytes: u64) -> Vec<Event> {
        if let Some(id) = wire::cut_request(beginning) {
            let text = format!("the line of {bytes} bytes is too long");
            self.replies.push(wire::refusal(&id, BAD_REQUEST, &text));
        }
        Vec::new()
    }

    fn replies(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.replies)
    }

    fn exited(&mut self, exit: &Exit) -> Vec<Event> {
        if std::mem::replace(&mut self.over, true) {
            return Vec::new();
        }
        let name = self.quirks.name;
        let (class, text) = match &self.noise {
            Some(noise) if !self.understood => (
                FailureClass::Protocol,
                format!(
                    "{name} does not speak the Agent Client Protocol; it began with {noise:?} and \
                     ended with {exit}"
                ),
            ),
            _ => (
                FailureClass::Crashed,
                format!("{name} ended in the middle of its work, with {exit}"),
            ),
        };
        vec![self.fail(class, &text)]
    }
}

impl Waiting {
    /// Chosen by the kind of an option; ids and their order are the agent's own.
    fn answer(&self, allowed: bool) -> Input {
        let kinds = match allowed {
            true => ["allow_once", "allow_always"],
            false => ["reject_once", "reject_always"],
        };
        let chosen = kinds
            .iter()
            .find_map(|kind| self.options.iter().find(|(offered, _)| offered == kind));
        match chosen {
            Some((_, option)) => {
                let outcome = json!({ "outcome": "selected", "optionId": option });
                wire::answer(&self.id, json!({ "outcome": outcome }))
            }
            None => cancelled(&self.id),
        }
    }
}

fn cancelled(id: &Value) -> Input {
    wire::answer(id, json!({ "outcome": { "outcome": "cancelled" } }))
}

#[cfg(test)]
mod tests;
