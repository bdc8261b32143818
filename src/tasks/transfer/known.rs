//! What the tracker knows of a project, as far as an import has to look at all of it at once: who
//! hangs on whom, and what is closed. Read in one go, since a circle or an open child may lie anywhere.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::record::{Mark, Stamped};
use crate::ids::{ProjectId, TaskId};
use crate::store::{StoreError, statements};
use crate::tasks::model::EdgeKind;
use crate::tasks::rows::word;

statements! {
    TASKS = "SELECT id, parent, updated_ms,
          coalesce(CAST(stamps ->> 'parent' AS BIGINT), created_ms) AS parent_ms,
          coalesce(CAST(stamps ->> 'status' AS BIGINT), created_ms) AS status_ms,
          CASE WHEN status = 'closed' THEN 1 ELSE 0 END AS closed,
          CASE WHEN holder <> '' THEN 1 ELSE 0 END AS held,
          CASE WHEN acceptance <> '' THEN 1 ELSE 0 END AS gated
        FROM task WHERE project_id = $1";
    EDGES = "SELECT e.task_id, e.kind, e.other_id, e.at_ms, e.gone
        FROM task_edge e JOIN task ON task.id = e.task_id
        WHERE task.project_id = $1 AND e.kind IN ('blocked_by','on_failure','waits_children')";
    /// Grows with every commit of somebody else.
    VERSION = "SELECT data_version FROM pragma_data_version()";
}

/// A task of the project.
#[derive(Debug, Clone)]
pub(super) struct KnownTask {
    pub(super) parent: Stamped<Option<TaskId>>,
    pub(super) closed: Stamped<bool>,
    pub(super) updated_ms: i64,
    /// Whether somebody works on it.
    pub(super) held: bool,
    /// Whether it takes evidence to close it as done.
    pub(super) gated: bool,
    /// What it waits for, or once did.
    pub(super) waits: BTreeMap<(EdgeKind, TaskId), Mark>,
}

/// The tasks of the project.
pub(super) type Known = BTreeMap<TaskId, KnownTask>;

/// Reads them.
pub(super) async fn read(
    connection: &mut AnyConnection,
    project: &ProjectId,
) -> Result<Known, StoreError> {
    type Task = (String, Option<String>, i64, i64, i64, i64, i64, i64);
    let tasks: Vec<Task> = sqlx::query_as(TASKS)
        .bind(project.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let mut known = Known::new();
    for (id, parent, updated_ms, parent_ms, status_ms, closed, held, gated) in tasks {
        let task = KnownTask {
            parent: Stamped::new(parent.map(TaskId::stored), parent_ms),
            closed: Stamped::new(closed != 0, status_ms),
            updated_ms,
            held: held != 0,
            gated: gated != 0,
            waits: BTreeMap::new(),
        };
        known.insert(TaskId::stored(id), task);
    }
    let edges: Vec<(String, String, String, i64, i64)> = sqlx::query_as(EDGES)
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    for (task, kind, other, at_ms, gone) in edges {
        let kind = word("edge", &kind, EdgeKind::parse)?;
        if let Some(task) = known.get_mut(&TaskId::stored(task)) {
            let mark = Mark {
                at_ms,
                gone: gone != 0,
            };
            task.waits.insert((kind, TaskId::stored(other)), mark);
        }
    }
    Ok(known)
}

/// A number that is another one when somebody else has written since.
pub(super) async fn version(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(VERSION).fetch_one(connection).await?)
}
