//! Working trees to merge in. Each lies below the state directory beside a lock that its process
//! holds; what a dead process has left is cleared away by the next.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::IntegrateError;
use crate::store::make_private_directory;
use crate::workspaces::Git;
use crate::workspaces::lock::Lock;

/// Where they lie in the state directory.
const PLACE: &str = "merges";
/// How the file beside a tree ends that says which repository it belongs to.
const OF: &str = ".of";

/// A working tree of our own to merge in, without a branch.
pub struct MergeTree {
    home: PathBuf,
    repository: PathBuf,
    top: PathBuf,
    lock: Lock,
}

impl MergeTree {
    /// Checks the commit `base` of `repository`, a git common directory, out into a tree `name` below
    /// `home`.
    ///
    /// # Errors
    /// When the directory or git cannot be used.
    pub async fn make(
        home: &Path,
        repository: &Path,
        name: &str,
        base: &str,
    ) -> Result<Self, IntegrateError> {
        let top = home.join(PLACE).join(name);
        let unusable = |source| IntegrateError::Place {
            path: top.clone(),
            source,
        };
        make_private_directory(&home.join(PLACE)).map_err(unusable)?;
        let tree = Self {
            home: home.to_owned(),
            repository: repository.to_owned(),
            lock: Lock::of_tree(&top).await.map_err(unusable)?,
            top: top.clone(),
        };
        let of = repository.as_os_str().as_bytes();
        fs::write(beside(&top, OF), of).map_err(unusable)?;
        match tree.fill_in(base).await {
            Ok(()) => Ok(tree),
            Err(error) => {
                tree.remove().await;
                Err(error)
            }
        }
    }

    async fn fill_in(&self, base: &str) -> Result<(), IntegrateError> {
        {
            let repository = self.lock_repository().await?;
            let git = Git::at(&self.repository).holding(&repository);
            let add = ["worktree", "add", "--quiet", "--detach", "--no-checkout"];
            let mut add = add.map(AsRef::as_ref).to_vec();
            add.extend([self.top.as_os_str(), base.as_ref()]);
            git.run_patiently(&add).await?;
        }
        // Not under the lock of the repository: others need not wait for it.
        let reset = ["reset", "--hard", "--quiet", "--no-recurse-submodules"];
        self.git().run_patiently(&reset).await?;
        Ok(())
    }

    async fn lock_repository(&self) -> Result<Lock, IntegrateError> {
        let lock = Lock::of_repository(&self.home, &self.repository).await;
        lock.map_err(|source| IntegrateError::Place {
            path: self.home.clone(),
            source,
        })
    }

    /// Its top.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// git in it, which holds its lock as well.
    pub(super) fn git(&self) -> Git {
        Git::at(&self.top).confined().holding(&self.lock)
    }

    /// Takes it away. Nothing in it is worth keeping: commits are in the repository.
    pub(super) async fn remove(self) {
        match self.lock_repository().await {
            Ok(repository) => {
                let git = Git::at(&self.repository).holding(&repository);
                // Twice: it may be locked, or half made.
                let remove = ["worktree", "remove", "--force", "--force"];
                let mut remove = remove.map(AsRef::as_ref).to_vec();
                remove.push(self.top.as_os_str());
                if let Err(error) = git.run_patiently(&remove).await {
                    tracing::debug!(%error, tree = %self.top.display(), "git does not know this tree");
                }
            }
            Err(error) => tracing::warn!(%error, "git is not told that a merge's tree goes"),
        }
        if let Err(error) = self.delete() {
            tracing::warn!(%error, tree = %self.top.display(), "a merge's working tree stays");
            return;
        }
        self.lock.discard();
    }

    fn delete(&self) -> io::Result<()> {
        let gone = |deleted: io::Result<()>| match deleted {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        gone(fs::remove_dir_all(&self.top))?;
        gone(fs::remove_file(beside(&self.top, OF)))
    }
}

/// Takes away what merges of dead processes have left below `home`, and returns how many there were.
pub async fn clear(home: &Path) -> usize {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(home.join(PLACE))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        names.insert(name.split('.').next().unwrap_or_default().to_owned());
    }
    let mut cleared = 0;
    for name in names {
        let top = home.join(PLACE).join(name);
        // Whoever lives has it.
        let Ok(Some(lock)) = Lock::of_tree_within(&top, Duration::ZERO).await else {
            continue;
        };
        let of = fs::read(beside(&top, OF)).unwrap_or_default();
        let dead = MergeTree {
            home: home.to_owned(),
            repository: PathBuf::from(std::ffi::OsString::from_vec(of)),
            top,
            lock,
        };
        dead.remove().await;
        cleared += 1;
    }
    cleared
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
