//! What was found, as it stands on record.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::told::Reasons;
use super::{Band, Hit, Searched, chain, told};
use crate::memory::model::Memory;
use crate::memory::rows;
use crate::store::StoreError;

/// A hit before it is read.
pub(super) struct Found {
    /// Its number.
    pub(super) n: i64,
    /// How much of what was asked it has, from 0 to 1.
    pub(super) share: f64,
    /// How well it fits next to the best one.
    pub(super) of_best: f64,
    /// Why it was found.
    pub(super) why: Reasons,
    /// The numbers of what stands beside it and made it fit.
    pub(super) nearby: Vec<i64>,
}

impl Found {
    /// One that was found for a single reason.
    pub(super) fn because(n: i64, why: &'static str, share: f64) -> Self {
        Self {
            n,
            share,
            of_best: 1.0,
            why: Reasons::only(why),
            nearby: Vec::new(),
        }
    }
}

/// The hits as they stand on record, in their order.
pub(super) async fn read(
    connection: &mut AnyConnection,
    searched: &Searched,
    found: &[Found],
) -> Result<Vec<Hit>, StoreError> {
    let mut histories: HashMap<i64, Vec<i64>> = HashMap::new();
    if searched.filter.any_time {
        for found in found {
            let before = chain::before(connection, found.n, &searched.places).await?;
            histories.insert(found.n, before);
        }
    }
    // What is a hit itself is not said twice.
    let is_hit = |n: &i64| found.iter().any(|found| found.n == *n);
    let nearby = found.iter().flat_map(|found| &found.nearby);
    let history = histories.values().flatten();
    let numbers: Vec<i64> = found
        .iter()
        .map(|found| &found.n)
        .chain(nearby.filter(|n| !is_hit(n)))
        .chain(history)
        .copied()
        .collect();
    let memories = rows::by_numbers(connection, &numbers).await?;
    let memories: HashMap<i64, Memory> = memories.into_iter().collect();
    let all = |numbers: &mut dyn Iterator<Item = &i64>| -> Vec<Memory> {
        let memories = numbers.filter_map(|n| memories.get(n));
        memories.cloned().collect()
    };
    let hit = |found: &Found| {
        let memory = memories.get(&found.n)?.clone();
        let not_so_now = told::not_so_now(&memory, searched.filter.now_ms);
        let why = [Some(found.why.told(&memory)), not_so_now.clone()];
        Some(Hit {
            // However well it fits: it is no answer.
            band: match not_so_now {
                Some(_) => Band::Weak,
                None => told::band(found.share),
            },
            of_best: found.of_best,
            why: why.into_iter().flatten().collect::<Vec<_>>().join("; "),
            not_so_now,
            memory,
            history: histories
                .get(&found.n)
                .map_or_else(Vec::new, |before| all(&mut before.iter())),
            nearby: all(&mut found.nearby.iter().filter(|n| !is_hit(n))),
        })
    };
    Ok(found.iter().filter_map(hit).collect())
}
