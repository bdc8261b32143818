//! The tool `remember`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};

use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::memory::{Answer, WrittenMemory};

#[tool_router(router = remember_router, vis = "pub(crate)")]
impl Server {
    /// Remember what stays true. Takes tags[], scope (project, user, agent), importance (0-1), at,
    /// subject, session, valid_from, valid_to, links[], supersedes[], force.
    #[tool(annotations(title = "Remember", destructive_hint = false))]
    async fn remember(&self, Parameters(p): Parameters<WrittenMemory>) -> CallToolResult {
        reply(self.keep(p).await)
    }

    async fn keep(&self, p: WrittenMemory) -> Result<Answer, Failure> {
        let crew = self.crew().await?;
        let memories = crew.memories().await?;
        let several = p.is_batch();
        let new = p.into_new(memories.author(), &crew.top(), memories.now_ms())?;
        Ok(Answer::of(memories.remember(&new).await?, several).inline())
    }
}
