//! What was learnt: statements that are kept with their source, found again by their words, superseded
//! where they no longer hold, and never silently written anew. What is kept was written by somebody and
//! is given back as a quotation. Nothing here knows of MCP, the command line, tasks or how agents are
//! run: who acts is told by an [`Author`].

pub(crate) mod adjust;
pub(crate) mod brief;
pub(crate) mod confirm;
mod error;
mod find;
pub(crate) mod forget;
pub(crate) mod index;
mod lexicon;
pub(crate) mod list;
pub(crate) mod matters;
mod memories;
mod model;
pub(crate) mod prime;
pub(crate) mod purge;
pub(crate) mod recall;
pub(crate) mod remember;
pub(crate) mod rows;
pub(crate) mod transfer;
pub(crate) mod vectors;
pub(crate) mod written;

pub use adjust::Adjustment;
pub use brief::{Answer, BesideView, ForgottenView, HitView, KeptView, MemoryView, RecallView};
pub use error::MemoryError;
pub use list::{Listing, Standing};
pub use memories::Memories;
pub use model::{
    Author, BadLink, Forgotten, Kind, Link, LinkKind, Memory, Scope, Source, SourceKind, Trust,
};
pub use purge::{Purge, Purged};
pub use recall::{Band, Hit, Query, Recalled, Uses};
pub use remember::{BATCH, Kept, NewMemory};
pub use transfer::{
    Applied, Document, Edit, Exported, Format, Import, Input, Remark, Report, TransferError, page,
};
pub use vectors::{Embedded, Meaning, Progress, Why};
pub use written::{WrittenMemory, WrittenQuery};

#[cfg(test)]
mod tests;
