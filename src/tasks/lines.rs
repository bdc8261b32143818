//! Lines: what a list shows of a task. The long texts are never read for one, and what a page of them
//! needs besides its rows is read for all of them at once.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::brief::TaskLine;
use super::model::{Kind, Reason, Standing, Status};
use super::rows::word;
use crate::ids::TaskId;
use crate::store::{StoreError, statements};

/// The columns of a [`Line`], for every statement that reads lines from a table `task`.
macro_rules! line_columns {
    () => {
        "task.n, task.id, task.parent, task.title, task.kind, task.priority, task.status, \
         task.reason, task.defer_until_ms, task.held, task.unblocks, task.children, \
         task.open_children, task.holder, task.created_ms, task.claimed_ms, task.closed_ms"
    };
}
pub(super) use line_columns;

statements! {
    LABELS = "SELECT l.task_id, l.label FROM json_each($1) AS one
        JOIN task_label l ON l.task_id = one.value WHERE l.gone = 0 ORDER BY l.task_id, l.label";
    /// The first three that hold each of the tasks $1, their own edges before those of tasks above.
    BLOCKERS = "WITH RECURSIVE
        up(task, id, above) AS (SELECT one.value, one.value, 0 FROM json_each($1) AS one
          UNION ALL SELECT up.task, t.parent, up.above + 1 FROM up JOIN task t ON t.id = up.id
          WHERE t.parent IS NOT NULL),
        holds(task, other, above, at_ms) AS (SELECT up.task, e.other_id, min(up.above), min(e.at_ms)
          FROM up JOIN task_edge e ON e.task_id = up.id WHERE e.holds = 1
          GROUP BY up.task, e.other_id)
        SELECT task, other FROM (SELECT task, other, row_number() OVER
            (PARTITION BY task ORDER BY above, at_ms, other) AS place FROM holds) AS placed
        WHERE place <= 3 ORDER BY task, place";
}

/// A line with what lists are ordered by.
pub(super) struct Line {
    pub(super) shown: TaskLine,
    pub(super) is_held: bool,
    /// Its number in the full-text index.
    pub(super) n: i64,
    pub(super) priority: i64,
    pub(super) unblocks: i64,
    pub(super) created_ms: i64,
    pub(super) claimed_ms: i64,
    pub(super) closed_ms: i64,
}

/// Where the task of a row with `status`, `reason`, `held`, `open_children` and `defer_until_ms`
/// stands.
pub(super) fn standing(row: &AnyRow, now_ms: i64) -> Result<&'static str, StoreError> {
    let status: String = row.try_get("status")?;
    let reason: String = row.try_get("reason")?;
    let standing = Standing {
        status: word("status", &status, Status::parse)?,
        reason: Reason::parse(&reason),
        held: row.try_get("held")?,
        open_children: row.try_get("open_children")?,
        defer_until_ms: row.try_get("defer_until_ms")?,
    };
    Ok(standing.at(now_ms))
}

/// A row with [`line_columns`]; its labels and what it waits for are added by [`complete`].
pub(super) fn line(row: &AnyRow, now_ms: i64) -> Result<Line, StoreError> {
    let number = |column: &str| row.try_get::<i64, _>(column);
    let kind: String = row.try_get("kind")?;
    let kind = word("kind", &kind, Kind::parse)?;
    let priority = number("priority")?;
    let parent: Option<String> = row.try_get("parent")?;
    let holder: String = row.try_get("holder")?;
    let (children, open) = (number("children")?, number("open_children")?);
    let shown = TaskLine {
        id: TaskId::stored(row.try_get("id")?),
        title: row.try_get("title")?,
        status: standing(row, now_ms)?,
        priority: u8::try_from(priority).ok().filter(|it| *it != 2),
        kind: (kind != Kind::Task).then_some(kind),
        labels: Vec::new(),
        parent: parent.map(TaskId::stored),
        children: (children > 0).then(|| format!("{}/{children}", children - open)),
        holder: (!holder.is_empty()).then_some(holder),
        waits_for: Vec::new(),
    };
    let is_held = number("held")? > 0 && shown.status == "blocked";
    Ok(Line {
        shown,
        is_held,
        n: number("n")?,
        priority,
        unblocks: number("unblocks")?,
        created_ms: number("created_ms")?,
        claimed_ms: number("claimed_ms")?,
        closed_ms: number("closed_ms")?,
    })
}

/// Rows with [`line_columns`] as they are shown.
pub(super) async fn shown(
    connection: &mut AnyConnection,
    rows: &[AnyRow],
    now_ms: i64,
) -> Result<Vec<TaskLine>, StoreError> {
    let lines: Vec<Line> = rows
        .iter()
        .map(|row| line(row, now_ms))
        .collect::<Result<_, _>>()?;
    complete(connection, lines).await
}

/// Adds labels, and what holds back those that are blocked.
pub(super) async fn complete(
    connection: &mut AnyConnection,
    lines: Vec<Line>,
) -> Result<Vec<TaskLine>, StoreError> {
    let all: Vec<&TaskId> = lines.iter().map(|line| &line.shown.id).collect();
    let held = lines.iter().filter(|line| line.is_held);
    let held: Vec<&TaskId> = held.map(|line| &line.shown.id).collect();
    let mut labels = by_task(connection, LABELS, &all).await?;
    let mut blockers = by_task(connection, BLOCKERS, &held).await?;
    let complete = |line: Line| {
        let mut shown = line.shown;
        shown.labels = labels.remove(shown.id.as_str()).unwrap_or_default();
        let waits_for = blockers.remove(shown.id.as_str()).unwrap_or_default();
        shown.waits_for = waits_for.into_iter().map(TaskId::stored).collect();
        shown
    };
    Ok(lines.into_iter().map(complete).collect())
}

async fn by_task(
    connection: &mut AnyConnection,
    sql: &'static str,
    ids: &[&TaskId],
) -> Result<HashMap<String, Vec<String>>, StoreError> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(String, String)> = sqlx::query_as(sql)
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(connection)
        .await?;
    for (task, value) in rows {
        found.entry(task).or_default().push(value);
    }
    Ok(found)
}
