//! Memories in files: written down a line each and read back, taken from what other programs keep, and
//! put on a page that a person edits. Owns the form of a line, and what becomes of two copies of a
//! memory. Never runs by itself: only a person imports, and an export goes where a person says.

mod circles;
mod closings;
mod error;
mod export;
mod foreign;
mod import;
mod line;
mod merge;
mod own;
mod page;
mod report;
pub(crate) mod rows;
pub(crate) mod writes;

pub use error::TransferError;
pub use export::Exported;
pub use foreign::{Document, Format};
pub use import::{Import, Input};
pub use page::{Applied, Edit, page};
pub use report::{Remark, Report};

#[cfg(test)]
mod tests;
