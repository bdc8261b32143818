//! Bringing the counts up to date after a change.

use sqlx::AnyConnection;

use crate::ids::TaskId;
use crate::store::{StoreError, statements};

/// Whether an edge `e` to the task `b` holds, from how `b` stands; see [`crate::tasks::EdgeKind`].
macro_rules! wanted {
    () => {
        "CASE WHEN e.gone = 1 THEN 0 \
         WHEN e.kind = 'blocked_by' THEN CASE WHEN b.status = 'closed' THEN 0 ELSE 1 END \
         WHEN e.kind = 'on_failure' THEN \
           CASE WHEN b.status = 'closed' AND b.reason = 'wont_do' THEN 0 ELSE 1 END \
         WHEN e.kind = 'waits_children' THEN CASE WHEN b.status = 'closed' THEN 0 \
           WHEN b.children > 0 AND b.open_children = 0 THEN 0 ELSE 1 END \
         ELSE 0 END"
    };
}
pub(super) use wanted;

statements! {
    /// Whether there is anything to do.
    FLIPS = concat!("SELECT count(*) FROM task_edge e JOIN task b ON b.id = e.other_id
        WHERE e.other_id = $1 AND e.holds <> ", wanted!());
    SHIFT = concat!("WITH RECURSIVE
        flip(id, d) AS (SELECT e.task_id, ", wanted!(), " - e.holds FROM task_edge e
          JOIN task b ON b.id = e.other_id WHERE e.other_id = $1 AND e.holds <> ", wanted!(), "),
        hit(id, d) AS (SELECT id, d FROM flip
          UNION ALL SELECT t.id, hit.d FROM hit JOIN task t ON t.parent = hit.id)
        UPDATE task SET held = task.held + x.d
        FROM (SELECT id, CAST(sum(d) AS BIGINT) AS d FROM hit GROUP BY id) AS x
        WHERE task.id = x.id");
    MARK = concat!("UPDATE task_edge AS e SET holds = (SELECT ", wanted!(), " FROM task b
          WHERE b.id = e.other_id)
        WHERE e.other_id = $1 AND e.holds <> (SELECT ", wanted!(), " FROM task b
          WHERE b.id = e.other_id)");
    COUNT = "UPDATE task SET unblocks =
        (SELECT count(*) FROM task_edge WHERE other_id = $1 AND holds = 1) WHERE id = $1";
    /// What is ready and would not be if $1, which is closed, were open: below the tasks that wait for
    /// it, and if no child of its parent is open, the parent and below those that wait for this.
    /// (`CROSS`: without it SQLite walks through all that is ready.)
    FREED = "WITH RECURSIVE
        parent(id) AS (SELECT p.id FROM task t JOIN task p ON p.id = t.parent
          WHERE t.id = $1 AND p.open_children = 0 AND p.status <> 'closed'),
        hit(id) AS (SELECT id FROM parent
          UNION SELECT e.task_id FROM parent JOIN task_edge e ON e.other_id = parent.id
            WHERE e.kind = 'waits_children' AND e.gone = 0
          UNION SELECT e.task_id FROM task_edge e JOIN task b ON b.id = e.other_id
            WHERE e.other_id = $1 AND e.gone = 0 AND (e.kind IN ('blocked_by','on_failure')
              OR (e.kind = 'waits_children' AND b.children = 0))
          UNION SELECT t.id FROM hit CROSS JOIN task t ON t.parent = hit.id WHERE t.status <> 'closed')
        SELECT task.id, task.title FROM hit CROSS JOIN task ON task.id = hit.id
        WHERE task.status = 'open' AND task.held = 0 AND task.open_children = 0
          AND task.defer_until_ms <= $2
        ORDER BY task.priority, task.unblocks DESC, task.created_ms, task.n LIMIT $3";
}

/// A task by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) id: TaskId,
    pub(crate) title: String,
}

/// Lets the edges to `id` hold or let go as its status and children now have it, and counts that for
/// everything that hangs on them. To be called after every change of `status`, `reason`, `children`
/// or `open_children` of `id`, and of an edge to it.
pub(crate) async fn settle(connection: &mut AnyConnection, id: &TaskId) -> Result<(), StoreError> {
    let flips: i64 = sqlx::query_scalar(FLIPS)
        .bind(id.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if flips == 0 {
        return Ok(());
    }
    for sql in [SHIFT, MARK, COUNT] {
        sqlx::query(sql)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What is ready only because `closed` is closed, the most urgent first, at most `limit`.
pub(crate) async fn freed(
    connection: &mut AnyConnection,
    closed: &TaskId,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Counted>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(FREED)
        .bind(closed.as_str())
        .bind(now_ms)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    let named = |(id, title)| Counted {
        id: TaskId::stored(id),
        title,
    };
    Ok(rows.into_iter().map(named).collect())
}
