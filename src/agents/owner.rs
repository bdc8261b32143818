//! The claim of a process on the agents it runs. A file lock proves that the owner lives: the kernel
//! lets go of it at the very moment of death, whatever the pid is used for afterwards.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::record::owner as rows;
use crate::clock::Clock;
use crate::ids::{IdSource, OwnerId};
use crate::store::{Store, StoreError, make_private_directory};

/// After how long a lock that nobody holds is left behind: it is held at once by who makes it.
const LEFT_AFTER_MS: i64 = 3600 * 1000;

/// This process as an owner, for as long as it is held.
pub(super) struct Owner {
    id: OwnerId,
    lock: Option<File>,
}

impl Owner {
    /// Takes the lock and writes the owner down, in this order: who is on record has the lock.
    pub(super) async fn register(
        store: &Store,
        ids: &dyn IdSource,
        clock: &dyn Clock,
    ) -> Result<Self, StoreError> {
        let id = OwnerId::new(ids);
        let path = lock_path(store.home(), &id);
        let lock = take_lock(&path).map_err(|source| StoreError::Directory { path, source })?;
        let host = nix::unistd::gethostname().unwrap_or_default();
        rows::add(store, &id, &host.to_string_lossy(), clock.now_ms()).await?;
        Ok(Self {
            id,
            lock: Some(lock),
        })
    }

    /// A process that runs no agents and never will: it is not on record.
    pub(super) fn of_nothing(ids: &dyn IdSource) -> Self {
        let id = OwnerId::new(ids);
        Self { id, lock: None }
    }

    /// Whether it is on record, and so may run agents.
    pub(super) fn is_on_record(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn id(&self) -> &OwnerId {
        &self.id
    }
}

fn take_lock(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        make_private_directory(directory)?;
    }
    let lock = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    lock.try_lock()?;
    Ok(lock)
}

fn lock_path(home: &Path, id: &OwnerId) -> PathBuf {
    home.join("owners").join(format!("{id}.lock"))
}

/// Whether the process behind `id` is still there.
pub(super) fn is_alive(home: &Path, id: &OwnerId) -> bool {
    match File::open(lock_path(home, id)) {
        // A shared lock is enough to find out, and lets several processes ask at once.
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Clears away the lock of an owner that has gone.
pub(super) fn forget(home: &Path, id: &OwnerId) {
    // Left behind it costs an empty file and nothing else.
    let _ = std::fs::remove_file(lock_path(home, id));
}

/// Locks that nobody has held for long.
pub(super) fn left_behind(home: &Path, now_ms: i64) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(home.join("owners")) else {
        return Vec::new();
    };
    let is_left = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str())?;
        let id = OwnerId::parse(name.strip_suffix(".lock")?).ok()?;
        let made = std::fs::metadata(path).ok()?.modified().ok()?;
        let made_ms = made.duration_since(UNIX_EPOCH).ok()?.as_millis();
        let age_ms = now_ms - i64::try_from(made_ms).ok()?;
        (age_ms > LEFT_AFTER_MS && !is_alive(home, &id)).then_some(())
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| is_left(path).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::ids::RandomIds;

    #[tokio::test]
    async fn an_owner_lives_exactly_as_long_as_it_is_held() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let owner = Owner::register(&store, &RandomIds, &SystemClock)
            .await
            .unwrap();
        let id = owner.id().clone();
        assert!(is_alive(home.path(), &id));
        drop(owner);
        assert!(!is_alive(home.path(), &id));
        forget(home.path(), &id);
        assert!(!is_alive(home.path(), &id));
    }

    #[tokio::test]
    async fn a_lock_is_left_behind_once_it_is_old_and_held_by_nobody() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let owner = Owner::register(&store, &RandomIds, &SystemClock).await;
        let owner = owner.unwrap();
        let path = lock_path(home.path(), owner.id());
        std::fs::write(home.path().join("owners/notes.txt"), "").unwrap();
        let (now_ms, later_ms) = (SystemClock.now_ms(), SystemClock.now_ms() + 7_200_000);
        assert_eq!(left_behind(home.path(), later_ms), Vec::<PathBuf>::new());
        drop(owner);
        assert_eq!(left_behind(home.path(), now_ms), Vec::<PathBuf>::new());
        assert_eq!(left_behind(home.path(), later_ms), [path]);
    }
}
