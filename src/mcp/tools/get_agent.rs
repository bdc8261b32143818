//! The tool `get_agent`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page_size;
use crate::edge::{Failure, Kind};
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

/// Most bytes of a result in one page.
const LARGEST_PAGE: usize = 32 * 1024;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetAgent {
    id: String,
    view: Option<View>,
    cursor: Option<String>,
    /// Bytes, or transcript entries.
    limit: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum View {
    #[default]
    Result,
    Structured,
    Evidence,
    Transcript,
}

#[tool_router(router = get_agent_router, vis = "pub(crate)")]
impl Server {
    /// One agent. evidence: what it really did, reckoned by ostler.
    #[tool(annotations(title = "Get agent", read_only_hint = true))]
    async fn get_agent(&self, Parameters(p): Parameters<GetAgent>) -> CallToolResult {
        match p.view.unwrap_or_default() {
            View::Result => reply(self.result(p, false).await),
            View::Structured => reply(self.result(p, true).await),
            View::Evidence => reply(self.evidence(p).await),
            View::Transcript => reply(self.transcript(p).await),
        }
    }

    async fn result(
        &self,
        p: GetAgent,
        structured: bool,
    ) -> Result<crate::agents::Resulted, Failure> {
        let limit = p.limit.map(|limit| limit as usize);
        if limit.is_some_and(|limit| limit == 0 || limit > LARGEST_PAGE) {
            return Err(Failure::new(Kind::Invalid, "`limit` is out of range")
                .hint(format!("take 1 to {LARGEST_PAGE} bytes")));
        }
        let (crew, cursor) = (self.crew().await?, p.cursor.as_deref());
        let id = crew.named(&p.id).await?;
        Ok(match structured {
            true => crew.structured(&id, cursor, limit).await?,
            false => crew.result(&id, cursor, limit).await?,
        })
    }

    async fn evidence(&self, p: GetAgent) -> Result<crate::agents::Evidenced, Failure> {
        let crew = self.crew().await?;
        let id = crew.named(&p.id).await?;
        Ok(crew.evidence(&id).await?.inline())
    }

    async fn transcript(&self, p: GetAgent) -> Result<crate::agents::Transcript, Failure> {
        let limit = page_size(p.limit)?;
        let crew = self.crew().await?;
        let id = crew.named(&p.id).await?;
        let transcript = crew.transcript(&id, p.cursor.as_deref(), limit).await?;
        Ok(transcript.inline(p.limit))
    }
}
