//! Removing what has been kept long enough: in short transactions with pauses between them, each of
//! which decides again whether its agents may go, so that others are not held up and a kill loses
//! nothing that should stay.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::owner;
use crate::agents::record::owner as rows;
use crate::agents::record::remove::{self, Removed};
use crate::agents::retention::{Rule, Why};
use crate::ids::AgentId;
use crate::store::StoreError;

/// How long one transaction goes on taking more, and the shortest pause after it.
const BATCH: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(5);
/// How often a server removes what is over, and how often it looks whether it is time.
const EVERY_MS: i64 = 24 * 3600 * 1000;
const LOOK: Duration = Duration::from_secs(3600);
/// Under which name that is noted.
const NAME: &str = "retention";

/// What is to be removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SweepRequest {
    /// Days after their end; absent: `retention.keep_days`.
    pub older_than_days: Option<u32>,
    /// Only say what would be removed.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Swept {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// The agents.
    pub agents: Vec<Gone>,
    /// Their runs.
    pub runs: u64,
    /// Entries of their logs.
    pub log_entries: u64,
    /// Projects without agents that nobody works in.
    pub projects: u64,
    /// Processes that have left and ran none of the agents that are kept.
    pub owners: u64,
    /// Lock files that such processes left behind.
    pub lock_files: u64,
    /// By how many bytes the state file shrank; in a dry run, the bytes of the texts.
    pub freed_bytes: u64,
    /// Bytes of the file that are empty and will be used again; it shrinks by them when nobody else
    /// uses it.
    #[serde(skip_serializing_if = "is_zero")]
    pub reusable_bytes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A removed agent.
#[derive(Debug, Clone, Serialize)]
pub struct Gone {
    /// Its id.
    pub id: AgentId,
    /// A few words to tell it from others.
    pub label: String,
    /// Days since it ended.
    pub days: i64,
    /// Why it goes.
    pub why: Why,
}

impl Crew {
    /// Removes agents that ended long ago or are too many, and what only they referred to. Live agents
    /// stay, those with a git worktree that is there, and everything that stands in one tree with
    /// them.
    ///
    /// # Errors
    /// [`AgentError::NotForAgents`] for an agent, failures of the store. What was removed before a
    /// failure stays removed.
    pub async fn sweep(&self, request: SweepRequest) -> Result<Swept, AgentError> {
        self.not_for_agents()?;
        self.reconcile().await?;
        match request.dry_run {
            true => self.foresee(request.older_than_days).await,
            false => {
                let alone = self.is_alone().await?;
                self.remove_all(request.older_than_days, alone).await
            }
        }
    }

    /// Does the same now and then in the background, at most once a day on this machine, until the
    /// crew closes; unless the configuration says otherwise.
    pub fn sweep_now_and_then(self: &Arc<Self>) {
        if !self.config.retention.auto || self.not_for_agents().is_err() {
            return;
        }
        let crew = Arc::clone(self);
        self.tasks.spawn(async move {
            loop {
                match crew.sweep_if_due().await {
                    Ok(Some(swept)) => {
                        tracing::info!(agents = swept.agents.len(), "old agents were removed");
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "old agents could not be removed"),
                }
                tokio::select! {
                    () = crew.closing.cancelled() => return,
                    () = sleep(LOOK) => {}
                }
            }
        });
    }

    async fn sweep_if_due(&self) -> Result<Option<Swept>, AgentError> {
        let now_ms = self.clock.now_ms();
        if !remove::claim(&self.store, NAME, now_ms - EVERY_MS, now_ms).await? {
            return Ok(None);
        }
        // Others may come at any time, and a whole rewrite of the file would hold them up.
        Ok(Some(self.remove_all(None, false).await?))
    }

    fn not_for_agents(&self) -> Result<(), AgentError> {
        match self.host.lineage.depth() {
            0 => Ok(()),
            _ => Err(AgentError::NotForAgents {
                action: "remove agents for good",
            }),
        }
    }

    async fn is_alone(&self) -> Result<bool, AgentError> {
        Ok(rows::present(&self.store, self.owner()).await?.is_empty())
    }

    fn rule(&self, older_than_days: Option<u32>) -> Rule {
        Rule::new(&self.config.retention, older_than_days, self.clock.now_ms())
    }

    async fn remove_all(&self, days: Option<u32>, alone: bool) -> Result<Swept, AgentError> {
        let rule = self.rule(days);
        let selected = rule.select(&remove::trees(&self.store).await?);
        let mut swept = Swept::default();
        let mut left = selected.into_iter().peekable();
        while left.peek().is_some() && !self.closing.is_cancelled() {
            let began = Instant::now();
            let mut tx = self.store.begin().await?;
            while began.elapsed() < BATCH
                && let Some((root, why)) = left.peek()
            {
                let tree = remove::tree(&mut tx, root).await?;
                // It may have been resumed meanwhile.
                if tree.is_some_and(|tree| rule.why(&tree, *why == Why::Count).is_some()) {
                    let agents = remove::agents(&mut tx, root).await?;
                    match remove::remove(&mut tx, root).await? {
                        Removed::Log(entries) => {
                            swept.log_entries += entries;
                            break;
                        }
                        Removed::All(content) => {
                            swept.runs += content.runs;
                            swept.log_entries += content.log_entries;
                            swept.agents.extend(self.gone(agents, *why));
                        }
                    }
                }
                left.next();
            }
            self.store.commit(tx).await?;
            // Who waits for its turn to write polls, and would starve between two of ours.
            sleep(began.elapsed().max(PAUSE)).await;
        }
        (swept.owners, swept.projects) = remove::forget_unreferenced(&self.store).await?;
        for lock in owner::left_behind(self.store.home(), self.clock.now_ms()) {
            swept.lock_files += u64::from(std::fs::remove_file(lock).is_ok());
        }
        let space = self.store.shrink(alone, &self.closing).await?;
        swept.freed_bytes = space.freed_bytes;
        swept.reusable_bytes = space.reusable_bytes;
        Ok(swept)
    }

    /// What a sweep would do now.
    async fn foresee(&self, days: Option<u32>) -> Result<Swept, AgentError> {
        let rule = self.rule(days);
        let selected = rule.select(&remove::trees(&self.store).await?);
        let mut swept = Swept {
            dry_run: true,
            ..Swept::default()
        };
        let mut reading = self
            .store
            .read()
            .acquire()
            .await
            .map_err(StoreError::from)?;
        for (root, why) in &selected {
            let content = remove::content(&mut reading, root).await?;
            swept.runs += content.runs;
            swept.log_entries += content.log_entries;
            swept.freed_bytes += remove::size(&mut reading, root).await?;
            let agents = remove::agents(&mut reading, root).await?;
            swept.agents.extend(self.gone(agents, *why));
        }
        let roots: HashSet<&AgentId> = selected.iter().map(|(root, _)| root).collect();
        let kept_by = remove::references(&self.store).await?;
        swept.owners = unreferenced(&kept_by.owners, &roots);
        swept.projects = unreferenced(&kept_by.projects, &roots);
        swept.lock_files = owner::left_behind(self.store.home(), self.clock.now_ms()).len() as u64;
        Ok(swept)
    }

    fn gone(&self, agents: Vec<(AgentId, String, i64)>, why: Why) -> Vec<Gone> {
        let now_ms = self.clock.now_ms();
        let agents = agents.into_iter();
        agents
            .map(|(id, label, ended_ms)| Gone {
                id,
                label,
                days: (now_ms - ended_ms) / EVERY_MS,
                why,
            })
            .collect()
    }
}

/// How many of them nothing refers to once these trees are gone.
fn unreferenced(references: &[(String, Option<AgentId>)], trees: &HashSet<&AgentId>) -> u64 {
    let mut all: HashMap<&str, bool> = HashMap::new();
    for (id, tree) in references {
        let goes = tree.as_ref().is_none_or(|tree| trees.contains(tree));
        *all.entry(id).or_insert(true) &= goes;
    }
    all.values().filter(|goes| **goes).count() as u64
}
