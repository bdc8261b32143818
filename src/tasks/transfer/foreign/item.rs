//! An entry of another tracker's file, in our words but under its own name.

use crate::tasks::model::{EdgeKind, Kind, Reason};

/// What somebody has put aside without saying until when is put aside for ever: until 9999.
pub(super) const NEVER_MS: i64 = 253_370_764_800_000;

/// A task of another tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tasks::transfer) struct Item {
    /// What it is called there, as in `beads:bd-1`.
    pub(super) reference: String,
    /// The line that it begins on.
    pub(super) line: u64,
    pub(super) title: String,
    /// Parts of the description, each with a heading or none.
    pub(super) parts: Vec<(&'static str, String)>,
    pub(super) acceptance: Vec<String>,
    pub(super) kind: Kind,
    pub(super) priority: u8,
    pub(super) labels: Vec<String>,
    pub(super) parent: Option<String>,
    pub(super) edges: Vec<ItemEdge>,
    pub(super) notes: Vec<ItemNote>,
    pub(super) commits: Vec<String>,
    pub(super) estimate_min: u32,
    pub(super) defer_until_ms: i64,
    pub(super) closing: Option<ItemClosing>,
    /// When it was created and last changed, as far as it says so itself.
    pub(super) created_ms: Option<i64>,
    pub(super) created_by: String,
    pub(super) updated_ms: Option<i64>,
    /// When its file was written: it was as it is at that time, but maybe long before.
    pub(super) told_ms: i64,
    /// It was deleted there.
    pub(super) deleted_ms: Option<i64>,
    /// What has no place in a task, by its name there.
    pub(super) aside: Vec<(String, String)>,
}

/// An edge to a task that is named as there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ItemEdge {
    pub(super) kind: EdgeKind,
    pub(super) other: String,
    pub(super) at_ms: Option<i64>,
}

/// Somebody's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemNote {
    pub(super) at_ms: Option<i64>,
    pub(super) by: String,
    pub(super) text: String,
}

/// How it was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemClosing {
    pub(super) reason: Reason,
    pub(super) why: String,
    pub(super) at_ms: Option<i64>,
    pub(super) by: String,
}

impl Item {
    /// An open task of which nothing more is known.
    pub(super) fn new(reference: String, line: u64, title: String, told_ms: i64) -> Self {
        Self {
            reference,
            line,
            title,
            parts: Vec::new(),
            acceptance: Vec::new(),
            kind: Kind::Task,
            priority: 2,
            labels: Vec::new(),
            parent: None,
            edges: Vec::new(),
            notes: Vec::new(),
            commits: Vec::new(),
            estimate_min: 0,
            defer_until_ms: 0,
            closing: None,
            created_ms: None,
            created_by: String::new(),
            updated_ms: None,
            told_ms,
            deleted_ms: None,
            aside: Vec::new(),
        }
    }

    /// Adds to the description, under a heading unless that is empty.
    pub(super) fn part(&mut self, heading: &'static str, text: String) {
        if !text.trim().is_empty() {
            self.parts.push((heading, text.trim().to_owned()));
        }
    }

    pub(super) fn edge(&mut self, kind: EdgeKind, other: String) {
        let at_ms = None;
        self.edges.push(ItemEdge { kind, other, at_ms });
    }

    /// Has all its words rewritten.
    pub(super) fn reword(&mut self, reword: impl Fn(&mut String)) {
        let words = [&mut self.reference, &mut self.title, &mut self.created_by];
        let lists = [&mut self.acceptance, &mut self.labels, &mut self.commits];
        let parts = self.parts.iter_mut().map(|(_, text)| text);
        let edges = self.edges.iter_mut().map(|edge| &mut edge.other);
        let notes = self.notes.iter_mut();
        let closing = self.closing.iter_mut();
        let aside = self.aside.iter_mut();
        words
            .into_iter()
            .chain(lists.into_iter().flatten())
            .chain(&mut self.parent)
            .chain(parts)
            .chain(edges)
            .chain(notes.flat_map(|note| [&mut note.by, &mut note.text]))
            .chain(closing.flat_map(|closing| [&mut closing.by, &mut closing.why]))
            .chain(aside.flat_map(|(name, text)| [name, text]))
            .for_each(reword);
    }

    /// Keeps for a note what has no place.
    pub(super) fn aside(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.trim().is_empty() {
            self.aside.push((name.to_owned(), value));
        }
    }
}

/// The reason that words for one stand for. What says nothing of the kind means that it is done.
pub(super) fn reason(words: &str) -> Reason {
    let words = words.trim().to_lowercase().replace([' ', '-', '\''], "_");
    let begins = |with: &[&str]| with.iter().any(|it| words.starts_with(it));
    if begins(&["duplicate", "dupe"]) {
        Reason::Duplicate
    } else if begins(&["superseded", "replaced_by"]) {
        Reason::Superseded
    } else if begins(&[
        "wont",
        "won_t",
        "will_not",
        "not_planned",
        "obsolete",
        "cancel",
        "abandon",
        "invalid",
        "rejected",
        "stale",
    ]) {
        Reason::WontDo
    } else {
        Reason::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_known_by_their_words() {
        for (words, expected) in [
            ("", Reason::Done),
            ("Fixed in #12", Reason::Done),
            ("completed", Reason::Done),
            ("already_implemented", Reason::Done),
            ("Won't fix", Reason::WontDo),
            ("wont_fix", Reason::WontDo),
            ("NOT_PLANNED", Reason::WontDo),
            ("Duplicate of bd-1", Reason::Duplicate),
            ("superseded by the rewrite", Reason::Superseded),
        ] {
            assert_eq!(reason(words), expected, "{words}");
        }
    }
}
