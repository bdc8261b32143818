//! The tool `recall`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};

use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::memory::{RecallView, WrittenQuery};

#[tool_router(router = recall_router, vis = "pub(crate)")]
impl Server {
    /// Recall what was learnt; `also`: other wordings. Takes kind[], scope, tags[], about (task, agent,
    /// file, commit), limit, include_superseded.
    #[tool(annotations(title = "Recall", read_only_hint = true))]
    async fn recall(&self, Parameters(p): Parameters<WrittenQuery>) -> CallToolResult {
        reply(self.found(p).await)
    }

    async fn found(&self, p: WrittenQuery) -> Result<RecallView, Failure> {
        let crew = self.crew().await?;
        let memories = crew.memories().await?;
        let query = p.into_query(memories.author(), &crew.top())?;
        let recalled = memories.recall(&query).await?;
        let stale = crew.stale_links(&recalled.links()).await;
        Ok(RecallView::of(&recalled, &stale).inline())
    }
}
