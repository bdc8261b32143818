//! Why an entry of `context` cannot be had.

use super::clean::one_line;
use crate::agents::lifecycle::Status;

/// Characters that are repeated of an entry.
const SHOWN: usize = 80;

/// An entry that cannot be had; nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("context `{entry}`: {problem}")]
pub struct BadContext {
    /// The entry, cut.
    pub entry: String,
    /// Why not.
    pub problem: Problem,
}

impl BadContext {
    pub(in crate::agents) fn new(entry: &str, problem: Problem) -> Self {
        Self {
            entry: one_line(entry, SHOWN),
            problem,
        }
    }
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No kind of entry begins like this.
    #[error("there is no such kind of entry")]
    Unknown,
    /// The kind is known, what is said of it is not.
    #[error("{0}")]
    Malformed(&'static str),
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// It is there, but not in the project.
    #[error("lies outside of the project")]
    Outside,
    /// It is there, but no file.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// It holds something else than text.
    #[error("is no UTF-8 text")]
    NotText,
    /// It holds nothing.
    #[error("is empty")]
    Empty,
    /// The system does not let us read it.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It was changed between the check and the reading.
    #[error("was replaced while it was read")]
    Replaced,
    /// No agent of this project has that id.
    #[error("there is no such agent in this project")]
    NoAgent,
    /// The agent has not ended.
    #[error("the agent is {0} and has no result yet")]
    NotEnded(Status),
    /// The agent has ended with nothing.
    #[error("the agent has ended (`{0}`) without a result")]
    NoResult(Status),
    /// The session that asks has no transcript that could be found.
    #[error("{0}")]
    NoTranscript(String),
    /// git did not do it.
    #[error("{0}")]
    Git(String),
}
