//! What keeps a file from being written or read as a whole.

use std::io;
use std::path::PathBuf;

/// A refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is written to does not take it.
    #[error("it could not be written: {0}")]
    Unwritten(#[source] io::Error),
    /// What is read from does not give it.
    #[error("it could not be read: {0}")]
    Unread(#[source] io::Error),
    /// A path that can be no such file.
    #[error("{path} {problem}")]
    BadPath {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It is not even text.
    #[error("that is no text: {problem}")]
    NoText {
        /// What was found instead.
        problem: String,
    },
    /// More than is read at once.
    #[error("that is more than {most_mb} MB")]
    TooLarge {
        /// Most megabytes.
        most_mb: u64,
    },
}
