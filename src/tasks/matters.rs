//! What whoever comes back must know first of the tracker: what they hold, and what is next.

use super::claim::Wanted;
use super::close::Named;
use super::error::TaskError;
use super::model::Holder;
use super::rows;
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::statements;

/// Claims that are named; more are counted.
const CLAIMS: usize = 5;
/// Ready tasks that are named.
const READY: u32 = 3;

statements! {
    CLAIMED = "SELECT id, title, fence FROM task WHERE holder = $1 AND holder <> '' AND project_id = $2
        ORDER BY claimed_ms DESC, n DESC";
}

/// A task that is held by whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) id: TaskId,
    pub(crate) title: String,
    pub(crate) fence: i64,
}

/// What is open for whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matters {
    /// Claims, the last ones first.
    pub(crate) claims: Vec<Claimed>,
    /// Claims that are not named.
    pub(crate) more_claims: usize,
    /// What is ready, the best first.
    pub(crate) ready: Vec<Named>,
}

impl Tracker<'_> {
    /// The claims of this actor and the best ready tasks.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn matters(&self) -> Result<Matters, TaskError> {
        self.expire().await?;
        let mut connection = self.store.read().acquire().await?;
        let holder = self.as_holder().as_ref().map(Holder::told);
        let rows: Vec<(String, String, i64)> = sqlx::query_as(CLAIMED)
            .bind(holder.unwrap_or_default())
            .bind(self.project.as_str())
            .fetch_all(&mut *connection)
            .await?;
        let more_claims = rows.len().saturating_sub(CLAIMS);
        let claims = rows
            .into_iter()
            .take(CLAIMS)
            .map(|(id, title, fence)| Claimed {
                id: TaskId::stored(id),
                title,
                fence,
            })
            .collect();
        let best = self
            .best_in(&mut connection, &Wanted::default(), READY)
            .await?;
        let mut ready = Vec::with_capacity(best.len());
        for id in best {
            if let Some(task) = rows::get(&mut connection, self.project, &id).await? {
                let title = task.title;
                ready.push(Named { id, title });
            }
        }
        Ok(Matters {
            claims,
            more_claims,
            ready,
        })
    }
}
