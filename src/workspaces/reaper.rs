//! Trees whose agents have ended: the half-made ones are healed, those that hold nothing of their own
//! go, all others stay and are told why. Nothing here decides whether an agent has ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::inspect::{UNMERGED, inspect, is_merged, tip};
use super::lock::Lock;
use super::plan::folder;
use super::rows::{self, Tree, TreeState};
use super::worktree::{TRASH, WorkspaceError, Workspaces, unusable, worth};
use super::{Git, GitError};
use crate::ids::AgentId;

/// How long somebody else may be at a tree before it is left alone.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was done with a tree, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is gone; why that loses nothing.
    Removed(String),
    /// It stays; why.
    Kept(String),
}

/// What may go.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pruning {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Also trees that hold nothing more than files which git ignores.
    pub ignored: bool,
}

/// A tree as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// The agent.
    pub agent: AgentId,
    /// Its branch.
    pub branch: String,
    /// Where it stands.
    pub state: TreeState,
    /// Commits of its own; absent where the tree cannot be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<u32>,
    /// Whether something is uncommitted in it.
    pub dirty: bool,
    /// When it was begun, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Seconds since then.
    pub age_s: i64,
    /// The tree.
    pub path: PathBuf,
    /// Why it is kept, and what else there is to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Workspaces<'_> {
    /// Heals, removes or keeps the tree of an ended agent.
    ///
    /// # Errors
    /// [`WorkspaceError`]; nothing that would be lost is gone.
    pub(crate) async fn reap(
        &self,
        tree: &Tree,
        pruning: Pruning,
    ) -> Result<Verdict, WorkspaceError> {
        let lock = Lock::of_tree_within(&tree.path, PATIENCE).await;
        let Some(lock) = lock.map_err(|source| unusable(&tree.path, source))? else {
            return Ok(Verdict::Kept("somebody is at work in it".to_owned()));
        };
        let listed = tree;
        // A resumed agent may have taken it meanwhile.
        let mut tree = match rows::of_agent(self.store, &listed.agent).await? {
            Some(tree) if tree == *listed => tree,
            _ => return Ok(Verdict::Kept("its agent works again".to_owned())),
        };
        let verdict = match tree.state {
            TreeState::Making => Verdict::Removed("no agent has been in it".to_owned()),
            TreeState::Removed => Verdict::Removed("it was gone".to_owned()),
            _ => self.judge(&tree, pruning).await?,
        };
        if pruning.dry_run {
            return Ok(verdict);
        }
        match (&verdict, tree.state) {
            (_, TreeState::Removed) => {}
            (Verdict::Kept(why), TreeState::Live | TreeState::Removing) => {
                let why = match tree.state {
                    TreeState::Live => format!("its run was broken off; {why}"),
                    _ => why.clone(),
                };
                self.advance(&mut tree, TreeState::Kept, &why).await?;
            }
            (Verdict::Kept(_), _) => {}
            (Verdict::Removed(_), state) => {
                let gone = match state {
                    TreeState::Live | TreeState::Kept => {
                        self.remove(&lock, &mut tree, pruning.ignored).await?
                    }
                    _ => self.take_away(&lock, &mut tree, pruning.ignored).await?,
                };
                if !gone {
                    return Ok(Verdict::Kept(tree.note));
                }
                lock.discard();
            }
        }
        Ok(verdict)
    }

    async fn judge(&self, tree: &Tree, pruning: Pruning) -> Result<Verdict, WorkspaceError> {
        if tree.path.symlink_metadata().is_err() {
            return Ok(Verdict::Removed("its folder is gone".to_owned()));
        }
        if !tree.repository.is_dir() {
            let repository = tree.repository.display();
            return Ok(Verdict::Kept(format!(
                "its repository {repository} is gone"
            )));
        }
        // The usual case, and cheaper to find out than what the tree holds.
        let git = Git::at(&tree.repository);
        if let Ok(Some(tip)) = tip(&git, &tree.branch).await
            && tip != tree.base
            && matches!(is_merged(&git, &tip).await, Ok(false))
        {
            return Ok(Verdict::Kept(UNMERGED.to_owned()));
        }
        Ok(match worth(tree, pruning.ignored).await {
            Ok(None) => Verdict::Removed("it holds nothing that is not elsewhere".to_owned()),
            Ok(Some(why)) => Verdict::Kept(why),
            Err(WorkspaceError::Git(error)) => {
                Verdict::Kept(format!("it cannot be looked at: {error}"))
            }
            Err(error) => return Err(error),
        })
    }

    /// Looks at a tree for a list.
    pub(crate) async fn standing(&self, tree: &Tree) -> Standing {
        let now_ms = self.clock.now_ms();
        let mut standing = Standing {
            agent: tree.agent.clone(),
            branch: tree.branch.clone(),
            state: tree.state,
            commits: None,
            dirty: false,
            created_ms: tree.created_ms,
            age_s: (now_ms - tree.created_ms) / 1000,
            path: tree.path.clone(),
            note: tree.note.clone(),
        };
        match look(tree).await {
            Ok((commits, dirty)) => {
                standing.commits = commits;
                standing.dirty = dirty;
            }
            Err(_) if tree.path.symlink_metadata().is_err() => {
                standing.note = "its folder is gone".to_owned();
            }
            Err(error) => standing.note = error.to_string(),
        }
        standing
    }

    /// Folders among our trees that are on no record; they are nobody's to delete.
    pub(crate) fn unknown(&self, known: &[Tree]) -> Vec<PathBuf> {
        let folders = |path: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            paths.filter(|path| path.is_dir()).collect()
        };
        let home = self.store.home();
        let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
        let mut unknown: Vec<PathBuf> = folders(&folder(&home))
            .iter()
            .flat_map(|project| folders(project))
            .filter(|path| {
                let is_of = |tree: &Tree| {
                    tree.path == *path || super::worktree::beside(&tree.path, TRASH) == *path
                };
                !known.iter().any(is_of)
            })
            .collect();
        unknown.sort();
        unknown
    }
}

async fn look(tree: &Tree) -> Result<(Option<u32>, bool), GitError> {
    let found = inspect(tree).await?;
    let dirty = !found.uncommitted.is_empty();
    if tree.base.is_empty() {
        return Ok((None, dirty));
    }
    let own = format!("{}..{}", tree.base, found.head);
    let commits = Git::at(&tree.path)
        .run(&["rev-list", "--count", &own])
        .await?;
    Ok((commits.parse().ok(), dirty))
}
