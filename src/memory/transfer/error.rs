//! What keeps memories from being written to a file or read from one as a whole. What is wrong with one
//! line is a [`crate::transfer::Problem`] of the report.

use super::foreign::Format;
use crate::ids::MemoryId;
use crate::memory::MemoryError;
use crate::store::StoreError;
use crate::transfer::FileError;

/// A refusal or a failure. What an import has reported as done before it is done.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The memories themselves.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// It looks like none of the forms that are known.
    #[error("that looks like no file of memories: {problem}")]
    Unknown {
        /// What was found instead.
        problem: String,
    },
    /// It is no page that memories are edited on.
    #[error("that is no page of memories: {problem}")]
    NoPage {
        /// What was found instead.
        problem: String,
    },
    /// A folder has files of several forms.
    #[error(
        "the folder holds files of two forms: {} is taken for {}, {} for {}",
        .one.0, .one.1, .other.0, .other.1
    )]
    Mixed {
        /// A file, and what it is taken for.
        one: (String, Format),
        /// Another one.
        other: (String, Format),
    },
    /// A later version has written it.
    #[error("that was written by a newer ostler (form {found}, this one knows {known})")]
    Newer {
        /// Its form.
        found: u32,
        /// The form that is known here.
        known: u32,
    },
    /// Something on a page that cannot be done.
    #[error("line {line}: {problem}")]
    Page {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Memories on a page that somebody else has changed since.
    #[error("{} since this page was written", changed(.ids))]
    Conflict {
        /// Their ids.
        ids: Vec<MemoryId>,
    },
}

/// Memories that are told.
const TOLD: usize = 5;

fn changed(ids: &[MemoryId]) -> String {
    let told: Vec<&str> = ids.iter().take(TOLD).map(MemoryId::as_str).collect();
    let more = match ids.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let has = if ids.len() == 1 { "has" } else { "have" };
    format!("{}{more} {has} been changed", told.join(", "))
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        TransferError::Memory(error.into())
    }
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        TransferError::Memory(error.into())
    }
}
