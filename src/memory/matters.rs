//! How much is remembered, for whoever comes back.

use super::error::MemoryError;
use super::memories::Memories;
use crate::store::statements;

statements! {
    COUNT = "SELECT coalesce(sum(memories), 0) FROM memory_place
        WHERE name IN (SELECT value FROM json_each($1))";
    QUARANTINED = "SELECT count(*) FROM memory WHERE trust = 'quarantined' AND forgotten_ms = 0
        AND superseded_by = '' AND place IN (SELECT n FROM memory_place
          WHERE name IN (SELECT value FROM json_each($1)))";
}

/// How much is remembered here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Matters {
    /// Memories that a question of this author looks through.
    pub(crate) memories: i64,
    /// Those of them that an agent has written and nobody has confirmed.
    pub(crate) quarantined: i64,
}

impl Memories<'_> {
    /// How much is remembered where this author looks unless told otherwise.
    ///
    /// # Errors
    /// Failures of the store.
    pub(crate) async fn matters(&self) -> Result<Matters, MemoryError> {
        let scopes = self.own_scopes();
        let places: Vec<String> = scopes.iter().map(|it| it.place(self.project)).collect();
        let places = serde_json::json!(places).to_string();
        let mut connection = self.store.read().acquire().await?;
        let memories = sqlx::query_scalar(COUNT)
            .bind(&places)
            .fetch_one(&mut *connection)
            .await?;
        let quarantined = sqlx::query_scalar(QUARANTINED)
            .bind(&places)
            .fetch_one(&mut *connection)
            .await?;
        Ok(Matters {
            memories,
            quarantined,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Scope;
    use super::super::tests::{World, asking, keep, saying};
    use crate::memory::NewMemory;

    #[tokio::test]
    async fn what_is_counted_is_what_a_question_looks_through() {
        let world = World::new().await;
        for (scope, text) in [
            (Scope::Project, "Harbour lights burn in green"),
            (Scope::User, "Harbour masters like brevity"),
            (
                Scope::Agent("reviewer".to_owned()),
                "Harbour reviews start with tests",
            ),
            (
                Scope::Agent("planner".to_owned()),
                "Harbour plans fit on a page",
            ),
        ] {
            let scope = Some(scope);
            keep(
                &world.session(),
                NewMemory {
                    scope,
                    ..saying(text)
                },
            )
            .await;
        }
        keep(&world.agent(), saying("Harbour walls are high")).await;
        for (memories, expected) in [(world.session(), 3), (world.agent(), 4)] {
            let matters = memories.matters().await.unwrap();
            assert_eq!((matters.memories, matters.quarantined), (expected, 1));
            let found = memories
                .recall(&asking("harbour"))
                .await
                .unwrap()
                .hits
                .len();
            assert_eq!(i64::try_from(found), Ok(expected));
        }
    }
}
