//! All agents of this process: takes requests, lets queued runs start in their turn, passes stops
//! and messages on to the supervisors, and ends everything when the process ends.

mod dispatch;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::brief::{AgentBrief, CatchUp, Evidenced, Resulted, Transcript};
use super::budget::{Budget, BudgetRequest};
use super::error::AgentError;
use super::journal::Journal;
use super::launch::{self, SpawnRequest, Spawned};
use super::lifecycle::{Lifecycle, Status};
use super::owner::{self, Owner};
use super::record::read::Filter;
use super::record::{
    Ending, Line, NewAgent, Page, Plan, Steer, SteerReceipt, TransitionError, owner as rows, read,
    steers, write,
};
use super::recovery;
use super::supervisor::{CLOSING, Order};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::{AgentId, IdSource, OwnerId, ProjectId, SteerId};
use crate::project::Project;
use crate::providers::guard::Guard;
use crate::providers::{self, Conversation, Lineage, ResumeSupport, SteerSupport, When};
use crate::store::{Listener, Store};

/// How deep agents may stand above each other: children do not spawn children.
const MAX_DEPTH: usize = 1;
/// How long the owner of a running agent may take to end it; its ladder needs at most 12 s.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How many ids are named for a mistyped one.
const CANDIDATES: usize = 3;

/// Who spawns: the session behind this process.
#[derive(Debug, Clone)]
pub struct Host {
    /// The host session's own id; agents belong to it, also after a restart of this process.
    pub session: String,
    /// Working directory of the session.
    pub cwd: PathBuf,
    /// Where this process itself stands below other agents.
    pub lineage: Lineage,
}

/// What a crew is made of.
pub struct CrewOptions {
    /// The state.
    pub store: Arc<Store>,
    /// The effective configuration.
    pub config: Config,
    /// The project that agents belong to.
    pub project: Project,
    /// Who spawns.
    pub host: Host,
    /// Durable time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The ostler binary, which runs the guard.
    pub program: OsString,
}

/// The agents of this process, and a view of those of others.
pub struct Crew {
    store: Arc<Store>,
    config: Config,
    host: Host,
    project: ProjectId,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    owner: Owner,
    program: OsString,
    journal: Arc<Journal>,
    guard: Mutex<Option<Guard>>,
    supervisors: Mutex<HashMap<AgentId, mpsc::UnboundedSender<Order>>>,
    /// Something for the dispatcher to look at.
    nudge: Notify,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Crew {
    /// Registers this process as an owner, clears up after dead ones, and begins to dispatch.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn open(options: CrewOptions) -> Result<Arc<Self>, AgentError> {
        let CrewOptions {
            store,
            config,
            project,
            host,
            clock,
            ids,
            program,
        } = options;
        let key = project.key.to_string_lossy();
        let project = write::project(&store, ids.as_ref(), &key, clock.now_ms()).await?;
        let owner = Owner::register(&store, ids.as_ref(), clock.as_ref()).await?;
        recovery::reconcile(&store, owner.id(), clock.as_ref()).await?;
        let crew = Arc::new(Self {
            journal: Arc::new(Journal::open(Arc::clone(&store))),
            store,
            config,
            host,
            project,
            clock,
            ids,
            owner,
            program,
            guard: Mutex::new(None),
            supervisors: Mutex::new(HashMap::new()),
            nudge: Notify::new(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        });
        crew.tasks.spawn(Arc::clone(&crew).dispatch());
        Ok(crew)
    }

    /// Writes a new agent and returns at once; it starts when the limiter lets it.
    ///
    /// # Errors
    /// Bad values by name, no room under this session, a caller that is an agent itself.
    pub async fn spawn(&self, request: &SpawnRequest) -> Result<Spawned, AgentError> {
        let depth = self.host.lineage.depth();
        if depth >= MAX_DEPTH {
            return Err(AgentError::TooDeep {
                depth,
                max_depth: MAX_DEPTH,
            });
        }
        let resolved = launch::resolve(request, &self.config, &self.host.cwd, self.ids.as_ref())?;
        self.be_ready_to_run()?;
        let id = AgentId::new(self.ids.as_ref());
        let agent = self.new_agent(&id, &request.prompt, &resolved.label, &resolved.plan);
        if !write::enqueue(&self.store, &agent, self.clock.now_ms()).await? {
            return Err(AgentError::TooMany {
                limit: resolved.plan.max_tree,
            });
        }
        self.nudge.notify_one();
        self.spawned(id, 1, &resolved.plan, resolved.not_enforced)
            .await
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
        plan.budget = Budget::resolve(&self.config.agents, budget)?;
        plan.launch.max_cost_usd = plan.budget.max_cost_usd.bound();
        plan.max_tree = self.config.agents.max_tree;
        let session = self.ids.uuid();
        plan.launch.conversation = match read::last_session(&self.store, id).await? {
            Some(from) if can.resume == ResumeSupport::History => {
                Conversation::Continued { from, session }
            }
            _ => Conversation::Fresh { session },
        };
        self.be_ready_to_run()?;
        let prompt = match line.status {
            Status::Completed | Status::Steered => prompt.to_owned(),
            ended => format!(
                "[Your last run ended as `{ended}` ({}). A tool call that was running then may \
                 have been cut off; look before you rely on it.]\n\n{prompt}",
                line.reason
            ),
        };
        let agent = NewAgent {
            session: &line.session,
            ..self.new_agent(id, &prompt, "", &plan)
        };
        let resumed = write::resume(&self.store, &agent, line.state(), self.clock.now_ms()).await;
        let state = match resumed {
            Ok(Some(state)) => state,
            Ok(None) => {
                return Err(AgentError::TooMany {
                    limit: plan.max_tree,
                });
            }
            Err(error) => return Err(AgentError::transition(id, "resumed", error)),
        };
        self.nudge.notify_one();
        self.spawned(id.clone(), state.run_no, &plan, Vec::new())
            .await
    }

    /// Stops agents, whoever runs them, and returns when their processes are gone. An agent that has
    /// ended already is returned as it is.
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
    async fn ask_stop(&self, id: &AgentId, reason: &str) -> Result<(), AgentError> {
        loop {
            let line = self.line(id).await?;
            let now_ms = self.clock.now_ms();
            match line.status {
                Status::Queued => {
                    let ending = Ending {
                        reason: "stop".to_owned(),
                        detail: format!("never started; {reason}"),
                        result_from: "none",
                        ..Ending::default()
                    };
                    let event = Lifecycle::Stop;
                    match write::end(&self.store, id, line.state(), event, &ending, now_ms).await {
                        Ok(_) => {
                            steers::close(&self.store, id, line.run_no, now_ms).await?;
                            return Ok(());
                        }
                        // It has just started: look again.
                        Err(TransitionError::Lost) => {}
                        Err(error) => return Err(AgentError::transition(id, "stopped", error)),
                    }
                }
                Status::Running => {
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
        let provider = self.config.providers.get(&line.plan.launch.provider);
        let steer_id = SteerId::new(self.ids.as_ref());
        if provider.map(|p| providers::capabilities(p).steer) == Some(SteerSupport::None) {
            let note = "this provider takes no messages while it works; resume_agent sends one \
                        after the run";
            return Ok(SteerReceipt {
                steer_id,
                state: "unsupported",
                note: Some(note.to_owned()),
            });
        }
        let wrong = || AgentError::WrongState {
            id: id.clone(),
            status: line.status,
            action: "steered",
        };
        if line.status.is_terminal() {
            return Err(wrong());
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
            _ => "it reaches the model with its next step; get_agent view=evidence counts receipts",
        };
        Ok(SteerReceipt {
            steer_id,
            state: "queued",
            note: Some(note.to_owned()),
        })
    }

    /// Changes of the state, by this and other processes.
    pub fn listen(&self) -> Listener {
        self.store.changes().listen()
    }

    /// One agent in one line.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], failures of the store.
    pub async fn brief(&self, id: &AgentId) -> Result<AgentBrief, AgentError> {
        self.reconcile().await?;
        Ok(AgentBrief::of(&self.line(id).await?, self.clock.now_ms()))
    }

    /// A page of an agent's result, from byte `cursor`; marks the result of an ended run as read.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], a cursor that is none, failures of the store.
    pub async fn result(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Resulted, AgentError> {
        let from = cursor
            .map(|cursor| number("cursor", cursor))
            .transpose()?
            .unwrap_or(0);
        self.reconcile().await?;
        let line = self.line(id).await?;
        let texts = read::texts(&self.store, id, line.run_no).await?;
        if !texts.result.is_char_boundary(from) {
            let problem = "is not one that get_agent gave".to_owned();
            return Err(AgentError::BadValue {
                field: "cursor",
                problem,
            });
        }
        write::deliver(&self.store, id, line.run_no).await?;
        Ok(Resulted::of(
            &line,
            &texts,
            self.clock.now_ms(),
            from,
            limit,
        ))
    }

    /// The account of an agent's current run.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], failures of the store.
    pub async fn evidence(&self, id: &AgentId) -> Result<Evidenced, AgentError> {
        self.reconcile().await?;
        let line = self.line(id).await?;
        let texts = read::texts(&self.store, id, line.run_no).await?;
        Ok(Evidenced::of(&line, texts, self.clock.now_ms()))
    }

    /// A stretch of an agent's log, behind position `cursor`.
    ///
    /// # Errors
    /// [`AgentError::Unknown`], a cursor that is none, failures of the store.
    pub async fn transcript(
        &self,
        id: &AgentId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Transcript, AgentError> {
        let after = cursor
            .map(|cursor| number("cursor", cursor))
            .transpose()?
            .unwrap_or(0);
        let line = self.line(id).await?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut items = read::log(&self.store, id, after, limit.saturating_add(1)).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|entry| entry.seq.to_string());
        let page = Page { items, next_cursor };
        Ok(Transcript {
            id: id.clone(),
            status: line.status,
            page,
        })
    }

    /// Agents, newest first, of this project or of all.
    ///
    /// # Errors
    /// A cursor that is none, failures of the store.
    pub async fn list(
        &self,
        status: Option<Status>,
        all_projects: bool,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AgentBrief>, AgentError> {
        self.reconcile().await?;
        let after = cursor.map(page_start).transpose()?;
        let project = (!all_projects).then(|| self.project.clone());
        let filter = Filter {
            project,
            status,
            after,
            limit: limit.saturating_add(1),
        };
        let mut lines = read::list(&self.store, &filter).await?;
        let more = lines.len() > limit as usize;
        lines.truncate(limit as usize);
        let last = lines.last().filter(|_| more);
        let next_cursor = last.map(|line| format!("{}:{}", line.created_ms, line.id));
        Ok(Page {
            items: self.briefs(&lines),
            next_cursor,
        })
    }

    /// What a fresh or compacted session must know about this project.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn catch_up(&self) -> Result<CatchUp, AgentError> {
        self.reconcile().await?;
        let lines = read::of_project(&self.store, &self.project, 100).await?;
        Ok(CatchUp::of(&lines, self.clock.now_ms()))
    }

    /// Stops everything that this process runs and leaves. What was asked for is durable first, so
    /// that it holds even if there is no time to finish.
    pub async fn close(&self) {
        let reason = CLOSING;
        self.closing.cancel();
        let now_ms = self.clock.now_ms();
        if let Err(error) = write::ask_stop_all(&self.store, self.owner(), reason, now_ms).await {
            tracing::error!(%error, "agents are stopped without a note in the store");
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.stop_queued(reason).await;
        if let Err(error) = rows::leave(&self.store, self.owner(), self.clock.now_ms()).await {
            tracing::error!(%error, "this process stays on record as an owner");
            return;
        }
        owner::forget(self.store.home(), self.owner());
        self.store.close().await;
    }

    async fn stop_queued(&self, reason: &str) {
        for line in read::of_owner(&self.store, self.owner())
            .await
            .unwrap_or_default()
        {
            if let Err(error) = self.ask_stop(&line.id, reason).await {
                tracing::error!(%error, agent = %line.id, "a queued agent stays queued");
            }
        }
    }

    /// Gives the agents of dead processes their end.
    pub(super) async fn reconcile(&self) -> Result<(), AgentError> {
        Ok(recovery::reconcile(&self.store, self.owner(), self.clock.as_ref()).await?)
    }

    pub(super) async fn line(&self, id: &AgentId) -> Result<Line, AgentError> {
        if let Some(line) = read::agent(&self.store, id).await? {
            return Ok(line);
        }
        let mut near: Vec<(usize, String)> = read::ids(&self.store)
            .await?
            .into_iter()
            .map(|known| (strsim::levenshtein(&known, id.as_str()), known))
            .filter(|(distance, _)| *distance <= 3)
            .collect();
        near.sort();
        let nearest = near
            .into_iter()
            .take(CANDIDATES)
            .map(|(_, id)| id)
            .collect();
        Err(AgentError::Unknown {
            id: id.clone(),
            nearest,
        })
    }

    pub(super) fn briefs(&self, lines: &[Line]) -> Vec<AgentBrief> {
        let now_ms = self.clock.now_ms();
        lines
            .iter()
            .map(|line| AgentBrief::of(line, now_ms))
            .collect()
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn owner(&self) -> &OwnerId {
        self.owner.id()
    }

    pub(super) fn session(&self) -> &str {
        &self.host.session
    }

    fn new_agent<'a>(
        &'a self,
        id: &'a AgentId,
        prompt: &'a str,
        label: &'a str,
        plan: &'a Plan,
    ) -> NewAgent<'a> {
        NewAgent {
            id,
            project: &self.project,
            session: &self.host.session,
            parent: None,
            label,
            owner: self.owner(),
            prompt,
            plan,
            takes_slot: true,
        }
    }

    async fn spawned(
        &self,
        id: AgentId,
        run_no: u32,
        plan: &Plan,
        not_enforced: Vec<String>,
    ) -> Result<Spawned, AgentError> {
        let ahead = read::ahead(&self.store, &id, run_no).await?;
        Ok(Spawned {
            id,
            status: Status::Queued,
            run_no,
            provider: plan.launch.provider.clone(),
            model: plan.launch.model.clone(),
            permission: plan.launch.permission,
            queued_behind: (ahead > 0).then_some(ahead),
            not_enforced,
        })
    }

    /// No child without a guard, and none while we leave.
    fn be_ready_to_run(&self) -> Result<(), AgentError> {
        if self.closing.is_cancelled() {
            return Err(AgentError::ShuttingDown);
        }
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if !guard.as_mut().is_some_and(Guard::is_alive) {
            let started = Guard::start(&self.program, self.owner()).map_err(AgentError::Guard)?;
            *guard = Some(started);
        }
        Ok(())
    }
}

fn number(field: &'static str, text: &str) -> Result<usize, AgentError> {
    let problem = || {
        format!(
            "is no position: {:?}",
            text.chars().take(40).collect::<String>()
        )
    };
    text.parse().map_err(|_| AgentError::BadValue {
        field,
        problem: problem(),
    })
}

fn page_start(cursor: &str) -> Result<(i64, AgentId), AgentError> {
    cursor
        .split_once(':')
        .and_then(|(created, id)| Some((created.parse().ok()?, AgentId::parse(id).ok()?)))
        .ok_or_else(|| AgentError::BadValue {
            field: "cursor",
            problem: "is not one that list_agents gave".to_owned(),
        })
}
