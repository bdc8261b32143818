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
            let tracker = match crew.tracker().await {
                Ok(tracker) => tracker,
                Err(error) => {
                    return tracing::warn!(%error, "it is not known whose claims to renew");
                }
            };
            if let Err(error) = tracker.renew().await {
                tracing::warn!(%error, "claims were not renewed");
            }
        });
        // Without an outcome when this process is leaving.
        drop(tokio::time::timeout(SOON, renewal).await);
    }
}
