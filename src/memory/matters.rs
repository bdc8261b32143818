//! How much is remembered, for whoever comes back.

use super::error::MemoryError;
use super::memories::Memories;
use crate::store::statements;

statements! {
    COUNT = "SELECT coalesce(sum(memories), 0) FROM memory_place
        WHERE name IN ('user', $1) OR name LIKE $1 || '/%'";
    QUARANTINED = "SELECT count(*) FROM memory WHERE trust = 'quarantined' AND forgotten_ms = 0
        AND superseded_by = '' AND place IN (SELECT n FROM memory_place
          WHERE name IN ('user', $1) OR name LIKE $1 || '/%')";
}

/// How much is remembered here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Matters {
    /// Memories of the project, its agents and the user that hold.
    pub(crate) memories: i64,
    /// Those of them that an agent has written and nobody has confirmed.
    pub(crate) quarantined: i64,
}

impl Memories<'_> {
    /// How much is remembered of this project and its user.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn matters(&self) -> Result<Matters, MemoryError> {
        let mut connection = self.store.read().acquire().await?;
        let memories = sqlx::query_scalar(COUNT)
            .bind(self.project.as_str())
            .fetch_one(&mut *connection)
            .await?;
        let quarantined = sqlx::query_scalar(QUARANTINED)
            .bind(self.project.as_str())
            .fetch_one(&mut *connection)
            .await?;
        Ok(Matters {
            memories,
            quarantined,
        })
    }
}
