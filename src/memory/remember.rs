//! Keeping what was learnt, many at once: all of it or nothing. What is no memory is refused, and what
//! is there already is not kept again.

pub(super) mod alike;
pub(super) mod fields;
pub(crate) mod known;
mod passing;
mod quotation;
pub(crate) mod rights;
pub(in crate::memory) mod secrets;
pub(crate) mod supersede;

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::confirm;
use super::error::MemoryError;
use super::index::{self, Lexical};
use super::memories::Memories;
use super::model::{self, Kind, Link, Memory, Scope, Trust};
use crate::ids::MemoryId;
use crate::store::statements;
use alike::Sense;

/// Most memories in one call.
pub const BATCH: usize = 100;
const USUAL_IMPORTANCE: f64 = 0.5;

statements! {
    ADD = "INSERT INTO memory(id, place, project_id, text, kind, subject, importance, trust, source,
          source_id, session, turn, at_ms, created_ms, changed_ms, valid_from_ms, valid_to_ms, lexical,
          words, lexical_tags, mark)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
          CASE $11 WHEN '' THEN 0 ELSE (SELECT coalesce(max(turn), 0) + 1 FROM memory
            WHERE place = $2 AND session = $11 AND session <> '') END,
          $12, $13, $13, $14, $15, $16, $17, $18, $19)
        ON CONFLICT (id) DO NOTHING RETURNING n";
    ADD_TAGS = "INSERT INTO memory_tag(memory, tag) SELECT $1, value FROM json_each($2)";
    ADD_LINKS = "INSERT INTO memory_link(memory, kind, target)
        SELECT $1, value ->> 0, value ->> 1 FROM json_each($2)";
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
    /// The conversation it belongs to, if what stands beside it there tells more of it.
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
        /// Variables of our environment whose secret values it had; their names stand there instead.
        redacted: Vec<String>,
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

/// A statement that may be kept.
pub(in crate::memory) struct Checked<'a> {
    new: &'a NewMemory,
    pub(in crate::memory) text: String,
    pub(in crate::memory) scope: Scope,
    pub(in crate::memory) tags: Vec<String>,
    pub(in crate::memory) subject: String,
    session: Option<String>,
    pub(in crate::memory) importance: f64,
    pub(in crate::memory) links: Vec<Link>,
    supersedes: Vec<&'a str>,
    redacted: Vec<String>,
    lexical: Lexical,
    sense: Sense,
}

impl Checked<'_> {
    /// Whether it is so at that time.
    fn holds_at(&self, ms: i64) -> bool {
        model::holds(self.new.valid_from_ms, self.new.valid_to_ms, ms)
    }

    /// Whether all who read a memory read this one as well.
    fn reaches_as_far_as(&self, memory: &Memory) -> bool {
        self.scope == memory.scope || self.scope.reach() > memory.scope.reach()
    }

    /// Whether a memory with this text is that one in all else as well: whoever confirms it stands for
    /// nothing that was not said.
    fn says_no_more_than(&self, memory: &Memory) -> bool {
        let tags: BTreeSet<&String> = self.tags.iter().collect();
        let links: BTreeSet<&Link> = self.links.iter().collect();
        memory.kind == self.new.kind.unwrap_or(Kind::Fact)
            && memory.subject == self.subject
            && memory.importance <= self.importance
            && memory.tags.iter().collect::<BTreeSet<_>>() == tags
            && memory.links.iter().collect::<BTreeSet<_>>() == links
            && (memory.valid_from_ms, memory.valid_to_ms)
                == (self.new.valid_from_ms, self.new.valid_to_ms)
            && self.session.is_none()
            && self.new.at_ms.is_none()
    }
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
        // There is no place to name in a list of one.
        let told = |error: MemoryError, at: usize| match new.len() {
            1 => error,
            _ => error.of_entry(at),
        };
        let checked: Vec<Checked<'_>> = new
            .iter()
            .enumerate()
            .map(|(at, new)| self.check(new).map_err(|error| told(error, at)))
            .collect::<Result<_, _>>()?;
        let mut tx = self.store.begin().await?;
        let mut room = self.room_in(&mut tx).await?;
        let mut kept = Vec::with_capacity(checked.len());
        for (at, checked) in checked.iter().enumerate() {
            let one = self.keep_in(&mut tx, checked, &mut room).await;
            kept.push(one.map_err(|error| told(error, at))?);
        }
        self.store.commit(tx).await?;
        Ok(kept)
    }

    /// Whether a statement may be kept, as it would be.
    pub(in crate::memory) fn check<'a>(
        &self,
        new: &'a NewMemory,
    ) -> Result<Checked<'a>, MemoryError> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut redact = |text: &String| {
            let (text, found) = self.store.redacted(text);
            names.extend(found);
            text
        };
        let text = fields::text(&redact(&new.text), new.kind)?;
        let scope = new.scope.clone().unwrap_or(Scope::Project);
        fields::scope(&scope)?;
        self.may_write(&scope)?;
        let tags = fields::tags(&new.tags.iter().map(&mut redact).collect::<Vec<_>>())?;
        let subject = fields::subject(&redact(&new.subject))?;
        let session = new.session.as_deref().map(fields::session).transpose()?;
        if let Some(at_ms) = new.at_ms {
            fields::time("at", at_ms)?;
        }
        fields::validity(new.valid_from_ms, new.valid_to_ms)?;
        Ok(Checked {
            new,
            scope,
            session,
            importance: fields::importance(new.importance.unwrap_or(USUAL_IMPORTANCE))?,
            links: fields::links(&new.links)?,
            supersedes: fields::supersedes(&new.supersedes)?,
            redacted: names.into_iter().map(str::to_owned).collect(),
            lexical: Lexical::of(&text, &tags, &subject),
            sense: Sense::of(&text),
            text,
            tags,
            subject,
        })
    }

    /// Keeps a statement within a transaction.
    pub(in crate::memory) async fn keep_one_in(
        &self,
        connection: &mut AnyConnection,
        new: &NewMemory,
    ) -> Result<Kept, MemoryError> {
        let checked = self.check(new)?;
        let mut room = self.room_in(connection).await?;
        self.keep_in(connection, &checked, &mut room).await
    }

    async fn keep_in(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
        room: &mut rights::Room,
    ) -> Result<Kept, MemoryError> {
        let mut olds = self.to_supersede(connection, checked).await?;
        let places = checked.scope.and_wider().into_iter();
        let places: Vec<String> = places.map(|scope| scope.place(self.project)).collect();
        let now_ms = self.now_ms();
        let seen = match checked.new.force {
            true => None,
            false => known::look(connection, &places, checked, now_ms).await?,
        };
        // What is said of another time is no repetition of what holds now.
        if let Some(seen) = seen.as_ref().filter(|_| checked.holds_at(now_ms)) {
            let of_agent = self.is_agent();
            // Those that it takes the place of, and those that stay beside it.
            let mut apart = olds.clone();
            while let Some(found) = seen.find(connection, checked, &apart, of_agent).await? {
                if of_agent || found.trust == Trust::Confirmed {
                    return Ok(found.known());
                }
                let by_agent = self.find_in(connection, found.id.as_str()).await?;
                if found.is_same && olds.is_empty() && checked.says_no_more_than(&by_agent) {
                    confirm::confirm_in(connection, &found.id, self.now_ms()).await?;
                    return Ok(Kept::Confirmed { id: found.id });
                }
                apart.push(by_agent.clone());
                // What nobody stands for gives way to the words of whoever does, where all read these.
                if checked.reaches_as_far_as(&by_agent) {
                    olds.push(by_agent);
                }
            }
        }
        let place = match seen {
            Some(seen) => seen.place,
            None => index::place(connection, &checked.scope.place(self.project)).await?,
        };
        room.take()?;
        let id = self.add_in(connection, checked, place, &olds).await?;
        Ok(Kept::New {
            id,
            trust: self.trust(),
            superseded: olds.into_iter().map(|old| old.id).collect(),
            redacted: checked.redacted.clone(),
        })
    }

    async fn add_in(
        &self,
        connection: &mut AnyConnection,
        checked: &Checked<'_>,
        place: i64,
        olds: &[Memory],
    ) -> Result<MemoryId, MemoryError> {
        let new = checked.new;
        let now_ms = self.now_ms();
        let source = self.source();
        let session = checked.session.clone().unwrap_or_default();
        let at_ms = new.at_ms.unwrap_or(now_ms);
        let (id, n) = loop {
            let id = MemoryId::new(self.ids);
            let added: Option<i64> = sqlx::query_scalar(ADD)
                .bind(id.as_str())
                .bind(place)
                .bind(self.project.as_str())
                .bind(&checked.text)
                .bind(new.kind.unwrap_or(Kind::Fact).as_str())
                .bind(&checked.subject)
                .bind(checked.importance)
                .bind(self.trust().as_str())
                .bind(source.kind.as_str())
                .bind(&source.id)
                .bind(&session)
                .bind(at_ms)
                .bind(now_ms)
                .bind(new.valid_from_ms)
                .bind(new.valid_to_ms)
                .bind(checked.lexical.text.join(" "))
                .bind(i64::try_from(checked.lexical.len()).unwrap_or(i64::MAX))
                .bind(checked.lexical.tags.join(" "))
                .bind(checked.sense.mark())
                .fetch_optional(&mut *connection)
                .await?;
            if let Some(n) = added {
                break (id, n);
            }
        };
        add_tags(connection, n, &checked.tags).await?;
        if !checked.links.is_empty() {
            let links = checked.links.iter();
            let links: Vec<_> = links
                .map(|link| (link.kind.as_str(), &link.target))
                .collect();
            sqlx::query(ADD_LINKS)
                .bind(n)
                .bind(serde_json::json!(links).to_string())
                .execute(&mut *connection)
                .await?;
        }
        index::add(connection, n, place, &checked.lexical).await?;
        for old in olds {
            supersede::supersede_in(connection, &old.id, &id, now_ms, at_ms).await?;
        }
        Ok(id)
    }

    /// How far what this author writes may be relied upon.
    fn trust(&self) -> Trust {
        match self.is_agent() {
            true => Trust::Quarantined,
            false => Trust::Confirmed,
        }
    }
}

pub(super) async fn add_tags(
    connection: &mut AnyConnection,
    n: i64,
    tags: &[String],
) -> Result<(), MemoryError> {
    if !tags.is_empty() {
        sqlx::query(ADD_TAGS)
            .bind(n)
            .bind(serde_json::json!(tags).to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

/// The number by which a text that is the same is found again.
pub(in crate::memory) fn mark(text: &str) -> i64 {
    Sense::of(text).mark()
}
