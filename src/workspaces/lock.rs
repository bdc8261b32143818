//! Locks that hold over processes: one of each repository, because git's own give up at once where
//! two worktrees are made at the same time, and one of each working tree. The kernel lets go of them
//! when the last process that holds them is gone; git is given them as its standard input, so that
//! one which outlives us still counts.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::make_private_directory;

/// Between two looks at a lock that somebody else holds: at first, and at most.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_AT_MOST: Duration = Duration::from_millis(100);

/// A lock that is held until its last clone is gone.
#[derive(Debug, Clone)]
pub(super) struct Lock {
    file: Arc<File>,
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock of a repository, by its common directory.
    pub(super) async fn of_repository(home: &Path, repository: &Path) -> io::Result<Self> {
        let name = format!("{:016x}.lock", fingerprint(repository));
        Self::take(home.join("locks").join(name)).await
    }

    /// Waits for the lock of the working tree at `path`.
    pub(super) async fn of_tree(path: &Path) -> io::Result<Self> {
        Self::take(tree_lock(path)).await
    }

    /// The lock of the working tree at `path`; `None` when somebody else has it for longer than
    /// `patience`.
    pub(super) async fn of_tree_within(
        path: &Path,
        patience: Duration,
    ) -> io::Result<Option<Self>> {
        let until = Instant::now() + patience;
        Self::take_until(tree_lock(path), Some(until)).await
    }

    async fn take(path: PathBuf) -> io::Result<Self> {
        let lock = Self::take_until(path, None).await?;
        lock.ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock))
    }

    async fn take_until(path: PathBuf, until: Option<Instant>) -> io::Result<Option<Self>> {
        if let Some(directory) = path.parent() {
            make_private_directory(directory)?;
        }
        let mut pause = LOOK;
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&path)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let file = Arc::new(file);
                    return Ok(Some(Self { file, path }));
                }
                // Discarded a moment ago by who had it.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(None);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_AT_MOST);
        }
    }

    /// The same lock as the standard input of a child, which reads as empty.
    pub(super) fn as_stdin(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }

    /// Lets go of the lock of something that is no longer there.
    pub(super) fn discard(self) {
        // Left behind it costs an empty file and nothing else.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the file at `path` is still this one.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn tree_lock(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// FNV-1a, which every version of ostler computes alike. Two repositories with the same one merely
/// wait for each other.
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_lock_keeps_others_out_until_it_is_dropped_or_discarded() {
        let home = tempfile::tempdir().unwrap();
        let tree = home.path().join("t");
        let held = Lock::of_tree(&tree).await.unwrap();
        let other = Lock::of_tree_within(&tree, SOON).await.unwrap();
        assert!(other.is_none());
        drop(held);
        let held = Lock::of_tree_within(&tree, SOON).await.unwrap().unwrap();
        let waiting = tokio::spawn({
            let tree = tree.clone();
            async move { Lock::of_tree(&tree).await.unwrap() }
        });
        held.discard();
        let next = waiting.await.unwrap();
        assert!(Lock::of_tree_within(&tree, SOON).await.unwrap().is_none());
        drop(next);
    }
}
