//! Whether a statement is there already. Asked within the transaction that would keep it, so that of
//! two who say the same at once the second is told.

use std::collections::BTreeSet;

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
const NAMED: usize = 5;
/// How often one may have taken the place of another; more is a circle.
const CHAIN: usize = 1000;

statements! {
    SAME = "SELECT id, text, trust, superseded_by FROM memory
        WHERE place = $1 AND mark = $2 AND forgotten_ms = 0 AND (superseded_by <> ''
          OR (valid_from_ms <= $3 AND (valid_to_ms = 0 OR valid_to_ms > $3)))
        ORDER BY superseded_by <> '', n";
    FREQUENCIES = "SELECT word, memories FROM memory_word
        WHERE place = $1 AND word IN (SELECT value FROM json_each($2))";
    BY_NUMBERS = "SELECT id, text, trust, superseded_by, lexical FROM memory
        WHERE n IN (SELECT value FROM json_each($1))
          AND valid_from_ms <= $2 AND (valid_to_ms = 0 OR valid_to_ms > $2)";
    HEAD = "SELECT id, text, trust, superseded_by FROM memory WHERE id = $1 AND forgotten_ms = 0";
}

/// Where is looked, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) n: i64,
    pub(super) now_ms: i64,
    /// Whether an agent asks. Nobody else is told of what an agent alone has put in the place of another.
    pub(super) of_agent: bool,
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

/// The memory of a place that says most nearly what a statement says, if any is near enough. For one
/// that repeats what was superseded, that is what has taken its place.
pub(super) async fn find(
    connection: &mut AnyConnection,
    place: Place,
    checked: &Checked<'_>,
    olds: &[Memory],
) -> Result<Option<Found>, MemoryError> {
    if let Some(same) = same(connection, place, checked, olds).await? {
        return Ok(Some(same));
    }
    if let Some(quoted) = quoted(connection, checked, olds).await? {
        return Ok(Some(quoted));
    }
    let words: BTreeSet<&str> = checked.lexical.text.iter().map(String::as_str).collect();
    let mut best: Option<Found> = None;
    for row in sharing(connection, place, checked).await? {
        let lexical: String = row.try_get("lexical").map_err(StoreError::from)?;
        if share(&words, &lexical.split_ascii_whitespace().collect()) < WORTH {
            continue;
        }
        let found = Candidate::of(&row)?;
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

/// How much of their words two have in common, from 0 to 1.
fn share(one: &BTreeSet<&str>, other: &BTreeSet<&str>) -> f64 {
    let all = (one.len() + other.len()).max(1);
    2.0 * one.intersection(other).count() as f64 / all as f64
}

/// The memory with the same words.
async fn same(
    connection: &mut AnyConnection,
    place: Place,
    checked: &Checked<'_>,
    olds: &[Memory],
) -> Result<Option<Found>, MemoryError> {
    let sense = &checked.sense;
    let plain = sense.plain();
    let rows = sqlx::query(SAME)
        .bind(place.n)
        .bind(sense.mark())
        .bind(place.now_ms)
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let found = Candidate::of(&row)?;
        if found.is_among(olds) || Sense::of(&found.text).plain() != plain {
            continue;
        }
        let Some(by) = &found.superseded_by else {
            let is_same = found.text == checked.text;
            return Ok(Some(found.found(1.0, is_same)));
        };
        if let Some(head) = head(connection, by).await?
            && !head.is_among(olds)
            && (head.trust == Trust::Confirmed || place.of_agent)
        {
            let likeness = sense.likeness(&Sense::of(&head.text));
            return Ok(Some(head.found(likeness, false)));
        }
    }
    Ok(None)
}

/// The memory that a statement names by its id and repeats: it was given back, and is nothing new.
async fn quoted(
    connection: &mut AnyConnection,
    checked: &Checked<'_>,
    olds: &[Memory],
) -> Result<Option<Found>, MemoryError> {
    let words = checked
        .text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    for id in words
        .filter_map(|word| MemoryId::parse(word).ok())
        .take(NAMED)
    {
        let named = sqlx::query(HEAD)
            .bind(id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = named else { continue };
        let found = Candidate::of(&row)?;
        let sense = Sense::of(&found.text);
        if !found.is_among(olds) && found.superseded_by.is_none() && checked.sense.repeats(&sense) {
            let likeness = checked.sense.likeness(&sense);
            return Ok(Some(found.found(likeness, false)));
        }
    }
    Ok(None)
}

/// The last one of a chain; `None` where that was forgotten.
pub(super) async fn head(
    connection: &mut AnyConnection,
    by: &str,
) -> Result<Option<Candidate>, MemoryError> {
    let mut by = by.to_owned();
    for _ in 0..CHAIN {
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

/// Memories that share rare words with a statement: all that may be like it, where these words are not
/// in very many.
async fn sharing(
    connection: &mut AnyConnection,
    place: Place,
    checked: &Checked<'_>,
) -> Result<Vec<AnyRow>, StoreError> {
    let carried = checked.sense.carried();
    let mut words: BTreeSet<&str> = checked.lexical.text.iter().map(String::as_str).collect();
    words.retain(|word| !carried.contains(word));
    let counted: Vec<(String, i64)> = sqlx::query_as(FREQUENCIES)
        .bind(place.n)
        .bind(serde_json::json!(words).to_string())
        .fetch_all(&mut *connection)
        .await?;
    // What is like it lacks so many of the words at most: it has one of any that are more.
    let changes = CHANGES + words.len() / WORDS_PER_CHANGE;
    let unknown = words.len() - counted.len();
    let Some(needed) = (changes + 1).checked_sub(unknown).filter(|it| *it > 0) else {
        return Ok(Vec::new());
    };
    let mut counted = counted;
    counted.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let rare: i64 = counted
        .iter()
        .take(needed)
        .map(|(_, memories)| memories)
        .sum();
    let asked = match rare <= POSTINGS {
        true => needed,
        false => needed.max(TOGETHER),
    };
    counted.truncate(asked);
    let numbers = recall::sharing(connection, place.n, counted, COMPARED).await?;
    Ok(sqlx::query(BY_NUMBERS)
        .bind(serde_json::json!(numbers).to_string())
        .bind(place.now_ms)
        .fetch_all(connection)
        .await?)
}

/// What is read of a memory.
pub(super) struct Candidate {
    pub(super) id: MemoryId,
    text: String,
    trust: Trust,
    superseded_by: Option<String>,
}

impl Candidate {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        let trust: String = row.try_get("trust")?;
        let superseded_by: String = row.try_get("superseded_by")?;
        Ok(Self {
            id: MemoryId::stored(row.try_get("id")?),
            text: row.try_get("text")?,
            trust: Trust::parse(&trust).unwrap_or(Trust::Quarantined),
            superseded_by: Some(superseded_by).filter(|id| !id.is_empty()),
        })
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
