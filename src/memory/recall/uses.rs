//! That memories were given to somebody: gathered while answers are given and written behind them, so
//! that no answer waits for those who write. What is not written when the process is killed is lost;
//! nothing but a small part of an order hangs on it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError, statements};

/// How long the end of the process waits for it.
const PARTING: Duration = Duration::from_millis(200);
/// Memories whose uses are gathered; of others none is counted until some are written.
const MOST: usize = 10_000;

statements! {
    // Each of them as its number, how often it was given, and when last.
    USED = "UPDATE memory SET uses = uses + (given.value ->> 1),
          used_ms = CASE WHEN used_ms < (given.value ->> 2) THEN (given.value ->> 2) ELSE used_ms END
        FROM json_each($1) AS given WHERE memory.n = (given.value ->> 0)";
}

/// Uses that are not written yet; one for a process.
#[derive(Default)]
pub struct Uses {
    given: Mutex<BTreeMap<i64, Given>>,
    more: Notify,
}

#[derive(Clone, Copy)]
struct Given {
    times: i64,
    last_ms: i64,
}

impl Uses {
    /// Notes that the memories with these numbers were given to somebody.
    pub(super) fn add(&self, numbers: impl Iterator<Item = i64>, now_ms: i64) {
        let mut given = self.given();
        for n in numbers {
            put(&mut given, n, Given::once(now_ms));
        }
        drop(given);
        self.more.notify_one();
    }

    /// Writes down what was noted, all of it at once; what cannot be written stays noted.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let taken = std::mem::take(&mut *self.given());
        if taken.is_empty() {
            return Ok(());
        }
        let written = write(store, &taken).await;
        if written.is_err() {
            let mut given = self.given();
            for (n, more) in taken {
                put(&mut given, n, more);
            }
        }
        written
    }

    /// Writes down whatever is noted until `closing`, and then what is left if that can be done soon.
    pub(crate) async fn keep_written(&self, store: &Store, closing: &CancellationToken) {
        let parting = async {
            closing.cancelled().await;
            tokio::time::sleep(PARTING).await;
        };
        let writing = async {
            loop {
                let is_last = tokio::select! {
                    biased;
                    () = self.more.notified() => false,
                    () = closing.cancelled() => true,
                };
                if let Err(error) = self.write(store).await {
                    tracing::warn!(%error, "uses of memories are not counted yet");
                }
                if is_last {
                    return;
                }
            }
        };
        tokio::select! {
            () = writing => {}
            () = parting => tracing::debug!("uses of memories were not counted: others are writing"),
        }
    }

    fn given(&self) -> MutexGuard<'_, BTreeMap<i64, Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    fn once(now_ms: i64) -> Self {
        Self {
            times: 1,
            last_ms: now_ms,
        }
    }
}

fn put(given: &mut BTreeMap<i64, Given>, n: i64, more: Given) {
    let has_room = given.len() < MOST;
    match given.get_mut(&n) {
        Some(known) => {
            known.times += more.times;
            known.last_ms = known.last_ms.max(more.last_ms);
        }
        None if has_room => drop(given.insert(n, more)),
        None => {}
    }
}

async fn write(store: &Store, given: &BTreeMap<i64, Given>) -> Result<(), StoreError> {
    let given: Vec<(i64, i64, i64)> = given
        .iter()
        .map(|(n, given)| (*n, given.times, given.last_ms))
        .collect();
    let mut tx = store.begin().await?;
    sqlx::query(USED)
        .bind(serde_json::json!(given).to_string())
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::memory::recall::Query;
    use crate::memory::tests::{NOW_MS, World, asking, keep, saying};

    use super::*;

    #[tokio::test]
    async fn what_was_given_is_counted_behind_the_answers_and_once_for_each() {
        let world = World::new().await;
        let uses = Uses::default();
        let memories = world.session().counting(Some(&uses));
        let id = keep(&memories, saying("The cache is warm")).await;
        let quiet = Query {
            quiet: true,
            ..asking("cache")
        };
        memories.recall(&quiet).await.unwrap();
        assert!(uses.given().is_empty());
        world.clock.advance(5);
        memories.recall(&asking("cache")).await.unwrap();
        memories.recall(&asking("warm")).await.unwrap();
        assert_eq!(memories.get(id.as_str()).await.unwrap().uses, 0);
        assert_eq!(uses.given().len(), 1);
        uses.write(&world.store).await.unwrap();
        uses.write(&world.store).await.unwrap();
        let memory = memories.get(id.as_str()).await.unwrap();
        assert_eq!((memory.uses, memory.used_ms), (2, NOW_MS + 5));
    }

    #[tokio::test]
    async fn an_answer_waits_for_nobody_who_writes_and_the_end_counts_what_is_left() {
        let world = World::new().await;
        let (uses, closing) = (Arc::new(Uses::default()), CancellationToken::new());
        let memories = world.session().counting(Some(&uses));
        let id = keep(&memories, saying("The cache is warm")).await;
        let counting = tokio::spawn({
            let (uses, store) = (Arc::clone(&uses), Arc::clone(&world.store));
            let closing = closing.clone();
            async move { uses.keep_written(&store, &closing).await }
        });
        let held = world.store.begin().await.unwrap();
        for _ in 0..3 {
            // Would not come back before the one who writes is done if it waited for it.
            assert_eq!(
                memories.recall(&asking("cache")).await.unwrap().hits.len(),
                1
            );
        }
        assert_eq!(memories.get(id.as_str()).await.unwrap().uses, 0);
        drop(held);
        closing.cancel();
        counting.await.unwrap();
        assert_eq!(memories.get(id.as_str()).await.unwrap().uses, 3);
    }

    #[tokio::test]
    async fn the_end_does_not_wait_for_somebody_who_goes_on_writing() {
        let world = World::new().await;
        let (uses, closing) = (Uses::default(), CancellationToken::new());
        uses.add([1].into_iter(), NOW_MS);
        closing.cancel();
        let held = world.store.begin().await.unwrap();
        uses.keep_written(&world.store, &closing).await;
        drop(held);
    }

    #[tokio::test]
    async fn the_memories_are_reached_by_their_numbers() {
        let world = World::new().await;
        let mut connection = world.store.read().acquire().await.unwrap();
        let plan = crate::memory::tests::plan(&mut connection, USED).await;
        assert!(
            plan.iter()
                .any(|step| step.contains("SEARCH memory USING INTEGER PRIMARY KEY")),
            "{plan:?}"
        );
    }
}
