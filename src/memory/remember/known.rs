//! Whether a statement is there already. Asked within the transaction that would keep it, so that of
//! two who say the same at once the second is told.

use std::collections::{BTreeSet, HashSet};

use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::alike::{KNOWN, Sense};
use super::{Checked, Kept};
use crate::ids::MemoryId;
use crate::memory::error::MemoryError;
use crate::memory::model::{Memory, Trust};
use crate::memory::recall;
use crate::store::{StoreError, statements};

/// Memories that are compared, at most.
const COMPARED: i64 = 12;
/// Those are compared word by word that have so much in common: a word may be misspelt, and some carry
/// others only.
const WORTH: f64 = 0.6;
/// Memories that the rare words of a statement may be in together. Beyond that those are looked at that
/// have several words of it.
const POSTINGS: i64 = 1500;
/// Of so many words, one may be another without the statement being another.
const WORDS_PER_CHANGE: usize = 12;
/// Words that may be others in any case; two, as a letter of Chinese is part of two.
const CHANGES: usize = 2;
/// Words that are asked for then.
const TOGETHER: usize = 4;
/// Ids in a text that are looked at.
const NAMED_IDS: usize = 5;
/// How often one may have taken the place of another; more is a circle.
const CHAIN: usize = 1000;

// Each row is a way to another thread and back: what is read of several comes as one.
statements! {
    // One row at least for a place that is there.
    LOOK = "SELECT place.n, (SELECT json_group_array(json_array(word, memories)) FROM memory_word
            WHERE place = place.n AND word IN (SELECT value FROM json_each($4))) AS counted,
          same.id, same.text, same.trust, same.superseded_by
        FROM memory_place AS place
        LEFT JOIN memory AS same ON same.place = place.n AND same.mark = $2 AND same.forgotten_ms = 0
          AND (same.superseded_by <> ''
            OR (same.valid_from_ms <= $3 AND (same.valid_to_ms = 0 OR same.valid_to_ms > $3)))
        WHERE place.name = $1 ORDER BY same.superseded_by <> '', same.n";
    WITH_RARE = "WITH term AS MATERIALIZED (
          SELECT '\"' || $2 || '/' || (value ->> 0) || '\"' AS word, value ->> 1 AS weight
          FROM json_each($1))
        SELECT json_group_array(json_array(memory.id, memory.text, memory.trust, memory.superseded_by,
          memory.lexical))
        FROM (SELECT hit.rowid AS n FROM term CROSS JOIN memory_index AS hit
            WHERE hit.memory_index MATCH term.word
            GROUP BY hit.rowid ORDER BY sum(term.weight) DESC, hit.rowid DESC LIMIT $3) AS hit
          CROSS JOIN memory ON memory.n = hit.n
        WHERE memory.valid_from_ms <= $4 AND (memory.valid_to_ms = 0 OR memory.valid_to_ms > $4)";
    BY_NUMBERS = "SELECT json_group_array(json_array(id, text, trust, superseded_by, lexical)) FROM memory
        WHERE n IN (SELECT value FROM json_each($1))
          AND valid_from_ms <= $2 AND (valid_to_ms = 0 OR valid_to_ms > $2)";
    HOLDS = "SELECT count(*) FROM memory
        WHERE id = $1 AND valid_from_ms <= $2 AND (valid_to_ms = 0 OR valid_to_ms > $2)";
    NAMED = "SELECT memory.id, memory.text, memory.trust, memory.superseded_by FROM memory
        JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.id = $1 AND memory.forgotten_ms = 0
          AND memory.valid_from_ms <= $3 AND (memory.valid_to_ms = 0 OR memory.valid_to_ms > $3)
          AND place.name IN (SELECT value FROM json_each($2))";
    HEAD = "SELECT id, text, trust, superseded_by FROM memory WHERE id = $1 AND forgotten_ms = 0";
}

/// A memory that says what a statement says.
pub(super) struct Found {
    pub(super) id: MemoryId,
    pub(super) text: String,
    pub(super) trust: Trust,
    pub(super) likeness: f64,
    /// Whether it is the same text, letter by letter.
    pub(super) is_same: bool,
}

impl Found {
    /// What is told of it.
    pub(super) fn known(self) -> Kept {
        Kept::Known {
            id: self.id,
            text: self.text,
            trust: self.trust,
            likeness: self.likeness,
        }
    }
}

/// What there is to know of a place before anything of it is compared with a statement.
pub(super) struct Seen {
    /// The number of the place.
    pub(super) place: i64,
    now_ms: i64,
    /// The names of the places that whoever reads it reads, as a JSON array.
    readable: String,
    /// Those with the mark of the statement, also superseded ones.
    same: Vec<Candidate>,
    /// Words of the statement that matter, and in how many memories each one is that is known there.
    words: BTreeSet<String>,
    counted: Vec<(String, i64)>,
}

/// Looks for a statement in the first of `places`; `None` if nothing was ever kept there. The others are
/// those that whoever reads it reads as well.
pub(super) async fn look(
    connection: &mut AnyConnection,
    places: &[String],
    checked: &Checked<'_>,
    now_ms: i64,
) -> Result<Option<Seen>, StoreError> {
    let carried = checked.sense.carried();
    let words = checked.lexical.text.iter();
    let words: BTreeSet<String> = words
        .filter(|word| !carried.contains(word.as_str()))
        .cloned()
        .collect();
    let rows = sqlx::query(LOOK)
        .bind(places.first().map(String::as_str).unwrap_or_default())
        .bind(checked.sense.mark())
        .bind(now_ms)
        .bind(serde_json::json!(words).to_string())
        .fetch_all(connection)
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let counted: String = row.try_get("counted")?;
    let counted = in_json("memory_word", &counted)?;
    let mut same = Vec::new();
    for row in &rows {
        if row.try_get::<Option<String>, _>("id")?.is_some() {
            same.push(Candidate::of(row)?);
        }
    }
    Ok(Some(Seen {
        place: row.try_get("n")?,
        now_ms,
        readable: serde_json::json!(places).to_string(),
        same,
        words,
        counted,
    }))
}

impl Seen {
    /// The memory that says most nearly what the statement says, if any is near enough and none of
    /// `olds`. For one that repeats what was superseded, that is what has taken its place. Nobody but an
    /// agent is told of what an agent alone has put in the place of another.
    pub(super) async fn find(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
        olds: &[Memory],
        of_agent: bool,
    ) -> Result<Option<Found>, MemoryError> {
        if let Some(same) = self.same(connection, checked, olds, of_agent).await? {
            return Ok(Some(same));
        }
        if let Some(quoted) = self.quoted(connection, checked, olds).await? {
            return Ok(Some(quoted));
        }
        let words: BTreeSet<&str> = checked.lexical.text.iter().map(String::as_str).collect();
        let mut best: Option<Found> = None;
        for Sharing(found, lexical) in self.sharing(connection).await? {
            if share(&words, &lexical.split_ascii_whitespace().collect()) < WORTH {
                continue;
            }
            if found.superseded_by.is_some() || found.is_among(olds) {
                continue;
            }
            let likeness = checked.sense.likeness(&Sense::of(&found.text));
            if likeness >= KNOWN && best.as_ref().is_none_or(|best| likeness > best.likeness) {
                let is_same = found.text == checked.text;
                best = Some(found.found(likeness, is_same));
            }
        }
        Ok(best)
    }

    /// The memory with the same words.
    async fn same(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
        olds: &[Memory],
        of_agent: bool,
    ) -> Result<Option<Found>, MemoryError> {
        let sense = &checked.sense;
        let plain = sense.plain();
        let mut walked = HashSet::new();
        for found in &self.same {
            if found.is_among(olds) || Sense::of(&found.text).plain() != plain {
                continue;
            }
            let Some(by) = &found.superseded_by else {
                let is_same = found.text == checked.text;
                return Ok(Some(found.clone().found(1.0, is_same)));
            };
            if let Some(head) = last(connection, by, &mut walked).await?
                && !head.is_among(olds)
                && (head.trust == Trust::Confirmed || of_agent)
                && holds(connection, &head.id, self.now_ms).await?
            {
                let likeness = sense.likeness(&Sense::of(&head.text));
                return Ok(Some(head.found(likeness, false)));
            }
        }
        Ok(None)
    }

    /// The memory that a statement names by its id and repeats: it was given back, and is nothing new.
    async fn quoted(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
        olds: &[Memory],
    ) -> Result<Option<Found>, MemoryError> {
        let words = checked
            .text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let ids = words.filter_map(|word| MemoryId::parse(word).ok());
        for id in ids.take(NAMED_IDS) {
            let named = sqlx::query(NAMED)
                .bind(id.as_str())
                .bind(&self.readable)
                .bind(self.now_ms)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(row) = named else { continue };
            let found = Candidate::of(&row)?;
            let sense = Sense::of(&found.text);
            if !found.is_among(olds)
                && found.superseded_by.is_none()
                && checked.sense.repeats(&sense)
            {
                let likeness = checked.sense.likeness(&sense);
                return Ok(Some(found.found(likeness, false)));
            }
        }
        Ok(None)
    }

    /// Memories that share rare words with the statement: all that may be like it, where these words
    /// are not in very many.
    async fn sharing(&self, connection: &mut AnyConnection) -> Result<Vec<Sharing>, StoreError> {
        // What is like it lacks so many of the words at most: it has one of any that are more.
        let changes = CHANGES + self.words.len() / WORDS_PER_CHANGE;
        let unknown = self.words.len() - self.counted.len();
        let Some(needed) = (changes + 1).checked_sub(unknown).filter(|it| *it > 0) else {
            return Ok(Vec::new());
        };
        let mut counted = self.counted.clone();
        counted.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let rarest = counted.iter().take(needed);
        if rarest.map(|(_, memories)| memories).sum::<i64>() <= POSTINGS {
            counted.truncate(needed);
            return self.with_rare(connection, &counted).await;
        }
        counted.truncate(needed.max(TOGETHER));
        let numbers = recall::sharing(connection, self.place, counted, COMPARED).await?;
        let found: String = sqlx::query_scalar(BY_NUMBERS)
            .bind(serde_json::json!(numbers).to_string())
            .bind(self.now_ms)
            .fetch_one(connection)
            .await?;
        all(&found)
    }

    /// The memories that share the most of some words that lead to few.
    async fn with_rare(
        &self,
        connection: &mut AnyConnection,
        words: &[(String, i64)],
    ) -> Result<Vec<Sharing>, StoreError> {
        // The rarer a word, the more it tells.
        let weighed = words.iter();
        let weighed: Vec<(&str, f64)> = weighed
            .map(|(word, memories)| {
                (
                    word.as_str(),
                    (1.0 + POSTINGS as f64 / *memories as f64).ln(),
                )
            })
            .collect();
        let found: String = sqlx::query_scalar(WITH_RARE)
            .bind(serde_json::json!(weighed).to_string())
            .bind(self.place)
            .bind(COMPARED)
            .bind(self.now_ms)
            .fetch_one(connection)
            .await?;
        all(&found)
    }
}

/// A memory that shares words with a statement, and all of its own.
struct Sharing(Candidate, String);

fn all(found: &str) -> Result<Vec<Sharing>, StoreError> {
    let found: Vec<(String, String, String, String, String)> = in_json("memory", found)?;
    let all = found
        .into_iter()
        .map(|(id, text, trust, superseded_by, lexical)| {
            Sharing(Candidate::new(id, text, &trust, superseded_by), lexical)
        });
    Ok(all.collect())
}

fn in_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Row {
        what,
        message: error.to_string(),
    })
}

async fn holds(
    connection: &mut AnyConnection,
    id: &MemoryId,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let holds: i64 = sqlx::query_scalar(HOLDS)
        .bind(id.as_str())
        .bind(now_ms)
        .fetch_one(connection)
        .await?;
    Ok(holds > 0)
}

/// How much of their words two have in common, from 0 to 1.
fn share(one: &BTreeSet<&str>, other: &BTreeSet<&str>) -> f64 {
    let all = (one.len() + other.len()).max(1);
    2.0 * one.intersection(other).count() as f64 / all as f64
}

/// The last one of a chain; `None` where that was forgotten.
pub(super) async fn head(
    connection: &mut AnyConnection,
    by: &str,
) -> Result<Option<Candidate>, MemoryError> {
    last(connection, by, &mut HashSet::new()).await
}

/// The same, unless it was come by already: twins of one chain lead to one end.
async fn last(
    connection: &mut AnyConnection,
    by: &str,
    walked: &mut HashSet<String>,
) -> Result<Option<Candidate>, MemoryError> {
    let mut by = by.to_owned();
    for _ in 0..CHAIN {
        if !walked.insert(by.clone()) {
            break;
        }
        let row = sqlx::query(HEAD)
            .bind(&by)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { break };
        let found = Candidate::of(&row)?;
        match &found.superseded_by {
            None => return Ok(Some(found)),
            Some(next) => by.clone_from(next),
        }
    }
    Ok(None)
}

/// What is read of a memory.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) id: MemoryId,
    text: String,
    trust: Trust,
    superseded_by: Option<String>,
}

impl Candidate {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        let trust: String = row.try_get("trust")?;
        let (id, text) = (row.try_get("id")?, row.try_get("text")?);
        Ok(Self::new(id, text, &trust, row.try_get("superseded_by")?))
    }

    fn new(id: String, text: String, trust: &str, superseded_by: String) -> Self {
        Self {
            id: MemoryId::stored(id),
            text,
            trust: Trust::parse(trust).unwrap_or(Trust::Quarantined),
            superseded_by: Some(superseded_by).filter(|id| !id.is_empty()),
        }
    }

    fn is_among(&self, olds: &[Memory]) -> bool {
        olds.iter().any(|old| old.id == self.id)
    }

    fn found(self, likeness: f64, is_same: bool) -> Found {
        Found {
            id: self.id,
            text: self.text,
            trust: self.trust,
            likeness,
            is_same,
        }
    }
}
