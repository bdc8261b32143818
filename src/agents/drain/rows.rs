//! Drains on record: which tasks one is for, on which branch its work comes together, and which agents
//! it has had work on what.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::left::Open;
use super::report::{Drained, Outcome};
use crate::agents::record::count;
use crate::clock::rfc3339;
use crate::ids::{AgentId, DrainId, OwnerId, ProjectId, TaskId};
use crate::store::{Store, StoreError, Tx, statements};
use crate::tasks::{Kind, Wanted};

statements! {
    OPEN = "SELECT id, branch, base, owner_id, since_ms FROM drain
        WHERE project_id = $1 AND wanted = $2 AND repository = $3 AND ended_ms = 0
        ORDER BY created_ms DESC, id LIMIT 1";
    BEGIN = "INSERT INTO drain(id, project_id, wanted, repository, branch, base, owner_id,
          created_ms, since_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    TAKE_UP = "UPDATE drain SET owner_id = $2, since_ms = $3 WHERE id = $1";
    FRESH_ATTEMPTS = "UPDATE drain_task SET failures = 0 WHERE drain_id = $1";
    LEAVE = "UPDATE drain SET owner_id = CASE WHEN owner_id = $2 THEN '' ELSE owner_id END,
          ended_ms = $3 WHERE id = $1";
    ADD = "INSERT INTO drain_task(drain_id, task_id, agent_id, at_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (drain_id, task_id, agent_id) DO NOTHING";
    /// One that was over goes on.
    WAKE = "UPDATE drain SET ended_ms = 0 WHERE id = $1 AND ended_ms <> 0";
    /// Of each open task the last agent, in the order in which they were begun.
    BEGUN = "SELECT d.task_id, d.agent_id, d.failures, d.judged, d.why, d.tip FROM drain_task d
          JOIN task ON task.id = d.task_id
        WHERE d.drain_id = $1 AND task.status <> 'closed' AND NOT EXISTS (
          SELECT 1 FROM drain_task later WHERE later.drain_id = d.drain_id
            AND later.task_id = d.task_id AND (later.at_ms, later.agent_id) > (d.at_ms, d.agent_id))
        ORDER BY d.at_ms, d.task_id";
    JUDGE = "UPDATE drain_task SET failures = CASE WHEN $7 = 1 THEN $6 ELSE failures + 1 END,
          judged = $4, why = $5
        WHERE drain_id = $1 AND task_id = $2 AND agent_id = $3 AND judged < $4";
    NOTE_TIP = "UPDATE drain_task SET tip = $4, commits = $5
        WHERE drain_id = $1 AND task_id = $2 AND agent_id = $3";
    NOTE_MERGED = "UPDATE drain_task SET merged = $4
        WHERE drain_id = $1 AND task_id = $2 AND agent_id = $3";
    /// The cost of an agent's runs, and of those that worked for it, from $2 on.
    SPENT = "SELECT coalesce(sum(run.spent_usd), 0.0) FROM drain_task d
          JOIN agent ON agent.path >= '/' || d.agent_id || '/' AND agent.path < '/' || d.agent_id || '/~'
          JOIN run ON run.agent_id = agent.id
        WHERE d.drain_id = $1 AND run.queued_ms >= $2";
    /// The same with all that its own agents may still use up that are at work.
    CLAIMED = "SELECT coalesce(sum(CASE WHEN agent.id = d.agent_id
            AND run.status IN ('queued','running') AND run.max_usd > run.spent_usd
          THEN run.max_usd ELSE run.spent_usd END), 0.0) FROM drain_task d
          JOIN agent ON agent.path >= '/' || d.agent_id || '/' AND agent.path < '/' || d.agent_id || '/~'
          JOIN run ON run.agent_id = agent.id
        WHERE d.drain_id = $1 AND run.queued_ms >= $2";
    /// The commits that have brought in what its closed tasks are.
    MERGES = "SELECT DISTINCT d.merged FROM drain_task d JOIN task ON task.id = d.task_id
        WHERE d.drain_id = $1 AND d.merged NOT IN ('', '-') AND task.reason = 'done'";
    DONE = "SELECT count(*) FROM drain_task d JOIN task ON task.id = d.task_id
        WHERE d.drain_id = $1 AND d.merged <> '' AND task.reason = 'done'";
    WORKED_ON = "SELECT d.task_id, task.title, task.reason, d.agent_id, d.failures, d.why, d.commits,
          d.merged, (SELECT coalesce(sum(run.spent_usd), 0.0) FROM agent
            JOIN run ON run.agent_id = agent.id
            WHERE agent.path >= '/' || d.agent_id || '/' AND agent.path < '/' || d.agent_id || '/~')
          AS usd
        FROM drain_task d JOIN task ON task.id = d.task_id
        WHERE d.drain_id = $1 ORDER BY d.at_ms, d.task_id, d.agent_id";
    /// All open tasks of a project, those that are asked for marked: with the label $2, of the kind $3,
    /// below $4; what is empty asks for nothing.
    REST = "SELECT id, parent, title, holder, defer_until_ms, open_children,
          CASE WHEN ($2 = '' OR EXISTS (SELECT 1 FROM task_label l
              WHERE l.task_id = task.id AND l.label = $2 AND l.gone = 0))
            AND ($3 = '' OR kind = $3)
            AND ($4 = '' OR id IN (WITH RECURSIVE below(id) AS (
              SELECT id FROM task WHERE parent = $4
              UNION ALL SELECT t.id FROM below JOIN task t ON t.parent = below.id)
              SELECT id FROM below)) THEN 1 ELSE 0 END AS wanted
        FROM task WHERE project_id = $1 AND status <> 'closed' ORDER BY priority, created_ms, id";
    /// What holds them. Every priority is at least 0: that leads SQLite to the index of open tasks.
    HOLDING = "SELECT e.task_id, e.other_id FROM task_edge e JOIN task ON task.id = e.task_id
        WHERE task.project_id = $1 AND task.status <> 'closed' AND task.priority >= 0
          AND e.holds = 1 AND e.gone = 0
        ORDER BY e.task_id, e.at_ms, e.other_id";
    /// What the task $1 builds on that other drains of the repository $3 than $2 have brought in: what it
    /// was blocked by, as the tasks above it were, and its parts.
    ELSEWHERE = "WITH RECURSIVE
          up(id) AS (SELECT CAST($1 AS TEXT)
            UNION SELECT task.parent FROM up JOIN task ON task.id = up.id WHERE task.parent IS NOT NULL),
          on_what(id) AS (
            SELECT e.other_id FROM task_edge e JOIN up ON up.id = e.task_id
              WHERE e.gone = 0 AND e.kind IN ('blocked_by','waits_children','on_failure')
            UNION SELECT id FROM task WHERE parent = $1)
        SELECT d.task_id, d.merged, drain.branch FROM on_what
          JOIN drain_task d ON d.task_id = on_what.id JOIN drain ON drain.id = d.drain_id
        WHERE d.merged NOT IN ('', '-') AND d.drain_id <> $2 AND drain.repository = $3 ORDER BY d.task_id";
}

/// A drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drain {
    pub(crate) id: DrainId,
    pub(crate) branch: String,
    pub(crate) base: String,
    /// From when on its cost counts for a limit.
    pub(crate) since_ms: i64,
    /// It had been begun before.
    pub(crate) again: bool,
}

/// A drain to be found or begun.
pub(crate) struct NewDrain<'a> {
    pub(crate) id: DrainId,
    pub(crate) project: &'a ProjectId,
    pub(crate) wanted: &'a str,
    pub(crate) repository: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) base: &'a str,
}

/// The drain for the same tasks in the same repository that is not over, or a new one. Who takes over
/// from a process that died goes on where that was; after one that left in order, what failed is tried
/// anew. Others that are at work on it are joined.
pub(crate) async fn take_up(
    store: &Store,
    new: &NewDrain<'_>,
    owner: &OwnerId,
    is_alive: impl Fn(&OwnerId) -> bool,
    now_ms: i64,
) -> Result<Drain, StoreError> {
    let mut tx = store.begin().await?;
    let open: Option<(String, String, String, String, i64)> = sqlx::query_as(OPEN)
        .bind(new.project.as_str())
        .bind(new.wanted)
        .bind(new.repository)
        .fetch_optional(&mut *tx)
        .await?;
    let drain = match open {
        Some((id, branch, base, last_owner, since_ms)) => {
            let in_order = last_owner.is_empty();
            let joined = !in_order && is_alive(&OwnerId::stored(last_owner));
            let since_ms = if in_order { now_ms } else { since_ms };
            if in_order {
                sqlx::query(FRESH_ATTEMPTS)
                    .bind(&id)
                    .execute(&mut *tx)
                    .await?;
            }
            if !joined {
                sqlx::query(TAKE_UP)
                    .bind(&id)
                    .bind(owner.as_str())
                    .bind(since_ms)
                    .execute(&mut *tx)
                    .await?;
            }
            Drain {
                id: DrainId::stored(id),
                branch,
                base,
                since_ms,
                again: true,
            }
        }
        None => {
            sqlx::query(BEGIN)
                .bind(new.id.as_str())
                .bind(new.project.as_str())
                .bind(new.wanted)
                .bind(new.repository)
                .bind(new.branch)
                .bind(new.base)
                .bind(owner.as_str())
                .bind(now_ms)
                .execute(&mut *tx)
                .await?;
            Drain {
                id: new.id.clone(),
                branch: new.branch.to_owned(),
                base: new.base.to_owned(),
                since_ms: now_ms,
                again: false,
            }
        }
    };
    store.commit(tx).await?;
    Ok(drain)
}

/// Notes that a process leaves a drain in order, and whether nothing is left of it.
pub(crate) async fn leave(
    store: &Store,
    id: &DrainId,
    owner: &OwnerId,
    is_over: bool,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(LEAVE)
        .bind(id.as_str())
        .bind(owner.as_str())
        .bind(if is_over { now_ms } else { 0 })
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Notes, with the first run of an agent, which task it has of which drain.
pub(crate) async fn add(
    tx: &mut Tx,
    drain: &DrainId,
    task: &TaskId,
    agent: &AgentId,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(ADD)
        .bind(drain.as_str())
        .bind(task.as_str())
        .bind(agent.as_str())
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    sqlx::query(WAKE)
        .bind(drain.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// An open task and the agent that a drain has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) task: TaskId,
    pub(crate) agent: AgentId,
    pub(crate) failures: u32,
    /// The last run that was found not to have done it.
    pub(crate) judged: u32,
    pub(crate) why: String,
    /// The commit that is to be merged, once that is known.
    pub(crate) tip: String,
}

/// The open tasks that a drain has begun, in that order.
pub(crate) async fn begun(store: &Store, id: &DrainId) -> Result<Vec<Begun>, StoreError> {
    let rows = sqlx::query(BEGUN)
        .bind(id.as_str())
        .fetch_all(store.read())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Begun {
                task: TaskId::stored(row.try_get("task_id")?),
                agent: AgentId::stored(row.try_get("agent_id")?),
                failures: count(row.try_get("failures")?),
                judged: count(row.try_get("judged")?),
                why: row.try_get("why")?,
                tip: row.try_get("tip")?,
            })
        })
        .collect()
}

/// Which run failed at which task, and what it lacked.
pub(crate) struct Judgement<'a> {
    pub(crate) task: &'a TaskId,
    pub(crate) agent: &'a AgentId,
    pub(crate) run_no: u32,
    pub(crate) why: &'a str,
    /// With it all `attempts` are used up.
    pub(crate) last: bool,
    pub(crate) attempts: u32,
}

/// Counts a run that failed at its task, once.
pub(crate) async fn judge(
    store: &Store,
    drain: &DrainId,
    judgement: &Judgement<'_>,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(JUDGE)
        .bind(drain.as_str())
        .bind(judgement.task.as_str())
        .bind(judgement.agent.as_str())
        .bind(i64::from(judgement.run_no))
        .bind(store.redact(judgement.why))
        .bind(i64::from(judgement.attempts))
        .bind(i64::from(judgement.last))
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Notes which commit of an agent is about to be merged, and how many commits it brings: its branch may
/// be gone by the time that somebody asks whether it was.
pub(crate) async fn note_tip(
    store: &Store,
    drain: &DrainId,
    task: &TaskId,
    agent: &AgentId,
    tip: &str,
    commits: u32,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(NOTE_TIP)
        .bind(drain.as_str())
        .bind(task.as_str())
        .bind(agent.as_str())
        .bind(tip)
        .bind(i64::from(commits))
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// Notes what has brought an agent's work in; `-` for an answer.
pub(crate) async fn note_merged(
    store: &Store,
    drain: &DrainId,
    task: &TaskId,
    agent: &AgentId,
    merge: &str,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(NOTE_MERGED)
        .bind(drain.as_str())
        .bind(task.as_str())
        .bind(agent.as_str())
        .bind(merge)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

/// US dollars that the agents of a drain have cost since then.
pub(crate) async fn spent(store: &Store, id: &DrainId, since_ms: i64) -> Result<f64, StoreError> {
    Ok(sqlx::query_scalar(SPENT)
        .bind(id.as_str())
        .bind(since_ms)
        .fetch_one(store.read())
        .await?)
}

/// US dollars that the agents of a drain have cost since then or may still cost.
pub(crate) async fn claimed(store: &Store, id: &DrainId, since_ms: i64) -> Result<f64, StoreError> {
    Ok(sqlx::query_scalar(CLAIMED)
        .bind(id.as_str())
        .bind(since_ms)
        .fetch_one(store.read())
        .await?)
}

/// The merges of the tasks that a drain has done.
pub(crate) async fn merges(store: &Store, id: &DrainId) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(MERGES)
        .bind(id.as_str())
        .fetch_all(store.read())
        .await?)
}

/// How many tasks a drain has done.
pub(crate) async fn done(store: &Store, id: &DrainId) -> Result<usize, StoreError> {
    let done: i64 = sqlx::query_scalar(DONE)
        .bind(id.as_str())
        .fetch_one(store.read())
        .await?;
    Ok(usize::try_from(done).unwrap_or_default())
}

/// What a drain has worked on, in the order in which it was begun.
pub(crate) async fn worked_on(
    store: &Store,
    id: &DrainId,
    attempts: u32,
) -> Result<Vec<Drained>, StoreError> {
    let rows = sqlx::query(WORKED_ON)
        .bind(id.as_str())
        .fetch_all(store.read())
        .await?;
    rows.iter().map(|row| drained(row, attempts)).collect()
}

fn drained(row: &AnyRow, attempts: u32) -> Result<Drained, StoreError> {
    let reason: String = row.try_get("reason")?;
    let merged: String = row.try_get("merged")?;
    let outcome = match reason.as_str() {
        "" if count(row.try_get("failures")?) >= attempts => Outcome::Failed,
        "" => Outcome::Open,
        "done" if !merged.is_empty() => Outcome::Done,
        _ => Outcome::Closed,
    };
    Ok(Drained {
        task: TaskId::stored(row.try_get("task_id")?),
        title: row.try_get("title")?,
        agent: AgentId::stored(row.try_get("agent_id")?),
        commits: match merged.as_str() {
            "" | ANSWERED => 0,
            _ => count(row.try_get("commits")?),
        },
        merged: if merged == ANSWERED {
            String::new()
        } else {
            merged
        },
        cost_usd: row.try_get("usd")?,
        why: match outcome {
            Outcome::Done | Outcome::Closed => String::new(),
            Outcome::Failed | Outcome::Open => row.try_get("why")?,
        },
        outcome,
    })
}

/// Stands for the merge of a task that only asked.
pub(crate) const ANSWERED: &str = "-";

/// All open tasks of a project, and what holds what.
pub(crate) async fn rest(
    store: &Store,
    project: &ProjectId,
    wanted: &Wanted,
    now_ms: i64,
) -> Result<(Vec<(TaskId, Open)>, Vec<(TaskId, TaskId)>), StoreError> {
    let rows = sqlx::query(REST)
        .bind(project.as_str())
        .bind(wanted.label.as_deref().unwrap_or_default())
        .bind(wanted.kind.map_or("", Kind::as_str))
        .bind(wanted.parent.as_deref().unwrap_or_default())
        .fetch_all(store.read())
        .await?;
    let mut tasks = Vec::with_capacity(rows.len());
    for row in &rows {
        let holder: String = row.try_get("holder")?;
        let until_ms: i64 = row.try_get("defer_until_ms")?;
        let parent: Option<String> = row.try_get("parent")?;
        let open = Open {
            title: row.try_get("title")?,
            parent: parent.map(TaskId::stored),
            holder: (!holder.is_empty()).then_some(holder),
            deferred: (until_ms > now_ms).then(|| rfc3339(until_ms)),
            wanted: row.try_get::<i64, _>("wanted")? != 0,
            given_up: None,
            begun_by: None,
        };
        tasks.push((TaskId::stored(row.try_get("id")?), open));
    }
    let edges: Vec<(String, String)> = sqlx::query_as(HOLDING)
        .bind(project.as_str())
        .fetch_all(store.read())
        .await?;
    let edges = edges.into_iter();
    let edges = edges.map(|(task, other)| (TaskId::stored(task), TaskId::stored(other)));
    Ok((tasks, edges.collect()))
}

/// Work that a task builds on and that another drain has brought onto its own branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) task: TaskId,
    pub(crate) merged: String,
    pub(crate) branch: String,
}

/// What `task` builds on that other drains of the same repository have done.
pub(crate) async fn elsewhere(
    store: &Store,
    task: &TaskId,
    drain: &DrainId,
    repository: &str,
) -> Result<Vec<Elsewhere>, StoreError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(ELSEWHERE)
        .bind(task.as_str())
        .bind(drain.as_str())
        .bind(repository)
        .fetch_all(store.read())
        .await?;
    let found = rows.into_iter().map(|(task, merged, branch)| Elsewhere {
        task: TaskId::stored(task),
        merged,
        branch,
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_left_is_told_without_a_look_at_closed_tasks() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        for sql in [REST, HOLDING] {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
                .fetch_all(store.read())
                .await
                .unwrap();
            let reads = |index: &str| steps.iter().any(|(.., step)| step.contains(index));
            assert!(reads("task_open") && !reads("task_all"), "{steps:#?}");
        }
    }
}
