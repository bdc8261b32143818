//! How a session comes up: the greeting, the session itself, its model, and the end of the replay of
//! an old one.

use serde_json::{Value, json};

use super::Acp;
use crate::providers::acp::effort::EffortChoice;
use crate::providers::acp::failure;
use crate::providers::acp::mailbox::Mailbox;
use crate::providers::acp::models::ModelChoice;
use crate::providers::acp::quirks::ModelBy;
use crate::providers::acp::wire::{Refusal, text};
use crate::providers::{Conversation, Event, FailureClass, Input, InstructionSupport, role};

/// The protocol version spoken here.
const VERSION: u64 = 1;

/// How far the session has come, with the request that brings it further.
pub(super) enum Stage {
    Idle,
    Initializing(u64),
    Opening(u64),
    /// The replay of a loaded session may still be running; whether some of it came since the
    /// request was written.
    Settling(u64, bool),
    ChoosingModel(u64),
    ChoosingEffort(u64),
    Ready,
}

impl Acp {
    pub(super) fn initialize(&mut self, prompt: String) -> Vec<Input> {
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

    pub(super) fn initialized(&mut self, result: &Value) -> Vec<Event> {
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
                    self.replayed = Some(String::new());
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

    pub(super) fn opened(&mut self, result: &Value) -> Vec<Event> {
        let told = text(result, "sessionId");
        if !told.is_empty() {
            told.clone_into(&mut self.session);
        }
        if self.session.is_empty() {
            return vec![self.fail(FailureClass::Protocol, "the agent named no session")];
        }
        self.effort = EffortChoice::offered(result);
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
        self.choose_effort()
    }

    /// The last of what is chosen, for its levels depend on the model. An agent that offers no
    /// levels has none for this model.
    pub(super) fn choose_effort(&mut self) -> Vec<Event> {
        if let (Some(asked), Some(choice)) = (self.launch.effort, &self.effort)
            && let Some((method, params)) = choice.choose(&self.session, asked)
        {
            let (id, line) = self.request(method, params);
            self.stage = Stage::ChoosingEffort(id);
            self.replies.push(line);
            return Vec::new();
        }
        self.chosen()
    }

    pub(super) fn chosen(&mut self) -> Vec<Event> {
        let loaded = matches!(self.launch.conversation, Conversation::Continued { .. });
        if loaded && self.quirks.late_replay {
            self.settle();
            return Vec::new();
        }
        self.ready()
    }

    /// Asks something that costs nothing: once an answer comes without replay before it, the replay
    /// is over.
    pub(super) fn settle(&mut self) {
        let (id, line) = self.request("_ostler/settled", json!({}));
        self.stage = Stage::Settling(id, false);
        self.replies.push(line);
    }

    pub(super) fn ready(&mut self) -> Vec<Event> {
        self.stage = Stage::Ready;
        if let Some(model) = &self.model {
            self.answering.clone_from(model);
        }
        let role = self.role().to_owned();
        if let Some(prompt) = self.prompt.take() {
            self.write(Mailbox::first(role::in_front(&role, &prompt)));
        }
        self.replayed = None;
        self.pass_on();
        vec![Event::Started {
            session: self.session.clone(),
            model: self.answering.clone(),
        }]
    }

    /// The role that has to go in front of the prompt. An old session has it in its history, unless
    /// its replay shows that nothing of its first prompt was kept.
    fn role(&self) -> &str {
        let role = self.launch.instructions.trim();
        let by_prompt = self.quirks.capabilities.instructions == InstructionSupport::Prompt;
        let is_told = match (&self.launch.conversation, &self.replayed) {
            (Conversation::Fresh { .. }, _) => false,
            (Conversation::Continued { .. }, Some(said)) => said.contains(role),
            (Conversation::Continued { .. }, None) => true,
        };
        if by_prompt && !is_told { role } else { "" }
    }

    pub(super) fn answered(&mut self, id: u64, result: Result<Value, Refusal>) -> Vec<Event> {
        match self.stage {
            Stage::Initializing(ours) if ours == id => match result {
                Ok(result) => self.initialized(&result),
                Err(refusal) => vec![self.refused(&refusal)],
            },
            Stage::Opening(ours) if ours == id => match result {
                Ok(result) => self.opened(&result),
                Err(refusal) => {
                    let failure = match self.launch.conversation {
                        Conversation::Fresh { .. } => failure::classify(self.quirks, &refusal),
                        Conversation::Continued { .. } => {
                            failure::not_carried_on(self.quirks, &refusal)
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
            // It was offered; an agent that cannot do it after all goes on as it is.
            Stage::ChoosingEffort(ours) if ours == id => self.chosen(),
            Stage::ChoosingModel(ours) if ours == id => match result {
                Ok(result) => {
                    let offered = EffortChoice::offered(&result);
                    self.effort = offered.or(self.effort.take());
                    self.choose_effort()
                }
                Err(refusal) => {
                    let text = refusal.message.trim_start_matches("Invalid params: ");
                    vec![self.fail(FailureClass::BadModel, text)]
                }
            },
            Stage::Ready => self.prompt_answered(id, result),
            _ => Vec::new(),
        }
    }
}
