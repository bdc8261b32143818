//! What is worth a closer look among the memories of a time that is named. The newest of all that have a
//! frequent word may be of another time; where there is little of this one, it is where to begin.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::AnyConnection;

use super::{Placed, best_first, first, read};
use crate::memory::recall::filter::{Filter, passes};
use crate::store::{StoreError, statements};

/// Most memories of which every one is looked at.
const FEW: usize = 1000;

statements! {
    OF_TIME = concat!(
        "SELECT json_group_array(json_array(n, lexical, lexical_tags)) FROM (
            SELECT memory.n, memory.lexical, memory.lexical_tags
            FROM json_each($1) AS place CROSS JOIN memory ON memory.place = place.value
            WHERE memory.at_ms >= $9 AND memory.at_ms < $10 AND ", passes!(), " LIMIT $2)"
    );
    LAST_OF_TIME = "SELECT coalesce(max(memory.n), 0)
        FROM json_each($1) AS place CROSS JOIN memory ON memory.place = place.value
        WHERE memory.forgotten_ms = 0 AND memory.superseded_by = ''
          AND memory.at_ms >= $9 AND memory.at_ms < $10 LIMIT $2";
}

/// What there is of a time.
#[derive(Debug, PartialEq)]
pub(super) enum OfTime {
    /// So little that each was looked at: the numbers of those that share the most words.
    Few(Vec<i64>),
    /// More, and no number behind this one.
    Many { last: i64 },
}

/// Looks at what a filter lets through that names a time.
pub(super) async fn look(
    connection: &mut AnyConnection,
    words: &[Placed],
    filter: &Filter,
    limit: i64,
) -> Result<OfTime, StoreError> {
    let places = words.iter().flat_map(|word| &word.places);
    let places: BTreeSet<i64> = places.map(|(place, _)| *place).collect();
    let places = serde_json::json!(places).to_string();
    let most = i64::try_from(FEW + 1).unwrap_or(i64::MAX);
    let found: String = filter
        .ask(OF_TIME, places.clone(), most)
        .fetch_one(&mut *connection)
        .await?;
    let found: Vec<(i64, String, String)> = read(&found)?;
    if found.len() > FEW {
        let last = filter.ask(LAST_OF_TIME, places, 1);
        let last = last.fetch_one(connection).await?;
        return Ok(OfTime::Many { last });
    }
    let mut shared: HashMap<i64, f64> = HashMap::new();
    for (n, text, tags) in &found {
        let all: HashSet<&str> = text.split(' ').chain(tags.split(' ')).collect();
        for word in words.iter().filter(|it| all.contains(it.word.as_str())) {
            *shared.entry(*n).or_default() += word.weight;
        }
    }
    Ok(OfTime::Few(first(best_first(shared), limit)))
}
