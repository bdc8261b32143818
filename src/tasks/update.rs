//! Changing tasks: their fields, labels, edges and place, all in one go or not at all. Where a task
//! stands is changed by claims and closes only; nothing here may stand in for either.

use sqlx::AnyConnection;

use super::error::TaskError;
use super::fields;
use super::graph::{self, Arcs};
use super::model::{Actor, Edge, EdgeKind, Kind, NoteKind, Status, Task};
use super::rows;
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::statements;

/// Characters of a title that its history shows.
const SHOWN: usize = 60;

/// Characters of former acceptance criteria that stay in the history.
const CRITERIA: usize = 2000;

statements! {
    /// Apart from the others: only these are indexed for the search.
    SET_TEXTS = "UPDATE task SET title = $2, description = $3, acceptance = $4 WHERE id = $1";
    SET = "UPDATE task SET kind = $2, priority = $3, writes = $4, estimate_min = $5,
          defer_until_ms = $6, external_ref = $7, updated_ms = $8
        WHERE id = $1";
    ADD_LABEL = "INSERT INTO task_label(task_id, label, at_ms) VALUES ($1, $2, $3)
        ON CONFLICT (task_id, label) DO UPDATE SET at_ms = excluded.at_ms, gone = 0";
    REMOVE_LABEL = "UPDATE task_label SET gone = 1, at_ms = $3 WHERE task_id = $1 AND label = $2";
}

/// What is to be changed of a task; what is `None` or empty stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// One line.
    pub title: Option<String>,
    /// What is to be done.
    pub description: Option<String>,
    /// What must hold before it may be closed as done.
    pub acceptance: Option<String>,
    /// What kind of work.
    pub kind: Option<Kind>,
    /// From 0, the most urgent, to 4.
    pub priority: Option<i64>,
    /// Whether the work changes files.
    pub writes: Option<bool>,
    /// Minutes it may take; 0 for none.
    pub estimate_min: Option<u32>,
    /// Not ready before; milliseconds since the Unix epoch, 0 for no such time.
    pub defer_until_ms: Option<i64>,
    /// What it is called elsewhere; empty for nothing.
    pub external_ref: Option<String>,
    /// The task it is to be a part of; `Some(None)`, or an empty text, for none.
    pub parent: Option<Option<String>>,
    /// Labels to be added.
    pub add_labels: Vec<String>,
    /// Labels to be taken away.
    pub remove_labels: Vec<String>,
    /// Tasks that must be closed before it can begin.
    pub add_blocked_by: Vec<String>,
    /// Tasks that it no longer waits for.
    pub remove_blocked_by: Vec<String>,
    /// Other edges, as `kind:task`.
    pub add_edges: Vec<String>,
    /// Other edges to be taken away.
    pub remove_edges: Vec<String>,
    /// Words for its history.
    pub note: Option<String>,
}

impl Tracker<'_> {
    /// Changes a task; what it has already is no change, and no change writes nothing.
    ///
    /// # Errors
    /// A value that cannot be, a stale fence, a task or a field that is not this actor's to change,
    /// more than the rest of its history of a closed task, a closed parent, a circle.
    pub async fn update(
        &self,
        given: &str,
        changes: &Changes,
        fence: Option<i64>,
    ) -> Result<TaskId, TaskError> {
        let note = changes.note.as_deref().map(fields::note).transpose()?;
        let edges = Edges::of(changes)?;
        let mut tx = self.store.begin().await?;
        self.expire_in(&mut tx).await?;
        let task = self.task_in(&mut tx, given).await?;
        self.check_fence(&task, fence)?;
        let plan = Plan {
            to: self.changed(&task, changes)?,
            parent: self.new_parent(&mut tx, &task, changes).await?,
            labels: self.new_labels(&rows::labels(&mut tx, &task.id).await?, changes)?,
            edges: self.new_edges(&mut tx, &task, &edges).await?,
            task,
        };
        let told = plan.told();
        if !told.is_empty() {
            self.refuse_foreign(&plan)?;
            self.apply(&mut tx, &plan).await?;
            let told = told.join("; ");
            self.note_in(&mut tx, &plan.task.id, NoteKind::Changed, &told)
                .await?;
        }
        if let Some(note) = &note {
            self.note_in(&mut tx, &plan.task.id, NoteKind::Note, note)
                .await?;
        }
        if !told.is_empty() || note.is_some() {
            self.set(&mut tx, &plan.to).await?;
        }
        self.store.commit(tx).await?;
        Ok(plan.task.id)
    }

    /// The task with its new fields.
    fn changed(&self, task: &Task, changes: &Changes) -> Result<Task, TaskError> {
        let mut to = task.clone();
        let texts = [
            (&mut to.title, &changes.title, fields::title as Check),
            (
                &mut to.description,
                &changes.description,
                fields::description,
            ),
            (&mut to.acceptance, &changes.acceptance, fields::acceptance),
            (
                &mut to.external_ref,
                &changes.external_ref,
                fields::external_ref,
            ),
        ];
        for (field, given, check) in texts {
            if let Some(given) = given {
                *field = self.store.redact(&check(given)?);
            }
        }
        to.kind = changes.kind.unwrap_or(task.kind);
        to.writes = changes.writes.unwrap_or(task.writes);
        if let Some(priority) = changes.priority {
            to.priority = fields::priority(priority)?;
        }
        to.estimate_min = match changes.estimate_min {
            None => task.estimate_min,
            Some(0) => None,
            Some(minutes) => Some(fields::estimate_min(minutes)?),
        };
        if let Some(until_ms) = changes.defer_until_ms {
            to.defer_until_ms = until_ms.max(0);
        }
        Ok(to)
    }

    /// Its new parent, where that is another one than before.
    async fn new_parent(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        changes: &Changes,
    ) -> Result<Option<Option<Task>>, TaskError> {
        let parent = match &changes.parent {
            None => return Ok(None),
            Some(Some(given)) if !given.trim().is_empty() => {
                Some(self.task_in(connection, given).await?)
            }
            Some(_) => None,
        };
        let is_new = parent.as_ref().map(|parent| &parent.id) != task.parent.as_ref();
        Ok(is_new.then_some(parent))
    }

    /// Labels that are not there and are to be, and those that are there and are not to be.
    fn new_labels(
        &self,
        own: &[String],
        changes: &Changes,
    ) -> Result<Difference<String>, TaskError> {
        let hidden: Vec<String> = changes
            .add_labels
            .iter()
            .map(|it| self.store.redact(it))
            .collect();
        let add = fields::labels(&hidden)?;
        let remove = fields::labels(&changes.remove_labels)?;
        if let Some(label) = add.iter().find(|label| remove.contains(label)) {
            let problem = format!("has {label:?}, which is to be removed as well");
            return Err(TaskError::bad("add_labels", problem));
        }
        let difference = Difference {
            add: without(add, |label| own.contains(label)),
            remove: without(remove, |label| !own.contains(label)),
        };
        let stay = own
            .iter()
            .filter(|label| !difference.remove.contains(label));
        let all: Vec<String> = stay.chain(&difference.add).cloned().collect();
        fields::labels(&all)?;
        Ok(difference)
    }

    /// Edges that are not there and are to be, and those that are there and are not to be.
    async fn new_edges(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        edges: &Edges,
    ) -> Result<Difference<(EdgeKind, TaskId)>, TaskError> {
        if edges.add.is_empty() && edges.remove.is_empty() {
            return Ok(Difference::default());
        }
        let (own, _) = rows::edges(connection, &task.id).await?;
        let own: Vec<(EdgeKind, TaskId)> = own.into_iter().map(pair).collect();
        let add = self.found(connection, &edges.add).await?;
        let remove = self.found(connection, &edges.remove).await?;
        if let Some((kind, other)) = add.iter().find(|edge| remove.contains(edge)) {
            let problem = format!("has {kind}:{other}, which is to be removed as well");
            return Err(TaskError::bad("add_edges", problem));
        }
        let of_itself = |(kind, other): &&(EdgeKind, TaskId)| *other == task.id && !kind.blocks();
        if let Some((kind, _)) = add.iter().find(of_itself) {
            let problem = format!("has an edge {kind} of the task to itself");
            return Err(TaskError::bad("add_edges", problem));
        }
        let difference = Difference {
            add: without(add, |edge| own.contains(edge)),
            remove: without(remove, |edge| !own.contains(edge)),
        };
        let edges = own.len() + difference.add.len();
        fields::edge_count(edges - difference.remove.len())?;
        Ok(difference)
    }

    async fn found(
        &self,
        connection: &mut AnyConnection,
        edges: &[(EdgeKind, String)],
    ) -> Result<Vec<(EdgeKind, TaskId)>, TaskError> {
        let mut found = Vec::with_capacity(edges.len());
        for (kind, other) in edges {
            let edge = (*kind, self.find_in(connection, other).await?);
            if !found.contains(&edge) {
                found.push(edge);
            }
        }
        Ok(found)
    }

    /// Refuses what is not for this actor to change, or not of a task that stands as this one does.
    fn refuse_foreign(&self, plan: &Plan) -> Result<(), TaskError> {
        let Plan { task, to, .. } = plan;
        let own = self.as_holder();
        let criteria = task.acceptance != to.acceptance;
        if let (true, Some(holder)) = (self.actor.is_agent(), &task.holder)
            && Some(holder) != own.as_ref()
        {
            return Err(TaskError::Held {
                id: task.id.clone(),
                holder: holder.told(),
            });
        }
        if task.status == Status::Closed && plan.is_of_open_task() {
            return Err(TaskError::WrongStatus {
                id: task.id.clone(),
                status: task.status,
                action: "changed but for notes, labels, `external_ref` and edges that do not block",
            });
        }
        if criteria && task.holder.is_some() {
            let problem =
                "the acceptance criteria of a task cannot be changed while somebody works \
                           on it"
                    .to_owned();
            return Err(TaskError::NotAllowed { problem });
        }
        let takes_away = criteria && to.acceptance.is_empty();
        if takes_away && self.actor != Actor::Person {
            let problem = "only a person can take away acceptance criteria".to_owned();
            return Err(TaskError::NotAllowed { problem });
        }
        if self.actor.is_agent() && task.created_by != self.actor.told() {
            let lets_go = plan.edges.remove.iter().any(|(kind, _)| kind.blocks());
            let fields = [
                (criteria, "change the acceptance criteria"),
                (plan.parent.is_some(), "change the parent"),
                (
                    task.writes != to.writes && self.reads_only(),
                    "change whether it writes",
                ),
                (lets_go, "take away what blocks"),
            ];
            if let Some((_, what)) = fields.iter().find(|(is_so, _)| *is_so) {
                let problem = format!(
                    "an agent cannot {what} of a task that it did not create; it can add a note"
                );
                return Err(TaskError::NotAllowed { problem });
            }
        }
        Ok(())
    }

    /// Writes what hangs together with other tasks, and labels.
    async fn apply(&self, connection: &mut AnyConnection, plan: &Plan) -> Result<(), TaskError> {
        let (task, now_ms) = (&plan.task, self.now_ms());
        for (kind, other) in &plan.edges.remove {
            graph::remove_edge(connection, &task.id, *kind, other, now_ms).await?;
        }
        if let Some(parent) = &plan.parent {
            self.hang(connection, task, parent.as_ref()).await?;
        }
        for (kind, other) in &plan.edges.add {
            graph::add_edge(connection, &task.id, *kind, other, now_ms).await?;
        }
        let blocks = plan.edges.add.iter().any(|(kind, _)| kind.blocks());
        if blocks || matches!(plan.parent, Some(Some(_))) {
            let changed = [task.id.clone()];
            let mut arcs = Arcs::default();
            graph::refuse_cycle(connection, &mut arcs, &changed, TaskId::to_string).await?;
        }
        for (sql, labels) in [
            (REMOVE_LABEL, &plan.labels.remove),
            (ADD_LABEL, &plan.labels.add),
        ] {
            for label in labels {
                sqlx::query(sql)
                    .bind(task.id.as_str())
                    .bind(label)
                    .bind(now_ms)
                    .execute(&mut *connection)
                    .await?;
            }
        }
        let stamped = plan.stamped();
        if !stamped.is_empty() {
            self.stamp_in(connection, task, &stamped).await?;
        }
        if plan.texts_change() {
            sqlx::query(SET_TEXTS)
                .bind(task.id.as_str())
                .bind(&plan.to.title)
                .bind(&plan.to.description)
                .bind(&plan.to.acceptance)
                .execute(connection)
                .await?;
        }
        Ok(())
    }

    /// Takes `task`, which is not closed, from its parent and hangs it below another one.
    async fn hang(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        parent: Option<&Task>,
    ) -> Result<(), TaskError> {
        if let Some(parent) = parent {
            if parent.status == Status::Closed {
                let parent = parent.id.clone();
                return Err(TaskError::ClosedParent { parent });
            }
            graph::refuse_place(connection, &parent.id, &task.id).await?;
        }
        if let Some(parent) = &task.parent {
            graph::leave(connection, parent, &task.id, true).await?;
        }
        if let Some(parent) = parent {
            graph::adopt(connection, &parent.id, &task.id, true).await?;
        }
        Ok(())
    }

    async fn set(&self, connection: &mut AnyConnection, to: &Task) -> Result<(), TaskError> {
        sqlx::query(SET)
            .bind(to.id.as_str())
            .bind(to.kind.as_str())
            .bind(i64::from(to.priority))
            .bind(i64::from(to.writes))
            .bind(i64::from(to.estimate_min.unwrap_or_default()))
            .bind(to.defer_until_ms)
            .bind(&to.external_ref)
            .bind(self.now_ms())
            .execute(connection)
            .await?;
        Ok(())
    }
}

type Check = fn(&str) -> Result<String, TaskError>;

/// The edges that a change names, checked by themselves.
struct Edges {
    add: Vec<(EdgeKind, String)>,
    remove: Vec<(EdgeKind, String)>,
}

impl Edges {
    fn of(changes: &Changes) -> Result<Self, TaskError> {
        let all = |blocked_by: &[String], edges: &[String]| {
            let blocked_by = blocked_by.iter();
            let blocked_by = blocked_by.map(|other| Ok((EdgeKind::BlockedBy, other.clone())));
            let edges = edges.iter().map(|edge| fields::edge(edge));
            blocked_by.chain(edges).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            add: all(&changes.add_blocked_by, &changes.add_edges)?,
            remove: all(&changes.remove_blocked_by, &changes.remove_edges)?,
        })
    }
}

fn pair(edge: Edge) -> (EdgeKind, TaskId) {
    (edge.kind, edge.other)
}

fn without<T>(mut list: Vec<T>, is_so: impl Fn(&T) -> bool) -> Vec<T> {
    list.retain(|it| !is_so(it));
    list
}

struct Difference<T> {
    add: Vec<T>,
    remove: Vec<T>,
}

impl<T> Default for Difference<T> {
    fn default() -> Self {
        Self {
            add: Vec::new(),
            remove: Vec::new(),
        }
    }
}

/// What a change comes to.
struct Plan {
    task: Task,
    /// The same with its new fields.
    to: Task,
    /// Its new parent, if it gets another one or loses the one it has.
    parent: Option<Option<Task>>,
    labels: Difference<String>,
    edges: Difference<(EdgeKind, TaskId)>,
}

impl Plan {
    /// Whether something changes that a closed task keeps as it was.
    fn is_of_open_task(&self) -> bool {
        let mut edges = self.edges.add.iter().chain(&self.edges.remove);
        self.stamped().iter().any(|field| *field != "external_ref")
            || edges.any(|(kind, _)| kind.blocks())
    }

    fn texts_change(&self) -> bool {
        let texts = |task: &Task| {
            let Task {
                title,
                description,
                acceptance,
                ..
            } = task.clone();
            (title, description, acceptance)
        };
        texts(&self.task) != texts(&self.to)
    }

    /// The names of the fields that change.
    fn stamped(&self) -> Vec<&'static str> {
        self.fields().into_iter().map(|(name, _)| name).collect()
    }

    /// The fields that change, with how that is told.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let (from, to) = (&self.task, &self.to);
        let mut fields = Vec::new();
        let mut field = |name, from: String, to: String| {
            if from != to {
                fields.push((name, format!("{name} {from} -> {to}")));
            }
        };
        let or_none = |text: String| match text.as_str() {
            "" | "0" => "none".to_owned(),
            _ => text,
        };
        let minutes = |task: &Task| or_none(task.estimate_min.unwrap_or_default().to_string());
        let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
        field("kind", from.kind.to_string(), to.kind.to_string());
        field(
            "priority",
            from.priority.to_string(),
            to.priority.to_string(),
        );
        field("writes", yes(from.writes), yes(to.writes));
        field("estimate_min", minutes(from), minutes(to));
        if let Some(parent) = &self.parent {
            let told = |id: Option<&TaskId>| id.map_or("none".to_owned(), TaskId::to_string);
            let new = parent.as_ref().map(|parent| &parent.id);
            field("parent", told(from.parent.as_ref()), told(new));
        }
        if from.defer_until_ms != to.defer_until_ms {
            let [old, new] = [from, to].map(|task| match task.defer_until_ms {
                0 => "none".to_owned(),
                until_ms => crate::clock::rfc3339(until_ms),
            });
            fields.push(("defer_until", format!("defer_until {old} -> {new}")));
        }
        for (name, from, to) in [
            ("title", &from.title, &to.title),
            ("external_ref", &from.external_ref, &to.external_ref),
        ] {
            if from != to {
                let [old, new] = [from, to].map(|text| crate::text::one_line(text, SHOWN));
                fields.push((name, format!("{name} {old:?} -> {new:?}")));
            }
        }
        // Their texts would be repeated at every turn.
        if from.description != to.description {
            fields.push(("description", "description changed".to_owned()));
        }
        if from.acceptance != to.acceptance {
            // What was asked for before is nowhere else.
            let was = crate::text::one_line(&from.acceptance, CRITERIA);
            fields.push(("acceptance", format!("acceptance, which was {was:?}")));
        }
        fields
    }

    /// What changes, in words, one entry each; none when nothing does.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.fields().into_iter().map(|(_, told)| told).collect();
        let labels = signed(&self.labels.add, &self.labels.remove);
        if !labels.is_empty() {
            told.push(format!("labels {labels}"));
        }
        for kind in EdgeKind::ALL {
            let of = |edges: &[(EdgeKind, TaskId)]| -> Vec<TaskId> {
                let of_kind = edges.iter().filter(|(it, _)| it == kind);
                of_kind.map(|(_, other)| other.clone()).collect()
            };
            let edges = signed(&of(&self.edges.add), &of(&self.edges.remove));
            if !edges.is_empty() {
                told.push(format!("{kind} {edges}"));
            }
        }
        told
    }
}

/// `+new -old`
fn signed<T: std::fmt::Display>(add: &[T], remove: &[T]) -> String {
    let add = add.iter().map(|it| format!("+{it}"));
    let remove = remove.iter().map(|it| format!("-{it}"));
    add.chain(remove).collect::<Vec<_>>().join(" ")
}
