//! Parents: who hangs below whom, and how many children a task has.

use sqlx::AnyConnection;

use super::settle::settle;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};

statements! {
    COUNT = "UPDATE task SET children = children + $2, open_children = open_children + $3
        WHERE id = $1";
    HELD = "SELECT held FROM task WHERE id = $1";
    MOVE = "UPDATE task SET parent = nullif($2, '') WHERE id = $1";
    SHIFT = "WITH RECURSIVE hit(id) AS (SELECT CAST($1 AS TEXT)
          UNION ALL SELECT t.id FROM hit JOIN task t ON t.parent = hit.id)
        UPDATE task SET held = held + $2 WHERE id IN (SELECT id FROM hit)";
}

/// Counts children that `parent` has got (or lost: negative), and those of them that are not closed.
pub(crate) async fn count_child(
    connection: &mut AnyConnection,
    parent: &TaskId,
    children: i64,
    open: i64,
) -> Result<(), StoreError> {
    sqlx::query(COUNT)
        .bind(parent.as_str())
        .bind(children)
        .bind(open)
        .execute(&mut *connection)
        .await?;
    settle(connection, parent).await
}

/// Hangs `child`, which has no parent now, below `parent`.
pub(crate) async fn adopt(
    connection: &mut AnyConnection,
    parent: &TaskId,
    child: &TaskId,
    is_open: bool,
) -> Result<(), StoreError> {
    let held = held(connection, parent).await?;
    shift(connection, child, held).await?;
    move_below(connection, child, parent.as_str()).await?;
    count_child(connection, parent, 1, i64::from(is_open)).await
}

/// Takes `child` away from `parent`.
pub(crate) async fn leave(
    connection: &mut AnyConnection,
    parent: &TaskId,
    child: &TaskId,
    is_open: bool,
) -> Result<(), StoreError> {
    let held = held(connection, parent).await?;
    shift(connection, child, -held).await?;
    move_below(connection, child, "").await?;
    count_child(connection, parent, -1, -i64::from(is_open)).await
}

async fn held(connection: &mut AnyConnection, id: &TaskId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(HELD)
        .bind(id.as_str())
        .fetch_one(connection)
        .await?)
}

async fn shift(connection: &mut AnyConnection, id: &TaskId, by: i64) -> Result<(), StoreError> {
    if by == 0 {
        return Ok(());
    }
    sqlx::query(SHIFT)
        .bind(id.as_str())
        .bind(by)
        .execute(connection)
        .await?;
    Ok(())
}

async fn move_below(
    connection: &mut AnyConnection,
    child: &TaskId,
    parent: &str,
) -> Result<(), StoreError> {
    sqlx::query(MOVE)
        .bind(child.as_str())
        .bind(parent)
        .execute(connection)
        .await?;
    Ok(())
}
