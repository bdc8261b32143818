//! Doing what a page asks for: all of it or nothing.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::parse::bad;
use crate::ids::MemoryId;
use crate::memory::memories::Memories;
use crate::memory::model::{Forgotten, Memory};
use crate::memory::remember::{Kept, NewMemory, fields};
use crate::memory::transfer::error::TransferError;
use crate::memory::transfer::{rows, writes};

/// Why what is no longer on a page is forgotten.
const WHY: &str = "removed in the editor";

/// What is to be done.
#[derive(Debug, Default)]
pub struct Edit {
    /// How many memories were on the page.
    pub of: usize,
    /// Memories and what takes their place.
    pub replaced: Vec<Replaced>,
    /// Memories with other tags or another importance.
    pub adjusted: Vec<Adjusted>,
    /// Memories that are to be forgotten.
    pub forgotten: Vec<Memory>,
    /// New statements, with their lines.
    pub remembered: Vec<(u64, NewMemory)>,
}

/// A memory and what takes its place.
#[derive(Debug)]
pub struct Replaced {
    /// Its line, from 1.
    pub line: u64,
    /// What was there.
    pub old: Memory,
    /// What takes its place.
    pub new: NewMemory,
}

/// A memory with other tags or another importance.
#[derive(Debug)]
pub struct Adjusted {
    /// Its line, from 1.
    pub line: u64,
    /// What it was.
    pub before: Memory,
    /// Its tags, all of them.
    pub tags: Vec<String>,
    /// Its importance.
    pub importance: f64,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Memories whose place was taken.
    pub superseded: usize,
    /// Memories with other tags or another importance.
    pub adjusted: usize,
    /// Memories that were forgotten.
    pub forgotten: usize,
    /// Memories that are new.
    pub remembered: usize,
    /// Of how many of these the value of a secret variable was taken out.
    pub redacted: usize,
}

impl Edit {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty()
            && self.adjusted.is_empty()
            && self.forgotten.is_empty()
            && self.remembered.is_empty()
    }

    /// Whether more than half of what was on the page is to be forgotten.
    pub fn forgets_most(&self) -> bool {
        self.forgotten.len() * 2 > self.of
    }
}

impl Memories<'_> {
    /// Does what a page asks for, in one transaction.
    ///
    /// # Errors
    /// What the write gate refuses, with the line; a memory that somebody has changed since; failures of
    /// the store. Nothing was done then.
    pub async fn apply(&self, edit: &Edit) -> Result<Applied, TransferError> {
        let mut tx = self.store.begin().await?;
        let here = self.still(&mut tx, edit).await?;
        let now_ms = self.now_ms();
        for Adjusted {
            line,
            before,
            tags,
            importance,
        } in &edit.adjusted
        {
            let refused = |error| refused(*line, &error);
            let before = here.get(&before.id).unwrap_or(before);
            let tags: Vec<String> = tags.iter().map(|tag| self.store.redact(tag)).collect();
            let mut after = before.clone();
            after.tags = fields::tags(&tags).map_err(refused)?;
            after.importance = fields::importance(*importance).map_err(refused)?;
            after.changed_ms = now_ms;
            self.change_in(&mut tx, before, &after).await?;
        }
        for memory in &edit.forgotten {
            let before = here.get(&memory.id).unwrap_or(memory);
            let mut after = before.clone();
            after.changed_ms = now_ms;
            after.forgotten = Some(Forgotten {
                at_ms: now_ms,
                by: self.source().to_string(),
                why: WHY.to_owned(),
            });
            self.change_in(&mut tx, before, &after).await?;
        }
        for Replaced { line, old, new } in &edit.replaced {
            if let Some(id) = self.keep(&mut tx, *line, new).await? {
                let stays = new.scope.as_ref() == Some(&old.scope);
                writes::carry_over(&mut tx, old, &id, stays).await?;
            }
        }
        for (line, new) in &edit.remembered {
            self.keep(&mut tx, *line, new).await?;
        }
        self.store.commit(tx).await?;
        let replaced = edit.replaced.iter().map(|it| &it.new);
        let new = replaced.chain(edit.remembered.iter().map(|(_, new)| new));
        Ok(Applied {
            redacted: new.filter(|new| self.redacts(new)).count(),
            superseded: edit.replaced.len(),
            adjusted: edit.adjusted.len(),
            forgotten: edit.forgotten.len(),
            remembered: edit.remembered.len(),
        })
    }

    async fn keep(
        &self,
        connection: &mut AnyConnection,
        line: u64,
        new: &NewMemory,
    ) -> Result<Option<MemoryId>, TransferError> {
        let kept = self.keep_one_in(connection, new).await;
        match kept.map_err(|error| refused(line, &error))? {
            Kept::New { id, .. } => Ok(Some(id)),
            Kept::Confirmed { .. } => Ok(None),
            Kept::Known { id, text, .. } => {
                let text = crate::text::one_line(&text, 100);
                Err(bad(line, format!("{id} says so already: {text}")))
            }
        }
    }

    /// What is to be touched, as it stands; refuses that if it is not as it was when the difference was
    /// made out.
    async fn still(
        &self,
        connection: &mut AnyConnection,
        edit: &Edit,
    ) -> Result<BTreeMap<MemoryId, Memory>, TransferError> {
        let replaced = edit.replaced.iter().map(|it| &it.old);
        let adjusted = edit.adjusted.iter().map(|it| &it.before);
        let touched: Vec<&Memory> = replaced.chain(adjusted).chain(&edit.forgotten).collect();
        let ids: Vec<MemoryId> = touched.iter().map(|memory| memory.id.clone()).collect();
        let here = rows::by_ids(connection, self.project, &ids).await?;
        // That it was used is no change.
        let unused = |memory: &Memory| Memory {
            used_ms: 0,
            uses: 0,
            ..memory.clone()
        };
        let is_changed =
            |then: &Memory| here.get(&then.id).map(unused).as_ref() != Some(&unused(then));
        let changed: Vec<MemoryId> = touched
            .into_iter()
            .filter(|then| is_changed(then))
            .map(|then| then.id.clone())
            .collect();
        match changed.is_empty() {
            true => Ok(here),
            false => Err(TransferError::Conflict { ids: changed }),
        }
    }
}

fn refused(line: u64, error: &impl std::fmt::Display) -> TransferError {
    bad(line, error.to_string())
}
