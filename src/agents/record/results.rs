//! What a run has handed in as its result, checked against the schema of its plan, and how often it
//! tried in vain.

use serde_json::Value;

use super::count;
use crate::ids::AgentId;
use crate::store::{Store, StoreError, statements};

statements! {
    SUBMIT = "UPDATE run SET submitted = $3 WHERE agent_id = $1 AND run_no = $2
        AND status = 'running'";
    SUBMITTED = "SELECT submitted FROM run WHERE agent_id = $1 AND run_no = $2";
    MISFIT = "UPDATE run SET misfits = misfits + 1 WHERE agent_id = $1 AND run_no = $2
        AND status = 'running'";
    MISFITS = "SELECT misfits FROM run WHERE agent_id = $1 AND run_no = $2";
}

/// Keeps a result, in place of one that was handed in before. `false`: the run has ended, and
/// nothing was kept.
pub(crate) async fn submit(
    store: &Store,
    id: &AgentId,
    run_no: u32,
    result: &Value,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let kept = sqlx::query(SUBMIT)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .bind(store.redact_json(result))
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(kept.rows_affected() == 1)
}

/// Whether the run has handed in a result.
pub(crate) async fn is_submitted(
    store: &Store,
    id: &AgentId,
    run_no: u32,
) -> Result<bool, StoreError> {
    let submitted: Option<String> = sqlx::query_scalar(SUBMITTED)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(store.read())
        .await?;
    Ok(submitted.is_some())
}

/// Counts a result that did not fit; how many there are now, `None` once the run has ended.
pub(crate) async fn misfit(
    store: &Store,
    id: &AgentId,
    run_no: u32,
) -> Result<Option<u32>, StoreError> {
    let mut tx = store.begin().await?;
    let counted = sqlx::query(MISFIT)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .execute(&mut *tx)
        .await?;
    let misfits: i64 = sqlx::query_scalar(MISFITS)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok((counted.rows_affected() == 1).then(|| count(misfits)))
}

/// How many results of the run did not fit.
pub(crate) async fn misfits(store: &Store, id: &AgentId, run_no: u32) -> Result<u32, StoreError> {
    let misfits: i64 = sqlx::query_scalar(MISFITS)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(store.read())
        .await?;
    Ok(count(misfits))
}
