//! The tool `merge_agents`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::agents::{MergeReport, MergeRequest};
use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MergeAgents {
    ids: Option<Vec<String>>,
    /// Must pass after each.
    check: Option<String>,
    drop: Option<Vec<String>>,
}

#[tool_router(router = merge_agents_router, vis = "pub(crate)")]
impl Server {
    /// Merge branches of ended agents onto a new one, until a conflict.
    #[tool(annotations(title = "Merge agents"))]
    async fn merge_agents(&self, Parameters(p): Parameters<MergeAgents>) -> CallToolResult {
        reply(self.merge(p).await)
    }

    async fn merge(&self, p: MergeAgents) -> Result<MergeReport, Failure> {
        let crew = self.crew().await?;
        let request = MergeRequest {
            ids: crew.all_named(&p.ids.unwrap_or_default()).await?,
            check: p.check,
            onto: None,
            drop: crew.all_named(&p.drop.unwrap_or_default()).await?,
        };
        Ok(crew.merge(request).await?)
    }
}
