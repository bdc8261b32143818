//! Telling that the state changed. Writers of this process say so at once; changes by other
//! processes are noticed by one look at SQLite's `data_version` every 100 ms, and only while
//! somebody listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::AnyPool;
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

const LOOK: Duration = Duration::from_millis(100);
/// After a failure, before another connection is tried.
const TRY_AGAIN: Duration = Duration::from_secs(5);
const DATA_VERSION: &str = "SELECT data_version FROM pragma_data_version()";

/// A count of changes that can be listened to.
#[derive(Clone)]
pub struct Changes {
    version: watch::Sender<u64>,
    listening: Arc<Listening>,
}

#[derive(Default)]
struct Listening {
    count: AtomicUsize,
    began: Notify,
}

/// A view of [`Changes`]; while one exists, other processes are watched too.
pub struct Listener {
    version: watch::Receiver<u64>,
    listening: Arc<Listening>,
}

impl Changes {
    /// Starts watching through a connection of `pool`; the watch ends when the handle is dropped.
    pub(super) fn watch(pool: AnyPool) -> (Self, AbortOnDropHandle<()>) {
        let changes = Self {
            version: watch::Sender::new(0),
            listening: Arc::default(),
        };
        let task = tokio::spawn(look(pool, changes.clone()));
        (changes, AbortOnDropHandle::new(task))
    }

    /// Says that this process has just committed something.
    pub fn touch(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        self.listening.count.fetch_add(1, Ordering::SeqCst);
        self.listening.began.notify_one();
        Listener {
            version: self.version.subscribe(),
            listening: Arc::clone(&self.listening),
        }
    }
}

impl Listener {
    /// Waits for a change since the last call. Cancel-safe. Never returns once the store is gone.
    pub async fn changed(&mut self) {
        if self.version.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.count.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn look(pool: AnyPool, changes: Changes) {
    loop {
        while changes.listening.count.load(Ordering::SeqCst) == 0 {
            changes.listening.began.notified().await;
        }
        // The number is relative to one connection, so the connection is kept while we look.
        let Ok(mut connection) = pool.acquire().await else {
            return;
        };
        let mut seen: Option<i64> = None;
        while changes.listening.count.load(Ordering::SeqCst) > 0 {
            match sqlx::query_scalar::<_, i64>(DATA_VERSION)
                .fetch_one(&mut *connection)
                .await
            {
                Ok(version) => {
                    // At the first look as well: who listens may have read before it, and what was
                    // committed in between would never be told.
                    if seen.replace(version) != Some(version) {
                        changes.touch();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "changes of other processes cannot be watched");
                    tokio::time::sleep(TRY_AGAIN).await;
                    break;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
