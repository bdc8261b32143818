//! What callers may ask of agents: to be, to go on, to take a message, to end.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Crew;
use crate::agents::brief::AgentBrief;
use crate::agents::budget::BudgetRequest;
use crate::agents::budget::reserve::Insists;
use crate::agents::context::Block;
use crate::agents::error::AgentError;
use crate::agents::family::{self, Asked};
use crate::agents::launch::{self, Granted, SpawnRequest, Spawned};
use crate::agents::lifecycle::{Lifecycle, Status};
use crate::agents::record::{
    Ending, Line, NewAgent, Plan, Steer, SteerReceipt, TransitionError, read, steers, write,
};
use crate::ids::{AgentId, SteerId};
use crate::providers::guard::Guard;
use crate::providers::{self, Conversation, ResumeSupport, SteerSupport, When};
use crate::store::Listener;
use crate::tasks::Named;

/// How long the owner of a running agent may take to end it; its ladder needs at most 12 s.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// An agent that has been decided on and not been written.
pub(super) struct Draft {
    pub(super) id: AgentId,
    pub(super) label: String,
    pub(super) prompt: String,
    /// Entries of what it is given to read.
    pub(super) context: Vec<String>,
    /// Whether it is told what was learnt about its prompt.
    pub(super) primes: bool,
    pub(super) plan: Plan,
    /// The limits that were asked for in so many words.
    pub(super) insists: Insists,
    /// What does not count, with the reason.
    pub(super) ignored: Vec<String>,
}

impl Crew {
    /// Writes a new agent and returns at once; it starts when the limiter lets it.
    ///
    /// # Errors
    /// Bad values by name, context that cannot be had, no room under this session, and for a caller
    /// that is an agent itself whatever goes beyond its own bounds.
    pub async fn spawn(&self, request: &SpawnRequest) -> Result<Spawned, AgentError> {
        let caller = self.caller().await?;
        if let Some(task) = &request.task {
            return self.spawn_for_task(request, task, caller.as_ref()).await;
        }
        let draft = self.draft(request, caller.as_ref()).await?;
        let context = self.context_block(&draft, request, "").await?;
        self.be_ready_to_run()?;
        let agent = self.new_agent(&draft, &context, caller.as_ref());
        let plan = write::enqueue(&self.scribe(), &agent)
            .await
            .map_err(|error| AgentError::admission(&draft.id, "spawned", error))?;
        self.nudge.notify_one();
        self.started(draft, &plan, context).await
    }

    /// An agent as it would be written; nothing is changed yet.
    pub(super) async fn draft(
        &self,
        request: &SpawnRequest,
        caller: Option<&Line>,
    ) -> Result<Draft, AgentError> {
        let definition = request.agent.as_deref().map(|name| self.definition(name));
        let definition = definition.transpose()?;
        let mut resolved = launch::resolve(
            request,
            definition.as_ref(),
            &self.config,
            &self.host.cwd,
            self.ids.as_ref(),
        )?;
        let asked = Asked {
            agent: request.agent.as_deref(),
            permission: request.permission,
            budget: &request.budget,
        };
        let insists = family::bound(&mut resolved.plan, &asked, caller, &self.config)?;
        // In Claude Code's own files it is about the sub-agents of the CLI as well.
        if definition.is_some_and(|it| !it.origin.is_claude()) {
            let idle = family::idle_leave(&resolved.plan, caller);
            resolved.ignored.extend(idle);
        }
        let id = AgentId::new(self.ids.as_ref());
        self.isolate(&mut resolved, &id).await?;
        Ok(Draft {
            id,
            label: resolved.label,
            prompt: request.prompt.clone(),
            context: resolved.context,
            primes: resolved.primes,
            plan: resolved.plan,
            insists,
            ignored: resolved.ignored,
        })
    }

    /// What a caller is told of a draft that has been written with `plan` and `context`.
    pub(super) async fn started(
        &self,
        draft: Draft,
        plan: &Plan,
        context: Block,
    ) -> Result<Spawned, AgentError> {
        let spawned = self.spawned(draft.id, 1, plan).await?;
        Ok(Spawned {
            ignored: draft.ignored,
            context_cut: context.cut,
            primed: context.primed,
            notes: context.notes,
            ..spawned
        })
    }

    /// Continues an ended agent with a new prompt, as its next run.
    ///
    /// # Errors
    /// As [`Crew::spawn`], and [`AgentError::WrongState`] for an agent that still lives.
    pub async fn resume(
        &self,
        id: &AgentId,
        prompt: &str,
        budget: &BudgetRequest,
    ) -> Result<Spawned, AgentError> {
        let caller = self.caller().await?;
        launch::check_text("prompt", prompt)?;
        let line = self.line(id).await?;
        let mut plan = line.plan.clone();
        let Some(provider) = self.config.providers.get(&plan.launch.provider) else {
            return Err(AgentError::NoProvider {
                name: plan.launch.provider,
                known: self.config.providers.keys().cloned().collect(),
            });
        };
        let can = providers::capabilities(provider);
        // What was asked for the last run goes on unless it is asked for anew.
        plan.budget = plan.budget.with(budget)?;
        plan.launch.max_cost_usd = plan.budget.max_cost_usd.bound();
        let definition = plan.agent.clone();
        let asked = Asked {
            agent: definition.as_deref(),
            permission: None,
            budget,
        };
        let insists = family::bound(&mut plan, &asked, caller.as_ref(), &self.config)?;
        let session = self.ids.uuid();
        plan.launch.conversation = match read::last_session(&self.store, id).await? {
            Some((from, begun_ms)) if can.resume != ResumeSupport::Restarts => {
                Conversation::Continued {
                    from,
                    session,
                    begun_ms,
                }
            }
            _ => Conversation::Fresh { session },
        };
        self.be_ready_to_run()?;
        let (again, without) = self.task_again(id, &mut plan, caller.as_ref()).await?;
        let prompt = match again {
            Some(again) => format!("{again}\n\n{prompt}"),
            None => prompt.to_owned(),
        };
        let prompt = match line.status {
            Status::Completed | Status::Steered => prompt,
            ended => format!(
                "[Your last run ended as `{ended}`{}. A tool call that was running then may have been \
                 cut off; look before you rely on it.]\n\n{prompt}",
                if line.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", line.reason)
                }
            ),
        };
        // It belongs to whoever continues it, so that its result is found there.
        let draft = Draft {
            id: id.clone(),
            label: line.label.clone(),
            prompt,
            context: Vec::new(),
            primes: false,
            plan,
            insists,
            ignored: without.into_iter().collect(),
        };
        let nothing = Block::default();
        let agent = self.new_agent(&draft, &nothing, caller.as_ref());
        let (state, plan) = write::resume(&self.scribe(), &agent, line.state())
            .await
            .map_err(|error| AgentError::admission(id, "resumed", error))?;
        self.nudge.notify_one();
        let spawned = self.spawned(id.clone(), state.run_no, &plan).await?;
        Ok(Spawned {
            ignored: draft.ignored,
            ..spawned
        })
    }

    /// Stops agents, whoever runs them, and returns when their processes are gone, and with them all
    /// agents that worked for them. An agent that has ended already is returned as it is.
    ///
    /// # Errors
    /// Unknown ids (then nothing was stopped), failures of the store, an owner that does not act.
    pub async fn stop(&self, ids: &[AgentId], reason: &str) -> Result<Vec<AgentBrief>, AgentError> {
        self.reconcile().await?;
        for id in ids {
            self.line(id).await?;
        }
        let mut changes = self.store.changes().listen();
        for id in ids {
            self.ask_stop(id, reason).await?;
        }
        self.nudge.notify_one();
        let mut stopped = Vec::with_capacity(ids.len());
        for id in ids {
            stopped.push(self.await_end(id, &mut changes).await?);
        }
        Ok(self.briefs(&stopped))
    }

    /// Ends a queued agent, or leaves word for the owner of a running one.
    pub(super) async fn ask_stop(&self, id: &AgentId, reason: &str) -> Result<(), AgentError> {
        loop {
            let line = self.line(id).await?;
            match line.status {
                Status::Queued => {
                    let ending = Ending {
                        detail: format!("never started; {reason}"),
                        result_from: "none",
                        ..Ending::default()
                    };
                    let event = Lifecycle::Stop;
                    match write::end(&self.scribe(), id, line.state(), event, ending).await {
                        Ok(_) => return Ok(()),
                        // It has just started: look again.
                        Err(TransitionError::Lost) => {}
                        Err(error) => return Err(AgentError::transition(id, "stopped", error)),
                    }
                }
                Status::Running => {
                    let now_ms = self.clock.now_ms();
                    write::ask_stop(&self.store, id, line.run_no, reason, now_ms).await?;
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }

    async fn await_end(&self, id: &AgentId, changes: &mut Listener) -> Result<Line, AgentError> {
        let deadline = Instant::now() + STOP_PATIENCE;
        loop {
            let line = self.line(id).await?;
            if line.status.is_terminal() {
                return Ok(line);
            }
            if Instant::now() >= deadline {
                let seconds = STOP_PATIENCE.as_secs();
                return Err(AgentError::Unresponsive {
                    id: id.clone(),
                    seconds,
                });
            }
            let look_again = Instant::now() + Duration::from_secs(1);
            let changed = timeout_at(look_again.min(deadline), changes.changed()).await;
            if changed.is_err() && line.owner != *self.owner() {
                self.reconcile().await?;
            }
        }
    }

    /// Sends a message into a live agent. It is durable when this returns; the receipt follows it.
    ///
    /// # Errors
    /// [`AgentError::WrongState`] for an agent that has ended; empty and over-long messages.
    pub async fn steer(
        &self,
        id: &AgentId,
        message: &str,
        when: When,
    ) -> Result<SteerReceipt, AgentError> {
        launch::check_text("message", message)?;
        self.reconcile().await?;
        let line = self.line(id).await?;
        let wrong = || AgentError::WrongState {
            id: id.clone(),
            status: line.status,
            action: "steered",
        };
        if line.status.is_terminal() {
            return Err(wrong());
        }
        let provider = self.config.providers.get(&line.plan.launch.provider);
        let support = provider.map(|provider| providers::capabilities(provider).steer);
        let steer_id = SteerId::new(self.ids.as_ref());
        if support == Some(SteerSupport::None) {
            let note = "this provider takes no messages while it works; resume_agent sends one \
                        after the run";
            return Ok(SteerReceipt {
                steer_id,
                state: "unsupported",
                note: Some(note.to_owned()),
            });
        }
        let steer = Steer {
            id: steer_id.clone(),
            agent: id.clone(),
            run_no: line.run_no,
            message: message.to_owned(),
            when,
        };
        if !steers::add(&self.store, &steer, self.clock.now_ms()).await? {
            return Err(wrong());
        }
        self.nudge.notify_one();
        let note = match line.status {
            Status::Queued => "the agent has not started; the message follows its prompt",
            _ => steer_note(support.unwrap_or(SteerSupport::Injected), when),
        };
        Ok(SteerReceipt {
            steer_id,
            state: "queued",
            note: Some(note.to_owned()),
        })
    }

    /// A draft as it is written down for `caller`, with `context` in front of its prompt.
    pub(super) fn new_agent<'a>(
        &'a self,
        draft: &'a Draft,
        context: &'a Block,
        caller: Option<&'a Line>,
    ) -> NewAgent<'a> {
        NewAgent {
            id: &draft.id,
            project: &self.project,
            session: caller.map_or(&self.host.session, |caller| &caller.session),
            parent: caller.map(|caller| &caller.id),
            above: caller.map_or("/", |caller| &caller.path),
            group: None,
            label: &draft.label,
            owner: self.owner(),
            context: &context.text,
            reads: &context.tasks,
            prompt: &draft.prompt,
            plan: &draft.plan,
            // One that waited for a slot that its parent holds would wait for ever.
            takes_slot: caller.is_none(),
            insists: draft.insists,
        }
    }

    pub(super) async fn spawned(
        &self,
        id: AgentId,
        run_no: u32,
        plan: &Plan,
    ) -> Result<Spawned, AgentError> {
        let provider = self.config.providers.get(&plan.launch.provider);
        let cwd = &plan.launch.cwd;
        let can = provider.map(|provider| providers::capabilities_in(provider, cwd));
        let ahead = read::ahead(&self.store, &id, run_no).await?;
        let granted = self.agent().map(|_| Granted {
            max_tokens: plan.budget.max_tokens.bound(),
            max_cost_usd: plan.budget.max_cost_usd.bound(),
        });
        Ok(Spawned {
            id,
            status: Status::Queued,
            run_no,
            task: plan.task.as_ref().map(|task| Named {
                id: task.id.clone(),
                title: task.title.clone(),
            }),
            agent: plan.agent.clone(),
            provider: plan.launch.provider.clone(),
            model: plan.launch.model.clone(),
            effort: plan.launch.effort,
            permission: plan.launch.permission,
            workspace: plan.workspace.as_ref().map(Into::into),
            queued_behind: (ahead > 0).then_some(ahead),
            granted,
            not_enforced: can
                .map(|can| launch::not_enforced(plan, can))
                .unwrap_or_default(),
            ignored: Vec::new(),
            context_cut: Vec::new(),
            primed: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// No child without a guard, and none while we leave.
    pub(super) fn be_ready_to_run(&self) -> Result<(), AgentError> {
        if self.closing.is_cancelled() {
            return Err(AgentError::ShuttingDown);
        }
        self.keep_guarded().map_err(AgentError::Guard)
    }

    /// Whether this process is a session's server, or has run an agent.
    pub(super) fn runs_agents(&self) -> bool {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        self.host.collects || guard.is_some()
    }

    /// Starts the guard if it is not there, or no longer.
    pub(super) fn keep_guarded(&self) -> io::Result<()> {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if !guard.as_mut().is_some_and(Guard::is_alive) {
            if guard.is_none() && !self.host.collects {
                self.orphaned.notify_one();
            }
            *guard = Some(Guard::start(&self.program, self.owner())?);
        }
        Ok(())
    }
}

/// What a provider that steers like this does with a message.
fn steer_note(support: SteerSupport, when: When) -> &'static str {
    match (support, when) {
        (SteerSupport::None, _) => "this provider takes no messages while it works",
        (SteerSupport::Injected, When::Now) => {
            "it breaks off what the model writes; a running tool ends first"
        }
        (SteerSupport::Injected, When::NextStep) => "it reaches the model with its next step",
        (SteerSupport::Queued, When::NextStep) => {
            "it waits in the agent's own queue and reaches the model behind the running step"
        }
        (SteerSupport::Queued, When::Now) => "it breaks off the running turn and starts another",
        (SteerSupport::Restarts, When::NextStep) => {
            "this provider takes no message into a running turn; it starts a turn of its own when \
             this one is done (`now` breaks the turn off)"
        }
        (SteerSupport::Restarts, When::Now) => {
            "this provider takes no message into a running turn; the turn is broken off and its task \
             is stated again with the message"
        }
        (_, When::AfterTurn) => "it starts a turn of its own when this one is done",
    }
}
