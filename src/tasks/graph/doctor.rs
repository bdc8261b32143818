//! The derived counts, recomputed from nothing, held against those on record, and put right.

use sqlx::AnyConnection;

use super::settle::wanted;
use crate::ids::{ProjectId, TaskId};
use crate::store::{StoreError, statements};
use crate::tasks::error::TaskError;
use crate::tasks::model::Actor;
use crate::tasks::tracker::Tracker;

/// Differences that are named.
const NAMED: u32 = 1000;

/// How many children tasks have, and how many of these are open: `born(id, children, open_children)`,
/// of those tasks only that have any.
macro_rules! born {
    () => {
        "born(id, children, open_children) AS MATERIALIZED (SELECT parent, count(*), \
           count(*) FILTER (WHERE status <> 'closed') FROM task \
         WHERE project_id = $1 AND parent IS NOT NULL GROUP BY parent)"
    };
}

/// Every edge to a task of the project $1, whether it holds and whether it should, from how the
/// other task really stands: `edge(task_id, kind, other_id, holds, want)`.
macro_rules! edges {
    () => {
        concat!(
            "edge(task_id, kind, other_id, holds, want) AS MATERIALIZED (\
             SELECT e.task_id, e.kind, e.other_id, e.holds, ",
            wanted!(),
            " FROM (SELECT task.id, task.status, task.reason, \
                  coalesce(born.children, 0) AS children, \
                  coalesce(born.open_children, 0) AS open_children \
                FROM task LEFT JOIN born ON born.id = task.id WHERE task.project_id = $1) AS b \
              JOIN task_edge e ON e.other_id = b.id)"
        )
    };
}

/// From the top down, so that each task is looked at once: `down(id, held)`.
macro_rules! down {
    ($own:literal) => {
        concat!(
            "own(id, held) AS MATERIALIZED (",
            $own,
            "), down(id, held) AS (SELECT task.id, coalesce(own.held, 0) \
               FROM task LEFT JOIN own ON own.id = task.id \
               WHERE task.project_id = $1 AND task.parent IS NULL \
             UNION ALL SELECT task.id, down.held + coalesce(own.held, 0) \
               FROM down JOIN task ON task.parent = down.id LEFT JOIN own ON own.id = task.id)"
        )
    };
}

statements! {
    DIFFERENCES = concat!("WITH RECURSIVE ", born!(), ", ", edges!(), ", ",
        down!("SELECT task_id, count(*) FROM edge WHERE want = 1 GROUP BY task_id"), ",
        frees(id, n) AS MATERIALIZED (SELECT other_id, count(*) FROM edge WHERE want = 1
          GROUP BY other_id),
        found(id, what, has, wants) AS (
          SELECT task.id, 'held', task.held, down.held FROM down JOIN task ON task.id = down.id
          UNION ALL SELECT task.id, 'unblocks', task.unblocks, coalesce(frees.n, 0)
            FROM task LEFT JOIN frees ON frees.id = task.id WHERE task.project_id = $1
          UNION ALL SELECT task.id, 'children', task.children, coalesce(born.children, 0)
            FROM task LEFT JOIN born ON born.id = task.id WHERE task.project_id = $1
          UNION ALL SELECT task.id, 'open_children', task.open_children,
            coalesce(born.open_children, 0)
            FROM task LEFT JOIN born ON born.id = task.id WHERE task.project_id = $1
          UNION ALL SELECT edge.task_id, 'holds', edge.holds, edge.want FROM edge)
        SELECT id, what, has, wants FROM found WHERE has <> wants ORDER BY id, what LIMIT $2");
    MEND_CHILDREN = concat!("WITH ", born!(), " UPDATE task SET children = x.n, open_children = x.open
        FROM (SELECT task.id, coalesce(born.children, 0) AS n,
            coalesce(born.open_children, 0) AS open
          FROM task LEFT JOIN born ON born.id = task.id WHERE task.project_id = $1) AS x
        WHERE task.id = x.id AND (task.children <> x.n OR task.open_children <> x.open)");
    MEND_HOLDS = concat!("WITH ", born!(), ", ", edges!(), " UPDATE task_edge SET holds = x.want
        FROM edge AS x WHERE x.holds <> x.want AND task_edge.task_id = x.task_id
          AND task_edge.kind = x.kind AND task_edge.other_id = x.other_id");
    MEND_UNBLOCKS = "WITH frees(id, n) AS MATERIALIZED (SELECT other_id, count(*) FROM task_edge
          WHERE holds = 1 GROUP BY other_id)
        UPDATE task SET unblocks = x.n
        FROM (SELECT task.id, coalesce(frees.n, 0) AS n
          FROM task LEFT JOIN frees ON frees.id = task.id WHERE task.project_id = $1) AS x
        WHERE task.id = x.id AND task.unblocks <> x.n";
    MEND_HELD = concat!("WITH RECURSIVE ",
        down!("SELECT task_id, count(*) FROM task_edge WHERE holds = 1 GROUP BY task_id"), "
        UPDATE task SET held = x.held FROM down AS x
        WHERE task.id = x.id AND task.held <> x.held");
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

impl Tracker<'_> {
    /// Counts of the project that are not what they should be, at most 1,000; none where everything
    /// is as it should be.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn doctor(&self) -> Result<Vec<Difference>, TaskError> {
        let mut connection = self.store.read().acquire().await?;
        Ok(differences(&mut connection, self.project, NAMED).await?)
    }

    /// Puts every count of the project right, and tells how many rows were wrong.
    ///
    /// # Errors
    /// Whoever is no person, failures of the store.
    pub async fn mend(&self) -> Result<u64, TaskError> {
        if self.actor != Actor::Person {
            let problem = "only a person can have the counts put right".to_owned();
            return Err(TaskError::NotAllowed { problem });
        }
        let mut tx = self.store.begin().await?;
        let mended = mend(&mut tx, self.project).await?;
        self.store.commit(tx).await?;
        Ok(mended)
    }
}

/// Counts of a project that are wrong, at most `limit`.
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

/// Recomputes the counts of a project, and tells how many rows were wrong. Each statement builds on
/// what those before it have put right.
pub(crate) async fn mend(
    connection: &mut AnyConnection,
    project: &ProjectId,
) -> Result<u64, StoreError> {
    let mut mended = 0;
    for sql in [MEND_CHILDREN, MEND_HOLDS, MEND_UNBLOCKS, MEND_HELD] {
        let changed = sqlx::query(sql)
            .bind(project.as_str())
            .execute(&mut *connection)
            .await?;
        mended += changed.rows_affected();
    }
    Ok(mended)
}
