//! The tracker: what is to be done, what it waits for, and who works on it. A task is a durable row;
//! whether it is ready follows from its edges and is never set by hand. Nothing here knows of MCP, the
//! command line or how agents are run: who acts is told by an [`Actor`], and what shows that a task is
//! done comes in checked, as a [`Proof`].

mod brief;
mod chart;
pub(crate) mod claim;
pub(crate) mod close;
pub(crate) mod create;
mod cursor;
mod error;
mod facts;
mod fields;
pub(crate) mod graph;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod matters;
mod model;
pub(crate) mod network;
pub(crate) mod prime;
pub(crate) mod remove;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod show;
mod tracker;
pub(crate) mod transfer;
pub(crate) mod update;
mod written;

pub use brief::{ClaimView, EdgeView, LinkView, NoteView, TaskLine, TaskView};
pub use chart::Branch;
pub use claim::Wanted;
pub use close::{Close, Closed, Named, Proof};
pub use create::{BATCH, Created, NewTask};
pub use error::TaskError;
pub(crate) use fields::{defer_until, label as checked_label};
pub use graph::Difference;
pub use list::Listing;
pub use model::{
    Actor, Edge, EdgeKind, Holder, Kind, Link, LinkKind, Note, NoteKind, Reason, Status, Task, View,
};
pub use network::Network;
pub use tracker::Tracker;
pub use transfer::{Exported, Format, Import, Remark, Report, TransferError};
pub use update::Changes;
pub use written::{WrittenTask, WrittenTasks};

#[cfg(test)]
mod tests;
