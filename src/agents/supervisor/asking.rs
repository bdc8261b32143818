//! What the child asks for and somebody else decides: written down, waited for, and answered once.

use serde_json::json;
use tokio::time::{Duration, Instant};

use super::Run;
use crate::agents::record::asks::{self, Addressee, Ask, AskKind, AskState};
use crate::config::Ask as Asks;
use crate::ids::AskId;
use crate::providers::{Command, Decision, Session, clip};

/// Requests of one run that may wait at the same time.
pub(in crate::agents) const OPEN_AT_ONCE: usize = 16;
/// How much of what a request is about is kept.
pub(in crate::agents) const CONTENT_KEPT: usize = 4000;

/// Who is there to be asked.
#[derive(Debug, Clone)]
pub(in crate::agents) struct Asking {
    /// What the configuration says.
    pub(in crate::agents) ask: Asks,
    /// How long a request waits.
    pub(in crate::agents) patience: Duration,
    /// Whether anybody at all listens.
    pub(in crate::agents) someone: bool,
    /// Whether the person can be reached.
    pub(in crate::agents) person: bool,
}

/// Who answers for an agent: agents above it, or the host session (empty).
#[derive(Debug, Clone, Default)]
pub(in crate::agents) struct Deciders {
    /// The nearest that may do everything itself: nobody allows what is beyond its own permission.
    pub(in crate::agents) permission: String,
    /// Whoever spawned it.
    pub(in crate::agents) question: String,
}

/// A request that waits for its answer.
pub(super) struct Parked {
    ask: AskId,
    kind: AskKind,
    /// Its name in the protocol.
    request: String,
    tool: String,
    until: Instant,
}

impl Run {
    /// Lets a request wait for somebody's answer. Where nobody is there to answer, it is answered
    /// at once.
    pub(super) async fn park(
        &mut self,
        session: &mut Session,
        request: String,
        kind: AskKind,
        tool: String,
        content: &str,
    ) {
        let asking = &self.bench.asking;
        let decider = match kind {
            AskKind::Permission => self.job.deciders.permission.clone(),
            AskKind::Question => self.job.deciders.question.clone(),
        };
        let addressee = match asking.ask {
            Asks::Deny => None,
            _ if !asking.someone || self.parked.len() >= OPEN_AT_ONCE => None,
            // Only the outermost server knows whether the person can be reached.
            Asks::Person if decider.is_empty() && (asking.person || self.is_nested()) => {
                Some(Addressee::Person)
            }
            Asks::Person | Asks::Parent => Some(Addressee::Parent),
        };
        let Some(addressee) = addressee else {
            let reason = self.nobody(kind, &tool);
            return self
                .refuse(session, request, kind, &tool, content, reason)
                .await;
        };
        let patience = asking.patience;
        let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        let now_ms = self.bench.clock.now_ms();
        let ask = Ask {
            id: AskId::new(self.bench.ids.as_ref()),
            agent: self.job.subject.agent.clone(),
            run_no: self.job.subject.run_no,
            kind,
            tool: self.bench.store.redact(&tool),
            content: clip(&self.bench.store.redact(content), CONTENT_KEPT).to_owned(),
            addressee,
            state: AskState::Open,
            answer: String::new(),
            answered_by: String::new(),
            deadline_ms: now_ms.saturating_add(patience_ms),
            decider,
        };
        let written = asks::add(&self.bench.store, &ask, now_ms).await;
        if !matches!(written, Ok(true)) {
            let reason = match written {
                Ok(_) => "the run has been ended by somebody else".to_owned(),
                Err(error) => format!("the request could not be written down: {error}"),
            };
            return self
                .refuse(session, request, kind, &tool, content, reason)
                .await;
        }
        self.parked.push(Parked {
            ask: ask.id.clone(),
            kind,
            request,
            tool,
            until: Instant::now() + patience,
        });
        let body = json!({
            "request_id": ask.id, "kind": kind, "tool": ask.tool, "content": ask.content,
            "to": addressee,
        });
        self.log("asked", body).await;
    }

    fn nobody(&self, kind: AskKind, tool: &str) -> String {
        match kind {
            AskKind::Permission => self.uncovered(tool),
            AskKind::Question => "nobody is there to answer; decide yourself, and say in your \
                                  answer what you decided"
                .to_owned(),
        }
    }

    /// Refuses a request without asking anybody.
    pub(super) async fn refuse(
        &mut self,
        session: &mut Session,
        request: String,
        kind: AskKind,
        tool: &str,
        content: &str,
        reason: String,
    ) {
        if kind == AskKind::Permission {
            self.ledger.denied(tool, &reason);
            let input = clip(content, super::INPUT_LOGGED);
            let body = json!({ "tool": tool, "input": input, "why": reason });
            self.log("denied", body).await;
        }
        let decision = Decision::Deny(reason);
        session.send(Command::Answer { request, decision });
    }

    /// When the next request has waited long enough.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.parked.iter().map(|parked| parked.until).min()
    }

    /// Refuses what nobody has answered in time.
    pub(super) async fn expire(&mut self, session: &mut Session) {
        let now = Instant::now();
        let over: Vec<AskId> = self
            .parked
            .iter()
            .filter(|parked| parked.until <= now)
            .map(|parked| parked.ask.clone())
            .collect();
        for id in over {
            let seconds = self.bench.asking.patience.as_secs();
            let reason = format!("nobody answered within {seconds} s");
            let (store, now_ms) = (&self.bench.store, self.bench.clock.now_ms());
            let state = AskState::Expired;
            match asks::settle(store, &id, state, &reason, "deadline", now_ms).await {
                Ok(true) => {
                    self.conclude_ask(session, &id, state, reason, "deadline")
                        .await
                }
                Ok(false) => self.settled_before(session, &id).await,
                Err(error) => {
                    tracing::warn!(%error, "a request could not be settled; trying again");
                    self.give_time(&id);
                }
            }
        }
    }

    /// Somebody was faster. An answer is on its way here; a request that was closed without one, as
    /// one is whose deadline the clock of the machine has passed before ours, is refused here.
    async fn settled_before(&mut self, session: &mut Session, id: &AskId) {
        match asks::get(&self.bench.store, id).await {
            Ok(Some(ask)) if matches!(ask.state, AskState::Expired | AskState::Withdrawn) => {
                let reason = "nobody answered in time".to_owned();
                self.conclude_ask(session, id, ask.state, reason, "deadline")
                    .await;
            }
            _ => self.give_time(id),
        }
    }

    /// Whether the agent waits for an answer that it has asked for by a server of its own.
    pub(super) async fn asks_somebody(&self) -> bool {
        let subject = &self.job.subject;
        let open = asks::open(&self.bench.store, &subject.agent, subject.run_no).await;
        open.is_ok_and(|open| !open.is_empty())
    }

    fn give_time(&mut self, id: &AskId) {
        const AGAIN: Duration = Duration::from_secs(1);
        if let Some(parked) = self.parked.iter_mut().find(|parked| parked.ask == *id) {
            parked.until = Instant::now() + AGAIN;
        }
    }

    /// Passes on what somebody has answered.
    pub(super) async fn answered(&mut self, session: &mut Session, ask: Ask) {
        self.conclude_ask(session, &ask.id, ask.state, ask.answer, &ask.answered_by)
            .await;
    }

    async fn conclude_ask(
        &mut self,
        session: &mut Session,
        id: &AskId,
        state: AskState,
        text: String,
        by: &str,
    ) {
        let Some(at) = self.parked.iter().position(|parked| parked.ask == *id) else {
            return;
        };
        let parked = self.parked.remove(at);
        let body = json!({
            "request_id": id, "tool": parked.tool, "state": state, "by": by, "text": text,
        });
        self.log("answered", body).await;
        let decision = match state {
            AskState::Allowed => {
                self.ledger.allowed(&parked.tool, by);
                Decision::Allow
            }
            AskState::Replied => Decision::Reply(text),
            _ => {
                let reason = refusal(by, &text);
                if parked.kind == AskKind::Permission {
                    self.ledger.denied(&parked.tool, &reason);
                }
                Decision::Deny(reason)
            }
        };
        session.send(Command::Answer {
            request: parked.request,
            decision,
        });
    }

    /// The child no longer wants to know.
    pub(super) async fn withdrawn(&mut self, request: &str) {
        let Some(at) = self.parked.iter().position(|it| it.request == request) else {
            return;
        };
        let parked = self.parked.remove(at);
        self.withdraw(&parked.ask).await;
    }

    /// The session is over, and with it what it wanted to know.
    pub(super) async fn withdraw_all(&mut self) {
        for parked in std::mem::take(&mut self.parked) {
            self.withdraw(&parked.ask).await;
        }
    }

    async fn withdraw(&self, id: &AskId) {
        let (store, now_ms) = (&self.bench.store, self.bench.clock.now_ms());
        // The end of the run withdraws what is left open here.
        if let Err(error) = asks::settle(store, id, AskState::Withdrawn, "", "", now_ms).await {
            tracing::warn!(%error, "a request could not be withdrawn");
        }
    }
}

/// What the model is told of a refusal.
fn refusal(by: &str, text: &str) -> String {
    let start = match by {
        "deadline" => text.to_owned(),
        by if text.is_empty() => format!("refused by the {by}"),
        by => format!("refused by the {by}: {text}"),
    };
    format!("{start}; go on without it and say so in your answer")
}
