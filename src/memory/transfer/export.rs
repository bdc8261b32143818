//! Writing the memories of a project down, a line each.

use std::io::Write;

use super::error::TransferError;
use super::page::page;
use super::{line, rows};
use crate::memory::list::Listing;
use crate::memory::memories::Memories;
use crate::memory::model::Scope;
use crate::transfer::FileError;

/// Memories read at once.
const PAGE: u32 = 500;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Memories.
    pub memories: u64,
    /// Forgotten memories, which have no text.
    pub forgotten: u64,
}

impl Memories<'_> {
    /// Writes every memory of the project and of its agents to `out`, with those of the user if that is
    /// said, sorted by id: the same memories are the same bytes. An agent writes those that it may read.
    /// Reads in pages, of one moment of the store, whoever writes meanwhile.
    ///
    /// # Errors
    /// Failures of the store, and of `out`.
    pub async fn export(
        &self,
        with_user: bool,
        out: &mut dyn Write,
    ) -> Result<Exported, TransferError> {
        let mut exported = Exported::default();
        let own = self.own_scopes();
        let only = self.is_agent().then_some(own.as_slice());
        let mut moment = self.store.read().begin().await?;
        put(out, &line::head())?;
        let mut after = String::new();
        loop {
            let page = rows::page(&mut moment, self.project, &after, with_user, only, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id.to_string();
            for memory in &page {
                put(out, &line::of(memory))?;
                match memory.forgotten {
                    Some(_) => exported.forgotten += 1,
                    None => exported.memories += 1,
                }
            }
        }
        moment.rollback().await?;
        out.flush().map_err(FileError::Unwritten)?;
        Ok(exported)
    }
}

impl Memories<'_> {
    /// Writes what holds in the project and for its agents to `out`, with what does for the user if that
    /// is said, as a page.
    ///
    /// # Errors
    /// Failures of the store, and of `out`.
    pub async fn export_page(
        &self,
        with_user: bool,
        out: &mut dyn Write,
    ) -> Result<Exported, TransferError> {
        let now_ms = self.now_ms();
        let mut found = self.all(&Listing::default()).await?;
        found.retain(|memory| {
            let is_wanted = with_user || memory.scope != Scope::User;
            is_wanted && memory.holds_at(now_ms)
        });
        out.write_all(page(&found, now_ms).as_bytes())
            .and_then(|()| out.flush())
            .map_err(FileError::Unwritten)?;
        Ok(Exported {
            memories: found.len() as u64,
            forgotten: 0,
        })
    }
}

fn put(out: &mut dyn Write, line: &str) -> Result<(), FileError> {
    out.write_all(line.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .map_err(FileError::Unwritten)
}
