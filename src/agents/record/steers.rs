//! Messages into running agents: durable before they are acknowledged, followed until they arrive
//! or are lost.

use super::{Steer, count};
use crate::agents::evidence::SteerTally;
use crate::ids::{AgentId, OwnerId, SteerId};
use crate::providers::When;
use crate::store::{Store, StoreError, Tx, statements};

statements! {
    ADD = "INSERT INTO steer(id, agent_id, run_no, message, timing, state, created_ms)
        SELECT $1, $2, $3, $4, $5, 'queued', $6
        WHERE EXISTS (SELECT 1 FROM run WHERE agent_id = $2 AND run_no = $3
          AND status IN ('queued','running') AND stop_reason IS NULL)";
    WAITING = "SELECT steer.id, steer.agent_id, steer.run_no, steer.message, steer.timing
        FROM steer JOIN run ON run.agent_id = steer.agent_id AND run.run_no = steer.run_no
        WHERE steer.state = 'queued' AND run.owner_id = $1 AND run.status = 'running'
        ORDER BY steer.created_ms, steer.id";
    TAKE = "UPDATE steer SET state = 'sent' WHERE id = $1 AND state = 'queued'";
    SETTLE = "UPDATE steer SET state = 'delivered', settled_ms = $2
        WHERE id = $1 AND state IN ('queued','sent')";
    LOSE = "UPDATE steer SET state = 'lost', settled_ms = $3
        WHERE agent_id = $1 AND run_no = $2 AND state IN ('queued','sent')";
    TALLY = "SELECT count(CASE WHEN state = 'delivered' THEN 1 END),
          count(CASE WHEN state = 'lost' THEN 1 END)
        FROM steer WHERE agent_id = $1 AND run_no = $2";
}

/// Writes a message for a live run. `false`: the run does not live any more.
pub(crate) async fn add(store: &Store, steer: &Steer, now_ms: i64) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let added = sqlx::query(ADD)
        .bind(steer.id.as_str())
        .bind(steer.agent.as_str())
        .bind(i64::from(steer.run_no))
        .bind(&steer.message)
        .bind(timing(steer.when))
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(added.rows_affected() == 1)
}

/// Messages that running agents of `owner` were not given yet, oldest first.
pub(crate) async fn waiting(store: &Store, owner: &OwnerId) -> Result<Vec<Steer>, StoreError> {
    let rows: Vec<(String, String, i64, String, String)> = sqlx::query_as(WAITING)
        .bind(owner.as_str())
        .fetch_all(store.read())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, agent, run_no, message, when)| Steer {
            id: SteerId::stored(id),
            agent: AgentId::stored(agent),
            run_no: count(run_no),
            message,
            when: match when.as_str() {
                "now" => When::Now,
                "after_turn" => When::AfterTurn,
                _ => When::NextStep,
            },
        })
        .collect())
}

/// Takes a waiting message to hand it to its child. `true` for the one caller who may.
pub(crate) async fn take(store: &Store, id: &SteerId) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let taken = sqlx::query(TAKE)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(taken.rows_affected() == 1)
}

/// Notes that a message has reached the model.
pub(crate) async fn settle(tx: &mut Tx, id: &str, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(SETTLE)
        .bind(id)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The run is over: what has not arrived is lost. Returns the final tally.
pub(crate) async fn close(
    tx: &mut Tx,
    agent: &AgentId,
    run_no: u32,
    now_ms: i64,
) -> Result<SteerTally, StoreError> {
    sqlx::query(LOSE)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    let (delivered, lost): (i64, i64) = sqlx::query_as(TALLY)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .fetch_one(&mut **tx)
        .await?;
    Ok(SteerTally {
        delivered: count(delivered),
        lost: count(lost),
    })
}

fn timing(when: When) -> &'static str {
    match when {
        When::Now => "now",
        When::NextStep => "next_step",
        When::AfterTurn => "after_turn",
    }
}
