//! Doing what a page asks for: all of it or nothing.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::parse::bad;
use crate::ids::MemoryId;
use crate::memory::memories::Memories;
use crate::memory::model::{Forgotten, Memory};
use crate::memory::remember::{Kept, NewMemory, fields};
use crate::memory::transfer::error::TransferError;
use crate::memory::transfer::rows;

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
        self.still(&mut tx, edit).await?;
        for Adjusted {
            line,
            before,
            tags,
            importance,
        } in &edit.adjusted
        {
            let refused = |error| refused(*line, &error);
            let mut after = before.clone();
            after.tags = fields::tags(tags).map_err(refused)?;
            after.importance = fields::importance(*importance).map_err(refused)?;
            after.changed_ms = self.now_ms();
            self.change_in(&mut tx, before, &after).await?;
        }
        for memory in &edit.forgotten {
            let mut after = memory.clone();
            after.changed_ms = self.now_ms();
            after.forgotten = Some(Forgotten {
                at_ms: self.now_ms(),
                by: self.source().to_string(),
                why: WHY.to_owned(),
            });
            self.change_in(&mut tx, memory, &after).await?;
        }
        let replaced = edit.replaced.iter().map(|it| (it.line, &it.new));
        let new = edit.remembered.iter().map(|(line, new)| (*line, new));
        for (line, new) in replaced.chain(new) {
            self.keep(&mut tx, line, new).await?;
        }
        self.store.commit(tx).await?;
        Ok(Applied {
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
    ) -> Result<(), TransferError> {
        let kept = self.keep_one_in(connection, new).await;
        match kept.map_err(|error| refused(line, &error))? {
            Kept::New { .. } | Kept::Confirmed { .. } => Ok(()),
            Kept::Known { id, text, .. } => {
                let text = crate::text::one_line(&text, 100);
                Err(bad(line, format!("{id} says so already: {text}")))
            }
        }
    }

    /// Refuses to touch what is not as it was when the difference was made out.
    async fn still(
        &self,
        connection: &mut AnyConnection,
        edit: &Edit,
    ) -> Result<(), TransferError> {
        let replaced = edit.replaced.iter().map(|it| &it.old);
        let adjusted = edit.adjusted.iter().map(|it| &it.before);
        let touched: BTreeMap<&MemoryId, i64> = replaced
            .chain(adjusted)
            .chain(&edit.forgotten)
            .map(|memory| (&memory.id, memory.changed_ms))
            .collect();
        let ids: Vec<MemoryId> = touched.keys().map(|id| (*id).clone()).collect();
        let here = rows::by_ids(connection, self.project, &ids).await?;
        let is_changed = |id: &MemoryId| {
            let now = here.get(id).map(|memory| memory.changed_ms);
            now.as_ref() != touched.get(id)
        };
        let changed: Vec<MemoryId> = ids.into_iter().filter(is_changed).collect();
        match changed.is_empty() {
            true => Ok(()),
            false => Err(TransferError::Conflict { ids: changed }),
        }
    }
}

fn refused(line: u64, error: &impl std::fmt::Display) -> TransferError {
    bad(line, error.to_string())
}
