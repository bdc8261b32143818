//! JSON-RPC lines: what comes in, sorted by its shape and otherwise left as it is, and what goes
//! out. Every agent adds members of its own, so nothing here is strict.

use serde_json::{Value, json};

use crate::providers::Input;

/// Longest text taken from one place of a message.
const TEXT_LIMIT: usize = 1024 * 1024;

/// A line of the agent.
pub(super) enum Received {
    /// It wants an answer.
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    Notification {
        method: String,
        params: Value,
    },
    /// It answers one of our requests.
    Response {
        id: u64,
        result: Result<Value, Refusal>,
    },
}

/// An error as JSON-RPC has it.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Value,
}

/// What a line is; `None` when it is not of this protocol.
pub(super) fn parse(line: &str) -> Option<Received> {
    let Ok(Value::Object(mut message)) = serde_json::from_str(line) else {
        return None;
    };
    let id = message.remove("id").filter(|id| !id.is_null());
    if let Some(Value::String(method)) = message.remove("method") {
        let params = message.remove("params").unwrap_or_default();
        return Some(match id {
            Some(id) => Received::Request { id, method, params },
            None => Received::Notification { method, params },
        });
    }
    let result = match (message.remove("result"), message.remove("error")) {
        (_, Some(error)) if !error.is_null() => Err(Refusal {
            code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
            message: text(&error, "message").to_owned(),
            data: error.get("data").cloned().unwrap_or_default(),
        }),
        (Some(result), _) => Ok(result),
        (None, _) => return None,
    };
    Some(Received::Response {
        id: id?.as_u64()?,
        result,
    })
}

pub(super) fn request(id: u64, method: &str, params: Value) -> Input {
    line(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

pub(super) fn notification(method: &str, params: Value) -> Input {
    line(json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

pub(super) fn answer(id: &Value, result: Value) -> Input {
    line(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

pub(super) fn refusal(id: &Value, code: i64, message: &str) -> Input {
    let error = json!({ "code": code, "message": message });
    line(json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

fn line(message: Value) -> Input {
    Input::Line(message.to_string())
}

/// A member that is a string, else nothing.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list; none when it is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The text of a content block.
pub(super) fn block_text(block: &Value) -> &str {
    text(block, "text")
}

/// The text in the content of a tool call.
pub(super) fn call_text(update: &Value) -> String {
    let mut all = String::new();
    for content in list(update, "content") {
        let part = content.get("content").map(block_text).unwrap_or_default();
        push(&mut all, part, TEXT_LIMIT);
    }
    all
}

/// Adds what of `more` fits below `limit`.
pub(super) fn push(all: &mut String, more: &str, limit: usize) {
    all.push_str(crate::providers::clip(
        more,
        limit.saturating_sub(all.len()),
    ));
}

/// Text blocks of a prompt.
pub(super) fn prompt(texts: &[String]) -> Value {
    let blocks = texts
        .iter()
        .map(|text| json!({ "type": "text", "text": text }));
    Value::Array(blocks.collect())
}
