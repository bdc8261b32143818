//! The tool `steer_agent`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::agents::SteerReceipt;
use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::providers::When;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SteerAgent {
    id: String,
    message: String,
    when: Option<When>,
}

#[tool_router(router = steer_agent_router, vis = "pub(crate)")]
impl Server {
    /// Send a message into a running agent.
    #[tool(annotations(title = "Steer agent", destructive_hint = false))]
    async fn steer_agent(&self, Parameters(p): Parameters<SteerAgent>) -> CallToolResult {
        reply(self.steer(p).await)
    }

    async fn steer(&self, p: SteerAgent) -> Result<SteerReceipt, Failure> {
        let crew = self.crew().await?;
        let id = crew.named(&p.id).await?;
        Ok(crew
            .steer(&id, &p.message, p.when.unwrap_or_default())
            .await?)
    }
}
