//! Removing memories for good: for people only, and with their bytes, in the file and in its log. An
//! id that was purged names nothing any more.

use sqlx::{AnyConnection, Row};

use super::error::MemoryError;
use super::index;
use super::memories::Memories;
use super::model::{Author, Memory};
use super::remember::rights::not_allowed;
use super::rows;
use crate::ids::MemoryId;
use crate::store::{Erased, statements};

/// Most ids in one call.
const BATCH: usize = 1000;

statements! {
    FORGOTTEN = "SELECT memory.n FROM memory JOIN memory_place AS place ON place.n = memory.place
        WHERE memory.forgotten_ms > 0
          AND (place.name IN ('user', $1) OR place.name LIKE $1 || '/%') ORDER BY memory.n";
    BY = "SELECT superseded_by FROM memory WHERE n = $1";
    BEHIND = "SELECT n, id, forgotten_ms FROM memory WHERE superseded_by = $1 AND superseded_by <> ''";
    LEAD_ON = "UPDATE memory SET superseded_by = $2 WHERE n = $1";
    /// With its tags, its links and whatever else hangs on it.
    DELETE = "DELETE FROM memory WHERE n = $1";
    DROP_UNUSED = "DELETE FROM memory_word WHERE memories <= 0";
    /// What is deleted from the index stands in it until its parts are merged.
    MERGE = "INSERT INTO memory_index(memory_index) VALUES ('optimize')";
}

/// What is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purge {
    /// What these ids stand for, also what was superseded or forgotten.
    Ids(Vec<String>),
    /// All that was forgotten, here and of the user.
    Forgotten,
}

/// What has gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Purged {
    /// The memories as they were.
    pub memories: Vec<Memory>,
    /// Whether their bytes are gone from the file and from its log.
    pub erased: Erased,
}

impl Memories<'_> {
    /// Removes memories for good, all or none, and then their bytes. What one of them had taken the
    /// place of is superseded by what has taken its own; where nothing has, it ended when it was
    /// superseded.
    ///
    /// # Errors
    /// Whoever is no person; an unknown id; failures of the store before anything was removed.
    pub async fn purge(&self, what: &Purge) -> Result<Purged, MemoryError> {
        if self.author != Author::Person {
            return Err(not_allowed(
                "only a person purges memories, with `ostler memory purge`; forget it instead"
                    .to_owned(),
            ));
        }
        if let Purge::Ids(ids) = what
            && (ids.is_empty() || ids.len() > BATCH)
        {
            let problem = format!("has {} entries; from 1 to {BATCH} are taken", ids.len());
            return Err(MemoryError::bad("ids", problem));
        }
        self.store.overwrite_deleted().await?;
        let mut tx = self.store.begin().await?;
        let memories = self.chosen(&mut tx, what).await?;
        for (n, memory) in &memories {
            self.purge_in(&mut tx, *n, memory).await?;
        }
        sqlx::query(DROP_UNUSED).execute(&mut *tx).await?;
        sqlx::query(MERGE).execute(&mut *tx).await?;
        self.store.commit(tx).await?;
        Ok(Purged {
            memories: memories.into_iter().map(|(_, memory)| memory).collect(),
            erased: self.store.erase().await,
        })
    }

    async fn chosen(
        &self,
        connection: &mut AnyConnection,
        what: &Purge,
    ) -> Result<Vec<(i64, Memory)>, MemoryError> {
        let numbers = match what {
            Purge::Forgotten => {
                sqlx::query_scalar(FORGOTTEN)
                    .bind(self.project.as_str())
                    .fetch_all(&mut *connection)
                    .await?
            }
            Purge::Ids(ids) => {
                let mut numbers = Vec::with_capacity(ids.len());
                for given in ids {
                    let memory = self.find_in(connection, given).await?;
                    numbers.extend(rows::number(connection, &memory.id).await?);
                }
                numbers
            }
        };
        Ok(rows::by_numbers(connection, &numbers).await?)
    }

    async fn purge_in(
        &self,
        connection: &mut AnyConnection,
        n: i64,
        memory: &Memory,
    ) -> Result<(), MemoryError> {
        let (_, place, lexical) = self.lexical_in(connection, &memory.id).await?;
        // What had taken its place may just have been purged.
        let by: String = sqlx::query_scalar(BY)
            .bind(n)
            .fetch_one(&mut *connection)
            .await?;
        match (&memory.forgotten, by.as_str()) {
            (Some(_), _) => {}
            (None, "") => index::remove(connection, n, place, &lexical).await?,
            (None, _) => index::remove_aside(connection, n).await?,
        }
        let behind = sqlx::query(BEHIND)
            .bind(memory.id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        for row in behind {
            let old: i64 = row.try_get("n")?;
            sqlx::query(LEAD_ON)
                .bind(old)
                .bind(&by)
                .execute(&mut *connection)
                .await?;
            if by.is_empty() && row.try_get::<i64, _>("forgotten_ms")? == 0 {
                let id = MemoryId::stored(row.try_get("id")?);
                let (_, place, lexical) = self.lexical_in(connection, &id).await?;
                index::remove_aside(connection, old).await?;
                index::add(connection, old, place, &lexical).await?;
            }
        }
        sqlx::query(DELETE).bind(n).execute(connection).await?;
        Ok(())
    }
}
