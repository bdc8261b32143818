//! Which memories are worth a closer look. Rare words are followed to every memory that has them; of
//! words that are in very many, the memories with several of them and the newest are taken; of a time
//! from which there is little, whatever has one of the words. That bounds the work however much there is.

pub(crate) mod of_time;

use std::collections::{HashMap, HashSet};

use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, Row};

use super::filter::{Filter, passes};
use crate::store::{StoreError, statements};
use of_time::OfTime;

/// Frequent words that are looked at, the rarest of them.
const FREQUENT: usize = 6;
/// Memories with one combination of frequent words that are taken, the newest.
const NEWEST: i64 = 80;

statements! {
    FREQUENCIES = "SELECT word.place, word.word, word.memories
        FROM json_each($1) AS place CROSS JOIN json_each($2) AS asked CROSS JOIN memory_word AS word
        WHERE word.place = place.value AND word.word = asked.value";
    // Which memories each of $1 is in: numbers cost little, and rows of a statement much. What does not
    // hold at the time $2 is little: it has an index of its own.
    POSTINGS = "SELECT json_array(
        (SELECT json_group_array(json((SELECT json_group_array(hit.rowid) FROM memory_index AS hit
            WHERE hit.memory_index MATCH term.value))) FROM json_each($1) AS term),
        (SELECT json_group_array(n) FROM memory WHERE $2 <> 0 AND forgotten_ms = 0
          AND superseded_by = '' AND (valid_from_ms <> 0 OR valid_to_ms <> 0)
          AND (valid_from_ms > $2 OR (valid_to_ms <> 0 AND valid_to_ms <= $2))))";
    // In the order that they are given in, so that none is looked at behind the last that is wanted.
    PASSING = concat!(
        "SELECT memory.n FROM json_each($1) AS best CROSS JOIN memory ON memory.n = best.value
          WHERE ", passes!(), " ORDER BY best.rowid LIMIT $2"
    );
    // For each expression of the first of $1, up to the number that is the second.
    NEWEST_WITH = concat!(
        "SELECT json_group_array(json((SELECT json_group_array(n) FROM (
            SELECT hit.rowid AS n FROM memory_index AS hit CROSS JOIN memory ON memory.n = hit.rowid
            WHERE hit.memory_index MATCH combination.value AND hit.rowid <= ($1 ->> 1) AND ", passes!(),
        " ORDER BY hit.rowid DESC LIMIT $2))))
          FROM json_each($1 -> 0) AS combination"
    );
    SUPERSEDED_WITH = "SELECT rowid FROM memory_index WHERE memory_index MATCH $1
        ORDER BY rowid DESC LIMIT $2";
}

/// A word and the places it is in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) word: String,
    /// Each place that has it, and in how many memories there.
    pub(super) places: Vec<(i64, i64)>,
    /// What it tells.
    pub(super) weight: f64,
}

impl Placed {
    /// In how many memories it is.
    pub(super) fn memories(&self) -> i64 {
        self.places.iter().map(|(_, memories)| memories).sum()
    }

    /// For the engine. Words hold letters and digits only.
    fn printed(&self) -> String {
        let places = self.places.iter();
        let words: Vec<String> = places
            .map(|(place, _)| format!("\"{place}/{}\"", self.word))
            .collect();
        format!("({})", words.join(" OR "))
    }
}

/// How much a word tells that is in `memories` of `all`.
pub(super) fn idf(memories: i64, all: i64) -> f64 {
    let (memories, all) = (memories as f64, all as f64);
    (1.0 + ((all - memories).max(0.0) + 0.5) / (memories + 0.5)).ln()
}

/// For each of `words` the places that have it, in the order of the words. Its weight is left at 0.
pub(super) async fn placed(
    connection: &mut AnyConnection,
    places: &[i64],
    words: &[&str],
) -> Result<Vec<Placed>, StoreError> {
    let rows = sqlx::query(FREQUENCIES)
        .bind(serde_json::json!(places).to_string())
        .bind(serde_json::json!(words).to_string())
        .fetch_all(connection)
        .await?;
    let mut placed: Vec<Placed> = words
        .iter()
        .map(|word| Placed {
            word: (*word).to_owned(),
            places: Vec::new(),
            weight: 0.0,
        })
        .collect();
    for row in rows {
        let word: String = row.try_get(1)?;
        for known in placed.iter_mut().filter(|known| known.word == word) {
            known.places.push((row.try_get(0)?, row.try_get(2)?));
        }
    }
    Ok(placed)
}

/// The numbers of memories that share the most of `words`, by how much each tells, at most `limit` or a
/// few hundred more. Words are rare as long as they have `entries` in the index altogether.
pub(super) async fn with_most(
    connection: &mut AnyConnection,
    words: &[Placed],
    filter: &Filter,
    entries: i64,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    // Where a time is named, the newest memories may all be of another one.
    let last = match filter.within(i64::MIN, i64::MAX) == *filter {
        true => i64::MAX,
        false => match of_time::look(connection, words, filter, limit).await? {
            OfTime::Few(best) => return Ok(best),
            OfTime::Many { last } => last,
        },
    };
    let (rare, frequent) = by_frequency(words, entries);
    let mut found = match rare.is_empty() {
        true => Vec::new(),
        false => with_rare(connection, &rare, &frequent, filter, limit).await?,
    };
    let combinations = combinations(&frequent, found.is_empty());
    if !combinations.is_empty() {
        let of = serde_json::json!([combinations, last]).to_string();
        let newest = filter.ask(NEWEST_WITH, of, NEWEST.max(limit / 2));
        let newest: String = newest.fetch_one(connection).await?;
        let newest: Vec<Vec<i64>> = read(&newest)?;
        found.extend(newest.into_iter().flatten());
    }
    let mut seen = HashSet::new();
    found.retain(|n| seen.insert(*n));
    Ok(found)
}

/// The memories that have a rare word, those first that share the most.
async fn with_rare(
    connection: &mut AnyConnection,
    rare: &[&Placed],
    frequent: &[&Placed],
    filter: &Filter,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let any_rare = any(rare);
    let mut terms: Vec<(String, f64)> = Vec::new();
    for word in rare {
        terms.push((word.printed(), word.weight));
    }
    for word in frequent {
        terms.push((format!("{} AND ({any_rare})", word.printed()), word.weight));
    }
    let expressions: Vec<&str> = terms.iter().map(|(term, _)| term.as_str()).collect();
    let found: String = sqlx::query_scalar(POSTINGS)
        .bind(serde_json::json!(expressions).to_string())
        .bind(if filter.any_time { 0 } else { filter.now_ms })
        .fetch_one(&mut *connection)
        .await?;
    let (postings, do_not_hold): (Vec<Vec<i64>>, HashSet<i64>) = read(&found)?;
    let mut shared: HashMap<i64, f64> = HashMap::new();
    for ((_, weight), postings) in terms.iter().zip(postings) {
        for n in postings.into_iter().filter(|n| !do_not_hold.contains(n)) {
            *shared.entry(n).or_default() += weight;
        }
    }
    let best = best_first(shared);
    if filter.chooses() {
        let best = serde_json::json!(best).to_string();
        let passing = filter.ask(PASSING, best, limit);
        return Ok(passing.fetch_all(connection).await?);
    }
    Ok(first(best, limit))
}

/// Numbers by what belongs to them; the newer of two that are equal first.
fn best_first(shared: HashMap<i64, f64>) -> Vec<i64> {
    let mut shared: Vec<(i64, f64)> = shared.into_iter().collect();
    shared.sort_unstable_by(|(a, x), (b, y)| y.total_cmp(x).then(b.cmp(a)));
    shared.into_iter().map(|(n, _)| n).collect()
}

fn first(mut numbers: Vec<i64>, limit: i64) -> Vec<i64> {
    numbers.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    numbers
}

fn read<T: DeserializeOwned>(found: &str) -> Result<T, StoreError> {
    serde_json::from_str(found).map_err(|error| StoreError::Row {
        what: "memory",
        message: error.to_string(),
    })
}

/// Superseded memories of `places` with any of `words`, those with all of them first.
pub(super) async fn superseded_with(
    connection: &mut AnyConnection,
    places: &[i64],
    words: &[&str],
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let of = |place: &i64, between: &str| {
        let words = words.iter().map(|word| format!("\"x{place}/{word}\""));
        format!("({})", words.collect::<Vec<_>>().join(between))
    };
    let mut found: Vec<i64> = Vec::new();
    if places.is_empty() || words.is_empty() {
        return Ok(found);
    }
    for between in [" AND ", " OR "] {
        let expression: Vec<String> = places.iter().map(|place| of(place, between)).collect();
        let expression = expression.join(" OR ");
        let more: Vec<i64> = sqlx::query_scalar(SUPERSEDED_WITH)
            .bind(expression)
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        found.extend(more);
    }
    let mut seen = HashSet::new();
    found.retain(|n| seen.insert(*n));
    Ok(found)
}

/// The words that lead to few memories altogether, and the rarest of the others.
fn by_frequency(words: &[Placed], most: i64) -> (Vec<&Placed>, Vec<&Placed>) {
    let mut sorted: Vec<&Placed> = words.iter().filter(|word| word.memories() > 0).collect();
    sorted.sort_by_key(|word| word.memories());
    let mut entries = 0;
    let (rare, mut frequent): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|word| {
        entries += word.memories();
        entries <= most
    });
    frequent.truncate(FREQUENT);
    (rare, frequent)
}

/// What memories with frequent words may have: all of them, or two of the rarest; and where nothing
/// rarer was asked for, any.
fn combinations(frequent: &[&Placed], alone: bool) -> Vec<String> {
    let mut combinations = Vec::new();
    let both = |words: &[&Placed]| {
        let words: Vec<String> = words.iter().map(|word| word.printed()).collect();
        words.join(" AND ")
    };
    if frequent.len() > 2 {
        combinations.push(both(frequent));
    }
    for (at, one) in frequent.iter().enumerate().take(2) {
        for other in frequent.iter().skip(at + 1).take(2) {
            combinations.push(both(&[*one, *other]));
        }
    }
    if alone && !frequent.is_empty() {
        combinations.push(any(frequent));
    }
    if let (true, Some(rarest)) = (frequent.len() > 1, frequent.first()) {
        combinations.push(rarest.printed());
    }
    combinations
}

fn any(words: &[&Placed]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.printed()).collect();
    words.join(" OR ")
}

#[cfg(test)]
mod tests;
