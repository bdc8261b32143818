//! Removing agents for good, a tree at a time: an agent that a session spawned, and all below it. What
//! belongs to an agent (runs, log, messages, requests, overlaps) goes with its row.

use sqlx::AnyConnection;

use super::count;
use crate::ids::AgentId;
use crate::store::{Store, StoreError, Tx, statements};

/// An id has eight characters, and a path begins with that of the outermost agent.
macro_rules! tree_columns {
    () => {
        "SELECT substr(agent.path, 2, 8) AS root, count(*) AS agents,
           max(CASE WHEN run.status IN ('queued','running') THEN 1 ELSE 0 END) AS live,
           max(1 - run.delivered) AS unread,
           max(CASE WHEN EXISTS (SELECT 1 FROM worktree
             WHERE worktree.agent_id = agent.id AND worktree.state <> 'removed')
             THEN 1 ELSE 0 END) AS worktree,
           max(coalesce(run.ended_ms, run.changed_ms)) AS ended_ms
         FROM agent JOIN run ON run.agent_id = agent.id AND run.run_no = agent.run_no "
    };
}

/// A plan and what was learnt outlive those who have worked on it; that a task was deleted is
/// remembered as well.
macro_rules! has_nothing_kept {
    () => {
        "NOT EXISTS (SELECT 1 FROM task WHERE task.project_id = project.id)
          AND NOT EXISTS (SELECT 1 FROM task_gone WHERE task_gone.project_id = project.id)
          AND NOT EXISTS (SELECT 1 FROM memory WHERE memory.project_id = project.id)
          AND NOT EXISTS (SELECT 1 FROM drain WHERE drain.project_id = project.id)"
    };
}

statements! {
    TREES = concat!(tree_columns!(), "GROUP BY root ORDER BY ended_ms DESC, root");
    TREE = concat!(tree_columns!(), "WHERE agent.path >= $1 AND agent.path < $2 GROUP BY root");
    AGENTS = "SELECT agent.id, agent.label, coalesce(run.ended_ms, run.changed_ms) FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no
        WHERE agent.path >= $1 AND agent.path < $2 ORDER BY agent.path";
    RUNS = "SELECT count(*) FROM agent JOIN run ON run.agent_id = agent.id
        WHERE agent.path >= $1 AND agent.path < $2";
    RUN_SIZES = "SELECT coalesce(sum(length(run.prompt) + length(run.launch)
          + length(run.result) + length(run.progress) + length(run.evidence)), 0)
        FROM agent JOIN run ON run.agent_id = agent.id
        WHERE agent.path >= $1 AND agent.path < $2";
    EVENTS = "SELECT count(*) FROM agent JOIN event ON event.agent_id = agent.id
        WHERE agent.path >= $1 AND agent.path < $2";
    EVENT_SIZES = "SELECT coalesce(sum(length(event.kind) + length(event.body)), 0)
        FROM agent JOIN event ON event.agent_id = agent.id
        WHERE agent.path >= $1 AND agent.path < $2";
    CUT_LOG = "DELETE FROM event WHERE (agent_id, seq) IN (SELECT event.agent_id, event.seq
        FROM agent JOIN event ON event.agent_id = agent.id
        WHERE agent.path >= $1 AND agent.path < $2 LIMIT $3)";
    REMOVE_WORKTREES = "DELETE FROM worktree WHERE state = 'removed' AND agent_id IN
        (SELECT id FROM agent WHERE path >= $1 AND path < $2)";
    REMOVE_TREE = "DELETE FROM agent WHERE path >= $1 AND path < $2";
    FORGET_OVERLAPS = "DELETE FROM overlap WHERE other_id NOT IN (SELECT id FROM agent)";
    FORGET_OWNERS = "DELETE FROM owner WHERE ended_ms IS NOT NULL
        AND id NOT IN (SELECT owner_id FROM run)";
    /// While an owner has not said yet which project is its own, it may be any.
    FORGET_PROJECTS = concat!("DELETE FROM project WHERE id NOT IN (SELECT project_id FROM agent)
        AND id NOT IN (SELECT project_id FROM worktree)
        AND id NOT IN (SELECT project_id FROM owner WHERE project_id IS NOT NULL)
        AND ", has_nothing_kept!(), "
        AND NOT EXISTS (SELECT 1 FROM owner WHERE ended_ms IS NULL AND project_id IS NULL)");
    OWNERS = "SELECT owner.id, substr(agent.path, 2, 8) FROM owner
        LEFT JOIN run ON run.owner_id = owner.id LEFT JOIN agent ON agent.id = run.agent_id
        WHERE owner.ended_ms IS NOT NULL ORDER BY owner.id";
    PROJECTS = concat!("SELECT project.id, substr(agent.path, 2, 8) FROM project
        LEFT JOIN agent ON agent.project_id = project.id
        WHERE project.id NOT IN (SELECT project_id FROM worktree)
          AND project.id NOT IN (SELECT project_id FROM owner WHERE project_id IS NOT NULL)
          AND ", has_nothing_kept!(), "
          AND NOT EXISTS (SELECT 1 FROM owner WHERE ended_ms IS NULL AND project_id IS NULL)
        ORDER BY project.id");
    /// A time in the future is that of a clock that was wrong.
    CLAIM = "INSERT INTO upkeep(what, begun_ms) VALUES ($1, $2) ON CONFLICT (what)
        DO UPDATE SET begun_ms = $2 WHERE upkeep.begun_ms <= $3 OR upkeep.begun_ms > $2";
    BEGUN = "SELECT begun_ms FROM upkeep WHERE what = $1";
}

/// Entries of a log that are removed in one transaction, in a tenth of a second.
const LOG_AT_ONCE: i64 = 10_000;

/// What decides whether a tree of agents may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The agent that a session spawned.
    pub(crate) root: AgentId,
    pub(crate) agents: u32,
    /// One of them is queued or runs.
    pub(crate) live: bool,
    /// A result of one of them was read by nobody.
    pub(crate) unread: bool,
    /// A git worktree of one of them is there.
    pub(crate) worktree: bool,
    /// When the last of them ended.
    pub(crate) ended_ms: i64,
}

type TreeRow = (String, i64, i64, i64, i64, i64);

fn tree_of((root, agents, live, unread, worktree, ended_ms): TreeRow) -> Tree {
    Tree {
        root: AgentId::stored(root),
        agents: count(agents),
        live: live != 0,
        unread: unread != 0,
        worktree: worktree != 0,
        ended_ms,
    }
}

/// Paths of a tree: from this one, and below that one (`0` follows `/`).
fn paths(root: &AgentId) -> (String, String) {
    (format!("/{root}/"), format!("/{root}0"))
}

/// All trees, those first that ended last.
pub(crate) async fn trees(store: &Store) -> Result<Vec<Tree>, StoreError> {
    let rows: Vec<TreeRow> = sqlx::query_as(TREES).fetch_all(store.read()).await?;
    Ok(rows.into_iter().map(tree_of).collect())
}

/// The tree as it is now that nobody else can change it.
pub(crate) async fn tree(tx: &mut Tx, root: &AgentId) -> Result<Option<Tree>, StoreError> {
    let (from, to) = paths(root);
    let row: Option<TreeRow> = sqlx::query_as(TREE)
        .bind(from)
        .bind(to)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(tree_of))
}

/// Ids, labels and ends of the agents of a tree, outermost first.
pub(crate) async fn agents(
    connection: &mut AnyConnection,
    root: &AgentId,
) -> Result<Vec<(AgentId, String, i64)>, StoreError> {
    let (from, to) = paths(root);
    let rows: Vec<(String, String, i64)> = sqlx::query_as(AGENTS)
        .bind(from)
        .bind(to)
        .fetch_all(connection)
        .await?;
    let agents = rows.into_iter();
    Ok(agents
        .map(|(id, label, ended_ms)| (AgentId::stored(id), label, ended_ms))
        .collect())
}

/// How much a tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) runs: u64,
    pub(crate) log_entries: u64,
}

/// How much a tree holds.
pub(crate) async fn content(
    connection: &mut AnyConnection,
    root: &AgentId,
) -> Result<Content, StoreError> {
    let mut counts = [0; 2];
    for (statement, count) in [RUNS, EVENTS].into_iter().zip(&mut counts) {
        *count = number(connection, statement, root).await?;
    }
    let [runs, log_entries] = counts;
    Ok(Content { runs, log_entries })
}

/// Bytes of the texts of a tree, all of which are read for it.
pub(crate) async fn size(
    connection: &mut AnyConnection,
    root: &AgentId,
) -> Result<u64, StoreError> {
    Ok(number(connection, RUN_SIZES, root).await? + number(connection, EVENT_SIZES, root).await?)
}

async fn number(
    connection: &mut AnyConnection,
    statement: &'static str,
    root: &AgentId,
) -> Result<u64, StoreError> {
    let (from, to) = paths(root);
    let number: i64 = sqlx::query_scalar(statement)
        .bind(from)
        .bind(to)
        .fetch_one(connection)
        .await?;
    Ok(number.unsigned_abs())
}

/// What of a tree was removed.
pub(crate) enum Removed {
    /// So many entries of its log, which was too long to go at once.
    Log(u64),
    /// Everything that was left.
    All(Content),
}

/// Removes a tree, or the first of a log that would hold up others for too long.
pub(crate) async fn remove(tx: &mut Tx, root: &AgentId) -> Result<Removed, StoreError> {
    let (from, to) = paths(root);
    let log = sqlx::query(CUT_LOG)
        .bind(&from)
        .bind(&to)
        .bind(LOG_AT_ONCE)
        .execute(&mut **tx)
        .await?;
    let log_entries = log.rows_affected();
    if log_entries >= LOG_AT_ONCE.unsigned_abs() {
        return Ok(Removed::Log(log_entries));
    }
    let runs = number(tx, RUNS, root).await?;
    for statement in [REMOVE_WORKTREES, REMOVE_TREE] {
        sqlx::query(statement)
            .bind(&from)
            .bind(&to)
            .execute(&mut **tx)
            .await?;
    }
    Ok(Removed::All(Content { runs, log_entries }))
}

/// Ids of owners and projects, each with the tree of an agent that refers to it; `None` for none.
pub(crate) struct References {
    pub(crate) owners: Vec<(String, Option<AgentId>)>,
    pub(crate) projects: Vec<(String, Option<AgentId>)>,
}

/// What keeps owners that have left and projects that nobody works in.
pub(crate) async fn references(store: &Store) -> Result<References, StoreError> {
    let mut both = [Vec::new(), Vec::new()];
    for (statement, found) in [OWNERS, PROJECTS].into_iter().zip(&mut both) {
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as(statement).fetch_all(store.read()).await?;
        let rows = rows.into_iter();
        found.extend(rows.map(|(id, root)| (id, root.map(AgentId::stored))));
    }
    let [owners, projects] = both;
    Ok(References { owners, projects })
}

/// Removes owners and projects that nothing refers to any more: how many of each.
pub(crate) async fn forget_unreferenced(store: &Store) -> Result<(u64, u64), StoreError> {
    let mut tx = store.begin().await?;
    sqlx::query(FORGET_OVERLAPS).execute(&mut *tx).await?;
    let owners = sqlx::query(FORGET_OWNERS).execute(&mut *tx).await?;
    let projects = sqlx::query(FORGET_PROJECTS).execute(&mut *tx).await?;
    store.commit(tx).await?;
    Ok((owners.rows_affected(), projects.rows_affected()))
}

/// Whether `what` was not begun since `since_ms`; `true` is told to one process only, which is to begin
/// it now.
pub(crate) async fn claim(
    store: &Store,
    what: &'static str,
    since_ms: i64,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let begun: Option<i64> = sqlx::query_scalar(BEGUN)
        .bind(what)
        .fetch_optional(store.read())
        .await?;
    if begun.is_some_and(|begun_ms| begun_ms > since_ms && begun_ms <= now_ms) {
        return Ok(false);
    }
    let mut tx = store.begin().await?;
    let claimed = sqlx::query(CLAIM)
        .bind(what)
        .bind(now_ms)
        .bind(since_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(claimed.rows_affected() == 1)
}
