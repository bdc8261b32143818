//! Which words lead where, and how little is read for it.

use sqlx::Row;

use super::*;
use crate::memory::tests::{NOW_MS, World, keep, saying};
use crate::memory::{Author, Query, index};

/// Memories like the first one, as many as $1 says, each a minute later than the one before it; all have
/// one word in common, and every tenth has another.
const FILL: &str = "WITH RECURSIVE made(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM made WHERE at < $1)
    INSERT INTO memory(id, place, project_id, text, kind, importance, trust, source, at_ms, created_ms,
      changed_ms, lexical, words, lexical_tags)
    SELECT 'm-' || at, place, project_id, text, kind, importance, trust, source,
      at_ms + 60000 * at, created_ms, changed_ms,
      CASE WHEN at % 10 = 0 THEN 'frequent tenth' ELSE 'frequent' END, 1, ''
    FROM made CROSS JOIN memory WHERE memory.n = 1";
const ENTER: &str = "INSERT INTO memory_enter(n, place, words, length)
    SELECT n, place, '[\"' || replace(lexical, ' ', '\",\"') || '\"]', 1 FROM memory WHERE n > 1";
const MINUTE_MS: i64 = 60_000;

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

/// So many memories.
async fn filled(size: i64) -> World {
    let world = World::new().await;
    keep(&world.of(Author::Person), saying("frequent")).await;
    let mut tx = world.store.begin().await.unwrap();
    let fill = sqlx::query(FILL).bind(size - 1);
    fill.execute(&mut *tx).await.unwrap();
    sqlx::query(ENTER).execute(&mut *tx).await.unwrap();
    world.store.commit(tx).await.unwrap();
    world
}

/// How the engine goes about a statement.
async fn plan(connection: &mut AnyConnection, name: &str) -> Vec<String> {
    let mut all = ALL.iter().chain(of_time::ALL);
    let (_, sql) = all.find(|(known, _)| *known == name).unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(explain).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn what_is_best_is_not_sorted_again_and_a_time_has_an_index() {
    let world = World::new().await;
    let mut connection = world.store.read().acquire().await.unwrap();
    let passing = plan(&mut connection, "PASSING").await;
    assert!(
        !passing.iter().any(|step| step.contains("TEMP B-TREE")),
        "{passing:#?}"
    );
    for (name, index) in [
        (
            "OF_TIME",
            "INDEX memory_happened (place=? AND at_ms>? AND at_ms<?)",
        ),
        (
            "LAST_OF_TIME",
            "COVERING INDEX memory_happened (place=? AND at_ms>? AND at_ms<?)",
        ),
    ] {
        let plan = plan(&mut connection, name).await;
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
    }
}

#[tokio::test]
async fn of_a_time_frequent_words_lead_to_its_memories_and_to_none_of_another() {
    let world = filled(3000).await;
    let mut connection = world.store.read().acquire().await.unwrap();
    let place = index::known_place(&mut connection, world.project.as_str()).await;
    let place = place.unwrap().unwrap();
    let words = placed(&mut connection, &[place], &["frequent", "tenth"]).await;
    let mut words = words.unwrap();
    for word in &mut words {
        word.weight = idf(word.memories(), 3000);
    }
    let whenever = Filter::of(&Query::default(), NOW_MS).unwrap();
    let mut best = async |from: i64, to: i64| {
        let then = whenever.within(NOW_MS + from * MINUTE_MS, NOW_MS + to * MINUTE_MS);
        with_most(&mut connection, &words, &then, 100, 8)
            .await
            .unwrap()
    };
    // Memory n is of minute n - 1. Few: those with both words, the newest first, then the newest.
    assert_eq!(best(0, 30).await, [21, 11, 30, 29, 28, 27, 26, 25]);
    assert_eq!(best(5, 8).await, [8, 7, 6]);
    // Many: the newest with both words are found, and none behind the end.
    let many = best(100, 2500).await;
    assert_eq!(many.first(), Some(&2491));
    assert!(many.contains(&2481) && many.contains(&2500) && many.len() > 8);
    assert!(many.iter().all(|n| (101..=2500).contains(n)), "{many:?}");
    assert_eq!(best(5000, 6000).await, [0_i64; 0]);
}

#[tokio::test]
async fn where_there_is_much_of_a_time_its_last_memory_bounds_what_is_read() {
    let world = filled(1500).await;
    let mut connection = world.store.read().acquire().await.unwrap();
    let place = index::known_place(&mut connection, world.project.as_str()).await;
    let place = place.unwrap().unwrap();
    let words = placed(&mut connection, &[place], &["frequent"])
        .await
        .unwrap();
    let whenever = Filter::of(&Query::default(), NOW_MS).unwrap();
    let then = whenever.within(NOW_MS, NOW_MS + 1200 * MINUTE_MS);
    let seen = of_time::look(&mut connection, &words, &then, 8)
        .await
        .unwrap();
    assert_eq!(seen, OfTime::Many { last: 1200 });
}
