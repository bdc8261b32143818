//! The tool `submit_result`, which only agents are offered that owe a result of a certain shape.

use std::sync::Arc;

use rmcp::model::{CallToolResult, Tool};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

/// Its name.
pub(crate) const SUBMIT_RESULT: &str = "submit_result";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SubmitResult {
    /// What was asked for.
    #[schemars(with = "Map<String, Value>")]
    result: Value,
}

#[derive(Serialize)]
struct Accepted {
    accepted: bool,
}

#[tool_router(router = submit_result_router, vis = "pub(crate)")]
impl Server {
    /// Hand in the result of your work. It is checked at once: what does not fit is named, to be
    /// mended and handed in again. The last one that was accepted counts.
    #[tool(annotations(title = "Submit result", destructive_hint = false))]
    async fn submit_result(&self, Parameters(p): Parameters<SubmitResult>) -> CallToolResult {
        reply(self.hand_in(p).await)
    }

    async fn hand_in(&self, p: SubmitResult) -> Result<Accepted, Failure> {
        self.crew().await?.submit_result(&p.result).await?;
        Ok(Accepted { accepted: true })
    }
}

/// The tool with the shape that is asked for in its description.
pub(crate) fn wanting(mut tool: Tool, result: Value) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { "result": result },
        "required": ["result"],
        "additionalProperties": false,
    });
    if let Value::Object(schema) = schema {
        tool.input_schema = Arc::new(schema);
    }
    tool
}
