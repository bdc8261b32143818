//! What can go wrong with the state file, told apart as far as a person can act on it.

use std::io;
use std::path::PathBuf;

/// A failure of the store; whatever was being written has not happened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory cannot be made or entered.
    #[error("the state directory {path} cannot be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database is from a later version of ostler.
    #[error("{path} was written by a newer ostler (schema {found}, this one knows {known})")]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Newest migration in the file.
        found: i64,
        /// Newest migration known here.
        known: i64,
    },
    /// The linked SQLite has a known corruption bug.
    #[error("SQLite {found} is too old, 3.51.3 or later is needed")]
    OldSqlite {
        /// The version that was linked.
        found: String,
    },
    /// Another program held the database longer than we wait (10 s).
    #[error("the database is locked by another program")]
    Busy,
    /// No space left.
    #[error("the disk with the state directory is full")]
    Full,
    /// The file or its directory may not be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The file is damaged or no database.
    #[error("the database is damaged: {message}")]
    Damaged {
        /// What SQLite said.
        message: String,
    },
    /// A schema change failed.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A row does not read as what it should be.
    #[error("a stored {what} cannot be read: {message}")]
    Row {
        /// What the row holds.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Anything else.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return StoreError::Busy;
        }
        let Some(database) = error.as_database_error() else {
            return StoreError::Database(error);
        };
        // SQLite result codes; the low byte is the primary one, the rest tells more.
        let code = database
            .code()
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 255);
        match code {
            Some(5 | 6) => StoreError::Busy,
            Some(8) => StoreError::ReadOnly,
            Some(13) => StoreError::Full,
            Some(11 | 26) => StoreError::Damaged {
                message: database.message().to_owned(),
            },
            _ => StoreError::Database(error),
        }
    }
}
