//! Where agents work when they must not share a tree: git worktrees that ostler makes, owns and
//! takes away again. Nothing uncommitted is ever deleted here, and the user's own working tree and
//! index are only read. Nothing here knows of agents beyond their ids.

mod carry;
mod commit;
mod discard;
pub mod git;
mod hooks;
mod index;
mod inspect;
pub mod integrate;
mod lock;
pub mod overlap;
pub(crate) mod plan;
mod reaper;
pub(crate) mod rows;
#[cfg(test)]
pub(crate) mod scratch;
mod settle;
mod submodules;
#[cfg(test)]
mod tests;
mod worktree;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use discard::Discarded;
pub(crate) use discard::{in_use, unsaved};
pub use git::{Git, GitError};
pub(crate) use index::with_index_copied;
pub use plan::NoWorkspace;
pub use reaper::{Pruning, Standing, Verdict};
pub use rows::{Tree, TreeState};
pub use settle::Harvest;
pub use worktree::WorkspaceError;
pub(crate) use worktree::Workspaces;

/// The working tree of an agent's own, decided before it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspacePlan {
    /// The git common directory, canonical.
    pub repository: PathBuf,
    /// Top of the working tree that it is made from, canonical.
    pub from: PathBuf,
    /// Top of the agent's own working tree, absolute.
    pub path: PathBuf,
    /// The agent's directory within it, relative; empty for the top.
    pub inside: PathBuf,
    /// The branch.
    pub branch: String,
    /// Whether what is uncommitted in `from` comes along, as the first commit of the branch.
    pub with_changes: bool,
    /// The commit to start from, by its hash; absent: the one that is checked out in `from`. What is
    /// uncommitted there does not go with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}
