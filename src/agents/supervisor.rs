//! One running agent: feeds its child, keeps its account, holds its limits, and gives the run its
//! end. The end is written only when the process tree is gone.

mod asking;
mod ending;
mod permission;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use asking::Parked;
use permission::Ruling;

use super::budget::{LimitName, Meter, Verdict, wrap_up_message};
use super::evidence::Ledger;
use super::journal::{Journal, Subject};
use super::lifecycle::AgentState;
use super::record::asks::{Ask, AskKind};
use super::record::{Plan, Progress, Steer, read, steers};
use crate::clock::Clock;
use crate::config::{Limit, ProviderConfig};
use crate::ids::{IdSource, OwnerId};
use crate::providers::{
    self, Capabilities, Command, Conversation, Decision, Event, Failure, FailureClass,
    LINEAGE_VARIABLE, Lineage, McpServer, ResumeSupport, Session, StartError, SteerSupport, When,
};
use crate::store::Store;

const CREW_GONE: &str = "the crew is gone";
/// Why the agents of an ending process are stopped.
pub(super) const CLOSING: &str = "the ostler process that ran it has ended";
/// How much of the arguments of a refused call goes into the log.
const INPUT_LOGGED: usize = 2000;
/// Events of a leaving child that are kept.
const LAST_WORDS: usize = 1000;
/// Meaningless lines of a run that go into the log; all are counted.
const NOISE_LOGGED: u32 = 100;
/// Where the steer id of our own message stands in the codec.
const WRAP_UP: &str = "wrap-up";

pub(super) use asking::{Asking, CONTENT_KEPT, OPEN_AT_ONCE};

/// What the crew tells a supervisor.
#[derive(Debug)]
pub(super) enum Order {
    Stop(String),
    Steer(Steer),
    Answer(Ask),
}

/// What a supervisor works with.
pub(super) struct Bench {
    pub(super) store: Arc<Store>,
    pub(super) journal: Arc<Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) owner: OwnerId,
    pub(super) lineage: Lineage,
    pub(super) env_allow: Vec<String>,
    pub(super) asking: Asking,
    /// The server that agents are given, as far as it is the same for all.
    pub(super) child_server: Option<McpServer>,
    /// How long a CLI that says when it is up may take to say so.
    pub(super) start_patience: Duration,
    /// The ostler binary.
    pub(super) ostler: OsString,
    /// Cancelled when this process is about to end.
    pub(super) closing: CancellationToken,
}

/// One run to supervise.
pub(super) struct Job {
    pub(super) subject: Subject,
    pub(super) state: AgentState,
    pub(super) plan: Plan,
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
}

/// Runs a job to its end and writes the end down.
pub(super) async fn supervise(bench: Arc<Bench>, job: Job, orders: mpsc::UnboundedReceiver<Order>) {
    let mut run = Run {
        meter: Meter::new(job.plan.budget),
        ledger: Ledger::default(),
        capabilities: job.provider.as_ref().map(providers::capabilities),
        final_text: String::new(),
        last_text: String::new(),
        wrap_up_sent: false,
        began: Instant::now(),
        started: false,
        early: Vec::new(),
        parked: Vec::new(),
        turn_ended: false,
        answers_wrap_up: false,
        progress: Progress {
            active_ms: bench.clock.now_ms(),
            ..Progress::default()
        },
        bench,
        job,
        orders,
    };
    let outcome = run.whole().await;
    run.conclude(outcome).await;
}

struct Run {
    bench: Arc<Bench>,
    job: Job,
    orders: mpsc::UnboundedReceiver<Order>,
    meter: Meter,
    ledger: Ledger,
    capabilities: Option<Capabilities>,
    final_text: String,
    last_text: String,
    wrap_up_sent: bool,
    began: Instant,
    started: bool,
    /// Messages that came while there was no session to take them.
    early: Vec<Steer>,
    /// What the child has asked for and waits for.
    parked: Vec<Parked>,
    /// The turn is over and no other has begun.
    turn_ended: bool,
    /// Our wrap-up message, and nothing else, has started the running turn.
    answers_wrap_up: bool,
    progress: Progress,
}

impl Run {
    /// The run with its one second chance: a conversation that cannot be carried on is begun anew
    /// with everything that was asked before.
    async fn whole(&mut self) -> Outcome {
        let outcome = self.session().await;
        match outcome {
            Outcome::Failed(Failure {
                class: FailureClass::SessionLost,
                ..
            }) if matches!(
                self.job.plan.launch.conversation,
                Conversation::Continued { .. }
            ) =>
            {
                match read::prompts(&self.bench.store, &self.job.subject.agent).await {
                    Ok(prompts) => self.job.prompt = restated(&prompts),
                    Err(error) => return failed(FailureClass::SessionLost, &error),
                }
                self.started = false;
                let session = self.bench.ids.uuid();
                self.job.plan.launch.conversation = Conversation::Fresh { session };
                self.log(
                    "restarted",
                    json!({ "why": "the conversation was not found" }),
                )
                .await;
                self.session().await
            }
            outcome => outcome,
        }
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
        session.send(Command::Prompt(self.job.prompt.clone()));
        for steer in std::mem::take(&mut self.early) {
            self.steer(&mut session, steer).await;
        }
        let outcome = self.attend(&mut session).await;
        self.withdraw_all().await;
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
            Outcome::Finished => session.close(&mut sink).await,
            _ => session.stop(&mut sink).await,
        };
        for event in &last_words {
            self.account(event).await;
        }
        self.ledger.evidence.processes_left = left
            .iter()
            .map(|process| format!("{} {}", process.pid, process.name))
            .collect();
        outcome
    }

    /// The servers that the child is given.
    fn servers(&self) -> Vec<McpServer> {
        let mut servers: Vec<McpServer> = self.bench.child_server.iter().cloned().collect();
        for server in &mut servers {
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
        let timeout = deadline(self.began, self.job.plan.budget.timeout_s);
        loop {
            let order = tokio::select! {
                biased;
                () = self.bench.closing.cancelled() => {
                    return Some(Outcome::Stopped(CLOSING.to_owned()));
                }
                order = self.orders.recv() => order,
                () = sleep_until(until) => return None,
                () = sleep_until(timeout) => return Some(Outcome::Cut("timeout_s")),
            };
            match order {
                Some(Order::Stop(reason)) => return Some(Outcome::Stopped(reason)),
                Some(Order::Steer(steer)) => self.early.push(steer),
                // Who asked is gone.
                Some(Order::Answer(_)) => {}
                None => return Some(Outcome::Stopped(CREW_GONE.to_owned())),
            }
        }
    }

    /// Attends a session until something ends it.
    async fn attend(&mut self, session: &mut Session) -> Outcome {
        let budget = self.job.plan.budget;
        let mut active = Instant::now();
        let says_when_up = self.capabilities.is_some_and(|can| can.cold_start);
        let up_by = active + self.bench.start_patience;
        loop {
            let timeout = deadline(self.began, budget.timeout_s);
            // Also a line that means nothing to us is a sign of life.
            let idle = deadline(active.max(session.heard()), budget.idle_s);
            let expiry = self.next_expiry();
            let over = tokio::select! {
                biased;
                () = self.bench.closing.cancelled() => Some(Outcome::Stopped(CLOSING.to_owned())),
                order = self.orders.recv() => match order {
                    Some(order) => {
                        active = Instant::now();
                        self.obey(session, order).await
                    }
                    None => Some(Outcome::Stopped(CREW_GONE.to_owned())),
                },
                event = session.next() => {
                    active = Instant::now();
                    match event {
                        Some(event) => self.handle(session, event).await,
                        // A message of the last moment came too late; what it had finished counts.
                        None if self.turn_ended => Some(Outcome::Finished),
                        None => Some(Outcome::Failed(Failure::new(
                            FailureClass::Crashed,
                            "the child ended without a word",
                        ))),
                    }
                }
                () = sleep_until(timeout) => Some(Outcome::Cut("timeout_s")),
                () = sleep_until(up_by), if says_when_up && !self.started => {
                    Some(Outcome::Failed(Failure::new(FailureClass::Hung, never_came_up(self.bench.start_patience))))
                }
                () = sleep_until(expiry.unwrap_or(timeout)), if expiry.is_some() => {
                    self.expire(session).await;
                    active = Instant::now();
                    None
                }
                // Who waits for an answer is not idle.
                () = sleep_until(idle), if expiry.is_none() => {
                    let silent_until = deadline(active.max(session.heard()), budget.idle_s);
                    (silent_until <= Instant::now()).then_some(Outcome::Cut("idle_s"))
                }
            };
            if let Some(outcome) = over {
                return outcome;
            }
        }
    }

    async fn obey(&mut self, session: &mut Session, order: Order) -> Option<Outcome> {
        match order {
            Order::Stop(reason) => Some(Outcome::Stopped(reason)),
            Order::Steer(steer) => {
                self.steer(session, steer).await;
                None
            }
            Order::Answer(ask) => {
                self.answered(session, ask).await;
                None
            }
        }
    }

    async fn steer(&self, session: &mut Session, steer: Steer) {
        let body = json!({ "id": steer.id, "message": steer.message });
        session.send(Command::Steer {
            id: steer.id.to_string(),
            text: steer.message,
            when: steer.when,
        });
        self.log("steer", body).await;
    }

    async fn handle(&mut self, session: &mut Session, event: Event) -> Option<Outcome> {
        self.account(&event).await;
        match event {
            Event::Stepped => {
                if let Limit::At(_) = self.job.plan.budget.max_cost_usd {
                    session.send(Command::AskUsage);
                }
                let verdict = self.meter.stepped();
                self.judge(session, verdict)
            }
            Event::ToolStarted { .. } => {
                let verdict = self.meter.tool_started();
                self.judge(session, verdict)
            }
            Event::Usage(usage) => {
                let verdict = self.meter.used(&usage);
                self.judge(session, verdict)
            }
            Event::PermissionAsked {
                request,
                gate,
                tool,
                input,
                reach,
                writes,
                ..
            } => {
                let kind = AskKind::Permission;
                let content = shown(&input);
                let (reason, over) = match self.rule(gate, &tool, reach, &writes) {
                    Ruling::Allow => {
                        let decision = Decision::Allow;
                        session.send(Command::Answer { request, decision });
                        return None;
                    }
                    Ruling::Ask => {
                        self.park(session, request, kind, tool, &content).await;
                        return None;
                    }
                    Ruling::Deny(reason) => (reason, None),
                    Ruling::End(reason, over) => (reason, Some(over)),
                };
                self.refuse(session, request, kind, &tool, &content, reason)
                    .await;
                over
            }
            Event::QuestionAsked { request, question } => {
                let kind = AskKind::Question;
                self.park(session, request, kind, String::new(), &question)
                    .await;
                None
            }
            Event::PermissionWithdrawn { request } => {
                self.withdrawn(&request).await;
                None
            }
            Event::TurnEnded {
                more_follows: false,
                ..
            } => self.finished(session).await,
            Event::TurnInterrupted {
                more_follows: false,
            } => Some(Outcome::Failed(Failure::new(
                FailureClass::Other,
                "the turn was broken off, and not by ostler",
            ))),
            Event::LimitReached { limit } => Some(Outcome::CutByProvider(limit)),
            Event::Failed(failure) => Some(Outcome::Failed(failure)),
            _ => None,
        }
    }

    /// The child is done, unless a message came in at the last moment: that starts another turn.
    async fn finished(&mut self, session: &mut Session) -> Option<Outcome> {
        let mut more = false;
        for order in self.last_orders().await {
            more |= matches!(order, Order::Steer(_));
            if let Some(outcome) = self.obey(session, order).await {
                return Some(outcome);
            }
        }
        (!more).then_some(Outcome::Finished)
    }

    /// Orders that have arrived, and messages that are written down but not passed on yet.
    async fn last_orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        while let Ok(order) = self.orders.try_recv() {
            orders.push(order);
        }
        let store = &self.bench.store;
        for steer in steers::waiting(store, &self.bench.owner)
            .await
            .unwrap_or_default()
        {
            if steer.agent == self.job.subject.agent
                && steers::take(store, &steer.id).await.unwrap_or(false)
            {
                orders.push(Order::Steer(steer));
            }
        }
        orders
    }

    /// Keeps the account and the log of an event.
    async fn account(&mut self, event: &Event) {
        let now_ms = self.bench.clock.now_ms();
        let own_steer = matches!(event, Event::SteerDelivered { id, .. } if id == WRAP_UP);
        if !own_steer {
            self.ledger.observe(event);
        }
        match event {
            // Every turn of a session begins with it; the log needs it once.
            Event::Started { session, .. } if self.started => {
                tracing::trace!(session, "another turn");
                return;
            }
            Event::Started { session, .. } => {
                self.started = true;
                self.bench
                    .journal
                    .warm(&self.job.subject, now_ms, session)
                    .await;
            }
            Event::Text { text } if !text.trim().is_empty() => self.last_text.clone_from(text),
            Event::Stepped => self.turn_ended = false,
            Event::TurnEnded { text, .. } => {
                self.turn_ended = true;
                if !text.trim().is_empty() {
                    // What answers only our own message must not replace the answer it had given.
                    let before = match std::mem::take(&mut self.answers_wrap_up) {
                        true if !self.final_text.is_empty() => {
                            format!("{}\n\n", self.final_text)
                        }
                        _ => String::new(),
                    };
                    self.final_text = before + text;
                }
            }
            Event::SteerDelivered { .. } if own_steer => self.answers_wrap_up = self.turn_ended,
            Event::SteerDelivered { id, .. } if !own_steer => {
                self.bench.journal.delivered(id, now_ms).await;
            }
            _ => {}
        }
        let flood =
            matches!(event, Event::Noise { .. }) && self.ledger.evidence.noise_lines > NOISE_LOGGED;
        if !flood {
            self.bench
                .journal
                .event(&self.job.subject, now_ms, event)
                .await;
        }
        let evidence = &self.ledger.evidence;
        let progress = Progress {
            turns: evidence.turns,
            tool_calls: evidence.tool_call_count(),
            last_tool: self.ledger.last_tool.clone(),
            usage: evidence.usage.clone(),
            // A noisy child is a live one, but a second is exact enough for those who watch.
            active_ms: now_ms - now_ms.rem_euclid(1000),
        };
        if progress != self.progress {
            self.progress = progress.clone();
            self.bench
                .journal
                .progress(&self.job.subject, now_ms, progress)
                .await;
        }
    }

    fn judge(&mut self, session: &mut Session, verdict: Verdict) -> Option<Outcome> {
        match verdict {
            Verdict::Within => None,
            Verdict::Exhausted(limit) => Some(Outcome::Cut(limit)),
            Verdict::WrapUp(limit) => {
                self.ledger.limit_hit(limit);
                let support = self.capabilities.map(|can| can.steer);
                let when = match support {
                    // Who cannot be told to wrap up has no use for the grace.
                    None | Some(SteerSupport::None) => return Some(Outcome::Cut(limit)),
                    // The end of the turn would be too late.
                    Some(SteerSupport::Restarts) => When::Now,
                    Some(SteerSupport::Injected | SteerSupport::Queued) => When::NextStep,
                };
                self.wrap_up_sent = true;
                session.send(Command::Steer {
                    id: WRAP_UP.to_owned(),
                    text: wrap_up_message(limit, self.job.plan.budget.grace_turns),
                    when,
                });
                None
            }
        }
    }

    async fn log(&self, kind: &'static str, body: serde_json::Value) {
        let now_ms = self.bench.clock.now_ms();
        self.bench
            .journal
            .log(&self.job.subject, now_ms, kind, body)
            .await;
    }
}

/// The arguments of a tool as a person reads them: a command alone is its own best description.
fn shown(input: &serde_json::Value) -> String {
    match input.get("command").and_then(serde_json::Value::as_str) {
        Some(command) => command.to_owned(),
        None => input.to_string(),
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

fn never_came_up(patience: Duration) -> String {
    let seconds = patience.as_secs();
    format!(
        "the program runs but did not come up within {seconds} s. Next: start it by hand in the \
         agent's directory and see what it waits for"
    )
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
    format!(
        "Your earlier conversation could not be recovered. This is what you were asked before, \
         oldest first; parts of it may be done already, so look before you repeat them:\n\n\
         {}\n\nThis is what you are asked now:\n\n{last}",
        earlier.join("\n\n")
    )
}
