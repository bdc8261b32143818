//! Throwing away what an agent has left: its working tree and its branch, commits and all. What is not
//! committed is not thrown away with them, and whoever does it learns where the branch pointed.

use serde::Serialize;

use super::inspect::{checked_out, tip};
use super::rows::{self, Tree, TreeState};
use super::worktree::{WorkspaceError, Workspaces, worth};
use super::{Git, GitError};
use crate::ids::AgentId;

/// A branch that was thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discarded {
    /// Whose it was.
    pub agent: AgentId,
    /// Its name.
    pub branch: String,
    /// The commit it pointed at; absent when it was gone already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The command that brings it back, as long as git keeps the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
}

/// What there is in a tree beside its branch, that merging the branch would miss and deleting the tree
/// would lose; `None` when there is nothing. Files that git ignores do not count.
pub(crate) async fn unsaved(tree: &Tree) -> Result<Option<String>, WorkspaceError> {
    if tree.path.symlink_metadata().is_err() {
        return Ok(None);
    }
    worth(&as_if_begun_now(tree).await?, true).await
}

/// Where else somebody has checked the branch out; `None` when nobody has.
pub(crate) async fn in_use(tree: &Tree) -> Result<Option<String>, GitError> {
    let place = checked_out(&Git::at(&tree.repository), &tree.branch).await?;
    Ok(place.filter(|place| std::path::Path::new(place) != tree.path))
}

impl Workspaces<'_> {
    /// Takes away the tree of an ended agent and deletes its branch. `Err` with the reason inside when
    /// it holds something else; then it is as it was.
    ///
    /// # Errors
    /// Failures of git, the store and the file system.
    pub(crate) async fn discard(
        &self,
        listed: &Tree,
    ) -> Result<Result<Discarded, String>, WorkspaceError> {
        let lock = self.lock(&listed.path).await?;
        let changed = || WorkspaceError::Changed {
            agent: listed.agent.clone(),
        };
        // What was read without the lock may be old.
        let tree = rows::of_agent(self.store, &listed.agent).await?;
        let tree = tree.filter(|tree| tree == listed).ok_or_else(changed)?;
        if let Some(place) = in_use(&tree).await? {
            return Ok(Err(format!("its branch is checked out in {place}")));
        }
        if let Some(why) = unsaved(&tree).await? {
            return Ok(Err(why));
        }
        let commit = tip(&Git::at(&tree.repository), &tree.branch).await?;
        let mut tree = as_if_begun_now(&tree).await?;
        tree.note = "thrown away".to_owned();
        let gone = match tree.state {
            TreeState::Making | TreeState::Removing => {
                self.take_away(&lock, &mut tree, true).await?
            }
            _ => self.remove(&lock, &mut tree, true).await?,
        };
        if !gone {
            return Ok(Err(tree.note));
        }
        lock.discard();
        Ok(Ok(Discarded {
            restore: commit
                .as_ref()
                .map(|commit| format!("git branch {} {commit}", tree.branch)),
            agent: tree.agent,
            branch: tree.branch,
            commit,
        }))
    }
}

/// The tree as if it had started from where its branch is now: what is committed there is no reason to
/// keep it.
async fn as_if_begun_now(tree: &Tree) -> Result<Tree, GitError> {
    let mut now = tree.clone();
    if let Some(tip) = tip(&Git::at(&tree.repository), &tree.branch).await? {
        now.base = tip;
    }
    Ok(now)
}
