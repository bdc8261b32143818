//! Finding what was kept: the words of a question choose candidates in the index, and what is known of
//! each decides their order.

pub(crate) mod candidates;
pub(crate) mod filter;

use sqlx::AnyConnection;

use super::error::MemoryError;
use super::memories::Memories;
use super::model::{Memory, Scope};
use super::{index, lexicon, rows};
use crate::store::StoreError;
use crate::words::words;
use candidates::idf;
use filter::Filter;

/// Hits of a question that asks for no number.
pub(crate) const USUAL: u32 = 8;
/// Most hits.
pub(crate) const MOST: u32 = 20;

/// Entries of the index that rare words of a statement may have altogether where its like is looked for.
const LIKE: i64 = 400;

words! {
    /// How well a memory fits a question.
    Band {
        /// It has most of what was asked for.
        Strong = "strong",
        /// It has a good part of it.
        Good = "good",
        /// It has something of it.
        Weak = "weak",
    }
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The question, in words.
    pub text: String,
    /// The same in other words; a memory counts as what it is to the best of them.
    pub also: Vec<String>,
    /// Only there; everywhere the author may look unless said otherwise.
    pub scope: Option<Scope>,
    /// Only with all of these tags.
    pub tags: Vec<String>,
    /// Only what is linked with this task, agent, file or commit.
    pub about: Option<String>,
    /// At most so many, from 1 to 20; 0 for the usual number.
    pub limit: u32,
    /// Also what no longer holds, each with its history.
    pub include_superseded: bool,
    /// Only what may be relied upon.
    pub confirmed_only: bool,
    /// Only what is at least so important, from 0 to 1.
    pub min_importance: f64,
}

/// A memory that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// How well it fits.
    pub band: Band,
    /// Why it was found, in words.
    pub why: String,
    /// What it took the place of, the oldest first; only where that was asked for.
    pub history: Vec<Memory>,
    /// What was said right before and after it, where that made it fit.
    pub nearby: Vec<Memory>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recalled {
    /// The hits, the best first.
    pub hits: Vec<Hit>,
    /// What whoever asks should know: what was searched where nothing was found, what could not be done.
    pub notes: Vec<String>,
}

impl Memories<'_> {
    /// Finds memories.
    ///
    /// # Errors
    /// Values out of range, failures of the store.
    pub async fn recall(&self, query: &Query) -> Result<Recalled, MemoryError> {
        let mut connection = self.store.read().acquire().await?;
        let mut places = Vec::new();
        for scope in self.scopes_of(query) {
            let name = scope.place(self.project);
            places.extend(index::known_place(&mut connection, &name).await?);
        }
        let terms = lexicon::asked(&query.text);
        let words: Vec<&str> = terms.iter().map(|term| term.word.as_str()).collect();
        let placed = candidates::placed(&mut connection, &places, &words).await?;
        let filter = Filter::of(query, self.now_ms())?;
        let hits =
            candidates::with_most(&mut connection, &placed, &filter, 4000, MOST.into()).await?;
        let found = rows::by_numbers(&mut connection, &hits).await?;
        let hits = found
            .into_iter()
            .map(|(_, memory)| Hit {
                memory,
                band: Band::Weak,
                why: String::new(),
                history: Vec::new(),
                nearby: Vec::new(),
            })
            .collect();
        Ok(Recalled {
            hits,
            notes: Vec::new(),
        })
    }

    fn scopes_of(&self, query: &Query) -> Vec<Scope> {
        match &query.scope {
            Some(scope) => vec![scope.clone()],
            None => self.own_scopes(),
        }
    }
}

/// The numbers of the memories of a place that share the most of `words` with a statement, by how much
/// each word tells; also of those that hold no longer or not yet.
pub(super) async fn sharing(
    connection: &mut AnyConnection,
    place: i64,
    words: &[String],
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut distinct: Vec<&str> = words.iter().map(String::as_str).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let all = index::statistics(connection, &[place]).await?.memories;
    let mut placed = candidates::placed(connection, &[place], &distinct).await?;
    for word in &mut placed {
        word.weight = idf(word.memories(), all);
    }
    candidates::with_most(connection, &placed, &Filter::whatever(), LIKE, limit).await
}

#[cfg(test)]
mod tests;
