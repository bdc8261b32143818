//! The tool `close_task`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agents::{CloseRequest, Shown};
use crate::edge::Failure;
use crate::ids::TaskId;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::tasks::{Closed, Named, Reason};
use crate::text::one_line;

/// Characters of a title that a reply shows.
const TITLE: usize = 60;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CloseTask {
    id: String,
    reason: Option<Reason>,
    evidence: Option<Evidence>,
    note: Option<String>,
    fence: Option<i64>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Evidence {
    commits: Option<Vec<String>>,
    command: Option<String>,
    agent: Option<String>,
}

#[derive(Serialize)]
struct Outcome {
    id: TaskId,
    /// Ready now.
    unblocked: Vec<Named>,
    /// There are more, see list_tasks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_unblocked: bool,
    /// For the case only that this one is given up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moot: Vec<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
}

impl From<Closed> for Outcome {
    fn from(closed: Closed) -> Self {
        let short = |mut task: Named| {
            task.title = one_line(&task.title, TITLE);
            task
        };
        let moot: Vec<Named> = closed.moot.into_iter().map(short).collect();
        let next = "what is moot was for the case that this one is given up: close it as wont_do";
        Self {
            id: closed.id,
            unblocked: closed.unblocked.into_iter().map(short).collect(),
            more_unblocked: closed.more_unblocked,
            next: (!moot.is_empty()).then_some(next),
            moot,
        }
    }
}

#[tool_router(router = close_task_router, vis = "pub(crate)")]
impl Server {
    /// Close a task. done (default) needs evidence if there is `acceptance`, others a note.
    #[tool(annotations(title = "Close task", destructive_hint = false))]
    async fn close_task(&self, Parameters(p): Parameters<CloseTask>) -> CallToolResult {
        reply(self.close(p).await)
    }

    async fn close(&self, p: CloseTask) -> Result<Outcome, Failure> {
        let evidence = p.evidence.unwrap_or_default();
        let request = CloseRequest {
            id: p.id,
            reason: p.reason.unwrap_or(Reason::Done),
            why: p.note.unwrap_or_default(),
            evidence: Shown {
                commits: evidence.commits.unwrap_or_default(),
                command: evidence.command,
                agent: evidence.agent,
                seen: String::new(),
            },
            fence: p.fence,
        };
        Ok(self.crew().await?.close_task(&request).await?.into())
    }
}
