//! Bringing the counts of many tasks up to date at once, from what they are counted from. For changes
//! of a few tasks [`super::settle`] does the same with less reading.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::settle::wanted;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};

statements! {
    CHILDREN = "UPDATE task SET
          children = (SELECT count(*) FROM task c WHERE c.parent = task.id),
          open_children = (SELECT count(*) FROM task c WHERE c.parent = task.id
            AND c.status <> 'closed')
        WHERE id IN (SELECT value FROM json_each($1))";
    HOLDS = concat!("UPDATE task_edge AS e SET holds = (SELECT ", wanted!(), " FROM task b
          WHERE b.id = e.other_id)
        WHERE e.other_id IN (SELECT value FROM json_each($1))
          AND e.holds <> (SELECT ", wanted!(), " FROM task b WHERE b.id = e.other_id)
        RETURNING task_id");
    UNBLOCKS = "UPDATE task SET unblocks =
          (SELECT count(*) FROM task_edge e WHERE e.other_id = task.id AND e.holds = 1)
        WHERE id IN (SELECT value FROM json_each($1))";
    HELD = "WITH RECURSIVE
        hit(id) AS (SELECT value FROM json_each($1)
          UNION SELECT t.id FROM hit JOIN task t ON t.parent = hit.id),
        up(root, id) AS (SELECT id, id FROM hit
          UNION ALL SELECT up.root, t.parent FROM up JOIN task t ON t.id = up.id
          WHERE t.parent IS NOT NULL),
        counted(id, n) AS (SELECT up.root, count(e.task_id) FROM up
          LEFT JOIN task_edge e ON e.task_id = up.id AND e.holds = 1 GROUP BY up.root)
        UPDATE task SET held = counted.n FROM counted
        WHERE task.id = counted.id AND task.held <> counted.n";
}

/// Counts anew after changes of many tasks. `moved` are those whose parent may have changed, and the
/// new ones; `touched` those whose status or children, or edges to whom, may have.
pub(crate) async fn recount(
    connection: &mut AnyConnection,
    moved: &BTreeSet<TaskId>,
    touched: &BTreeSet<TaskId>,
) -> Result<(), StoreError> {
    let of = serde_json::json!(touched).to_string();
    sqlx::query(CHILDREN)
        .bind(&of)
        .execute(&mut *connection)
        .await?;
    let flipped: Vec<String> = sqlx::query_scalar(HOLDS)
        .bind(&of)
        .fetch_all(&mut *connection)
        .await?;
    sqlx::query(UNBLOCKS)
        .bind(&of)
        .execute(&mut *connection)
        .await?;
    let mut roots: BTreeSet<&str> = flipped.iter().map(String::as_str).collect();
    roots.extend(moved.iter().map(TaskId::as_str));
    sqlx::query(HELD)
        .bind(serde_json::json!(roots).to_string())
        .execute(&mut *connection)
        .await?;
    Ok(())
}
