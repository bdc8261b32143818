//! One task as a whole. Lists and history are bounded; the texts are as long as they are, see
//! [`TaskView::inline`].

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::brief::{ClaimView, EdgeView, LinkView, NoteView, TaskLine, TaskView};
use super::close::Named;
use super::error::TaskError;
use super::lines::{self, line_columns, standing};
use super::model::{EdgeKind, Holder, Kind, Link, Note, Task};
use super::rows::{self, word};
use super::tracker::{Tracker, unknown};
use crate::clock::rfc3339;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};

/// Children that are shown.
const PARTS: i64 = 50;
/// Edges of its own, and those to it, that are shown.
const EDGES: i64 = 50;
/// Entries of its history that are shown, the last ones.
const HISTORY: u32 = 200;

statements! {
    PARTS_OF = concat!("SELECT ", line_columns!(), " FROM task WHERE parent = $1
        ORDER BY status = 'closed', priority, created_ms, n LIMIT $2");
    /// $1 and the tasks above it, the nearest first.
    ABOVE = "WITH RECURSIVE up(id, place) AS (SELECT CAST($1 AS TEXT), 1
          UNION ALL SELECT t.parent, up.place + 1 FROM up JOIN task t ON t.id = up.id
          WHERE t.parent IS NOT NULL)
        SELECT task.id, task.title FROM up JOIN task ON task.id = up.id ORDER BY up.place";
    /// Its own edges before those to it, what holds first.
    EDGES_OF = "WITH
        edge(back, kind, holds, at_ms, other) AS (
          SELECT 0, kind, holds, at_ms, other_id FROM task_edge WHERE task_id = $1 AND gone = 0
          UNION ALL SELECT 1, kind, holds, at_ms, task_id FROM task_edge
            WHERE other_id = $1 AND gone = 0),
        placed AS (SELECT edge.*, count(*) OVER () AS all_of_them, row_number() OVER
            (PARTITION BY back ORDER BY holds DESC, kind, at_ms, other) AS place FROM edge)
        SELECT placed.back, placed.kind, placed.holds, placed.all_of_them, t.id, t.title, t.status,
          t.reason, t.held, t.open_children, t.defer_until_ms
        FROM placed CROSS JOIN task t ON t.id = placed.other WHERE place <= $2 ORDER BY back, place";
    NOTES = "SELECT count(*) FROM task_note WHERE task_id = $1";
}

impl Tracker<'_> {
    /// The task that `given` stands for, with all that has to do with it.
    ///
    /// # Errors
    /// [`TaskError::Unknown`], [`TaskError::Ambiguous`], failures of the store.
    pub async fn show(&self, given: &str) -> Result<TaskView, TaskError> {
        self.expire().await?;
        let now_ms = self.now_ms();
        let mut connection = self.store.read().acquire().await?;
        let connection = &mut *connection;
        let row = self.row_in(connection, given).await?;
        let task = rows::task(&row)?;
        let id = &task.id;
        let mut lines = vec![row];
        if task.children > 0 {
            lines.extend(rows_of(connection, PARTS_OF, id, Some(PARTS)).await?);
        }
        let mut lines = lines::shown(connection, &lines, now_ms).await?.into_iter();
        let Some(line) = lines.next() else {
            return Err(unknown(id));
        };
        let parts: Vec<TaskLine> = lines.collect();
        let above: Vec<(String, String)> = match &task.parent {
            Some(parent) => {
                let above = sqlx::query_as(ABOVE).bind(parent.as_str());
                above.fetch_all(&mut *connection).await?
            }
            None => Vec::new(),
        };
        let rows = rows_of(connection, EDGES_OF, id, Some(EDGES)).await?;
        let all_edges = match rows.first() {
            Some(row) => row.try_get("all_of_them")?,
            None => 0,
        };
        let edges = rows.iter().map(|row| edge(row, now_ms));
        let edges: Vec<EdgeView> = edges.collect::<Result<_, _>>()?;
        let more_edges = more(all_edges, edges.len());
        let links = rows::links(connection, id).await?;
        let notes = rows::notes(connection, id, HISTORY).await?;
        let all_notes = match u32::try_from(notes.len()) {
            Ok(shown) if shown < HISTORY => i64::from(shown),
            _ => {
                let count = sqlx::query_scalar(NOTES).bind(id.as_str());
                count.fetch_one(connection).await?
            }
        };
        let claim = claim(&task);
        Ok(TaskView {
            line,
            description: task.description,
            acceptance: task.acceptance,
            writes: (task.writes == (task.kind == Kind::Question)).then_some(task.writes),
            estimate_min: task.estimate_min,
            defer_until: time(task.defer_until_ms),
            external_ref: task.external_ref,
            above: above.into_iter().map(named).collect(),
            parts,
            edges,
            more_edges,
            more_notes: more(all_notes, notes.len()),
            notes: notes.into_iter().map(note).collect(),
            links: links.into_iter().map(link).collect(),
            claim,
            why: task.why,
            evidence: serde_json::from_str(&task.evidence).ok(),
            cut: Vec::new(),
            created: rfc3339(task.created_ms),
            created_by: task.created_by,
            updated: rfc3339(task.updated_ms),
            closed: time(task.closed_ms),
            closed_by: task.closed_by,
        })
    }
}

async fn rows_of(
    connection: &mut AnyConnection,
    sql: &'static str,
    id: &TaskId,
    limit: Option<i64>,
) -> Result<Vec<AnyRow>, StoreError> {
    let query = sqlx::query(sql).bind(id.as_str());
    let query = match limit {
        Some(limit) => query.bind(limit),
        None => query,
    };
    Ok(query.fetch_all(connection).await?)
}

fn named((id, title): (String, String)) -> Named {
    Named {
        id: TaskId::stored(id),
        title,
    }
}

fn edge(row: &AnyRow, now_ms: i64) -> Result<EdgeView, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(EdgeView {
        kind: word("edge", &kind, EdgeKind::parse)?,
        back: row.try_get::<i64, _>("back")? != 0,
        task: TaskId::stored(row.try_get("id")?),
        title: row.try_get("title")?,
        status: standing(row, now_ms)?,
        holds: row.try_get::<i64, _>("holds")? != 0,
    })
}

fn note(note: Note) -> NoteView {
    NoteView {
        id: note.id,
        at: rfc3339(note.at_ms),
        kind: note.kind,
        by: note.by,
        text: note.text,
    }
}

fn link(link: Link) -> LinkView {
    LinkView {
        kind: link.kind,
        target: link.target,
    }
}

fn claim(task: &Task) -> Option<ClaimView> {
    task.holder.as_ref().map(|holder| ClaimView {
        holder: Holder::told(holder),
        fence: task.fence,
        since: rfc3339(task.claimed_ms),
        until: time(task.lease_until_ms),
    })
}

/// A time, where there is one.
fn time(ms: i64) -> Option<String> {
    (ms > 0).then(|| rfc3339(ms))
}

/// How many are left out of a list.
fn more(all: i64, shown: usize) -> Option<u32> {
    let all = usize::try_from(all).unwrap_or_default();
    u32::try_from(all.saturating_sub(shown))
        .ok()
        .filter(|more| *more > 0)
}

#[cfg(test)]
mod tests;
