//! Working trees to merge in. Each lies below the state directory beside a lock file that its process
//! holds; what a dead process has left is cleared away by the next.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::IntegrateError;
use crate::store::make_private_directory;
use crate::workspaces::Git;

/// Where they lie in the state directory.
const PLACE: &str = "merges";
/// Held for the moments in which locks are taken, so that nobody takes a new one for a dead one's.
const GATE: &str = "gate";

/// A working tree of our own to merge in, without a branch.
pub struct Scratch {
    name: String,
    place: PathBuf,
    repository: PathBuf,
    tree: PathBuf,
    _lock: File,
}

impl Scratch {
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
        let place = home.join(PLACE);
        let lock = {
            let (place, name, repository) = (place.clone(), name.to_owned(), repository.to_owned());
            let locked = blocking(move || lock(&place, &name, &repository)).await;
            locked.map_err(|source| IntegrateError::Scratch {
                path: home.join(PLACE),
                source,
            })?
        };
        let scratch = Self {
            name: name.to_owned(),
            tree: place.join(name),
            place,
            repository: repository.to_owned(),
            _lock: lock,
        };
        let tree = scratch.tree.as_os_str();
        let add = ["worktree", "add", "--quiet", "--detach"].map(AsRef::as_ref);
        let add = [&add[..], &[tree, base.as_ref()]].concat();
        if let Err(error) = Git::at(repository).run(&add).await {
            scratch.remove().await;
            return Err(error.into());
        }
        Ok(scratch)
    }

    /// Its top.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Takes it away. Nothing in it is worth keeping: commits are in the repository.
    pub(super) async fn remove(self) {
        remove(&self.place, &self.name, &self.repository).await;
    }
}

/// Takes away what merges of dead processes have left below `home`, and returns how many there were.
pub async fn clear(home: &Path) -> usize {
    let place = home.join(PLACE);
    let dead = {
        let place = place.clone();
        blocking(move || dead(&place)).await
    };
    let dead = dead.unwrap_or_else(|error| {
        tracing::warn!(%error, "what dead merges have left cannot be looked for");
        Vec::new()
    });
    for (name, repository, _lock) in &dead {
        remove(&place, name, repository).await;
    }
    dead.len()
}

async fn remove(place: &Path, name: &str, repository: &Path) {
    let tree = place.join(name);
    // Twice: it may be locked, or half made.
    let arguments = ["worktree", "remove", "--force", "--force"].map(AsRef::as_ref);
    let arguments = [&arguments[..], &[tree.as_os_str()]].concat();
    if let Err(error) = Git::at(repository).run(&arguments).await {
        tracing::debug!(%error, tree = %tree.display(), "git does not know this tree");
    }
    let lock = lock_path(place, name);
    let removed = blocking(move || {
        match fs::remove_dir_all(&tree) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Last: as long as it is there, somebody tries again.
        fs::remove_file(lock)
    });
    if let Err(error) = removed.await {
        tracing::warn!(%error, name, "a merge's working tree stays");
    }
}

fn lock_path(place: &Path, name: &str) -> PathBuf {
    place.join(format!("{name}.lock"))
}

fn gate(place: &Path) -> io::Result<File> {
    make_private_directory(place)?;
    let gate = File::options()
        .create(true)
        .append(true)
        .open(place.join(GATE))?;
    gate.lock()?;
    Ok(gate)
}

/// Takes the lock of a new tree; it says which repository the tree belongs to.
fn lock(place: &Path, name: &str, repository: &Path) -> io::Result<File> {
    let _gate = gate(place)?;
    let mut lock = File::options()
        .create_new(true)
        .write(true)
        .open(lock_path(place, name))?;
    lock.try_lock()?;
    lock.write_all(repository.as_os_str().as_bytes())?;
    Ok(lock)
}

/// The trees whose process is gone, with their locks.
fn dead(place: &Path) -> io::Result<Vec<(String, PathBuf, File)>> {
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let _gate = gate(place)?;
    let mut dead = Vec::new();
    for entry in fs::read_dir(place)?.flatten() {
        let file_name = entry.file_name();
        let Some(name) = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(".lock"))
        else {
            continue;
        };
        let Ok(mut lock) = File::open(entry.path()) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            let mut repository = Vec::new();
            lock.read_to_end(&mut repository)?;
            let repository = PathBuf::from(std::ffi::OsStr::from_bytes(&repository));
            dead.push((name.to_owned(), repository, lock));
        }
    }
    Ok(dead)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(error)),
    }
}
