//! The limiter: a FIFO counting semaphore whose permits are rows, so that it holds over all ostler
//! processes of the machine. A run holds a permit while it is `running`; whoever dies gives its
//! permits back when it is found dead.

use super::lifecycle::{AgentState, Lifecycle, next};
use super::record::{Line, TransitionError, write};
use crate::config::Agents;
use crate::store::{Store, statements};

statements! {
    /// Starts a run if it is the first in the queue, a permit is free, and not too many sessions
    /// are in their cold start, which takes up to a second of a core each.
    START = "UPDATE run SET status = 'running', started_ms = $3, changed_ms = $3
        WHERE agent_id = $1 AND run_no = $2 AND status = 'queued' AND stop_reason IS NULL
          AND (slot = 0 OR (
            (SELECT count(*) FROM run r WHERE r.status = 'running' AND r.slot = 1) < $4
            AND (SELECT count(*) FROM run r WHERE r.status = 'running' AND r.slot = 1
              AND r.warm = 0 AND r.started_ms > $5) < $6
            AND NOT EXISTS (SELECT 1 FROM run q
              WHERE q.status = 'queued' AND q.slot = 1 AND q.stop_reason IS NULL
                AND q.ticket < run.ticket)))";
}

/// A session that has not come up after this long no longer holds back the start of others.
const COLD_START_MS: i64 = 5_000;

/// Starts a queued run if its turn has come. `Ok(None)`: it has to wait.
pub(super) async fn admit(
    store: &Store,
    line: &Line,
    limits: &Agents,
    now_ms: i64,
) -> Result<Option<AgentState>, TransitionError> {
    let to = next(line.state(), Lifecycle::Start)?;
    let mut tx = store.begin().await?;
    let started = sqlx::query(START)
        .bind(line.id.as_str())
        .bind(i64::from(line.run_no))
        .bind(now_ms)
        .bind(i64::from(limits.max_concurrent))
        .bind(now_ms - COLD_START_MS)
        .bind(i64::from(limits.max_starting))
        .execute(&mut *tx)
        .await?;
    if started.rows_affected() != 1 {
        return Ok(None);
    }
    let body = serde_json::json!({ "from": line.status, "to": to.status });
    write::log(
        &mut tx,
        store,
        &line.id,
        line.run_no,
        now_ms,
        "state",
        &body,
    )
    .await?;
    store.commit(tx).await?;
    Ok(Some(to))
}
