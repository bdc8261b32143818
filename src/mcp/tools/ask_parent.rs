//! The tool `ask_parent`, which only agents are offered.

use rmcp::model::CallToolResult;
use rmcp::service::RequestContext;
use rmcp::{RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskParent {
    /// One question with everything that is needed to answer it.
    question: String,
}

#[derive(Serialize)]
struct Reply {
    answer: String,
}

#[tool_router(router = ask_parent_router, vis = "pub(crate)")]
impl Server {
    /// Ask the session that you work for, and wait for its answer. Only for what you cannot find
    /// out or decide yourself.
    #[tool(annotations(title = "Ask parent", read_only_hint = true))]
    async fn ask_parent(
        &self,
        Parameters(p): Parameters<AskParent>,
        context: RequestContext<RoleServer>,
    ) -> CallToolResult {
        reply(self.ask(p, &context).await)
    }

    async fn ask(
        &self,
        p: AskParent,
        context: &RequestContext<RoleServer>,
    ) -> Result<Reply, Failure> {
        let crew = self.crew().await?;
        let answer = crew.ask_parent(&p.question, &context.ct).await?;
        Ok(Reply { answer })
    }
}
