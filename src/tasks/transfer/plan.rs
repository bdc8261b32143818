//! What becomes of all that two copies say together, decided before anything is written: what is
//! deleted, which circles are cut, which parent stays open for the sake of a child, and in which order
//! tasks are written so that after each of them everything is as it should be.
//!
//! All of it follows from what the copies say and from nothing else: whoever merges the same two comes
//! to the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::circles::{Arc, Tie, left_out};
use super::known::{Known, KnownTask};
use super::record::{Gone, Mark, Record};
use super::report::Remark;
use crate::clock::rfc3339;
use crate::ids::TaskId;
use crate::tasks::graph::family::LEVELS;
use crate::tasks::model::{EdgeKind, Reason};

/// What a file says, each task with the line that it is from.
#[derive(Default)]
pub(super) struct Told {
    pub(super) tasks: BTreeMap<TaskId, (Record, u64)>,
    pub(super) gone: BTreeMap<TaskId, (Gone, u64)>,
}

impl Told {
    /// Takes in a task; one that was told before is merged with it.
    pub(super) fn task(&mut self, task: Record, line: u64) {
        match self.tasks.get_mut(&task.id) {
            Some((told, _)) => told.merge(task),
            None => {
                self.tasks.insert(task.id.clone(), (task, line));
            }
        }
    }

    /// Takes in that a task was deleted.
    pub(super) fn gone(&mut self, id: TaskId, gone: Gone, line: u64) {
        match self.gone.get_mut(&id) {
            Some((told, _)) if *told >= gone => {}
            _ => {
                self.gone.insert(id, (gone, line));
            }
        }
    }

    /// All ids that it names as its own.
    pub(super) fn ids(&self) -> Vec<&TaskId> {
        let ids: BTreeSet<&TaskId> = self.tasks.keys().chain(self.gone.keys()).collect();
        ids.into_iter().collect()
    }

    /// Takes back what was told of a task, and returns the lines that it was from.
    pub(super) fn forget(&mut self, id: &TaskId) -> Vec<u64> {
        let task = self.tasks.remove(id).map(|(_, line)| line);
        let gone = self.gone.remove(id).map(|(_, line)| line);
        task.into_iter().chain(gone).collect()
    }

    /// The line that a task is from.
    fn line(&self, id: &TaskId) -> Option<u64> {
        let task = self.tasks.get(id).map(|(_, line)| *line);
        task.or_else(|| self.gone.get(id).map(|(_, line)| *line))
    }
}

/// Whose word a file is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// A person's, who sees what is done.
    Person,
    /// Anybody's: it deletes nothing, and closes nothing that takes evidence.
    Anybody,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    /// Tasks that are deleted, whether they were there or not.
    pub(super) deleted: Vec<(TaskId, Gone)>,
    /// Tasks to be written, in this order.
    pub(super) steps: Vec<TaskId>,
    /// What somebody should know.
    pub(super) remarks: Vec<Remark>,
    /// All tasks there are, deleted ones left out.
    pub(super) was_there: BTreeSet<TaskId>,
    /// Tasks that do not become what the copies say of them.
    pub(super) bent: BTreeSet<TaskId>,
    /// All tasks there will be.
    there: BTreeSet<TaskId>,
    /// Those that get no parent.
    without_parent: BTreeSet<TaskId>,
    /// Edges that are left out.
    cut: BTreeSet<(TaskId, EdgeKind, TaskId)>,
    /// Those that are open although they were closed.
    opened: BTreeSet<TaskId>,
    /// Those whose status stays as it is here.
    kept: BTreeSet<TaskId>,
}

impl Plan {
    /// Makes of what is here and what is told what will be.
    pub(super) fn outcome(&self, here: Option<&Record>, told: Option<&Record>) -> Option<Record> {
        let mut task = match (here, told) {
            (Some(here), Some(told)) => {
                let mut task = here.clone();
                task.merge(told.clone());
                task
            }
            (one, other) => one.or(other)?.clone(),
        };
        let id = task.id.clone();
        self.let_go(&mut task);
        if self.without_parent.contains(&id) {
            task.parent.value = None;
        }
        for ((kind, other), mark) in &mut task.edges {
            mark.gone |= self.cut.contains(&(id.clone(), *kind, other.clone()));
        }
        if self.opened.contains(&id) {
            task.closing.value = None;
        }
        if let (true, Some(here)) = (self.kept.contains(&id), here) {
            task.closing = here.closing.clone();
        }
        Some(task)
    }

    /// An edge that a task is told to have to another, as it will be; `None` when there is no such task.
    pub(super) fn edge(&self, task: &Record, kind: EdgeKind, other: &TaskId) -> Option<Mark> {
        let mut mark = *task.edges.get(&(kind, other.clone()))?;
        let cut = (task.id.clone(), kind, other.clone());
        mark.gone |= self.cut.contains(&cut);
        Some(mark).filter(|_| self.there.contains(&task.id))
    }

    /// Takes from a task what ties it to others that will not be there.
    pub(super) fn let_go(&self, task: &mut Record) {
        let parent = task.parent.value.as_ref();
        if parent.is_some_and(|parent| !self.there.contains(parent)) {
            task.parent.value = None;
        }
        task.edges
            .retain(|(_, other), _| self.there.contains(other));
    }
}

/// A task as it is decided upon.
struct Node<'a> {
    id: &'a TaskId,
    parent: Option<usize>,
    parent_ms: i64,
    closed: bool,
    known: Option<&'a KnownTask>,
    told: Option<&'a Record>,
}

/// Decides. `gone_here` are those of the told tasks that were deleted here.
pub(super) fn plan(
    told: &Told,
    known: &Known,
    gone_here: &BTreeMap<TaskId, Gone>,
    trust: Trust,
) -> Plan {
    let mut plan = Plan::default();
    let dead = plan.bury(told, known, gone_here, trust);
    let living = known
        .keys()
        .chain(told.tasks.keys())
        .filter(|id| !dead.contains(*id));
    plan.there = living.cloned().collect();
    let there = std::mem::take(&mut plan.there);
    let number: HashMap<&TaskId, usize> = there.iter().zip(0..).collect();
    let mut nodes: Vec<Node> = there
        .iter()
        .map(|id| Node::of(id, known.get(id), told.tasks.get(id).map(|(task, _)| task)))
        .collect();
    let arcs = plan.arcs(told, &number, &mut nodes);
    let cut = plan.cut_circles(told, &mut nodes, &arcs);
    let order = plan.cut_depth(told, &mut nodes);
    plan.settle_status(told, &mut nodes, &order, trust);
    let kept = arcs.iter().filter(|arc| !cut.contains(arc));
    plan.steps = plan.in_order(&nodes, kept, &order);
    drop(nodes);
    drop(number);
    plan.there = there;
    plan.was_there = known
        .keys()
        .filter(|id| !dead.contains(*id))
        .cloned()
        .collect();
    plan
}

impl<'a> Node<'a> {
    fn of(id: &'a TaskId, known: Option<&'a KnownTask>, told: Option<&'a Record>) -> Self {
        let closed = match (known, told) {
            (Some(known), Some(told)) => {
                let mut closed = known.closed.clone();
                let told_closed = told.closing.value.is_some();
                closed.merge(super::record::Stamped::new(told_closed, told.closing.at_ms));
                closed.value
            }
            (Some(known), None) => known.closed.value,
            (None, told) => told.is_some_and(|told| told.closing.value.is_some()),
        };
        Self {
            id,
            parent: None,
            parent_ms: 0,
            closed,
            known,
            told,
        }
    }

    /// What keeps it open although it was closed elsewhere.
    fn why_not_closed(&self, trust: Trust) -> Option<&'static str> {
        let known = self
            .known
            .filter(|known| self.closed && !known.closed.value)?;
        let closing = self.told.and_then(|told| told.closing.value.as_ref());
        let is_done = closing.is_some_and(|closing| closing.reason == Reason::Done);
        if known.held {
            Some(
                "was closed elsewhere; somebody works on it here, so it stays open until that is \
                 over and this is imported again",
            )
        } else if trust == Trust::Anybody && known.gated && is_done {
            Some(
                "was closed elsewhere as done; it has acceptance criteria and stays open until a \
                 person imports this at a terminal",
            )
        } else {
            None
        }
    }

    /// Whether the file says something of it that counts for other tasks.
    fn is_told(&self) -> bool {
        self.told.is_some()
    }
}

impl Plan {
    fn remark(&mut self, told: &Told, task: &TaskId, remark: String) {
        self.remarks.push(Remark {
            line: told.line(task),
            task: task.clone(),
            remark,
        });
    }

    /// Which tasks are deleted. One that was changed after its end lives.
    fn bury(
        &mut self,
        told: &Told,
        known: &Known,
        gone_here: &BTreeMap<TaskId, Gone>,
        trust: Trust,
    ) -> BTreeSet<TaskId> {
        let mut dead = BTreeSet::new();
        let ids: BTreeSet<&TaskId> = told.gone.keys().chain(gone_here.keys()).collect();
        for id in ids {
            let here = gone_here.get(id);
            let Some(gone) = here.max(told.gone.get(id).map(|(gone, _)| gone)) else {
                continue;
            };
            let task = known.get(id);
            let changed_ms = task
                .map(|task| task.updated_ms)
                .max(told.tasks.get(id).map(|(task, _)| task.updated_ms));
            let at = rfc3339(gone.at_ms);
            if changed_ms.is_some_and(|changed_ms| changed_ms > gone.at_ms) {
                let remark = format!("was deleted at {at} and changed after that; it is there");
                self.remark(told, id, remark);
                continue;
            }
            if task.is_some_and(|task| task.held) {
                let remark = format!(
                    "was deleted elsewhere at {at}; somebody works on it here, so it stays until \
                     that is over and this is imported again"
                );
                self.remark(told, id, remark);
                continue;
            }
            if task.is_some() && trust == Trust::Anybody {
                let remark = format!(
                    "was deleted elsewhere at {at}; it stays until a person imports this at a \
                     terminal"
                );
                self.remark(told, id, remark);
                continue;
            }
            if task.is_none() && told.tasks.contains_key(id) {
                let remark = format!("was deleted at {at} and not changed after that");
                self.remark(told, id, remark);
            }
            dead.insert(id.clone());
            if task.is_some() || here != Some(gone) {
                self.deleted.push((id.clone(), gone.clone()));
            }
        }
        dead
    }

    /// Gives every task its parent, and returns what ties tasks together.
    fn arcs(
        &mut self,
        told: &Told,
        number: &HashMap<&TaskId, usize>,
        nodes: &mut [Node],
    ) -> Vec<Arc> {
        let mut arcs = Vec::new();
        for (task, node) in nodes.iter_mut().enumerate() {
            let mut parent = node.known.map(|known| known.parent.clone());
            let mut waits: BTreeMap<(EdgeKind, &TaskId), Mark> = BTreeMap::new();
            if let Some(known) = node.known {
                let known = known.waits.iter();
                waits.extend(known.map(|((kind, other), mark)| ((*kind, other), *mark)));
            }
            if let Some(told) = node.told {
                match &mut parent {
                    Some(parent) => parent.merge(told.parent.clone()),
                    None => parent = Some(told.parent.clone()),
                }
                for ((kind, other), mark) in &told.edges {
                    let own = waits.get(&(*kind, other)).copied();
                    let merged = own.map_or(*mark, |own| own.merged(*mark));
                    waits.insert((*kind, other), merged);
                }
            }
            if let Some(parent) = parent
                && let Some(id) = parent.value
            {
                node.parent = number.get(&id).copied();
                node.parent_ms = parent.at_ms;
                match node.parent {
                    Some(other) => arcs.push(Arc {
                        at_ms: parent.at_ms,
                        tie: Tie::Child,
                        task,
                        other,
                    }),
                    None => {
                        let remark = format!("goes without its parent {id}, which is not there");
                        self.remark(told, node.id, remark);
                    }
                }
            }
            for ((kind, id), mark) in waits {
                match number.get(id) {
                    _ if mark.gone => {}
                    None => {
                        let remark = format!("goes without {kind}:{id}, which is not there");
                        self.remark(told, node.id, remark);
                    }
                    Some(other) if kind.blocks() => arcs.push(Arc {
                        at_ms: mark.at_ms,
                        tie: Tie::Waits(kind),
                        task,
                        other: *other,
                    }),
                    Some(_) => {}
                }
            }
        }
        arcs
    }

    /// Leaves out what closes circles.
    fn cut_circles(&mut self, told: &Told, nodes: &mut [Node], arcs: &[Arc]) -> BTreeSet<Arc> {
        // What is here closes none by itself.
        if !nodes.iter().any(Node::is_told) {
            return BTreeSet::new();
        }
        let cut: BTreeSet<Arc> = left_out(nodes.len(), arcs).into_iter().collect();
        for arc in &cut {
            let Some(other) = nodes.get(arc.other).map(|node| node.id.clone()) else {
                continue;
            };
            let Some(node) = nodes.get_mut(arc.task) else {
                continue;
            };
            let id = node.id.clone();
            match arc.tie {
                Tie::Child => {
                    node.parent = None;
                    self.without_parent.insert(id.clone());
                    let remark =
                        format!("goes without its parent {other}, which would close a circle");
                    self.remark(told, &id, remark);
                }
                Tie::Waits(kind) => {
                    let remark = format!("goes without {kind}:{other}, which would close a circle");
                    self.remark(told, &id, remark);
                    self.cut.insert((id, kind, other));
                }
            }
        }
        cut
    }

    /// Takes those from their parents that would stand below too many others. Returns all tasks,
    /// parents before their children.
    fn cut_depth(&mut self, told: &Told, nodes: &mut [Node]) -> Vec<usize> {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
        let mut open: VecDeque<(usize, usize)> = VecDeque::new();
        for (task, node) in nodes.iter().enumerate() {
            match node.parent {
                Some(parent) => {
                    if let Some(children) = children.get_mut(parent) {
                        children.push(task);
                    }
                }
                None => open.push_back((task, 1)),
            }
        }
        let mut order = Vec::with_capacity(nodes.len());
        while let Some((task, mut depth)) = open.pop_front() {
            order.push(task);
            if depth > LEVELS
                && let Some(node) = nodes.get_mut(task)
            {
                depth = 1;
                node.parent = None;
                let id = node.id.clone();
                let remark = "goes without its parent: it stands below too many others".to_owned();
                self.remark(told, &id, remark);
                self.without_parent.insert(id);
            }
            let below = children.get(task).into_iter().flatten();
            open.extend(below.map(|child| (*child, depth + 1)));
        }
        order
    }

    /// What is closed in the end. A claim outlasts a close from elsewhere, and an open child that of
    /// its parent.
    fn settle_status(&mut self, told: &Told, nodes: &mut [Node], order: &[usize], trust: Trust) {
        for task in order.iter().rev() {
            let Some(node) = nodes.get_mut(*task) else {
                continue;
            };
            if let Some(remark) = node.why_not_closed(trust) {
                node.closed = false;
                let id = node.id.clone();
                self.remark(told, &id, remark.to_owned());
                self.kept.insert(id);
            }
            if node.closed {
                continue;
            }
            let (child, parent) = (node.id.clone(), node.parent);
            if let Some(parent) = parent.and_then(|parent| nodes.get_mut(parent))
                && parent.closed
            {
                parent.closed = false;
                let id = parent.id.clone();
                let remark = format!("is open although it was closed: {child} below it is open");
                self.remark(told, &id, remark);
                self.opened.insert(id);
            }
        }
    }

    /// The tasks to be written: what others hang on before these, and what is to be closed here last,
    /// children before their parents.
    fn in_order<'a>(
        &mut self,
        nodes: &[Node],
        arcs: impl Iterator<Item = &'a Arc>,
        order: &[usize],
    ) -> Vec<TaskId> {
        let bent = self.without_parent.iter().chain(&self.opened);
        let bent = bent.chain(self.cut.iter().map(|(task, ..)| task));
        self.bent = bent.cloned().collect();
        let is_written = |node: &Node| node.is_told() || self.bent.contains(node.id);
        let closes = |node: &Node| node.closed && node.known.is_some_and(|it| !it.closed.value);
        let is_first = |task: usize| {
            let node = nodes.get(task);
            node.is_some_and(|node| is_written(node) && !closes(node))
        };
        let mut after: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut before: HashMap<usize, usize> = HashMap::new();
        for arc in arcs {
            let is_cut = arc.tie == Tie::Child
                && nodes.get(arc.task).is_none_or(|node| node.parent.is_none());
            if !is_cut && is_first(arc.task) && is_first(arc.other) {
                after.entry(arc.other).or_default().push(arc.task);
                *before.entry(arc.task).or_default() += 1;
            }
        }
        let free = (0..nodes.len()).filter(|task| is_first(*task) && !before.contains_key(task));
        let mut open: VecDeque<usize> = free.collect();
        let mut steps = Vec::new();
        while let Some(task) = open.pop_front() {
            steps.push(task);
            for next in after.get(&task).into_iter().flatten() {
                if let Some(left) = before.get_mut(next) {
                    *left -= 1;
                    if *left == 0 {
                        open.push_back(*next);
                    }
                }
            }
        }
        let last = order.iter().rev().copied();
        steps.extend(last.filter(|task| {
            let node = nodes.get(*task);
            node.is_some_and(|node| is_written(node) && closes(node))
        }));
        let id = |task: usize| nodes.get(task).map(|node| node.id.clone());
        steps.into_iter().filter_map(id).collect()
    }
}
