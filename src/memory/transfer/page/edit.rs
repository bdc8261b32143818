//! What a person has changed on a page.

use std::collections::BTreeMap;

use super::apply::{Adjusted, Edit, Replaced};
use super::page;
use super::parse::{Bullet, Parsed, parse};
use crate::ids::MemoryId;
use crate::memory::list::Listing;
use crate::memory::memories::Memories;
use crate::memory::model::Memory;
use crate::memory::recall::{MOST, Query};
use crate::memory::remember::NewMemory;
use crate::memory::transfer::error::TransferError;
use crate::memory::transfer::rows;
use crate::memory::{Author, MemoryError};

impl Memories<'_> {
    /// What is listed, or what of it a question finds if there is one, as a page.
    ///
    /// # Errors
    /// Those of a listing and of a search.
    pub async fn page_of(
        &self,
        listing: &Listing,
        question: Option<&str>,
    ) -> Result<String, TransferError> {
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

    /// What a page that was edited asks for.
    ///
    /// # Errors
    /// Anybody but a person; what is no page; a memory on it that somebody has changed since; failures
    /// of the store.
    pub async fn edit(&self, page: &str) -> Result<Edit, TransferError> {
        if self.author != Author::Person {
            let what = "only a person edits pages of memories".to_owned();
            return Err(MemoryError::NotAllowed { what }.into());
        }
        let page = parse(page)?;
        let ids: Vec<MemoryId> = page.ids.iter().cloned().collect();
        let mut connection = self.store.read().acquire().await?;
        let mut here = BTreeMap::new();
        for ids in ids.chunks(1000) {
            here.extend(rows::by_ids(&mut connection, self.project, ids).await?);
        }
        unchanged(&page, &here)?;
        let mut edit = Edit {
            of: page.ids.len(),
            ..Edit::default()
        };
        for bullet in page.bullets {
            let Some(id) = &bullet.id else {
                edit.remembered.push((bullet.line, new(bullet)));
                continue;
            };
            if let Some(memory) = here.remove(id) {
                compare(&mut edit, memory, bullet);
            }
        }
        edit.forgotten = here.into_values().collect();
        Ok(edit)
    }
}

/// Refuses a page of which somebody has changed a memory since.
fn unchanged(page: &Parsed, here: &BTreeMap<MemoryId, Memory>) -> Result<(), TransferError> {
    let is_as_it_was = |id: &MemoryId| {
        here.get(id).is_some_and(|memory| {
            memory.changed_ms <= page.at_ms
                && memory.forgotten.is_none()
                && memory.superseded_by.is_none()
        })
    };
    let changed: Vec<MemoryId> = page
        .ids
        .iter()
        .filter(|id| !is_as_it_was(id))
        .cloned()
        .collect();
    match changed.is_empty() {
        true => Ok(()),
        false => Err(TransferError::Conflict { ids: changed }),
    }
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

fn compare(edit: &mut Edit, memory: Memory, mut bullet: Bullet) {
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
        let line = bullet.line;
        let new = NewMemory {
            subject: memory.subject.clone(),
            links: memory.links.clone(),
            supersedes: vec![memory.id.to_string()],
            ..new(bullet)
        };
        let old = memory;
        edit.replaced.push(Replaced { line, old, new });
    } else if tags != before || importance.to_bits() != memory.importance.to_bits() {
        edit.adjusted.push(Adjusted {
            line: bullet.line,
            before: memory,
            tags,
            importance,
        });
    }
}

/// A text without the spaces at the ends of its lines, which editors take away.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}
