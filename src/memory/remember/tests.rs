//! The gate on a real file.

mod gate;
mod known;
mod life;
mod processes;
mod random;
mod room;

use std::collections::BTreeMap;

use sqlx::Row;

use super::*;
use crate::memory::tests::{World, found, keep, saying};
use crate::memory::*;

const ROWS: &str =
    "SELECT n, place, lexical, lexical_tags, words, superseded_by, forgotten_ms FROM memory";
const PLACES: &str =
    "SELECT n, memories, words FROM memory_place WHERE memories <> 0 OR words <> 0";
const VOCABULARY: &str = "SELECT place, word, memories FROM memory_word";
const WITH_WORD: &str = "SELECT rowid FROM memory_index WHERE memory_index MATCH $1 ORDER BY rowid";
const INDEXED: &str = "SELECT count(*) FROM memory_index_docsize";
const MEMORIES: &str = "SELECT count(*) FROM memory";
const DANGLING: &str = "SELECT id FROM memory AS old WHERE superseded_by <> ''
      AND NOT EXISTS (SELECT 1 FROM memory WHERE id = old.superseded_by)
    UNION ALL SELECT 'tag ' || memory FROM memory_tag
      WHERE NOT EXISTS (SELECT 1 FROM memory WHERE n = memory_tag.memory)
    UNION ALL SELECT 'link ' || memory FROM memory_link
      WHERE NOT EXISTS (SELECT 1 FROM memory WHERE n = memory_link.memory)";
const INTEGRITY: &str = "PRAGMA integrity_check";

/// What is kept beside memories, as it has to be by what they say.
pub(super) async fn check_index(store: &crate::store::Store) {
    let mut connection = store.read().acquire().await.unwrap();
    let rows = sqlx::query(ROWS).fetch_all(&mut *connection).await.unwrap();
    let mut places: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut words: BTreeMap<(i64, String), i64> = BTreeMap::new();
    let mut postings: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in &rows {
        let (n, place): (i64, i64) = (row.get("n"), row.get("place"));
        let lexical = Lexical::stored(
            &row.get::<String, _>("lexical"),
            &row.get::<String, _>("lexical_tags"),
        );
        assert_eq!(lexical.len() as i64, row.get::<i64, _>("words"));
        let is_superseded = !row.get::<String, _>("superseded_by").is_empty();
        if row.get::<i64, _>("forgotten_ms") > 0 {
            continue;
        }
        let prefix = if is_superseded { "x" } else { "" };
        for word in lexical.distinct() {
            let placed = format!("\"{prefix}{place}/{word}\"");
            postings.entry(placed).or_default().push(n);
            if !is_superseded {
                *words.entry((place, word.to_owned())).or_default() += 1;
            }
        }
        if !is_superseded {
            let (memories, length) = places.entry(place).or_default();
            *memories += 1;
            *length += lexical.len() as i64;
        }
    }
    let counted: Vec<(i64, i64, i64)> = sqlx::query_as(PLACES)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let counted: BTreeMap<_, _> = counted.into_iter().map(|(n, a, b)| (n, (a, b))).collect();
    assert_eq!(counted, places, "memory_place");
    let vocabulary: Vec<(i64, String, i64)> = sqlx::query_as(VOCABULARY)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let vocabulary: BTreeMap<_, _> = vocabulary
        .into_iter()
        .map(|(place, word, memories)| ((place, word), memories))
        .collect();
    assert_eq!(vocabulary, words, "memory_word");
    for (placed, expected) in postings {
        let hits: Vec<i64> = sqlx::query_scalar(WITH_WORD)
            .bind(&placed)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        assert_eq!(hits, expected, "memory_index: {placed}");
    }
    let indexed: i64 = sqlx::query_scalar(INDEXED)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let findable = rows
        .iter()
        .filter(|row| row.get::<i64, _>("forgotten_ms") == 0);
    assert_eq!(indexed, findable.count() as i64, "rows of memory_index");
    let dangling: Vec<String> = sqlx::query_scalar(DANGLING)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    assert!(dangling.is_empty(), "{dangling:?}");
}

/// What has become of one statement.
async fn told(memories: &Memories<'_>, new: NewMemory) -> Kept {
    memories.remember(&[new]).await.unwrap().remove(0)
}

/// Why one statement was refused.
async fn refused(memories: &Memories<'_>, new: NewMemory) -> String {
    memories.remember(&[new]).await.unwrap_err().to_string()
}
