//! What keeps tasks from being written to a file or read from one as a whole. What is wrong with one
//! line is a [`super::Problem`] of the report.

use std::io;
use std::path::PathBuf;

use crate::store::StoreError;
use crate::tasks::TaskError;

/// A refusal or a failure. What an import has reported as done before it is done.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The tasks themselves.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// What is written to does not take it.
    #[error("the tasks could not be written: {0}")]
    Unwritten(#[source] io::Error),
    /// What is read from does not give it.
    #[error("the tasks could not be read: {0}")]
    Unread(#[source] io::Error),
    /// A path that can be no file of tasks.
    #[error("{path} {problem}")]
    BadPath {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It looks like none of the forms that are known.
    #[error("that looks like no file of tasks: {problem}")]
    Unknown {
        /// What was found instead.
        problem: String,
    },
    /// A later version has written it.
    #[error("that was written by a newer ostler (form {found}, this one knows {known})")]
    Newer {
        /// Its form.
        found: u32,
        /// The form that is known here.
        known: u32,
    },
    /// More than is read at once.
    #[error("that is more than {most_mb} MB")]
    TooLarge {
        /// Most megabytes.
        most_mb: u64,
    },
}

impl From<StoreError> for TransferError {
    fn from(error: StoreError) -> Self {
        TransferError::Task(error.into())
    }
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        TransferError::Task(error.into())
    }
}
