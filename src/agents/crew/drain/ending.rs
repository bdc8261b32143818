//! The end of a drain: what still works is stopped, what is held is given back, and what it has come to
//! is told.

use std::collections::HashMap;

use super::{Halt, INTERRUPTED, Job, Memory, USED_UP};
use crate::agents::crew::Crew;
use crate::agents::drain::left::Rest;
use crate::agents::drain::rows;
use crate::agents::drain::{DrainReport, Ended, Outcome};
use crate::agents::error::AgentError;
use crate::ids::TaskId;
use crate::workspaces::integrate::IntegrateError;

/// Open tasks that are told; more are counted.
const LEFT: usize = 500;

impl Crew {
    /// Ends in order what this process has at work, and lets go of what it holds.
    pub(super) async fn leave_off(
        &self,
        job: &Job<'_>,
        memory: &Memory,
        worked: &Result<Option<Halt>, AgentError>,
    ) -> Result<(), AgentError> {
        let reason = match worked {
            Ok(Some(Halt::Limit(_))) => USED_UP,
            _ => INTERRUPTED,
        };
        let mut live = Vec::new();
        for id in &memory.started {
            if let Ok(line) = self.line(id).await
                && !line.status.is_terminal()
                && line.owner == *self.owner()
            {
                live.push(id.clone());
            }
        }
        if !live.is_empty() {
            self.stop(&live, reason).await?;
        }
        for begun in rows::begun(&self.store, &job.id).await? {
            self.let_go(&begun.task, reason).await?;
        }
        Ok(())
    }

    /// What everything has come to.
    pub(super) async fn drained(
        &self,
        job: &Job<'_>,
        memory: &Memory,
        halt: Option<Halt>,
    ) -> Result<DrainReport, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let mut left = self.rest(job, memory).await?.left();
        let ended = match halt {
            // What came when nothing was left has kept nothing from being done.
            _ if left.is_empty() => Ended::Done,
            Some(Halt::Stopped) => Ended::Stopped,
            Some(Halt::Limit(_)) => Ended::Limit,
            None => Ended::Left,
        };
        let now_ms = self.clock.now_ms();
        let is_over = left.is_empty();
        rows::leave(&self.store, &job.id, self.owner(), is_over, now_ms).await?;
        let tip = job.trunk.tip().await.map_err(git)?;
        let commits = match &tip {
            Some(tip) => job.trunk.count(&job.base, tip).await.map_err(git)?,
            None => 0,
        };
        let branch = job.trunk.branch().to_owned();
        let more_left = left.len().saturating_sub(LEFT);
        left.truncate(LEFT);
        let tasks = rows::worked_on(&self.store, &job.id, job.request.attempts).await?;
        let has_work = tasks.iter().any(|task| !task.merged.is_empty());
        if is_over
            && !has_work
            && let Some(tip) = &tip
        {
            job.trunk.drop_at(tip).await.map_err(git)?;
        }
        Ok(DrainReport {
            drain: job.id.clone(),
            ended,
            limit: match halt {
                Some(Halt::Limit(limit)) if ended == Ended::Limit => Some(limit),
                _ => None,
            },
            take_over: (has_work && tip.is_some()).then(|| format!("git merge {branch}")),
            branch,
            base: job.base.clone(),
            commits,
            cost_usd: tasks.iter().fold(0.0, |all, task| all + task.cost_usd),
            tasks,
            left,
            more_left,
        })
    }

    /// What is open, and why.
    pub(super) async fn rest(&self, job: &Job<'_>, memory: &Memory) -> Result<Rest, AgentError> {
        let (store, now_ms) = (&self.store, self.clock.now_ms());
        let wanted = &job.request.wanted;
        let (mut tasks, edges) = rows::rest(store, &self.project, wanted, now_ms).await?;
        let worked_on = rows::worked_on(store, &job.id, job.request.attempts).await?;
        let mut given_up: HashMap<TaskId, String> = memory.refused.clone();
        let mut begun: HashMap<TaskId, String> = HashMap::new();
        for task in worked_on {
            if task.outcome == Outcome::Failed {
                let why = task.why.lines().next().unwrap_or_default();
                given_up.insert(task.task, format!("{} failed: {why}", task.agent));
            } else {
                begun.insert(task.task, task.agent.to_string());
            }
        }
        for (id, open) in &mut tasks {
            open.given_up = given_up.remove(id);
            open.begun_by = begun.remove(id);
        }
        Ok(Rest::new(tasks, edges))
    }
}
