//! The rules of the tracker once more, written down in the plainest way there is: nothing is counted
//! up or kept, everything is worked out from parents and edges whenever it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{EdgeKind, Reason};

/// Which task: the number of its creation.
pub(super) type Key = usize;

/// Who works on a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) actor: usize,
    /// `None` for an agent.
    pub(super) until_ms: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) parent: Option<Key>,
    pub(super) priority: u8,
    pub(super) created_ms: i64,
    pub(super) defer_until_ms: i64,
    pub(super) closed: Option<Reason>,
    pub(super) claim: Option<Claim>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) tasks: BTreeMap<Key, Entry>,
    pub(super) edges: BTreeSet<(Key, EdgeKind, Key)>,
    pub(super) now_ms: i64,
}

impl Model {
    pub(super) fn children(&self, of: Key) -> Vec<Key> {
        let of = |(_, task): &(&Key, &Entry)| task.parent == Some(of);
        self.tasks.iter().filter(of).map(|(key, _)| *key).collect()
    }

    pub(super) fn open_children(&self, of: Key) -> usize {
        let children = self.children(of).into_iter();
        children.filter(|key| self.is_open(*key)).count()
    }

    pub(super) fn is_open(&self, key: Key) -> bool {
        self.tasks[&key].closed.is_none()
    }

    fn holds(&self, (_, kind, other): (Key, EdgeKind, Key)) -> bool {
        match kind {
            EdgeKind::BlockedBy => self.is_open(other),
            EdgeKind::OnFailure => self.tasks[&other].closed != Some(Reason::WontDo),
            EdgeKind::WaitsChildren => {
                let children = self.children(other);
                let all_closed = children.iter().all(|child| !self.is_open(*child));
                self.is_open(other) && (children.is_empty() || !all_closed)
            }
            _ => false,
        }
    }

    /// Edges that hold a task, or one of the tasks above it.
    pub(super) fn held(&self, key: Key) -> usize {
        let own = self.edges.iter().filter(|(task, ..)| *task == key);
        let own = own.filter(|edge| self.holds(**edge)).count();
        own + self.tasks[&key]
            .parent
            .map_or(0, |parent| self.held(parent))
    }

    pub(super) fn standing(&self, key: Key) -> &'static str {
        let task = &self.tasks[&key];
        if let Some(reason) = task.closed {
            reason.as_str()
        } else if task.claim.is_some() {
            "in_progress"
        } else if self.held(key) > 0 {
            "blocked"
        } else if self.open_children(key) > 0 {
            "waits"
        } else if task.defer_until_ms > self.now_ms {
            "deferred"
        } else {
            "ready"
        }
    }

    pub(super) fn ready(&self) -> Vec<Key> {
        let keys = self.tasks.keys().copied();
        keys.filter(|key| self.standing(*key) == "ready").collect()
    }

    /// The ready task that is to be worked on first.
    pub(super) fn best(&self) -> Option<Key> {
        let unblocks = |key: Key| {
            let back = self.edges.iter().filter(|(.., other)| *other == key);
            back.filter(|edge| self.holds(**edge)).count()
        };
        self.ready().into_iter().min_by_key(|key| {
            let task = &self.tasks[key];
            let rank = std::cmp::Reverse(unblocks(*key));
            (task.priority, rank, task.created_ms, *key)
        })
    }

    /// Whether somebody stands below itself.
    fn is_its_own_parent(&self) -> bool {
        self.tasks.keys().any(|key| {
            let mut above = self.tasks[key].parent;
            for _ in 0..=self.tasks.len() {
                let Some(parent) = above else { return false };
                above = self.tasks[&parent].parent;
            }
            true
        })
    }

    /// Whether all of it could be got done, were nothing of it done yet: whatever is ready is closed
    /// as given up, which lets go whoever waits for that, until nothing is ready.
    pub(super) fn can_be_worked_down(&self) -> bool {
        if self.is_its_own_parent() {
            return false;
        }
        let mut all = self.clone();
        for task in all.tasks.values_mut() {
            task.closed = None;
            task.claim = None;
            task.defer_until_ms = 0;
        }
        loop {
            let ready = all.ready();
            if ready.is_empty() {
                return all.tasks.values().all(|task| task.closed.is_some());
            }
            for key in ready {
                all.tasks.get_mut(&key).unwrap().closed = Some(Reason::WontDo);
            }
        }
    }
}
