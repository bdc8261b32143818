//! Working trees of agents' own: what is decided about one when its agent is spawned, and what becomes
//! of those whose agents have ended.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::launch::Resolved;
use crate::agents::record::read;
use crate::config::Isolation;
use crate::ids::AgentId;
use crate::workspaces::integrate;
use crate::workspaces::{Pruning, Standing, Tree, Verdict, Workspaces, plan, rows};

/// The working trees there are.
#[derive(Debug, Clone, Serialize)]
pub struct Worktrees {
    /// Those on record, oldest first.
    pub trees: Vec<Standing>,
    /// Folders among them that are on no record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<PathBuf>,
}

/// What was done with a tree, or would be.
#[derive(Debug, Clone, Serialize)]
pub struct Pruned {
    /// The agent.
    pub agent: AgentId,
    /// Its branch.
    pub branch: String,
    /// The tree.
    pub path: PathBuf,
    /// Seconds since it was begun.
    pub age_s: i64,
    /// Whether it goes.
    pub removed: bool,
    /// Why, or why not.
    pub why: String,
}

impl Crew {
    /// Gives a plan its working tree, if one is asked for.
    pub(super) async fn isolate(
        &self,
        resolved: &mut Resolved,
        id: &AgentId,
    ) -> Result<(), AgentError> {
        let with_changes = match resolved.isolation {
            Isolation::None => return Ok(()),
            Isolation::Worktree => false,
            Isolation::WorktreeWithChanges => true,
        };
        let launch = &mut resolved.plan.launch;
        let (home, label) = (self.store.home(), &resolved.label);
        let mut plan =
            plan::plan(home, &self.project, id, label, &launch.cwd, with_changes).await?;
        plan.base = resolved.base.take();
        launch.cwd = plan.path.join(&plan.inside);
        resolved.plan.workspace = Some(plan);
        Ok(())
    }

    /// Looks after the trees of ended agents whenever some may have been left, until the crew closes.
    /// Not in a process that only looks: it would take away what a person asks about.
    pub(super) async fn keep_trees(self: Arc<Self>) {
        // A process inside an agent does nothing to others.
        if self.host.lineage.depth() > 0 {
            return;
        }
        if self.host.collects {
            self.orphaned.notify_one();
        }
        let closing = self.closing.clone();
        let looking = async {
            loop {
                self.orphaned.notified().await;
                if let Err(error) = self.prune(false, Pruning::default()).await {
                    tracing::warn!(%error, "working trees of ended agents could not be looked at");
                }
            }
        };
        tokio::select! {
            () = closing.cancelled() => {}
            () = looking => {}
        }
    }

    /// The working trees of this project, or of all; for an agent, of those that it can see.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn worktrees(&self, all_projects: bool) -> Result<Worktrees, AgentError> {
        let known = rows::there(&self.store, None).await?;
        let mut trees = Vec::new();
        let is_agent = self.host.lineage.depth() > 0;
        for tree in &known {
            let wanted = all_projects || tree.project == self.project;
            if wanted && (!is_agent || self.is_visible(&tree.agent).await?) {
                trees.push(self.trees().standing(tree).await);
            }
        }
        let unknown = match is_agent {
            true => Vec::new(),
            false => self.trees().unknown(&known),
        };
        Ok(Worktrees { trees, unknown })
    }

    /// Heals what is half-made or half-removed and removes what holds nothing of its own, of ended
    /// agents only; says of each tree what was done and why.
    ///
    /// # Errors
    /// Failures of the store; a caller that is an agent.
    pub async fn prune_worktrees(
        &self,
        all_projects: bool,
        pruning: Pruning,
    ) -> Result<Vec<Pruned>, AgentError> {
        self.not_for_agents("remove working trees")?;
        self.reconcile().await?;
        if !pruning.dry_run {
            integrate::clear(self.store.home()).await;
        }
        self.prune(all_projects, pruning).await
    }

    async fn prune(&self, all_projects: bool, pruning: Pruning) -> Result<Vec<Pruned>, AgentError> {
        let project = (!all_projects).then_some(&self.project);
        let mut pruned = Vec::new();
        for tree in rows::there(&self.store, project).await? {
            let verdict = match self.has_ended(&tree).await? {
                false => Verdict::Kept("its agent works".to_owned()),
                true => match self.trees().reap(&tree, pruning).await {
                    Ok(verdict) => verdict,
                    Err(error) => Verdict::Kept(error.to_string()),
                },
            };
            tracing::debug!(agent = %tree.agent, ?verdict, "a working tree was looked at");
            let (removed, why) = match verdict {
                Verdict::Removed(why) => (true, why),
                Verdict::Kept(why) => (false, why),
            };
            pruned.push(Pruned {
                age_s: (self.clock.now_ms() - tree.created_ms) / 1000,
                agent: tree.agent,
                branch: tree.branch,
                path: tree.path,
                removed,
                why,
            });
        }
        Ok(pruned)
    }

    /// Whether the agent of a tree has ended. One that is on no record any more has.
    async fn has_ended(&self, tree: &Tree) -> Result<bool, AgentError> {
        let line = read::agent(&self.store, &tree.agent).await?;
        Ok(line.is_none_or(|line| line.status.is_terminal()))
    }

    pub(super) fn trees(&self) -> Workspaces<'_> {
        Workspaces {
            store: &self.store,
            clock: self.clock.as_ref(),
            settings: &self.config.workspaces,
        }
    }
}
