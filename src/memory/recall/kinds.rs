//! Kinds that a question names, as in `what mistakes did we make`: a memory of that kind has the word,
//! though its text does not say it. Others are found as ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlx::AnyConnection;

use super::documents::Document;
use super::vocabulary::Sought;
use crate::memory::lexicon;
use crate::memory::model::Kind;
use crate::store::{StoreError, statements};

/// Words that name a kind. A fact is whatever says nothing else, and nobody asks for a context.
const NAMES: [(&str, Kind); 8] = [
    ("mistake", Kind::Mistake),
    ("convention", Kind::Convention),
    ("decision", Kind::Decision),
    ("decide", Kind::Decision),
    ("preference", Kind::Preference),
    ("prefer", Kind::Preference),
    ("howto", Kind::HowTo),
    ("how_to", Kind::HowTo),
];
/// How often a word counts that only the kind says.
const OF_KIND: f64 = 0.5;
/// Memories of a named kind that are looked at whatever they say.
const NEWEST: i64 = 40;

statements! {
    // Of the newest: a kind that nobody uses is not looked for through all that was ever kept.
    NEWEST_OF_KIND = "SELECT n FROM (
          SELECT memory.n, memory.kind FROM memory
          WHERE memory.place = $1 AND memory.forgotten_ms = 0 AND memory.superseded_by = ''
          ORDER BY memory.n DESC LIMIT 2000)
        WHERE kind IN (SELECT value FROM json_each($2)) LIMIT $3";
    OF_THESE = "SELECT coalesce(json_group_array(json_array(memory.n, memory.kind)), '[]')
        FROM json_each($1) AS wanted CROSS JOIN memory ON memory.n = wanted.value
        WHERE memory.kind IN (SELECT value FROM json_each($2))";
}

/// The kind that a word names, as it is compared.
pub(super) fn named(word: &str) -> Option<Kind> {
    static KINDS: LazyLock<HashMap<String, Kind>> = LazyLock::new(|| {
        let names = NAMES
            .iter()
            .map(|(name, kind)| (lexicon::words(name), kind));
        let last = names.filter_map(|(mut words, kind)| Some((words.pop()?, *kind)));
        last.collect()
    });
    KINDS.get(word).copied()
}

/// The kinds that are asked for, with the place of the word that does.
fn asked(sought: &Sought) -> Vec<(usize, Kind)> {
    let words = sought.words.iter().enumerate();
    let own = words.filter(|(_, word)| !word.stands_in);
    own.filter_map(|(at, word)| Some((at, named(&word.placed.word)?)))
        .collect()
}

/// The newest memories of `places` of a kind that is asked for.
pub(super) async fn newest(
    connection: &mut AnyConnection,
    places: &[i64],
    sought: &Sought,
) -> Result<Vec<i64>, StoreError> {
    let kinds: Vec<Kind> = asked(sought).into_iter().map(|(_, kind)| kind).collect();
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let kinds = serde_json::json!(kinds).to_string();
    let mut found: Vec<i64> = Vec::new();
    for place in places {
        let newest = sqlx::query_scalar::<_, i64>(NEWEST_OF_KIND)
            .bind(*place)
            .bind(&kinds)
            .bind(NEWEST);
        found.extend(newest.fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// Lets documents have the words that name their kinds.
pub(super) async fn mark(
    connection: &mut AnyConnection,
    documents: &mut [Document],
    sought: &Sought,
) -> Result<(), StoreError> {
    let asked = asked(sought);
    if asked.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = documents.iter().map(|document| document.n).collect();
    let kinds: Vec<Kind> = asked.iter().map(|(_, kind)| *kind).collect();
    let found: String = sqlx::query_scalar(OF_THESE)
        .bind(serde_json::json!(numbers).to_string())
        .bind(serde_json::json!(kinds).to_string())
        .fetch_one(connection)
        .await?;
    let found: Vec<(i64, Kind)> =
        serde_json::from_str(&found).map_err(|error| StoreError::Row {
            what: "memory",
            message: error.to_string(),
        })?;
    let found: HashMap<i64, Kind> = found.into_iter().collect();
    for document in documents {
        let kind = found.get(&document.n);
        for (at, _) in asked.iter().filter(|(_, asked)| Some(asked) == kind) {
            let often = document.often.entry(*at).or_default();
            if *often == 0.0 {
                document.of_kind.push(*at);
            }
            *often += OF_KIND;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_by_any_form_of_its_word() {
        let of = |text: &str| lexicon::words(text).iter().find_map(|word| named(word));
        assert_eq!(of("what mistakes did we make"), Some(Kind::Mistake));
        assert_eq!(of("our conventions for tests"), Some(Kind::Convention));
        assert_eq!(of("what was decided about storage"), Some(Kind::Decision));
        assert_eq!(of("preferred editor"), Some(Kind::Preference));
        assert_eq!(of("the how_to of a release"), Some(Kind::HowTo));
        assert_eq!(of("how to release"), None);
        assert_eq!(of("in fact the context"), None);
    }
}
