//! Which words are in which memories, and what a search has to know of a place. Written in the
//! transaction that writes the memory.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::{lexicon, vectors};
use crate::store::{StoreError, statements};

// JSON in rows out: one statement for all words. PostgreSQL spells it `jsonb_array_elements_text`.
statements! {
    ADD_PLACE = "INSERT INTO memory_place(name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    STATISTICS = "SELECT coalesce(sum(memories), 0), coalesce(sum(words), 0) FROM memory_place
        WHERE n IN (SELECT value FROM json_each($1))";
    PLACE = "SELECT n FROM memory_place WHERE name = $1";
    // What either does stands with the table: five statements in one.
    ENTER = "INSERT INTO memory_enter(n, place, words, length) VALUES ($1, $2, $3, $4)";
    LEAVE = "INSERT INTO memory_leave(n, place, words, length) VALUES ($1, $2, $3, $4)";
    ADD_ASIDE = "INSERT INTO memory_index(rowid, words)
        SELECT $1, group_concat('x' || $2 || '/' || value, ' ') FROM json_each($3)";
    REMOVE = "DELETE FROM memory_index WHERE rowid = $1";
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

    /// Each word once, as JSON.
    fn printed(&self) -> String {
        serde_json::json!(self.distinct()).to_string()
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
    write(connection, ENTER, n, place, lexical).await
}

/// Lets a memory be found by those only who look at what was superseded.
pub(super) async fn set_aside(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    remove(connection, n, place, lexical).await?;
    vectors::rows::remove(connection, n).await?;
    sqlx::query(ADD_ASIDE)
        .bind(n)
        .bind(place)
        .bind(lexical.printed())
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets a memory that is found not be found any more.
pub(super) async fn remove(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    write(connection, LEAVE, n, place, lexical).await
}

/// The same for one that was set aside.
pub(super) async fn remove_aside(connection: &mut AnyConnection, n: i64) -> Result<(), StoreError> {
    sqlx::query(REMOVE).bind(n).execute(connection).await?;
    Ok(())
}

async fn write(
    connection: &mut AnyConnection,
    sql: &'static str,
    n: i64,
    place: i64,
    lexical: &Lexical,
) -> Result<(), StoreError> {
    sqlx::query(sql)
        .bind(n)
        .bind(place)
        .bind(lexical.printed())
        .bind(i64::try_from(lexical.len()).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}
