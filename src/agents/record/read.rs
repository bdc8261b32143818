//! Reading agents and runs.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::family::{behind, below};
use super::{Line, LogEntry, Texts, count};
use crate::agents::lifecycle::Status;
use crate::ids::{AgentId, GroupId, OwnerId, ProjectId};
use crate::store::{Store, StoreError, statements};

statements! {
    GET = concat!("SELECT ", line_columns!(), " WHERE agent.id = $1");
    TEXTS = "SELECT prompt, provider_session, result, result_from, evidence FROM run
        WHERE agent_id = $1 AND run_no = $2";
    /// The provider's session of the newest run that got far enough to have one.
    LAST_SESSION = "SELECT provider_session, coalesce(started_ms, 0) FROM run
        WHERE agent_id = $1 AND provider_session <> '' ORDER BY run_no DESC LIMIT 1";
    PROMPTS = "SELECT prompt FROM run WHERE agent_id = $1 ORDER BY run_no";
    LIST = concat!("SELECT ", line_columns!(), " WHERE ($1 = '' OR agent.project_id = $1)
        AND ($2 = '' OR run.status = $2) AND (agent.created_ms, agent.id) < ($3, $4)
        AND agent.path > $6 AND agent.path < $6 || '~'
        AND ($7 = '' OR agent.group_id = $7)
        ORDER BY agent.created_ms DESC, agent.id DESC LIMIT $5");
    OF_SESSION = concat!("SELECT ", line_columns!(), " WHERE agent.session = $1
        AND coalesce(agent.parent, '') = $2
        AND (run.status IN ('queued','running') OR run.delivered = 0)
        ORDER BY agent.created_ms, agent.id");
    OF_PROJECT = concat!("SELECT ", line_columns!(), " WHERE agent.project_id = $1
        AND coalesce(agent.parent, '') = $3
        AND (run.status IN ('queued','running') OR run.delivered = 0)
        ORDER BY CASE WHEN agent.session = $4 THEN 0 ELSE 1 END,
          agent.created_ms DESC, agent.id LIMIT $2");
    OF_OWNER = concat!("SELECT ", line_columns!(), " WHERE run.owner_id = $1
        AND run.status IN ('queued','running') ORDER BY run.ticket");
    LIVE_BELOW = concat!("SELECT ", line_columns!(), " WHERE ", below!(), "
        AND run.status IN ('queued','running') ORDER BY run.above DESC, agent.id");
    IDS = "SELECT id FROM agent WHERE path > $1 AND path < $1 || '~' ORDER BY created_ms DESC LIMIT 1000";
    STOPS = "SELECT agent_id, run_no, stop_reason FROM run
        WHERE owner_id = $1 AND status IN ('queued','running') AND stop_reason IS NOT NULL";
    STOP_REASON = "SELECT coalesce(stop_reason, '') FROM run WHERE agent_id = $1 AND run_no = $2";
    AHEAD = "SELECT count(*) FROM run WHERE status = 'queued' AND slot = 1 AND stop_reason IS NULL
        AND ticket < (SELECT ticket FROM run WHERE agent_id = $1 AND run_no = $2)";
    LOG = "SELECT seq, run_no, at_ms, kind, body FROM event
        WHERE agent_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
}

macro_rules! line_columns {
    () => {
        "coalesce((SELECT not_before_ms FROM pace WHERE pace.provider = run.provider), 0) \
         AS rests_until_ms, agent.id, agent.parent, agent.path, agent.group_id, agent.session, agent.label, agent.run_no, agent.created_ms, run.status, run.above, \
         run.reason, run.detail, run.owner_id, run.launch, run.queued_ms, run.started_ms, \
         run.ended_ms, run.progress, run.delivered, coalesce((SELECT ask.id || ' ' || \
         CASE ask.kind WHEN 'question' THEN 'question' ELSE ask.tool END FROM ask \
         WHERE ask.agent_id = run.agent_id AND ask.run_no = run.run_no AND ask.state = 'open' \
         ORDER BY ask.asked_ms, ask.id LIMIT 1), '') AS waiting FROM agent JOIN run \
         ON run.agent_id = agent.id AND run.run_no = agent.run_no"
    };
}
use line_columns;

pub(crate) async fn agent(store: &Store, id: &AgentId) -> Result<Option<Line>, StoreError> {
    let row = sqlx::query(GET)
        .bind(id.as_str())
        .fetch_optional(store.read())
        .await?;
    row.as_ref().map(line).transpose()
}

pub(crate) async fn texts(store: &Store, id: &AgentId, run_no: u32) -> Result<Texts, StoreError> {
    let row = sqlx::query(TEXTS)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(store.read())
        .await?;
    Ok(Texts {
        prompt: row.try_get("prompt")?,
        provider_session: row.try_get("provider_session")?,
        result: row.try_get("result")?,
        result_from: row.try_get("result_from")?,
        evidence: parse("evidence", &row.try_get::<String, _>("evidence")?)?,
    })
}

/// The provider's session that a new run can carry on, and when the last run began to write to it.
pub(crate) async fn last_session(
    store: &Store,
    id: &AgentId,
) -> Result<Option<(String, i64)>, StoreError> {
    Ok(sqlx::query_as(LAST_SESSION)
        .bind(id.as_str())
        .fetch_optional(store.read())
        .await?)
}

/// The prompts of every run so far, oldest first.
pub(crate) async fn prompts(store: &Store, id: &AgentId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(PROMPTS)
        .bind(id.as_str())
        .fetch_all(store.read())
        .await?)
}

/// Which agents to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// `None`: of every project.
    pub(crate) project: Option<ProjectId>,
    pub(crate) status: Option<Status>,
    /// `None`: of any group or of none.
    pub(crate) group: Option<GroupId>,
    /// The last agent of the page before.
    pub(crate) after: Option<(i64, AgentId)>,
    pub(crate) limit: u32,
    /// Only agents below this path; `/` for all.
    pub(crate) below: String,
}

/// Newest first.
pub(crate) async fn list(store: &Store, filter: &Filter) -> Result<Vec<Line>, StoreError> {
    let (created_ms, id) = match &filter.after {
        Some((created_ms, id)) => (*created_ms, id.as_str()),
        None => (i64::MAX, ""),
    };
    let rows = sqlx::query(LIST)
        .bind(filter.project.as_ref().map_or("", ProjectId::as_str))
        .bind(filter.status.map_or("", Status::as_str))
        .bind(created_ms)
        .bind(id)
        .bind(i64::from(filter.limit))
        .bind(&filter.below)
        .bind(filter.group.as_ref().map_or("", GroupId::as_str))
        .fetch_all(store.read())
        .await?;
    rows.iter().map(line).collect()
}

/// Agents directly under a host session, or under an agent of it, that live or whose result nobody
/// has read, oldest first.
pub(crate) async fn of_session(
    store: &Store,
    session: &str,
    parent: Option<&AgentId>,
) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query(OF_SESSION)
        .bind(session)
        .bind(parent.map_or("", AgentId::as_str))
        .fetch_all(store.read())
        .await?;
    rows.iter().map(line).collect()
}

/// Agents of a project, directly under a session or under `parent`, that live or whose result nobody
/// has read; those of `session` first, newest first.
pub(crate) async fn of_project(
    store: &Store,
    project: &ProjectId,
    parent: Option<&AgentId>,
    session: &str,
    limit: u32,
) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query(OF_PROJECT)
        .bind(project.as_str())
        .bind(i64::from(limit))
        .bind(parent.map_or("", AgentId::as_str))
        .bind(session)
        .fetch_all(store.read())
        .await?;
    rows.iter().map(line).collect()
}

/// Live agents of an owner, in the order of the queue.
pub(crate) async fn of_owner(store: &Store, owner: &OwnerId) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query(OF_OWNER)
        .bind(owner.as_str())
        .fetch_all(store.read())
        .await?;
    rows.iter().map(line).collect()
}

/// Agents that have no end yet and work, however far down, for the run `key`; the deepest first.
pub(crate) async fn live_below(store: &Store, key: &str) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query(LIVE_BELOW)
        .bind(key)
        .bind(behind(key))
        .fetch_all(store.read())
        .await?;
    rows.iter().map(line).collect()
}

/// The newest thousand ids below a path, to find what a mistyped one was meant to be.
pub(crate) async fn ids(store: &Store, below: &str) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(IDS)
        .bind(below)
        .fetch_all(store.read())
        .await?)
}

/// Stops that were asked of `owner`: agent, run and reason.
pub(crate) async fn stops(
    store: &Store,
    owner: &OwnerId,
) -> Result<Vec<(AgentId, u32, String)>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(STOPS)
        .bind(owner.as_str())
        .fetch_all(store.read())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, run_no, reason)| (AgentId::stored(id), count(run_no), reason))
        .collect())
}

/// Why a stop of that run was asked for; empty when it was not.
pub(crate) async fn stop_reason(
    store: &Store,
    id: &AgentId,
    run_no: u32,
) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar(STOP_REASON)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(store.read())
        .await?)
}

/// How many runs wait in front of that one.
pub(crate) async fn ahead(store: &Store, id: &AgentId, run_no: u32) -> Result<u32, StoreError> {
    let ahead: i64 = sqlx::query_scalar(AHEAD)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_one(store.read())
        .await?;
    Ok(count(ahead))
}

/// The log of an agent behind position `after`.
pub(crate) async fn log(
    store: &Store,
    id: &AgentId,
    after: i64,
    limit: u32,
) -> Result<Vec<LogEntry>, StoreError> {
    let rows: Vec<(i64, i64, i64, String, String)> = sqlx::query_as(LOG)
        .bind(id.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(store.read())
        .await?;
    rows.into_iter()
        .map(|(seq, run_no, at_ms, kind, body)| {
            let body = parse("log entry", &body)?;
            Ok(LogEntry {
                seq,
                run_no: count(run_no),
                at_ms,
                kind,
                body,
            })
        })
        .collect()
}

fn line(row: &AnyRow) -> Result<Line, StoreError> {
    Ok(Line {
        id: AgentId::stored(row.try_get("id")?),
        parent: row
            .try_get::<Option<String>, _>("parent")?
            .map(AgentId::stored),
        path: row.try_get("path")?,
        group: row
            .try_get::<Option<String>, _>("group_id")?
            .map(GroupId::stored),
        session: row.try_get("session")?,
        label: row.try_get("label")?,
        run_no: count(row.try_get("run_no")?),
        status: status(row.try_get("status")?)?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        owner: OwnerId::stored(row.try_get("owner_id")?),
        plan: parse("launch", &row.try_get::<String, _>("launch")?)?,
        queued_ms: row.try_get("queued_ms")?,
        started_ms: row.try_get("started_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        created_ms: row.try_get("created_ms")?,
        above: row.try_get("above")?,
        progress: parse("progress", &row.try_get::<String, _>("progress")?)?,
        delivered: row.try_get::<i64, _>("delivered")? != 0,
        rests_until_ms: row.try_get("rests_until_ms")?,
        waiting: row.try_get("waiting")?,
    })
}

pub(super) fn status(name: String) -> Result<Status, StoreError> {
    Status::parse(&name).ok_or(StoreError::Row {
        what: "status",
        message: name,
    })
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    what: &'static str,
    json: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Row {
        what,
        message: error.to_string(),
    })
}
