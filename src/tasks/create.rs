//! Creating tasks, many at once: all of them or none.
//!
//! The counts of new tasks follow from the batch itself and are written with them. Only what tasks
//! that were there before hold is looked up, and only they are settled afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use sqlx::AnyConnection;

use super::error::TaskError;
use super::fields;
use super::graph::{Arcs, above, count_child, refuse_cycle, refuse_levels, settle};
use super::model::{EdgeKind, Kind, Standing, Status};
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::statements;

/// Characters that are repeated of what names no task.
const REFERENCE: usize = 40;
/// Most tasks in one call.
pub const BATCH: usize = 500;
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
    HELD = "SELECT id, held FROM task WHERE id IN (SELECT value FROM json_each($1)) AND held > 0";
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
    /// Where it stands, in one word; `ready` when somebody may begin with it.
    pub status: &'static str,
}

/// A checked entry of a batch.
struct Entry {
    row: Row,
    labels: Vec<String>,
    reference: Option<String>,
    parent: Option<Place>,
    edges: BTreeSet<(EdgeKind, Place)>,
}

/// A task that was there before and is the parent of entries.
struct Parent {
    held: i64,
    /// How many tasks stand above each other down to it.
    levels: usize,
    /// How many children it gets.
    gets: i64,
}

/// A task that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

impl Row {
    fn standing(&self) -> Standing {
        Standing {
            status: Status::Open,
            reason: None,
            held: self.held,
            open_children: self.children,
            defer_until_ms: self.defer_until_ms,
        }
    }
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
        let ids = self.new_ids(checked.len()).await?;
        let mut tx = self.store.begin().await?;
        let created = self.create_in(&mut tx, checked, ids, &names).await?;
        self.store.commit(tx).await?;
        Ok(created)
    }

    async fn create_in(
        &self,
        connection: &mut AnyConnection,
        checked: Vec<Checked>,
        ids: Vec<TaskId>,
        names: &HashMap<String, usize>,
    ) -> Result<Vec<Created>, TaskError> {
        let mut entries = Vec::with_capacity(checked.len());
        let mut found: HashMap<String, TaskId> = HashMap::new();
        for (at, (checked, id)) in checked.into_iter().zip(ids).enumerate() {
            let mut place = async |field, given: &str| {
                let given = given.trim();
                if let Some(other) = names.get(given) {
                    return Ok(Place::New(*other));
                }
                if let Some(id) = found.get(given) {
                    return Ok(Place::Known(id.clone()));
                }
                // A beginning could be a mistyped name of this batch.
                let id = match whole_id(given) {
                    Some(id) => self.find_in(connection, &id).await,
                    None => Err(TaskError::Unknown {
                        id: crate::text::one_line(given, REFERENCE),
                        nearest: Vec::new(),
                    }),
                };
                let id =
                    id.map_err(|error| unknown_in_batch(error, at, field, names.is_empty()))?;
                found.insert(given.to_owned(), id.clone());
                Ok::<_, TaskError>(Place::Known(id))
            };
            let parent = match &checked.parent {
                Some(parent) => Some(place("parent", parent).await?),
                None => None,
            };
            let mut edges = BTreeSet::new();
            for (kind, other) in &checked.edges {
                let field = match kind {
                    EdgeKind::BlockedBy => "blocked_by",
                    _ => "edges",
                };
                let other = place(field, other).await?;
                if other == Place::New(at) && !kind.blocks() {
                    let problem = format!("has an edge {kind} of the task to itself");
                    return Err(TaskError::bad("edges", problem).of_entry(at));
                }
                edges.insert((*kind, other));
            }
            entries.push(Entry {
                row: Row { id, ..checked.row },
                labels: checked.labels,
                reference: checked.reference,
                parent,
                edges,
            });
        }
        let parents = self.parents(connection, &entries).await?;
        count(&mut entries, &parents)?;
        self.write(connection, &entries).await?;
        let blockers = blockers(&entries, &parents);
        let stands_alone = blockers.is_empty() && parents.is_empty();
        for id in blockers {
            settle(connection, id).await?;
        }
        for (id, parent) in &parents {
            count_child(connection, id, parent.gets, parent.gets).await?;
        }
        self.refuse_cycles(connection, &entries).await?;
        if !stands_alone {
            read_held(connection, &mut entries).await?;
        }
        let now_ms = self.now_ms();
        let created = entries.into_iter().map(|entry| Created {
            status: entry.row.standing().at(now_ms),
            id: entry.row.id,
            reference: entry.reference,
        });
        Ok(created.collect())
    }

    /// The tasks that were there before and are to be parents.
    async fn parents(
        &self,
        connection: &mut AnyConnection,
        entries: &[Entry],
    ) -> Result<BTreeMap<TaskId, Parent>, TaskError> {
        let mut parents: BTreeMap<TaskId, Parent> = BTreeMap::new();
        for entry in entries {
            let Some(Place::Known(id)) = &entry.parent else {
                continue;
            };
            if let Some(parent) = parents.get_mut(id) {
                parent.gets += 1;
                continue;
            }
            let task = self.get_in(connection, id).await?;
            if task.status == Status::Closed {
                return Err(TaskError::ClosedParent { parent: task.id });
            }
            let parent = Parent {
                held: task.held,
                levels: above(connection, id).await?.len(),
                gets: 1,
            };
            parents.insert(task.id, parent);
        }
        Ok(parents)
    }

    /// Ids that no task has or has had. Looked up before anybody has to wait for the write, which is
    /// refused as a whole should another process come upon one of them in that moment.
    async fn new_ids(&self, count: usize) -> Result<Vec<TaskId>, TaskError> {
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
                .fetch_all(self.store.read())
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
            (
                ADD_LABELS,
                self.store.redact_json(&labels),
                labels.is_empty(),
            ),
            (ADD_EDGES, self.store.redact_json(&edges), edges.is_empty()),
        ] {
            if !is_empty {
                sqlx::query(sql)
                    .bind(json)
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
        // Nothing that was there waits for what is new, but through a parent.
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
        let name = |id: &TaskId| match entries.iter().position(|entry| entry.row.id == *id) {
            Some(at) => name(entries, at),
            None => id.to_string(),
        };
        refuse_cycle(connection, &mut arcs, &changed, name).await
    }
}

/// Reads again what holds the entries: tasks that were there before may hold them, too.
async fn read_held(connection: &mut AnyConnection, entries: &mut [Entry]) -> Result<(), TaskError> {
    let ids: Vec<&TaskId> = entries.iter().map(|entry| &entry.row.id).collect();
    let held: Vec<(String, i64)> = sqlx::query_as(HELD)
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(connection)
        .await?;
    let held: HashMap<String, i64> = held.into_iter().collect();
    for entry in entries {
        let id = entry.row.id.as_str();
        entry.row.held = held.get(id).copied().unwrap_or_default();
    }
    Ok(())
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
    fields::edge_count(edges.len())?;
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

/// The id in `given`, with or without `t-`, if it is a whole one.
fn whole_id(given: &str) -> Option<String> {
    let prefixed = || TaskId::parse(&format!("t-{given}"));
    let id = TaskId::parse(given).or_else(|_| prefixed()).ok()?;
    Some(id.to_string())
}

fn unknown_in_batch(
    error: TaskError,
    at: usize,
    field: &'static str,
    is_unnamed: bool,
) -> TaskError {
    match error {
        TaskError::Unknown { id, nearest } => {
            let near = match nearest.as_slice() {
                [] => String::new(),
                nearest => format!("; did you mean {}?", nearest.join(" or ")),
            };
            let neither = if is_unnamed { "" } else { " and no `ref` here" };
            let problem = format!("names {id:?}, which is no task{neither}{near}");
            TaskError::bad(field, problem).of_entry(at)
        }
        other => other,
    }
}

/// Fills in what follows from the batch: parents, children, and what holds what.
fn count(entries: &mut [Entry], parents: &BTreeMap<TaskId, Parent>) -> Result<(), TaskError> {
    let mut own = vec![0i64; entries.len()];
    let mut unblocks = vec![0i64; entries.len()];
    let mut children = vec![0i64; entries.len()];
    let add = |counts: &mut [i64], at: usize| {
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
    };
    for (at, entry) in entries.iter().enumerate() {
        for (kind, place) in &entry.edges {
            if let (true, Place::New(other)) = (kind.blocks(), place) {
                add(&mut own, at);
                add(&mut unblocks, *other);
            }
        }
        if let Some(Place::New(parent)) = entry.parent {
            add(&mut children, parent);
        }
    }
    let of = |counts: &[i64], at: usize| counts.get(at).copied().unwrap_or_default();
    for at in 0..entries.len() {
        let (chain, top) = chain(entries, at)?;
        let top = top.and_then(|id| parents.get(id));
        let levels = chain.len() + top.map_or(0, |parent| parent.levels);
        refuse_levels(levels).map_err(|error| error.of_entry(at))?;
        let held = chain.iter().map(|at| of(&own, *at)).sum::<i64>();
        let held = held + top.map_or(0, |parent| parent.held);
        let parent = match entries.get(at).and_then(|entry| entry.parent.as_ref()) {
            Some(Place::New(parent)) => entries.get(*parent).map(|entry| entry.row.id.clone()),
            Some(Place::Known(id)) => Some(id.clone()),
            None => None,
        };
        if let Some(entry) = entries.get_mut(at) {
            entry.row.held = held;
            entry.row.unblocks = of(&unblocks, at);
            entry.row.children = of(&children, at);
            entry.row.parent = parent;
        }
    }
    Ok(())
}

/// An entry and those above it, and the task above these that was there before.
fn chain(entries: &[Entry], at: usize) -> Result<(Vec<usize>, Option<&TaskId>), TaskError> {
    let mut chain = vec![at];
    let mut last = at;
    loop {
        match entries.get(last).and_then(|entry| entry.parent.as_ref()) {
            None => return Ok((chain, None)),
            Some(Place::Known(id)) => return Ok((chain, Some(id))),
            Some(Place::New(parent)) => {
                if let Some(begin) = chain.iter().position(|it| it == parent) {
                    let circle = chain.iter().skip(begin).chain([parent]);
                    let names: Vec<String> = circle.map(|at| name(entries, *at)).collect();
                    let pairs = names.iter().zip(names.iter().skip(1));
                    let steps =
                        pairs.map(|(child, parent)| format!("{child} is a child of {parent}"));
                    return Err(TaskError::Cycle {
                        steps: steps.collect(),
                    });
                }
                chain.push(*parent);
                last = *parent;
            }
        }
    }
}

/// How an entry is called in a refusal: its id says nothing yet.
fn name(entries: &[Entry], at: usize) -> String {
    match entries.get(at) {
        Some(entry) => match &entry.reference {
            Some(reference) => reference.clone(),
            None => format!("{:?}", entry.row.title),
        },
        None => String::new(),
    }
}

/// Tasks that were there before and have got edges that may hold; those that get children are
/// settled with these.
fn blockers<'a>(entries: &'a [Entry], parents: &BTreeMap<TaskId, Parent>) -> BTreeSet<&'a TaskId> {
    let edges = entries.iter().flat_map(|entry| &entry.edges);
    let known = edges.filter_map(|(kind, place)| match place {
        Place::Known(id) if kind.blocks() && !parents.contains_key(id) => Some(id),
        _ => None,
    });
    known.collect()
}
