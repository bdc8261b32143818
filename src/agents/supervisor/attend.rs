//! A live session: orders, events, deadlines, and what follows from each.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::permission::Ruling;
use super::{CREW_GONE, Order, Outcome, Run, deadline};
use crate::agents::budget::{Verdict, wrap_up_message};
use crate::agents::record::asks::AskKind;
use crate::agents::record::{Steer, steers};
use crate::config::Limit;
use crate::providers::{
    Command, Decision, Event, Failure, FailureClass, Session, SteerSupport, When,
};

impl Run {
    /// Attends a session until something ends it.
    pub(super) async fn attend(&mut self, session: &mut Session) -> Outcome {
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
                () = self.bench.closing.cancelled() => {
                    Some(Outcome::Stopped(self.bench.parting.clone()))
                }
                order = self.orders.recv() => match order {
                    Some(order) => {
                        active = Instant::now();
                        self.obey(session, order).await
                    }
                    None => Some(Outcome::Stopped(CREW_GONE.to_owned())),
                },
                () = self.family.changed() => self.count_family(session).await,
                event = session.next() => {
                    active = Instant::now();
                    match event {
                        Some(event) => self.handle(session, event).await,
                        // A message of the last moment came too late; what it had finished counts.
                        None if self.turn_ended => Some(match self.has_result().await {
                            Ok(()) => Outcome::Finished,
                            Err(misfits) => Outcome::Misfit(misfits),
                        }),
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
                    let silent = silent_until <= Instant::now();
                    // Who has agents at work waits for them; each has an idle limit of its own.
                    if silent && (self.family.works() || self.asks_somebody().await) {
                        active = Instant::now();
                        None
                    } else {
                        silent.then_some(Outcome::Cut("idle_s"))
                    }
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

    pub(super) async fn steer(&mut self, session: &mut Session, steer: Steer) {
        self.thread.sends(&steer);
        let body = json!({ "id": steer.id, "message": steer.message });
        session.send(Command::Steer {
            id: steer.id.to_string(),
            text: steer.message,
            when: steer.when,
        });
        self.log("steer", body).await;
    }

    async fn handle(&mut self, session: &mut Session, event: Event) -> Option<Outcome> {
        let event = self.of_run(event);
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
            Event::Usage(_) => {
                let verdict = self.meter.used(&self.used_together());
                self.judge(session, verdict)
            }
            Event::PermissionAsked {
                request,
                gate,
                tool,
                input,
                reach,
                files,
                ..
            } => {
                let kind = AskKind::Permission;
                let content = shown(&input);
                let (reason, over) = match self.rule(gate, &tool, reach, &files) {
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
        if more {
            return None;
        }
        match self.has_result().await {
            Ok(()) => Some(Outcome::Finished),
            Err(misfits) if self.ask_again(session, &misfits).await => None,
            Err(misfits) => Some(Outcome::Misfit(misfits)),
        }
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

    pub(super) fn judge(&mut self, session: &mut Session, verdict: Verdict) -> Option<Outcome> {
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
                let text =
                    wrap_up_message(limit, self.job.plan.budget.grace_turns) + self.wrap_up_terms();
                session.send(self.thread.wraps_up(text, when));
                None
            }
        }
    }
}

/// The arguments of a tool as a person reads them: a command alone is its own best description.
fn shown(input: &serde_json::Value) -> String {
    match input.get("command").and_then(serde_json::Value::as_str) {
        Some(command) => command.to_owned(),
        None => input.to_string(),
    }
}

fn never_came_up(patience: Duration) -> String {
    let seconds = patience.as_secs();
    format!(
        "the program runs but did not come up within {seconds} s. Next: start it by hand in the \
         agent's directory and see what it waits for"
    )
}
