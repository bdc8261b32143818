//! All agents of this process: takes requests, lets queued runs start in their turn, passes stops
//! and messages on to the supervisors, and ends everything when the process ends.

mod answers;
mod context;
mod definitions;
mod delivery;
mod dispatch;
mod drain;
mod family;
mod groups;
mod integrate;
mod leases;
mod links;
mod memory;
mod names;
mod priming;
mod providers;
mod questions;
mod requests;
mod retention;
mod submissions;
mod tasks;
mod trees;
mod views;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::brief::AgentBrief;
use super::context::Traces;
use super::definition::Places;
use super::error::AgentError;
use super::journal::Journal;
use super::owner::{self, Owner};
use super::record::{Line, Scribe, owner as rows, read, write};
use super::recovery;
use super::supervisor::Order;
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::{AgentId, IdSource, OwnerId, ProjectId};
use crate::memory::{Meaning, Uses};
use crate::project::Project;
use crate::providers::guard::Guard;
use crate::providers::{Lineage, McpServer};
use crate::store::Store;
use crate::tasks::claim;

pub use answers::{Answer, Answered, Waiting};
pub use drain::Teller;
pub use groups::{GroupSpawned, GroupStanding};
pub use integrate::{CheckFailed, MergeReport, MergeRequest, Skipped};
pub use providers::ProviderBrief;
pub use retention::{Gone, SweepRequest, Swept};
pub(super) use submissions::TRIES as RESULT_TRIES;
pub use tasks::{CloseRequest, Shown};
pub use trees::{Pruned, Worktrees};

/// Who spawns: the session behind this process.
#[derive(Debug, Clone)]
pub struct Host {
    /// The host session's own id; agents belong to it, also after a restart of this process.
    pub session: String,
    /// Whether that id outlives this process, so that the session may come back with another one.
    pub session_lasts: bool,
    /// Working directory of the session.
    pub cwd: PathBuf,
    /// Where this process itself stands below other agents.
    pub lineage: Lineage,
    /// Whether results are read here by the session they are for, and not by a person who looks.
    pub collects: bool,
    /// Whether somebody is there who can answer what agents ask.
    pub answers: bool,
    /// Where the transcript of the session can be.
    pub traces: Traces,
}

/// What a crew is made of.
pub struct CrewOptions {
    /// The state.
    pub store: Arc<Store>,
    /// The effective configuration.
    pub config: Config,
    /// The project that agents belong to.
    pub project: Project,
    /// Where definitions lie.
    pub places: Places,
    /// Who spawns.
    pub host: Host,
    /// The service that compares meanings; `None` where none is configured.
    pub meaning: Option<Arc<Meaning>>,
    /// Durable time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The ostler binary, which runs the guard.
    pub program: OsString,
    /// The server through which agents ask what they cannot decide and hand in their results, without
    /// what tells one agent from another; `None` where it cannot be started.
    pub child_server: Option<McpServer>,
}

/// The agents of this process, and a view of those of others.
pub struct Crew {
    store: Arc<Store>,
    config: Config,
    host: Host,
    /// Only agents below this path exist for this process: `/` for a host session, `/a-1/` for the
    /// agent a-1.
    scope: String,
    project: ProjectId,
    places: Places,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    owner: Owner,
    program: OsString,
    child_server: Option<McpServer>,
    journal: Arc<Journal>,
    meaning: Option<Arc<Meaning>>,
    uses: Uses,
    guard: Mutex<Option<Guard>>,
    /// Whether the person can be asked through this process.
    person: AtomicBool,
    supervisors: Mutex<HashMap<AgentId, mpsc::UnboundedSender<Order>>>,
    /// Something for the dispatcher to look at.
    nudge: Notify,
    /// Agents have ended whose process cannot look after their working trees.
    orphaned: Notify,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Crew {
    /// Registers this process as an owner, clears up after dead ones, and begins to dispatch.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn open(options: CrewOptions) -> Result<Arc<Self>, AgentError> {
        let crew = Self::made_of(options, true).await?;
        rows::works_in(&crew.store, crew.owner(), &crew.project).await?;
        recovery::reconcile(&crew.scribe(), crew.owner()).await?;
        crew.tasks.spawn(Arc::clone(&crew).dispatch());
        crew.tasks.spawn(Arc::clone(&crew).keep_trees());
        crew.tasks.spawn(Arc::clone(&crew).count_uses());
        Ok(crew)
    }

    /// The same for a process that only looks: it is no owner and nothing of it is put on record, so that
    /// it waits for nobody who writes.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn open_to_look(options: CrewOptions) -> Result<Arc<Self>, AgentError> {
        let crew = Self::made_of(options, false).await?;
        crew.tasks.spawn(Arc::clone(&crew).count_uses());
        Ok(crew)
    }

    async fn made_of(options: CrewOptions, is_owner: bool) -> Result<Arc<Self>, AgentError> {
        let CrewOptions {
            store,
            config,
            project,
            places,
            mut host,
            meaning,
            clock,
            ids,
            program,
            child_server,
        } = options;
        // An agent works for the session that stands above all of its family, and in the project of
        // that, wherever its own directory is.
        let mut inherited = None;
        if let Some(agent) = host.lineage.parent()
            && let Some(line) = read::agent(&store, &agent).await?
        {
            host.session = line.session;
            inherited = Some(read::project(&store, &agent).await?);
        }
        let key = project.key.to_string_lossy();
        // In this order: a project of nobody may be removed at any time, but not while there is an
        // owner that has not said yet which one is its own.
        let owner = match is_owner {
            true => Owner::register(&store, ids.as_ref(), clock.as_ref()).await?,
            false => Owner::of_nothing(ids.as_ref()),
        };
        let project = match inherited {
            Some(project) => project,
            None if is_owner => store.project(ids.as_ref(), &key, clock.now_ms()).await?,
            // There is nothing of one that was never seen, under whatever id.
            None => {
                let known = store.known_project(&key).await?;
                known.unwrap_or_else(|| ProjectId::new(ids.as_ref()))
            }
        };
        Ok(Arc::new(Self {
            journal: Arc::new(Journal::open(Arc::clone(&store))),
            store,
            meaning,
            uses: Uses::default(),
            config,
            scope: family::scope(&host.lineage),
            host,
            project,
            places,
            clock,
            ids,
            owner,
            program,
            child_server,
            guard: Mutex::new(None),
            person: AtomicBool::new(false),
            supervisors: Mutex::new(HashMap::new()),
            nudge: Notify::new(),
            orphaned: Notify::new(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        }))
    }

    /// Stops everything that this process runs and leaves. What was asked for is durable first, so
    /// that it holds even if there is no time to finish.
    pub async fn close(&self) {
        let reason = &self.parting();
        self.closing.cancel();
        if !self.owner.is_on_record() {
            self.tasks.close();
            self.tasks.wait().await;
            self.store.close().await;
            return;
        }
        let now_ms = self.clock.now_ms();
        if let Err(error) = write::ask_stop_all(&self.store, self.owner(), reason, now_ms).await {
            tracing::error!(%error, "agents are stopped without a note in the store");
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.stop_queued(reason).await;
        let (store, clock, ids) = (&self.store, self.clock.as_ref(), self.ids.as_ref());
        // Whoever finds this process gone does the same.
        if let Err(error) = claim::release_of_owner(store, self.owner(), clock, ids).await {
            tracing::error!(%error, "the claims of this session are not given back");
            return;
        }
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
        if recovery::reconcile(&self.scribe(), self.owner()).await? && self.runs_agents() {
            self.orphaned.notify_one();
        }
        Ok(())
    }

    pub(super) fn briefs(&self, lines: &[Line]) -> Vec<AgentBrief> {
        let now_ms = self.clock.now_ms();
        lines
            .iter()
            .map(|line| AgentBrief::of(line, now_ms))
            .collect()
    }

    fn scribe(&self) -> Scribe<'_> {
        Scribe {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
        }
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
}
