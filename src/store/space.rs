//! Giving pages that nothing uses any more back to the file system.

use std::time::Duration;

use sqlx::{AnyConnection, Executor};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Store, StoreError};

/// To be said before the first table is made: pages can be given back a few at a time then.
pub(super) const IN_STEPS: &str = "PRAGMA auto_vacuum=INCREMENTAL;";
const PAGES: &str = "SELECT page_count FROM pragma_page_count()";
const PAGE_SIZE: &str = "SELECT page_size FROM pragma_page_size()";
const FREE: &str = "SELECT freelist_count FROM pragma_freelist_count()";
const MODE: &str = "SELECT auto_vacuum FROM pragma_auto_vacuum()";
/// One to two megabytes, which is a matter of milliseconds.
const STEP: &str = "PRAGMA incremental_vacuum(256)";
/// Writes the whole file anew and lets it be given back in steps from then on.
const REWRITE: &str = "PRAGMA auto_vacuum=INCREMENTAL; VACUUM;";
/// Moves the log into the file as far as nobody reads older pages; holds up nobody.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// The shortest pause between two steps.
const PAUSE: Duration = Duration::from_millis(5);
/// The value of `auto_vacuum` of a file that was made before steps were thought of.
const NOT_IN_STEPS: i64 = 0;

/// What became of unused pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// By how much the file is smaller.
    pub(crate) freed_bytes: u64,
    /// Of pages that are still unused.
    pub(crate) reusable_bytes: u64,
}

impl Store {
    /// Lets the file shrink by the pages that nothing uses, in short steps, until `stop`. A file that
    /// cannot do that is written anew, but only if this process is `alone`.
    pub(crate) async fn shrink(
        &self,
        alone: bool,
        stop: &CancellationToken,
    ) -> Result<Space, StoreError> {
        let mut connection = self.writer().await?;
        let size = one(&mut connection, PAGE_SIZE).await?;
        let before = one(&mut connection, PAGES).await?;
        let mut free = one(&mut connection, FREE).await?;
        if free > 0 && one(&mut connection, MODE).await? == NOT_IN_STEPS {
            if alone {
                connection.execute(sqlx::raw_sql(REWRITE)).await?;
                free = one(&mut connection, FREE).await?;
            }
        } else {
            while free > 0 && !stop.is_cancelled() {
                let began = Instant::now();
                connection.execute(sqlx::raw_sql(STEP)).await?;
                drop(connection);
                sleep(began.elapsed().max(PAUSE)).await;
                connection = self.writer().await?;
                let left = one(&mut connection, FREE).await?;
                if left >= free {
                    break;
                }
                free = left;
            }
        }
        connection.execute(sqlx::raw_sql(CHECKPOINT)).await?;
        let freed = before.saturating_sub(one(&mut connection, PAGES).await?);
        let bytes = |pages: i64| pages.max(0).unsigned_abs() * size.unsigned_abs();
        Ok(Space {
            freed_bytes: bytes(freed),
            reusable_bytes: bytes(free),
        })
    }
}

async fn one(connection: &mut AnyConnection, query: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FILL: &str = "CREATE TABLE heap (text TEXT) STRICT;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO heap SELECT hex(randomblob(500)) FROM n;
        DELETE FROM heap;";

    async fn filled(home: &Path) -> Store {
        let store = Store::open(home).await.unwrap();
        let mut connection = store.writer().await.unwrap();
        connection.execute(sqlx::raw_sql(FILL)).await.unwrap();
        drop(connection);
        store
    }

    fn file_size(home: &Path) -> u64 {
        std::fs::metadata(home.join("ostler.db")).unwrap().len()
    }

    #[tokio::test]
    async fn a_file_shrinks_in_steps_while_others_use_it() {
        let home = tempfile::tempdir().unwrap();
        let store = filled(home.path()).await;
        let other = Store::open(home.path()).await.unwrap();
        let space = store
            .shrink(false, &CancellationToken::new())
            .await
            .unwrap();
        assert!(space.freed_bytes > 2_000_000, "{space:?}");
        assert_eq!(space.reusable_bytes, 0);
        assert!(
            file_size(home.path()) < 1_000_000,
            "the file itself is small"
        );
        other.begin().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_of_the_old_kind_is_written_anew_by_who_is_alone() {
        let home = tempfile::tempdir().unwrap();
        let store = filled(home.path()).await;
        let mut connection = store.writer().await.unwrap();
        let old = sqlx::raw_sql("PRAGMA auto_vacuum=NONE; VACUUM;");
        connection.execute(old).await.unwrap();
        connection
            .execute(sqlx::raw_sql("DROP TABLE heap"))
            .await
            .unwrap();
        connection.execute(sqlx::raw_sql(FILL)).await.unwrap();
        drop(connection);
        let never = CancellationToken::new();
        let space = store.shrink(false, &never).await.unwrap();
        assert_eq!(space.freed_bytes, 0);
        assert!(space.reusable_bytes > 2_000_000, "{space:?}");
        let space = store.shrink(true, &never).await.unwrap();
        assert!(space.freed_bytes > 2_000_000, "{space:?}");
        assert!(file_size(home.path()) < 1_000_000);
        let mut connection = store.writer().await.unwrap();
        assert_ne!(one(&mut connection, MODE).await.unwrap(), NOT_IN_STEPS);
    }

    #[tokio::test]
    async fn who_is_to_stop_stops() {
        let home = tempfile::tempdir().unwrap();
        let store = filled(home.path()).await;
        let stop = CancellationToken::new();
        stop.cancel();
        let space = store.shrink(false, &stop).await.unwrap();
        assert_eq!(space.freed_bytes, 0);
        assert!(space.reusable_bytes > 2_000_000, "{space:?}");
    }
}
