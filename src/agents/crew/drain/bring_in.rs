//! One agent's work on its way onto the branch of the drain: merged in a working tree that is there for
//! nothing else, checked, and only then is the branch moved on.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Job;
use crate::agents::crew::Crew;
use crate::agents::drain::{prompts, rows};
use crate::agents::error::AgentError;
use crate::ids::{AgentId, TaskId};
use crate::providers::shell::Shell;
use crate::workspaces::integrate::{IntegrateError, Integration, MergeTree, Outcome, Side};
use crate::workspaces::rows as trees;

/// How long a check may take.
const CHECK_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A merge that is over.
pub(super) struct Merging {
    pub(super) task: TaskId,
    pub(super) agent: AgentId,
    /// The working tree, for the next one.
    pub(super) integration: Option<Integration>,
    pub(super) brought: Result<Brought, AgentError>,
}

/// What came of it.
pub(super) enum Brought {
    /// It is on the branch, with that commit.
    In(String),
    /// It is not, for that reason.
    Not(String),
    /// There was no time.
    BrokenOff,
}

impl Crew {
    /// Brings the work of an agent up to `commit` in, unless `broken_off`.
    pub(super) async fn bring_in(
        &self,
        job: &Job<'_>,
        mut integration: Option<Integration>,
        (task, agent, commit): (TaskId, AgentId, String),
        broken_off: CancellationToken,
    ) -> Merging {
        let mark = format!("drain-{}", self.ids.token());
        let brought = {
            let merging = self.merge_in(job, &mut integration, &mark, (&task, &agent, &commit));
            tokio::select! {
                brought = merging => brought,
                () = broken_off.cancelled() => Ok(Brought::BrokenOff),
                () = self.closing.cancelled() => Ok(Brought::BrokenOff),
            }
        };
        if matches!(brought, Ok(Brought::BrokenOff) | Err(_))
            && let Some(half_done) = integration.take()
        {
            // Whatever it was in the middle of.
            let lineage = self.host.lineage.errand(self.owner(), &mark);
            self.shell(half_done.tree(), &lineage, &mark).clear().await;
            half_done.abandon().await;
        }
        Merging {
            task,
            agent,
            integration,
            brought,
        }
    }

    async fn merge_in(
        &self,
        job: &Job<'_>,
        integration: &mut Option<Integration>,
        mark: &str,
        (task, agent, commit): (&TaskId, &AgentId, &String),
    ) -> Result<Brought, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let tree = trees::of_agent(&self.store, agent).await?;
        let side = Side {
            agent: agent.clone(),
            branch: tree.map(|tree| tree.branch).unwrap_or_default(),
            commit: commit.clone(),
            above: "/".to_owned(),
        };
        // Until nobody else has moved the branch meanwhile.
        loop {
            let Some(stands_at) = job.trunk.tip().await.map_err(git)? else {
                return Err(AgentError::BadValue {
                    field: "branch",
                    problem: format!("{} was deleted meanwhile", job.trunk.branch()),
                });
            };
            let commits = job.trunk.count(&stands_at, commit).await.map_err(git)?;
            rows::note_tip(&self.store, &job.id, task, agent, commit, commits).await?;
            let integration = self.stand_at(job, integration, mark, &stands_at).await?;
            let merged = match integration.merge(&side).await? {
                Outcome::Merged(merged) => merged,
                Outcome::Conflict(conflict) => {
                    let why = prompts::conflict(&conflict, job.trunk.branch());
                    return Ok(Brought::Not(why));
                }
            };
            let Some(merge) = merged.commit else {
                return Ok(Brought::In(commit.clone()));
            };
            if let Some(check) = &job.request.check
                && let Some(why) = self.check(integration, mark, check).await?
            {
                integration.go_on_from(&stands_at).await?;
                return Ok(Brought::Not(why));
            }
            integration.keep().await?;
            if job.trunk.advance(&stands_at, &merge).await? {
                return Ok(Brought::In(merge));
            }
        }
    }

    /// The working tree of the merges, with the commit `at` in it.
    async fn stand_at<'a>(
        &self,
        job: &Job<'_>,
        integration: &'a mut Option<Integration>,
        mark: &str,
        at: &str,
    ) -> Result<&'a mut Integration, AgentError> {
        let standing = match integration.take() {
            Some(mut there) => {
                if there.kept() != at {
                    there.go_on_from(at).await?;
                }
                there
            }
            None => {
                let home = self.store.home();
                let tree = MergeTree::make(home, &job.repository, mark, at).await?;
                let author = self.config.workspaces.author.as_ref();
                Integration::begin(tree, at, author).await?
            }
        };
        Ok(integration.insert(standing))
    }

    /// Why the check fails on the last merge, if so.
    async fn check(
        &self,
        integration: &Integration,
        mark: &str,
        check: &str,
    ) -> Result<Option<String>, AgentError> {
        let cwd = integration.tree();
        let lineage = self.host.lineage.errand(self.owner(), mark);
        let ran = self.shell(cwd, &lineage, mark).run(check).await;
        let ran = ran.map_err(|source| IntegrateError::Place {
            path: cwd.to_owned(),
            source,
        })?;
        Ok(ran.failure().map(|how| {
            prompts::bounded(&format!(
                "merged with what others have done, the check `{check}` fails: {how}"
            ))
        }))
    }

    fn shell<'a>(
        &'a self,
        cwd: &'a std::path::Path,
        lineage: &'a crate::providers::Lineage,
        mark: &'a str,
    ) -> Shell<'a> {
        Shell {
            cwd,
            lineage,
            mark,
            env_allow: &self.config.agents.env_allow,
            ostler: &self.program,
            patience: CHECK_PATIENCE,
        }
    }
}
