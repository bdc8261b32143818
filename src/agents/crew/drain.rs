//! Working the ready tasks down: looks where everything stands, has [`plan`] say what to do next, does
//! it, and waits for something to change, until nothing is left, a limit ends it or a person does.

mod act;
mod begin;
mod bring_in;
mod ending;
mod survey;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use self::bring_in::{Brought, Merging};
use self::survey::Known;
use super::Crew;
use crate::agents::drain::plan::{self, Action, Item};
use crate::agents::drain::purse::Purse;
use crate::agents::drain::rows;
use crate::agents::drain::{DrainReport, DrainRequest, Step, Told};
use crate::agents::error::AgentError;
use crate::ids::{AgentId, DrainId, TaskId};
use crate::tasks::{Actor, Tracker};
use crate::workspaces::integrate::{Integration, Trunk};

/// Changes that come close together are looked at together.
const TOGETHER: Duration = Duration::from_millis(50);
/// The same while others are waited for.
const IDLE: Duration = Duration::from_millis(500);
/// How often to look although nothing was heard: leases are renewed and the dead found.
const LOOK: Duration = Duration::from_secs(2);
/// After a refusal that time mends.
const AGAIN: Duration = Duration::from_secs(1);
/// Why its agents are stopped.
const INTERRUPTED: &str = "the drain was stopped";
const USED_UP: &str = "the limit of the drain is reached";

/// Who is told what happens.
pub type Teller<'a> = &'a (dyn Fn(Told) + Sync);

/// One drain in the hands of this process.
struct Job<'a> {
    id: DrainId,
    request: DrainRequest,
    trunk: Trunk,
    base: String,
    repository: PathBuf,
    /// From when on its cost counts.
    since_ms: i64,
    /// When this process took it up.
    began_ms: i64,
    deadline: Option<Instant>,
    tell: Teller<'a>,
}

/// What this process remembers from one look to the next, and can do without.
#[derive(Default)]
struct Memory {
    known: Known,
    /// What was last told of a task.
    told: HashMap<TaskId, String>,
    /// Agents that this process has started or resumed.
    started: HashSet<AgentId>,
    /// Tasks that cannot be begun, with the reason.
    refused: HashMap<TaskId, String>,
    /// Why none of its agents can work.
    unfit: Option<String>,
    /// Nothing is begun before.
    not_before: Option<Instant>,
    /// The working tree of the merges, between them.
    integration: Option<Integration>,
}

/// Why it ends before everything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    Stopped,
    Limit(&'static str),
}

impl Crew {
    /// Has agents work the ready tasks down that are asked for, each in a worktree of its own, and
    /// brings their work together on one branch, on which those that depend on it begin. The user's
    /// own working tree, index and branch stay as they are. One that was not over is taken up again.
    /// `stop` ends it in order.
    ///
    /// # Errors
    /// A caller that is an agent, values that cannot be, no repository, failures of git and the store.
    pub async fn drain(
        self: &Arc<Self>,
        request: DrainRequest,
        stop: &CancellationToken,
        tell: Teller<'_>,
    ) -> Result<DrainReport, AgentError> {
        if self.host.lineage.depth() > 0 {
            return Err(AgentError::HostOnly {
                action: "has tasks worked down",
            });
        }
        request.check()?;
        self.reconcile().await?;
        self.be_ready_to_run()?;
        let job = self.begin_drain(request, tell).await?;
        let mut memory = Memory::default();
        let worked = self.work_down(&job, &mut memory, stop).await;
        // Also after a failure: nobody else looks after them.
        let left_off = self.leave_off(&job, &memory, &worked).await;
        if let Some(integration) = memory.integration.take() {
            integration.abandon().await;
        }
        let halt = worked?;
        left_off?;
        self.drained(&job, &memory, halt).await
    }

    /// The tracker of this process's own session, which is nothing but this process.
    fn session_tracker(&self) -> Tracker<'_> {
        self.tracker_of(Actor::Session {
            id: self.host.session.clone(),
            dies_with: (!self.host.session_lasts).then(|| self.owner().clone()),
        })
    }

    /// Works until nothing is left to do; why it ended before that, if so. A merge that is under way
    /// then is broken off in order, also after a failure: a check may be running in its tree.
    async fn work_down(
        self: &Arc<Self>,
        job: &Job<'_>,
        memory: &mut Memory,
        stop: &CancellationToken,
    ) -> Result<Option<Halt>, AgentError> {
        let mut merging = None;
        let broken_off = CancellationToken::new();
        let worked = self
            .go_on(job, memory, stop, &mut merging, &broken_off)
            .await;
        if let Some(merging) = merging {
            broken_off.cancel();
            let merged = merging.await;
            let kept = self.after_merge(job, memory, merged).await;
            // What came first is told.
            return worked.and_then(|halt| kept.map(|()| halt));
        }
        worked
    }

    /// The same, with what is being merged left in `merging`.
    async fn go_on<'a>(
        self: &'a Arc<Self>,
        job: &'a Job<'_>,
        memory: &mut Memory,
        stop: &CancellationToken,
        merging: &mut Option<LocalBoxFuture<'a, Merging>>,
        broken_off: &CancellationToken,
    ) -> Result<Option<Halt>, AgentError> {
        let mut changes = self.store.changes().listen();
        loop {
            let spent = rows::spent(&self.store, &job.id, job.since_ms).await?;
            if let Some(halt) = job.halt(stop, spent) {
                return Ok(Some(halt));
            }
            self.session_tracker().renew().await?;
            let state = self.survey(job, memory, merging.is_some()).await?;
            if let Some(problem) = memory.unfit.take() {
                let field = "provider";
                return Err(AgentError::BadValue { field, problem });
            }
            self.tell_standing(job, &state.items, spent).await?;
            let held_back = memory.not_before.is_some_and(|then| Instant::now() < then);
            let mut did = false;
            let actions = plan::next(&state);
            let starts = actions.iter().filter(|action| action.starts()).count();
            let mut purse = self.purse(job, starts).await?;
            for action in actions {
                let Some(item) = state.items.iter().find(|item| item.task == *action.task()) else {
                    continue;
                };
                match action {
                    Action::Merge { agent, commit, .. } => {
                        if !self.take(&item.task).await? {
                            continue;
                        }
                        let integration = memory.integration.take();
                        let side = (item.task.clone(), agent, commit);
                        let merge = self.bring_in(job, integration, side, broken_off.clone());
                        *merging = Some(merge.boxed_local());
                    }
                    action if action.starts() && (held_back || purse.starts == 0) => {}
                    action => {
                        purse.starts -= usize::from(action.starts());
                        let share = purse.share_usd;
                        did |= self.act_on(job, memory, item, action, share).await?;
                    }
                }
            }
            // What was done changes what is to be done next.
            if did {
                continue;
            }
            let busy = merging.is_some() || state.items.iter().any(Item::is_live);
            let later = memory.not_before.filter(|then| Instant::now() < *then);
            if !busy && purse.is_empty {
                return Ok(Some(Halt::Limit("max_cost_usd")));
            }
            if !busy && later.is_none() && !self.rest(job, memory).await?.may_move() {
                return Ok(None);
            }
            let look_again = [Some(Instant::now() + LOOK), later, job.deadline];
            let look_again = look_again.into_iter().flatten().min();
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.closing.cancelled() => return Err(AgentError::ShuttingDown),
                merged = finish(merging) => {
                    *merging = None;
                    self.after_merge(job, memory, merged).await?;
                }
                () = changes.changed() => sleep(if busy { TOGETHER } else { IDLE }).await,
                () = sleep_until(look_again.unwrap_or_else(Instant::now)) => {
                    self.reconcile().await?;
                }
            }
        }
    }

    /// What `starts` agents may have that are about to be put to work.
    async fn purse(&self, job: &Job<'_>, starts: usize) -> Result<Purse, AgentError> {
        match job.request.max_cost_usd {
            Some(most_usd) if starts > 0 => {
                let claimed = rows::claimed(&self.store, &job.id, job.since_ms).await?;
                Ok(Purse::of(most_usd, most_usd - claimed, starts))
            }
            _ => Ok(Purse::unlimited(starts)),
        }
    }

    /// Keeps what a merge has come to.
    async fn after_merge(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        merged: Merging,
    ) -> Result<(), AgentError> {
        memory.integration = merged.integration;
        let (task, agent) = (merged.task, merged.agent);
        memory.known.forget(&agent);
        match merged.brought? {
            Brought::In(commit) => {
                let short: String = commit.chars().take(10).collect();
                let what = format!("merged as {short}");
                job.say(memory, &task, Some(&agent), &what);
                Ok(())
            }
            Brought::Not(why) => self.judge(job, memory, &task, &agent, None, &why).await,
            Brought::BrokenOff => Ok(()),
        }
    }

    async fn tell_standing(
        &self,
        job: &Job<'_>,
        items: &[Item],
        cost_usd: f64,
    ) -> Result<(), AgentError> {
        let attempts = job.request.attempts;
        let failed = |item: &&Item| {
            let work = item.work.as_ref();
            work.is_some_and(|work| work.judged && work.failures >= attempts)
        };
        (job.tell)(Told::Standing(crate::agents::drain::Standing {
            live: items.iter().filter(|item| item.is_live()).count(),
            done: rows::done(&self.store, &job.id).await?,
            failed: items.iter().filter(failed).count(),
            cost_usd,
        }));
        Ok(())
    }
}

impl Job<'_> {
    fn halt(&self, stop: &CancellationToken, spent_usd: f64) -> Option<Halt> {
        let request = &self.request;
        if stop.is_cancelled() {
            return Some(Halt::Stopped);
        }
        if request.max_cost_usd.is_some_and(|most| spent_usd >= most) {
            return Some(Halt::Limit("max_cost_usd"));
        }
        if self.deadline.is_some_and(|then| Instant::now() >= then) {
            return Some(Halt::Limit("timeout_s"));
        }
        None
    }

    /// Tells what has happened to a task, once.
    fn say(&self, memory: &mut Memory, task: &TaskId, agent: Option<&AgentId>, what: &str) {
        if memory.told.insert(task.clone(), what.to_owned()).as_deref() == Some(what) {
            return;
        }
        (self.tell)(Told::Step(Step {
            task: task.clone(),
            title: memory.known.title(task),
            agent: agent.cloned(),
            what: what.to_owned(),
        }));
    }
}

/// Waits for a merge that is under way; for ever, if none is.
async fn finish(merging: &mut Option<LocalBoxFuture<'_, Merging>>) -> Merging {
    match merging {
        Some(merging) => merging.await,
        None => std::future::pending().await,
    }
}
