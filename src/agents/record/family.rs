//! Families on record: what a session or an agent may still start, who works for whom, and what they
//! have spent. Every check stands in the transaction that writes what it admits.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{NewAgent, Plan, TransitionError, count};
use crate::agents::budget::reserve::{self, Account, Amounts, Short};
use crate::agents::evidence::Nested;
use crate::ids::AgentId;
use crate::store::{Store, StoreError, Tx, statements};
use crate::tasks::TaskError;

/// The window of `agents.max_spawns_per_minute`.
const A_MINUTE_MS: i64 = 60_000;

statements! {
    LIVE_UNDER = "SELECT count(*) FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no
        WHERE agent.session = $1 AND run.status IN ('queued','running')";
    STARTED_SINCE = "SELECT count(*) FROM agent JOIN run ON run.agent_id = agent.id
        WHERE agent.session = $1 AND run.queued_ms > $2";
    CURRENT_KEY = "SELECT run.above || run.agent_id || ':' || run.run_no || '/' FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no WHERE agent.id = $1";
    ONE = concat!("SELECT ", account_columns!(), " WHERE agent_id = $1 AND run_no = $2");
    BELOW = concat!("SELECT ", account_columns!(), " WHERE ", below!());
    SPENT_BELOW = concat!("SELECT count(DISTINCT agent_id) AS agents,
          coalesce(sum(CASE WHEN status IN ('queued','running') THEN 1 ELSE 0 END), 0) AS live,
          coalesce(sum(spent_tokens), 0) AS tokens, coalesce(sum(spent_usd), 0.0) AS usd
        FROM run WHERE ", below!());
    ASK_STOP_BELOW = concat!("UPDATE run SET stop_reason = $3, changed_ms = $4 WHERE ", below!(), "
          AND status IN ('queued','running') AND stop_reason IS NULL");
}

macro_rules! account_columns {
    () => {
        "above || agent_id || ':' || run_no || '/' AS key, status, \
         CASE WHEN status = 'running' AND stop_reason IS NULL THEN 1 ELSE 0 END AS goes_on, \
         spent_tokens, spent_usd, max_tokens, max_usd FROM run"
    };
}
use account_columns;

/// Runs that work for the run with the key $1, however far down; $2 is [`behind`] it.
macro_rules! below {
    () => {
        "above <> '/' AND above >= $1 AND above < $2"
    };
}
pub(super) use below;

/// The end of the range of keys that begin with `key`.
pub(super) fn behind(key: &str) -> String {
    format!("{key}~")
}

/// Why a run was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmissionError {
    #[error("the session has {limit} live agents")]
    Full { limit: u32 },
    #[error("the session has started {limit} agents within a minute")]
    TooFast { limit: u32 },
    /// A run above is over, or about to be.
    #[error("the agent above does not go on")]
    Ending,
    #[error("{0:?} is more than is left")]
    Short(Short),
    #[error(transparent)]
    Transition(#[from] TransitionError),
    #[error(transparent)]
    Task(#[from] TaskError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AdmissionError {
    fn from(error: sqlx::Error) -> Self {
        AdmissionError::Store(error.into())
    }
}

/// A run that may be written.
pub(crate) struct Admitted {
    /// The plan with what its family can grant.
    pub(crate) plan: Plan,
    /// The runs it works for.
    pub(crate) above: String,
}

/// Looks whether there is room for one more run of `agent`, the first of `coming` that are to be
/// written now.
pub(crate) async fn admit(
    tx: &mut Tx,
    agent: &NewAgent<'_>,
    coming: usize,
    now_ms: i64,
) -> Result<Admitted, AdmissionError> {
    let mut plan = agent.plan.clone();
    let live: i64 = sqlx::query_scalar(LIVE_UNDER)
        .bind(agent.session)
        .fetch_one(&mut **tx)
        .await?;
    if count(live) >= plan.max_tree {
        return Err(AdmissionError::Full {
            limit: plan.max_tree,
        });
    }
    let started: i64 = sqlx::query_scalar(STARTED_SINCE)
        .bind(agent.session)
        .bind(now_ms - A_MINUTE_MS)
        .fetch_one(&mut **tx)
        .await?;
    let limit = plan.nesting.max_spawns_per_minute;
    if count(started) >= limit {
        return Err(AdmissionError::TooFast { limit });
    }
    let Some(parent) = agent.parent else {
        let above = "/".to_owned();
        return Ok(Admitted { plan, above });
    };
    let above: Option<String> = sqlx::query_scalar(CURRENT_KEY)
        .bind(parent.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let above = above.ok_or(AdmissionError::Ending)?;
    let chain = chain(tx, &above).await?;
    let outermost = chain.first().ok_or(AdmissionError::Ending)?;
    let family = sqlx::query(BELOW)
        .bind(&outermost.key)
        .bind(behind(&outermost.key))
        .fetch_all(&mut **tx)
        .await?;
    let family: Vec<Account> = family.iter().map(account).collect::<Result<_, _>>()?;
    reserve::claim(&mut plan.budget, agent.insists, coming, &chain, &family)
        .map_err(AdmissionError::Short)?;
    plan.launch.max_cost_usd = plan.budget.max_cost_usd.bound();
    Ok(Admitted { plan, above })
}

/// The runs that `key` names, outermost first; all of them have to go on.
async fn chain(tx: &mut Tx, key: &str) -> Result<Vec<Account>, AdmissionError> {
    let mut chain = Vec::new();
    for run in key.split('/').filter(|run| !run.is_empty()) {
        let (agent, run_no) = run.split_once(':').ok_or(AdmissionError::Ending)?;
        let row = sqlx::query(ONE)
            .bind(agent)
            .bind(run_no.parse::<i64>().unwrap_or_default())
            .fetch_optional(&mut **tx)
            .await?;
        let row = row.ok_or(AdmissionError::Ending)?;
        if row.try_get::<i64, _>("goes_on")? == 0 {
            return Err(AdmissionError::Ending);
        }
        chain.push(account(&row)?);
    }
    Ok(chain)
}

fn account(row: &AnyRow) -> Result<Account, StoreError> {
    let status: String = row.try_get("status")?;
    let tokens: Option<i64> = row.try_get("max_tokens")?;
    Ok(Account {
        key: row.try_get("key")?,
        live: matches!(status.as_str(), "queued" | "running"),
        spent: Amounts {
            tokens: row.try_get::<i64, _>("spent_tokens")? as f64,
            usd: row.try_get("spent_usd")?,
        },
        limit: Amounts {
            tokens: tokens.map(|tokens| tokens as f64),
            usd: row.try_get("max_usd")?,
        },
    })
}

/// What the agents below a run have used up together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SpentBelow {
    pub(crate) agents: u32,
    /// Runs that have no end yet.
    pub(crate) live: u32,
    pub(crate) tokens: u64,
    pub(crate) usd: f64,
}

impl SpentBelow {
    /// The same for evidence; `None` where there was nobody.
    pub(crate) fn account(self) -> Option<Nested> {
        (self.agents > 0).then(|| Nested {
            agents: self.agents,
            tokens: self.tokens,
            // Sums of prices carry noise behind millionths.
            cost_usd: (self.usd * 1e6).round() / 1e6,
        })
    }
}

/// The spend of everything below the run `key`.
pub(crate) async fn spent_below(store: &Store, key: &str) -> Result<SpentBelow, StoreError> {
    let row = sqlx::query(SPENT_BELOW)
        .bind(key)
        .bind(behind(key))
        .fetch_one(store.read())
        .await?;
    let tokens: i64 = row.try_get("tokens")?;
    Ok(SpentBelow {
        agents: count(row.try_get("agents")?),
        live: count(row.try_get("live")?),
        tokens: u64::try_from(tokens).unwrap_or_default(),
        usd: row.try_get("usd")?,
    })
}

/// Asks the owners of everything live below the run `key` to stop it. What is queued does not start
/// any more.
pub(crate) async fn ask_stop_below(
    store: &Store,
    key: &str,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(ASK_STOP_BELOW)
        .bind(key)
        .bind(behind(key))
        .bind(reason)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// The agent that stands directly above in `above`, with its run: the last of `/a-1:1/a-2:3/`.
pub(crate) fn nearest(above: &str) -> Option<(AgentId, u32)> {
    let (agent, run_no) = above
        .trim_matches('/')
        .rsplit('/')
        .next()?
        .split_once(':')?;
    Some((AgentId::stored(agent.to_owned()), run_no.parse().ok()?))
}
