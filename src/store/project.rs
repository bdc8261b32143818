//! Projects: what everything else in the state belongs to.

use super::{Store, StoreError, statements};
use crate::ids::{IdSource, ProjectId};

statements! {
    ADD = "INSERT INTO project(id, key, created_ms) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO NOTHING";
    FIND = "SELECT id FROM project WHERE key = $1";
}

impl Store {
    /// The id of the project with that key, made on first sight.
    pub(crate) async fn project(
        &self,
        ids: &dyn IdSource,
        key: &str,
        now_ms: i64,
    ) -> Result<ProjectId, StoreError> {
        if let Some(id) = self.known_project(key).await? {
            return Ok(id);
        }
        let mut tx = self.begin().await?;
        let id = ProjectId::new(ids);
        sqlx::query(ADD)
            .bind(id.as_str())
            .bind(key)
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
        let id: String = sqlx::query_scalar(FIND)
            .bind(key)
            .fetch_one(&mut *tx)
            .await?;
        self.commit(tx).await?;
        Ok(ProjectId::stored(id))
    }

    /// The id of the project with that key, if it was ever seen.
    pub(crate) async fn known_project(&self, key: &str) -> Result<Option<ProjectId>, StoreError> {
        let known: Option<String> = sqlx::query_scalar(FIND)
            .bind(key)
            .fetch_optional(self.read())
            .await?;
        Ok(known.map(ProjectId::stored))
    }
}
