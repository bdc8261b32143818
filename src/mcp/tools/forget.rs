//! The tool `forget`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::edge::Failure;
use crate::lenient;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::memory::ForgottenView;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Forget {
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    #[serde(alias = "why")]
    #[schemars(extend("x-aliases" = ["why"]))]
    reason: Option<String>,
}

#[tool_router(router = forget_router, vis = "pub(crate)")]
impl Server {
    /// Forget a memory.
    #[tool(annotations(title = "Forget", destructive_hint = true, idempotent_hint = true))]
    async fn forget(&self, Parameters(p): Parameters<Forget>) -> CallToolResult {
        reply(self.forgotten(p).await)
    }

    async fn forgotten(&self, p: Forget) -> Result<ForgottenView, Failure> {
        let crew = self.crew().await?;
        let memories = crew.memories().await?;
        let why = p.reason.unwrap_or_default();
        Ok(ForgottenView::of(&memories.forget(&p.id, &why).await?))
    }
}
