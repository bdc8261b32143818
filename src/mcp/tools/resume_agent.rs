//! The tool `resume_agent`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::budget;
use crate::agents::Spawned;
use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResumeAgent {
    id: String,
    prompt: String,
    #[schemars(extend("x-unlisted" = true))]
    max_turns: Option<u32>,
    #[schemars(extend("x-unlisted" = true))]
    timeout_s: Option<u32>,
    #[schemars(extend("x-unlisted" = true))]
    max_cost_usd: Option<f64>,
    #[schemars(extend("x-unlisted" = true))]
    max_tool_calls: Option<u32>,
    #[schemars(extend("x-unlisted" = true))]
    idle_s: Option<u32>,
}

#[tool_router(router = resume_agent_router, vis = "pub(crate)")]
impl Server {
    /// Continue an ended agent with its history. Takes limits as spawn_agent does; what is left out
    /// stays.
    #[tool(annotations(title = "Resume agent", destructive_hint = false))]
    async fn resume_agent(&self, Parameters(p): Parameters<ResumeAgent>) -> CallToolResult {
        reply(self.resume(p).await)
    }

    async fn resume(&self, p: ResumeAgent) -> Result<Spawned, Failure> {
        let mut budget = budget(p.max_turns, p.timeout_s, p.max_cost_usd);
        budget.max_tool_calls = p.max_tool_calls;
        budget.idle_s = p.idle_s;
        let crew = self.crew().await?;
        let id = crew.named(&p.id).await?;
        Ok(crew.resume(&id, &p.prompt, &budget).await?)
    }
}
