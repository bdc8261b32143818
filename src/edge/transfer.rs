//! How it is told that tasks could not be written to a file, or read from one.

use super::{Failure, Kind};
use crate::tasks::TransferError;

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let (kind, hint) = match error {
            TransferError::Task(error) => return error.into(),
            TransferError::Unwritten(_) => (
                Kind::Internal,
                "make room and try again; a file that was there is as it was",
            ),
            TransferError::Unread(_) => (Kind::Internal, "nothing was changed"),
            TransferError::BadPath { .. } => (Kind::Invalid, "nothing was changed"),
            TransferError::Unknown { .. } => (
                Kind::Invalid,
                "nothing was changed; if you know what it is, say so with `--from`",
            ),
            TransferError::Newer { .. } => (
                Kind::Invalid,
                "nothing was changed; install that version or a later one",
            ),
            TransferError::TooLarge { .. } => (
                Kind::Invalid,
                "nothing was changed; split it and import the parts one after the other",
            ),
        };
        Failure::new(kind, error).hint(hint)
    }
}
