//! A task as a file has it, and how two copies of it become one.
//!
//! Whatever two copies say, merging them gives the same result in either order, and merging twice is
//! merging once: a field is the one that was set last, labels and edges are the ones whose last word
//! was that they are there, notes and links are all of both. What was set at the same time is decided
//! by the values, so that both sides decide alike.

use std::collections::BTreeMap;

use crate::ids::{NoteId, TaskId};
use crate::tasks::model::{EdgeKind, Kind, LinkKind, Note, Reason};

/// A value and when it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamped<T> {
    pub(super) value: T,
    pub(super) at_ms: i64,
}

impl<T: Ord> Stamped<T> {
    pub(super) fn new(value: T, at_ms: i64) -> Self {
        Self { value, at_ms }
    }

    /// Keeps the one that was set last; of two set at once the greater one.
    pub(super) fn merge(&mut self, other: Self) {
        if (other.at_ms, &other.value) > (self.at_ms, &self.value) {
            *self = other;
        }
    }
}

/// The last word on whether a label or an edge is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at_ms: i64,
    pub(super) gone: bool,
}

impl Mark {
    /// The later word; of two at once the one that it is there.
    pub(super) fn merged(self, other: Self) -> Self {
        match (other.at_ms, !other.gone) > (self.at_ms, !self.gone) {
            true => other,
            false => self,
        }
    }
}

/// That a task is closed, and all that is told of it. Whoever says so at the moment at which somebody
/// else says that it is open is believed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Closing {
    pub(super) reason: Reason,
    pub(super) why: String,
    pub(super) evidence: String,
    pub(super) closed_ms: i64,
    pub(super) closed_by: String,
}

/// A task with everything that is told of it to others: not who works on it now, and nothing that
/// follows from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: TaskId,
    pub(super) created_ms: i64,
    pub(super) created_by: String,
    pub(super) updated_ms: i64,
    pub(super) title: Stamped<String>,
    pub(super) description: Stamped<String>,
    pub(super) acceptance: Stamped<String>,
    pub(super) kind: Stamped<Kind>,
    pub(super) priority: Stamped<u8>,
    pub(super) writes: Stamped<bool>,
    /// 0: none.
    pub(super) estimate_min: Stamped<u32>,
    /// 0: at once.
    pub(super) defer_until_ms: Stamped<i64>,
    pub(super) external_ref: Stamped<String>,
    pub(super) parent: Stamped<Option<TaskId>>,
    /// `None`: it is open.
    pub(super) closing: Stamped<Option<Closing>>,
    pub(super) labels: BTreeMap<String, Mark>,
    pub(super) edges: BTreeMap<(EdgeKind, TaskId), Mark>,
    pub(super) notes: BTreeMap<NoteId, Note>,
    /// With when they were made.
    pub(super) links: BTreeMap<(LinkKind, String), i64>,
}

/// That a task was deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gone {
    pub(super) at_ms: i64,
    pub(super) by: String,
    pub(super) why: String,
}

impl Record {
    /// Takes in what another copy of the same task says.
    pub(super) fn merge(&mut self, other: Record) {
        if (other.created_ms, &other.created_by) < (self.created_ms, &self.created_by) {
            self.created_ms = other.created_ms;
            self.created_by = other.created_by;
        }
        self.updated_ms = self.updated_ms.max(other.updated_ms);
        self.title.merge(other.title);
        self.description.merge(other.description);
        self.acceptance.merge(other.acceptance);
        self.kind.merge(other.kind);
        self.priority.merge(other.priority);
        self.writes.merge(other.writes);
        self.estimate_min.merge(other.estimate_min);
        self.defer_until_ms.merge(other.defer_until_ms);
        self.external_ref.merge(other.external_ref);
        self.parent.merge(other.parent);
        self.closing.merge(other.closing);
        for (label, mark) in other.labels {
            let merged = self.labels.get(&label).map_or(mark, |own| own.merged(mark));
            self.labels.insert(label, merged);
        }
        for (edge, mark) in other.edges {
            let merged = self.edges.get(&edge).map_or(mark, |own| own.merged(mark));
            self.edges.insert(edge, merged);
        }
        for (id, note) in other.notes {
            match self.notes.get(&id) {
                Some(own) if weight(own) >= weight(&note) => {}
                _ => {
                    self.notes.insert(id, note);
                }
            }
        }
        for (link, at_ms) in other.links {
            let first = self.links.get(&link).map_or(at_ms, |own| at_ms.min(*own));
            self.links.insert(link, first);
        }
    }

    /// Has all that somebody has written in it rewritten.
    pub(super) fn reword(&mut self, reword: impl Fn(&mut String)) {
        let fields = [
            &mut self.created_by,
            &mut self.title.value,
            &mut self.description.value,
            &mut self.acceptance.value,
            &mut self.external_ref.value,
        ];
        let closing = self.closing.value.iter_mut();
        let closing = closing.flat_map(|it| [&mut it.why, &mut it.evidence, &mut it.closed_by]);
        let notes = self.notes.values_mut();
        let notes = notes.flat_map(|note| [&mut note.by, &mut note.text]);
        fields
            .into_iter()
            .chain(closing)
            .chain(notes)
            .for_each(reword);
    }

    /// When each field was set, where that was not at the creation.
    pub(super) fn stamps(&self) -> BTreeMap<&'static str, i64> {
        let all = [
            ("acceptance", self.acceptance.at_ms),
            ("defer_until", self.defer_until_ms.at_ms),
            ("description", self.description.at_ms),
            ("estimate_min", self.estimate_min.at_ms),
            ("external_ref", self.external_ref.at_ms),
            ("kind", self.kind.at_ms),
            ("parent", self.parent.at_ms),
            ("priority", self.priority.at_ms),
            ("status", self.closing.at_ms),
            ("title", self.title.at_ms),
            ("writes", self.writes.at_ms),
        ];
        let later = all.into_iter();
        later
            .filter(|(_, at_ms)| *at_ms != self.created_ms)
            .collect()
    }
}

/// A note is written once. Two with one id are one that somebody has changed; which of them stays does
/// not matter, as long as it is the same one everywhere.
fn weight(note: &Note) -> (i64, &'static str, &str, &str) {
    (note.at_ms, note.kind.as_str(), &note.by, &note.text)
}

/// The names under which [`Record::stamps`] has its times.
pub(super) const FIELDS: [&str; 11] = [
    "acceptance",
    "defer_until",
    "description",
    "estimate_min",
    "external_ref",
    "kind",
    "parent",
    "priority",
    "status",
    "title",
    "writes",
];
