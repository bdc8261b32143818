//! Memories as rows, and back.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::model::{Forgotten, Kind, Link, LinkKind, Memory, Scope, Source, SourceKind, Trust};
use crate::ids::{Given, MemoryId, ProjectId};
use crate::store::{StoreError, statements};

/// All columns of `memory`, with what belongs to it. What is asked for stands behind it.
macro_rules! memory {
    ($($rest:literal)+) => {
        concat!(
            "SELECT memory.n, memory.id, place.name AS place, memory.text, memory.kind, memory.subject,
               memory.importance, memory.trust, memory.source, memory.source_id, memory.session,
               memory.turn, memory.at_ms, memory.created_ms, memory.changed_ms, memory.used_ms,
               memory.uses, memory.valid_from_ms, memory.valid_to_ms, memory.superseded_by,
               memory.forgotten_ms, memory.forgotten_by, memory.forgotten_why,
               (SELECT json_group_array(tag) FROM memory_tag WHERE memory = memory.n) AS tags,
               (SELECT json_group_array(json_array(kind, target)) FROM memory_link
                 WHERE memory = memory.n) AS links,
               (SELECT json_group_array(old.id) FROM memory AS old
                 WHERE old.superseded_by = memory.id AND old.superseded_by <> '') AS supersedes
             FROM memory JOIN memory_place AS place ON place.n = memory.place ",
            $($rest),+
        )
    };
}

pub(super) use memory;

statements! {
    /// `$2` stands behind every id that begins with `$1`.
    LIKE_ID = memory!("WHERE memory.id >= $1 AND memory.id < $2
        AND (place.name IN (SELECT value FROM json_each($3))
          OR ($4 <> '' AND (place.name IN ('user', $4) OR place.name LIKE $4 || '/%')))
        ORDER BY memory.id LIMIT 5");
    BY_NUMBERS = memory!("WHERE memory.n IN (SELECT value FROM json_each($1))");
    // The newest of each place, for as many are read at most.
    RECENT = "SELECT memory.id, memory.text FROM memory_place AS place CROSS JOIN memory
        WHERE (place.name IN (SELECT value FROM json_each($1))
            OR ($2 <> '' AND (place.name IN ('user', $2) OR place.name LIKE $2 || '/%')))
          AND memory.n IN (SELECT n FROM memory AS newest
            WHERE newest.place = place.n AND newest.forgotten_ms = 0 AND newest.superseded_by = ''
            ORDER BY n DESC LIMIT 1000)";
    NUMBER = "SELECT n FROM memory WHERE id = $1";
}

/// Where ids are looked up: places by their names, and the project all of whose places count, if any.
pub(super) struct Within {
    pub(super) places: Vec<String>,
    pub(super) project: Option<ProjectId>,
}

impl Within {
    fn bound(&self) -> (String, String) {
        let project = self.project.as_ref().map(ToString::to_string);
        let places = serde_json::json!(self.places).to_string();
        (places, project.unwrap_or_default())
    }
}

/// The memories whose ids begin as `given` does, a few of them.
pub(super) async fn beginning_with(
    connection: &mut AnyConnection,
    within: &Within,
    given: &Given,
) -> Result<Vec<Memory>, StoreError> {
    let (places, project) = within.bound();
    let rows = sqlx::query(LIKE_ID)
        .bind(&given.beginning)
        .bind(given.end())
        .bind(places)
        .bind(project)
        .fetch_all(connection)
        .await?;
    rows.iter().map(of_row).collect()
}

/// The memories with these numbers, in any order; those that are gone are left out.
pub(super) async fn by_numbers(
    connection: &mut AnyConnection,
    numbers: &[i64],
) -> Result<Vec<(i64, Memory)>, StoreError> {
    let rows = sqlx::query(BY_NUMBERS)
        .bind(serde_json::json!(numbers).to_string())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("n")?, of_row(row)?)))
        .collect()
}

/// The number of a memory.
pub(super) async fn number(
    connection: &mut AnyConnection,
    id: &MemoryId,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar(NUMBER)
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?)
}

/// The newest memories that hold whose id looks like `given`, as `m-0a1b2c "text"`.
pub(super) async fn nearest(
    connection: &mut AnyConnection,
    within: &Within,
    given: &Given,
) -> Result<Vec<String>, StoreError> {
    let (places, project) = within.bound();
    let recent: Vec<(String, String)> = sqlx::query_as(RECENT)
        .bind(places)
        .bind(project)
        .fetch_all(connection)
        .await?;
    Ok(given.nearest(recent))
}

pub(super) fn of_row(row: &AnyRow) -> Result<Memory, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    let forgotten_ms = number("forgotten_ms")?;
    let forgotten = match forgotten_ms {
        0 => None,
        at_ms => Some(Forgotten {
            at_ms,
            by: text("forgotten_by")?,
            why: text("forgotten_why")?,
        }),
    };
    let superseded_by = Some(text("superseded_by")?).filter(|id| !id.is_empty());
    let links: Vec<(LinkKind, String)> = json("links", &text("links")?)?;
    let supersedes: Vec<String> = json("supersedes", &text("supersedes")?)?;
    Ok(Memory {
        id: MemoryId::stored(text("id")?),
        scope: Scope::of_place(&text("place")?),
        text: text("text")?,
        kind: word("kind", &text("kind")?, Kind::parse)?,
        tags: json("tags", &text("tags")?)?,
        subject: text("subject")?,
        importance: row.try_get("importance")?,
        trust: word("trust", &text("trust")?, Trust::parse)?,
        source: Source {
            kind: word("source", &text("source")?, SourceKind::parse)?,
            id: text("source_id")?,
        },
        session: text("session")?,
        turn: number("turn")?,
        at_ms: number("at_ms")?,
        created_ms: number("created_ms")?,
        changed_ms: number("changed_ms")?,
        used_ms: number("used_ms")?,
        uses: number("uses")?,
        valid_from_ms: number("valid_from_ms")?,
        valid_to_ms: number("valid_to_ms")?,
        supersedes: supersedes.into_iter().map(MemoryId::stored).collect(),
        superseded_by: superseded_by.map(MemoryId::stored),
        forgotten,
        links: links
            .into_iter()
            .map(|(kind, target)| Link { kind, target })
            .collect(),
    })
}

fn word<T>(column: &str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(text).ok_or_else(|| StoreError::Row {
        what: "memory",
        message: format!("there is no {column} {text:?}"),
    })
}

fn json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Row {
        what: "memory",
        message: format!("its {column}: {error}"),
    })
}
