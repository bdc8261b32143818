//! Memories that a question names by their ids: they are what was asked for, whatever else it says.

use sqlx::AnyConnection;

use super::{Query, Searched};
use crate::ids::MemoryId;
use crate::memory::error::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::model::{Memory, Trust};
use crate::memory::rows;
use crate::text::one_line;

/// Ids of a question that are looked at.
const MOST: usize = 20;
/// Letters and digits of an id that stand for it.
const SHORT: std::ops::RangeInclusive<usize> = 3..=6;
/// Characters of what is repeated of another memory.
const SHOWN: usize = 120;

/// What a question names.
#[derive(Default)]
pub(super) struct Named {
    /// The numbers of memories, in their order.
    pub(super) numbers: Vec<i64>,
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
        let mut ids: Vec<String> = Vec::new();
        for wording in wordings {
            let words = words(wording);
            let only_ids = !words.is_empty() && words.iter().all(|word| is_short(word));
            named.is_all &= only_ids;
            let is_id = |word: &String| only_ids || MemoryId::parse(word).is_ok();
            for id in words.into_iter().filter(is_id) {
                if !ids.contains(&id) && ids.len() < MOST {
                    ids.push(id);
                }
            }
        }
        for id in ids {
            let memory = match self.find_in(connection, &id).await {
                Ok(memory) => memory,
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
            let number = rows::number(connection, &memory.id).await?;
            let is_new = |n: &i64| !named.numbers.contains(n);
            if let Some(n) = number.filter(is_new) {
                named.numbers.push(n);
            }
        }
        Ok(named)
    }
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
