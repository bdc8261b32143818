//! Lines of the protocol to events, commands to lines. Holds what the protocol needs to remember
//! and nothing else.

mod asking;
mod opening;
mod prompting;

use std::collections::HashMap;

use serde_json::{Value, json};

use super::calls::Calls;
use super::effort::EffortChoice;
use super::failure;
use super::mailbox::{Breaking, Mailbox};
use super::quirks::Quirks;
use super::speech::Speech;
use super::usage::Account;
use super::wire::{self, Received, Refusal, text};
use crate::config::AcpProvider;
use crate::providers::lines::cut_request;
use crate::providers::{
    Codec, Command, Conversation, Event, Exit, Failure, FailureClass, Input, Launch, McpServer,
    clip,
};
use asking::Waiting;
use opening::Stage;

/// How much is kept of a replay, in which the role stands early.
const REPLAY_LIMIT: usize = 1024 * 1024;
/// JSON-RPC: the request is no good.
const BAD_REQUEST: i64 = -32600;

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
    /// What the agent lets choose of its model's effort.
    effort: Option<EffortChoice>,
    /// What the user said in the replay of an old session; `None` when there is no replay.
    replayed: Option<String>,
    mail: Mailbox,
    calls: Calls,
    account: Account,
    /// Requests for permission that wait for our decision.
    asked: HashMap<String, Waiting>,
    /// Those of them that were answered with the end of their turn, which is not told yet.
    withdrawn: Vec<String>,
    speech: Speech,
    /// The next sign of the model begins a step.
    awaits_model: bool,
    over: bool,
    understood: bool,
    noise: Option<String>,
    replies: Vec<Input>,
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
            effort: None,
            replayed: None,
            mail: Mailbox::new(quirks.joins, quirks.forgets),
            calls: Calls::new(quirks, servers),
            account: Account::new(quirks, continued),
            asked: HashMap::new(),
            withdrawn: Vec::new(),
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

    fn update(&mut self, params: &Value) -> Vec<Event> {
        let Some(update) = params.get("update") else {
            return Vec::new();
        };
        let kind = text(update, "sessionUpdate");
        let is_speech = matches!(
            kind,
            "user_message_chunk" | "agent_message_chunk" | "agent_thought_chunk" | "tool_call"
        );
        if let Some(said) = &mut self.replayed
            && kind == "user_message_chunk"
        {
            let chunk = update.get("content").unwrap_or(&Value::Null);
            wire::push(said, wire::block_text(chunk), REPLAY_LIMIT);
        }
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
                // It comes with the end of the turn: what is done must not be told to wrap up.
                let early = self.quirks.cost_ends_turn && self.mail.is_running();
                let usage = usage.filter(|_| !early);
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
        let broken = self.mail.breaking().is_some();
        events.extend(self.calls.update(update, broken));
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
        if let Some(id) = cut_request(beginning) {
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
            // What never answered is more often the wrong program than a broken one.
            None if !self.understood => (
                FailureClass::Protocol,
                format!("{name} left before it said anything, with {exit}"),
            ),
            _ => (
                FailureClass::Crashed,
                format!("{name} ended in the middle of its work, with {exit}"),
            ),
        };
        vec![self.fail(class, &text)]
    }
}

#[cfg(test)]
mod tests;
