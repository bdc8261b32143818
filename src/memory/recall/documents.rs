//! What has to be known of a memory to rank it, for many of them in one answer.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::AnyConnection;

use super::filter::{Filter, passes};
use super::vocabulary::Sought;
use crate::store::{StoreError, statements};

/// Memories of a session on each side of a candidate that are looked at.
pub(super) const REACH: i64 = 5;

/// A memory as [`Row`] reads it: all of them in one row, for a row of its own costs more than what is
/// in it. The text is needed as a whole only where a time is asked for; the importance is told in
/// thousandths, for SQLite takes long to print what is no whole number.
macro_rules! document {
    () => {
        "coalesce(json_group_array(json_array(memory.n, memory.place, memory.session, memory.turn,
           memory.at_ms, memory.lexical, memory.lexical_tags,
           CAST(round(memory.importance * 1000) AS INTEGER), memory.uses, memory.used_ms,
           memory.trust = 'confirmed', memory.subject,
           CASE WHEN $2 THEN memory.text ELSE substr(memory.text, 1, 48) END,
           ("
    };
}

statements! {
    DOCUMENTS = concat!(
        "SELECT ", document!(), passes!(), ")
          )), '[]') FROM json_each($1) AS wanted CROSS JOIN memory ON memory.n = wanted.value"
    );
    // Of what is superseded, forgotten or does not hold nothing is lent to what stands beside it; nor
    // of what is in quarantine, where only what is confirmed is wanted.
    NEIGHBOURS = concat!(
        "WITH near(n) AS (
            SELECT DISTINCT near.n FROM json_each($1) AS wanted
            CROSS JOIN memory AS hit ON hit.n = wanted.value
            CROSS JOIN memory AS near ON near.place = hit.place AND near.session = hit.session
              AND near.turn BETWEEN hit.turn - 5 AND hit.turn + 5
            WHERE hit.session <> '' AND near.session <> '')
          SELECT ", document!(), passes!(), "))), '[]')
          FROM near CROSS JOIN memory ON memory.n = near.n
          WHERE memory.forgotten_ms = 0 AND memory.superseded_by = ''
            AND (memory.valid_from_ms <= $3 AND (memory.valid_to_ms = 0 OR memory.valid_to_ms > $3))
            AND ($5 = 0 OR memory.trust = 'confirmed')"
    );
}

#[derive(Deserialize)]
struct Row(
    i64,
    i64,
    String,
    i64,
    i64,
    String,
    String,
    i64,
    i64,
    i64,
    i64,
    String,
    String,
    i64,
);

/// What is known of a memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) n: i64,
    /// Its place and its session; no session stands beside another memory.
    pub(super) session: Option<(i64, String)>,
    pub(super) turn: i64,
    pub(super) at_ms: i64,
    /// Its text as words.
    pub(super) lexical: String,
    /// Words of text, tags and subject.
    pub(super) words: usize,
    /// Where in the text the words stand that are looked for, as (place, word).
    pub(super) places: Vec<(usize, usize)>,
    /// How often each word is there, those of tags and subject counted by their weight.
    pub(super) often: HashMap<usize, f64>,
    /// The words that only its kind says.
    pub(super) of_kind: Vec<usize>,
    pub(super) importance: f64,
    pub(super) uses: i64,
    pub(super) used_ms: i64,
    pub(super) is_confirmed: bool,
    pub(super) subject: String,
    /// The text, or the beginning of it.
    pub(super) text: String,
    /// Whether it may be a hit; otherwise it may only stand beside one.
    pub(super) fits: bool,
}

/// How often a word of the tags or the subject counts.
const TAG: f64 = 2.0;

/// The documents with these numbers; those that are gone are left out.
pub(super) async fn with_numbers(
    connection: &mut AnyConnection,
    numbers: &[i64],
    sought: &Sought,
    filter: &Filter,
) -> Result<Vec<Document>, StoreError> {
    read(DOCUMENTS, connection, numbers, sought, filter).await
}

/// The documents that stand near those with these numbers in their sessions, and those themselves.
pub(super) async fn near(
    connection: &mut AnyConnection,
    numbers: &[i64],
    sought: &Sought,
    filter: &Filter,
) -> Result<Vec<Document>, StoreError> {
    read(NEIGHBOURS, connection, numbers, sought, filter).await
}

async fn read(
    sql: &'static str,
    connection: &mut AnyConnection,
    numbers: &[i64],
    sought: &Sought,
    filter: &Filter,
) -> Result<Vec<Document>, StoreError> {
    let asks_when = sought.questions.iter().any(|question| question.asks_when);
    let found: String = filter
        .ask(
            sql,
            serde_json::json!(numbers).to_string(),
            asks_when.into(),
        )
        .fetch_one(connection)
        .await?;
    let rows: Vec<Row> = serde_json::from_str(&found).map_err(|error| StoreError::Row {
        what: "memory",
        message: error.to_string(),
    })?;
    let words = sought.words.iter().enumerate();
    let words: HashMap<&str, usize> = words
        .map(|(at, word)| (word.placed.word.as_str(), at))
        .collect();
    let documents = rows.into_iter().map(|row| document(row, &words));
    Ok(documents.collect())
}

fn document(row: Row, sought: &HashMap<&str, usize>) -> Document {
    let mut words = 0;
    let mut places = Vec::new();
    let mut often: HashMap<usize, f64> = HashMap::new();
    for (place, word) in row.5.split_ascii_whitespace().enumerate() {
        words += 1;
        if let Some(at) = sought.get(word) {
            places.push((place, *at));
            *often.entry(*at).or_default() += 1.0;
        }
    }
    for word in row.6.split_ascii_whitespace() {
        words += 1;
        if let Some(at) = sought.get(word) {
            *often.entry(*at).or_default() += TAG;
        }
    }
    Document {
        n: row.0,
        session: (!row.2.is_empty()).then_some((row.1, row.2)),
        turn: row.3,
        at_ms: row.4,
        lexical: row.5,
        words,
        places,
        often,
        of_kind: Vec::new(),
        importance: row.7 as f64 / 1000.0,
        uses: row.8,
        used_ms: row.9,
        is_confirmed: row.10 != 0,
        subject: row.11,
        text: row.12,
        fits: row.13 != 0,
    }
}
