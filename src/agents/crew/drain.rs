//! Working the ready tasks down: looks where everything stands, has [`plan`] say what to do next, does
//! it, and waits for something to change, until nothing is left, a limit ends it or a person does.

mod act;
mod bring_in;
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
use crate::agents::drain::left::Rest;
use crate::agents::drain::plan::{self, Action, Item};
use crate::agents::drain::rows::{self, Drain, NewDrain};
use crate::agents::drain::{DrainReport, DrainRequest, Ended, Outcome, Step, Told};
use crate::agents::error::AgentError;
use crate::agents::owner;
use crate::ids::{AgentId, DrainId, TaskId};
use crate::project::Project;
use crate::tasks::{Actor, TaskError, Tracker};
use crate::workspaces::Git;
use crate::workspaces::integrate::{IntegrateError, Integration, Trunk, clear};

/// Changes that come close together are looked at together.
const TOGETHER: Duration = Duration::from_millis(50);
/// The same while others are waited for.
const IDLE: Duration = Duration::from_millis(500);
/// How often to look although nothing was heard: leases are renewed and the dead found.
const LOOK: Duration = Duration::from_secs(2);
/// After a refusal that time mends.
const AGAIN: Duration = Duration::from_secs(1);
/// Open tasks that are told at the end; more are counted.
const LEFT: usize = 500;
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
        self.leave_off(&job, &memory, &worked).await?;
        if let Some(integration) = memory.integration.take() {
            integration.abandon().await;
        }
        let halt = worked?;
        self.drained(&job, &memory, halt).await
    }

    /// Finds the drain that goes on, or begins one.
    async fn begin_drain<'a>(
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
        let head = super::integrate::commit_of(&Git::at(&root), "HEAD").await?;
        let Some(head) = head else {
            return Err(crate::workspaces::NoWorkspace::NoCommit { top: root }.into());
        };
        if let Some(parent) = &request.wanted.parent {
            let parent = self.session_tracker().find(parent).await?;
            request.wanted.parent = Some(parent.to_string());
        }
        let began_ms = self.clock.now_ms();
        let mut drain = self.take_up(&request, &key, &head, began_ms).await?;
        let mut trunk = Trunk::of(&key, &drain.branch);
        // Whoever deleted the branch has thrown away, or taken over, what was on it.
        if drain.again && self.is_thrown_away(&drain, &trunk).await? {
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
        repository: &std::path::Path,
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

    async fn is_thrown_away(&self, drain: &Drain, trunk: &Trunk) -> Result<bool, AgentError> {
        let is_there = trunk.tip().await.map_err(IntegrateError::from)?.is_some();
        Ok(!is_there && rows::done(&self.store, &drain.id).await? > 0)
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

    /// The tracker of this process's own session, which is nothing but this process.
    fn session_tracker(&self) -> Tracker<'_> {
        self.tracker_of(Actor::Session {
            id: self.host.session.clone(),
            dies_with: (!self.host.session_lasts).then(|| self.owner().clone()),
        })
    }

    /// Works until nothing is left to do; why it ended before that, if so.
    async fn work_down(
        self: &Arc<Self>,
        job: &Job<'_>,
        memory: &mut Memory,
        stop: &CancellationToken,
    ) -> Result<Option<Halt>, AgentError> {
        let mut changes = self.store.changes().listen();
        let mut merging: Option<LocalBoxFuture<'_, Merging>> = None;
        let broken_off = CancellationToken::new();
        let halt = loop {
            let spent = rows::spent(&self.store, &job.id, job.since_ms).await?;
            if let Some(halt) = job.halt(stop, spent) {
                break Some(halt);
            }
            self.session_tracker().renew().await?;
            let state = self.survey(job, memory, merging.is_some()).await?;
            self.tell_standing(job, &state.items, spent).await?;
            let held_back = memory.not_before.is_some_and(|then| Instant::now() < then);
            let mut did = false;
            for action in plan::next(&state) {
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
                        merging = Some(merge.boxed_local());
                    }
                    Action::Spawn { .. } | Action::Resume { .. } if held_back => {}
                    action => did |= self.act_on(job, memory, item, action, spent).await?,
                }
            }
            // What was done changes what is to be done next.
            if did {
                continue;
            }
            let busy = merging.is_some() || state.items.iter().any(Item::is_live);
            let later = memory.not_before.filter(|then| Instant::now() < *then);
            if !busy && later.is_none() && !self.rest(job, memory).await?.may_move() {
                break None;
            }
            let look_again = [Some(Instant::now() + LOOK), later, job.deadline];
            let look_again = look_again.into_iter().flatten().min();
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.closing.cancelled() => return Err(AgentError::ShuttingDown),
                merged = finish(&mut merging) => {
                    merging = None;
                    self.after_merge(job, memory, merged).await?;
                }
                () = changes.changed() => sleep(if busy { TOGETHER } else { IDLE }).await,
                () = sleep_until(look_again.unwrap_or_else(Instant::now)) => {
                    self.reconcile().await?;
                }
            }
        };
        if let Some(merging) = merging {
            broken_off.cancel();
            let merged = merging.await;
            self.after_merge(job, memory, merged).await?;
        }
        Ok(halt)
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

    /// Ends in order what this process has at work, and lets go of what it holds.
    async fn leave_off(
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
        let tracker = self.session_tracker();
        for begun in rows::begun(&self.store, &job.id).await? {
            match tracker.release(begun.task.as_str(), None, reason).await {
                Ok(_) | Err(TaskError::Held { .. } | TaskError::WrongStatus { .. }) => {}
                Err(TaskError::Unknown { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What everything has come to.
    async fn drained(
        &self,
        job: &Job<'_>,
        memory: &Memory,
        halt: Option<Halt>,
    ) -> Result<DrainReport, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let mut left = self.rest(job, memory).await?.left();
        let ended = match halt {
            Some(Halt::Stopped) => Ended::Stopped,
            Some(Halt::Limit(_)) => Ended::Limit,
            None if left.is_empty() => Ended::Done,
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
                Some(Halt::Limit(limit)) => Some(limit),
                _ => None,
            },
            take_over: (has_work && tip.is_some()).then(|| format!("git merge {branch}")),
            branch,
            base: job.base.clone(),
            commits,
            cost_usd: tasks.iter().map(|task| task.cost_usd).sum(),
            tasks,
            left,
            more_left,
        })
    }

    /// What is open, and why.
    async fn rest(&self, job: &Job<'_>, memory: &Memory) -> Result<Rest, AgentError> {
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
