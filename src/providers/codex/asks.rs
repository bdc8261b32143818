//! Requests of the CLI that wait for an answer: approvals, and questions of the model. A refusal
//! takes no reason: the model is told only that there was one.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::calls::{self, Call, PATCH, SHELL};
use super::wire::{self, ApprovalAsked, Elicitation, InputAsked, Question};
use crate::providers::{Decision, Event, Gate, Input, Reach};

/// Requests that may wait at a time; a child that asks for more is refused.
const MANY: usize = 1000;

/// Requests that were not answered yet, by the name under which they are reported.
#[derive(Debug, Default)]
pub(super) struct Asks(HashMap<String, Asked>);

#[derive(Debug)]
struct Asked {
    id: Value,
    /// The call that it is about.
    call: String,
    form: Form,
}

/// In which form the answer is expected.
#[derive(Debug)]
enum Form {
    Decision,
    /// What was asked for is granted by repeating it.
    Permissions(Value),
    Elicitation,
    /// The ids of the questions.
    Words(Vec<String>),
}

/// What a request comes to.
pub(super) enum Asking {
    /// Somebody else decides.
    Asks(Event),
    /// Nobody needs to be asked.
    Answered(Input),
}

impl Asks {
    /// Takes up a request.
    pub(super) fn received(
        &mut self,
        id: Value,
        method: &str,
        params: Value,
        calls: &HashMap<String, Call>,
    ) -> Asking {
        let name = match &id {
            Value::String(id) => id.clone(),
            id => id.to_string(),
        };
        if self.0.len() >= MANY || self.0.contains_key(&name) {
            let text = "ostler has too many open requests, or one of that id";
            return Asking::Answered(Input::Line(wire::error(&id, text)));
        }
        let (form, event) = match method {
            "item/commandExecution/requestApproval" => {
                (Form::Decision, command(&name, params, calls))
            }
            "item/fileChange/requestApproval" => (Form::Decision, patch(&name, params, calls)),
            "item/permissions/requestApproval" => permissions(&name, params),
            "mcpServer/elicitation/request" => {
                let asked: Elicitation = wire::read(params).unwrap_or_default();
                // A server that wants a form filled in finds nobody there.
                if asked.meta.codex_approval_kind != "mcp_tool_call" {
                    let declined = json!({ "action": "decline" });
                    return Asking::Answered(Input::Line(wire::response(&id, &declined)));
                }
                (Form::Elicitation, mcp_tool(&name, asked, calls))
            }
            "item/tool/requestUserInput" => match wire::read::<InputAsked>(params) {
                Some(asked) => words(&name, asked.questions),
                None => return unknown(&id),
            },
            _ => return unknown(&id),
        };
        let call = match &event {
            Event::PermissionAsked { call, .. } => call.clone(),
            _ => String::new(),
        };
        let asked = Asked { id, call, form };
        self.0.insert(name, asked);
        Asking::Asks(event)
    }

    /// The answer to a request, and the call that it refuses.
    pub(super) fn answer(
        &mut self,
        request: &str,
        decision: &Decision,
    ) -> Option<(Input, Option<String>)> {
        let asked = self.0.remove(request)?;
        let answer = asked.answer(decision);
        let words = matches!(asked.form, Form::Words(_));
        let refused = (*decision != Decision::Allow && !words).then_some(asked.call);
        Some((answer, refused))
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The name of a request that the CLI has settled by itself, if it was open.
    pub(super) fn withdrawn(&mut self, id: &Value) -> Option<String> {
        let name = self
            .0
            .iter()
            .find(|(_, asked)| asked.id == *id)
            .map(|(name, _)| name.clone())?;
        self.0.remove(&name);
        Some(name)
    }
}

impl Asked {
    fn answer(&self, decision: &Decision) -> Input {
        let allowed = *decision == Decision::Allow;
        let result = match (&self.form, decision) {
            (Form::Decision, Decision::Allow) => json!({ "decision": "accept" }),
            (Form::Decision, _) => json!({ "decision": "decline" }),
            (Form::Permissions(asked), _) if allowed => {
                json!({ "permissions": asked, "scope": "turn" })
            }
            (Form::Permissions(_), _) => json!({ "permissions": {} }),
            (Form::Elicitation, _) if allowed => json!({ "action": "accept", "content": {} }),
            (Form::Elicitation, _) => json!({ "action": "decline" }),
            (Form::Words(questions), Decision::Reply(text) | Decision::Deny(text)) => {
                let answers: serde_json::Map<String, Value> = questions
                    .iter()
                    .map(|id| (id.clone(), json!({ "answers": [text] })))
                    .collect();
                json!({ "answers": answers })
            }
            (Form::Words(_), Decision::Allow) => json!({ "answers": {} }),
        };
        Input::Line(wire::response(&self.id, &result))
    }
}

fn unknown(id: &Value) -> Asking {
    let text = "ostler does not know this request";
    Asking::Answered(Input::Line(wire::error(id, text)))
}

fn command(request: &str, params: Value, calls: &HashMap<String, Call>) -> Event {
    let asked: ApprovalAsked = wire::read(params).unwrap_or_default();
    let input = match calls.get(&asked.item_id) {
        Some(call) => call.input.clone(),
        None => json!({ "command": calls::shell_line(&asked.command), "cwd": asked.cwd }),
    };
    Event::PermissionAsked {
        request: request.to_owned(),
        gate: Gate::Approval,
        call: asked.item_id,
        tool: SHELL.to_owned(),
        input: with_reason(input, &asked.reason),
        reach: Reach::Acts,
        files: Vec::new(),
    }
}

fn patch(request: &str, params: Value, calls: &HashMap<String, Call>) -> Event {
    let asked: ApprovalAsked = wire::read(params).unwrap_or_default();
    let call = calls.get(&asked.item_id);
    Event::PermissionAsked {
        request: request.to_owned(),
        gate: Gate::Approval,
        tool: PATCH.to_owned(),
        input: with_reason(
            call.map_or_else(|| json!({}), |call| call.input.clone()),
            &asked.reason,
        ),
        // Of a change that was not announced nobody knows what it writes.
        reach: match call {
            Some(_) => Reach::Edits,
            None => Reach::Acts,
        },
        files: call.map(|call| call.writes.clone()).unwrap_or_default(),
        call: asked.item_id,
    }
}

fn permissions(request: &str, params: Value) -> (Form, Event) {
    let asked: ApprovalAsked = wire::read(params).unwrap_or_default();
    let event = Event::PermissionAsked {
        request: request.to_owned(),
        gate: Gate::Approval,
        call: asked.item_id,
        tool: "request_permissions".to_owned(),
        input: with_reason(json!({ "permissions": asked.permissions }), &asked.reason),
        reach: Reach::Acts,
        files: Vec::new(),
    };
    (Form::Permissions(asked.permissions), event)
}

fn mcp_tool(request: &str, asked: Elicitation, calls: &HashMap<String, Call>) -> Event {
    let tool = calls::mcp_tool(&asked.server_name, &asked.meta.tool_name);
    let call = calls.values().find(|call| call.name == tool);
    Event::PermissionAsked {
        request: request.to_owned(),
        gate: Gate::Approval,
        call: call.map(|call| call.id.clone()).unwrap_or_default(),
        tool,
        input: asked.meta.tool_params,
        reach: Reach::Acts,
        files: Vec::new(),
    }
}

fn words(request: &str, questions: Vec<Question>) -> (Form, Event) {
    let text = questions.iter().map(|question| {
        let choices = question
            .options
            .iter()
            .map(|choice| match choice.description.is_empty() {
                true => format!("\n- {}", choice.label),
                false => format!("\n- {}: {}", choice.label, choice.description),
            });
        format!("{}{}", question.question, choices.collect::<String>())
    });
    let event = Event::QuestionAsked {
        request: request.to_owned(),
        question: text.collect::<Vec<_>>().join("\n\n"),
    };
    (
        Form::Words(questions.into_iter().map(|q| q.id).collect()),
        event,
    )
}

fn with_reason(mut input: Value, reason: &str) -> Value {
    if let (Some(input), false) = (input.as_object_mut(), reason.is_empty()) {
        input.insert("reason".to_owned(), json!(reason));
    }
    input
}
