//! Handing results out once: what is read by the session it is for is marked, and the mark is taken
//! back when the reader is gone before it had the text.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::owner;
use crate::agents::record::{Line, write};
use crate::ids::AgentId;
use crate::store::Store;

/// Results that are marked as read. Dropped without [`HandOut::keep`], they are unread again.
pub(in crate::agents) struct HandOut {
    /// For each result: whether it had been read before; `false` for those only looked at.
    read_before: Vec<bool>,
    /// Runs that were marked for this reader.
    fresh: Vec<(AgentId, u32)>,
    store: Arc<Store>,
    tasks: TaskTracker,
}

impl HandOut {
    /// The reader has the results; for each, in order, whether it had been read before.
    pub(in crate::agents) fn keep(mut self) -> Vec<bool> {
        self.fresh.clear();
        std::mem::take(&mut self.read_before)
    }
}

impl Drop for HandOut {
    fn drop(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let (store, fresh) = (Arc::clone(&self.store), std::mem::take(&mut self.fresh));
        self.tasks.spawn(async move {
            if let Err(error) = write::give_back(&store, &fresh).await {
                tracing::error!(%error, ?fresh, "results that nobody got stay marked as read");
            }
        });
    }
}

impl Crew {
    /// Marks results of ended runs that are about to be shown as read: those of this session, and,
    /// for a session that collects, those that nobody is left to collect.
    pub(in crate::agents) async fn collect(&self, lines: &[&Line]) -> Result<HandOut, AgentError> {
        let own: Vec<bool> = lines.iter().map(|line| self.may_collect(line)).collect();
        let runs: Vec<(AgentId, u32)> = lines
            .iter()
            .zip(&own)
            .filter(|(_, own)| **own)
            .map(|(line, _)| (line.id.clone(), line.run_no))
            .collect();
        let (store, tasks) = (Arc::clone(&self.store), self.tasks.clone());
        // In a task of its own, because a reader may leave in the middle of the commit, and nobody
        // could tell then whether it has happened. What the task brings is dropped then.
        let marking = self.tasks.spawn(async move {
            let first = write::deliver(&store, &runs).await?;
            let fresh = runs.into_iter().zip(&first).filter(|(_, first)| **first);
            let fresh = fresh.map(|(run, _)| run).collect();
            let mut first = first.into_iter();
            let read_before = own
                .into_iter()
                .map(|own| own && first.next() == Some(false))
                .collect();
            Ok(HandOut {
                read_before,
                fresh,
                store,
                tasks,
            })
        });
        marking.await.map_err(|_| AgentError::ShuttingDown)?
    }

    fn may_collect(&self, line: &Line) -> bool {
        let orphaned = || !owner::is_alive(self.store.home(), &line.owner);
        line.status.is_terminal() && (self.is_own(line) || (self.host.collects && orphaned()))
    }
}
