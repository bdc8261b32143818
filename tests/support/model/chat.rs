//! The OpenAI chat completions API, as compatible providers speak it.

use serde_json::{Value, json};

use super::dialect::{Answer, Frame, Said, halves};
use super::reply::Block;

/// A completion, and the chunks that stream it.
pub(super) fn answer(said: &Said) -> Answer {
    let id = format!("chatcmpl-{}", said.number);
    let chunk = |choices: Value| {
        json!({
            "id": id, "object": "chat.completion.chunk", "created": 0, "model": said.model,
            "choices": choices,
        })
    };
    let piece = |delta: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        Frame::plain(chunk(json!([choice])))
    };
    let finish_reason = match said.calls_tools() {
        true => "tool_calls",
        false => "stop",
    };

    let mut frames = vec![piece(json!({"role": "assistant", "content": ""}))];
    let (mut content, mut thoughts) = (String::new(), String::new());
    let mut calls = Vec::new();
    for block in &said.blocks {
        match block {
            Block::Text(text) => {
                content += text;
                let deltas = halves(text).map(|text| piece(json!({"content": text})).delta());
                frames.extend(deltas);
            }
            Block::Thought(text) => {
                thoughts += text;
                frames.push(piece(json!({"reasoning_content": text})).delta());
            }
            Block::Tool { name, input } => {
                let call = json!({
                    "id": format!("call_{}_{}", said.number, calls.len()), "type": "function",
                    "function": {"name": name, "arguments": input.to_string()},
                });
                let mut streamed = call.clone();
                streamed["index"] = json!(calls.len());
                frames.push(piece(json!({"tool_calls": [streamed]})).delta());
                calls.push(call);
            }
        }
    }

    let last = json!([{"index": 0, "delta": {}, "finish_reason": finish_reason}]);
    let mut counted = chunk(json!([]));
    counted["usage"] = usage(said);
    let done = Frame::plain("[DONE]");
    let mut message = json!({"role": "assistant", "content": content});
    if !thoughts.is_empty() {
        message["reasoning_content"] = json!(thoughts);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    Answer {
        whole: json!({
            "id": id, "object": "chat.completion", "created": 0, "model": said.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": usage(said),
        }),
        frames,
        end: vec![Frame::plain(chunk(last)), Frame::plain(counted), done],
    }
}

fn usage(said: &Said) -> Value {
    json!({
        "prompt_tokens": said.usage.input(),
        "prompt_tokens_details": {"cached_tokens": said.usage.cache_read},
        "completion_tokens": said.usage.output,
        "completion_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.usage.total(),
    })
}
