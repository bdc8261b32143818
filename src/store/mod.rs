//! The state file: opening it, bringing its schema up to date, and telling when it changed. Which
//! tables there are and what they mean is the business of the domains, but for the projects that all
//! of them belong to; statements live beside the functions that run them.

mod db;
mod erase;
mod error;
mod migrate;
mod project;
mod redact;
pub(crate) mod search;
mod space;
mod statements;
mod watch;

pub use db::Store;
pub(crate) use db::make_private_directory;
pub use erase::Erased;
pub use error::StoreError;
pub(crate) use statements::statements;
pub use watch::Changes;
pub use watch::Listener;

/// A write transaction.
pub(crate) type Tx = sqlx::Transaction<'static, sqlx::Any>;
