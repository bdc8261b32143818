//! The claims of a host session: every call of it says that it is there.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Crew;

/// How long a call waits for the renewal, which goes on by itself.
const SOON: Duration = Duration::from_millis(50);
/// Claims are not looked at again within that: a quarter of the shortest lease, as much of any lease
/// as may go without a renewal.
const ENOUGH: Duration = Duration::from_millis(250);

impl Crew {
    /// Renews what the session has claimed. To be called with every call of it; what fails is for the
    /// next one to do.
    pub async fn renew_claims(self: &Arc<Self>) {
        // The claims of an agent last as long as its run.
        if self.agent().is_some() || !self.is_time_to_renew() {
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

    fn is_time_to_renew(&self) -> bool {
        let now = Instant::now();
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = renewed.is_none_or(|last| now.duration_since(last) >= ENOUGH);
        if is_time {
            *renewed = Some(now);
        }
        is_time
    }
}
