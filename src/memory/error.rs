//! What callers can get wrong about memories, and what is not kept.

use super::model::BadLink;
use crate::ids::MemoryId;
use crate::store::StoreError;

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// No memory here has that id.
    #[error("no memory here has the id {id}")]
    Unknown {
        /// What was given.
        id: String,
        /// Memories with an id like it, as `m-0a1b2c "text"`.
        nearest: Vec<String>,
    },
    /// Several memories have an id that begins like this.
    #[error("{} memories have an id that begins with {given}", .candidates.len())]
    Ambiguous {
        /// What was given.
        given: String,
        /// Their ids.
        candidates: Vec<String>,
    },
    /// A value cannot be what it is.
    #[error("{} {problem}", at(.index, .field))]
    BadValue {
        /// The place in a batch, from 0.
        index: Option<usize>,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A batch holds nothing, or too much.
    #[error("`items` has {found} entries; from 1 to {most} are taken")]
    BadBatch {
        /// Entries.
        found: usize,
        /// Most entries.
        most: usize,
    },
    /// What is no memory: a secret, a passing state, nothing at all.
    #[error("{} is not kept: {why}", at(.index, .field))]
    NotKept {
        /// The place in a batch, from 0.
        index: Option<usize>,
        /// The field.
        field: &'static str,
        /// Why not.
        why: String,
    },
    /// Another one has taken the place of this one.
    #[error("{id} was superseded by {by}")]
    Superseded {
        /// The memory.
        id: MemoryId,
        /// The last one of the chain.
        by: MemoryId,
    },
    /// It was forgotten.
    #[error("{id} was forgotten")]
    Forgotten {
        /// The memory.
        id: MemoryId,
    },
    /// Whoever asks may not do that.
    #[error("{what}")]
    NotAllowed {
        /// What, and who may.
        what: String,
    },
    /// An agent has written as much as it may.
    #[error(
        "this agent has kept {most} memories, which is all that one agent may (`memory.max_per_agent`)"
    )]
    TooMany {
        /// The limit.
        most: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for MemoryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl MemoryError {
    /// A text that is no link, in that field.
    pub(crate) fn bad_link(field: &'static str, bad: &BadLink) -> Self {
        Self::bad(field, bad.to_string())
    }

    /// A value that cannot be what it is.
    pub(crate) fn bad(field: &'static str, problem: impl Into<String>) -> Self {
        Self::BadValue {
            index: None,
            field,
            problem: problem.into(),
        }
    }

    /// What is no memory.
    pub(crate) fn not_kept(field: &'static str, why: impl Into<String>) -> Self {
        Self::NotKept {
            index: None,
            field,
            why: why.into(),
        }
    }

    /// The same, said of an entry of a batch.
    pub(crate) fn of_entry(self, place: usize) -> Self {
        match self {
            Self::BadValue { field, problem, .. } => Self::BadValue {
                index: Some(place),
                field,
                problem,
            },
            Self::NotKept { field, why, .. } => Self::NotKept {
                index: Some(place),
                field,
                why,
            },
            Self::NotAllowed { what } => Self::NotAllowed {
                what: format!("`items[{place}]`: {what}"),
            },
            other => other,
        }
    }
}

fn at(index: &Option<usize>, field: &str) -> String {
    match index {
        Some(index) => format!("`items[{index}].{field}`"),
        None => format!("`{field}`"),
    }
}
