//! The beginning of a drain: a new one, or one that was not over, on its branch.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Job, Teller};
use crate::agents::crew::Crew;
use crate::agents::crew::integrate::commit_of;
use crate::agents::drain::rows::{self, Drain, NewDrain};
use crate::agents::drain::{DrainRequest, Told};
use crate::agents::error::AgentError;
use crate::agents::owner;
use crate::ids::DrainId;
use crate::project::Project;
use crate::workspaces::integrate::{IntegrateError, Trunk, clear};
use crate::workspaces::{Git, NoWorkspace};

impl Crew {
    /// Finds the drain that goes on, or begins one.
    pub(super) async fn begin_drain<'a>(
        &self,
        mut request: DrainRequest,
        tell: Teller<'a>,
    ) -> Result<Job<'a>, AgentError> {
        let project = Project::discover(&self.host.cwd).ok();
        let project = project.filter(|project| project.key != project.root);
        let Some(Project { root, key }) = project else {
            return Err(AgentError::NoRepository {
                path: self.host.cwd.clone(),
            });
        };
        let head = commit_of(&Git::at(&root), "HEAD").await?;
        let Some(head) = head else {
            return Err(NoWorkspace::NoCommit { top: root }.into());
        };
        if let Some(parent) = &request.wanted.parent {
            let parent = self.session_tracker().find(parent).await?;
            request.wanted.parent = Some(parent.to_string());
        }
        let began_ms = self.clock.now_ms();
        let mut drain = self.take_up(&request, &key, &head, began_ms).await?;
        let mut trunk = Trunk::of(&key, &drain.branch);
        if drain.again && self.is_thrown_away(&drain, &trunk, &head).await? {
            rows::leave(&self.store, &drain.id, self.owner(), true, began_ms).await?;
            drain = self.take_up(&request, &key, &head, began_ms).await?;
            trunk = Trunk::of(&key, &drain.branch);
        }
        trunk.refuse_checked_out().await?;
        trunk
            .begin(&drain.base)
            .await
            .map_err(IntegrateError::from)?;
        self.follow_head(&trunk, &head).await?;
        clear(self.store.home()).await;
        tell(Told::Began {
            drain: drain.id.clone(),
            branch: drain.branch.clone(),
            again: drain.again,
        });
        let seconds = request.timeout_s.map(|s| Duration::from_secs(u64::from(s)));
        Ok(Job {
            id: drain.id,
            trunk,
            base: drain.base,
            repository: key,
            since_ms: drain.since_ms,
            began_ms,
            deadline: seconds.map(|seconds| Instant::now() + seconds),
            request,
            tell,
        })
    }

    async fn take_up(
        &self,
        request: &DrainRequest,
        repository: &Path,
        head: &str,
        now_ms: i64,
    ) -> Result<Drain, AgentError> {
        let id = DrainId::new(self.ids.as_ref());
        let new = NewDrain {
            branch: &format!("ostler/drain-{}", id.as_str().trim_start_matches("d-")),
            id,
            project: &self.project,
            wanted: &request.key(),
            repository: &repository.to_string_lossy(),
            base: head,
        };
        let home = self.store.home();
        let is_alive = |id: &_| owner::is_alive(home, id);
        Ok(rows::take_up(&self.store, &new, self.owner(), is_alive, now_ms).await?)
    }

    /// Whether somebody has deleted the branch without having taken over what was on it. Where all of
    /// it is part of `head` the branch begins there again.
    async fn is_thrown_away(
        &self,
        drain: &Drain,
        trunk: &Trunk,
        head: &str,
    ) -> Result<bool, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        if trunk.tip().await.map_err(git)?.is_some() {
            return Ok(false);
        }
        for merge in rows::merges(&self.store, &drain.id).await? {
            if !trunk.is_in(&merge, head).await.map_err(git)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where somebody has taken over all that is on the branch, and gone on, the branch goes on there.
    async fn follow_head(&self, trunk: &Trunk, head: &str) -> Result<(), AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let tip = trunk.tip().await.map_err(git)?;
        if let Some(tip) = tip.filter(|tip| tip != head)
            && trunk.is_behind(head).await.map_err(git)?
        {
            trunk.advance(&tip, head).await?;
        }
        Ok(())
    }
}
