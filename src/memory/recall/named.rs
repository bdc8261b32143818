//! Memories that a question names by their ids: they are what was asked for, whatever else it says.

use sqlx::AnyConnection;

use super::filter::wanted;
use super::hits::Found;
use super::{Query, Searched, chain};
use crate::ids::MemoryId;
use crate::memory::error::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::model::{Memory, Trust};
use crate::memory::rows;
use crate::store::{StoreError, statements};
use crate::text::one_line;

/// Ids of a question that are looked at.
const MOST: usize = 20;
/// Letters and digits of an id that stand for it.
const SHORT: std::ops::RangeInclusive<usize> = 3..=6;
/// Characters of what is repeated of another memory.
const SHOWN: usize = 120;

statements! {
    WANTED = concat!(
        "SELECT memory.n FROM json_each($1) AS named CROSS JOIN memory ON memory.n = named.value
          WHERE ", wanted!(), " LIMIT $2"
    );
}

/// What a question names.
#[derive(Default)]
pub(super) struct Named {
    /// The memories, in their order, each before what has taken its place.
    pub(super) found: Vec<Found>,
    /// Why others are not there.
    pub(super) notes: Vec<String>,
    /// Whether the question says nothing else.
    pub(super) is_all: bool,
}

impl Memories<'_> {
    /// What `wordings` name by ids, of what this author may read. A short id counts where a wording holds
    /// nothing but ids.
    pub(super) async fn named(
        &self,
        connection: &mut AnyConnection,
        searched: &Searched,
        query: &Query,
        wordings: &[&String],
    ) -> Result<Named, MemoryError> {
        let mut named = Named {
            is_all: !wordings.is_empty(),
            ..Named::default()
        };
        let mut ids: Vec<(String, bool)> = Vec::new();
        for wording in wordings {
            let words = words(wording);
            let only_ids = !words.is_empty() && words.iter().all(|word| is_short(word));
            named.is_all &= only_ids;
            let is_id = |word: &String| only_ids || MemoryId::parse(word).is_ok();
            for id in words.into_iter().filter(is_id) {
                let is_new = !ids.iter().any(|(known, _)| *known == id);
                if is_new && ids.len() < MOST {
                    ids.push((id, only_ids));
                }
            }
        }
        for (id, is_sure) in ids {
            let memory = match self.find_in(connection, &id).await {
                Ok(memory) => memory,
                // Among other words it may be one of them that only looks like an id.
                Err(MemoryError::Unknown { .. } | MemoryError::Ambiguous { .. }) if !is_sure => {
                    continue;
                }
                Err(MemoryError::Unknown { nearest, .. }) => {
                    named.notes.push(unknown(&id, &nearest));
                    continue;
                }
                Err(MemoryError::Ambiguous { candidates, .. }) => {
                    let all = candidates.join(", ");
                    named.notes.push(format!("{id} stands for several: {all}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(why) = hidden(&memory, searched, query) {
                named.notes.push(format!("{} {why}", memory.id));
                continue;
            }
            let Some(n) = rows::number(connection, &memory.id).await? else {
                continue;
            };
            if !is_wanted(connection, searched, n).await? {
                let note = format!("{} is not of what was asked for", memory.id);
                named.notes.push(note);
                continue;
            }
            named.add(n, "asked for by its id");
            if memory.superseded_by.is_some() {
                let Searched { places, filter, .. } = searched;
                let last = chain::last(connection, &[n], places, filter).await?;
                if let Some(last) = last.get(&n) {
                    named.add(*last, "has taken the place of what was asked for");
                }
            }
        }
        Ok(named)
    }
}

impl Named {
    fn add(&mut self, n: i64, why: &'static str) {
        if !self.found.iter().any(|found| found.n == n) {
            self.found.push(Found::because(n, why, 1.0));
        }
    }
}

/// Whether a memory is of what is searched, whenever it holds.
async fn is_wanted(
    connection: &mut AnyConnection,
    searched: &Searched,
    n: i64,
) -> Result<bool, StoreError> {
    let filter = searched.filter.whenever();
    let wanted = filter.ask::<i64>(WANTED, serde_json::json!([n]).to_string(), 1);
    Ok(wanted.fetch_optional(connection).await?.is_some())
}

/// Why a memory is not given though it was named.
fn hidden(memory: &Memory, searched: &Searched, query: &Query) -> Option<&'static str> {
    if memory.forgotten.is_some() {
        return Some("was forgotten");
    }
    if query.scope.is_some() && !searched.scopes.contains(&memory.scope) {
        return Some("is of another scope");
    }
    if query.confirmed_only && memory.trust != Trust::Confirmed {
        return Some("was confirmed by nobody");
    }
    (memory.importance < query.min_importance).then_some("is less important")
}

fn unknown(id: &str, nearest: &[String]) -> String {
    let meant: Vec<String> = nearest.iter().map(|it| one_line(it, SHOWN)).collect();
    match meant.is_empty() {
        true => format!("no memory here has the id {id}"),
        false => format!(
            "no memory here has the id {id}; did you mean {}?",
            meant.join(" or ")
        ),
    }
}

/// The first words of a wording, without the marks around them.
fn words(wording: &str) -> Vec<String> {
    wording
        .split(|c: char| c.is_whitespace() || c == ',')
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .take(4 * MOST)
        .map(str::to_lowercase)
        .collect()
}

fn is_short(word: &str) -> bool {
    let letters = word.strip_prefix("m-");
    letters.is_some_and(|letters| {
        SHORT.contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}
