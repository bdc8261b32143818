//! The agents that work for a run: what they spend counts against it while they spend it, and they
//! end with it. They are run by the server that its own CLI has started, so they are told to stop
//! while that server is still there to do it well; what is left then goes with the process tree.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Job, Outcome, Run};
use crate::agents::record::family::{self, SpentBelow};
use crate::agents::record::read;
use crate::agents::recovery;
use crate::providers::{Command, Failure, FailureClass, Session, Usage};
use crate::store::{Listener, Store};

/// How long the agents of a run may take to end before its own processes are ended, and they with
/// them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The agents that work for a run.
pub(super) struct Family {
    below: SpentBelow,
    /// How many were at work when the last session was over.
    dismissed: u32,
    /// Only where there may be any.
    changes: Option<Listener>,
}

impl Family {
    pub(super) fn of(job: &Job, store: &Store) -> Self {
        Self {
            below: SpentBelow::default(),
            dismissed: 0,
            changes: job.may_spawn.then(|| store.changes().listen()),
        }
    }

    /// Waits until something may have happened to them. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        match &mut self.changes {
            Some(changes) => changes.changed().await,
            None => std::future::pending().await,
        }
    }

    /// Whether any of them has no end yet.
    pub(super) fn works(&self) -> bool {
        self.below.live > 0
    }

    /// What the next session has to be told of them; empty for nothing.
    pub(super) fn news(&self) -> String {
        let agents = match self.dismissed {
            0 => return String::new(),
            1 => "An agent that worked for you was".to_owned(),
            more => format!("{more} agents that worked for you were"),
        };
        format!(
            "\n\n[{agents} stopped with your last session: wait_agents brings what was done, \
             resume_agent goes on with it.]"
        )
    }

    fn is_possible(&self) -> bool {
        self.changes.is_some()
    }
}

impl Run {
    /// Whether it works for another agent.
    pub(super) fn is_nested(&self) -> bool {
        !self.job.deciders.question.is_empty()
    }

    /// Looks what its agents have spent; returns the end of the run if that was too much.
    pub(super) async fn count_family(&mut self, session: &mut Session) -> Option<Outcome> {
        let before = self.family.below;
        self.look_at_family().await;
        if self.family.below == before {
            return None;
        }
        let verdict = self.meter.used(&self.used_together());
        self.judge(session, verdict)
    }

    /// Its own usage and that of all its agents, as far as limits are concerned.
    pub(super) fn used_together(&self) -> Usage {
        let (mut used, below) = (self.ledger.evidence.usage.clone(), &self.family.below);
        used.input_tokens = used.input_tokens.saturating_add(below.tokens);
        if below.agents > 0 {
            used.cost_usd = Some(used.cost_usd.unwrap_or_default() + below.usd);
        }
        used
    }

    /// Has its agents stopped before its own session goes, and their servers with it.
    pub(super) async fn dismiss_family(&mut self, session: &mut Session, outcome: &Outcome) {
        if !self.family.is_possible() {
            return;
        }
        self.look_at_family().await;
        self.family.dismissed = self.family.below.live;
        if !self.family.works() {
            return;
        }
        let (store, key) = (&self.bench.store, &self.job.key);
        let (reason, now_ms) = (self.farewell(outcome), self.bench.clock.now_ms());
        if let Err(error) = family::ask_stop_below(store, key, &reason, now_ms).await {
            tracing::warn!(%error, key, "the agents of a run could not be told to stop");
        }
        // Who is to be stopped must not go on meanwhile.
        if !matches!(outcome, Outcome::Finished) && !self.is_at_rest(outcome) {
            session.send(Command::Interrupt);
        }
        let until = Instant::now() + PATIENCE;
        while self.family.works() {
            let changed = tokio::select! {
                // Hosts are impatient with a server that leaves.
                () = self.bench.closing.cancelled() => return,
                changed = timeout_at(until, self.family.changed()) => changed,
            };
            if changed.is_err() {
                return;
            }
            self.look_at_family().await;
        }
    }

    /// Gives those of its agents an end that went with its processes, and draws up their account.
    pub(super) async fn close_family(&mut self, outcome: &Outcome) {
        if !self.family.is_possible() {
            return;
        }
        let (store, key) = (&self.bench.store, &self.job.key);
        let (reason, scribe) = (self.farewell(outcome), self.bench.scribe());
        let buried = async {
            for line in read::live_below(store, key).await? {
                recovery::bury(&scribe, &line, &reason).await?;
            }
            Ok::<_, crate::store::StoreError>(())
        };
        // Whoever finds their owner dead does the same.
        if let Err(error) = buried.await {
            tracing::warn!(%error, key, "the agents of a run have no end yet");
        }
        self.look_at_family().await;
        self.ledger.evidence.nested = self.family.below.account();
    }

    async fn look_at_family(&mut self) {
        match family::spent_below(&self.bench.store, &self.job.key).await {
            Ok(below) => self.family.below = below,
            Err(error) => tracing::warn!(%error, "the spend of a run's agents cannot be read"),
        }
    }

    /// Why its agents end.
    fn farewell(&self, outcome: &Outcome) -> String {
        let agent = &self.job.subject.agent;
        if Run::is_turned_away(outcome) {
            return format!("the model service turned its parent {agent} away");
        }
        match outcome {
            Outcome::Finished | Outcome::Misfit(_) => format!("its parent {agent} has finished"),
            Outcome::Cut(limit) => {
                format!("its parent {agent} was cut off at the limit `{limit}`")
            }
            Outcome::CutByProvider(limit) => {
                format!("its parent {agent} was cut off at the limit `{limit}`")
            }
            Outcome::Stopped(reason) => format!("its parent {agent} was stopped: {reason}"),
            Outcome::Failed(failure) => {
                format!("its parent {agent} has failed: {}", failure.message)
            }
        }
    }

    /// The end of a nested run whose directory has become a link: its parent could lead it out of its
    /// own directory like that.
    pub(super) fn was_moved(&self) -> Option<Outcome> {
        let plan = &self.job.plan;
        if !self.is_nested() || plan.workspace.is_some() {
            return None;
        }
        let cwd = &plan.launch.cwd;
        let real = cwd.canonicalize().ok().filter(|real| real != cwd)?;
        let message = format!(
            "its working directory {} leads to {} now",
            cwd.display(),
            real.display()
        );
        Some(Outcome::Failed(Failure::new(FailureClass::Other, message)))
    }
}
