//! The state file: opening it, bringing its schema up to date, and telling when it changed. Which
//! tables there are and what they mean is the business of the domains; their statements live beside
//! the functions that run them.

mod db;
mod error;
mod migrate;
mod redact;
pub(crate) mod search;
mod space;
mod statements;
mod watch;

pub use db::Store;
pub(crate) use db::make_private_directory;
pub use error::StoreError;
pub(crate) use statements::statements;
pub use watch::Changes;
pub use watch::Listener;

/// A write transaction.
pub(crate) type Tx = sqlx::Transaction<'static, sqlx::Any>;
