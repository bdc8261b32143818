//! The one task that acts on the store for this process: it starts queued runs whose turn has come
//! and passes stops and messages on, whichever process they came from.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::family;
use crate::agents::journal::Subject;
use crate::agents::lifecycle::{AgentState, Lifecycle, Status};
use crate::agents::limiter;
use crate::agents::record::{Ending, Line, TransitionError, asks, read, steers, write};
use crate::agents::supervisor::{Asking, Bench, Job, Order, supervise};
use crate::providers::tree;
use crate::store::Listener;

/// How often to look whether the guard is there, and whether a dead process holds a slot that runs
/// wait for.
const LOOK_FOR_DEAD: Duration = Duration::from_secs(1);
/// How long after its deadline a request is closed by somebody else than who waits for the answer.
const OVERDUE_MS: i64 = 3_000;
/// After a failure of the store.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What a look at the store has left to wait for.
struct Outlook {
    live: usize,
    /// Runs that wait for a place.
    waiting: usize,
}

impl Crew {
    /// Runs until the crew closes.
    pub(super) async fn dispatch(self: Arc<Self>) {
        let closing = self.closing.clone();
        // Other processes are watched only while something of ours lives.
        let mut changes: Option<Listener> = None;
        // Not anew with each change: a busy agent would keep it from ever coming.
        let mut tick = interval(LOOK_FOR_DEAD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let outlook = match self.look().await {
                Ok(outlook) => outlook,
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be looked at; trying again");
                    tokio::select! {
                        () = closing.cancelled() => return,
                        () = sleep(TRY_AGAIN) => continue,
                    }
                }
            };
            match outlook.live {
                0 => changes = None,
                _ => {
                    changes.get_or_insert_with(|| self.store.changes().listen());
                }
            }
            let changed = async {
                match &mut changes {
                    Some(changes) => changes.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = closing.cancelled() => return,
                () = self.nudge.notified() => {}
                () = changed => {}
                _ = tick.tick(), if outlook.live > 0 => self.look_after(&outlook).await,
            }
        }
    }

    /// What has to be seen to while agents live and nothing happens.
    async fn look_after(&self, outlook: &Outlook) {
        // Of agents whose own server died over a question; the others look after theirs.
        let overdue_ms = self.clock.now_ms() - OVERDUE_MS;
        if let Err(error) = asks::expire(&self.store, self.owner(), overdue_ms).await {
            tracing::warn!(%error, "overdue requests could not be closed");
        }
        if let Err(error) = self.keep_guarded() {
            tracing::error!(%error, "the guard is gone and cannot be started again");
        }
        if outlook.waiting > 0
            && let Err(error) = self.reconcile().await
        {
            tracing::warn!(%error, "dead processes could not be looked for");
        }
    }

    async fn look(self: &Arc<Self>) -> Result<Outlook, AgentError> {
        let lines = read::of_owner(&self.store, self.owner()).await?;
        if lines.is_empty() {
            return Ok(Outlook {
                live: 0,
                waiting: 0,
            });
        }
        for (agent, _, reason) in read::stops(&self.store, self.owner()).await? {
            let is_queued = |line: &&Line| line.id == agent && line.status == Status::Queued;
            match lines.iter().find(is_queued) {
                // It was asked for over the head of the parent, and nobody attends to it yet.
                Some(_) => self.ask_stop(&agent, &reason).await?,
                None => self.order(&agent, || Order::Stop(reason)),
            }
        }
        // Who backs off wants its place again.
        let mut waiting = lines
            .iter()
            .filter(|l| l.progress.backoff.is_some())
            .count();
        let mut held_back: Vec<&str> = Vec::new();
        for line in lines.iter().filter(|line| line.status == Status::Queued) {
            // Behind one that has to wait, all of its provider have to wait.
            let provider = line.plan.launch.provider.as_str();
            if held_back.contains(&provider) {
                waiting += 1;
            } else if !self.admit(line).await? {
                waiting += 1;
                held_back.push(provider);
            }
        }
        for steer in steers::waiting(&self.store, self.owner()).await? {
            if steers::take(&self.store, &steer.id).await? {
                let agent = steer.agent.clone();
                self.order(&agent, || Order::Steer(steer));
            }
        }
        for ask in asks::answered(&self.store, self.owner()).await? {
            if asks::take(&self.store, &ask.id).await? {
                let agent = ask.agent.clone();
                self.order(&agent, || Order::Answer(ask));
            }
        }
        Ok(Outlook {
            live: lines.len(),
            waiting,
        })
    }

    fn order(&self, agent: &crate::ids::AgentId, order: impl FnOnce() -> Order) {
        let supervisors = self
            .supervisors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = supervisors.get(agent) {
            // A supervisor that has just ended needs no orders.
            let _ = orders.send(order());
        }
    }

    /// Starts a queued run if it may. `false`: it has to wait.
    async fn admit(self: &Arc<Self>, line: &Line) -> Result<bool, AgentError> {
        let texts = read::texts(&self.store, &line.id, line.run_no).await?;
        let now_ms = self.clock.now_ms();
        let started = limiter::admit(&self.store, line, &self.config.agents, now_ms).await;
        let state = match started {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(false),
            // Stopped a moment ago.
            Err(TransitionError::Lost | TransitionError::Illegal(_)) => return Ok(true),
            Err(TransitionError::Store(error)) => return Err(error.into()),
        };
        let deciders = self.deciders(line).await?;
        let bench = Arc::new(Bench {
            store: Arc::clone(&self.store),
            journal: Arc::clone(&self.journal),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            owner: self.owner().clone(),
            lineage: self.host.lineage.child(self.owner(), &line.id),
            project: self.project.clone(),
            workspaces: self.config.workspaces.clone(),
            env_allow: self.config.agents.env_allow.clone(),
            child_server: self.child_server.clone(),
            start_patience: Duration::from_secs(u64::from(self.config.agents.start_timeout_s)),
            asking: Asking {
                ask: self.config.agents.ask,
                patience: Duration::from_secs(u64::from(self.config.agents.ask_timeout_s)),
                someone: self.host.answers,
                person: self.person.load(Ordering::Relaxed),
            },
            max_concurrent: self.config.agents.max_concurrent,
            max_retries: self.config.agents.max_retries,
            ostler: self.program.clone(),
            closing: self.closing.clone(),
            parting: self.parting(),
        });
        let job = Job {
            subject: Subject {
                agent: line.id.clone(),
                run_no: line.run_no,
            },
            label: line.label.clone(),
            state,
            plan: line.plan.clone(),
            key: line.key(),
            deciders,
            may_spawn: family::may_spawn(line),
            prompt: texts.prompt,
            provider: self
                .config
                .providers
                .get(&line.plan.launch.provider)
                .cloned(),
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        self.supervisors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(line.id.clone(), orders.clone());
        let crew = Arc::clone(self);
        let subject = job.subject.clone();
        self.tasks.spawn(async move {
            let supervised = AssertUnwindSafe(supervise(bench, job, inbox))
                .catch_unwind()
                .await;
            if supervised.is_err() {
                crew.bury(&subject, state).await;
            }
            // The end is written already: the agent may have been resumed meanwhile.
            crew.supervisors
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|_, others| !others.same_channel(&orders));
            crew.nudge.notify_one();
        });
        Ok(true)
    }

    /// Gives a run whose supervisor broke the end that it could not give it.
    async fn bury(&self, subject: &Subject, state: AgentState) {
        tracing::error!(agent = %subject.agent, "a supervisor panicked");
        let id = subject.agent.to_string();
        let _ = tokio::task::spawn_blocking(move || tree::kill_all(&id, &[])).await;
        let ending = Ending {
            reason: "internal".to_owned(),
            detail: "ostler failed while it looked after this agent; its log on stderr says more"
                .to_owned(),
            result_from: "none",
            ..Ending::default()
        };
        let (agent, event) = (&subject.agent, Lifecycle::Fail);
        let ended = write::end(&self.scribe(), agent, state, event, ending).await;
        if let Err(error) = ended {
            tracing::error!(%error, agent = %subject.agent, "its run stays without an end");
        }
    }
}
