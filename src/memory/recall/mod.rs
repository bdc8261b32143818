//! Finding what was kept: the words of a question choose candidates in the index, and what is known of
//! each decides their order.

pub(crate) mod candidates;
pub(crate) mod chain;
pub(crate) mod documents;
pub(crate) mod filter;
mod hits;
pub(crate) mod kinds;
pub(crate) mod meaning;
pub(crate) mod named;
pub(crate) mod others;
mod score;
mod time;
pub(crate) mod told;
pub(crate) mod uses;
mod vocabulary;

use std::collections::{HashMap, HashSet};

use sqlx::AnyConnection;

use super::error::MemoryError;
use super::index;
use super::memories::Memories;
use super::model::{Author, Kind, Memory, Scope};
use crate::store::StoreError;
use crate::words::words;
use candidates::{Placed, idf};
use documents::Document;
use filter::Filter;
use hits::Found;
use named::Named;
use others::Others;
use score::Scored;
use time::Window;
use told::Reasons;
pub use uses::Uses;
use vocabulary::{Read, Sought};

/// Hits of a question that asks for no number.
pub(crate) const USUAL: u32 = 8;
/// Most hits.
pub(crate) const MOST: u32 = 20;

/// Most wordings besides the first.
pub(crate) const ALSO: usize = 8;
/// Entries of the index that rare words of a question may have altogether.
const RARE: i64 = 2500;
/// Memories that are looked at closely.
const CLOSELY: i64 = 80;
/// Those of them whose neighbours are looked at.
const WITH_NEIGHBOURS: usize = 20;
/// Superseded memories that are looked at.
const SUPERSEDED: i64 = 200;
/// A memory that fits by less than that part of the best one is none that was meant.
const LEAST: f64 = 0.08;
/// How well fits what was asked for by nothing but its time or its place.
const LISTED: f64 = 0.5;
/// Neighbours that are given with a hit.
const NEARBY: usize = 2;
/// Entries of the index that rare words of a statement may have altogether where its like is looked for.
const LIKE: i64 = 1500;

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
    /// Only of these kinds; of any if there are none.
    pub kinds: Vec<Kind>,
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
    /// Whether it does not count as use of what is found: nobody has asked.
    pub quiet: bool,
    /// Whether meanings are left out, which a service would have to be asked for.
    pub words_only: bool,
}

/// A memory that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// How well it fits.
    pub band: Band,
    /// How well next to the best one, from 0 to 1.
    pub of_best: f64,
    /// Why it was found, in words.
    pub why: String,
    /// Why it is not so now, where it is not: it was superseded, or it holds at another time.
    pub not_so_now: Option<String>,
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

/// Where is searched.
struct Searched {
    scopes: Vec<Scope>,
    places: Vec<i64>,
    statistics: index::Statistics,
    filter: Filter,
    limit: usize,
    /// Whether nobody has written it as a question: its words are not to be guessed at, and neither
    /// kinds nor times that it mentions are asked for.
    is_quiet: bool,
}

impl Memories<'_> {
    /// Finds memories, the best first. What was superseded is never among them; asked for as well, it
    /// leads to what has taken its place, or to the last of the chain that was not forgotten, which then
    /// comes with its history.
    ///
    /// # Errors
    /// Values out of range, a scope that this author may not read, failures of the store.
    pub async fn recall(&self, query: &Query) -> Result<Recalled, MemoryError> {
        let mut connection = self.store.read().acquire().await?;
        let mut searched = self.searched(&mut connection, query).await?;
        let limit = searched.limit;
        let wordings: Vec<&String> = [&query.text]
            .into_iter()
            .chain(&query.also)
            .filter(|wording| !wording.trim().is_empty())
            .collect();
        if wordings.is_empty() && query.scope.is_none() && !searched.filter.chooses() {
            return Err(MemoryError::bad(
                "query",
                "is empty; ask in words, or choose by `kind`, `tags`, `about` or `scope`",
            ));
        }
        let now_ms = self.now_ms();
        // A prompt does not ask for what it mentions.
        let named = match query.quiet {
            true => Named::default(),
            false => {
                let named = self.named(&mut connection, &searched, query, &wordings);
                named.await?
            }
        };
        let read: Vec<Read> = wordings.iter().map(|text| Read::of(text, now_ms)).collect();
        let only_ids = named.is_all && !named.found.is_empty();
        let mut notes = told::before(&wordings, if only_ids { &[] } else { &read });
        notes.extend(named.notes);
        let said: Vec<String> = read
            .iter()
            .flat_map(Read::said)
            .map(str::to_owned)
            .collect();
        let window = read.iter().find_map(|read| read.window.clone());
        let has_words = !read.iter().all(Read::is_empty);
        let only_time = read.iter().all(Read::asks_only_for_a_time);
        let by_meaning = has_words && !only_ids && !query.words_only && self.meaning.is_some();
        if by_meaning {
            searched.limit = self.wanted_by_words(limit);
        }
        let mut found = match (&window, has_words) {
            _ if only_ids => Vec::new(),
            (_, true) => ranked(&mut connection, &searched, read).await?,
            (None, false) if wordings.is_empty() => {
                let filter = &searched.filter;
                listed(&mut connection, &searched, filter, "among the newest").await?
            }
            (_, false) => Vec::new(),
        };
        if let (false, false, Some(window)) = (only_ids, query.quiet, &window)
            && (found.is_empty() || only_time)
        {
            let then = of_time(&mut connection, &searched, window, only_time).await?;
            if !only_time && !then.is_empty() {
                notes.push(told::NO_WORD_OF_THAT_TIME.to_owned());
            }
            found.retain(|found| !then.iter().any(|then| then.n == found.n));
            found.splice(0..0, then);
            found.truncate(searched.limit);
        }
        if by_meaning {
            drop(connection);
            let (fused, note) = self
                .with_meaning(&searched, &wordings, found, limit)
                .await?;
            found = fused;
            notes.extend(note);
            connection = self.store.read().acquire().await?;
        }
        if !named.found.is_empty() {
            found.retain(|found| !named.found.iter().any(|named| named.n == found.n));
            found.splice(0..0, named.found);
            found.truncate(limit);
        }
        if found.is_empty() {
            let Searched { scopes, places, .. } = &searched;
            let memories = searched.statistics.memories;
            let filter = &searched.filter;
            let nothing = told::nothing(&mut connection, scopes, places, memories, filter, &said);
            notes.extend(nothing.await?);
        }
        let hits = hits::read(&mut connection, &searched, &found).await?;
        drop(connection);
        if let (false, Some(uses)) = (query.quiet, self.uses) {
            uses.add(found.iter().map(|found| found.n), now_ms);
        }
        Ok(Recalled { hits, notes })
    }

    async fn searched(
        &self,
        connection: &mut AnyConnection,
        query: &Query,
    ) -> Result<Searched, MemoryError> {
        if query.limit > MOST {
            return Err(MemoryError::bad("limit", format!("is over {MOST}")));
        }
        if query.also.len() > ALSO {
            return Err(MemoryError::bad(
                "also",
                format!("has over {ALSO} wordings"),
            ));
        }
        let limit = if query.limit == 0 { USUAL } else { query.limit };
        let scopes = self.scopes_of(query)?;
        let mut places = Vec::new();
        for scope in &scopes {
            let name = scope.place(self.project);
            places.extend(index::known_place(connection, &name).await?);
        }
        Ok(Searched {
            statistics: index::statistics(connection, &places).await?,
            filter: Filter::of(query, self.now_ms())?,
            scopes,
            places,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            is_quiet: query.quiet,
        })
    }

    /// Where is searched: what this author reads, or the one scope that is named.
    fn scopes_of(&self, query: &Query) -> Result<Vec<Scope>, MemoryError> {
        let Some(scope) = &query.scope else {
            return Ok(self.own_scopes());
        };
        let is_others = matches!(scope, Scope::Agent(_)) && !self.own_scopes().contains(scope);
        if is_others && matches!(self.author, Author::Agent { .. }) {
            return Err(MemoryError::NotAllowed {
                what: format!(
                    "{scope} is not yours to read: an agent reads the scopes project, user and that of its \
                     own definition"
                ),
            });
        }
        Ok(vec![scope.clone()])
    }
}

/// The first moment of the time that a text names and nothing else, as `yesterday` or `last week`.
pub(super) fn named_day(text: &str, now_ms: i64) -> Option<i64> {
    let window = time::named(text, now_ms)?;
    let is_all = window.words.len() == text.split_whitespace().count();
    (is_all && window.from_ms >= 0).then_some(window.from_ms)
}

/// The newest that a filter lets through.
async fn listed(
    connection: &mut AnyConnection,
    searched: &Searched,
    filter: &Filter,
    why: &'static str,
) -> Result<Vec<Found>, StoreError> {
    let limit = i64::try_from(searched.limit).unwrap_or(i64::MAX);
    let newest = filter.newest(connection, &searched.places, limit).await?;
    let found = newest.into_iter();
    Ok(found.map(|n| Found::because(n, why, LISTED)).collect())
}

/// What is of that time. Where `is_all` that was asked for and there is nothing, what is of the days
/// behind it: something is often written down later.
async fn of_time(
    connection: &mut AnyConnection,
    searched: &Searched,
    window: &Window,
    is_all: bool,
) -> Result<Vec<Found>, StoreError> {
    let then = searched.filter.within(window.from_ms, window.to_ms);
    let mut found = listed(connection, searched, &then, told::OF_THAT_TIME).await?;
    if !is_all {
        found.iter_mut().for_each(|found| found.share = 0.0);
    }
    if !found.is_empty() || !is_all || window.is_open {
        return Ok(found);
    }
    let until_ms = window.to_ms.saturating_add(score::AFTER_MS);
    let near = searched.filter.within(window.to_ms, until_ms);
    listed(connection, searched, &near, told::NEAR_THAT_TIME).await
}

/// What fits the wordings best.
async fn ranked(
    connection: &mut AnyConnection,
    searched: &Searched,
    read: Vec<Read>,
) -> Result<Vec<Found>, StoreError> {
    let Searched {
        places, statistics, ..
    } = searched;
    let unknown = if searched.is_quiet {
        0
    } else {
        others::UNKNOWN
    };
    let mut others = Others::at_most(unknown);
    let sought = vocabulary::look_up(connection, places, *statistics, read, &mut others).await?;
    let (documents, last) = candidates_for(connection, searched, &sought).await?;
    let now_ms = searched.filter.now_ms;
    let scored = score::score(&documents, &sought, *statistics, now_ms);
    let best = scored.first().map_or(0.0, |best| best.score);
    let worth = scored
        .into_iter()
        .filter(|it| it.score >= LEAST * best)
        .collect();
    let mut found: Vec<Found> = Vec::new();
    for scored in score::thinned(worth, &documents, searched.limit) {
        let Some(document) = documents.get(scored.document) else {
            continue;
        };
        let n = last.get(&document.n).copied().unwrap_or(document.n);
        if found.iter().any(|known| known.n == n) {
            continue;
        }
        found.push(Found {
            n,
            share: scored.share,
            of_best: scored.score / best.max(f64::MIN_POSITIVE),
            why: Reasons::of(&scored, &sought),
            nearby: nearby(&scored, &documents),
        });
        if found.len() == searched.limit {
            break;
        }
    }
    Ok(found)
}

fn nearby(scored: &Scored, documents: &[Document]) -> Vec<i64> {
    let lenders = scored.lenders.iter().take(NEARBY);
    let numbers = lenders.filter_map(|at| documents.get(*at));
    numbers.map(|document| document.n).collect()
}

/// What is looked at closely, and for what is superseded the last of its chain.
async fn candidates_for(
    connection: &mut AnyConnection,
    searched: &Searched,
    sought: &Sought,
) -> Result<(Vec<Document>, HashMap<i64, i64>), StoreError> {
    let Searched { places, filter, .. } = searched;
    let words: Vec<Placed> = sought
        .words
        .iter()
        .map(|word| word.placed.clone())
        .collect();
    let mut numbers = match filter.few(connection, places).await? {
        Some(few) => few,
        None => {
            let mut numbers =
                candidates::with_most(connection, &words, filter, RARE, CLOSELY).await?;
            let windows = sought.questions.iter().filter_map(|it| it.window.as_ref());
            for window in windows.take(1) {
                let then = filter.within(window.from_ms, window.to_ms);
                let more = candidates::with_most(connection, &words, &then, RARE, CLOSELY / 2);
                numbers.extend(more.await?);
            }
            numbers
        }
    };
    let of_kind = match searched.is_quiet {
        true => Vec::new(),
        false => kinds::newest(connection, places, sought).await?,
    };
    numbers.extend(
        of_kind
            .into_iter()
            .filter(|n| !numbers.contains(n))
            .collect::<Vec<_>>(),
    );
    let mut documents = documents::with_numbers(connection, &numbers, sought, filter).await?;
    let own = score::own(&documents, sought, searched.statistics);
    let mut best: Vec<(f64, i64)> = own
        .into_iter()
        .zip(&documents)
        .map(|(own, document)| (own, document.n))
        .collect();
    best.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    best.truncate(WITH_NEIGHBOURS);
    let best: Vec<i64> = best.into_iter().map(|(_, n)| n).collect();
    documents.extend(documents::near(connection, &best, sought, filter).await?);
    let mut last = HashMap::new();
    if filter.any_time {
        let words: Vec<&str> = words.iter().map(|word| word.word.as_str()).collect();
        let old = candidates::superseded_with(connection, places, &words, SUPERSEDED).await?;
        last = chain::last(connection, &old, places, filter).await?;
        let leading: Vec<i64> = last.keys().copied().collect();
        let old = documents::with_numbers(connection, &leading, sought, filter).await?;
        documents.extend(old.into_iter().map(|old| Document {
            fits: true,
            session: None,
            ..old
        }));
    }
    let mut seen = HashSet::new();
    documents.retain(|document| seen.insert(document.n));
    if !searched.is_quiet {
        kinds::mark(connection, &mut documents, sought).await?;
    }
    Ok((documents, last))
}

/// The numbers of the memories of a place that share the most of `words` with a statement, by how much
/// each word tells; also of those that hold no longer or not yet. Each word comes with the number of the
/// memories there that it is in.
pub(super) async fn sharing(
    connection: &mut AnyConnection,
    place: i64,
    words: Vec<(String, i64)>,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let most = words.iter().map(|(_, memories)| *memories).max();
    let placed: Vec<Placed> = words
        .into_iter()
        .map(|(word, memories)| Placed {
            word,
            places: vec![(place, memories)],
            weight: idf(memories, most.unwrap_or_default()),
        })
        .collect();
    candidates::with_most(connection, &placed, &Filter::whatever(), LIKE, limit).await
}

#[cfg(test)]
mod tests;
