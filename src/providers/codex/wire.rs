//! The lines of the app-server protocol, as far as we read and write them: one JSON object each,
//! JSON-RPC without its version member. Everything unknown is ignored: the CLI adds kinds and fields
//! from one release to the next.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A line of the CLI's standard output.
#[derive(Debug)]
pub(super) enum Received {
    /// The answer to a request of ours.
    Response {
        id: u64,
        outcome: Result<Value, RpcError>,
    },
    /// A request that waits for our answer.
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    Notification {
        method: String,
        params: Value,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RpcError {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<RpcError>,
}

/// What a line says; `None` when it is not of this protocol.
pub(super) fn parse(line: &str) -> Option<Received> {
    let line: Line = serde_json::from_str(line).ok()?;
    match (line.id, line.method) {
        (Some(id), Some(method)) => Some(Received::Request {
            id,
            method,
            params: line.params,
        }),
        (None, Some(method)) => Some(Received::Notification {
            method,
            params: line.params,
        }),
        (Some(id), None) => Some(Received::Response {
            id: id.as_u64()?,
            outcome: match line.error {
                Some(error) => Err(error),
                None => Ok(line.result),
            },
        }),
        (None, None) => None,
    }
}

/// `params` as `T`; `None` when it has another shape.
pub(super) fn read<T: for<'de> Deserialize<'de>>(params: Value) -> Option<T> {
    serde_json::from_value(params).ok()
}

/// `thread/start` and `thread/resume` answered.
#[derive(Debug, Deserialize)]
pub(super) struct ThreadOpened {
    pub(super) thread: Named,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) model: String,
}

/// `turn/start` answered, and `turn/started`.
#[derive(Debug, Deserialize)]
pub(super) struct TurnOpened {
    pub(super) turn: Named,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// `account/read` answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    #[serde(default)]
    pub(super) account: Value,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) requires_openai_auth: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemNote {
    pub(super) item: Item,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) turn_id: String,
}

/// A piece of a turn.
#[derive(Debug, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum Item {
    UserMessage {
        client_id: Option<String>,
    },
    AgentMessage {
        #[serde(default, deserialize_with = "lenient")]
        text: String,
    },
    Reasoning {
        #[serde(default, deserialize_with = "lenient")]
        summary: Vec<String>,
        #[serde(default, deserialize_with = "lenient")]
        content: Vec<String>,
    },
    CommandExecution {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        command: String,
        #[serde(default, deserialize_with = "lenient")]
        cwd: String,
        #[serde(default, deserialize_with = "lenient")]
        status: Status,
        #[serde(default, deserialize_with = "lenient")]
        aggregated_output: String,
        exit_code: Option<i32>,
    },
    FileChange {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        changes: Vec<Value>,
        #[serde(default, deserialize_with = "lenient")]
        status: Status,
    },
    McpToolCall {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        server: String,
        #[serde(default, deserialize_with = "lenient")]
        tool: String,
        #[serde(default)]
        arguments: Value,
        #[serde(default, deserialize_with = "lenient")]
        status: Status,
        #[serde(default)]
        result: Value,
        #[serde(default, deserialize_with = "lenient")]
        error: RpcError,
    },
    WebSearch {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        query: String,
    },
    ImageView {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        path: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    Completed,
    Failed,
    Declined,
    #[default]
    #[serde(other)]
    InProgress,
}

/// `thread/tokenUsage/updated`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageNote {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) turn_id: String,
    pub(super) token_usage: TokenUsage,
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenUsage {
    /// Since the creation of the thread.
    pub(super) total: Tokens,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) last: Tokens,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Tokens {
    /// All of them, cached or not.
    #[serde(deserialize_with = "lenient")]
    pub(super) input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cached_input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) cache_write_input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(super) output_tokens: u64,
}

impl Tokens {
    /// What came on top of `before`.
    pub(super) fn since(self, before: Tokens) -> Tokens {
        Tokens {
            input_tokens: self.input_tokens.saturating_sub(before.input_tokens),
            cached_input_tokens: self
                .cached_input_tokens
                .saturating_sub(before.cached_input_tokens),
            cache_write_input_tokens: self
                .cache_write_input_tokens
                .saturating_sub(before.cache_write_input_tokens),
            output_tokens: self.output_tokens.saturating_sub(before.output_tokens),
        }
    }
}

/// `turn/completed`.
#[derive(Debug, Deserialize)]
pub(super) struct TurnNote {
    pub(super) turn: Turn,
}

#[derive(Debug, Deserialize)]
pub(super) struct Turn {
    pub(super) id: String,
    pub(super) status: TurnStatus,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) items: Vec<Value>,
    pub(super) error: Option<TurnError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum TurnStatus {
    Completed,
    Interrupted,
    Failed,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TurnError {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: String,
    /// A word, or a word with an object that holds an HTTP status.
    pub(super) codex_error_info: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) additional_details: String,
}

/// `error`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorNote {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) turn_id: String,
    pub(super) error: TurnError,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) will_retry: bool,
}

/// `serverRequest/resolved`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolved {
    pub(super) request_id: Value,
}

/// `item/commandExecution/requestApproval`, `item/fileChange/requestApproval` and
/// `item/permissions/requestApproval`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ApprovalAsked {
    #[serde(deserialize_with = "lenient")]
    pub(super) item_id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) reason: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) command: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) cwd: String,
    pub(super) permissions: Value,
}

/// `mcpServer/elicitation/request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Elicitation {
    #[serde(deserialize_with = "lenient")]
    pub(super) server_name: String,
    #[serde(rename = "_meta", deserialize_with = "lenient")]
    pub(super) meta: ElicitationMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ElicitationMeta {
    /// `mcp_tool_call` when Codex itself asks whether a tool may be called.
    #[serde(deserialize_with = "lenient")]
    pub(super) codex_approval_kind: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) tool_name: String,
    pub(super) tool_params: Value,
}

/// `item/tool/requestUserInput`.
#[derive(Debug, Deserialize)]
pub(super) struct InputAsked {
    pub(super) questions: Vec<Question>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) question: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) options: Vec<Choice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) label: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: String,
}

/// `null` where the protocol allows it reads as nothing, instead of making the line unreadable.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    json!({ "id": id, "method": method, "params": params }).to_string()
}

pub(super) fn notification(method: &str) -> String {
    json!({ "method": method }).to_string()
}

pub(super) fn response(id: &Value, result: &Value) -> String {
    json!({ "id": id, "result": result }).to_string()
}

pub(super) fn error(id: &Value, message: &str) -> String {
    json!({ "id": id, "error": { "code": -32601, "message": message } }).to_string()
}

/// The text of an MCP tool's result.
pub(super) fn plain_text(result: &Value) -> String {
    let blocks = result.get("content").and_then(Value::as_array);
    blocks
        .into_iter()
        .flatten()
        .filter_map(|block| block.get("text").and_then(Value::as_str))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The files that a change touches: the one it names, and where that is moved to.
pub(super) fn paths(changes: &[Value]) -> Vec<String> {
    let path_at = |change: &Value, pointer: &str| {
        let path = change.pointer(pointer).and_then(Value::as_str);
        path.map(str::to_owned)
    };
    changes
        .iter()
        .flat_map(|change| [path_at(change, "/path"), path_at(change, "/kind/move_path")])
        .flatten()
        .collect()
}
