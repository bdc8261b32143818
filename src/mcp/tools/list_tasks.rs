//! The tool `list_tasks`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page_size;
use crate::edge::Failure;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::page::Page;
use crate::tasks::{Kind, Listing, TaskLine, View};
use crate::text::size::{REPLY, fitting, size};

/// What stands around the lines of a page.
const AROUND: usize = 200;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListTasks {
    view: Option<View>,
    query: Option<String>,
    label: Option<String>,
    #[schemars(with = "Option<String>")]
    kind: Option<Kind>,
    parent: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[tool_router(router = list_tasks_router, vis = "pub(crate)")]
impl Server {
    /// List tasks (default: open), or search them.
    #[tool(annotations(title = "List tasks", read_only_hint = true))]
    async fn list_tasks(&self, Parameters(p): Parameters<ListTasks>) -> CallToolResult {
        reply(self.lines(p).await)
    }

    async fn lines(&self, p: ListTasks) -> Result<Page<TaskLine>, Failure> {
        let mut listing = Listing {
            view: p.view.unwrap_or(View::Open),
            query: p.query,
            label: p.label,
            kind: p.kind,
            parent: p.parent,
            limit: page_size(p.limit)?,
            cursor: p.cursor,
        };
        let crew = self.crew().await?;
        let tracker = crew.tracker().await?;
        let page = tracker.list(&listing).await?;
        if size(&page) <= REPLY {
            return Ok(page);
        }
        // A shorter page, so that its cursor leads to what is left out.
        let shown = fitting(&page.items, REPLY - AROUND).max(1);
        listing.limit = u32::try_from(shown).unwrap_or(1);
        Ok(tracker.list(&listing).await?)
    }
}
