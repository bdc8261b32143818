//! The run's own working tree: made before its first session, settled when its processes are gone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{Bench, Order, Outcome, Run, failed};
use crate::agents::journal::Subject;
use crate::providers::FailureClass;
use crate::workspaces::{Harvest, WorkspaceError, Workspaces};

/// How long settling a tree may take once somebody waits for the end: whoever stops an agent waits
/// for 30 s, and its processes may have taken 12 of them.
const HURRY: Duration = Duration::from_secs(10);

impl Bench {
    fn trees(&self) -> Workspaces<'_> {
        Workspaces {
            store: &self.store,
            clock: self.clock.as_ref(),
            settings: &self.workspaces,
        }
    }
}

impl Run {
    /// Makes the tree that the plan names, or finds the one of an earlier run.
    pub(super) async fn make_workspace(&mut self) -> Result<(), Outcome> {
        let Some(plan) = self.job.plan.workspace.clone() else {
            return Ok(());
        };
        let bench = Arc::clone(&self.bench);
        let agent = self.job.subject.agent.clone();
        let made = async move { bench.trees().make(&agent, &bench.project, &plan).await };
        let tree = self.meanwhile(made).await?.map_err(|error| {
            let why = format!("its working tree could not be made: {error}");
            failed(FailureClass::Other, &why)
        })?;
        let body = json!({
            "path": tree.path, "branch": tree.branch, "base": tree.base, "note": tree.note,
        });
        self.log("workspace", body).await;
        Ok(())
    }

    /// Commits what the tree holds, or takes away one that was not touched.
    pub(super) async fn settle_workspace(&mut self, outcome: &Outcome) {
        if self.job.plan.workspace.is_none() {
            return;
        }
        let bench = Arc::clone(&self.bench);
        let Subject { agent, .. } = self.job.subject.clone();
        let left = !self.ledger.evidence.processes_left.is_empty();
        let harvest = if left {
            let why = "processes of the agent are still there; nothing was committed";
            bench.trees().keep(&agent, why).await
        } else {
            let label = self.job.label.clone();
            let settled = {
                let trees = bench.trees();
                let settling = trees.settle(&agent, &label);
                tokio::select! {
                    settled = settling => Some(settled),
                    () = self.hurry(matches!(outcome, Outcome::Stopped(_))) => None,
                }
            };
            match settled {
                Some(settled) => settled,
                None => {
                    let why =
                        "the agent was stopped before the commit was made; it is all in the tree";
                    bench.trees().keep(&agent, why).await
                }
            }
        };
        self.note_harvest(harvest).await;
    }

    /// Returns when there is no more time: some seconds after somebody waits for the end.
    async fn hurry(&mut self, mut stopped: bool) {
        while !stopped {
            stopped = tokio::select! {
                () = self.bench.closing.cancelled() => true,
                order = self.orders.recv() => matches!(order, Some(Order::Stop(_)) | None),
            };
        }
        sleep(HURRY).await;
    }

    async fn note_harvest(&mut self, harvest: Result<Option<Harvest>, WorkspaceError>) {
        match harvest {
            Ok(Some(harvest)) => {
                self.log("workspace_settled", json!(harvest)).await;
                self.ledger.evidence.workspace = Some(harvest);
            }
            Ok(None) => {}
            // It stays as it is; the next look at trees of ended agents sees to it.
            Err(error) => {
                let plan = self.job.plan.workspace.as_ref();
                tracing::error!(%error, agent = %self.job.subject.agent, "a working tree is not settled");
                self.ledger.evidence.workspace = plan.map(|plan| Harvest {
                    branch: plan.branch.clone(),
                    path: Some(plan.path.clone()),
                    note: format!("not settled: {error}"),
                    ..Harvest::default()
                });
            }
        }
    }
}
