//! What a search by words finds and what means the same, in one order.

use super::filter::passes;
use super::hits::Found;
use super::told::Reasons;
use super::{MOST, Searched};
use crate::memory::error::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::vectors::fuse;
use crate::store::statements;

/// How like a question a memory is that fits well.
const GOOD: f64 = 0.7;
/// What is said of it then, and what otherwise: as shares of what words would have to tell.
const SHARES: (f64, f64) = (0.4, 0.2);

statements! {
    PASSING = concat!(
        "SELECT memory.n FROM json_each($1) AS near CROSS JOIN memory ON memory.n = near.value
          WHERE ", passes!(), " LIMIT $2"
    );
}

impl Memories<'_> {
    /// How many hits by words are wanted where meanings are compared as well: there is more to choose from
    /// than is shown.
    pub(super) fn wanted_by_words(&self, limit: usize) -> usize {
        match self.meaning {
            Some(_) => limit.max(usize::try_from(MOST).unwrap_or(limit)),
            None => limit,
        }
    }

    /// `found` with what means one of `wordings`, at most `limit` of all; and what whoever asks should
    /// know. To be called without a connection: it waits for a service.
    pub(super) async fn with_meaning(
        &self,
        searched: &Searched,
        wordings: &[&String],
        mut found: Vec<Found>,
        limit: usize,
    ) -> Result<(Vec<Found>, Option<String>), MemoryError> {
        let Searched { places, filter, .. } = searched;
        let mut connection = self.store.read().acquire().await?;
        let few = filter.few(&mut connection, places).await?;
        drop(connection);
        let only = few.map(|few| few.into_iter().collect());
        let near = self.by_meaning(places, wordings, only).await;
        let numbers: Vec<i64> = near.hits.iter().map(|(n, _)| *n).collect();
        let mut connection = self.store.read().acquire().await?;
        let numbers = serde_json::json!(numbers).to_string();
        let passing: Vec<i64> = filter
            .ask(PASSING, numbers, i64::MAX)
            .fetch_all(&mut *connection)
            .await?;
        let by_words: Vec<i64> = found.iter().map(|found| found.n).collect();
        let mut by_meaning = Vec::new();
        for (n, likeness) in near.hits.into_iter().filter(|(n, _)| passing.contains(n)) {
            by_meaning.push(n);
            match found.iter_mut().find(|known| known.n == n) {
                Some(known) => {
                    known.share = known.share.max(share(likeness));
                    known.why.add("meaning");
                }
                None => found.push(Found {
                    n,
                    share: share(likeness),
                    of_best: 0.0,
                    why: Reasons::only("meaning"),
                    nearby: Vec::new(),
                }),
            }
        }
        let mut fused = Vec::with_capacity(limit);
        for (n, _) in fuse(&by_words, &by_meaning).into_iter().take(limit) {
            if let Some(at) = found.iter().position(|found| found.n == n) {
                fused.push(found.swap_remove(at));
            }
        }
        Ok((fused, near.note))
    }
}

fn share(likeness: f64) -> f64 {
    if likeness >= GOOD { SHARES.0 } else { SHARES.1 }
}
