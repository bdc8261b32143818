//! Parents: who hangs below whom, and how many children a task has.

use sqlx::AnyConnection;

use super::settle::settle;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};
use crate::tasks::error::TaskError;

/// How many tasks may stand above each other, the topmost and the lowest counted.
pub(crate) const LEVELS: usize = 32;

statements! {
    COUNT = "UPDATE task SET children = children + $2, open_children = open_children + $3
        WHERE id = $1";
    HELD = "SELECT held FROM task WHERE id = $1";
    MOVE = "UPDATE task SET parent = nullif($2, '') WHERE id = $1";
    /// A task and those above it, the nearest first. More levels than there may be are not looked at.
    ABOVE = "WITH RECURSIVE up(id, parent, level) AS (
          SELECT id, parent, 1 FROM task WHERE id = $1
          UNION ALL SELECT t.id, t.parent, up.level + 1 FROM up JOIN task t ON t.id = up.parent
            WHERE up.level < 64)
        SELECT id FROM up ORDER BY level";
    LEVELS_OF = "WITH RECURSIVE below(id, level) AS (SELECT CAST($1 AS TEXT), 1
          UNION ALL SELECT t.id, below.level + 1 FROM below JOIN task t ON t.parent = below.id
            WHERE below.level < 64)
        SELECT max(level) FROM below";
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

/// A task and those above it, the nearest first.
pub(crate) async fn above(
    connection: &mut AnyConnection,
    id: &TaskId,
) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(ABOVE)
        .bind(id.as_str())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}

/// Refuses to hang `child` and what is below it below `parent`: it may not stand below itself, nor
/// may more than [`LEVELS`] tasks stand above each other.
pub(crate) async fn refuse_place(
    connection: &mut AnyConnection,
    parent: &TaskId,
    child: &TaskId,
) -> Result<(), TaskError> {
    let above = above(connection, parent).await?;
    if let Some(at) = above.iter().position(|id| id == child) {
        let mut steps = vec![format!("{child} is a child of {parent}")];
        let pairs = above.iter().zip(above.iter().skip(1)).take(at);
        steps.extend(pairs.map(|(child, parent)| format!("{child} is a child of {parent}")));
        return Err(TaskError::Cycle { steps });
    }
    let levels: i64 = sqlx::query_scalar(LEVELS_OF)
        .bind(child.as_str())
        .fetch_one(connection)
        .await?;
    refuse_levels(above.len() + usize::try_from(levels).unwrap_or(usize::MAX))
}

/// Refuses more levels than there may be.
pub(crate) fn refuse_levels(levels: usize) -> Result<(), TaskError> {
    match levels {
        0..=LEVELS => Ok(()),
        _ => {
            let problem = format!("makes {levels} tasks stand above each other; most are {LEVELS}");
            Err(TaskError::bad("parent", problem))
        }
    }
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
