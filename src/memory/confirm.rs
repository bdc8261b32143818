//! Standing for what an agent has written. A person does so by its id, a session by saying the same;
//! that it was used confirms nothing.

use sqlx::AnyConnection;

use super::error::MemoryError;
use super::memories::Memories;
use super::model::{Author, Memory, Trust};
use super::remember::rights::not_allowed;
use super::remember::supersede::stands;
use crate::ids::MemoryId;
use crate::store::statements;

/// Most memories in one call.
const BATCH: usize = 1000;

statements! {
    CONFIRM = "UPDATE memory SET trust = 'confirmed', changed_ms = $2
        WHERE id = $1 AND trust <> 'confirmed'";
}

impl Memories<'_> {
    /// Confirms the memories that these ids stand for, all or none; what was confirmed stays so.
    ///
    /// # Errors
    /// Whoever is no person; an unknown id; what was superseded or forgotten; failures of the store.
    pub async fn confirm(&self, given: &[String]) -> Result<Vec<Memory>, MemoryError> {
        if self.author != Author::Person {
            return Err(not_allowed(
                "only a person confirms memories, with `ostler memory confirm`; a session does by \
                 remembering the same text"
                    .to_owned(),
            ));
        }
        if given.is_empty() || given.len() > BATCH {
            let problem = format!("has {} entries; from 1 to {BATCH} are taken", given.len());
            return Err(MemoryError::bad("ids", problem));
        }
        let mut tx = self.store.begin().await?;
        let now_ms = self.now_ms();
        let mut confirmed: Vec<Memory> = Vec::with_capacity(given.len());
        for given in given {
            let mut memory = self.find_in(&mut tx, given).await?;
            stands(&mut tx, &memory).await?;
            if memory.trust == Trust::Quarantined {
                confirm_in(&mut tx, &memory.id, now_ms).await?;
                memory.trust = Trust::Confirmed;
                memory.changed_ms = now_ms;
            }
            if !confirmed.iter().any(|other| other.id == memory.id) {
                confirmed.push(memory);
            }
        }
        self.store.commit(tx).await?;
        Ok(confirmed)
    }
}

pub(super) async fn confirm_in(
    connection: &mut AnyConnection,
    id: &MemoryId,
    now_ms: i64,
) -> Result<(), MemoryError> {
    sqlx::query(CONFIRM)
        .bind(id.as_str())
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}
