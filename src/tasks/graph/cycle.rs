//! Circles of tasks that would wait for each other for ever.
//!
//! Every task has a beginning and an end, and its children have them within it: a parent begins
//! before its children, which is how what holds a parent holds them, and ends after them. What waits
//! for a task, or for its children, begins after its end: the last of the children may have ended
//! before, but as nothing has to happen in between, that makes no circle more or less. A change is
//! refused when, with it, some beginning or end comes before itself. Closed tasks count as well, so
//! that opening one again never closes a circle.

use std::collections::{HashMap, HashSet, VecDeque};

use sqlx::AnyConnection;

use crate::ids::TaskId;
use crate::store::{StoreError, statements};
use crate::tasks::error::TaskError;
use crate::tasks::model::EdgeKind;
use crate::tasks::rows::word;

statements! {
    /// What comes directly after each moment that is one of $1 or comes somewhere after one of them;
    /// that the end of a task comes after its beginning is not told. 0: it begins, 1: it ends. (`CROSS`: without it SQLite walks through all tasks.)
    AFTER = "WITH RECURSIVE reached(id, moment) AS (
          SELECT value ->> 0, value ->> 1 FROM json_each($1)
          UNION SELECT id, 1 FROM reached WHERE moment = 0
          UNION SELECT task.id, 0 FROM reached CROSS JOIN task ON task.parent = reached.id
            WHERE reached.moment = 0
          UNION SELECT task.parent, 1 FROM reached CROSS JOIN task ON task.id = reached.id
            WHERE reached.moment = 1 AND task.parent IS NOT NULL
          UNION SELECT e.task_id, 0 FROM reached CROSS JOIN task_edge e ON e.other_id = reached.id
            WHERE reached.moment = 1 AND e.gone = 0
              AND e.kind IN ('blocked_by','on_failure','waits_children'))
        SELECT 'begins_within', reached.id, task.id FROM reached CROSS JOIN task ON task.parent = reached.id
          WHERE reached.moment = 0
        UNION ALL SELECT 'ends_within', task.parent, reached.id
          FROM reached CROSS JOIN task ON task.id = reached.id
          WHERE reached.moment = 1 AND task.parent IS NOT NULL
        UNION ALL SELECT e.kind, reached.id, e.task_id
          FROM reached CROSS JOIN task_edge e ON e.other_id = reached.id
          WHERE reached.moment = 1 AND e.gone = 0
            AND e.kind IN ('blocked_by','on_failure','waits_children')";
}

/// A moment in the life of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Moment {
    Begins,
    Ends,
}

type Node = (TaskId, Moment);

/// What comes directly after what; of tasks that were there before it is read where it is needed.
#[derive(Default)]
pub(crate) struct Arcs {
    new: HashSet<TaskId>,
    after: HashMap<Node, Vec<(Node, Step)>>,
}

impl Arcs {
    /// A task that has just been created: what is not told of it with the other functions is not so.
    pub(crate) fn add(&mut self, task: &TaskId) {
        self.new.insert(task.clone());
    }

    /// A task that has just been created, and its parent.
    pub(crate) fn add_child(&mut self, parent: &TaskId, child: &TaskId) {
        self.begins_within(parent, child);
        self.ends_within(parent, child);
    }

    /// An edge that holds, of `waiting` to a task that has just been created.
    pub(crate) fn add_waiting(&mut self, task: &TaskId, kind: EdgeKind, waiting: &TaskId) {
        let step = match kind {
            EdgeKind::WaitsChildren => Step::WaitsForChildren(waiting.clone(), task.clone()),
            _ => Step::Waits(waiting.clone(), task.clone()),
        };
        self.arc((task, Moment::Ends), (waiting, Moment::Begins), step);
    }

    fn begins_within(&mut self, parent: &TaskId, child: &TaskId) {
        let step = Step::Child(child.clone(), parent.clone());
        self.arc((parent, Moment::Begins), (child, Moment::Begins), step);
    }

    fn ends_within(&mut self, parent: &TaskId, child: &TaskId) {
        let step = Step::Child(child.clone(), parent.clone());
        self.arc((child, Moment::Ends), (parent, Moment::Ends), step);
    }

    fn arc(&mut self, from: (&TaskId, Moment), to: (&TaskId, Moment), step: Step) {
        let after = self.after.entry((from.0.clone(), from.1)).or_default();
        after.push(((to.0.clone(), to.1), step));
    }

    /// What comes directly after a moment, with how that is said.
    fn after(&self, (id, moment): &Node) -> impl Iterator<Item = (Node, Option<&Step>)> {
        let end = (*moment == Moment::Begins).then(|| ((id.clone(), Moment::Ends), None));
        let others = self.after.get(&(id.clone(), *moment));
        let others = others.into_iter().flatten();
        let others = others.map(|(node, step)| (node.clone(), Some(step)));
        end.into_iter().chain(others)
    }

    /// Reads what comes after moments of tasks that were there before.
    async fn read_after(
        &mut self,
        connection: &mut AnyConnection,
        starts: &[Node],
    ) -> Result<(), StoreError> {
        let mut known: HashSet<Node> = starts.iter().cloned().collect();
        let mut unread = Vec::new();
        let mut next: Vec<Node> = starts.to_vec();
        while let Some(node) = next.pop() {
            if !self.new.contains(&node.0) {
                unread.push((node.0.to_string(), node.1 as u8));
                continue;
            }
            let after: Vec<Node> = self.after(&node).map(|(node, _)| node).collect();
            next.extend(after.into_iter().filter(|node| known.insert(node.clone())));
        }
        if unread.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, String, String)> = sqlx::query_as(AFTER)
            .bind(serde_json::json!(unread).to_string())
            .fetch_all(connection)
            .await?;
        for (how, of, other) in rows {
            let (of, other) = (TaskId::stored(of), TaskId::stored(other));
            match how.as_str() {
                "begins_within" => self.begins_within(&of, &other),
                "ends_within" => self.ends_within(&of, &other),
                how => {
                    let kind = word("edge", how, EdgeKind::parse)?;
                    self.add_waiting(&of, kind, &other);
                }
            }
        }
        Ok(())
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
    // An edge or a parent holds back the beginning of a task, and what has got a parent ends before it
    // does, which is after its own beginning: whatever circle has come about is found from there.
    let begins = |task: &TaskId| (task.clone(), Moment::Begins);
    let starts: Vec<Node> = changed.iter().map(begins).collect();
    arcs.read_after(connection, &starts).await?;
    let Some(circle) = find_circle(arcs, &starts) else {
        return Ok(());
    };
    let of = |task: &TaskId| circle.iter().find(|(id, _)| id == task);
    let start = changed.iter().find_map(of).or(circle.first());
    let steps = start.map(|start| shortest(arcs, start)).unwrap_or_default();
    let mut told: Vec<String> = steps.iter().map(|step| step.told(&name)).collect();
    told.dedup();
    Err(TaskError::Cycle { steps: told })
}

/// The moments of some circle that can be reached from `starts`; each moment is looked at once.
fn find_circle(arcs: &Arcs, starts: &[Node]) -> Option<Vec<Node>> {
    // The moments on the way from a start to the one looked at, and what has to be looked at after
    // each of them.
    let mut way: Vec<Node> = Vec::new();
    let mut ahead: Vec<Vec<Node>> = vec![starts.to_vec()];
    let mut seen: HashMap<Node, bool> = HashMap::new();
    while let Some(next) = ahead.last_mut() {
        let Some(node) = next.pop() else {
            ahead.pop();
            if let Some(done) = way.pop() {
                seen.insert(done, false);
            }
            continue;
        };
        match seen.get(&node) {
            Some(true) => {
                let begin = way.iter().position(|it| *it == node).unwrap_or_default();
                return Some(way.split_off(begin));
            }
            Some(false) => {}
            None => {
                ahead.push(arcs.after(&node).map(|(node, _)| node).collect());
                seen.insert(node.clone(), true);
                way.push(node);
            }
        }
    }
    None
}

/// The steps of the shortest way from `start` back to it.
fn shortest(arcs: &Arcs, start: &Node) -> Vec<Step> {
    let mut came_from: HashMap<Node, (Node, Option<&Step>)> = HashMap::new();
    let mut next = VecDeque::from([start.clone()]);
    while let Some(node) = next.pop_front() {
        for (after, step) in arcs.after(&node) {
            if came_from.contains_key(&after) {
                continue;
            }
            came_from.insert(after.clone(), (node.clone(), step));
            if after == *start {
                return way_back(&came_from, start);
            }
            next.push_back(after);
        }
    }
    Vec::new()
}

fn way_back(came_from: &HashMap<Node, (Node, Option<&Step>)>, start: &Node) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut node = start;
    while let Some((before, step)) = came_from.get(node) {
        steps.extend(step.cloned());
        if before == start {
            break;
        }
        node = before;
    }
    steps
}
