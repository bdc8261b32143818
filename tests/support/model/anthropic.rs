//! The Anthropic Messages API.

use serde_json::{Value, json};

use super::dialect::{Answer, Frame, Said, halves};
use super::reply::Block;

/// A message, and the events that stream it.
pub(super) fn answer(said: &Said) -> Answer {
    let number = said.number;
    let usage = |output: u64| {
        json!({
            "input_tokens": said.usage.fresh,
            "cache_creation_input_tokens": said.usage.cache_written,
            "cache_read_input_tokens": said.usage.cache_read,
            "output_tokens": output,
        })
    };
    let message = |content: Value, stop_reason: Value, output: u64| {
        json!({
            "id": format!("msg_{number}"), "type": "message", "role": "assistant",
            "model": said.model, "content": content, "usage": usage(output),
            "stop_reason": stop_reason, "stop_sequence": null,
        })
    };
    let stop_reason = match said.calls_tools() {
        true => "tool_use",
        false => "end_turn",
    };

    let start = message(json!([]), Value::Null, 1);
    let mut frames = vec![Frame::typed(
        json!({"type": "message_start", "message": start}),
    )];
    let mut content = Vec::new();
    for (index, block) in said.blocks.iter().enumerate() {
        let id = format!("toolu_{number}_{index}");
        let (start, deltas, whole) = pieces(block, &id);
        frames.push(Frame::typed(json!({
            "type": "content_block_start", "index": index, "content_block": start,
        })));
        frames.extend(deltas.into_iter().map(|delta| {
            let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
            Frame::typed(event).delta()
        }));
        let stop = json!({"type": "content_block_stop", "index": index});
        frames.push(Frame::typed(stop));
        content.push(whole);
    }
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
    let output = said.usage.output;
    let last = json!({"type": "message_delta", "delta": delta, "usage": usage(output)});
    Answer {
        whole: message(content.into(), stop_reason.into(), output),
        frames,
        end: vec![
            Frame::typed(last),
            Frame::typed(json!({"type": "message_stop"})),
        ],
    }
}

/// A content block: empty, the deltas that fill it, and whole.
fn pieces(block: &Block, id: &str) -> (Value, Vec<Value>, Value) {
    match block {
        Block::Text(text) => (
            json!({"type": "text", "text": ""}),
            halves(text)
                .map(|text| json!({"type": "text_delta", "text": text}))
                .to_vec(),
            json!({"type": "text", "text": text}),
        ),
        Block::Thought(text) => (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            vec![
                json!({"type": "thinking_delta", "thinking": text}),
                json!({"type": "signature_delta", "signature": "scripted"}),
            ],
            json!({"type": "thinking", "thinking": text, "signature": "scripted"}),
        ),
        Block::Tool { name, input } => (
            json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
            vec![json!({"type": "input_json_delta", "partial_json": input.to_string()})],
            json!({"type": "tool_use", "id": id, "name": name, "input": input}),
        ),
    }
}

/// The body of an HTTP error.
pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "request_id": "req_scripted", "error": error})
}
