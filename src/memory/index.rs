//! Which words are in which memories, and what a search has to know of a place. Written in the
//! transaction that writes the memory.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::lexicon;
use crate::store::{StoreError, statements};

// JSON in rows out: one statement for all words. PostgreSQL spells it `jsonb_array_elements_text`.
statements! {
    ADD_PLACE = "INSERT INTO memory_place(name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    STATISTICS = "SELECT coalesce(sum(memories), 0), coalesce(sum(words), 0) FROM memory_place
        WHERE n IN (SELECT value FROM json_each($1))";
    PLACE = "SELECT n FROM memory_place WHERE name = $1";
    ADD = "INSERT INTO memory_index(rowid, words) VALUES ($1, $2)";
    REMOVE = "DELETE FROM memory_index WHERE rowid = $1";
    COUNT_WORDS = "INSERT INTO memory_word(place, word, memories)
        SELECT $1, value, 1 FROM json_each($2) WHERE true
        ON CONFLICT (place, word) DO UPDATE SET memories = memories + 1";
    UNCOUNT_WORDS = "UPDATE memory_word SET memories = memories - 1
        WHERE place = $1 AND word IN (SELECT value FROM json_each($2))";
    DROP_WORDS = "DELETE FROM memory_word
        WHERE place = $1 AND word IN (SELECT value FROM json_each($2)) AND memories <= 0";
    COUNT_MEMORY = "UPDATE memory_place SET memories = memories + $2, words = words + $3 WHERE n = $1";
}

/// A text as it is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexical {
    /// Of the text, in its order.
    pub(super) text: Vec<String>,
    /// Of the tags and the subject.
    pub(super) tags: Vec<String>,
}

impl Lexical {
    pub(super) fn of(text: &str, tags: &[String], subject: &str) -> Self {
        let mut of_tags = lexicon::words(&tags.join(" "));
        of_tags.extend(lexicon::words(subject));
        Self {
            text: lexicon::words(text),
            tags: of_tags,
        }
    }

    /// What was kept with a memory.
    pub(super) fn stored(text: &str, tags: &str) -> Self {
        let split = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
        Self {
            text: split(text),
            tags: split(tags),
        }
    }

    /// How many words there are.
    pub(super) fn len(&self) -> usize {
        self.text.len() + self.tags.len()
    }

    /// Each word once.
    pub(super) fn distinct(&self) -> BTreeSet<&str> {
        let all = self.text.iter().chain(&self.tags);
        all.map(String::as_str).collect()
    }
}

/// The number of a place, made on first sight.
pub(super) async fn place(connection: &mut AnyConnection, name: &str) -> Result<i64, StoreError> {
    if let Some(known) = known_place(connection, name).await? {
        return Ok(known);
    }
    sqlx::query(ADD_PLACE)
        .bind(name)
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_scalar(PLACE)
        .bind(name)
        .fetch_one(connection)
        .await?)
}

/// The number of a place where anything was ever kept.
pub(super) async fn known_place(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(PLACE)
        .bind(name)
        .fetch_optional(connection)
        .await?)
}

/// What is found in some places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Memories.
    pub(super) memories: i64,
    /// Their words altogether.
    pub(super) words: i64,
}

/// What is found in these places.
pub(super) async fn statistics(
    connection: &mut AnyConnection,
    places: &[i64],
) -> Result<Statistics, StoreError> {
    let (memories, words) = sqlx::query_as(STATISTICS)
        .bind(serde_json::json!(places).to_string())
        .fetch_one(connection)
        .await?;
    Ok(Statistics { memories, words })
}

/// Lets a memory be found.
pub(super) async fn add(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    put(connection, n, &format!("{place}/"), lexical).await?;
    count(connection, place, lexical, true).await
}

/// Lets a memory be found by those only who look at what was superseded.
pub(super) async fn set_aside(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    remove(connection, n, place, lexical).await?;
    put(connection, n, &format!("x{place}/"), lexical).await
}

/// Lets a memory that is found not be found any more.
pub(super) async fn remove(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    remove_aside(connection, n).await?;
    count(connection, place, lexical, false).await
}

/// The same for one that was set aside.
pub(super) async fn remove_aside(connection: &mut AnyConnection, n: i64) -> Result<(), StoreError> {
    sqlx::query(REMOVE).bind(n).execute(connection).await?;
    Ok(())
}

async fn put(
    connection: &mut AnyConnection,
    n: i64,
    prefix: &str,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    let words = lexical.distinct();
    let mut placed = String::with_capacity(words.iter().map(|word| word.len() + 8).sum());
    for word in words {
        placed.push_str(prefix);
        placed.push_str(word);
        placed.push(' ');
    }
    sqlx::query(ADD)
        .bind(n)
        .bind(placed)
        .execute(connection)
        .await?;
    Ok(())
}

async fn count(
    connection: &mut AnyConnection,
    place: i64,
    lexical: &Lexical,
    more: bool,
) -> Result<(), StoreError> {
    let distinct = lexical.distinct();
    let words = serde_json::json!(distinct).to_string();
    let statements: &[&str] = match more {
        true => &[COUNT_WORDS],
        false => &[UNCOUNT_WORDS, DROP_WORDS],
    };
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(*statement))
            .bind(place)
            .bind(&words)
            .execute(&mut *connection)
            .await?;
    }
    let length = i64::try_from(lexical.len()).unwrap_or(i64::MAX);
    let sign = if more { 1 } else { -1 };
    sqlx::query(COUNT_MEMORY)
        .bind(place)
        .bind(sign)
        .bind(sign * length)
        .execute(connection)
        .await?;
    Ok(())
}
