//! What a drain does about one task: begins it, has its agent go on, counts a failure, closes it.

use tokio::time::Instant;

use super::{AGAIN, Job, Memory};
use crate::agents::AtEnd;
use crate::agents::budget::BudgetRequest;
use crate::agents::crew::Crew;
use crate::agents::drain::plan::{Action, Item, Nature};
use crate::agents::drain::prompts;
use crate::agents::drain::rows::{self, Judgement};
use crate::agents::error::AgentError;
use crate::agents::expect::Expect;
use crate::agents::launch::SpawnRequest;
use crate::agents::record::{Line, write};
use crate::config::{Isolation, Permission};
use crate::ids::{AgentId, TaskId};
use crate::tasks::{Close, Link, LinkKind, Proof, Reason, TaskError, rows as tasks};
use crate::text::one_line;
use crate::workspaces::integrate::IntegrateError;
use crate::workspaces::rows as trees;

/// How an agent gets to work on a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// A new one begins.
    Anew,
    /// The one that it has goes on.
    Again,
}

impl Start {
    fn done(self) -> &'static str {
        match self {
            Start::Anew => "begun",
            Start::Again => "resumed",
        }
    }

    fn refused(self) -> &'static str {
        match self {
            Start::Anew => "cannot be begun",
            Start::Again => "its agent cannot go on",
        }
    }
}

impl Crew {
    /// Does one thing; whether anything has changed by it. A merge is not among them.
    pub(super) async fn act_on(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        item: &Item,
        action: Action,
        share_usd: Option<f64>,
    ) -> Result<bool, AgentError> {
        let configured = self.config.agents.max_cost_usd.bound();
        let budget = job.request.budget(share_usd, configured);
        match action {
            Action::Merge { .. } => Ok(false),
            Action::Spawn { task } => {
                if let Some(why) = self.is_elsewhere(job, &task).await? {
                    job.say(memory, &task, None, &why);
                    memory.refused.insert(task, why);
                    return Ok(true);
                }
                let begun = self.begin_task(job, item, budget).await;
                self.begun(job, memory, &task, begun, Start::Anew).await
            }
            Action::Resume { task, agent } => {
                let resumed = self.resume_task(job, item, &agent, budget).await;
                self.begun(job, memory, &task, resumed.map(|()| agent), Start::Again)
                    .await
            }
            Action::Judge {
                task,
                agent,
                run_no,
                why,
                last,
            } => {
                let run = Some((run_no, last));
                self.judge(job, memory, &task, &agent, run, &why).await?;
                Ok(true)
            }
            Action::Close {
                task,
                agent,
                commit,
            } => {
                self.close_task_of(job, memory, &task, agent.as_ref(), commit)
                    .await
            }
        }
    }

    /// What was tried to begin: told, tried again later, or given up. A race that somebody else has won
    /// is no failure.
    async fn begun(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        task: &TaskId,
        begun: Result<AgentId, AgentError>,
        start: Start,
    ) -> Result<bool, AgentError> {
        match begun {
            Ok(agent) => {
                memory.not_before = None;
                memory.known.forget(&agent);
                job.say(memory, task, Some(&agent), start.done());
                memory.started.insert(agent);
                Ok(true)
            }
            Err(
                AgentError::Task(
                    TaskError::NotReady { .. } | TaskError::Held { .. } | TaskError::Unknown { .. },
                )
                | AgentError::Changed { .. }
                | AgentError::WrongState { .. },
            ) => {
                memory.not_before = Some(Instant::now() + AGAIN);
                Ok(false)
            }
            Err(AgentError::TooFast { .. } | AgentError::TooMany { .. }) => {
                memory.not_before = Some(Instant::now() + AGAIN);
                Ok(false)
            }
            Err(error @ (AgentError::Store(_) | AgentError::ShuttingDown)) => Err(error),
            // What is wrong with all of them is told as such; an agent that cannot go on is wrong by
            // itself.
            Err(error) if start == Start::Anew && memory.started.is_empty() => Err(error),
            Err(error) => {
                let why = format!("{}: {error}", start.refused());
                self.let_go(task, &why).await?;
                job.say(memory, task, None, &why);
                memory.refused.insert(task.clone(), why);
                Ok(true)
            }
        }
    }

    /// Why a task cannot be begun on this branch: what it builds on is on another one.
    async fn is_elsewhere(
        &self,
        job: &Job<'_>,
        task: &TaskId,
    ) -> Result<Option<String>, AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let repository = job.repository.to_string_lossy();
        let found = rows::elsewhere(&self.store, task, &job.id, &repository).await?;
        for work in found {
            // Whoever has deleted the branch has seen to what was on it.
            let is_open = job.trunk.tip_of(&work.branch).await.map_err(git)?.is_some();
            if is_open && !job.trunk.has(&work.merged).await.map_err(git)? {
                let branch = work.branch;
                return Ok(Some(format!(
                    "builds on {}, whose work is on {branch} and not here; `git merge {branch}` first",
                    work.task
                )));
            }
        }
        Ok(None)
    }

    async fn begin_task(
        &self,
        job: &Job<'_>,
        item: &Item,
        budget: BudgetRequest,
    ) -> Result<AgentId, AgentError> {
        let writes = item.nature != Nature::Reads;
        let asked = &job.request;
        let expected = asked.expect_command.as_deref();
        let tip = job.trunk.tip().await.map_err(IntegrateError::from)?;
        let request = SpawnRequest {
            provider: asked.provider.clone(),
            model: asked.model.clone(),
            agent: asked.agent.clone(),
            permission: match writes {
                true => asked.permission,
                false => asked.permission.or(Some(Permission::ReadOnly)),
            },
            isolation: Some(Isolation::Worktree),
            base: tip,
            budget,
            task: Some(item.task.to_string()),
            at_end: AtEnd::HandBack,
            drain: Some(job.id.clone()),
            ..SpawnRequest::default()
        };
        let may = self.draft(&request, None).await?.plan.launch.permission;
        // Not every provider lets an agent commit that may only edit; then it is done for it.
        let commits = may == Permission::Full;
        let expect = Expect {
            // Commits are looked for on the branch: a run that goes on may find all of them made.
            clean: commits,
            command: asked.expect_command.clone(),
            ..Expect::default()
        };
        let request = SpawnRequest {
            prompt: prompts::begin(writes, commits, expected),
            expect: Some(expect).filter(|expect| writes && *expect != Expect::default()),
            ..request
        };
        Ok(self.spawn(&request).await?.id)
    }

    async fn resume_task(
        &self,
        job: &Job<'_>,
        item: &Item,
        agent: &AgentId,
        budget: BudgetRequest,
    ) -> Result<(), AgentError> {
        let tree = trees::of_agent(&self.store, agent).await?;
        let branch = tree.map(|tree| tree.branch).unwrap_or_default();
        let begun = rows::begun(&self.store, &job.id).await?;
        let row = begun.iter().find(|row| row.task == item.task);
        let line = self.line(agent).await?;
        let judged = row.is_some_and(|row| row.judged >= line.run_no);
        let why = row.map(|row| row.why.as_str()).unwrap_or_default();
        let prompt = match judged {
            true => prompts::again(&item.title, &branch, job.trunk.branch(), why),
            false => prompts::cut_off(&item.title, &branch),
        };
        let budget = BudgetRequest {
            max_cost_usd: budget.max_cost_usd.or_else(|| self.as_configured(&line)),
            ..budget
        };
        self.resume(agent, &prompt, &budget).await?;
        Ok(())
    }

    /// The configured limit, where the last run had less only because less was left then.
    fn as_configured(&self, line: &Line) -> Option<f64> {
        let configured = self.config.agents.max_cost_usd.bound()?;
        self.had_a_share(line).then_some(configured)
    }

    /// Whether the cost limit of a run was its share in that of a drain.
    pub(super) fn had_a_share(&self, line: &Line) -> bool {
        let had = line.plan.budget.max_cost_usd.bound();
        let configured = self.config.agents.max_cost_usd.bound();
        let less = |had| configured.is_none_or(|configured| had < configured);
        line.plan.agent.is_none() && had.is_some_and(less)
    }

    /// Counts a run that failed at its task, and lets go of the task; `run` is the last one unless it is
    /// told which.
    pub(super) async fn judge(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        task: &TaskId,
        agent: &AgentId,
        run: Option<(u32, bool)>,
        why: &str,
    ) -> Result<(), AgentError> {
        let (run_no, last) = match run {
            Some(run) => run,
            None => (self.line(agent).await?.run_no, false),
        };
        let judgement = Judgement {
            task,
            agent,
            run_no,
            why,
            last,
            attempts: job.request.attempts,
        };
        rows::judge(&self.store, &job.id, &judgement).await?;
        // Nobody else has to read it.
        write::deliver(&self.store, &[(agent.clone(), run_no)]).await?;
        let first = why.lines().next().unwrap_or_default();
        job.say(memory, task, Some(agent), &format!("not done: {first}"));
        let note = format!("{agent} has not done it: {}", one_line(why, 1000));
        self.let_go(task, &note).await
    }

    /// Gives the claim of this session back. Nobody's, somebody else's and a task that is gone are
    /// passed over.
    pub(super) async fn let_go(&self, task: &TaskId, why: &str) -> Result<(), AgentError> {
        let tracker = self.session_tracker();
        match tracker.release(task.as_str(), None, why).await {
            Ok(_)
            | Err(
                TaskError::Held { .. } | TaskError::WrongStatus { .. } | TaskError::Unknown { .. },
            ) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sees to it that this session holds the task; `false` when it cannot.
    pub(super) async fn take(&self, task: &TaskId) -> Result<bool, AgentError> {
        match self.session_tracker().claim(task.as_str(), None).await {
            Ok(_) => Ok(true),
            Err(TaskError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, %task, "somebody else was first");
                Ok(false)
            }
        }
    }

    async fn close_task_of(
        &self,
        job: &Job<'_>,
        memory: &mut Memory,
        task: &TaskId,
        agent: Option<&AgentId>,
        commit: Option<String>,
    ) -> Result<bool, AgentError> {
        if !self.take(task).await? {
            memory.not_before = Some(Instant::now() + AGAIN);
            return Ok(false);
        }
        let merge = commit.as_deref().unwrap_or(rows::ANSWERED);
        if let Some(agent) = agent {
            rows::note_merged(&self.store, &job.id, task, agent, merge).await?;
        }
        let asked = &job.request;
        let commands = [&asked.expect_command, &asked.check];
        let mut proof = Proof::default();
        proof.agents.extend(agent.cloned());
        if let Some(commit) = &commit {
            self.link(task, commit).await?;
            proof.commits.push(commit.clone());
            proof
                .commands
                .extend(commands.into_iter().flatten().cloned());
        }
        let why = match (agent, &commit) {
            (Some(agent), Some(_)) => {
                format!("the work of {agent} is merged into {}", job.trunk.branch())
            }
            (Some(agent), None) => format!("{agent} has answered"),
            (None, _) => "all its parts are closed".to_owned(),
        };
        let close = Close {
            reason: Reason::Done,
            why,
            proof,
            fence: None,
        };
        match self.session_tracker().close(task.as_str(), &close).await {
            Ok(_) => {}
            Err(error @ TaskError::Store(_)) => return Err(error.into()),
            Err(error) => {
                let why = format!("cannot be closed: {error}");
                // A claim that nobody works under would keep the drain waiting for ever.
                self.let_go(task, &why).await?;
                job.say(memory, task, agent, &why);
                // It is ready again, and closed then, once its parts are closed.
                if !matches!(error, TaskError::OpenChildren { .. }) {
                    memory.refused.insert(task.clone(), why);
                }
                return Ok(true);
            }
        }
        job.say(memory, task, agent, "done");
        if let Some(agent) = agent {
            let run_no = self.line(agent).await?.run_no;
            write::deliver(&self.store, &[(agent.clone(), run_no)]).await?;
            if let Err(error) = self.tidy_up(job, agent).await {
                tracing::warn!(%error, %agent, "a working tree stays");
            }
        }
        Ok(true)
    }

    async fn link(&self, task: &TaskId, commit: &str) -> Result<(), AgentError> {
        let link = Link {
            kind: LinkKind::Commit,
            target: commit.to_owned(),
            at_ms: self.clock.now_ms(),
        };
        let mut tx = self.store.begin().await?;
        tasks::add_link(&mut tx, task, &link).await?;
        Ok(self.store.commit(tx).await?)
    }

    /// Takes away the worktree and the branch of an agent once everything on it is on the branch of the
    /// drain.
    async fn tidy_up(&self, job: &Job<'_>, agent: &AgentId) -> Result<(), AgentError> {
        let git = |error| AgentError::from(IntegrateError::from(error));
        let Some(tree) = trees::of_agent(&self.store, agent).await? else {
            return Ok(());
        };
        let tip = job.trunk.tip_of(&tree.branch).await.map_err(git)?;
        let is_in = match &tip {
            Some(tip) => job.trunk.has(tip).await.map_err(git)?,
            None => true,
        };
        if is_in && let Err(why) = self.trees().discard(&tree).await? {
            tracing::debug!(why, %agent, "a working tree stays");
        }
        Ok(())
    }
}
