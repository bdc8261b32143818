//! Tasks, edges, notes and links as rows, read one by one. Lists and searches are in
//! [`super::list`].

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::model::{Edge, Holder, Link, Note, Task};
use crate::ids::{Given, NoteId, ProjectId, TaskId};
use crate::store::{StoreError, statements};

/// The columns of a [`Task`], for every statement that reads whole tasks from a table `task`.
macro_rules! task_columns {
    () => {
        "task.n, task.id, task.parent, task.title, task.description, task.acceptance, task.kind, \
         task.priority, task.writes, task.estimate_min, task.defer_until_ms, task.external_ref, \
         task.status, task.reason, task.why, task.evidence, task.created_ms, task.created_by, \
         task.updated_ms, task.closed_ms, task.closed_by, task.stamps, task.held, task.unblocks, \
         task.children, task.open_children, task.fence, task.holder, task.claimed_ms, \
         task.lease_until_ms"
    };
}
pub(super) use task_columns;

statements! {
    GET = concat!("SELECT ", task_columns!(), " FROM task WHERE id = $1 AND project_id = $2");
    CHILDREN = concat!("SELECT ", task_columns!(), " FROM task WHERE parent = $1
        ORDER BY priority, created_ms, n LIMIT $2");
    OPEN_CHILDREN = "SELECT id FROM task WHERE parent = $1 AND status <> 'closed'
        ORDER BY created_ms, n LIMIT $2";
    EDGES = "SELECT task_id, kind, other_id, at_ms, gone, holds FROM task_edge
        WHERE task_id = $1 AND gone = 0 ORDER BY kind, at_ms, other_id";
    EDGES_BACK = "SELECT task_id, kind, other_id, at_ms, gone, holds FROM task_edge
        WHERE other_id = $1 AND gone = 0 ORDER BY kind, at_ms, task_id";
    LABELS = "SELECT label FROM task_label WHERE task_id = $1 AND gone = 0 ORDER BY label";
    /// The last ones, oldest first.
    NOTES = "SELECT id, at_ms, kind, by, text FROM (SELECT id, at_ms, kind, by, text FROM task_note
        WHERE task_id = $1 ORDER BY at_ms DESC, id DESC LIMIT $2) AS last ORDER BY at_ms, id";
    LINKS = "SELECT kind, target, at_ms FROM task_link WHERE task_id = $1
        ORDER BY at_ms, kind, target";
    /// Two entries of one moment stay in the order in which they were made.
    ADD_NOTE = "INSERT INTO task_note(id, task_id, at_ms, kind, by, text)
        SELECT $1, $2, CASE WHEN last.at_ms >= $3 THEN last.at_ms + 1 ELSE $3 END, $4, $5, $6
        FROM (SELECT coalesce(max(at_ms), 0) AS at_ms FROM task_note WHERE task_id = $2) AS last";
    ADD_LINK = "INSERT INTO task_link(task_id, kind, target, at_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (task_id, kind, target) DO NOTHING";
    /// $2 is the last identifier that begins like $1. The `+` keeps SQLite from looking at all tasks of
    /// the project instead.
    LIKE_ID = "SELECT id FROM task WHERE +project_id = $3 AND id >= $1 AND id <= $2
        ORDER BY id LIMIT 6";
}

/// A row with [`task_columns`].
pub(super) fn task(row: &AnyRow) -> Result<Task, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    let reason = text("reason")?;
    Ok(Task {
        id: TaskId::stored(text("id")?),
        parent: row
            .try_get::<Option<String>, _>("parent")?
            .map(TaskId::stored),
        title: text("title")?,
        description: text("description")?,
        acceptance: text("acceptance")?,
        kind: word("kind", &text("kind")?, super::model::Kind::parse)?,
        priority: u8::try_from(number("priority")?).unwrap_or(4),
        writes: number("writes")? != 0,
        estimate_min: u32::try_from(number("estimate_min")?)
            .ok()
            .filter(|minutes| *minutes > 0),
        defer_until_ms: number("defer_until_ms")?,
        external_ref: text("external_ref")?,
        status: word("status", &text("status")?, super::model::Status::parse)?,
        reason: match reason.as_str() {
            "" => None,
            reason => Some(word("reason", reason, super::model::Reason::parse)?),
        },
        why: text("why")?,
        evidence: text("evidence")?,
        created_ms: number("created_ms")?,
        created_by: text("created_by")?,
        updated_ms: number("updated_ms")?,
        closed_ms: number("closed_ms")?,
        closed_by: text("closed_by")?,
        stamps: text("stamps")?,
        held: number("held")?,
        unblocks: number("unblocks")?,
        children: number("children")?,
        open_children: number("open_children")?,
        fence: number("fence")?,
        holder: Holder::stored(&text("holder")?),
        claimed_ms: number("claimed_ms")?,
        lease_until_ms: number("lease_until_ms")?,
    })
}

/// One of our words, read back.
pub(super) fn word<T>(
    what: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| StoreError::Row {
        what,
        message: format!("there is no {text:?}"),
    })
}

/// The task of a project.
pub(crate) async fn get(
    connection: &mut AnyConnection,
    project: &ProjectId,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let row = row(connection, project, id).await?;
    row.as_ref().map(task).transpose()
}

/// The same as a row with [`task_columns`].
pub(super) async fn row(
    connection: &mut AnyConnection,
    project: &ProjectId,
    id: &TaskId,
) -> Result<Option<AnyRow>, StoreError> {
    Ok(sqlx::query(GET)
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(connection)
        .await?)
}

/// Its children, the most urgent first.
pub(super) async fn children(
    connection: &mut AnyConnection,
    id: &TaskId,
    limit: u32,
) -> Result<Vec<Task>, StoreError> {
    let rows = sqlx::query(CHILDREN)
        .bind(id.as_str())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(task).collect()
}

/// Ids of its children that are not closed, oldest first.
pub(super) async fn open_children(
    connection: &mut AnyConnection,
    id: &TaskId,
    limit: u32,
) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(OPEN_CHILDREN)
        .bind(id.as_str())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}

/// Its edges: those of its own, and those of others to it.
pub(super) async fn edges(
    connection: &mut AnyConnection,
    id: &TaskId,
) -> Result<(Vec<Edge>, Vec<Edge>), StoreError> {
    let mut both = [Vec::new(), Vec::new()];
    for (edges, sql) in both.iter_mut().zip([EDGES, EDGES_BACK]) {
        let rows = sqlx::query(sql)
            .bind(id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            edges.push(edge(row)?);
        }
    }
    let [own, back] = both;
    Ok((own, back))
}

pub(super) fn edge(row: &AnyRow) -> Result<Edge, StoreError> {
    let kind: String = row.try_get("kind")?;
    Ok(Edge {
        task: TaskId::stored(row.try_get("task_id")?),
        kind: word("edge", &kind, super::model::EdgeKind::parse)?,
        other: TaskId::stored(row.try_get("other_id")?),
        at_ms: row.try_get("at_ms")?,
        gone: row.try_get::<i64, _>("gone")? != 0,
        holds: row.try_get::<i64, _>("holds")? != 0,
    })
}

/// Its labels in alphabetical order.
pub(super) async fn labels(
    connection: &mut AnyConnection,
    id: &TaskId,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(LABELS)
        .bind(id.as_str())
        .fetch_all(connection)
        .await?)
}

/// The last `limit` entries of its history, oldest first.
pub(super) async fn notes(
    connection: &mut AnyConnection,
    id: &TaskId,
    limit: u32,
) -> Result<Vec<Note>, StoreError> {
    let rows = sqlx::query(NOTES)
        .bind(id.as_str())
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get("kind")?;
            Ok(Note {
                id: NoteId::stored(row.try_get("id")?),
                at_ms: row.try_get("at_ms")?,
                kind: word("note", &kind, super::model::NoteKind::parse)?,
                by: row.try_get("by")?,
                text: row.try_get("text")?,
            })
        })
        .collect()
}

/// What it is linked with, oldest first.
pub(crate) async fn links(
    connection: &mut AnyConnection,
    id: &TaskId,
) -> Result<Vec<Link>, StoreError> {
    let rows = sqlx::query(LINKS)
        .bind(id.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get("kind")?;
            Ok(Link {
                kind: word("link", &kind, super::model::LinkKind::parse)?,
                target: row.try_get("target")?,
                at_ms: row.try_get("at_ms")?,
            })
        })
        .collect()
}

/// Adds to a task's history.
pub(crate) async fn add_note(
    connection: &mut AnyConnection,
    id: &TaskId,
    note: &Note,
) -> Result<(), StoreError> {
    sqlx::query(ADD_NOTE)
        .bind(note.id.as_str())
        .bind(id.as_str())
        .bind(note.at_ms)
        .bind(note.kind.as_str())
        .bind(&note.by)
        .bind(&note.text)
        .execute(connection)
        .await?;
    Ok(())
}

/// Links a task with something, once.
pub(crate) async fn add_link(
    connection: &mut AnyConnection,
    id: &TaskId,
    link: &Link,
) -> Result<(), StoreError> {
    sqlx::query(ADD_LINK)
        .bind(id.as_str())
        .bind(link.kind.as_str())
        .bind(&link.target)
        .bind(link.at_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ids of the project that begin as `given` does, at most six.
pub(super) async fn beginning_with(
    connection: &mut AnyConnection,
    project: &ProjectId,
    given: &Given,
) -> Result<Vec<TaskId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(LIKE_ID)
        .bind(&given.beginning)
        .bind(given.end())
        .bind(project.as_str())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(TaskId::stored).collect())
}
