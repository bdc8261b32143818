//! What keeps tasks from being written to a file or read from one as a whole. What is wrong with one
//! line is a [`super::Problem`] of the report.

use crate::store::StoreError;
use crate::tasks::TaskError;
use crate::transfer::FileError;

/// A refusal or a failure. What an import has reported as done before it is done.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The tasks themselves.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
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
