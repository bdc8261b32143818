//! How it is told that something could not be written to a file, or read from one.

use super::{Failure, Kind};
use crate::memory;
use crate::tasks::TransferError;
use crate::transfer::FileError;

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let (kind, hint) = match error {
            FileError::Unwritten(_) => (
                Kind::Internal,
                "make room and try again; a file that was there is as it was",
            ),
            FileError::Unread(_) => (Kind::Internal, "nothing was changed"),
            FileError::BadPath { .. } | FileError::NoText { .. } => {
                (Kind::Invalid, "nothing was changed")
            }
            FileError::TooLarge { .. } => (
                Kind::Invalid,
                "nothing was changed; split it and import the parts one after the other",
            ),
        };
        Failure::new(kind, error).hint(hint)
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let (kind, hint) = match error {
            TransferError::Task(error) => return error.into(),
            TransferError::File(error) => return error.into(),
            TransferError::Unknown { .. } => (
                Kind::Invalid,
                "nothing was changed; if you know what it is, say so with `--from`",
            ),
            TransferError::Newer { .. } => (
                Kind::Invalid,
                "nothing was changed; install that version or a later one",
            ),
        };
        Failure::new(kind, error).hint(hint)
    }
}

impl From<memory::TransferError> for Failure {
    fn from(error: memory::TransferError) -> Self {
        let (kind, hint) = match error {
            memory::TransferError::Memory(error) => return error.into(),
            memory::TransferError::File(error) => return error.into(),
            memory::TransferError::Unknown { .. } => (
                Kind::Invalid,
                "nothing was changed; if you know what it is, say so with `--format`",
            ),
            memory::TransferError::Mixed { .. } => (
                Kind::Invalid,
                "nothing was changed; import them one after the other, or say with `--format` what all of them are",
            ),
            memory::TransferError::NoPage { .. } => (
                Kind::Invalid,
                "nothing was changed; `ostler memory edit` writes a new page",
            ),
            memory::TransferError::Page { .. } => (Kind::Invalid, "nothing was changed"),
            memory::TransferError::Conflict { .. } => (
                Kind::Conflict,
                "nothing was changed; let these bullets say what `ostler memory show` says, or begin a new page",
            ),
            memory::TransferError::Newer { .. } => (
                Kind::Invalid,
                "nothing was changed; install that version or a later one",
            ),
        };
        Failure::new(kind, error).hint(hint)
    }
}
