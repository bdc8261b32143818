//! Opening the state file: one connection to write, a few that may only read.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor};
use tokio_util::task::AbortOnDropHandle;

use super::redact::Redactor;
use super::space::IN_STEPS;
use super::{Changes, StoreError, Tx, migrate};

/// WAL lets readers and the writer of all processes work side by side; `NORMAL` survives the death
/// of any process. No mmap: it widens the damage of a fault and was not faster.
const PRAGMAS: &str = "PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; \
    PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864; \
    PRAGMA temp_store=MEMORY;";
/// Two processes may make the file at once.
pub(super) const WAIT: &str = "PRAGMA busy_timeout=10000;";
/// Takes the write lock at once: a transaction that begins to read cannot wait for it later.
const BEGIN: &str = "BEGIN IMMEDIATE";
const READ_ONLY: &str = "PRAGMA query_only=ON;";
/// SQLite before this may corrupt a database that several connections write and checkpoint.
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// How long a connection in use may hold up the end of the process.
const CLOSE: Duration = Duration::from_millis(100);
/// One connection watches for changes, the others read.
const READERS: u32 = 5;

/// The state file and what is known about its changes.
pub struct Store {
    home: PathBuf,
    database: PathBuf,
    write: AnyPool,
    read: AnyPool,
    changes: Changes,
    redactor: Redactor,
    watch: AbortOnDropHandle<()>,
}

impl Store {
    /// Opens `ostler.db` in `home`, making both where they are missing (0700 and 0600).
    ///
    /// # Errors
    /// [`StoreError`] when the directory cannot be used, the file is locked, full, damaged or newer.
    pub async fn open(home: &Path) -> Result<Self, StoreError> {
        Self::open_at(&home.join("ostler.db")).await
    }

    /// Opens the state file at `database`. The locks that go with it lie beside it, so that everybody
    /// who shares the file shares them too.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_at(database: &Path) -> Result<Self, StoreError> {
        let home = database.parent().unwrap_or(Path::new("/"));
        let unusable = |source| StoreError::Directory {
            path: home.to_owned(),
            source,
        };
        make_private_directory(home).map_err(unusable)?;
        make_private_file(database).map_err(unusable)?;
        let is_new = std::fs::metadata(database).is_ok_and(|file| file.len() == 0);
        sqlx::any::install_default_drivers();
        if is_new {
            run_once(database, &format!("{WAIT}{IN_STEPS}{PRAGMAS}")).await?;
        }
        let write = connect(database, 1, PRAGMAS.to_owned()).await?;
        check_version(&write).await?;
        migrate::run(home, database, &write).await?;
        let read = connect(database, READERS, format!("{PRAGMAS}{READ_ONLY}")).await?;
        let (changes, watch) = Changes::watch(read.clone());
        let redactor = Redactor::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        Ok(Self {
            home: home.to_owned(),
            database: database.to_owned(),
            write,
            read,
            changes,
            redactor,
            watch,
        })
    }

    /// Keeps the values of these variables out of the file as well, if their names look secret.
    #[must_use]
    pub fn hiding(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.redactor.add(variables);
        self
    }

    /// The directory of the state file.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The state file.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// The connection that writes, for what is no transaction.
    pub(super) async fn writer(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.write.acquire().await?)
    }

    /// Connections that may only read.
    pub(crate) fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Begins a write; waits up to 10 s for other processes. Nothing but the database may be
    /// awaited before it is committed.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self.write.begin_with(BEGIN).await {
            // SQLite ends a transaction by itself when the disk is full; the rollback that follows
            // then fails, and sqlx takes the connection for one inside a transaction for ever.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.write.acquire().await?.detach().close_hard().await?;
                Ok(self.write.begin_with(BEGIN).await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Lets others write between the parts of a long work: whoever waits looks every tenth of a second
    /// whether it may, and would give up in the end if it never found a gap.
    pub(crate) async fn give_way(&self) {
        const GAP: Duration = Duration::from_millis(120);
        tokio::time::sleep(GAP).await;
    }

    /// Makes a write durable and tells the listeners.
    pub(crate) async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        tx.commit().await?;
        self.changes.touch();
        Ok(())
    }

    /// `text` without the values of secret-looking variables of our environment.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactor.apply(text).into_owned()
    }

    /// The same, and the names of the variables whose values were in it.
    pub(crate) fn redacted(&self, text: &str) -> (String, Vec<&str>) {
        let (text, names) = self.redactor.apply_and_name(text);
        (text.into_owned(), names)
    }

    /// `value` as JSON, without those values in any of its texts.
    pub(crate) fn redact_json<T: Serialize>(&self, value: &T) -> String {
        self.redactor
            .apply_json(serde_json::to_value(value).unwrap_or_default())
            .to_string()
    }

    /// Changes of the state by this and other processes.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Closes every connection, so that the log is folded back into the file. Does not wait for
    /// somebody who does not let go of one.
    pub async fn close(&self) {
        self.watch.abort();
        let closed = async {
            self.read.close().await;
            self.write.close().await;
        };
        if tokio::time::timeout(CLOSE, closed).await.is_err() {
            tracing::debug!("a connection was still in use; the log stays beside the file");
        }
    }
}

fn url(database: &Path) -> String {
    let path = database
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F");
    format!("sqlite://{path}?mode=rw")
}

/// Runs pragmas on a connection of their own.
async fn run_once(database: &Path, pragmas: &str) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect(&url(database))
        .await
        .map_err(|error| unopened(database, error))?;
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas.to_owned())))
        .await?;
    Ok(connection.close().await?)
}

async fn connect(database: &Path, size: u32, pragmas: String) -> Result<AnyPool, StoreError> {
    // A pool tries again and again where a connection of its own says at once what is wrong.
    run_once(database, &pragmas).await?;
    let pool = AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(60))
        // A file does not hang up; asking whether it has costs as much as a read.
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let pragmas = sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas.clone()));
            Box::pin(async move {
                connection.execute(pragmas).await?;
                Ok(())
            })
        })
        .connect(&url(database))
        .await?;
    Ok(pool)
}

/// Names the file where SQLite only says that it cannot open it (code 14).
fn unopened(database: &Path, error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(cause) if cause.code().as_deref() == Some("14") => StoreError::Directory {
            path: database.to_owned(),
            source: io::Error::other(cause.message().to_owned()),
        },
        _ => error.into(),
    }
}

async fn check_version(pool: &AnyPool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await?;
    let numbers: Vec<u32> = found
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    if numbers.as_slice() < OLDEST_SQLITE.as_slice() {
        return Err(StoreError::OldSqlite { found });
    }
    Ok(())
}

/// Makes `path` and its parents, readable by its owner only.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn make_private_file(path: &Path) -> io::Result<()> {
    match File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // The log and the index beside the database take over its permissions. A file that
            // belongs to somebody else stays as it is; opening it tells more.
            let _ = std::fs::set_permissions(path, Permissions::from_mode(0o600));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_waits_gets_between_the_parts_of_a_long_work() {
        let home = tempfile::tempdir().unwrap();
        let long = Store::open(home.path()).await.unwrap();
        let other = Store::open(home.path()).await.unwrap();
        let is_done = AtomicBool::new(false);
        let work = async {
            let mut parts = 0;
            while !is_done.load(Ordering::Relaxed) {
                let tx = long.begin().await.unwrap();
                tokio::time::sleep(Duration::from_millis(300)).await;
                long.commit(tx).await.unwrap();
                long.give_way().await;
                parts += 1;
            }
            parts
        };
        let short = async {
            // Behind the first part.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let tx = other.begin().await.unwrap();
            other.commit(tx).await.unwrap();
            is_done.store(true, Ordering::Relaxed);
        };
        let (parts, ()) = tokio::join!(work, short);
        assert!(parts < 10, "it waited for {parts} parts");
    }
}
