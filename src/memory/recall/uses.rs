//! That memories were given to somebody. Whoever asks has the answer whether or not this is noted.

use std::time::Duration;

use crate::memory::memories::Memories;
use crate::store::{StoreError, statements};

/// How long an answer waits for it, where others write.
const PATIENCE: Duration = Duration::from_millis(500);

statements! {
    USED = "UPDATE memory SET uses = uses + 1, used_ms = $2
        WHERE n IN (SELECT value FROM json_each($1))";
}

impl Memories<'_> {
    /// Notes that these memories were given to somebody, if that can be done soon.
    pub(super) async fn note_use(&self, numbers: &[i64]) {
        if numbers.is_empty() {
            return;
        }
        match tokio::time::timeout(PATIENCE, self.write_use(numbers)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the use of memories was not noted"),
            Err(_) => tracing::warn!("the use of memories was not noted: others are writing"),
        }
    }

    async fn write_use(&self, numbers: &[i64]) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        sqlx::query(USED)
            .bind(serde_json::json!(numbers).to_string())
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
        self.store.commit(tx).await
    }
}
