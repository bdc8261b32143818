//! Tasks as records, written many at once. The counts that follow from them are the caller's to bring
//! up to date.

use std::collections::BTreeSet;

use serde::Serialize;
use sqlx::AnyConnection;

use super::record::{Closing, Gone, Mark, Record};
use super::rows::json;
use crate::ids::{NoteId, ProjectId, TaskId};
use crate::store::{Store, StoreError, statements};
use crate::tasks::model::{EdgeKind, LinkKind, Note, NoteKind};

// JSON in: a statement writes a whole page. PostgreSQL spells it `jsonb_to_recordset`.
statements! {
    ADD = "INSERT INTO task(id, project_id, parent, title, description, acceptance, kind, priority,
          writes, estimate_min, defer_until_ms, external_ref, status, reason, why, evidence,
          created_ms, created_by, updated_ms, closed_ms, closed_by, stamps)
        SELECT value ->> 'id', $2, value ->> 'parent', value ->> 'title', value ->> 'description',
          value ->> 'acceptance', value ->> 'kind', value ->> 'priority', value ->> 'writes',
          value ->> 'estimate_min', value ->> 'defer_until_ms', value ->> 'external_ref',
          CASE WHEN value ->> 'reason' = '' THEN 'open' ELSE 'closed' END, value ->> 'reason',
          value ->> 'why', value ->> 'evidence', value ->> 'created_ms', value ->> 'created_by',
          value ->> 'updated_ms', value ->> 'closed_ms', value ->> 'closed_by', value ->> 'stamps'
        FROM json_each($1)";
    /// A claim stays where the task stays open.
    SET = "UPDATE task SET parent = x.value ->> 'parent', kind = x.value ->> 'kind',
          priority = x.value ->> 'priority', writes = x.value ->> 'writes',
          estimate_min = x.value ->> 'estimate_min', defer_until_ms = x.value ->> 'defer_until_ms',
          external_ref = x.value ->> 'external_ref',
          status = CASE WHEN x.value ->> 'reason' <> '' THEN 'closed'
            WHEN task.status = 'closed' THEN 'open' ELSE task.status END,
          reason = x.value ->> 'reason', why = x.value ->> 'why',
          evidence = x.value ->> 'evidence', created_ms = x.value ->> 'created_ms',
          created_by = x.value ->> 'created_by', updated_ms = x.value ->> 'updated_ms',
          closed_ms = x.value ->> 'closed_ms', closed_by = x.value ->> 'closed_by',
          stamps = x.value ->> 'stamps'
        FROM json_each($1) AS x WHERE task.id = x.value ->> 'id'";
    /// Apart from the others: only these are indexed for the search.
    SET_TEXTS = "UPDATE task SET title = x.value ->> 'title',
          description = x.value ->> 'description', acceptance = x.value ->> 'acceptance'
        FROM json_each($1) AS x WHERE task.id = x.value ->> 'id'";
    PUT_LABELS = "INSERT INTO task_label(task_id, label, at_ms, gone)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) WHERE true
        ON CONFLICT (task_id, label) DO UPDATE SET at_ms = excluded.at_ms, gone = excluded.gone";
    PUT_EDGES = "INSERT INTO task_edge(task_id, kind, other_id, at_ms, gone)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
          FROM json_each($1) WHERE true
        ON CONFLICT (task_id, kind, other_id)
          DO UPDATE SET at_ms = excluded.at_ms, gone = excluded.gone";
    PUT_NOTES = "INSERT INTO task_note(task_id, id, at_ms, kind, by, text)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
          FROM json_each($1) WHERE true
        ON CONFLICT (task_id, id) DO UPDATE SET at_ms = excluded.at_ms, kind = excluded.kind,
          by = excluded.by, text = excluded.text";
    PUT_LINKS = "INSERT INTO task_link(task_id, kind, target, at_ms)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) WHERE true
        ON CONFLICT (task_id, kind, target) DO UPDATE SET at_ms = excluded.at_ms";
    PUT_GONE = "INSERT INTO task_gone(id, project_id, at_ms, by, why)
        SELECT value ->> 0, $2, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) WHERE true
        ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, by = excluded.by,
          why = excluded.why";
    BACK = "DELETE FROM task_gone WHERE id IN (SELECT value FROM json_each($1))";
    ORPHANS = "UPDATE task SET parent = NULL WHERE parent IN (SELECT value FROM json_each($1))
        RETURNING id";
    /// Those whose counts follow from the edges and the parent of $1.
    AROUND = "SELECT other_id AS id FROM task_edge
          WHERE task_id IN (SELECT value FROM json_each($1))
        UNION SELECT parent FROM task
          WHERE id IN (SELECT value FROM json_each($1)) AND parent IS NOT NULL";
    WAITING = "SELECT DISTINCT task_id FROM task_edge
        WHERE other_id IN (SELECT value FROM json_each($1)) AND holds = 1";
    DELETE = "DELETE FROM task WHERE id IN (SELECT value FROM json_each($1))";
}

/// What is to be written of a page of tasks.
#[derive(Default)]
pub(super) struct Writes {
    new: Vec<Columns>,
    changed: Vec<Columns>,
    texts: Vec<Columns>,
    labels: Vec<(TaskId, String, i64, u8)>,
    edges: Vec<(TaskId, EdgeKind, TaskId, i64, u8)>,
    notes: Vec<(TaskId, NoteId, i64, NoteKind, String, String)>,
    links: Vec<(TaskId, LinkKind, String, i64)>,
    /// Deleted tasks that are back.
    back: Vec<TaskId>,
    /// Those with another parent than before, and new ones.
    pub(super) moved: BTreeSet<TaskId>,
    /// Those whose status or children, or edges to whom, have changed.
    pub(super) touched: BTreeSet<TaskId>,
}

#[derive(Clone, Serialize)]
struct Columns {
    id: TaskId,
    parent: Option<TaskId>,
    title: String,
    description: String,
    acceptance: String,
    kind: &'static str,
    priority: u8,
    writes: u8,
    estimate_min: u32,
    defer_until_ms: i64,
    external_ref: String,
    reason: &'static str,
    why: String,
    evidence: String,
    created_ms: i64,
    created_by: String,
    updated_ms: i64,
    closed_ms: i64,
    closed_by: String,
    stamps: String,
}

impl Columns {
    fn of(task: &Record) -> Self {
        let closing = task.closing.value.as_ref();
        let told = |of: fn(&Closing) -> &String| closing.map_or(String::new(), |it| of(it).clone());
        Self {
            id: task.id.clone(),
            parent: task.parent.value.clone(),
            title: task.title.value.clone(),
            description: task.description.value.clone(),
            acceptance: task.acceptance.value.clone(),
            kind: task.kind.value.as_str(),
            priority: task.priority.value,
            writes: task.writes.value.into(),
            estimate_min: task.estimate_min.value,
            defer_until_ms: task.defer_until_ms.value,
            external_ref: task.external_ref.value.clone(),
            reason: closing.map_or("", |closing| closing.reason.as_str()),
            why: told(|closing| &closing.why),
            evidence: told(|closing| &closing.evidence),
            created_ms: task.created_ms,
            created_by: task.created_by.clone(),
            updated_ms: task.updated_ms,
            closed_ms: closing.map_or(0, |closing| closing.closed_ms),
            closed_by: told(|closing| &closing.closed_by),
            stamps: json(&task.stamps()),
        }
    }
}

impl Writes {
    /// A task that was `before`, if it was there, and is to be `after`.
    pub(super) fn task(&mut self, before: Option<&Record>, after: &Record) {
        let id = &after.id;
        let columns = Columns::of(after);
        match before {
            None => {
                self.moved.insert(id.clone());
                self.touched.insert(id.clone());
                self.touched.extend(after.parent.value.clone());
                self.back.push(id.clone());
                self.new.push(columns);
            }
            Some(before) => {
                if before.parent.value != after.parent.value {
                    self.moved.insert(id.clone());
                    self.touched.extend(before.parent.value.clone());
                    self.touched.extend(after.parent.value.clone());
                }
                if before.closing.value != after.closing.value {
                    self.touched.insert(id.clone());
                    self.touched.extend(after.parent.value.clone());
                }
                let texts = |task: &Record| {
                    let texts = [&task.title, &task.description, &task.acceptance];
                    texts.map(|text| text.value.clone())
                };
                if texts(before) != texts(after) {
                    self.texts.push(columns.clone());
                }
                self.changed.push(columns);
            }
        }
        for (label, mark) in &after.labels {
            if before.and_then(|before| before.labels.get(label)) != Some(mark) {
                let row = (id.clone(), label.clone(), mark.at_ms, mark.gone.into());
                self.labels.push(row);
            }
        }
        for (edge, mark) in &after.edges {
            if before.and_then(|before| before.edges.get(edge)) != Some(mark) {
                let (kind, other) = edge;
                self.edge(id, *kind, other, *mark);
            }
        }
        for (note_id, note) in &after.notes {
            if before.and_then(|before| before.notes.get(note_id)) != Some(note) {
                let Note {
                    at_ms,
                    kind,
                    by,
                    text,
                    ..
                } = note.clone();
                let row = (id.clone(), note_id.clone(), at_ms, kind, by, text);
                self.notes.push(row);
            }
        }
        for (link, at_ms) in &after.links {
            if before.and_then(|before| before.links.get(link)) != Some(at_ms) {
                let (kind, target) = link.clone();
                self.links.push((id.clone(), kind, target, *at_ms));
            }
        }
    }

    /// An edge of `task` that is not there as it is to be.
    pub(super) fn edge(&mut self, task: &TaskId, kind: EdgeKind, other: &TaskId, mark: Mark) {
        if kind.blocks() {
            self.touched.insert(other.clone());
        }
        let row = (
            task.clone(),
            kind,
            other.clone(),
            mark.at_ms,
            mark.gone.into(),
        );
        self.edges.push(row);
    }

    /// Writes it all. The counts are then to be brought up to date.
    pub(super) async fn run(
        &self,
        connection: &mut AnyConnection,
        store: &Store,
        project: &ProjectId,
    ) -> Result<(), StoreError> {
        if !self.new.is_empty() {
            sqlx::query(ADD)
                .bind(store.redact_json(&self.new))
                .bind(project.as_str())
                .execute(&mut *connection)
                .await?;
        }
        for (sql, json, is_empty) in [
            (BACK, json(&self.back), self.back.is_empty()),
            (
                SET,
                store.redact_json(&self.changed),
                self.changed.is_empty(),
            ),
            (
                SET_TEXTS,
                store.redact_json(&self.texts),
                self.texts.is_empty(),
            ),
            (PUT_LABELS, json(&self.labels), self.labels.is_empty()),
            (PUT_EDGES, json(&self.edges), self.edges.is_empty()),
            (
                PUT_NOTES,
                store.redact_json(&self.notes),
                self.notes.is_empty(),
            ),
            (PUT_LINKS, json(&self.links), self.links.is_empty()),
        ] {
            if !is_empty {
                sqlx::query(sql)
                    .bind(json)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Deletes tasks, with what that touches; what they were the parent of has none after it.
pub(super) async fn delete(
    connection: &mut AnyConnection,
    store: &Store,
    project: &ProjectId,
    deleted: &[(TaskId, Gone)],
) -> Result<(BTreeSet<TaskId>, BTreeSet<TaskId>), StoreError> {
    let ids: Vec<&TaskId> = deleted.iter().map(|(id, _)| id).collect();
    let ids = json(&ids);
    let mut found = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for (found, sql) in found.iter_mut().zip([WAITING, AROUND, ORPHANS]) {
        let rows: Vec<String> = sqlx::query_scalar(sql)
            .bind(&ids)
            .fetch_all(&mut *connection)
            .await?;
        found.extend(rows.into_iter().map(TaskId::stored));
    }
    let [mut moved, touched, orphans] = found;
    moved.extend(orphans);
    sqlx::query(DELETE)
        .bind(&ids)
        .execute(&mut *connection)
        .await?;
    let rows: Vec<(&TaskId, i64, &str, &str)> = deleted
        .iter()
        .map(|(id, gone)| (id, gone.at_ms, gone.by.as_str(), gone.why.as_str()))
        .collect();
    sqlx::query(PUT_GONE)
        .bind(store.redact_json(&rows))
        .bind(project.as_str())
        .execute(&mut *connection)
        .await?;
    Ok((moved, touched))
}
