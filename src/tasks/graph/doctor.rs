//! The derived counts, recomputed from nothing and held against those on record.

use sqlx::AnyConnection;

use super::settle::wanted;
use crate::ids::{ProjectId, TaskId};
use crate::store::{StoreError, statements};

statements! {
    DIFFERENCES = concat!("WITH RECURSIVE
        edge(task_id, other_id, want, holds) AS (SELECT e.task_id, e.other_id, ", wanted!(), ", e.holds
          FROM task_edge e JOIN (SELECT t.id, t.status, t.reason,
              (SELECT count(*) FROM task c WHERE c.parent = t.id) AS children,
              (SELECT count(*) FROM task c WHERE c.parent = t.id AND c.status <> 'closed')
                AS open_children
            FROM task t WHERE t.project_id = $1) AS b ON b.id = e.other_id),
        up(root, id) AS (SELECT id, id FROM task WHERE project_id = $1
          UNION ALL SELECT up.root, t.parent FROM up JOIN task t ON t.id = up.id
          WHERE t.parent IS NOT NULL),
        held(id, n) AS (SELECT up.root, count(*) FROM up JOIN edge ON edge.task_id = up.id
          WHERE edge.want = 1 GROUP BY up.root),
        found(id, what, has, wants) AS (
          SELECT task.id, 'held', task.held, coalesce(held.n, 0) FROM task
            LEFT JOIN held ON held.id = task.id WHERE task.project_id = $1
          UNION ALL SELECT task.id, 'unblocks', task.unblocks,
            (SELECT count(*) FROM edge WHERE edge.other_id = task.id AND edge.want = 1)
            FROM task WHERE task.project_id = $1
          UNION ALL SELECT task.id, 'children', task.children,
            (SELECT count(*) FROM task c WHERE c.parent = task.id)
            FROM task WHERE task.project_id = $1
          UNION ALL SELECT task.id, 'open_children', task.open_children,
            (SELECT count(*) FROM task c WHERE c.parent = task.id AND c.status <> 'closed')
            FROM task WHERE task.project_id = $1
          UNION ALL SELECT edge.task_id, 'holds', edge.holds, edge.want FROM edge)
        SELECT id, what, has, wants FROM found WHERE has <> wants ORDER BY id, what LIMIT $2");
}

/// A count on record that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The task.
    pub id: TaskId,
    /// Which count: `held`, `unblocks`, `children`, `open_children`, or `holds` of one of its edges.
    pub what: String,
    /// What stands on record.
    pub has: i64,
    /// What it should be.
    pub wants: i64,
}

/// Counts of a project that are wrong, at most `limit`; none where everything is as it should be.
pub(crate) async fn differences(
    connection: &mut AnyConnection,
    project: &ProjectId,
    limit: u32,
) -> Result<Vec<Difference>, StoreError> {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(DIFFERENCES)
        .bind(project.as_str())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    let difference = |(id, what, has, wants)| Difference {
        id: TaskId::stored(id),
        what,
        has,
        wants,
    };
    Ok(rows.into_iter().map(difference).collect())
}
