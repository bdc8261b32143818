//! Keeping what was learnt, many at once: all of it or nothing.

use sqlx::{AnyConnection, Row};

use super::error::MemoryError;
use super::index::{self, Lexical};
use super::memories::Memories;
use super::model::{Author, Kind, Link, Scope, Trust};
use super::{find, rows};
use crate::ids::MemoryId;
use crate::store::statements;

/// Most memories in one call.
pub const BATCH: usize = 100;
/// Most characters of a text.
const TEXT: usize = 2000;
const USUAL_IMPORTANCE: f64 = 0.5;

statements! {
    TURN = "SELECT coalesce(max(turn), 0) + 1 FROM memory WHERE place = $1 AND session = $2
        AND session <> ''";
    ADD = "INSERT INTO memory(id, place, project_id, text, kind, subject, importance, trust, source,
          source_id, session, turn, at_ms, created_ms, changed_ms, valid_from_ms, valid_to_ms, lexical,
          words, lexical_tags)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18,
          $19)
        RETURNING n";
    ADD_TAGS = "INSERT INTO memory_tag(memory, tag) SELECT $1, value FROM json_each($2) WHERE true
        ON CONFLICT DO NOTHING";
    ADD_LINKS = "INSERT INTO memory_link(memory, kind, target)
        SELECT $1, value ->> 0, value ->> 1 FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
    LEXICAL = "SELECT n, place, lexical, lexical_tags FROM memory WHERE id = $1";
    SUPERSEDE = "UPDATE memory SET superseded_by = $2, changed_ms = $3,
          valid_to_ms = CASE WHEN valid_to_ms = 0 THEN $4 ELSE valid_to_ms END
        WHERE id = $1";
}

/// A statement to be kept.
#[derive(Debug, Clone, Default)]
pub struct NewMemory {
    /// The statement.
    pub text: String,
    /// What kind of statement; a fact unless said otherwise.
    pub kind: Option<Kind>,
    /// For whom; the project unless said otherwise.
    pub scope: Option<Scope>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Who or what it is about.
    pub subject: String,
    /// From 0 to 1; 0.5 unless said otherwise.
    pub importance: Option<f64>,
    /// When it happened, in milliseconds since the Unix epoch; now unless said otherwise.
    pub at_ms: Option<i64>,
    /// The conversation it belongs to; that of the author unless said otherwise.
    pub session: Option<String>,
    /// Not so before; 0 for always.
    pub valid_from_ms: i64,
    /// Not so from then on; 0 for always.
    pub valid_to_ms: i64,
    /// Ids of what it takes the place of.
    pub supersedes: Vec<String>,
    /// What it is about.
    pub links: Vec<Link>,
    /// Whether it is kept although one like it is there.
    pub force: bool,
}

/// What has become of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// It is kept.
    New {
        /// Its id.
        id: MemoryId,
        /// Whether it may be relied upon.
        trust: Trust,
        /// What it took the place of.
        superseded: Vec<MemoryId>,
    },
    /// It was there, written by an agent, and is confirmed now.
    Confirmed {
        /// The id of the one that was there.
        id: MemoryId,
    },
    /// One like it is there, and nothing was kept.
    Known {
        /// The id of the one that is there.
        id: MemoryId,
        /// What that says.
        text: String,
        /// Whether it may be relied upon.
        trust: Trust,
        /// How much of its words they share, from 0 to 1; 1 for the same.
        likeness: f64,
    },
}

/// A checked statement.
pub(super) struct Checked<'a> {
    new: &'a NewMemory,
    pub(super) text: String,
    pub(super) scope: Scope,
    lexical: Lexical,
}

impl Memories<'_> {
    /// Keeps statements; either all of them are looked at or none is.
    ///
    /// # Errors
    /// The first entry that cannot be kept, by its place and field.
    pub async fn remember(&self, new: &[NewMemory]) -> Result<Vec<Kept>, MemoryError> {
        if new.is_empty() || new.len() > BATCH {
            return Err(MemoryError::BadBatch {
                found: new.len(),
                most: BATCH,
            });
        }
        let checked: Vec<Checked<'_>> = new
            .iter()
            .enumerate()
            .map(|(at, new)| self.check(new).map_err(|error| error.of_entry(at)))
            .collect::<Result<_, _>>()?;
        let mut tx = self.store.begin().await?;
        let mut kept = Vec::with_capacity(checked.len());
        for (at, checked) in checked.iter().enumerate() {
            let one = self.keep_in(&mut tx, checked).await;
            kept.push(one.map_err(|error| error.of_entry(at))?);
        }
        self.store.commit(tx).await?;
        Ok(kept)
    }

    pub(super) fn check<'a>(&self, new: &'a NewMemory) -> Result<Checked<'a>, MemoryError> {
        let text = self.store.redact(new.text.trim());
        if text.is_empty() {
            return Err(MemoryError::not_kept("text", "it is empty"));
        }
        if text.chars().count() > TEXT {
            return Err(MemoryError::not_kept(
                "text",
                format!("it is longer than {TEXT} characters"),
            ));
        }
        Ok(Checked {
            new,
            scope: new.scope.clone().unwrap_or(Scope::Project),
            lexical: Lexical::of(&text, &new.tags, &new.subject),
            text,
        })
    }

    async fn keep_in(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
    ) -> Result<Kept, MemoryError> {
        let new = checked.new;
        let id = self.new_id(connection).await?;
        let now_ms = self.now_ms();
        let source = self.source();
        let trust = match self.is_agent() {
            true => Trust::Quarantined,
            false => Trust::Confirmed,
        };
        let place = index::place(connection, &checked.scope.place(self.project)).await?;
        let session = new.session.clone().unwrap_or_else(|| match &self.author {
            Author::Person => String::new(),
            _ => source.id.clone(),
        });
        let turn: i64 = match session.is_empty() {
            true => 0,
            false => {
                sqlx::query_scalar(TURN)
                    .bind(place)
                    .bind(&session)
                    .fetch_one(&mut *connection)
                    .await?
            }
        };
        let at_ms = new.at_ms.unwrap_or(now_ms);
        let n: i64 = sqlx::query_scalar(ADD)
            .bind(id.as_str())
            .bind(place)
            .bind(self.project.as_str())
            .bind(&checked.text)
            .bind(new.kind.unwrap_or(Kind::Fact).as_str())
            .bind(&new.subject)
            .bind(new.importance.unwrap_or(USUAL_IMPORTANCE))
            .bind(trust.as_str())
            .bind(source.kind.as_str())
            .bind(&source.id)
            .bind(&session)
            .bind(turn)
            .bind(at_ms)
            .bind(now_ms)
            .bind(new.valid_from_ms)
            .bind(new.valid_to_ms)
            .bind(checked.lexical.text.join(" "))
            .bind(i64::try_from(checked.lexical.len()).unwrap_or(i64::MAX))
            .bind(checked.lexical.tags.join(" "))
            .fetch_one(&mut *connection)
            .await?;
        if !new.tags.is_empty() {
            sqlx::query(ADD_TAGS)
                .bind(n)
                .bind(serde_json::json!(new.tags).to_string())
                .execute(&mut *connection)
                .await?;
        }
        if !new.links.is_empty() {
            let links: Vec<_> = new
                .links
                .iter()
                .map(|link| (link.kind.as_str(), &link.target))
                .collect();
            sqlx::query(ADD_LINKS)
                .bind(n)
                .bind(serde_json::json!(links).to_string())
                .execute(&mut *connection)
                .await?;
        }
        index::add(connection, n, place, &checked.lexical).await?;
        let mut superseded = Vec::with_capacity(new.supersedes.len());
        for old in &new.supersedes {
            superseded.push(self.supersede_in(connection, old, &id, at_ms).await?);
        }
        Ok(Kept::New {
            id,
            trust,
            superseded,
        })
    }

    /// Lets `by` take the place of the memory that `given` stands for.
    async fn supersede_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
        by: &MemoryId,
        at_ms: i64,
    ) -> Result<MemoryId, MemoryError> {
        let old = self.find_in(connection, given).await?;
        if let Some(by) = old.superseded_by {
            return Err(MemoryError::Superseded { id: old.id, by });
        }
        if old.forgotten.is_some() {
            return Err(MemoryError::Forgotten { id: old.id });
        }
        let (n, place, lexical) = self.lexical_in(connection, &old.id).await?;
        sqlx::query(SUPERSEDE)
            .bind(old.id.as_str())
            .bind(by.as_str())
            .bind(self.now_ms())
            .bind(at_ms)
            .execute(&mut *connection)
            .await?;
        index::set_aside(connection, n, place, &lexical).await?;
        Ok(old.id)
    }

    /// The number, the place and the words of a memory.
    pub(super) async fn lexical_in(
        &self,
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

    pub(super) async fn new_id(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<MemoryId, MemoryError> {
        loop {
            let id = MemoryId::new(self.ids);
            if rows::number(connection, &id).await?.is_none() {
                return Ok(id);
            }
        }
    }
}
