//! Files that a person hands in or takes away: replaced as a whole or not at all, and read without
//! trust. Knows nothing of what is in them.

mod error;
mod file;
mod lines;
mod report;
mod source;

pub use error::FileError;
pub use file::Replacement;
pub use report::Problem;

pub(crate) use lines::{Raw, is_conflict_marker};
pub(crate) use report::Told;
pub(crate) use source::Source;
