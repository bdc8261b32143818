//! The Gemini API.

use serde_json::{Map, Value, json};

use super::dialect::{Answer, Frame, Said, halves, list, text};
use super::reply::Block;

/// The model, and whether the answer is streamed: `.../models/<model>:<verb>`.
pub(super) fn addressed(path: &str) -> (String, bool) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let (model, verb) = name.split_once(':').unwrap_or((name, ""));
    (model.to_owned(), verb == "streamGenerateContent")
}

/// A response, and the parts of it that are streamed.
pub(super) fn answer(said: &Said) -> Answer {
    let response = |parts: Value| {
        json!({
            "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
            "modelVersion": said.model, "responseId": format!("response-{}", said.number),
        })
    };
    let finished = |parts: Value| {
        let mut response = response(parts);
        response["candidates"][0]["finishReason"] = json!("STOP");
        response["usageMetadata"] = json!({
            "promptTokenCount": said.usage.input(),
            "cachedContentTokenCount": said.usage.cache_read,
            "candidatesTokenCount": said.usage.output,
            "totalTokenCount": said.usage.total(),
        });
        response
    };
    let streamed = |part: Value| Frame::plain(response(json!([part]))).delta();

    let mut parts = Vec::new();
    let mut frames = Vec::new();
    for block in &said.blocks {
        let part = match block {
            Block::Text(text) => {
                frames.extend(halves(text).map(|text| streamed(json!({"text": text}))));
                json!({"text": text})
            }
            Block::Thought(text) => json!({"text": text, "thought": true}),
            Block::Tool { name, input } => json!({
                "functionCall": {"name": name, "args": input},
                // Base64, as the API wants it back.
                "thoughtSignature": "c2NyaXB0ZWQ=",
            }),
        };
        if !matches!(block, Block::Text(_)) {
            frames.push(streamed(part.clone()));
        }
        parts.push(part);
    }
    Answer {
        whole: finished(parts.into()),
        frames,
        end: vec![Frame::plain(finished(json!([{"text": ""}])))],
    }
}

/// The smallest JSON that fits the schema of a request that wants JSON.
pub(super) fn wanted_json(body: &Value) -> Option<String> {
    let config = &body["generationConfig"];
    let schema = ["responseSchema", "responseJsonSchema"]
        .iter()
        .find_map(|name| config.get(name))?;
    Some(smallest(schema).to_string())
}

fn smallest(schema: &Value) -> Value {
    if let Some(first) = list(&schema["enum"]).next() {
        return first.clone();
    }
    match text(&schema["type"]).to_lowercase().as_str() {
        "string" => json!("side"),
        "boolean" => json!(false),
        "number" | "integer" => json!(0),
        "array" => json!([]),
        _ => {
            let required = list(&schema["required"]).map(text);
            let fields =
                required.map(|name| (name.to_owned(), smallest(&schema["properties"][name])));
            Value::Object(Map::from_iter(fields))
        }
    }
}

/// The body of an HTTP error.
pub(super) fn error(status: u16, message: &str, retry_after: Option<&str>) -> Value {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    let mut error = json!({"code": status, "message": message, "status": word});
    if let Some(seconds) = retry_after {
        let kind = "type.googleapis.com/google.rpc.RetryInfo";
        error["details"] = json!([{"@type": kind, "retryDelay": format!("{seconds}s")}]);
    }
    json!({"error": error})
}
