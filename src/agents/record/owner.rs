//! Owners on record: which processes may have agents, and which of them have left.

use crate::ids::{OwnerId, ProjectId};
use crate::store::{Store, StoreError, statements};

statements! {
    ADD = "INSERT INTO owner(id, host, pid, started_ms) VALUES ($1, $2, $3, $4)";
    LEAVE = "UPDATE owner SET ended_ms = $2, project_id = NULL WHERE id = $1 AND ended_ms IS NULL";
    /// An owner that never ran anything leaves no trace.
    FORGET = "DELETE FROM owner WHERE id = $1
        AND NOT EXISTS (SELECT 1 FROM run WHERE owner_id = $1)";
    WORKS_IN = "UPDATE owner SET project_id = $2 WHERE id = $1";
    PRESENT = "SELECT id FROM owner WHERE ended_ms IS NULL AND id <> $1";
}

pub(crate) async fn add(
    store: &Store,
    id: &OwnerId,
    host: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(ADD)
        .bind(id.as_str())
        .bind(host)
        .bind(i64::from(std::process::id()))
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Notes the project that an owner may add agents to; it stays for as long as the owner does.
pub(crate) async fn works_in(
    store: &Store,
    id: &OwnerId,
    project: &ProjectId,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(WORKS_IN)
        .bind(id.as_str())
        .bind(project.as_str())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Notes that an owner has left and has nothing that lives any more.
pub(crate) async fn leave(store: &Store, id: &OwnerId, now_ms: i64) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(LEAVE)
        .bind(id.as_str())
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    sqlx::query(FORGET)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Owners other than `own` that have not left, as far as the record knows.
pub(crate) async fn present(store: &Store, own: &OwnerId) -> Result<Vec<OwnerId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(PRESENT)
        .bind(own.as_str())
        .fetch_all(store.read())
        .await?;
    Ok(ids.into_iter().map(OwnerId::stored).collect())
}
