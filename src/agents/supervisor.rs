//! One running agent: feeds its child, keeps its account, holds its limits, and gives the run its
//! end. The end is written only when the process tree is gone.

mod account;
mod aftermath;
mod asking;
mod attend;
mod backoff;
mod commits;
mod ending;
mod family;
mod handover;
mod permission;
mod radar;
mod verify;
mod workspace;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use asking::Parked;
use backoff::Thread;
use family::Family;
use handover::Handover;
use radar::Radar;

use super::budget::{LimitName, Meter};
use super::evidence::Ledger;
use super::journal::{Journal, Subject};
use super::lifecycle::AgentState;
use super::record::asks::Ask as Request;
use super::record::{Plan, Progress, Scribe, Steer, read};
use crate::clock::Clock;
use crate::config::{self, Ask, Limit, ProviderConfig};
use crate::ids::{IdSource, OwnerId, ProjectId};
use crate::providers::{
    self, Capabilities, Command, Conversation, Event, Failure, FailureClass, LINEAGE_VARIABLE,
    Lineage, McpServer, ResumeSupport, Session, StartError,
};
use crate::store::Store;

const CREW_GONE: &str = "the crew is gone";
/// Why the agents of an ending process are stopped.
pub(super) const CLOSING: &str = "the ostler process that ran it has ended";
/// How much of the arguments of a refused call goes into the log.
const INPUT_LOGGED: usize = 2000;
/// Events of a leaving child that are kept.
const LAST_WORDS: usize = 1000;
/// Keeps an agent's server from offering questions that nobody would hear.
const NOBODY_TO_ASK: (&str, &str) = ("OSTLER_AGENTS_ASK", "deny");
/// Where the steer id of our own message stands in the codec.
const WRAP_UP: &str = "wrap-up";

pub(super) use asking::{Asking, CONTENT_KEPT, Deciders, OPEN_AT_ONCE};

/// What the crew tells a supervisor.
#[derive(Debug)]
pub(super) enum Order {
    Stop(String),
    Steer(Steer),
    Answer(Request),
}

/// What a supervisor works with.
pub(super) struct Bench {
    pub(super) store: Arc<Store>,
    pub(super) journal: Arc<Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) owner: OwnerId,
    pub(super) lineage: Lineage,
    pub(super) project: ProjectId,
    pub(super) workspaces: config::Workspaces,
    pub(super) env_allow: Vec<String>,
    pub(super) asking: Asking,
    /// The server that agents are given, as far as it is the same for all.
    pub(super) child_server: Option<McpServer>,
    /// How long a CLI that says when it is up may take to say so.
    pub(super) start_patience: Duration,
    /// Permits of the limiter.
    pub(super) max_concurrent: u32,
    /// How often a run goes on in a row after the model service turned it away.
    pub(super) max_retries: u32,
    /// The ostler binary.
    pub(super) ostler: OsString,
    /// Cancelled when this process is about to end.
    pub(super) closing: CancellationToken,
    /// Why its agents are stopped then.
    pub(super) parting: String,
}

impl Bench {
    fn scribe(&self) -> Scribe<'_> {
        Scribe {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
        }
    }
}

/// One run to supervise.
pub(super) struct Job {
    pub(super) subject: Subject,
    pub(super) label: String,
    pub(super) state: AgentState,
    pub(super) plan: Plan,
    /// The runs above it and itself: `/a-1:1/a-2:3/`.
    pub(super) key: String,
    pub(super) deciders: Deciders,
    /// Whether it may have agents of its own.
    pub(super) may_spawn: bool,
    pub(super) prompt: String,
    /// `None` when the configuration no longer names the provider.
    pub(super) provider: Option<ProviderConfig>,
}

/// Why a run is over.
enum Outcome {
    Finished,
    Cut(LimitName),
    /// The provider's own limit, which we had passed on to it.
    CutByProvider(String),
    Stopped(String),
    Failed(Failure),
    /// The work is done, and its result does not fit the schema that it was asked for with.
    Misfit(String),
}

/// Runs a job to its end and writes the end down.
pub(super) async fn supervise(bench: Arc<Bench>, job: Job, orders: mpsc::UnboundedReceiver<Order>) {
    let mut run = Run {
        meter: Meter::new(job.plan.budget),
        radar: Radar::start(&bench, &job),
        ledger: Ledger::default(),
        capabilities: job.provider.as_ref().map(providers::capabilities),
        final_text: String::new(),
        last_text: String::new(),
        wrap_up_sent: false,
        began: Instant::now(),
        started: false,
        early: Vec::new(),
        thread: Thread::default(),
        parked: Vec::new(),
        turn_ended: false,
        answers_wrap_up: false,
        handover: Handover::of(job.plan.output_schema.as_ref()),
        head: None,
        family: Family::of(&job, &bench.store),
        progress: Progress {
            active_ms: bench.clock.now_ms(),
            ..Progress::default()
        },
        bench,
        job,
        orders,
    };
    let outcome = match run.make_ready().await {
        Ok(()) => run.whole().await,
        Err(outcome) => outcome,
    };
    run.look_back(&outcome).await;
    run.conclude(outcome).await;
}

struct Run {
    bench: Arc<Bench>,
    job: Job,
    orders: mpsc::UnboundedReceiver<Order>,
    meter: Meter,
    ledger: Ledger,
    /// What it changes, against what others change.
    radar: Radar,
    capabilities: Option<Capabilities>,
    final_text: String,
    last_text: String,
    wrap_up_sent: bool,
    began: Instant,
    started: bool,
    /// Messages that came while there was no session to take them.
    early: Vec<Steer>,
    /// What goes on from one session to the next.
    thread: Thread,
    /// What the child has asked for and waits for.
    parked: Vec<Parked>,
    /// The turn is over and no other has begun.
    turn_ended: bool,
    /// Our wrap-up message, and nothing else, has started the running turn.
    answers_wrap_up: bool,
    /// The result that it owes.
    handover: Handover,
    /// The commit that its workspace stood at before the first session.
    head: Option<String>,
    /// The agents that work for it.
    family: Family,
    progress: Progress,
}

impl Run {
    /// The run, session by session: it goes on when the service that turned it away answers again,
    /// and begins anew, once, when the conversation to be carried on cannot be found.
    async fn whole(&mut self) -> Outcome {
        loop {
            let outcome = self.session().await;
            let over = if Run::is_turned_away(&outcome) {
                self.back_off(outcome).await
            } else if self.has_lost_its_past(&outcome) {
                self.restate().await
            } else {
                Some(outcome)
            };
            if let Some(outcome) = over {
                return outcome;
            }
        }
    }

    fn has_lost_its_past(&self, outcome: &Outcome) -> bool {
        let lost = FailureClass::SessionLost;
        let continued = matches!(
            self.job.plan.launch.conversation,
            Conversation::Continued { .. }
        );
        continued && matches!(outcome, Outcome::Failed(failure) if failure.class == lost)
    }

    /// Prepares a new conversation with everything that was asked before.
    async fn restate(&mut self) -> Option<Outcome> {
        match read::prompts(&self.bench.store, &self.job.subject.agent).await {
            Ok(prompts) => self.job.prompt = restated(&prompts),
            Err(error) => return Some(failed(FailureClass::SessionLost, &error)),
        }
        let session = self.bench.ids.uuid();
        self.job.plan.launch.conversation = Conversation::Fresh { session };
        self.begin_anew();
        self.log(
            "restarted",
            json!({ "why": "the conversation was not found" }),
        )
        .await;
        None
    }

    async fn session(&mut self) -> Outcome {
        if let Some(ready) = self.ready_to_continue()
            && let Some(outcome) = self.pause(ready).await
        {
            return outcome;
        }
        let Some(config) = &self.job.provider else {
            let provider = &self.job.plan.launch.provider;
            let message = format!("the configuration no longer names the provider `{provider}`");
            return Outcome::Failed(Failure::new(FailureClass::NotInstalled, message));
        };
        if let Some(outcome) = self.was_moved() {
            return outcome;
        }
        let servers = self.servers();
        let provider = providers::prepare(config, &self.job.plan.launch, &servers);
        let agent = &self.job.subject.agent;
        let started = Session::start(
            provider,
            agent,
            &self.bench.lineage,
            &self.bench.env_allow,
            &self.bench.ostler,
        );
        let mut session = match started {
            Ok(session) => session,
            Err(error) => return not_started(&error),
        };
        if self.capabilities.is_some_and(|can| !can.cold_start) {
            let (subject, now_ms) = (&self.job.subject, self.bench.clock.now_ms());
            let session = self.job.plan.launch.conversation.session();
            self.bench.journal.warm(subject, now_ms, session).await;
        }
        session.send(Command::Prompt(self.opening()));
        self.hand_over(&mut session).await;
        let outcome = self.attend(&mut session).await;
        self.withdraw_all().await;
        self.dismiss_family(&mut session, &outcome).await;
        // What the child still says while it leaves counts as well, a flood of it does not.
        let mut last_words = Vec::new();
        let mut sink = |event: Event| {
            let counts = match &event {
                Event::Noise { .. } | Event::Thought { .. } => false,
                Event::Text { .. } | Event::ToolStarted { .. } | Event::ToolEnded { .. } => {
                    last_words.len() < LAST_WORDS
                }
                _ => true,
            };
            if counts {
                last_words.push(event);
            }
        };
        let left = match outcome {
            Outcome::Finished | Outcome::Misfit(_) => session.close(&mut sink).await,
            _ if self.is_at_rest(&outcome) => session.close(&mut sink).await,
            _ => session.stop(&mut sink).await,
        };
        for event in last_words {
            let event = self.of_run(event);
            self.account(&event).await;
        }
        self.ledger.evidence.processes_left = left
            .iter()
            .map(|process| format!("{} {}", process.pid, process.name))
            .collect();
        self.close_family(&outcome).await;
        outcome
    }

    /// The servers that the child is given.
    fn servers(&self) -> Vec<McpServer> {
        let asking = &self.bench.asking;
        let asks = asking.someone && asking.ask != Ask::Deny;
        if !asks && !self.handover.is_owed() && self.job.plan.task.is_none() {
            return Vec::new();
        }
        let mut servers: Vec<McpServer> = self.bench.child_server.iter().cloned().collect();
        for server in &mut servers {
            if !asks {
                let (name, value) = NOBODY_TO_ASK;
                server.env.insert(name.to_owned(), value.to_owned());
            }
            let lineage = self.bench.lineage.to_string();
            server.env.insert(LINEAGE_VARIABLE.to_owned(), lineage);
        }
        servers
    }

    /// When the conversation to be carried on may be touched again; `None` for at once.
    fn ready_to_continue(&self) -> Option<Instant> {
        let Conversation::Continued { begun_ms, .. } = self.job.plan.launch.conversation else {
            return None;
        };
        let ResumeSupport::History { min_age_s } = self.capabilities?.resume else {
            return None;
        };
        let ready_ms = begun_ms + i64::from(min_age_s) * 1000;
        let wait_ms = u64::try_from(ready_ms - self.bench.clock.now_ms()).ok()?;
        // A clock that was set back must not make it wait for years.
        let wait = Duration::from_millis(wait_ms).min(Duration::from_secs(u64::from(min_age_s)));
        Some(Instant::now() + wait)
    }

    /// Waits without a session; returns the end of the run if it comes meanwhile.
    async fn pause(&mut self, until: Instant) -> Option<Outcome> {
        self.meanwhile(sleep_until(until)).await.err()
    }

    /// Does `work` without a session; it is dropped if the end of the run comes meanwhile.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Outcome> {
        tokio::pin!(work);
        let timeout = deadline(self.began, self.job.plan.budget.timeout_s);
        loop {
            let order = tokio::select! {
                biased;
                () = self.bench.closing.cancelled() => {
                    return Err(Outcome::Stopped(self.bench.parting.clone()));
                }
                order = self.orders.recv() => order,
                done = &mut work => return Ok(done),
                () = sleep_until(timeout) => return Err(Outcome::Cut("timeout_s")),
            };
            match order {
                Some(Order::Stop(reason)) => return Err(Outcome::Stopped(reason)),
                Some(Order::Steer(steer)) => self.early.push(steer),
                // Who asked is gone.
                Some(Order::Answer(_)) => {}
                None => return Err(Outcome::Stopped(CREW_GONE.to_owned())),
            }
        }
    }
}

fn deadline(from: Instant, limit: Limit<u32>) -> Instant {
    /// Far enough to mean never, near enough for the timer.
    const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
    from + match limit {
        Limit::At(seconds) => Duration::from_secs(u64::from(seconds)),
        Limit::Unlimited => NEVER,
    }
}

fn not_started(error: &StartError) -> Outcome {
    match error {
        StartError::NotInstalled { .. } | StartError::NotExecutable { .. } => {
            failed(FailureClass::NotInstalled, error)
        }
        StartError::NoDirectory { .. } | StartError::Refused { .. } => {
            failed(FailureClass::Other, error)
        }
    }
}

fn failed(class: FailureClass, error: &dyn std::fmt::Display) -> Outcome {
    Outcome::Failed(Failure::new(class, error.to_string()))
}

/// The prompt for a conversation that has to begin anew: what was asked before, then the last.
fn restated(prompts: &[String]) -> String {
    let (last, earlier) = match prompts.split_last() {
        Some((last, earlier)) => (last.as_str(), earlier),
        None => ("", prompts),
    };
    if earlier.is_empty() {
        return format!(
            "{last}\n\n[You may have begun with this in a conversation that could not be recovered. \
             Look before you repeat what may be done already.]"
        );
    }
    format!(
        "Your earlier conversation could not be recovered. This is what you were asked before, \
         oldest first; parts of it may be done already, so look before you repeat them:\n\n\
         {}\n\nThis is what you are asked now:\n\n{last}",
        earlier.join("\n\n")
    )
}
