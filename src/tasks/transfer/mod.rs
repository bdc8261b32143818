//! Tasks in files: written down a line each, to be kept in git, and read back from our own lines and
//! from what other trackers write. Owns the form of a line and what becomes of two copies of a task.
//! Never runs by itself: only a person imports, and an export goes where a person says.

mod circles;
mod error;
mod export;
mod foreign;
mod import;
pub(crate) mod known;
mod line;
mod plan;
mod record;
mod report;
pub(crate) mod rows;
pub(crate) mod writes;

pub use error::TransferError;
pub use export::Exported;
pub use foreign::Format;
pub use import::Import;
pub use report::{Remark, Report};

#[cfg(test)]
mod tests;
