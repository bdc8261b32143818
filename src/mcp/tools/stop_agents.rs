//! The tool `stop_agents`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::some_names;
use crate::agents::AgentBrief;
use crate::edge::{Failure, Kind};
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

const LONGEST_REASON: usize = 500;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StopAgents {
    ids: Vec<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Stopped {
    agents: Vec<AgentBrief>,
}

#[tool_router(router = stop_agents_router, vis = "pub(crate)")]
impl Server {
    /// Stop agents and all of their processes.
    #[tool(annotations(title = "Stop agents", idempotent_hint = true))]
    async fn stop_agents(&self, Parameters(p): Parameters<StopAgents>) -> CallToolResult {
        reply(self.stop(p).await)
    }

    async fn stop(&self, p: StopAgents) -> Result<Stopped, Failure> {
        some_names(&p.ids)?;
        let reason = p
            .reason
            .as_deref()
            .map(str::trim)
            .filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.len() > LONGEST_REASON) {
            return Err(
                Failure::new(Kind::Invalid, "`reason` is longer than 500 bytes")
                    .hint("say it in a sentence"),
            );
        }
        let crew = self.crew().await?;
        let ids = crew.all_named(&p.ids).await?;
        let agents = crew
            .stop(&ids, reason.unwrap_or("stopped by the host session"))
            .await?;
        Ok(Stopped { agents })
    }
}
