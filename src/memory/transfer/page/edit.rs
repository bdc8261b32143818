//! What a person has changed on a page.

use std::collections::BTreeMap;

use super::apply::{Adjusted, Edit, Replaced};
use super::page;
use super::parse::{Bullet, parse};
use crate::ids::MemoryId;
use crate::memory::list::Listing;
use crate::memory::memories::Memories;
use crate::memory::model::Memory;
use crate::memory::recall::{MOST, Query};
use crate::memory::remember::NewMemory;
use crate::memory::remember::rights::not_allowed;
use crate::memory::transfer::error::TransferError;
use crate::memory::transfer::rows;
use crate::memory::{Author, MemoryError};

impl Memories<'_> {
    /// What is listed, or what of it a question finds if there is one, as a page to be edited.
    ///
    /// # Errors
    /// Anybody but a person; those of a listing and of a search.
    pub async fn page_of(
        &self,
        listing: &Listing,
        question: Option<&str>,
    ) -> Result<String, TransferError> {
        self.may_edit()?;
        let now_ms = self.now_ms();
        let mut found = self.all(listing).await?;
        if let Some(question) = question {
            let query = Query {
                text: question.to_owned(),
                scope: listing.scope.clone(),
                limit: MOST,
                ..Query::default()
            };
            let hits = self.recall(&query).await?.hits;
            found.retain(|memory| hits.iter().any(|hit| hit.memory.id == memory.id));
        }
        Ok(page(&found, now_ms))
    }

    /// What a page that was edited asks for. A bullet that says what its memory says now asks for
    /// nothing, whoever has brought that about; nor does the lack of one that is gone already.
    ///
    /// # Errors
    /// Anybody but a person; what is no page; something asked of a memory that somebody has changed
    /// since; failures of the store.
    pub async fn edit(&self, page: &str) -> Result<Edit, TransferError> {
        self.may_edit()?;
        let page = parse(page)?;
        let ids: Vec<MemoryId> = page.ids.keys().cloned().collect();
        let mut connection = self.store.read().acquire().await?;
        let mut here = BTreeMap::new();
        for ids in ids.chunks(1000) {
            here.extend(rows::by_ids(&mut connection, self.project, ids).await?);
        }
        let is_as_it_was = |memory: &Memory| {
            !is_gone(memory) && page.ids.get(&memory.id) == Some(&memory.changed_ms)
        };
        let mut edit = Edit {
            of: page.ids.len(),
            ..Edit::default()
        };
        let mut changed = Vec::new();
        for bullet in page.bullets {
            let Some(id) = &bullet.id else {
                edit.remembered.push((bullet.line, new(bullet)));
                continue;
            };
            let Some(memory) = here.remove(id) else {
                // It was purged.
                changed.push(id.clone());
                continue;
            };
            let (id, is_as_it_was) = (memory.id.clone(), is_as_it_was(&memory));
            match asked(memory, bullet) {
                Asked::Nothing => {}
                _ if !is_as_it_was => changed.push(id),
                Asked::Replace(replaced) => edit.replaced.push(replaced),
                Asked::Adjust(adjusted) => edit.adjusted.push(adjusted),
            }
        }
        for memory in here.into_values().filter(|memory| !is_gone(memory)) {
            match is_as_it_was(&memory) {
                true => edit.forgotten.push(memory),
                false => changed.push(memory.id),
            }
        }
        match changed.is_empty() {
            true => Ok(edit),
            false => Err(TransferError::Conflict { ids: changed }),
        }
    }

    fn may_edit(&self) -> Result<(), MemoryError> {
        match self.author {
            Author::Person => Ok(()),
            _ => Err(not_allowed(
                "only a person edits pages of memories".to_owned(),
            )),
        }
    }
}

/// What a bullet asks for.
enum Asked {
    Nothing,
    Replace(Replaced),
    Adjust(Adjusted),
}

fn is_gone(memory: &Memory) -> bool {
    memory.forgotten.is_some() || memory.superseded_by.is_some()
}

fn new(bullet: Bullet) -> NewMemory {
    NewMemory {
        text: bullet.text,
        kind: Some(bullet.kind),
        scope: Some(bullet.scope),
        tags: bullet.tags,
        importance: bullet.importance,
        ..NewMemory::default()
    }
}

/// What a bullet asks of its memory. What the page does not show goes over to what takes its place.
fn asked(memory: Memory, mut bullet: Bullet) -> Asked {
    bullet.importance.get_or_insert(memory.importance);
    let is_same = plain(&memory.text) == plain(&bullet.text)
        && (&memory.scope, memory.kind) == (&bullet.scope, bullet.kind);
    let mut tags = bullet.tags.clone();
    let mut before = memory.tags.clone();
    tags.sort();
    tags.dedup();
    before.sort();
    let importance = bullet.importance.unwrap_or(memory.importance);
    if !is_same {
        return Asked::Replace(Replaced {
            line: bullet.line,
            new: NewMemory {
                subject: memory.subject.clone(),
                valid_from_ms: memory.valid_from_ms,
                valid_to_ms: memory.valid_to_ms,
                links: memory.links.clone(),
                supersedes: vec![memory.id.to_string()],
                ..new(bullet)
            },
            old: memory,
        });
    }
    match tags != before || importance.to_bits() != memory.importance.to_bits() {
        true => Asked::Adjust(Adjusted {
            line: bullet.line,
            before: memory,
            tags,
            importance,
        }),
        false => Asked::Nothing,
    }
}

/// A text without the spaces at the ends of its lines, which editors take away.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}
