//! Which memories are worth a closer look. Rare words are followed to every memory that has them; of
//! words that are in very many, the memories with several of them and the newest are taken, which bounds
//! the work however much there is.

use sqlx::{AnyConnection, Row};

use super::filter::{Filter, passes};
use crate::store::{StoreError, statements};

/// Frequent words that are looked at, the rarest of them.
const FREQUENT: usize = 6;
/// Memories with one combination of frequent words that are taken, the newest.
const NEWEST: i64 = 80;

statements! {
    FREQUENCIES = "SELECT word.place, word.word, word.memories
        FROM json_each($1) AS place CROSS JOIN json_each($2) AS asked CROSS JOIN memory_word AS word
        WHERE word.place = place.value AND word.word = asked.value";
    // What does not hold at the time $3 is little: it has an index of its own and is collected once.
    BY_RARITY = "SELECT hit.rowid FROM json_each($1) AS term CROSS JOIN memory_index AS hit
        WHERE hit.memory_index MATCH (term.value ->> 0) AND hit.rowid NOT IN (
          SELECT n FROM memory WHERE $3 <> 0 AND forgotten_ms = 0 AND superseded_by = ''
            AND (valid_from_ms <> 0 OR valid_to_ms <> 0)
            AND (valid_from_ms > $3 OR (valid_to_ms <> 0 AND valid_to_ms <= $3)))
        GROUP BY hit.rowid ORDER BY sum(term.value ->> 1) DESC, hit.rowid DESC LIMIT $2";
    FILTERED_BY_RARITY = concat!(
        "SELECT hit.n FROM (
            SELECT hit.rowid AS n, sum(term.value ->> 1) AS share
            FROM json_each($1) AS term CROSS JOIN memory_index AS hit
            WHERE hit.memory_index MATCH (term.value ->> 0) GROUP BY hit.rowid
          ) AS hit CROSS JOIN memory ON memory.n = hit.n
          WHERE ", passes!(), " ORDER BY hit.share DESC, hit.n DESC LIMIT $2"
    );
    NEWEST_WITH = concat!(
        "SELECT hit.rowid FROM memory_index AS hit CROSS JOIN memory ON memory.n = hit.rowid
          WHERE hit.memory_index MATCH $1 AND ", passes!(), " ORDER BY hit.rowid DESC LIMIT $2"
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
    let (rare, frequent) = by_frequency(words, entries);
    let mut found = Vec::new();
    if !rare.is_empty() {
        let any_rare = any(&rare);
        let mut terms: Vec<(String, f64)> = Vec::new();
        for word in &rare {
            terms.push((word.printed(), word.weight));
        }
        for word in &frequent {
            terms.push((format!("{} AND ({any_rare})", word.printed()), word.weight));
        }
        let terms = serde_json::json!(terms).to_string();
        let best = match filter.chooses() {
            false => sqlx::query_scalar(BY_RARITY)
                .bind(terms)
                .bind(limit)
                .bind(if filter.any_time { 0 } else { filter.now_ms }),
            true => filter.ask(FILTERED_BY_RARITY, terms, limit),
        };
        found = best.fetch_all(&mut *connection).await?;
    }
    for combination in combinations(&frequent, found.is_empty()) {
        let newest = filter.ask(NEWEST_WITH, combination, NEWEST.max(limit / 2));
        let more: Vec<i64> = newest.fetch_all(&mut *connection).await?;
        found.extend(more);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|n| seen.insert(*n));
    Ok(found)
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
    let mut seen = std::collections::HashSet::new();
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
mod tests {
    use super::*;

    fn word(word: &str, memories: i64) -> Placed {
        Placed {
            word: word.to_owned(),
            places: vec![(7, memories)],
            weight: idf(memories, 100_000),
        }
    }

    #[test]
    fn words_are_rare_as_long_as_they_lead_to_few_together() {
        let words = [
            word("a", 3000),
            word("b", 90_000),
            word("c", 10),
            word("d", 2000),
        ];
        let (rare, frequent) = by_frequency(&words, 4000);
        let names = |words: &[&Placed]| {
            words
                .iter()
                .map(|word| word.word.clone())
                .collect::<String>()
        };
        assert_eq!(
            (names(&rare), names(&frequent)),
            ("cd".to_owned(), "ab".to_owned())
        );
    }

    #[test]
    fn a_word_in_few_memories_tells_more() {
        assert!(idf(1, 100) > idf(50, 100));
        assert!(idf(100, 100) > 0.0);
        // Statistics that are off by one never make it negative.
        assert!(idf(101, 100) > 0.0);
    }
}
