//! Making a working tree and taking it away. Each step is on record before it is taken and can be
//! taken again: whatever dies in between, the next one who looks finishes it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::inspect::{came_late, checked_out, git_dir, inspect, is_merged, leads_to, tip};
use super::lock::Lock;
use super::rows::{self, Tree, TreeState};
use super::{Git, GitError, WorkspacePlan, carry, submodules};
use crate::clock::Clock;
use crate::config;
use crate::ids::{AgentId, ProjectId};
use crate::store::{Store, StoreError};

/// How often, and how long apart, a folder is deleted into which somebody may still write.
const TRIES: u32 = 5;
/// How the name ends that a tree has from its leaving its place to the end of its deletion.
pub(super) const TRASH: &str = ".removing";
const AGAIN: Duration = Duration::from_millis(100);

/// What went wrong with a working tree; nothing in it was lost.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// git said no.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or folder of ours cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something stands where the tree would be.
    #[error("{} is there already and not a working tree of ostler's; move it away", path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// What the tree was to be made from is gone.
    #[error("the working tree {} that it was to be made from is gone", from.display())]
    SourceGone {
        /// Its top.
        from: PathBuf,
    },
    /// Somebody else changed the record at the same time.
    #[error("the working tree of {agent} was changed by somebody else meanwhile")]
    Changed {
        /// The agent.
        agent: AgentId,
    },
}

/// The working trees that one state directory owns.
#[derive(Clone, Copy)]
pub(crate) struct Workspaces<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) settings: &'a config::Workspaces,
}

impl Workspaces<'_> {
    /// Makes the tree of an agent, or gives it the one it had: kept trees are used again, removed ones
    /// are made again from their branch, else from the commit that is checked out now.
    ///
    /// # Errors
    /// [`WorkspaceError`]; what was made by then is left for [`Workspaces::settle`] to take away.
    pub(crate) async fn make(
        &self,
        agent: &AgentId,
        project: &ProjectId,
        plan: &WorkspacePlan,
    ) -> Result<Tree, WorkspaceError> {
        let lock = self.lock(&plan.path).await?;
        if let Some(tree) = rows::of_agent(self.store, agent).await?
            && let Some(tree) = self.had(&lock, tree).await?
        {
            return Ok(tree);
        }
        if plan.path.symlink_metadata().is_ok() {
            let path = plan.path.clone();
            return Err(WorkspaceError::InTheWay { path });
        }
        let changed = || WorkspaceError::Changed {
            agent: agent.clone(),
        };
        if !rows::begin(self.store, agent, project, plan, self.clock.now_ms()).await? {
            return Err(changed());
        }
        let mut tree = rows::of_agent(self.store, agent)
            .await?
            .ok_or_else(changed)?;
        let note = self.fill_in(&lock, &mut tree, plan).await?;
        self.advance(&mut tree, TreeState::Live, &note).await?;
        Ok(tree)
    }

    /// The tree that an agent has from an earlier run, ready to be used; `None` when there is none.
    async fn had(&self, lock: &Lock, mut tree: Tree) -> Result<Option<Tree>, WorkspaceError> {
        if matches!(tree.state, TreeState::Making | TreeState::Removing) {
            self.take_away(lock, &mut tree, false).await?;
        }
        match tree.state {
            TreeState::Live | TreeState::Kept if is_working_tree(&tree).await => {
                // A person may be at work in a kept one.
                if tree.state == TreeState::Live {
                    clear_locks(&tree).await?;
                }
                self.advance(&mut tree, TreeState::Live, "").await?;
                Ok(Some(tree))
            }
            TreeState::Live | TreeState::Kept if tree.path.symlink_metadata().is_err() => {
                self.advance(&mut tree, TreeState::Removing, "its folder was deleted")
                    .await?;
                self.take_away(lock, &mut tree, false).await?;
                Ok(None)
            }
            TreeState::Live | TreeState::Kept => Err(WorkspaceError::InTheWay { path: tree.path }),
            _ => Ok(None),
        }
    }

    /// Makes branch, folder and content of a tree that is on record; what of it is missing, for a note.
    async fn fill_in(
        &self,
        lock: &Lock,
        tree: &mut Tree,
        plan: &WorkspacePlan,
    ) -> Result<String, WorkspaceError> {
        let from_there = plan.from.is_dir();
        let at = if from_there {
            &plan.from
        } else {
            &plan.repository
        };
        let git = Git::at(at).holding(lock);
        let gone = || WorkspaceError::SourceGone {
            from: plan.from.clone(),
        };
        if !at.is_dir() {
            return Err(gone());
        }
        match tip(&git, &plan.branch).await? {
            Some(_) if !tree.base.is_empty() => {}
            Some(tip) => rows::set_base(self.store, tree, &tip).await?,
            None if from_there => {
                let base = self.start(&git, plan).await?;
                rows::set_base(self.store, tree, &base).await?;
            }
            None => return Err(gone()),
        }
        {
            let repository = self.lock_repository(&plan.repository).await?;
            let git = Git::at(at).holding(&repository);
            if tip(&git, &plan.branch).await?.is_none() {
                let branch = format!("refs/heads/{}", plan.branch);
                git.run_patiently(&["update-ref", &branch, &tree.base, ""])
                    .await?;
            }
            let path = plan.path.as_os_str();
            let mut add = ["worktree", "add", "--quiet", "--no-checkout"]
                .map(std::ffi::OsStr::new)
                .to_vec();
            add.extend([path, plan.branch.as_ref()]);
            git.run_patiently(&add).await?;
        }
        // Not under the lock of the repository: others need not wait for it.
        let git = Git::at(&plan.path).confined().holding(lock);
        git.run_patiently(&["reset", "--hard", "--quiet", "--no-recurse-submodules"])
            .await?;
        let missing = submodules::fill(&plan.from, &plan.path).await;
        let inside = plan.path.join(&plan.inside);
        let made = tokio::fs::create_dir_all(&inside).await;
        made.map_err(|source| unusable(&inside, source))?;
        Ok(missing.unwrap_or_default())
    }

    /// The commit that a new tree starts from.
    async fn start(&self, git: &Git, plan: &WorkspacePlan) -> Result<String, WorkspaceError> {
        let from = match &plan.base {
            Some(base) => format!("{base}^{{commit}}"),
            None => "HEAD^{commit}".to_owned(),
        };
        let asked = ["rev-parse", "--verify", "--end-of-options", &from];
        let head = git.run(&asked).await?;
        if !plan.with_changes || plan.base.is_some() {
            return Ok(head);
        }
        let scratch = beside(&plan.path, ".index");
        let author = self.settings.author.as_ref();
        let base = carry::snapshot(git, &head, &scratch, author).await;
        remove_file(&scratch).await?;
        Ok(base?)
    }

    /// Takes away a tree that holds nothing which would be lost; `false`, and it is kept, if it turns
    /// out that it does. Files that git ignores go with it only when `but_ignored`.
    pub(super) async fn remove(
        &self,
        lock: &Lock,
        tree: &mut Tree,
        but_ignored: bool,
    ) -> Result<bool, WorkspaceError> {
        let note = tree.note.clone();
        self.advance(tree, TreeState::Removing, &note).await?;
        self.take_away(lock, tree, but_ignored).await
    }

    /// Ends the making or the removal of a tree, whoever began it; `false` when it is kept after all.
    pub(super) async fn take_away(
        &self,
        lock: &Lock,
        tree: &mut Tree,
        but_ignored: bool,
    ) -> Result<bool, WorkspaceError> {
        let trash = beside(&tree.path, TRASH);
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        if is_there(&tree.path) && !is_there(&trash) {
            if tree.state == TreeState::Removing
                && let Some(why) = worth(tree, but_ignored).await?
            {
                self.advance(tree, TreeState::Kept, &why).await?;
                return Ok(false);
            }
            // From here on nobody finds it by its name.
            let renamed = tokio::fs::rename(&tree.path, &trash).await;
            renamed.map_err(|source| unusable(&tree.path, source))?;
        }
        if tree.state == TreeState::Removing
            && let Some(why) = late(tree, &trash, but_ignored).await
        {
            let back = tokio::fs::rename(&trash, &tree.path).await;
            back.map_err(|source| unusable(&trash, source))?;
            self.advance(tree, TreeState::Kept, &why).await?;
            return Ok(false);
        }
        if tree.repository.is_dir() {
            let repository = self.lock_repository(&tree.repository).await?;
            let git = Git::at(&tree.repository).holding(&repository);
            forget(&git, tree).await?;
            drop_branch(&git, tree).await?;
        }
        remove_folder(&trash).await?;
        for ending in [".index", ".index.lock"] {
            remove_file(&beside(&tree.path, ending)).await?;
        }
        let note = tree.note.clone();
        self.advance(tree, TreeState::Removed, &note).await?;
        tracing::debug!(agent = %tree.agent, held = ?lock, "a working tree is gone");
        Ok(true)
    }

    pub(super) async fn advance(
        &self,
        tree: &mut Tree,
        to: TreeState,
        note: &str,
    ) -> Result<(), WorkspaceError> {
        match rows::advance(self.store, tree, to, note, self.clock.now_ms()).await? {
            true => Ok(()),
            false => Err(WorkspaceError::Changed {
                agent: tree.agent.clone(),
            }),
        }
    }

    pub(super) async fn lock(&self, path: &Path) -> Result<Lock, WorkspaceError> {
        let lock = Lock::of_tree(path).await;
        lock.map_err(|source| unusable(path, source))
    }

    pub(super) async fn lock_repository(&self, repository: &Path) -> Result<Lock, WorkspaceError> {
        let lock = Lock::of_repository(self.store.home(), repository).await;
        lock.map_err(|source| unusable(self.store.home(), source))
    }
}

/// Why a tree cannot go without a loss; `None` when it can.
pub(super) async fn worth(
    tree: &Tree,
    but_ignored: bool,
) -> Result<Option<String>, WorkspaceError> {
    Ok(inspect(tree).await?.worth(tree, but_ignored).await?)
}

/// Takes what git knows of a tree whose folder is gone out of the repository, also half of it. What
/// belongs to other trees stays.
async fn forget(git: &Git, tree: &Tree) -> Result<(), WorkspaceError> {
    if tree.path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let remove = ["worktree", "remove", "--force", "--force"].map(std::ffi::OsStr::new);
    let remove = [&remove[..], &[tree.path.as_os_str()]].concat();
    match git.run(&remove).await {
        // Then git knows nothing of it, or only half, and trying again would not change that.
        Ok(_) | Err(GitError::Refused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // An entry is named after the last part of the path, and that is the id of an agent.
    let entry = tree.repository.join("worktrees").join(tree.agent.as_str());
    let is_half = !entry.join("gitdir").is_file();
    let places = [&tree.path, &beside(&tree.path, TRASH)];
    if is_half || places.iter().any(|place| leads_to(&entry, place)) {
        remove_folder(&entry).await?;
    }
    Ok(())
}

/// What has come into a tree between the look at it and its leaving its place; `None` once git knows
/// nothing of it any more, because then its deletion has begun.
async fn late(tree: &Tree, trash: &Path, but_ignored: bool) -> Option<String> {
    let moved = Tree {
        path: trash.to_owned(),
        ..tree.clone()
    };
    if git_dir(&moved).is_err() || tree.path.symlink_metadata().is_ok() {
        return None;
    }
    let came = came_late(&moved, but_ignored).await;
    came.unwrap_or_else(|error| Some(error.to_string()))
}

/// Deletes the branch of a tree if it has nothing of its own, is where it was found, and nobody has
/// checked it out, who would stand on nothing then.
async fn drop_branch(git: &Git, tree: &Tree) -> Result<(), WorkspaceError> {
    let Some(tip) = tip(git, &tree.branch).await? else {
        return Ok(());
    };
    let is_spare = tip == tree.base || is_merged(git, &tip).await?;
    if is_spare && checked_out(git, &tree.branch).await?.is_none() {
        let branch = format!("refs/heads/{}", tree.branch);
        git.run_patiently(&["update-ref", "-d", &branch, &tip])
            .await?;
    }
    Ok(())
}

async fn is_working_tree(tree: &Tree) -> bool {
    let asked = ["rev-parse", "--show-toplevel"];
    let top = Git::at(&tree.path).confined().run(&asked).await;
    git_dir(tree).is_ok() && top.is_ok_and(|top| Path::new(&top) == tree.path)
}

/// Removes the locks that a git left behind which was killed in the tree. Nobody works there.
pub(super) async fn clear_locks(tree: &Tree) -> Result<(), WorkspaceError> {
    let Ok(folder) = git_dir(tree) else {
        return Ok(());
    };
    for name in ["index.lock", "HEAD.lock"] {
        remove_file(&folder.join(name)).await?;
    }
    Ok(())
}

/// A file or folder of ours beside the tree at `path`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

async fn remove_file(path: &Path) -> Result<(), WorkspaceError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path, error)),
        _ => Ok(()),
    }
}

async fn remove_folder(path: &Path) -> Result<(), WorkspaceError> {
    for left in (0..TRIES).rev() {
        match tokio::fs::remove_dir_all(path).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if left == 0 => return Err(unusable(path, error)),
            Err(_) => sleep(AGAIN).await,
        }
    }
    Ok(())
}

pub(super) fn unusable(path: &Path, source: io::Error) -> WorkspaceError {
    WorkspaceError::Unusable {
        path: path.to_owned(),
        source,
    }
}
