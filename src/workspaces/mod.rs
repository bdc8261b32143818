//! Where agents work when they must not share a tree: git worktrees that ostler makes, owns and
//! takes away again. Nothing uncommitted is ever deleted here, and the user's own working tree and
//! index are only read. Nothing here knows of agents beyond their ids.

pub mod git;
pub mod integrate;
pub mod overlap;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use git::{Git, GitError};

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
}
