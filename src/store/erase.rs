//! Getting rid of the bytes of what was deleted: SQLite leaves them in the file and in the log beside
//! it until something else is written over them.

use std::time::Duration;

use serde::Serialize;
use sqlx::{Executor, Row};
use tokio::time::{Instant, sleep};

use super::db::WAIT;
use super::{Store, StoreError};

/// From now on what this process deletes is overwritten with zeros.
const OVERWRITE: &str = "PRAGMA secure_delete=ON";
/// Writes the whole file anew, without what pages have kept beside their rows. What is in the file may
/// be more than fits into memory.
const REWRITE: &str = "PRAGMA temp_store=FILE; VACUUM; PRAGMA temp_store=MEMORY;";
/// Moves the log into the file and empties it; waits for those who read older pages.
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// How long that may wait by itself; it is asked again until [`PATIENCE`] is over.
const SHORTLY: &str = "PRAGMA busy_timeout=200;";
/// How long other processes are waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(50);

/// Whether the bytes of what was deleted are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Erased {
    /// From the file and from its log.
    Everywhere,
    /// From the file, but not from the log: another process reads older pages of it.
    NotFromLog,
    /// Neither is sure.
    No {
        /// Why not.
        why: String,
    },
}

impl Store {
    /// Lets what this process deletes from now on be overwritten, so that little is left if
    /// [`Store::erase`] cannot do its work.
    pub(crate) async fn overwrite_deleted(&self) -> Result<(), StoreError> {
        let mut connection = self.writer().await?;
        connection.execute(sqlx::raw_sql(OVERWRITE)).await?;
        Ok(())
    }

    /// Removes the bytes of whatever was deleted from the file and its log. Waits a while for other
    /// processes, and tells what they have not let go.
    pub(crate) async fn erase(&self) -> Erased {
        self.erase_within(PATIENCE).await
    }

    async fn erase_within(&self, patience: Duration) -> Erased {
        let until = Instant::now() + patience;
        if let Err(error) = self.rewrite(until).await {
            return Erased::No {
                why: error.to_string(),
            };
        }
        loop {
            match self.empty_log().await {
                Ok(true) => return Erased::Everywhere,
                Ok(false) | Err(StoreError::Busy) if Instant::now() < until => sleep(AGAIN).await,
                Ok(false) | Err(StoreError::Busy) => return Erased::NotFromLog,
                Err(error) => {
                    return Erased::No {
                        why: error.to_string(),
                    };
                }
            }
        }
    }

    async fn rewrite(&self, until: Instant) -> Result<(), StoreError> {
        loop {
            let mut connection = self.writer().await?;
            let rewritten = connection.execute(sqlx::raw_sql(REWRITE)).await;
            match rewritten.map_err(StoreError::from) {
                Err(StoreError::Busy) if Instant::now() < until => {
                    drop(connection);
                    sleep(AGAIN).await;
                }
                other => return other.map(drop),
            }
        }
    }

    /// Whether nothing is left in the log.
    async fn empty_log(&self) -> Result<bool, StoreError> {
        let mut connection = self.writer().await?;
        connection.execute(sqlx::raw_sql(SHORTLY)).await?;
        let emptied = sqlx::query(EMPTY_LOG).fetch_one(&mut *connection).await;
        connection.execute(sqlx::raw_sql(WAIT)).await?;
        Ok(emptied?.try_get::<i64, _>(0)? == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const WRITE: &str = "CREATE TABLE heap (text TEXT) STRICT;
        INSERT INTO heap VALUES (lower('UNSPEAKABLE MARKER'));";

    /// The files of the state in which the marker is.
    fn holding(home: &Path) -> Vec<String> {
        let marker = "unspeakable marker".as_bytes();
        let mut found: Vec<String> = std::fs::read_dir(home)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let bytes = std::fs::read(path).unwrap_or_default();
                bytes.windows(marker.len()).any(|part| part == marker)
            })
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        found.sort();
        found
    }

    async fn write(store: &Store, sql: &'static str) {
        let mut connection = store.writer().await.unwrap();
        connection.execute(sqlx::raw_sql(sql)).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_reader_holds_on_to_is_told_and_gone_after_it() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let other = Store::open(home.path()).await.unwrap();
        write(&store, WRITE).await;
        let mut reader = other.read().begin().await.unwrap();
        let _: i64 = sqlx::query_scalar("SELECT count(*) FROM heap")
            .fetch_one(&mut *reader)
            .await
            .unwrap();
        write(&store, "DELETE FROM heap").await;
        let erased = store.erase_within(Duration::from_millis(300)).await;
        assert_eq!(erased, Erased::NotFromLog);
        assert_eq!(holding(home.path()), ["ostler.db-wal"]);
        reader.rollback().await.unwrap();
        assert_eq!(store.erase().await, Erased::Everywhere);
        assert_eq!(holding(home.path()), [""; 0]);
    }
}
