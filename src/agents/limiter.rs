//! The limiter: a FIFO counting semaphore whose permits are rows, so that it holds over all ostler
//! processes of the machine. A run holds a permit while it is `running` and does not back off;
//! whoever dies gives its permits back when it is found dead. A provider that is slowed down (see
//! [`pace`]) holds back its own runs and nobody else's.

pub(crate) mod pace;

use pace::leaves_no_room;

use super::journal::Subject;
use super::lifecycle::{AgentState, Lifecycle, next};
use super::record::{Line, TransitionError, write};
use crate::config::Agents;
use crate::store::{Store, StoreError, statements};

/// Whether the pace of its provider holds back the run `$run`. A new run leaves room for those that
/// back off: they come first.
macro_rules! held_back {
    ($run:literal, $counted:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM pace p WHERE p.provider = ",
            $run,
            ".provider AND ",
            leaves_no_room!(concat!(
                "(SELECT count(*) FROM run a WHERE a.status = 'running' \
                 AND a.provider = p.provider",
                $counted,
                ")"
            )),
            ")"
        )
    };
}

macro_rules! permit_free {
    () => {
        "(SELECT count(*) FROM run r WHERE r.status = 'running' AND r.slot = 1
              AND r.backing_off = 0) < $4"
    };
}

statements! {
    /// Starts a run if it is the first in the queue of those that are not held back, a permit is
    /// free that no run waits for which backed off and may go on, and not too many sessions are in
    /// their cold start, which takes up to a second of a core each.
    START = concat!("UPDATE run SET status = 'running', started_ms = $3, changed_ms = $3
        WHERE agent_id = $1 AND run_no = $2 AND status = 'queued' AND stop_reason IS NULL
          AND (slot = 0 OR (", permit_free!(), "
            AND (SELECT count(*) FROM run r WHERE r.status = 'running' AND r.slot = 1
              AND r.warm = 0 AND r.backing_off = 0 AND r.started_ms > $6) < $7
            AND NOT ", held_back!("run", ""), "
            AND NOT EXISTS (SELECT 1 FROM run b WHERE b.status = 'running'
              AND b.backing_off BETWEEN 1 AND $3 AND NOT ",
                held_back!("b", " AND a.backing_off = 0"), ")
            AND NOT EXISTS (SELECT 1 FROM run q
              WHERE q.status = 'queued' AND q.slot = 1 AND q.stop_reason IS NULL
                AND q.ticket < run.ticket AND NOT ", held_back!("q", ""), ")))");
    STEP_BACK = "UPDATE run SET backing_off = $3, changed_ms = $4
        WHERE agent_id = $1 AND run_no = $2 AND status = 'running'";
    GO_ON = concat!("UPDATE run SET backing_off = 0, changed_ms = $3
        WHERE agent_id = $1 AND run_no = $2 AND status = 'running'
          AND (slot = 0 OR ", permit_free!(), ")
          AND NOT ", held_back!("run", " AND a.backing_off = 0"));
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
        .bind(now_ms + pace::LONGEST_WAIT_MS)
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

/// Gives back the permit of a running run that waits for its service until `until_ms`.
pub(super) async fn step_back(
    store: &Store,
    run: &Subject,
    until_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(STEP_BACK)
        .bind(run.agent.as_str())
        .bind(i64::from(run.run_no))
        .bind(until_ms)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Takes a permit again for a run that has stepped back. `false`: it has to wait on.
pub(super) async fn go_on(
    store: &Store,
    run: &Subject,
    max_concurrent: u32,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let gone_on = sqlx::query(GO_ON)
        .bind(run.agent.as_str())
        .bind(i64::from(run.run_no))
        .bind(now_ms)
        .bind(i64::from(max_concurrent))
        .bind(now_ms + pace::LONGEST_WAIT_MS)
        .execute(&mut *tx)
        .await?;
    if gone_on.rows_affected() != 1 {
        return Ok(false);
    }
    store.commit(tx).await?;
    Ok(true)
}
