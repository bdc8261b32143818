//! The tool `update_task`.

use rmcp::model::CallToolResult;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::edge::{Failure, Kind as FailureKind};
use crate::ids::TaskId;
use crate::mcp::parameters::Parameters;
use crate::mcp::reply::reply;
use crate::mcp::server::Server;
use crate::tasks::{Changes, Kind, Status, TaskError, TaskLine, Tracker};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTask {
    id: String,
    title: Option<String>,
    description: Option<String>,
    acceptance: Option<String>,
    #[schemars(with = "Option<String>")]
    kind: Option<Kind>,
    priority: Option<i64>,
    parent: Option<String>,
    writes: Option<bool>,
    estimate_min: Option<u32>,
    defer_until: Option<String>,
    external_ref: Option<String>,
    add_labels: Option<Vec<String>>,
    remove_labels: Option<Vec<String>>,
    add_blocked_by: Option<Vec<String>>,
    remove_blocked_by: Option<Vec<String>>,
    add_edges: Option<Vec<String>>,
    remove_edges: Option<Vec<String>>,
    note: Option<String>,
    /// `open` releases, or reopens with a note.
    status: Option<String>,
    fence: Option<i64>,
}

impl UpdateTask {
    /// The changes other than that of `status`.
    fn changes(&mut self) -> Result<Changes, Failure> {
        let list = |list: &mut Option<Vec<String>>| list.take().unwrap_or_default();
        let defer_until = self.defer_until.as_deref();
        Ok(Changes {
            title: self.title.take(),
            description: self.description.take(),
            acceptance: self.acceptance.take(),
            kind: self.kind,
            priority: self.priority,
            writes: self.writes,
            estimate_min: self.estimate_min,
            defer_until_ms: defer_until.map(crate::tasks::defer_until).transpose()?,
            external_ref: self.external_ref.take(),
            parent: self.parent.take().map(Some),
            add_labels: list(&mut self.add_labels),
            remove_labels: list(&mut self.remove_labels),
            add_blocked_by: list(&mut self.add_blocked_by),
            remove_blocked_by: list(&mut self.remove_blocked_by),
            add_edges: list(&mut self.add_edges),
            remove_edges: list(&mut self.remove_edges),
            note: self.note.clone(),
        })
    }
}

#[tool_router(router = update_task_router, vis = "pub(crate)")]
impl Server {
    /// Change a task; what is left out stays.
    #[tool(annotations(title = "Update task", destructive_hint = false))]
    async fn update_task(&self, Parameters(p): Parameters<UpdateTask>) -> CallToolResult {
        reply(self.change(p).await)
    }

    async fn change(&self, mut p: UpdateTask) -> Result<TaskLine, Failure> {
        let changes = p.changes()?;
        let crew = self.crew().await?;
        let tracker = crew.tracker().await?;
        let id = match p.status.as_deref() {
            None => tracker.update(&p.id, &changes, p.fence).await?,
            Some("open") => {
                alone(changes)?;
                open(&tracker, &p).await?
            }
            Some(_) => {
                let problem = "`status` can be set to `open` only";
                return Err(Failure::new(FailureKind::Invalid, problem)
                    .hint("claim_task begins a task, close_task closes it"));
            }
        };
        Ok(tracker.show(id.as_str()).await?.line)
    }
}

/// Refuses other changes beside that of the status: they would be two steps, of which one may fail.
fn alone(changes: Changes) -> Result<(), Failure> {
    let others = Changes {
        note: None,
        ..changes
    };
    match others == Changes::default() {
        true => Ok(()),
        false => Err(Failure::new(
            FailureKind::Invalid,
            "`status` goes with `note` and `fence` only",
        )
        .hint("make the other changes in a call of their own")),
    }
}

/// Gives a claim back, or opens a closed task again.
async fn open(tracker: &Tracker<'_>, p: &UpdateTask) -> Result<TaskId, TaskError> {
    let note = p.note.as_deref().unwrap_or_default();
    let why = match note.trim() {
        "" => "given back",
        why => why,
    };
    match tracker.release(&p.id, p.fence, why).await {
        Err(TaskError::WrongStatus {
            status: Status::Closed,
            ..
        }) => tracker.reopen(&p.id, note).await,
        released => released,
    }
}
