//! Changing what may be changed of a memory: its tags and how important it is. What it says is not.

use super::error::MemoryError;
use super::index::{self, Lexical};
use super::memories::Memories;
use super::model::Memory;
use super::remember::rights::not_allowed;
use super::remember::supersede::stands;
use super::remember::{add_tags, fields};
use crate::store::statements;

statements! {
    ADJUST = "UPDATE memory SET importance = $2, lexical_tags = $3, words = $4, changed_ms = $5
        WHERE n = $1";
    DROP_TAGS = "DELETE FROM memory_tag WHERE memory = $1";
}

/// What a memory is to have; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Adjustment {
    /// Its tags, all of them.
    pub tags: Option<Vec<String>>,
    /// From 0 to 1.
    pub importance: Option<f64>,
}

impl Memories<'_> {
    /// Gives the memory that `given` stands for other tags or another importance.
    ///
    /// # Errors
    /// An agent; an unknown id; values out of range; what was superseded or forgotten; failures of the
    /// store.
    pub async fn adjust(
        &self,
        given: &str,
        adjustment: &Adjustment,
    ) -> Result<Memory, MemoryError> {
        if self.is_agent() {
            return Err(not_allowed(
                "only a session or a person changes the tags and the importance of a memory"
                    .to_owned(),
            ));
        }
        let redacted = |tag: &String| self.store.redact(tag);
        let tags = adjustment.tags.as_ref();
        let tags = tags.map(|tags| fields::tags(&tags.iter().map(redacted).collect::<Vec<_>>()));
        let tags = tags.transpose()?;
        let importance = adjustment.importance.map(fields::importance).transpose()?;
        let mut tx = self.store.begin().await?;
        let memory = self.find_in(&mut tx, given).await?;
        stands(&mut tx, &memory).await?;
        let (n, place, before) = self.lexical_in(&mut tx, &memory.id).await?;
        let tags = tags.unwrap_or_else(|| memory.tags.clone());
        let after = Lexical {
            tags: Lexical::of("", &tags, &memory.subject).tags,
            text: before.text.clone(),
        };
        sqlx::query(ADJUST)
            .bind(n)
            .bind(importance.unwrap_or(memory.importance))
            .bind(after.tags.join(" "))
            .bind(i64::try_from(after.len()).unwrap_or(i64::MAX))
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
        sqlx::query(DROP_TAGS).bind(n).execute(&mut *tx).await?;
        add_tags(&mut tx, n, &tags).await?;
        if after != before {
            index::remove(&mut tx, n, place, &before).await?;
            index::add(&mut tx, n, place, &after).await?;
        }
        self.store.commit(tx).await?;
        self.get(memory.id.as_str()).await
    }
}
