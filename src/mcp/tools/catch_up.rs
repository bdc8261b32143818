//! The tool `catch_up`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::agents::CatchUp;
use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[tool_router(router = catch_up_router, vis = "pub(crate)")]
impl Server {
    /// Catch up after a compaction or restart: what is live, unread, claimed, ready.
    #[tool(annotations(title = "Catch up", read_only_hint = true))]
    async fn catch_up(&self, Parameters(_): Parameters<Nothing>) -> CallToolResult {
        reply(self.open_matters().await)
    }

    async fn open_matters(&self) -> Result<CatchUp, Failure> {
        Ok(self.crew().await?.catch_up().await?)
    }
}
