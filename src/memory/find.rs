//! One memory by its id.

use sqlx::AnyConnection;

use super::error::MemoryError;
use super::memories::Memories;
use super::model::Memory;
use super::rows;
use crate::ids::MemoryId;

/// How many ids are named for a mistyped one.
const NEAREST: usize = 3;
/// Characters of an id that stand for it, at least.
const SHORTEST: usize = 3;
/// Longest text that may stand where an id is expected.
const NAME: usize = 40;

impl Memories<'_> {
    /// The memory that `given` stands for: its id, or the beginning of it, with or without `m-`. Also
    /// one that was superseded or forgotten; to an agent only what it may read.
    ///
    /// # Errors
    /// [`MemoryError::Unknown`], [`MemoryError::Ambiguous`], failures of the store.
    pub async fn get(&self, given: &str) -> Result<Memory, MemoryError> {
        let mut connection = self.store.read().acquire().await?;
        self.find_in(&mut connection, given).await
    }

    /// The same within a transaction.
    pub(super) async fn find_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
    ) -> Result<Memory, MemoryError> {
        let lower = given.trim().to_ascii_lowercase();
        let lower: String = lower.chars().take(NAME).collect();
        let prefix = match lower.starts_with("m-") {
            true => lower,
            false => format!("m-{lower}"),
        };
        let mut found = Vec::new();
        if prefix.len() >= "m-".len() + SHORTEST {
            found = rows::beginning_with(connection, self.project, &prefix).await?;
            found.retain(|memory| self.may_read(&memory.scope));
        }
        if let Some(exact) = found.iter().position(|memory| memory.id.as_str() == prefix) {
            return Ok(found.swap_remove(exact));
        }
        let shown = crate::text::one_line(given.trim(), NAME);
        if found.len() > 1 {
            return Err(MemoryError::Ambiguous {
                given: shown,
                candidates: found.iter().map(|memory| memory.id.to_string()).collect(),
            });
        }
        match found.pop() {
            Some(only) => Ok(only),
            None => Err(MemoryError::Unknown {
                id: shown,
                // Their texts may be those of others.
                nearest: match self.is_agent() {
                    true => Vec::new(),
                    false => rows::nearest(connection, self.project, &prefix, NEAREST).await?,
                },
            }),
        }
    }
}

/// A memory that has gone since it was found.
pub(super) fn unknown(id: &MemoryId) -> MemoryError {
    MemoryError::Unknown {
        id: id.to_string(),
        nearest: Vec::new(),
    }
}
