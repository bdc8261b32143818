//! The tool `get_task`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::tasks::TaskView;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetTask {
    id: String,
    whole: Option<bool>,
}

#[tool_router(router = get_task_router, vis = "pub(crate)")]
impl Server {
    /// One task with its edges, children, notes and links.
    #[tool(annotations(title = "Get task", read_only_hint = true))]
    async fn get_task(&self, Parameters(p): Parameters<GetTask>) -> CallToolResult {
        reply(self.task(p).await)
    }

    async fn task(&self, p: GetTask) -> Result<TaskView, Failure> {
        let crew = self.crew().await?;
        let view = crew.tracker().await?.show(&p.id).await?;
        Ok(match p.whole.unwrap_or_default() {
            true => view.whole(),
            false => view.inline(),
        })
    }
}
