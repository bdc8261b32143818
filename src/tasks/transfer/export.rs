//! Writing the tasks of a project down, a line each.

use std::io::{self, Write};

use super::error::TransferError;
use super::{line, rows};
use crate::tasks::tracker::Tracker;
use crate::transfer::FileError;

/// Tasks read at once.
const PAGE: u32 = 500;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Tasks.
    pub tasks: u64,
    /// Deleted tasks.
    pub gone: u64,
}

impl Tracker<'_> {
    /// Writes every task of the project to `out`, sorted by id: the same tasks are the same bytes.
    /// Who works on a task is left out, as is all that follows from the rest. Reads in pages, of one
    /// moment of the store, whoever writes meanwhile.
    ///
    /// # Errors
    /// Failures of the store, and of `out`.
    pub async fn export(&self, out: &mut dyn Write) -> Result<Exported, TransferError> {
        let mut exported = Exported { tasks: 0, gone: 0 };
        let mut moment = self.store.read().begin().await?;
        put(out, &line::head())?;
        let mut after = String::new();
        loop {
            let ids = rows::page(&mut moment, self.project, &after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = last.to_string();
            let tasks = rows::records(&mut moment, self.project, &ids).await?;
            let wanted: Vec<_> = ids.iter().collect();
            let gone = rows::gone(&mut moment, self.project, &wanted).await?;
            for id in &ids {
                if let Some(task) = tasks.get(id) {
                    put(out, &line::of_task(task))?;
                    exported.tasks += 1;
                } else if let Some(gone) = gone.get(id) {
                    put(out, &line::of_gone(id, gone))?;
                    exported.gone += 1;
                }
            }
        }
        moment.rollback().await?;
        out.flush().map_err(FileError::Unwritten)?;
        Ok(exported)
    }
}

fn put(out: &mut dyn Write, line: &str) -> Result<(), TransferError> {
    let written: io::Result<()> = out
        .write_all(line.as_bytes())
        .and_then(|()| out.write_all(b"\n"));
    Ok(written.map_err(FileError::Unwritten)?)
}
