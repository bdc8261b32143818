//! Writing memories as a file or a page has them, with all that a search needs to know of them.

use sqlx::AnyConnection;

use crate::ids::{MemoryId, ProjectId};
use crate::memory::index::{self, Lexical};
use crate::memory::memories::Memories;
use crate::memory::model::Memory;
use crate::memory::remember::mark;
use crate::memory::vectors;
use crate::memory::{MemoryError, rows};
use crate::store::statements;

statements! {
    ADD = "INSERT INTO memory(id, place, project_id, text, kind, subject, importance, trust, source,
          source_id, session, turn, at_ms, created_ms, valid_from_ms, lexical, words, lexical_tags,
          mark, changed_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
          $19, 0)
        RETURNING n";
    SET = "UPDATE memory SET importance = $2, trust = $3, changed_ms = $4, used_ms = $5, uses = $6,
          valid_to_ms = $7, superseded_by = $8, forgotten_ms = $9, forgotten_by = $10,
          forgotten_why = $11, lexical_tags = $12, words = $13 WHERE n = $1";
    UNTAG = "DELETE FROM memory_tag WHERE memory = $1";
    TAG = "INSERT INTO memory_tag(memory, tag) SELECT $1, value FROM json_each($2) WHERE true
        ON CONFLICT DO NOTHING";
    /// `$2`: 0 where nobody has told when it happened.
    CARRY = "UPDATE memory SET at_ms = CASE WHEN $2 = 0 THEN at_ms ELSE $2 END, session = $3, turn = $4
        WHERE id = $1";
    LINK = "INSERT INTO memory_link(memory, kind, target)
        SELECT $1, value ->> 0, value ->> 1 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
}

/// Where the words of a memory lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shelf {
    /// It is found.
    Found,
    /// It is found by those only who look at what was superseded.
    Aside,
    /// It is not found.
    Gone,
}

impl Shelf {
    fn of(memory: &Memory) -> Self {
        match (&memory.forgotten, &memory.superseded_by) {
            (Some(_), _) => Shelf::Gone,
            (None, Some(_)) => Shelf::Aside,
            (None, None) => Shelf::Found,
        }
    }
}

/// Writes a memory that is not there.
pub(super) async fn add(
    connection: &mut AnyConnection,
    project: &ProjectId,
    memory: &Memory,
) -> Result<(), MemoryError> {
    let place = index::place(connection, &memory.scope.place(project)).await?;
    let lexical = Lexical::of(&memory.text, &memory.tags, &memory.subject);
    let n: i64 = sqlx::query_scalar(ADD)
        .bind(memory.id.as_str())
        .bind(place)
        .bind(project.as_str())
        .bind(&memory.text)
        .bind(memory.kind.as_str())
        .bind(&memory.subject)
        .bind(memory.importance)
        .bind(memory.trust.as_str())
        .bind(memory.source.kind.as_str())
        .bind(&memory.source.id)
        .bind(&memory.session)
        .bind(memory.turn)
        .bind(memory.at_ms)
        .bind(memory.created_ms)
        .bind(memory.valid_from_ms)
        .bind(lexical.text.join(" "))
        .bind(length(&lexical))
        .bind(lexical.tags.join(" "))
        .bind(mark(&memory.text))
        .fetch_one(&mut *connection)
        .await?;
    set(connection, n, memory, &lexical).await?;
    put(connection, n, place, &lexical, Shelf::of(memory)).await
}

impl Memories<'_> {
    /// Writes what has changed of a memory.
    pub(super) async fn change_in(
        &self,
        connection: &mut AnyConnection,
        before: &Memory,
        after: &Memory,
    ) -> Result<(), MemoryError> {
        let (n, place, old) = self.lexical_in(connection, &before.id).await?;
        let new = Lexical {
            text: old.text.clone(),
            tags: match before.tags == after.tags {
                true => old.tags.clone(),
                false => Lexical::of("", &after.tags, &after.subject).tags,
            },
        };
        let (from, to) = (Shelf::of(before), Shelf::of(after));
        if to != Shelf::Found {
            vectors::rows::remove(connection, n).await?;
        }
        if from != to || old != new {
            match from {
                Shelf::Found => index::remove(connection, n, place, &old).await?,
                Shelf::Aside => index::remove_aside(connection, n).await?,
                Shelf::Gone => {}
            }
            put(connection, n, place, &new, to).await?;
        }
        set(connection, n, after, &new).await
    }
}

async fn put(
    connection: &mut AnyConnection,
    n: i64,
    place: i64,
    lexical: &Lexical,
    shelf: Shelf,
) -> Result<(), MemoryError> {
    if shelf != Shelf::Gone {
        index::add(connection, n, place, lexical).await?;
    }
    if shelf == Shelf::Aside {
        index::set_aside(connection, n, place, lexical).await?;
    }
    Ok(())
}

/// Writes all of a memory that may change.
async fn set(
    connection: &mut AnyConnection,
    n: i64,
    memory: &Memory,
    lexical: &Lexical,
) -> Result<(), MemoryError> {
    let superseded_by = memory.superseded_by.as_ref();
    let gone = memory.forgotten.as_ref();
    sqlx::query(SET)
        .bind(n)
        .bind(memory.importance)
        .bind(memory.trust.as_str())
        .bind(memory.changed_ms)
        .bind(memory.used_ms)
        .bind(memory.uses)
        .bind(memory.valid_to_ms)
        .bind(superseded_by.map(|id| id.as_str()).unwrap_or_default())
        .bind(gone.map(|gone| gone.at_ms).unwrap_or_default())
        .bind(gone.map(|gone| gone.by.as_str()).unwrap_or_default())
        .bind(gone.map(|gone| gone.why.as_str()).unwrap_or_default())
        .bind(lexical.tags.join(" "))
        .bind(length(lexical))
        .execute(&mut *connection)
        .await?;
    sqlx::query(UNTAG).bind(n).execute(&mut *connection).await?;
    if !memory.tags.is_empty() {
        sqlx::query(TAG)
            .bind(n)
            .bind(serde_json::json!(memory.tags).to_string())
            .execute(&mut *connection)
            .await?;
    }
    if !memory.links.is_empty() {
        let links = memory.links.iter();
        let links: Vec<_> = links.map(|it| (it.kind.as_str(), &it.target)).collect();
        sqlx::query(LINK)
            .bind(n)
            .bind(serde_json::json!(links).to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn length(lexical: &Lexical) -> i64 {
    i64::try_from(lexical.len()).unwrap_or(i64::MAX)
}

/// Gives `new`, which says something else in the place of `old`, its place in the conversation, if it
/// `stays` in its scope, and when it happened, if that was told of it.
pub(super) async fn carry_over(
    connection: &mut AnyConnection,
    old: &Memory,
    new: &MemoryId,
    stays: bool,
) -> Result<(), MemoryError> {
    let is_told = old.at_ms != old.created_ms;
    let (session, turn) = match stays {
        true => (old.session.as_str(), old.turn),
        false => ("", 0),
    };
    sqlx::query(CARRY)
        .bind(new.as_str())
        .bind(if is_told { old.at_ms } else { 0 })
        .bind(session)
        .bind(turn)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether a memory has that id, in whatever project.
pub(super) async fn is_taken(
    connection: &mut AnyConnection,
    id: &MemoryId,
) -> Result<bool, MemoryError> {
    Ok(rows::number(connection, id).await?.is_some())
}
