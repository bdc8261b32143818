//! Requests for permission, and the answers to them.

use serde_json::{Value, json};

use super::Acp;
use crate::providers::acp::calls::Asked;
use crate::providers::acp::wire::{self, list, text};
use crate::providers::{Decision, Event, FailureClass, Gate, Input};

/// JSON-RPC: there is no such method.
const NO_SUCH_METHOD: i64 = -32601;
/// Requests that may wait at once.
const ASKED_LIMIT: usize = 256;

/// A request that waits for our decision.
pub(super) struct Waiting {
    pub(super) id: Value,
    call: String,
    options: Vec<(String, String)>,
}

impl Acp {
    pub(super) fn requested(&mut self, id: Value, method: &str, params: &Value) -> Vec<Event> {
        if method == "initialize" {
            let text = "the program only repeats what it is told, which no agent does";
            return vec![self.fail(FailureClass::Protocol, text)];
        }
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

    pub(super) fn park(&mut self, waiting: Waiting, asked: Asked) -> Event {
        let request = waiting.id.to_string();
        self.asked.insert(request.clone(), waiting);
        Event::PermissionAsked {
            request,
            gate: Gate::Approval,
            call: asked.call,
            tool: asked.tool,
            input: asked.input,
            reach: asked.reach,
            files: asked.files,
        }
    }

    pub(super) fn decided(&mut self, request: &str, decision: &Decision) -> Vec<Input> {
        let Some(waiting) = self.asked.remove(request) else {
            return Vec::new();
        };
        let allowed = !matches!(decision, Decision::Deny(_));
        if !allowed {
            self.refuse(&waiting.call);
        }
        vec![waiting.answer(allowed)]
    }

    pub(super) fn refuse(&mut self, call: &str) {
        self.calls.refuse(call);
        if !self.calls.any_runs() {
            self.awaits_model = true;
        }
    }
}

impl Waiting {
    /// Chosen by the kind of an option; ids and their order are the agent's own.
    pub(super) fn answer(&self, allowed: bool) -> Input {
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

/// The answer when nobody decides any more.
pub(super) fn cancelled(id: &Value) -> Input {
    wire::answer(id, json!({ "outcome": { "outcome": "cancelled" } }))
}
