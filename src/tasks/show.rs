//! One task as a whole. Lists and history are bounded; the texts are as long as they are, see
//! [`TaskView::inline`].

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::brief::{ClaimView, EdgeView, LinkView, NoteView, TaskView};
use super::close::Named;
use super::error::TaskError;
use super::lines::{self, line_columns, standing};
use super::model::{EdgeKind, Holder, Kind, Link, Note, Task};
use super::rows::{self, word};
use super::tracker::Tracker;
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
    /// The line of $1, and those of its children.
    LINE = concat!("SELECT ", line_columns!(), " FROM task WHERE id = $1");
    PARTS_OF = concat!("SELECT ", line_columns!(), " FROM task WHERE parent = $1
        ORDER BY status = 'closed', priority, created_ms, n LIMIT $2");
    ABOVE = "WITH RECURSIVE up(id, place) AS (SELECT parent, 1 FROM task
          WHERE id = $1 AND parent IS NOT NULL
          UNION ALL SELECT t.parent, up.place + 1 FROM up JOIN task t ON t.id = up.id
          WHERE t.parent IS NOT NULL)
        SELECT task.id, task.title FROM up JOIN task ON task.id = up.id ORDER BY up.place";
    OWN_EDGES = "SELECT e.kind, e.holds, t.id, t.title, t.status, t.reason, t.held, t.open_children,
          t.defer_until_ms, count(*) OVER () AS all_of_them
        FROM task_edge e JOIN task t ON t.id = e.other_id WHERE e.task_id = $1 AND e.gone = 0
        ORDER BY e.holds DESC, e.kind, e.at_ms, t.id LIMIT $2";
    EDGES_TO = "SELECT e.kind, e.holds, t.id, t.title, t.status, t.reason, t.held, t.open_children,
          t.defer_until_ms, count(*) OVER () AS all_of_them
        FROM task_edge e JOIN task t ON t.id = e.task_id WHERE e.other_id = $1 AND e.gone = 0
        ORDER BY e.holds DESC, e.kind, e.at_ms, t.id LIMIT $2";
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
        let task = self.task_in(connection, given).await?;
        let id = &task.id;
        let line = rows_of(connection, LINE, id, None).await?;
        let line = lines::shown(connection, &line, now_ms).await?;
        let Some(line) = line.into_iter().next() else {
            // Deleted since it was found.
            return Err(TaskError::Unknown {
                id: id.to_string(),
                nearest: Vec::new(),
            });
        };
        let parts = rows_of(connection, PARTS_OF, id, Some(PARTS)).await?;
        let parts = lines::shown(connection, &parts, now_ms).await?;
        let above: Vec<(String, String)> = sqlx::query_as(ABOVE)
            .bind(id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        let (mut edges, mut all_edges) = (Vec::new(), 0);
        for (sql, back) in [(OWN_EDGES, false), (EDGES_TO, true)] {
            let rows = rows_of(connection, sql, id, Some(EDGES)).await?;
            if let Some(row) = rows.first() {
                all_edges += row.try_get::<i64, _>("all_of_them")?;
            }
            for row in &rows {
                edges.push(edge(row, back, now_ms)?);
            }
        }
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

fn edge(row: &AnyRow, back: bool, now_ms: i64) -> Result<EdgeView, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(EdgeView {
        kind: word("edge", &kind, EdgeKind::parse)?,
        back,
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
