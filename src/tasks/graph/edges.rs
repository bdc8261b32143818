//! Adding and removing edges.

use sqlx::AnyConnection;

use super::settle::settle;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};
use crate::tasks::model::EdgeKind;

statements! {
    ADD = "INSERT INTO task_edge(task_id, kind, other_id, at_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (task_id, kind, other_id) DO UPDATE SET at_ms = excluded.at_ms, gone = 0
        WHERE task_edge.gone = 1";
    REMOVE = "UPDATE task_edge SET gone = 1, at_ms = $4
        WHERE task_id = $1 AND kind = $2 AND other_id = $3 AND gone = 0";
}

/// Adds an edge; `false` when it was there. Circles are not looked for here.
pub(crate) async fn add_edge(
    connection: &mut AnyConnection,
    task: &TaskId,
    kind: EdgeKind,
    other: &TaskId,
    at_ms: i64,
) -> Result<bool, StoreError> {
    change(connection, ADD, task, kind, other, at_ms).await
}

/// Removes an edge; `false` when there was none.
pub(crate) async fn remove_edge(
    connection: &mut AnyConnection,
    task: &TaskId,
    kind: EdgeKind,
    other: &TaskId,
    at_ms: i64,
) -> Result<bool, StoreError> {
    change(connection, REMOVE, task, kind, other, at_ms).await
}

async fn change(
    connection: &mut AnyConnection,
    sql: &'static str,
    task: &TaskId,
    kind: EdgeKind,
    other: &TaskId,
    at_ms: i64,
) -> Result<bool, StoreError> {
    let changed = sqlx::query(sql)
        .bind(task.as_str())
        .bind(kind.as_str())
        .bind(other.as_str())
        .bind(at_ms)
        .execute(&mut *connection)
        .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    if kind.blocks() {
        settle(connection, other).await?;
    }
    Ok(true)
}
