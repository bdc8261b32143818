//! Creating tasks, many at once: all of them or none.
//!
//! The counts of new tasks follow from the batch itself and are written with them. Only what tasks
//! that were there before hold is looked up, and only they are settled afterwards.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::AnyConnection;

use super::error::TaskError;
use super::fields;
use super::graph::{Arcs, count_child, refuse_cycle, settle};
use super::model::{EdgeKind, Kind, Status, Task};
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::statements;

/// Most tasks in one call.
pub const BATCH: usize = 500;
/// How many tasks may stand above each other.
const DEPTH: usize = 32;
/// Most edges of one new task.
const EDGES: usize = 100;

// JSON in rows out: one statement writes a whole batch. PostgreSQL spells it `jsonb_to_recordset`.
statements! {
    TAKEN = "SELECT id FROM task WHERE id IN (SELECT value FROM json_each($1))
        UNION SELECT id FROM task_gone WHERE id IN (SELECT value FROM json_each($1))";
    ADD = "INSERT INTO task(id, project_id, parent, title, description, acceptance, kind, priority,
          writes, estimate_min, defer_until_ms, external_ref, created_ms, created_by, updated_ms,
          held, unblocks, children, open_children)
        SELECT value ->> 'id', $2, value ->> 'parent', value ->> 'title', value ->> 'description',
          value ->> 'acceptance', value ->> 'kind', value ->> 'priority', value ->> 'writes',
          value ->> 'estimate_min', value ->> 'defer_until_ms', value ->> 'external_ref', $3, $4, $3,
          value ->> 'held', value ->> 'unblocks', value ->> 'children', value ->> 'children'
        FROM json_each($1)";
    ADD_LABELS = "INSERT INTO task_label(task_id, label, at_ms)
        SELECT value ->> 0, value ->> 1, $2 FROM json_each($1)";
    ADD_EDGES = "INSERT INTO task_edge(task_id, kind, other_id, at_ms, holds)
        SELECT value ->> 0, value ->> 1, value ->> 2, $2, value ->> 3 FROM json_each($1)";
}

/// A task to be created.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    /// One line.
    pub title: String,
    /// What is to be done.
    pub description: String,
    /// What must hold before it may be closed as done.
    pub acceptance: String,
    /// What kind of work; a task unless said otherwise.
    pub kind: Option<Kind>,
    /// From 0, the most urgent, to 4; 2 unless said otherwise.
    pub priority: Option<i64>,
    /// Words to find it by.
    pub labels: Vec<String>,
    /// The task it is a part of: an id, or a name within the batch.
    pub parent: Option<String>,
    /// Tasks that must be closed before it can begin: ids, or names within the batch.
    pub blocked_by: Vec<String>,
    /// Other edges, as `kind:task`.
    pub edges: Vec<String>,
    /// Whether the work changes files; unless said otherwise that of a question does not.
    pub writes: Option<bool>,
    /// Minutes it may take.
    pub estimate_min: Option<u32>,
    /// Not ready before; milliseconds since the Unix epoch.
    pub defer_until_ms: i64,
    /// What it is called elsewhere.
    pub external_ref: String,
    /// Its name within the batch.
    pub reference: Option<String>,
}

/// A task that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Its id.
    pub id: TaskId,
    /// Its name within the batch.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether somebody may begin with it.
    pub ready: bool,
}

/// A checked entry of a batch.
struct Entry {
    row: Row,
    labels: Vec<String>,
    reference: Option<String>,
    parent: Option<Place>,
    edges: Vec<(EdgeKind, Place)>,
}

/// A task that an entry names.
#[derive(Clone)]
enum Place {
    /// Another entry.
    New(usize),
    /// One that is there.
    Known(TaskId),
}

/// The columns that a task is created with.
#[derive(Serialize)]
struct Row {
    id: TaskId,
    parent: Option<TaskId>,
    title: String,
    description: String,
    acceptance: String,
    kind: Kind,
    priority: u8,
    writes: u8,
    estimate_min: u32,
    defer_until_ms: i64,
    external_ref: String,
    held: i64,
    unblocks: i64,
    children: i64,
}

impl Tracker<'_> {
    /// Creates tasks; either all of them or none.
    ///
    /// # Errors
    /// The first entry that cannot be, by its place and field; a circle; a closed parent.
    pub async fn create(&self, tasks: &[NewTask]) -> Result<Vec<Created>, TaskError> {
        if tasks.is_empty() || tasks.len() > BATCH {
            return Err(TaskError::BadBatch {
                found: tasks.len(),
                most: BATCH,
            });
        }
        // What is wrong by itself is refused before anybody has to wait.
        let checked: Vec<Checked> = tasks
            .iter()
            .enumerate()
            .map(|(at, task)| check(task).map_err(|error| error.of_entry(at)))
            .collect::<Result<_, _>>()?;
        let names = names(&checked)?;
        let mut tx = self.store.begin().await?;
        let created = self.create_in(&mut tx, checked, &names).await?;
        self.store.commit(tx).await?;
        Ok(created)
    }

    async fn create_in(
        &self,
        connection: &mut AnyConnection,
        checked: Vec<Checked>,
        names: &HashMap<String, usize>,
    ) -> Result<Vec<Created>, TaskError> {
        let ids = self.new_ids(connection, checked.len()).await?;
        let mut known: HashMap<TaskId, Task> = HashMap::new();
        let mut entries = Vec::with_capacity(checked.len());
        for (at, (checked, id)) in checked.into_iter().zip(ids).enumerate() {
            let mut place = async |field, given: &str| match names.get(given.trim()) {
                Some(other) => Ok(Place::New(*other)),
                None => match self.task_in(connection, given).await {
                    Ok(task) => {
                        let id = task.id.clone();
                        known.insert(id.clone(), task);
                        Ok(Place::Known(id))
                    }
                    Err(error) => Err(unknown_in_batch(error, at, field)),
                },
            };
            let parent = match &checked.parent {
                Some(parent) => Some(place("parent", parent).await?),
                None => None,
            };
            let mut edges = Vec::with_capacity(checked.edges.len());
            for (kind, other) in &checked.edges {
                let field = match kind {
                    EdgeKind::BlockedBy => "blocked_by",
                    _ => "edges",
                };
                edges.push((*kind, place(field, other).await?));
            }
            entries.push(Entry {
                row: Row { id, ..checked.row },
                labels: checked.labels,
                reference: checked.reference,
                parent,
                edges,
            });
        }
        count(&mut entries, &known)?;
        self.write(connection, &entries).await?;
        let (blockers, parents) = touched(&entries);
        let settled = blockers.iter().filter(|id| !parents.contains_key(*id));
        for id in settled {
            settle(connection, id).await?;
        }
        for (parent, children) in &parents {
            count_child(connection, parent, *children, *children).await?;
        }
        self.refuse_cycles(connection, &entries).await?;
        let is_settled = blockers.is_empty() && parents.is_empty();
        let now_ms = self.now_ms();
        let mut created = Vec::with_capacity(entries.len());
        for entry in entries {
            let Row {
                id,
                held,
                children,
                defer_until_ms,
                ..
            } = entry.row;
            let ready = match is_settled {
                true => held == 0 && children == 0 && defer_until_ms <= now_ms,
                false => self.get_in(connection, &id).await?.is_ready(now_ms),
            };
            created.push(Created {
                id,
                reference: entry.reference,
                ready,
            });
        }
        Ok(created)
    }

    /// Ids that no task has or has had.
    async fn new_ids(
        &self,
        connection: &mut AnyConnection,
        count: usize,
    ) -> Result<Vec<TaskId>, TaskError> {
        let mut ids: Vec<TaskId> = Vec::with_capacity(count);
        let mut used: HashSet<TaskId> = HashSet::new();
        while ids.len() < count {
            let wanted = count - ids.len();
            let fresh: Vec<TaskId> = (0..wanted)
                .map(|_| TaskId::new(self.ids))
                .filter(|id| used.insert(id.clone()))
                .collect();
            let taken: Vec<String> = sqlx::query_scalar(TAKEN)
                .bind(serde_json::json!(fresh).to_string())
                .fetch_all(&mut *connection)
                .await?;
            let is_free = |id: &TaskId| !taken.iter().any(|taken| taken == id.as_str());
            ids.extend(fresh.into_iter().filter(is_free));
        }
        Ok(ids)
    }

    async fn write(
        &self,
        connection: &mut AnyConnection,
        entries: &[Entry],
    ) -> Result<(), TaskError> {
        let now_ms = self.now_ms();
        let rows: Vec<&Row> = entries.iter().map(|entry| &entry.row).collect();
        sqlx::query(ADD)
            .bind(self.store.redact_json(&rows))
            .bind(self.project.as_str())
            .bind(now_ms)
            .bind(self.actor.told())
            .execute(&mut *connection)
            .await?;
        let labels: Vec<(&TaskId, &String)> = entries
            .iter()
            .flat_map(|entry| entry.labels.iter().map(|label| (&entry.row.id, label)))
            .collect();
        let mut edges = Vec::new();
        for entry in entries {
            for (kind, place) in &entry.edges {
                let (other, is_new) = match place {
                    Place::New(at) => (entries.get(*at).map(|it| &it.row.id), true),
                    Place::Known(id) => (Some(id), false),
                };
                // All that is new is open. What is there decides when it is settled.
                let holds = i64::from(is_new && kind.blocks());
                edges.push((&entry.row.id, kind, other, holds));
            }
        }
        for (sql, json, is_empty) in [
            (ADD_LABELS, serde_json::json!(labels), labels.is_empty()),
            (ADD_EDGES, serde_json::json!(edges), edges.is_empty()),
        ] {
            if !is_empty {
                sqlx::query(sql)
                    .bind(json.to_string())
                    .bind(now_ms)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        Ok(())
    }

    async fn refuse_cycles(
        &self,
        connection: &mut AnyConnection,
        entries: &[Entry],
    ) -> Result<(), TaskError> {
        let holds = |entry: &&Entry| entry.edges.iter().any(|(kind, _)| kind.blocks());
        let changed: Vec<TaskId> = entries
            .iter()
            .filter(holds)
            .map(|entry| entry.row.id.clone())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        // No circle passes through a task that was there, unless a new one hangs below one.
        let mut arcs = Arcs::default();
        for entry in entries {
            arcs.add(&entry.row.id);
        }
        for entry in entries {
            if let Some(parent) = &entry.row.parent {
                arcs.add_child(parent, &entry.row.id);
            }
            for (kind, place) in &entry.edges {
                if kind.blocks()
                    && let Place::New(at) = place
                    && let Some(other) = entries.get(*at)
                {
                    arcs.add_waiting(&other.row.id, *kind, &entry.row.id);
                }
            }
        }
        let name = |id: &TaskId| {
            let entry = entries.iter().find(|entry| entry.row.id == *id);
            match entry {
                Some(entry) => match &entry.reference {
                    Some(reference) => reference.clone(),
                    None => format!("{:?}", entry.row.title),
                },
                None => id.to_string(),
            }
        };
        refuse_cycle(connection, &mut arcs, &changed, name).await
    }
}

/// An entry that is right by itself.
struct Checked {
    row: Row,
    labels: Vec<String>,
    reference: Option<String>,
    parent: Option<String>,
    edges: Vec<(EdgeKind, String)>,
}

fn check(task: &NewTask) -> Result<Checked, TaskError> {
    let kind = task.kind.unwrap_or(Kind::Task);
    let blocked_by = task.blocked_by.iter();
    let mut edges: Vec<(EdgeKind, String)> = blocked_by
        .map(|other| (EdgeKind::BlockedBy, other.trim().to_owned()))
        .collect();
    for edge in &task.edges {
        edges.push(fields::edge(edge)?);
    }
    edges.sort();
    edges.dedup();
    if edges.len() > EDGES {
        let problem = format!("and `edges` are {}; at most {EDGES} are taken", edges.len());
        return Err(TaskError::bad("blocked_by", problem));
    }
    Ok(Checked {
        row: Row {
            id: TaskId::stored(String::new()),
            parent: None,
            title: fields::title(&task.title)?,
            description: fields::description(&task.description)?,
            acceptance: fields::acceptance(&task.acceptance)?,
            kind,
            priority: fields::priority(task.priority.unwrap_or(2))?,
            writes: u8::from(task.writes.unwrap_or(kind != Kind::Question)),
            estimate_min: task.estimate_min.map_or(Ok(0), fields::estimate_min)?,
            defer_until_ms: task.defer_until_ms.max(0),
            external_ref: fields::external_ref(&task.external_ref)?,
            held: 0,
            unblocks: 0,
            children: 0,
        },
        labels: fields::labels(&task.labels)?,
        reference: task
            .reference
            .as_deref()
            .map(fields::reference)
            .transpose()?,
        parent: task.parent.clone(),
        edges,
    })
}

fn names(checked: &[Checked]) -> Result<HashMap<String, usize>, TaskError> {
    let mut names = HashMap::new();
    for (at, entry) in checked.iter().enumerate() {
        if let Some(reference) = &entry.reference
            && names.insert(reference.clone(), at).is_some()
        {
            let problem = format!("is {reference:?}, as that of another task here");
            return Err(TaskError::bad("ref", problem).of_entry(at));
        }
    }
    Ok(names)
}

fn unknown_in_batch(error: TaskError, at: usize, field: &'static str) -> TaskError {
    match error {
        TaskError::Unknown { id, nearest } => {
            let near = match nearest.as_slice() {
                [] => String::new(),
                nearest => format!("; did you mean {}?", nearest.join(" or ")),
            };
            let problem = format!("names {id:?}, which is no task and no `ref` here{near}");
            TaskError::bad(field, problem).of_entry(at)
        }
        other => other,
    }
}

/// Fills in what follows from the batch: parents, children, and what holds what.
fn count(entries: &mut [Entry], known: &HashMap<TaskId, Task>) -> Result<(), TaskError> {
    let parents: Vec<Option<Place>> = entries.iter().map(|entry| entry.parent.clone()).collect();
    let ids: Vec<TaskId> = entries.iter().map(|entry| entry.row.id.clone()).collect();
    let mut own = vec![0i64; entries.len()];
    let mut unblocks = vec![0i64; entries.len()];
    let mut children = vec![0i64; entries.len()];
    for (entry, own) in entries.iter().zip(&mut own) {
        for (kind, place) in &entry.edges {
            if let (true, Place::New(other)) = (kind.blocks(), place) {
                *own += 1;
                if let Some(unblocks) = unblocks.get_mut(*other) {
                    *unblocks += 1;
                }
            }
        }
        if let Some(Place::New(parent)) = entry.parent
            && let Some(children) = children.get_mut(parent)
        {
            *children += 1;
        }
    }
    for (at, entry) in entries.iter_mut().enumerate() {
        let mut held = 0;
        let mut place = Some(Place::New(at));
        let mut above = 0;
        while let Some(current) = place {
            place = match current {
                Place::New(current) => {
                    held += own.get(current).copied().unwrap_or_default();
                    parents.get(current).cloned().flatten()
                }
                Place::Known(id) => {
                    let Some(parent) = known.get(&id) else { break };
                    if parent.status == Status::Closed {
                        return Err(TaskError::ClosedParent { parent: id });
                    }
                    held += parent.held;
                    None
                }
            };
            above += 1;
            if above > DEPTH {
                let problem = format!("stands below more than {DEPTH} others, or below itself");
                return Err(TaskError::bad("parent", problem).of_entry(at));
            }
        }
        let row = &mut entry.row;
        row.held = held;
        row.unblocks = unblocks.get(at).copied().unwrap_or_default();
        row.children = children.get(at).copied().unwrap_or_default();
        row.parent = match &entry.parent {
            Some(Place::New(parent)) => ids.get(*parent).cloned(),
            Some(Place::Known(id)) => Some(id.clone()),
            None => None,
        };
    }
    Ok(())
}

/// Tasks that were there before: those with new edges that may hold, and those with new children,
/// with how many.
fn touched(entries: &[Entry]) -> (Vec<TaskId>, HashMap<TaskId, i64>) {
    let mut blockers = Vec::new();
    let mut parents: HashMap<TaskId, i64> = HashMap::new();
    for entry in entries {
        for (kind, place) in &entry.edges {
            if let (true, Place::Known(id)) = (kind.blocks(), place)
                && !blockers.contains(id)
            {
                blockers.push(id.clone());
            }
        }
        if let Some(Place::Known(parent)) = &entry.parent {
            *parents.entry(parent.clone()).or_default() += 1;
        }
    }
    (blockers, parents)
}
