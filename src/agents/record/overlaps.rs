//! Files that live runs have changed, and where two of them met: both are told.

use serde_json::json;
use sqlx::AnyConnection;

use super::{count, write};
use crate::agents::evidence::Overlap;
use crate::agents::journal::Subject;
use crate::ids::{AgentId, ProjectId};
use crate::store::{Store, StoreError, Tx, statements};
use crate::workspaces::overlap::Place;

statements! {
    TOUCH = "INSERT INTO touch(agent_id, run_no, repository, path)
        SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM run
          WHERE agent_id = $1 AND run_no = $2 AND status = 'running')
        ON CONFLICT (agent_id, run_no, repository, path) DO NOTHING";
    /// Those of one group are at the same task, each in a tree of its own: that they meet is no news.
    OTHERS = "SELECT touch.agent_id, touch.run_no FROM touch JOIN run
        ON run.agent_id = touch.agent_id AND run.run_no = touch.run_no
        WHERE touch.repository = $1 AND touch.path = $2 AND touch.agent_id <> $3
          AND run.status = 'running'
          AND NOT EXISTS (SELECT 1 FROM agent own JOIN agent other ON other.group_id = own.group_id
            WHERE own.id = $3 AND other.id = touch.agent_id)
        ORDER BY touch.agent_id";
    MEET = "INSERT INTO overlap(agent_id, run_no, other_id, path, at_ms)
        SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM overlap
          WHERE agent_id = $1 AND run_no = $2 AND other_id = $3) < $6
        ON CONFLICT (agent_id, run_no, other_id, path) DO NOTHING";
    OF_RUN = "SELECT other_id, path FROM overlap WHERE agent_id = $1 AND run_no = $2
        ORDER BY other_id, path";
    OF_PROJECT = "SELECT overlap.agent_id, overlap.other_id, overlap.path FROM overlap
        JOIN agent ON agent.id = overlap.agent_id AND agent.run_no = overlap.run_no
        JOIN run ON run.agent_id = overlap.agent_id AND run.run_no = overlap.run_no
        WHERE agent.project_id = $1 AND (run.status IN ('queued','running') OR run.delivered = 0)
        ORDER BY overlap.at_ms DESC, overlap.path LIMIT $2";
    FORGET = "DELETE FROM touch WHERE agent_id = $1 AND run_no = $2";
}

/// Files kept of one pair of agents.
const KEPT: i64 = 50;
/// Rows behind the overlaps of a project that are shown.
const READ: i64 = 500;

/// Notes that a running agent has changed files. Whoever else runs and has changed one of them
/// shares an overlap with it from then on, which stands in the logs of both.
pub(crate) async fn touch(
    store: &Store,
    subject: &Subject,
    places: &[Place],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    for place in places {
        let repository = place.repository.as_deref().unwrap_or("".as_ref());
        let repository = repository.to_string_lossy();
        let path = store.redact(&place.path.to_string_lossy());
        let touched = sqlx::query(TOUCH)
            .bind(subject.agent.as_str())
            .bind(i64::from(subject.run_no))
            .bind(&*repository)
            .bind(&path)
            .execute(&mut *tx)
            .await?;
        if touched.rows_affected() != 1 {
            continue;
        }
        let others: Vec<(String, i64)> = sqlx::query_as(OTHERS)
            .bind(&*repository)
            .bind(&path)
            .bind(subject.agent.as_str())
            .fetch_all(&mut *tx)
            .await?;
        for (other, run_no) in others {
            let other = Subject {
                agent: AgentId::stored(other),
                run_no: count(run_no),
            };
            for (one, another) in [(subject, &other), (&other, subject)] {
                meet(&mut tx, store, one, &another.agent, &path, now_ms).await?;
            }
        }
    }
    store.commit(tx).await
}

async fn meet(
    tx: &mut Tx,
    store: &Store,
    one: &Subject,
    other: &AgentId,
    path: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let met = sqlx::query(MEET)
        .bind(one.agent.as_str())
        .bind(i64::from(one.run_no))
        .bind(other.as_str())
        .bind(path)
        .bind(now_ms)
        .bind(KEPT)
        .execute(&mut **tx)
        .await?;
    if met.rows_affected() != 1 {
        return Ok(());
    }
    let body = json!({ "with": other, "path": path });
    write::log(tx, store, &one.agent, one.run_no, now_ms, "overlap", &body).await
}

/// What a run has changed together with others so far.
pub(crate) async fn of_run(
    store: &Store,
    agent: &AgentId,
    run_no: u32,
) -> Result<Vec<Overlap>, StoreError> {
    let mut connection = store.read().acquire().await?;
    read(&mut connection, agent, run_no).await
}

/// The run is over: it stands in nobody's way any more. Returns what it had changed together with
/// others.
pub(crate) async fn close(
    tx: &mut Tx,
    agent: &AgentId,
    run_no: u32,
) -> Result<Vec<Overlap>, StoreError> {
    sqlx::query(FORGET)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .execute(&mut **tx)
        .await?;
    read(tx, agent, run_no).await
}

async fn read(
    connection: &mut AnyConnection,
    agent: &AgentId,
    run_no: u32,
) -> Result<Vec<Overlap>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(OF_RUN)
        .bind(agent.as_str())
        .bind(i64::from(run_no))
        .fetch_all(connection)
        .await?;
    Ok(Overlap::gathered(
        rows.into_iter()
            .map(|(other, path)| (AgentId::stored(other), path)),
    ))
}

/// Pairs of agents of a project that have changed the same files, those that met last first: of each
/// pair at least one lives or has a result that nobody has read.
pub(crate) async fn of_project(
    store: &Store,
    project: &ProjectId,
) -> Result<Vec<(AgentId, Overlap)>, StoreError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(OF_PROJECT)
        .bind(project.as_str())
        .bind(READ)
        .fetch_all(store.read())
        .await?;
    let mut pairs: Vec<(AgentId, AgentId, Vec<String>)> = Vec::new();
    for (agent, other, path) in rows {
        let (agent, other) = (AgentId::stored(agent), AgentId::stored(other));
        let (one, two) = if agent < other {
            (agent, other)
        } else {
            (other, agent)
        };
        let known = pairs.iter_mut().find(|(a, b, _)| *a == one && *b == two);
        match known {
            Some((_, _, paths)) if paths.contains(&path) => {}
            Some((_, _, paths)) => paths.push(path),
            None => pairs.push((one, two, vec![path])),
        }
    }
    Ok(pairs
        .into_iter()
        .map(|(one, two, paths)| (one, Overlap::with(two, paths)))
        .collect())
}
