//! Writing agents and runs.

use serde_json::json;

use super::family::{AdmissionError, Admitted, admit};
use super::{Ending, NewAgent, Plan, Scribe, TransitionError, asks, json, overlaps, steers, tasks};
use crate::agents::lifecycle::{AgentState, Lifecycle, next};
use crate::ids::{AgentId, GroupId, OwnerId};
use crate::store::{Store, StoreError, Tx, statements};

statements! {
    /// A nested agent belongs to the project of its parent, wherever it works.
    ADD_AGENT = "INSERT INTO agent(id, project_id, session, parent, label, run_no, created_ms,
          path, group_id)
        SELECT $1, coalesce((SELECT project_id FROM agent WHERE id = $4), $2), $3, $4, $5, 1, $6,
          $7, $8";
    /// The ticket puts the run behind everything that waits now.
    ADD_RUN = "INSERT INTO run(agent_id, run_no, status, owner_id, ticket, slot, prompt, launch,
          queued_ms, changed_ms, provider, above, max_tokens, max_usd)
        SELECT $1, $2, 'queued', $3,
          coalesce((SELECT max(ticket) FROM run WHERE status = 'queued'), 0) + 1, $4, $5, $6, $7, $7,
          $8, $9, $10, $11";
    NEXT_RUN = "UPDATE agent SET run_no = run_no + 1, session = $3, parent = $4
        WHERE id = $1 AND run_no = $2
        AND EXISTS (SELECT 1 FROM run WHERE agent_id = $1 AND run_no = $2
          AND status NOT IN ('queued','running'))";
    PATH = "SELECT path FROM agent WHERE id = $1";
    /// An agent takes along those that have worked for it. $1: its path, $2: those above it before.
    MOVE = "UPDATE agent SET session = $3, path = $4 || substr(path, length($2) + 1)
        WHERE path >= $1 AND path < $1 || '~'";
    END = "UPDATE run SET status = $4, reason = $5, detail = $6, result = $7, result_from = $8,
          evidence = $9, ended_ms = $10, changed_ms = $10
        WHERE agent_id = $1 AND run_no = $2 AND status = $3";
    /// Whoever has read the end before has not read this.
    KEEP_LATE_RESULT = "UPDATE run SET result = $3, result_from = $4, evidence = $5,
          delivered = CASE WHEN $3 = '' THEN delivered ELSE 0 END
        WHERE agent_id = $1 AND run_no = $2 AND result = ''
          AND status NOT IN ('queued','running')";
    ASK_STOP = "UPDATE run SET stop_reason = $3, changed_ms = $4
        WHERE agent_id = $1 AND run_no = $2 AND status = 'running' AND stop_reason IS NULL";
    ASK_STOP_ALL = "UPDATE run SET stop_reason = $2, changed_ms = $3
        WHERE owner_id = $1 AND status IN ('queued','running') AND stop_reason IS NULL";
    DELIVER = "UPDATE run SET delivered = 1 WHERE agent_id = $1 AND run_no = $2 AND delivered = 0
        AND status NOT IN ('queued','running')";
    GIVE_BACK = "UPDATE run SET delivered = 0 WHERE agent_id = $1 AND run_no = $2 AND delivered = 1";
    LOG = "INSERT INTO event(agent_id, seq, run_no, at_ms, kind, body)
        SELECT $1, coalesce((SELECT max(seq) FROM event WHERE agent_id = $1), 0) + 1,
          $2, $3, $4, $5";
}

/// Writes a new agent with its first run, queued. Returns its plan, with the budget that could be
/// granted.
pub(crate) async fn enqueue(
    scribe: &Scribe<'_>,
    agent: &NewAgent<'_>,
) -> Result<Plan, AdmissionError> {
    let plans = enqueue_all(scribe, std::slice::from_ref(agent)).await?;
    plans.into_iter().next().ok_or(AdmissionError::Ending)
}

/// The same for several agents: all of them, or none.
pub(crate) async fn enqueue_all(
    scribe: &Scribe<'_>,
    agents: &[NewAgent<'_>],
) -> Result<Vec<Plan>, AdmissionError> {
    let (store, now_ms) = (scribe.store, scribe.clock.now_ms());
    let mut tx = store.begin().await?;
    let mut plans = Vec::with_capacity(agents.len());
    for (at, agent) in agents.iter().enumerate() {
        let admitted = admit(&mut tx, agent, agents.len() - at, now_ms).await?;
        add_agent(&mut tx, store, agent, &admitted, now_ms).await?;
        tasks::claim_for(&mut tx, scribe, agent).await?;
        plans.push(admitted.plan);
    }
    store.commit(tx).await?;
    Ok(plans)
}

async fn add_agent(
    tx: &mut Tx,
    store: &Store,
    agent: &NewAgent<'_>,
    admitted: &Admitted,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(ADD_AGENT)
        .bind(agent.id.as_str())
        .bind(agent.project.as_str())
        .bind(agent.session)
        .bind(agent.parent.map(AgentId::as_str))
        .bind(store.redact(agent.label))
        .bind(now_ms)
        .bind(format!("{}{}/", agent.above, agent.id))
        .bind(agent.group.map(GroupId::as_str))
        .execute(&mut **tx)
        .await?;
    let run = NewRun {
        id: agent.id,
        state: AgentState::ENQUEUED,
        owner: agent.owner,
        takes_slot: agent.takes_slot,
        context: agent.context,
        prompt: agent.prompt,
        admitted,
    };
    add_run(tx, store, &run, now_ms).await
}

/// Writes the next run of an ended agent, queued, under whoever continues it. Returns its plan as
/// [`enqueue`] does.
pub(crate) async fn resume(
    scribe: &Scribe<'_>,
    agent: &NewAgent<'_>,
    from: AgentState,
) -> Result<(AgentState, Plan), AdmissionError> {
    let (store, now_ms) = (scribe.store, scribe.clock.now_ms());
    let state = next(from, Lifecycle::Resume).map_err(TransitionError::from)?;
    let mut tx = store.begin().await?;
    let admitted = admit(&mut tx, agent, 1, now_ms).await?;
    let resumed = sqlx::query(NEXT_RUN)
        .bind(agent.id.as_str())
        .bind(i64::from(from.run_no))
        .bind(agent.session)
        .bind(agent.parent.map(AgentId::as_str))
        .execute(&mut *tx)
        .await?;
    if resumed.rows_affected() != 1 {
        return Err(TransitionError::Lost.into());
    }
    let path: String = sqlx::query_scalar(PATH)
        .bind(agent.id.as_str())
        .fetch_one(&mut *tx)
        .await?;
    let above = path.strip_suffix(&format!("{}/", agent.id));
    sqlx::query(MOVE)
        .bind(&path)
        .bind(above.unwrap_or("/"))
        .bind(agent.session)
        .bind(agent.above)
        .execute(&mut *tx)
        .await?;
    let run = NewRun {
        id: agent.id,
        state,
        owner: agent.owner,
        takes_slot: agent.takes_slot,
        context: agent.context,
        prompt: agent.prompt,
        admitted: &admitted,
    };
    add_run(&mut tx, store, &run, now_ms).await?;
    tasks::claim_for(&mut tx, scribe, agent).await?;
    store.commit(tx).await?;
    Ok((state, admitted.plan))
}

struct NewRun<'a> {
    id: &'a AgentId,
    state: AgentState,
    owner: &'a OwnerId,
    takes_slot: bool,
    context: &'a str,
    prompt: &'a str,
    admitted: &'a Admitted,
}

async fn add_run(
    tx: &mut Tx,
    store: &Store,
    run: &NewRun<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Admitted { plan, above } = run.admitted;
    let max_tokens = plan.budget.max_tokens.bound();
    sqlx::query(ADD_RUN)
        .bind(run.id.as_str())
        .bind(i64::from(run.state.run_no))
        .bind(run.owner.as_str())
        .bind(i64::from(run.takes_slot))
        .bind(format!("{}{}", run.context, run.prompt))
        .bind(json(plan))
        .bind(now_ms)
        .bind(&plan.launch.provider)
        .bind(above)
        .bind(max_tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)))
        .bind(plan.budget.max_cost_usd.bound())
        .execute(&mut **tx)
        .await?;
    // The agent has its context in its prompt; a log that repeats it could not be read.
    let body = match run.context.len() {
        0 => json!({ "to": run.state.status, "prompt": run.prompt }),
        bytes => json!({ "to": run.state.status, "prompt": run.prompt, "context_bytes": bytes }),
    };
    log(tx, store, run.id, run.state.run_no, now_ms, "state", &body).await
}

/// Ends a run: one guarded change of status, the messages that did not arrive and the claims of the
/// agent lost with it, and one entry of the log.
pub(crate) async fn end(
    scribe: &Scribe<'_>,
    id: &AgentId,
    from: AgentState,
    event: Lifecycle,
    mut ending: Ending,
) -> Result<AgentState, TransitionError> {
    let to = next(from, event)?;
    let (store, now_ms) = (scribe.store, scribe.clock.now_ms());
    let mut tx = store.begin().await?;
    ending.evidence.steers = steers::close(&mut tx, id, from.run_no, now_ms).await?;
    asks::withdraw_all(&mut tx, id, from.run_no, now_ms).await?;
    ending.evidence.overlaps = overlaps::close(&mut tx, id, from.run_no).await?;
    tasks::settle(&mut tx, scribe, (id, from.run_no), to.status, &mut ending).await?;
    let evidence = store.redact_json(&ending.evidence);
    let ended = sqlx::query(END)
        .bind(id.as_str())
        .bind(i64::from(from.run_no))
        .bind(from.status.as_str())
        .bind(to.status.as_str())
        .bind(&ending.reason)
        .bind(store.redact(&ending.detail))
        .bind(store.redact(&ending.result))
        .bind(ending.result_from)
        .bind(evidence)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    if ended.rows_affected() != 1 {
        return Err(TransitionError::Lost);
    }
    let body = json!({
        "from": from.status, "to": to.status, "reason": ending.reason, "detail": ending.detail,
    });
    log(&mut tx, store, id, from.run_no, now_ms, "state", &body).await?;
    store.commit(tx).await?;
    Ok(to)
}

/// Keeps what a run produced after somebody else had ended it; its status stays.
pub(crate) async fn keep_late_result(
    scribe: &Scribe<'_>,
    id: &AgentId,
    run_no: u32,
    ending: &Ending,
) -> Result<(), StoreError> {
    let store = scribe.store;
    let mut tx = store.begin().await?;
    let mut evidence = ending.evidence.clone();
    evidence.overlaps = overlaps::close(&mut tx, id, run_no).await?;
    evidence.task = tasks::standing_of(&mut tx, scribe, id, run_no).await?;
    let evidence = store.redact_json(&evidence);
    sqlx::query(KEEP_LATE_RESULT)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .bind(store.redact(&ending.result))
        .bind(ending.result_from)
        .bind(evidence)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Asks the owner of a running agent to stop it. `false`: it does not run, or was asked before.
pub(crate) async fn ask_stop(
    store: &Store,
    id: &AgentId,
    run_no: u32,
    reason: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let asked = sqlx::query(ASK_STOP)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .bind(reason)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(asked.rows_affected() == 1)
}

/// Notes that everything `owner` runs is to be stopped, so that it shows even if `owner` dies on it.
pub(crate) async fn ask_stop_all(
    store: &Store,
    owner: &OwnerId,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(ASK_STOP_ALL)
        .bind(owner.as_str())
        .bind(reason)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Marks the results of ended runs as handed out, all at once: `true` at the place of each that
/// had not been.
pub(crate) async fn deliver(
    store: &Store,
    runs: &[(AgentId, u32)],
) -> Result<Vec<bool>, StoreError> {
    let mut first = Vec::with_capacity(runs.len());
    if runs.is_empty() {
        return Ok(first);
    }
    let mut tx = store.begin().await?;
    for (id, run_no) in runs {
        let marked = sqlx::query(DELIVER)
            .bind(id.as_str())
            .bind(i64::from(*run_no))
            .execute(&mut *tx)
            .await?;
        first.push(marked.rows_affected() == 1);
    }
    store.commit(tx).await?;
    Ok(first)
}

/// Marks results as unread again.
pub(crate) async fn give_back(store: &Store, runs: &[(AgentId, u32)]) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    for (id, run_no) in runs {
        sqlx::query(GIVE_BACK)
            .bind(id.as_str())
            .bind(i64::from(*run_no))
            .execute(&mut *tx)
            .await?;
    }
    store.commit(tx).await
}

/// Appends to an agent's log.
pub(crate) async fn log(
    tx: &mut Tx,
    store: &Store,
    id: &AgentId,
    run_no: u32,
    at_ms: i64,
    kind: &str,
    body: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query(LOG)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .bind(at_ms)
        .bind(kind)
        .bind(store.redact_json(body))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
