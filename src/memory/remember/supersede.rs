//! One memory in the place of others: these stay as they were, and say what has taken their place.

use sqlx::{AnyConnection, Row};

use super::{Checked, known};
use crate::ids::MemoryId;
use crate::memory::error::MemoryError;
use crate::memory::find;
use crate::memory::index::{self, Lexical};
use crate::memory::memories::Memories;
use crate::memory::model::Memory;
use crate::store::statements;

statements! {
    LEXICAL = "SELECT n, place, lexical, lexical_tags FROM memory WHERE id = $1";
    SUPERSEDE = "UPDATE memory SET superseded_by = $2, changed_ms = $3, valid_to_ms =
          CASE WHEN valid_to_ms = 0 OR valid_to_ms > $4 THEN max($4, valid_from_ms)
            ELSE valid_to_ms END
        WHERE id = $1";
}

impl Memories<'_> {
    /// The memories whose place a statement takes, none of which has an end yet.
    pub(super) async fn to_supersede(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
    ) -> Result<Vec<Memory>, MemoryError> {
        let mut olds: Vec<Memory> = Vec::with_capacity(checked.supersedes.len());
        let now_ms = self.now_ms();
        for given in &checked.supersedes {
            let old = self.find_in(connection, given).await?;
            stands(connection, &old).await?;
            self.may_end(&old)?;
            if !checked.reaches_as_far_as(&old) {
                let problem = format!(
                    "names {}, which others read in the scope {}; keep this one in that scope as well",
                    old.id, old.scope
                );
                return Err(MemoryError::bad("supersedes", problem));
            }
            if old.holds_at(now_ms) && !checked.holds_at(now_ms) {
                let problem = format!(
                    "names {}, which holds now, and this one does not: nothing would answer; keep it \
                     without `supersedes`, or with a time in which it holds",
                    old.id
                );
                return Err(MemoryError::bad("supersedes", problem));
            }
            if !olds.iter().any(|other| other.id == old.id) {
                olds.push(old);
            }
        }
        Ok(olds)
    }

    /// The number, the place and the words of a memory.
    pub(in crate::memory) async fn lexical_in(
        &self,
        connection: &mut AnyConnection,
        id: &MemoryId,
    ) -> Result<(i64, i64, Lexical), MemoryError> {
        lexical(connection, id).await
    }
}

/// Refuses a memory whose place another one has taken, or that was forgotten.
pub(in crate::memory) async fn stands(
    connection: &mut AnyConnection,
    memory: &Memory,
) -> Result<(), MemoryError> {
    let id = memory.id.clone();
    if memory.forgotten.is_some() {
        return Err(MemoryError::Forgotten { id });
    }
    match &memory.superseded_by {
        None => Ok(()),
        Some(by) => {
            let head = known::head(connection, by.as_str()).await?;
            let by = head.map_or_else(|| by.clone(), |head| head.id);
            Err(MemoryError::Superseded { id, by })
        }
    }
}

/// Lets `by`, which says what is so since `at_ms`, take the place of a memory.
pub(super) async fn supersede_in(
    connection: &mut AnyConnection,
    old: &MemoryId,
    by: &MemoryId,
    now_ms: i64,
    at_ms: i64,
) -> Result<(), MemoryError> {
    let (n, place, lexical) = lexical(connection, old).await?;
    sqlx::query(SUPERSEDE)
        .bind(old.as_str())
        .bind(by.as_str())
        .bind(now_ms)
        .bind(at_ms)
        .execute(&mut *connection)
        .await?;
    Ok(index::set_aside(connection, n, place, &lexical).await?)
}

async fn lexical(
    connection: &mut AnyConnection,
    id: &MemoryId,
) -> Result<(i64, i64, Lexical), MemoryError> {
    let row = sqlx::query(LEXICAL)
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| find::unknown(id))?;
    let lexical = Lexical::stored(
        &row.try_get::<String, _>("lexical")?,
        &row.try_get::<String, _>("lexical_tags")?,
    );
    Ok((row.try_get("n")?, row.try_get("place")?, lexical))
}
