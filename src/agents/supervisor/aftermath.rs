//! Before the first session of a run and after its last: what is made ready for the child, and what
//! is checked, kept and cleared away when its processes are gone.

use super::{Outcome, Run};

impl Run {
    /// Prepares what the child works with. A stop that comes meanwhile ends the run here.
    pub(super) async fn make_ready(&mut self) -> Result<(), Outcome> {
        self.make_workspace().await?;
        self.remember_head().await;
        Ok(())
    }

    /// Looks at what the run has left, before its end is written down.
    pub(super) async fn look_back(&mut self, outcome: &Outcome) {
        // While the working tree is as the agent left it.
        self.radar.finish().await;
        self.verify(outcome).await;
        self.settle_workspace(outcome).await;
        self.collect_commits().await;
    }
}
