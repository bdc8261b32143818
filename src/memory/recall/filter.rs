//! What may be found at all, whatever was asked: its tags, what it is about, how far it may be relied
//! upon, and whether it holds now.

use std::path::Path;

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::QueryScalar;
use sqlx::{AnyConnection, FromRow};

use super::Query;
use crate::memory::error::MemoryError;
use crate::memory::model::{HASH, Kind, Link, LinkKind};
use crate::memory::remember::fields;
use crate::store::{StoreError, statements};

/// Most memories that tags or links may leave for all of them to be ranked.
pub(super) const FEW: i64 = 600;

/// What a query wants of a row of `memory`. $3 is the time; the others are [`Filter::ask`]'s. The `+` keeps
/// the engine from an index by time where hardly ever one is named.
macro_rules! wanted {
    () => {
        "($4 = 1 OR (memory.valid_from_ms <= $3
           AND (memory.valid_to_ms = 0 OR memory.valid_to_ms > $3)))
         AND ($5 = 0 OR memory.trust = 'confirmed') AND memory.importance >= $6
         AND ($7 = '[]' OR (SELECT count(*) FROM memory_tag AS tagged
           WHERE tagged.memory = memory.n AND tagged.tag IN (SELECT value FROM json_each($7)))
             = json_array_length($7))
         AND ($8 = '[]' OR EXISTS (SELECT 1 FROM json_each($8) AS wanted
           CROSS JOIN memory_link AS link WHERE link.memory = memory.n AND link.kind = wanted.value ->> 0
             AND link.target >= wanted.value ->> 1 AND link.target < wanted.value ->> 2))
         AND +memory.at_ms >= $9 AND +memory.at_ms < $10
         AND ($11 = '[]' OR memory.kind IN (SELECT value FROM json_each($11)))"
    };
}

/// The same of one that was neither superseded nor forgotten.
macro_rules! passes {
    () => {
        concat!(
            "memory.forgotten_ms = 0 AND memory.superseded_by = '' AND ",
            crate::memory::recall::filter::wanted!()
        )
    };
}
pub(super) use {passes, wanted};

statements! {
    NEWEST = concat!(
        "SELECT memory.n FROM memory WHERE memory.place = CAST($1 AS INTEGER) AND ", passes!(),
        " ORDER BY memory.n DESC LIMIT $2"
    );
    TAGGED = concat!(
        "SELECT memory.n FROM memory_tag AS first CROSS JOIN memory ON memory.n = first.memory
          WHERE first.tag = $7 ->> 0 AND memory.place IN (SELECT value FROM json_each($1)) AND ",
        passes!(), " ORDER BY first.memory DESC LIMIT $2"
    );
    LINKED = concat!(
        "SELECT DISTINCT memory.n FROM json_each($8) AS about
          CROSS JOIN memory_link AS first
          CROSS JOIN memory ON memory.n = first.memory
          WHERE first.target >= about.value ->> 1 AND first.target < about.value ->> 2
            AND first.kind = about.value ->> 0
            AND memory.place IN (SELECT value FROM json_each($1)) AND ",
        passes!(), " ORDER BY memory.n DESC LIMIT $2"
    );
}

/// A statement that is ready to be asked.
pub(super) type Answer<T> = QueryScalar<'static, Any, T, AnyArguments>;

/// What may be found at all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) now_ms: i64,
    /// Whether also what does not hold now is wanted.
    pub(super) any_time: bool,
    confirmed_only: bool,
    min_importance: f64,
    kinds: Vec<Kind>,
    tags: Vec<String>,
    /// A kind of link, and the first target and the one behind the last that fit.
    links: Vec<(LinkKind, String, String)>,
    /// When it happened: from, and to but without it.
    at_ms: (i64, i64),
}

impl Filter {
    /// Whatever was kept, whenever it holds.
    pub(super) fn whatever() -> Self {
        Self {
            any_time: true,
            ..Self::holding(0)
        }
    }

    /// Whatever holds now.
    pub(super) fn holding(now_ms: i64) -> Self {
        Self {
            now_ms,
            any_time: false,
            confirmed_only: false,
            min_importance: 0.0,
            kinds: Vec::new(),
            tags: Vec::new(),
            links: Vec::new(),
            at_ms: (i64::MIN, i64::MAX),
        }
    }

    /// What a query wants.
    ///
    /// # Errors
    /// Values that cannot be what they are.
    pub(super) fn of(query: &Query, now_ms: i64) -> Result<Self, MemoryError> {
        if !(0.0..=1.0).contains(&query.min_importance) {
            return Err(MemoryError::bad("min_importance", "is not from 0 to 1"));
        }
        let mut tags: Vec<String> = Vec::new();
        for tag in &query.tags {
            let tag = fields::tag(tag);
            if tag.is_empty() {
                return Err(MemoryError::bad("tags", "holds an empty one"));
            }
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Ok(Self {
            any_time: query.include_superseded,
            confirmed_only: query.confirmed_only,
            min_importance: query.min_importance,
            kinds: query.kinds.clone(),
            tags,
            links: match &query.about {
                Some(about) => links(about)?,
                None => Vec::new(),
            },
            ..Self::holding(now_ms)
        })
    }

    /// The same, of that time only.
    pub(super) fn within(&self, from_ms: i64, to_ms: i64) -> Self {
        Self {
            at_ms: (from_ms, to_ms),
            ..self.clone()
        }
    }

    /// The same, also of what does not hold now.
    pub(super) fn whenever(&self) -> Self {
        Self {
            any_time: true,
            ..self.clone()
        }
    }

    /// Whether anything is named to choose by but that it holds now.
    pub(super) fn chooses(&self) -> bool {
        let plain = Self {
            any_time: self.any_time,
            ..Self::holding(self.now_ms)
        };
        *self != plain
    }

    /// What was chosen by, in words.
    pub(super) fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.kinds.is_empty() {
            let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            told.push(format!("of the kind {}", kinds.join(" or ")));
        }
        if !self.tags.is_empty() {
            told.push(format!("tagged {}", self.tags.join(" and ")));
        }
        if !self.links.is_empty() {
            told.push("linked with what `about` names".to_owned());
        }
        if self.confirmed_only {
            told.push("confirmed".to_owned());
        }
        if self.min_importance > 0.0 {
            told.push(format!("of importance {} or more", self.min_importance));
        }
        told
    }

    /// The tags that are wanted.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// A statement that asks for [`wanted`], with its first two values, which answers with one each row.
    pub(super) fn ask<T>(&self, sql: &'static str, first: String, second: i64) -> Answer<T>
    where
        (T,): for<'r> FromRow<'r, AnyRow>,
    {
        sqlx::query_scalar(sql)
            .bind(first)
            .bind(second)
            .bind(self.now_ms)
            .bind(i64::from(self.any_time))
            .bind(i64::from(self.confirmed_only))
            .bind(self.min_importance)
            .bind(serde_json::json!(self.tags).to_string())
            .bind(serde_json::json!(self.links).to_string())
            .bind(self.at_ms.0)
            .bind(self.at_ms.1)
            .bind(serde_json::json!(self.kinds).to_string())
    }

    /// The newest that pass, in these places.
    pub(super) async fn newest(
        &self,
        connection: &mut AnyConnection,
        places: &[i64],
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let all = serde_json::json!(places).to_string();
        if !self.links.is_empty() || !self.tags.is_empty() {
            let sql = if self.links.is_empty() {
                TAGGED
            } else {
                LINKED
            };
            return Ok(self.ask(sql, all, limit).fetch_all(connection).await?);
        }
        let mut found: Vec<i64> = Vec::new();
        for place in places {
            let newest = self.ask::<i64>(NEWEST, place.to_string(), limit);
            found.extend(newest.fetch_all(&mut *connection).await?);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// All that pass where tags or links leave a few only.
    pub(super) async fn few(
        &self,
        connection: &mut AnyConnection,
        places: &[i64],
    ) -> Result<Option<Vec<i64>>, StoreError> {
        if self.links.is_empty() && self.tags.is_empty() {
            return Ok(None);
        }
        let found = self.newest(connection, places, FEW + 1).await?;
        let most = usize::try_from(FEW).unwrap_or(usize::MAX);
        Ok((found.len() <= most).then_some(found))
    }
}

/// The links that `about` may stand for: a task or an agent by its id, a commit by its hash or the
/// beginning of it, a file, or whatever lies in a directory.
fn links(about: &str) -> Result<Vec<(LinkKind, String, String)>, MemoryError> {
    let about = about.trim();
    if about.is_empty() {
        return Err(MemoryError::bad("about", "is empty"));
    }
    // The faces have made it count from the top of the project.
    let readings = Link::readings(about, Path::new(""));
    let readings = readings.map_err(|bad| MemoryError::bad_link("about", &bad))?;
    let mut links = Vec::new();
    for Link { kind, target } in readings {
        match (kind, target.as_str()) {
            (LinkKind::File, ".") => links.push((kind, String::new(), "\u{10ffff}".to_owned())),
            (LinkKind::File, path) => {
                links.push((kind, path.to_owned(), behind(path)));
                // `0` comes right behind `/`.
                links.push((kind, format!("{path}/"), format!("{path}0")));
            }
            (LinkKind::Commit, hash) => {
                links.push((kind, hash.to_owned(), format!("{hash}g")));
                // One that was kept may be shorter than the one that is asked for.
                for shorter in (*HASH.start()..hash.len()).filter_map(|end| hash.get(..end)) {
                    links.push((kind, shorter.to_owned(), behind(shorter)));
                }
            }
            (LinkKind::Task | LinkKind::Agent, id) => {
                links.push((kind, id.to_owned(), behind(id)));
            }
        }
    }
    Ok(links)
}

/// What comes right behind a target.
fn behind(target: &str) -> String {
    format!("{target}\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(about: &str, kind: LinkKind, target: &str) -> bool {
        let fits = |(of, from, to): &(LinkKind, String, String)| {
            *of == kind && target >= from.as_str() && target < to.as_str()
        };
        links(about).unwrap().iter().any(fits)
    }

    #[test]
    fn about_is_a_task_an_agent_a_commit_or_a_path() {
        assert!(fits("T-00000A", LinkKind::Task, "t-00000a"));
        assert!(!fits("t-00000", LinkKind::Task, "t-00000a"));
        assert!(fits("a-00000a", LinkKind::Agent, "a-00000a"));
        assert!(fits("src/memory/", LinkKind::File, "src/memory/mod.rs"));
        assert!(fits("./src/memory", LinkKind::File, "src/memory"));
        assert!(!fits("src/mem", LinkKind::File, "src/memory/mod.rs"));
        assert!(fits("0123abc", LinkKind::Commit, "0123abcdef0123abcdef"));
        assert!(fits("0123abcdef0123abcdef", LinkKind::Commit, "0123abc"));
        assert!(!fits("0123abc", LinkKind::Commit, "0123abd"));
        // A file may be called like one.
        assert!(fits("0123abc", LinkKind::File, "0123abc"));
        assert!(!fits("file:0123abc", LinkKind::Commit, "0123abc"));
        assert!(fits(".", LinkKind::File, "README.md"));
        for none in [" ", "https://example.com/x", "/etc", "commit:xyz"] {
            assert!(links(none).is_err(), "{none}");
        }
    }
}
