//! The lines of stream-json, as far as we read and write them. Everything unknown is ignored: the
//! CLI adds kinds and fields from one release to the next.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A line of the CLI's standard output.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Received {
    System(System),
    Assistant(Spoken),
    User(Spoken),
    Result(Box<Outcome>),
    ControlRequest {
        request_id: String,
        request: Request,
    },
    ControlResponse {
        response: Response,
    },
    ControlCancelRequest {
        request_id: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub(super) enum System {
    Init {
        session_id: String,
        #[serde(default, deserialize_with = "lenient")]
        model: String,
    },
    ApiRetry {
        #[serde(default, deserialize_with = "lenient")]
        attempt: u32,
        error_status: Option<u64>,
        #[serde(default, deserialize_with = "lenient")]
        error: String,
    },
    #[serde(other)]
    Unknown,
}

/// An assistant or a user line.
#[derive(Debug, Deserialize)]
pub(super) struct Spoken {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: Message,
    /// Set for the traffic of the CLI's own sub-agents.
    pub(super) parent_tool_use_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) uuid: String,
    #[serde(default, rename = "isReplay", deserialize_with = "lenient")]
    pub(super) is_replay: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) tool_use_result: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) model: String,
    /// A text, or a list of blocks.
    pub(super) content: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) usage: MessageUsage,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct MessageUsage {
    #[serde(deserialize_with = "lenient")]
    pub(super) input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) output_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cache_creation_input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cache_read_input_tokens: u64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Text {
        text: String,
    },
    Thinking {
        thinking: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[serde(default, deserialize_with = "lenient")]
        input: Value,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(default, deserialize_with = "lenient")]
        content: Value,
        #[serde(default, deserialize_with = "lenient")]
        is_error: Option<bool>,
    },
    #[serde(other)]
    Unknown,
}

/// The line that ends a turn.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Outcome {
    #[serde(deserialize_with = "lenient")]
    pub(super) subtype: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) is_error: bool,
    pub(super) api_error_status: Option<u64>,
    pub(super) result: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) errors: Vec<String>,
    pub(super) total_cost_usd: Option<f64>,
    #[serde(rename = "modelUsage", deserialize_with = "lenient")]
    pub(super) model_usage: std::collections::BTreeMap<String, ModelUsage>,
    #[serde(deserialize_with = "lenient")]
    pub(super) permission_denials: Vec<Denial>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ModelUsage {
    #[serde(deserialize_with = "lenient")]
    pub(super) input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) output_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cache_read_input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cache_creation_input_tokens: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Denial {
    pub(super) tool_name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) tool_use_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "subtype", rename_all = "snake_case")]
pub(super) enum Request {
    CanUseTool {
        tool_name: String,
        #[serde(default, deserialize_with = "lenient")]
        input: Value,
        #[serde(default, deserialize_with = "lenient")]
        tool_use_id: String,
    },
    HookCallback {
        input: HookInput,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct HookInput {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) tool_name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) tool_input: Value,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) tool_use_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response {
    pub(super) request_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) response: Value,
}

/// `null` where the API allows it reads as nothing, instead of making the whole line unreadable.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn user_line(uuid: &str, text: &str, priority: Option<&str>) -> String {
    let mut line = json!({
        "type": "user",
        "message": { "role": "user", "content": text },
        "uuid": uuid,
    });
    if let (Some(priority), Some(line)) = (priority, line.as_object_mut()) {
        line.insert("priority".to_owned(), json!(priority));
    }
    line.to_string()
}

pub(super) fn control_request(id: &str, request: &Value) -> String {
    json!({ "type": "control_request", "request_id": id, "request": request }).to_string()
}

pub(super) fn control_response(id: &str, response: &Value) -> String {
    let response = json!({ "subtype": "success", "request_id": id, "response": response });
    json!({ "type": "control_response", "response": response }).to_string()
}

pub(super) fn control_error(id: &str, error: &str) -> String {
    let response = json!({ "subtype": "error", "request_id": id, "error": error });
    json!({ "type": "control_response", "response": response }).to_string()
}

/// Text of a tool result: a string, or the text blocks of a list.
pub(super) fn plain_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block.get("text").and_then(Value::as_str))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}
