//! Taking a memory out of every search; that it was there, and why it is gone, stays on record.

use super::error::MemoryError;
use super::index;
use super::memories::Memories;
use super::model::Memory;
use super::remember::fields;
use crate::store::statements;

statements! {
    FORGET = "UPDATE memory SET forgotten_ms = $2, forgotten_by = $3, forgotten_why = $4, changed_ms = $2
        WHERE id = $1";
}

impl Memories<'_> {
    /// Forgets the memory that `given` stands for; one that was forgotten stays so.
    ///
    /// # Errors
    /// An unknown id; what this author may not forget; a word why that is not one line of at most 300
    /// characters; failures of the store.
    pub async fn forget(&self, given: &str, why: &str) -> Result<Memory, MemoryError> {
        let why = fields::why(&self.store.redact(why))?;
        let mut tx = self.store.begin().await?;
        let memory = self.find_in(&mut tx, given).await?;
        self.may_end(&memory)?;
        if memory.forgotten.is_some() {
            return Ok(memory);
        }
        let (n, place, lexical) = self.lexical_in(&mut tx, &memory.id).await?;
        sqlx::query(FORGET)
            .bind(memory.id.as_str())
            .bind(self.now_ms())
            .bind(self.source().to_string())
            .bind(why)
            .execute(&mut *tx)
            .await?;
        match memory.superseded_by {
            Some(_) => index::remove_aside(&mut tx, n).await?,
            None => index::remove(&mut tx, n, place, &lexical).await?,
        }
        self.store.commit(tx).await?;
        self.get(memory.id.as_str()).await
    }
}
