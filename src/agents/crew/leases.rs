//! The claims of a host session: every call of it says that it is there.

use std::sync::Arc;
use std::time::Duration;

use super::Crew;

/// How long a call waits for the renewal, which goes on by itself.
const SOON: Duration = Duration::from_millis(50);

impl Crew {
    /// Renews what the session has claimed. To be called with every call of it; what fails is for the
    /// next one to do.
    pub async fn renew_claims(self: &Arc<Self>) {
        if self.agent().is_some() {
            // Its claims last as long as its run.
            return;
        }
        let crew = Arc::clone(self);
        let renewal = self.tasks.spawn(async move {
            if let Err(error) = crew.tracker_of(crew.actor(None)).renew().await {
                tracing::warn!(%error, "claims were not renewed");
            }
        });
        // Without an outcome when this process is leaving.
        drop(tokio::time::timeout(SOON, renewal).await);
    }
}
