//! Tasks as records, read many at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::{AnyConnection, Row};

use super::record::{Closing, Gone, Mark, Record, Stamped};
use crate::ids::{NoteId, ProjectId, TaskId};
use crate::store::{StoreError, statements};
use crate::tasks::model::{LinkKind, Note, NoteKind, Task};
use crate::tasks::rows::{self, task_columns, word};

// JSON in, rows out: a statement reads a whole page. PostgreSQL spells it
// `jsonb_to_recordset`.
statements! {
    /// Ids of the project behind $2, those of deleted tasks among them. An index by project would
    /// have all of them sorted for each page; like this the index of ids is followed.
    PAGE = "SELECT id FROM task WHERE project_id || '' = $1 AND id > $2
        UNION ALL SELECT id FROM task_gone WHERE project_id || '' = $1 AND id > $2
        ORDER BY id LIMIT $3";
    TASKS = concat!("SELECT ", task_columns!(), " FROM task
        WHERE id IN (SELECT value FROM json_each($1)) AND project_id = $2");
    LABELS = "SELECT task_id, label, at_ms, gone FROM task_label
        WHERE task_id IN (SELECT value FROM json_each($1))";
    EDGES = "SELECT task_id, kind, other_id, at_ms, gone, holds FROM task_edge
        WHERE task_id IN (SELECT value FROM json_each($1))";
    NOTES = "SELECT task_id, id, at_ms, kind, by, text FROM task_note
        WHERE task_id IN (SELECT value FROM json_each($1))";
    LINKS = "SELECT task_id, kind, target, at_ms FROM task_link
        WHERE task_id IN (SELECT value FROM json_each($1))";
    GONE = "SELECT id, at_ms, by, why FROM task_gone
        WHERE id IN (SELECT value FROM json_each($1)) AND project_id = $2";
    ELSEWHERE = "SELECT id FROM task
          WHERE id IN (SELECT value FROM json_each($1)) AND project_id <> $2
        UNION SELECT id FROM task_gone
          WHERE id IN (SELECT value FROM json_each($1)) AND project_id <> $2";
    BY_REF = "SELECT external_ref, min(id) FROM task
        WHERE project_id = $2 AND external_ref IN (SELECT value FROM json_each($1))
        GROUP BY external_ref";
    TAKEN = "SELECT id FROM task WHERE id IN (SELECT value FROM json_each($1))
        UNION SELECT id FROM task_gone WHERE id IN (SELECT value FROM json_each($1))";
}

/// The next ids of the project, those of deleted tasks among them, at most `limit`.
pub(super) async fn page(
    connection: &mut AnyConnection,
    project: &ProjectId,
    after: &str,
    limit: u32,
) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(PAGE)
        .bind(project.as_str())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}

/// The tasks of these ids, whole, with whether somebody works on them.
pub(super) async fn records(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[TaskId],
) -> Result<BTreeMap<TaskId, Record>, StoreError> {
    let wanted = json(&ids);
    let rows = sqlx::query(TASKS)
        .bind(&wanted)
        .bind(project.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let mut records = BTreeMap::new();
    for row in &rows {
        let record = bare(rows::task(row)?);
        records.insert(record.id.clone(), record);
    }
    let mark = |row: &sqlx::any::AnyRow| -> Result<Mark, StoreError> {
        Ok(Mark {
            at_ms: row.try_get("at_ms")?,
            gone: row.try_get::<i64, _>("gone")? != 0,
        })
    };
    for row in sqlx::query(LABELS)
        .bind(&wanted)
        .fetch_all(&mut *connection)
        .await?
    {
        if let Some(record) = records.get_mut(&TaskId::stored(row.try_get("task_id")?)) {
            record.labels.insert(row.try_get("label")?, mark(&row)?);
        }
    }
    for row in sqlx::query(EDGES)
        .bind(&wanted)
        .fetch_all(&mut *connection)
        .await?
    {
        let edge = rows::edge(&row)?;
        if let Some(record) = records.get_mut(&edge.task) {
            record.edges.insert((edge.kind, edge.other), mark(&row)?);
        }
    }
    for row in sqlx::query(NOTES)
        .bind(&wanted)
        .fetch_all(&mut *connection)
        .await?
    {
        let kind: String = row.try_get("kind")?;
        let note = Note {
            id: NoteId::stored(row.try_get("id")?),
            at_ms: row.try_get("at_ms")?,
            kind: word("note", &kind, NoteKind::parse)?,
            by: row.try_get("by")?,
            text: row.try_get("text")?,
        };
        if let Some(record) = records.get_mut(&TaskId::stored(row.try_get("task_id")?)) {
            record.notes.insert(note.id.clone(), note);
        }
    }
    for row in sqlx::query(LINKS)
        .bind(&wanted)
        .fetch_all(&mut *connection)
        .await?
    {
        let kind: String = row.try_get("kind")?;
        let kind = word("link", &kind, LinkKind::parse)?;
        if let Some(record) = records.get_mut(&TaskId::stored(row.try_get("task_id")?)) {
            let link = (kind, row.try_get("target")?);
            record.links.insert(link, row.try_get("at_ms")?);
        }
    }
    Ok(records)
}

/// A task without what stands in other tables.
fn bare(task: Task) -> Record {
    let stamps: BTreeMap<String, i64> = serde_json::from_str(&task.stamps).unwrap_or_default();
    let at = |field: &str| stamps.get(field).copied().unwrap_or(task.created_ms);
    let closing = task.reason.map(|reason| Closing {
        reason,
        why: task.why,
        evidence: task.evidence,
        closed_ms: task.closed_ms,
        closed_by: task.closed_by,
    });
    Record {
        id: task.id,
        created_ms: task.created_ms,
        created_by: task.created_by,
        updated_ms: task.updated_ms,
        title: Stamped::new(task.title, at("title")),
        description: Stamped::new(task.description, at("description")),
        acceptance: Stamped::new(task.acceptance, at("acceptance")),
        kind: Stamped::new(task.kind, at("kind")),
        priority: Stamped::new(task.priority, at("priority")),
        writes: Stamped::new(task.writes, at("writes")),
        estimate_min: Stamped::new(task.estimate_min.unwrap_or_default(), at("estimate_min")),
        defer_until_ms: Stamped::new(task.defer_until_ms, at("defer_until")),
        external_ref: Stamped::new(task.external_ref, at("external_ref")),
        parent: Stamped::new(task.parent, at("parent")),
        closing: Stamped::new(closing, at("status")),
        labels: BTreeMap::new(),
        edges: BTreeMap::new(),
        notes: BTreeMap::new(),
        links: BTreeMap::new(),
    }
}

/// Those of the ids that are of deleted tasks.
pub(super) async fn gone(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[&TaskId],
) -> Result<BTreeMap<TaskId, Gone>, StoreError> {
    let rows = sqlx::query(GONE)
        .bind(json(&ids))
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let gone = Gone {
                at_ms: row.try_get("at_ms")?,
                by: row.try_get("by")?,
                why: row.try_get("why")?,
            };
            Ok((TaskId::stored(row.try_get("id")?), gone))
        })
        .collect()
}

/// Those of the ids that another project of this store has or has had.
pub(super) async fn elsewhere(
    connection: &mut AnyConnection,
    project: &ProjectId,
    ids: &[&TaskId],
) -> Result<BTreeSet<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(ELSEWHERE)
        .bind(json(&ids))
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}

/// Tasks by what they are called elsewhere.
pub(super) async fn by_reference(
    connection: &mut AnyConnection,
    project: &ProjectId,
    references: &[&str],
) -> Result<BTreeMap<String, TaskId>, StoreError> {
    let found: Vec<(String, String)> = sqlx::query_as(BY_REF)
        .bind(json(&references))
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    let found = found.into_iter();
    Ok(found.map(|(it, id)| (it, TaskId::stored(id))).collect())
}

/// Those of the ids that some task has or has had.
pub(super) async fn taken(
    connection: &mut AnyConnection,
    ids: &[TaskId],
) -> Result<BTreeSet<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(TAKEN)
        .bind(json(&ids))
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}

/// A value of ours as JSON, which it always has.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
