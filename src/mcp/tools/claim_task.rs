//! The tool `claim_task`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::edge::{Failure, Kind as FailureKind};
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::tasks::{Kind, TaskView, Wanted};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClaimTask {
    id: Option<String>,
    label: Option<String>,
    #[schemars(with = "Option<String>")]
    kind: Option<Kind>,
    parent: Option<String>,
    lease_s: Option<u32>,
}

#[derive(Serialize)]
struct Claimed {
    /// The number of the claim.
    fence: i64,
    /// Until when, unless a call renews it; absent for an agent, whose claims end with its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(flatten)]
    task: TaskView,
}

#[tool_router(router = claim_task_router, vis = "pub(crate)")]
impl Server {
    /// Claim a task, or the best ready one. Give its `fence` with later calls.
    #[tool(annotations(title = "Claim task", destructive_hint = false, idempotent_hint = true))]
    async fn claim_task(&self, Parameters(p): Parameters<ClaimTask>) -> CallToolResult {
        reply(self.claim(p).await)
    }

    async fn claim(&self, p: ClaimTask) -> Result<Claimed, Failure> {
        let filters = p.label.is_some() || p.kind.is_some() || p.parent.is_some();
        if p.id.is_some() && filters {
            return Err(Failure::new(
                FailureKind::Invalid,
                "`id` names the task; `label`, `kind` and `parent` choose one",
            )
            .hint("give the one or the others"));
        }
        let crew = self.crew().await?;
        let tracker = crew.tracker().await?;
        let task = match &p.id {
            Some(id) => tracker.claim(id, p.lease_s).await?,
            None => {
                let wanted = Wanted {
                    label: p.label,
                    kind: p.kind,
                    parent: p.parent,
                };
                tracker.claim_next(&wanted, p.lease_s).await?
            }
        };
        let view = tracker.show(task.id.as_str()).await?;
        let mut view = view.inline();
        let claim = view.claim.take();
        Ok(Claimed {
            fence: task.fence,
            until: claim.and_then(|claim| claim.until),
            task: view,
        })
    }
}
