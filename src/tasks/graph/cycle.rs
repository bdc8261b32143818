//! Circles of tasks that would wait for each other for ever.
//!
//! Every task has a beginning and an end, and its children have them within it: a parent begins
//! before its children, which is how what holds a parent holds them, and ends after them. What waits
//! for a task begins after its end; what waits for its children begins after the last of these. A
//! change is refused when, with it, some beginning or end comes before itself.

use std::collections::{HashMap, VecDeque};

use sqlx::AnyConnection;

use crate::ids::TaskId;
use crate::store::{StoreError, statements};
use crate::tasks::error::TaskError;
use crate::tasks::model::EdgeKind;

statements! {
    /// Everything that has to come before or after something of $1.
    ARCS = "SELECT 'child', id FROM task WHERE parent = $1
        UNION ALL SELECT kind, task_id FROM task_edge WHERE other_id = $1 AND gone = 0
          AND kind IN ('blocked_by','on_failure','waits_children')
        UNION ALL SELECT 'parent', parent FROM task WHERE id = $1 AND parent IS NOT NULL";
}

/// A moment in the life of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Moment {
    Begins,
    /// The last of its children has ended.
    ChildrenEnd,
    Ends,
}

type Node = (TaskId, Moment);

/// What is known of the neighbours of tasks; read where it is not.
#[derive(Default)]
pub(crate) struct Arcs {
    known: HashMap<TaskId, Neighbours>,
}

#[derive(Debug, Clone, Default)]
struct Neighbours {
    parent: Option<TaskId>,
    children: Vec<TaskId>,
    /// They wait for its end.
    waiting: Vec<TaskId>,
    /// They wait for its children.
    waiting_for_children: Vec<TaskId>,
}

impl Arcs {
    /// A task that has just been created: what is not told of it with the other functions is not so.
    pub(crate) fn add(&mut self, task: &TaskId) {
        self.known.insert(task.clone(), Neighbours::default());
    }

    /// The parent of a task that has just been created.
    pub(crate) fn add_child(&mut self, parent: &TaskId, child: &TaskId) {
        self.known.entry(child.clone()).or_default().parent = Some(parent.clone());
        // One that was there before is read when it is needed.
        if let Some(parent) = self.known.get_mut(parent) {
            parent.children.push(child.clone());
        }
    }

    /// An edge of `waiting` to a task that has just been created.
    pub(crate) fn add_waiting(&mut self, task: &TaskId, kind: EdgeKind, waiting: &TaskId) {
        let task = self.known.entry(task.clone()).or_default();
        match kind {
            EdgeKind::WaitsChildren => task.waiting_for_children.push(waiting.clone()),
            _ => task.waiting.push(waiting.clone()),
        }
    }

    async fn of(
        &mut self,
        connection: &mut AnyConnection,
        id: &TaskId,
    ) -> Result<&Neighbours, StoreError> {
        if !self.known.contains_key(id) {
            let rows: Vec<(String, String)> = sqlx::query_as(ARCS)
                .bind(id.as_str())
                .fetch_all(connection)
                .await?;
            let mut found = Neighbours::default();
            for (kind, other) in rows {
                let other = TaskId::stored(other);
                match kind.as_str() {
                    "child" => found.children.push(other),
                    "parent" => found.parent = Some(other),
                    "waits_children" => found.waiting_for_children.push(other),
                    _ => found.waiting.push(other),
                }
            }
            self.known.insert(id.clone(), found);
        }
        Ok(self.known.entry(id.clone()).or_default())
    }

    /// What comes directly after a moment, with how that is said.
    async fn after(
        &mut self,
        connection: &mut AnyConnection,
        (id, moment): &Node,
    ) -> Result<Vec<(Node, Option<Step>)>, StoreError> {
        let neighbours = self.of(connection, id).await?;
        let within = |moment| ((id.clone(), moment), None);
        let waits = |other: &TaskId| {
            let step = Step::Waits(other.clone(), id.clone());
            ((other.clone(), Moment::Begins), Some(step))
        };
        Ok(match moment {
            Moment::Begins => {
                let children = neighbours.children.iter().map(|child| {
                    let step = Step::Child(child.clone(), id.clone());
                    ((child.clone(), Moment::Begins), Some(step))
                });
                [within(Moment::ChildrenEnd), within(Moment::Ends)]
                    .into_iter()
                    .chain(children)
                    .collect()
            }
            Moment::ChildrenEnd => {
                let waiting = neighbours.waiting_for_children.iter().map(|other| {
                    let step = Step::WaitsForChildren(other.clone(), id.clone());
                    ((other.clone(), Moment::Begins), Some(step))
                });
                waiting.chain([within(Moment::Ends)]).collect()
            }
            Moment::Ends => {
                let parent = neighbours.parent.iter().map(|parent| {
                    let step = Step::Child(id.clone(), parent.clone());
                    ((parent.clone(), Moment::ChildrenEnd), Some(step))
                });
                parent.chain(neighbours.waiting.iter().map(waits)).collect()
            }
        })
    }
}

/// One step of a circle, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Waits(TaskId, TaskId),
    WaitsForChildren(TaskId, TaskId),
    Child(TaskId, TaskId),
}

impl Step {
    fn told(&self, name: &impl Fn(&TaskId) -> String) -> String {
        match self {
            Step::Waits(task, other) => format!("{} waits for {}", name(task), name(other)),
            Step::WaitsForChildren(task, other) => {
                format!("{} waits for the children of {}", name(task), name(other))
            }
            Step::Child(child, parent) => {
                format!("{} is a child of {}", name(child), name(parent))
            }
        }
    }
}

/// Refuses the state of things if one of `changed`, tasks that have got an edge or a parent, comes
/// before itself. `name` is how a task is called in the refusal.
pub(crate) async fn refuse_cycle(
    connection: &mut AnyConnection,
    arcs: &mut Arcs,
    changed: &[TaskId],
    name: impl Fn(&TaskId) -> String,
) -> Result<(), TaskError> {
    // A circle passes through the beginning of every task that an edge or a parent was added to: what
    // holds it comes before its beginning. A new child also ends before its parent does.
    let mut clear: HashMap<Node, ()> = HashMap::new();
    for task in changed {
        for moment in [Moment::Begins, Moment::Ends] {
            let start = (task.clone(), moment);
            if let Some(steps) = circle(connection, arcs, &start, &clear).await? {
                let mut told: Vec<String> = steps.iter().map(|step| step.told(&name)).collect();
                told.dedup();
                return Err(TaskError::Cycle { steps: told });
            }
            clear.insert(start, ());
        }
    }
    Ok(())
}

/// The steps of the shortest way from `start` back to it; moments in `clear` lie on none.
async fn circle(
    connection: &mut AnyConnection,
    arcs: &mut Arcs,
    start: &Node,
    clear: &HashMap<Node, ()>,
) -> Result<Option<Vec<Step>>, StoreError> {
    let mut came_from: HashMap<Node, (Node, Option<Step>)> = HashMap::new();
    let mut next = VecDeque::from([start.clone()]);
    while let Some(node) = next.pop_front() {
        for (after, step) in arcs.after(connection, &node).await? {
            if clear.contains_key(&after) || came_from.contains_key(&after) {
                continue;
            }
            came_from.insert(after.clone(), (node.clone(), step));
            if after == *start {
                return Ok(Some(way_back(&came_from, start)));
            }
            next.push_back(after);
        }
    }
    Ok(None)
}

fn way_back(came_from: &HashMap<Node, (Node, Option<Step>)>, start: &Node) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut node = start;
    while let Some((before, step)) = came_from.get(node) {
        steps.extend(step.clone());
        if before == start {
            break;
        }
        node = before;
    }
    steps
}
