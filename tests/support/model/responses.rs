//! The OpenAI Responses API.

use serde_json::{Value, json};

use super::dialect::{Answer, Frame, Said, halves, list};
use super::reply::Block;

/// A response, and the events that stream it.
pub(super) fn answer(said: &Said) -> Answer {
    let id = format!("resp_{}", said.number);
    let response = |status: &str, output: Vec<Value>, usage: Value| {
        json!({
            "id": id, "object": "response", "model": said.model, "status": status,
            "output": output, "usage": usage,
        })
    };
    let created = response("in_progress", Vec::new(), Value::Null);
    let mut frames = vec![Frame::typed(
        json!({"type": "response.created", "response": created}),
    )];
    let mut output = Vec::new();
    for (index, block) in said.blocks.iter().enumerate() {
        let (start, deltas, whole) = pieces(block, said, index);
        let item = |state: &str, item: &Value| {
            let kind = format!("response.output_item.{state}");
            Frame::typed(json!({"type": kind, "output_index": index, "item": item}))
        };
        frames.push(item("added", &start));
        for mut delta in deltas {
            delta["item_id"] = whole["id"].clone();
            delta["output_index"] = json!(index);
            frames.push(Frame::typed(delta).delta());
        }
        frames.push(item("done", &whole));
        output.push(whole);
    }
    let whole = response("completed", output, usage(said));
    let completed = json!({"type": "response.completed", "response": whole});
    Answer {
        end: vec![Frame::typed(completed)],
        whole,
        frames,
    }
}

/// An output item: as it is announced, the deltas that fill it, and whole.
fn pieces(block: &Block, said: &Said, index: usize) -> (Value, Vec<Value>, Value) {
    let id = |prefix: &str| format!("{prefix}_{}_{index}", said.number);
    let start_of = |whole: &Value, emptied: &str, empty: Value| {
        let mut start = whole.clone();
        start[emptied] = empty;
        start["status"] = json!("in_progress");
        start
    };
    match block {
        Block::Text(text) => {
            let whole = json!({
                "type": "message", "id": id("msg"), "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            });
            let deltas = halves(text).map(|text| {
                json!({"type": "response.output_text.delta", "content_index": 0, "delta": text})
            });
            (
                start_of(&whole, "content", json!([])),
                deltas.to_vec(),
                whole,
            )
        }
        Block::Thought(text) => {
            let whole = json!({
                "type": "reasoning", "id": id("rs"), "encrypted_content": "scripted",
                "summary": [{"type": "summary_text", "text": text}],
            });
            let part = json!({"type": "summary_text", "text": ""});
            let deltas = vec![
                json!({
                    "type": "response.reasoning_summary_part.added",
                    "summary_index": 0, "part": part,
                }),
                json!({
                    "type": "response.reasoning_summary_text.delta",
                    "summary_index": 0, "delta": text,
                }),
            ];
            (start_of(&whole, "summary", json!([])), deltas, whole)
        }
        // A freeform tool, whose input is a text.
        Block::Tool { name, input } if input.is_string() => {
            let whole = json!({
                "type": "custom_tool_call", "id": id("ctc"), "call_id": id("call"),
                "name": name, "input": input, "status": "completed",
            });
            (start_of(&whole, "input", json!("")), Vec::new(), whole)
        }
        // The client searches, and offers what it found from then on.
        Block::Tool { name, input } if name == "tool_search" => {
            let whole = json!({
                "type": "tool_search_call", "id": id("ts"), "call_id": id("call"),
                "execution": "client", "arguments": input, "status": "completed",
            });
            (whole.clone(), Vec::new(), whole)
        }
        Block::Tool { name, input } => {
            let arguments = input.to_string();
            let mut whole = json!({
                "type": "function_call", "id": id("fc"), "call_id": id("call"),
                "name": name, "arguments": arguments, "status": "completed",
            });
            if let Some(namespace) = namespace(said.request, name) {
                whole["namespace"] = namespace;
            }
            let delta =
                json!({"type": "response.function_call_arguments.delta", "delta": arguments});
            let start = start_of(&whole, "arguments", json!(""));
            (start, vec![delta], whole)
        }
    }
}

/// The namespace in which the request offers a tool of that name; top-level tools have none. Tools
/// that the client found by a search are offered in the conversation.
fn namespace(request: &Value, name: &str) -> Option<Value> {
    let found = list(&request["input"]).flat_map(|item| list(&item["tools"]));
    let mut offered = list(&request["tools"]).chain(found);
    let holder = offered.find(|tool| list(&tool["tools"]).any(|tool| tool["name"] == name))?;
    Some(holder["name"].clone())
}

fn usage(said: &Said) -> Value {
    json!({
        "input_tokens": said.usage.input(),
        "input_tokens_details": {"cached_tokens": said.usage.cache_read},
        "output_tokens": said.usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.usage.total(),
    })
}

/// The event of a response that failed.
pub(super) fn failure(model: &str, error: &Value) -> Value {
    let response = json!({
        "id": "resp_failed", "object": "response", "model": model, "status": "failed",
        "output": [], "error": error,
    });
    json!({"type": "response.failed", "response": response})
}

/// The body of an HTTP error, the same in both APIs of OpenAI.
pub(super) fn error(status: u16, message: &str) -> Value {
    let (kind, code) = match status {
        400 => ("invalid_request_error", Value::Null),
        401 => ("invalid_request_error", json!("invalid_api_key")),
        403 => ("invalid_request_error", json!("unsupported_country")),
        404 => ("invalid_request_error", json!("model_not_found")),
        429 => ("requests", json!("rate_limit_exceeded")),
        503 => ("server_error", json!("server_is_overloaded")),
        _ => ("server_error", Value::Null),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}
