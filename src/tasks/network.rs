//! Tasks with what stands between them, to be drawn: all below one task, or all of the project.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::brief::TaskLine;
use super::error::TaskError;
use super::lines::{self, line_columns};
use super::model::Edge;
use super::rows;
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};

/// Tasks of one picture: more cannot be read, and few programs draw them.
const MOST: usize = 500;
/// Tasks from outside of it that hold some of them.
const OUTSIDE: usize = 100;

statements! {
    OPEN = concat!("SELECT ", line_columns!(), " FROM task
        WHERE project_id = $1 AND status <> 'closed' ORDER BY priority, created_ms, n LIMIT $2");
    ALL_TASKS = concat!("SELECT ", line_columns!(), " FROM task
        WHERE project_id = $1 ORDER BY created_ms DESC, n DESC LIMIT $2");
    /// $1 and what is below it, the closed ones only if $2 is 1; what is higher comes first.
    BELOW = concat!("WITH RECURSIVE below(id, depth) AS (SELECT CAST($1 AS TEXT), 0
          UNION ALL SELECT t.id, below.depth + 1 FROM below JOIN task t ON t.parent = below.id
          WHERE $2 = 1 OR t.status <> 'closed')
        SELECT ", line_columns!(), " FROM below CROSS JOIN task ON task.id = below.id
        ORDER BY below.depth, task.priority, task.created_ms, task.n LIMIT $3");
    OF_IDS = concat!("SELECT ", line_columns!(), " FROM json_each($1) AS some
        CROSS JOIN task ON task.id = some.value LIMIT $2");
    EDGES = "SELECT e.task_id, e.kind, e.other_id, e.at_ms, e.gone, e.holds
        FROM json_each($1) AS some CROSS JOIN task_edge e ON e.task_id = some.value
        WHERE e.gone = 0 ORDER BY e.task_id, e.kind, e.at_ms, e.other_id";
}

/// Tasks and the edges between them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Network {
    /// The tasks, at most 500.
    pub tasks: Vec<TaskLine>,
    /// Others that hold some of them back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<TaskLine>,
    /// Edges between any of these.
    pub edges: Vec<Link>,
    /// Whether there are more tasks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// An edge of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The task that the edge is of.
    pub task: TaskId,
    /// How.
    pub kind: super::model::EdgeKind,
    /// The other one; for kinds that block, the blocker.
    pub other: TaskId,
    /// Whether it holds the task back now.
    pub holds: bool,
}

impl Tracker<'_> {
    /// The tasks below `root`, and it; without one those of the project. Closed ones only when they
    /// are asked for.
    ///
    /// # Errors
    /// An unknown task, failures of the store.
    pub async fn network(&self, root: Option<&str>, closed: bool) -> Result<Network, TaskError> {
        self.expire().await?;
        let mut connection = self.store.read().acquire().await?;
        let connection = &mut *connection;
        let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let query = match root {
            Some(root) => sqlx::query(BELOW)
                .bind(self.find_in(connection, root).await?.to_string())
                .bind(i64::from(closed)),
            None if closed => sqlx::query(ALL_TASKS).bind(self.project.as_str()),
            None => sqlx::query(OPEN).bind(self.project.as_str()),
        };
        let mut rows = query.bind(limit).fetch_all(&mut *connection).await?;
        let cut = rows.len() > MOST;
        rows.truncate(MOST);
        let tasks = self.shown(connection, &rows).await?;
        let edges = edges(connection, &tasks).await?;

        let mut known: HashSet<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
        let mut beyond: Vec<&TaskId> = Vec::new();
        for edge in edges.iter().filter(|edge| edge.holds) {
            if !known.contains(&edge.other) && !beyond.contains(&&edge.other) {
                beyond.push(&edge.other);
            }
        }
        let rows = sqlx::query(OF_IDS)
            .bind(serde_json::json!(beyond).to_string())
            .bind(i64::try_from(OUTSIDE).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
        let outside = self.shown(connection, &rows).await?;
        known.extend(outside.iter().map(|task| task.id.clone()));
        let link = |edge: Edge| Link {
            task: edge.task,
            kind: edge.kind,
            other: edge.other,
            holds: edge.holds,
        };
        Ok(Network {
            tasks,
            outside,
            edges: edges
                .into_iter()
                .filter(|edge| known.contains(&edge.other))
                .map(link)
                .collect(),
            cut,
        })
    }

    async fn shown(
        &self,
        connection: &mut AnyConnection,
        rows: &[AnyRow],
    ) -> Result<Vec<TaskLine>, StoreError> {
        lines::shown(connection, rows, self.now_ms()).await
    }
}

async fn edges(
    connection: &mut AnyConnection,
    tasks: &[TaskLine],
) -> Result<Vec<Edge>, StoreError> {
    let ids: Vec<&TaskId> = tasks.iter().map(|task| &task.id).collect();
    let rows = sqlx::query(EDGES)
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(rows::edge).collect()
}
