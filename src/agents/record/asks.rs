//! What running agents have asked for: durable before anybody is told, settled by exactly one answer,
//! deadline or end.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::count;
use crate::ids::{AgentId, AskId, OwnerId};
use crate::store::{Store, StoreError, Tx, statements};

statements! {
    /// Requests of one millisecond keep their order: each is later than those before it.
    ADD = "INSERT INTO ask(id, agent_id, run_no, kind, tool, content, addressee, state, asked_ms,
          deadline_ms, decider)
        SELECT $1, $2, $3, $4, $5, $6, $7, 'open', (SELECT max(at_ms) FROM (SELECT $8 AS at_ms
            UNION ALL SELECT asked_ms + 1 FROM ask WHERE agent_id = $2 AND run_no = $3)), $9, $10
        WHERE EXISTS (SELECT 1 FROM run WHERE agent_id = $2 AND run_no = $3
          AND status = 'running')";
    OPEN = concat!("SELECT ", ask_columns!(), "
        WHERE agent_id = $1 AND run_no = $2 AND state = 'open' ORDER BY asked_ms, id");
    /// Of an agent, and of all that work for it, as far as $2 has to decide.
    OPEN_WITHIN = concat!("SELECT ", ask_columns!(), " JOIN agent ON agent.id = ask.agent_id
          AND agent.run_no = ask.run_no
        WHERE agent.path >= $1 AND agent.path < $1 || '~' AND ask.state = 'open' AND ask.decider = $2
        ORDER BY ask.asked_ms, ask.id");
    GET = concat!("SELECT ", ask_columns!(), " WHERE id = $1");
    /// Of the agents of $1 and of all that work for them: an ancestry begins with an id of 8
    /// characters behind the first slash.
    FOR_PERSON = concat!("SELECT ", ask_columns!(), " JOIN run ON run.agent_id = ask.agent_id AND run.run_no = ask.run_no
        WHERE run.status = 'running' AND ask.state = 'open' AND ask.addressee = 'person'
          AND EXISTS (SELECT 1 FROM agent JOIN agent top ON top.id = substr(agent.path, 2, 8)
            JOIN run outer_run ON outer_run.agent_id = top.id AND outer_run.run_no = top.run_no
            WHERE agent.id = ask.agent_id AND outer_run.owner_id = $1)
        ORDER BY ask.asked_ms, ask.id");
    ANSWERED = concat!("SELECT ", ask_columns!(), " JOIN run ON run.agent_id = ask.agent_id AND run.run_no = ask.run_no
        WHERE run.owner_id = $1 AND run.status = 'running' AND ask.sent = 0
          AND ask.state IN ('allowed','denied','replied')
        ORDER BY ask.settled_ms, ask.id");
    SETTLE = "UPDATE ask SET state = $2, answer = $3, answered_by = $4, settled_ms = $5
        WHERE id = $1 AND state = 'open'";
    EXPIRE = "UPDATE ask SET state = 'expired', settled_ms = deadline_ms
        WHERE state = 'open' AND deadline_ms < $2
          AND agent_id IN (SELECT agent_id FROM run WHERE owner_id = $1 AND status = 'running')";
    TAKE = "UPDATE ask SET sent = 1 WHERE id = $1 AND sent = 0";
    TO_PARENT = "UPDATE ask SET addressee = 'parent' WHERE id = $1 AND state = 'open'";
    WITHDRAW_ALL = "UPDATE ask SET state = 'withdrawn', settled_ms = $3
        WHERE agent_id = $1 AND run_no = $2 AND state = 'open'";
}

macro_rules! ask_columns {
    () => {
        "ask.id, ask.agent_id, ask.run_no, ask.kind, ask.tool, ask.content, ask.addressee, \
         ask.state, ask.answer, ask.answered_by, ask.deadline_ms, ask.decider FROM ask"
    };
}
use ask_columns;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Whether a tool call may be made.
    Permission,
    /// Something that only words answer.
    Question,
}

/// Who is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// The model of the session that the agent works for.
    Parent,
    /// The person at that session.
    Person,
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    /// It waits for an answer.
    Open,
    /// The call was let through.
    Allowed,
    /// The call was refused.
    Denied,
    /// The question was answered.
    Replied,
    /// Nobody answered in time, which refuses it.
    Expired,
    /// The agent no longer wants to know.
    Withdrawn,
}

/// One request of a running agent.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) id: AskId,
    pub(crate) agent: AgentId,
    pub(crate) run_no: u32,
    pub(crate) kind: AskKind,
    pub(crate) tool: String,
    pub(crate) content: String,
    pub(crate) addressee: Addressee,
    pub(crate) state: AskState,
    pub(crate) answer: String,
    pub(crate) answered_by: String,
    pub(crate) deadline_ms: i64,
    /// The agent above that has to answer; empty for the host session.
    pub(crate) decider: String,
}

/// Writes an open request. `false`: the run has ended, and nobody waits for the answer.
pub(crate) async fn add(store: &Store, ask: &Ask, now_ms: i64) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let added = sqlx::query(ADD)
        .bind(ask.id.as_str())
        .bind(ask.agent.as_str())
        .bind(i64::from(ask.run_no))
        .bind(match ask.kind {
            AskKind::Permission => "permission",
            AskKind::Question => "question",
        })
        .bind(&ask.tool)
        .bind(&ask.content)
        .bind(match ask.addressee {
            Addressee::Parent => "parent",
            Addressee::Person => "person",
        })
        .bind(now_ms)
        .bind(ask.deadline_ms)
        .bind(&ask.decider)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(added.rows_affected() == 1)
}

/// The open requests of a run, oldest first.
pub(crate) async fn open(
    store: &Store,
    agent: &AgentId,
    run_no: u32,
) -> Result<Vec<Ask>, StoreError> {
    let rows = sqlx::query(OPEN)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .fetch_all(store.read())
        .await?;
    rows.iter().map(ask).collect()
}

/// The open requests of the agent at `path`, and of all that work for it, that `decider` has to
/// answer; oldest first.
pub(crate) async fn open_within(
    store: &Store,
    path: &str,
    decider: &str,
) -> Result<Vec<Ask>, StoreError> {
    let rows = sqlx::query(OPEN_WITHIN)
        .bind(path)
        .bind(decider)
        .fetch_all(store.read())
        .await?;
    rows.iter().map(ask).collect()
}

/// One request, whatever has become of it.
pub(crate) async fn get(store: &Store, id: &AskId) -> Result<Option<Ask>, StoreError> {
    let row = sqlx::query(GET)
        .bind(id.as_str())
        .fetch_optional(store.read())
        .await?;
    row.as_ref().map(ask).transpose()
}

/// Open requests to the person, of agents that `owner` runs and all that work for them, oldest
/// first.
pub(crate) async fn for_person(store: &Store, owner: &OwnerId) -> Result<Vec<Ask>, StoreError> {
    let rows = sqlx::query(FOR_PERSON)
        .bind(owner.as_str())
        .fetch_all(store.read())
        .await?;
    rows.iter().map(ask).collect()
}

/// Answers that agents of `owner` were not given yet, oldest first.
pub(crate) async fn answered(store: &Store, owner: &OwnerId) -> Result<Vec<Ask>, StoreError> {
    let rows = sqlx::query(ANSWERED)
        .bind(owner.as_str())
        .fetch_all(store.read())
        .await?;
    rows.iter().map(ask).collect()
}

/// Gives a request its one answer. `false`: it had one already, or needs none any more.
pub(crate) async fn settle(
    store: &Store,
    id: &AskId,
    state: AskState,
    answer: &str,
    by: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let settled = sqlx::query(SETTLE)
        .bind(id.as_str())
        .bind(word(state))
        .bind(answer)
        .bind(by)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(settled.rows_affected() == 1)
}

/// Takes an answer to hand it to its agent. `true` for the one caller who may.
pub(crate) async fn take(store: &Store, id: &AskId) -> Result<bool, StoreError> {
    let mut tx = store.begin().await?;
    let taken = sqlx::query(TAKE)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(taken.rows_affected() == 1)
}

/// Closes what agents of `owner` asked and nobody answered until `before_ms`.
pub(crate) async fn expire(
    store: &Store,
    owner: &OwnerId,
    before_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(EXPIRE)
        .bind(owner.as_str())
        .bind(before_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// The person cannot be asked: the parent is.
pub(crate) async fn to_parent(store: &Store, id: &AskId) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(TO_PARENT)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Nobody needs the open requests of that run any more.
pub(crate) async fn withdraw_all(
    tx: &mut Tx,
    agent: &AgentId,
    run_no: u32,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(WITHDRAW_ALL)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn ask(row: &AnyRow) -> Result<Ask, StoreError> {
    let (kind, addressee): (String, String) = (row.try_get("kind")?, row.try_get("addressee")?);
    let state: String = row.try_get("state")?;
    Ok(Ask {
        id: AskId::stored(row.try_get("id")?),
        agent: AgentId::stored(row.try_get("agent_id")?),
        run_no: count(row.try_get("run_no")?),
        kind: match kind.as_str() {
            "question" => AskKind::Question,
            _ => AskKind::Permission,
        },
        tool: row.try_get("tool")?,
        content: row.try_get("content")?,
        addressee: match addressee.as_str() {
            "person" => Addressee::Person,
            _ => Addressee::Parent,
        },
        state: AskState::parse(&state).ok_or(StoreError::Row {
            what: "state of a request",
            message: state,
        })?,
        answer: row.try_get("answer")?,
        answered_by: row.try_get("answered_by")?,
        deadline_ms: row.try_get("deadline_ms")?,
        decider: row.try_get("decider")?,
    })
}

impl fmt::Display for AskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(*self))
    }
}

impl AskState {
    const ALL: [(AskState, &str); 6] = [
        (AskState::Open, "open"),
        (AskState::Allowed, "allowed"),
        (AskState::Denied, "denied"),
        (AskState::Replied, "replied"),
        (AskState::Expired, "expired"),
        (AskState::Withdrawn, "withdrawn"),
    ];

    fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state)
    }
}

/// The name of a state in the store.
fn word(state: AskState) -> &'static str {
    let found = AskState::ALL.iter().find(|(known, _)| *known == state);
    found.map_or("", |(_, name)| *name)
}
