//! A run that the model service turns away: it slows its provider down, waits without a session,
//! takes a place again and goes on with the same conversation. Also what a session that goes on
//! needs of the one before: messages that did not arrive, and what was used up.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{Outcome, Run, WRAP_UP, deadline};
use crate::agents::limiter::{self, pace};
use crate::agents::record::{Backoff, Steer};
use crate::providers::{
    Command, Conversation, Event, Failure, FailureClass, ResumeSupport, Session, Usage, When,
};
use crate::store::StoreError;

/// The first words to a conversation that goes on.
const GO_ON: &str = "Go on with your task: the model service was overloaded for a while.";
/// The smallest ceiling that a provider is given.
const LEAST_USD: f64 = 0.01;
/// While the store does not say how long to rest.
const REST_UNKNOWN: Duration = Duration::from_secs(5);
/// Between two looks whether there is a place again, or the pace has changed.
const LOOK: Duration = Duration::from_millis(250);
/// Between two signs to the provider's pace that the service answers.
const ANSWERS_TOLD: Duration = Duration::from_secs(5);

/// What a run keeps over its sessions.
#[derive(Default)]
pub(super) struct Thread {
    /// What the next session is told first, if not the prompt of the run.
    pub(super) opening: Option<String>,
    /// The provider's own session, and when its process began, once it is up.
    pub(super) session: Option<(String, i64)>,
    /// Messages that were handed to the session and have not arrived.
    sent: Vec<Steer>,
    /// Messages that have arrived.
    told: Vec<String>,
    wrap_up: Option<WrapUp>,
    /// What earlier sessions of the run used up.
    spent: Usage,
    /// How often it was turned away since the service last answered it.
    attempts: u32,
    answered: Option<Instant>,
}

/// Our own message that asks for the end.
struct WrapUp {
    text: String,
    when: When,
    arrived: bool,
}

impl WrapUp {
    fn command(&self) -> Command {
        Command::Steer {
            id: WRAP_UP.to_owned(),
            text: self.text.clone(),
            when: self.when,
        }
    }
}

impl Thread {
    /// A message goes to the session.
    pub(super) fn sends(&mut self, steer: &Steer) {
        self.sent.push(steer.clone());
    }

    /// Our own message goes to the session.
    pub(super) fn wraps_up(&mut self, text: String, when: When) -> Command {
        let arrived = false;
        let wrap_up = WrapUp {
            text,
            when,
            arrived,
        };
        self.wrap_up.insert(wrap_up).command()
    }

    fn arrived(&mut self, id: &str) {
        if let Some(wrap_up) = self.wrap_up.as_mut().filter(|_| id == WRAP_UP) {
            wrap_up.arrived = true;
        }
        if let Some(at) = self.sent.iter().position(|steer| steer.id.as_str() == id) {
            self.told.push(self.sent.remove(at).message);
        }
    }

    /// What was told to a session whose memory is lost, behind the prompt for the next.
    fn retold(&self, prompt: &str) -> String {
        match self.told.as_slice() {
            [] => prompt.to_owned(),
            told => format!(
                "{prompt}\n\nWhile you worked on it before, you were told:\n\n{}",
                told.join("\n\n")
            ),
        }
    }
}

/// Whether waiting helps.
fn is_pressure(class: FailureClass) -> bool {
    matches!(class, FailureClass::RateLimited | FailureClass::Overloaded)
}

impl Run {
    /// Whether the run may wait for the service and go on after such an end of its session.
    pub(super) fn is_turned_away(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed(failure) if is_pressure(failure.class))
    }

    /// Whether the session has nothing left to take up by itself, and may just leave.
    pub(super) fn is_at_rest(&self, outcome: &Outcome) -> bool {
        let wraps_up = self.thread.wrap_up.as_ref().is_some_and(|w| !w.arrived);
        Self::is_turned_away(outcome) && self.thread.sent.is_empty() && !wraps_up
    }

    /// `event` as one of the whole run: sessions count from nothing.
    pub(super) fn of_run(&self, event: Event) -> Event {
        match event {
            Event::Usage(usage) => Event::Usage(sum(&self.thread.spent, usage)),
            event => event,
        }
    }

    /// Keeps what the next session would have to know, and the pace of the provider.
    pub(super) async fn follow(&mut self, event: &Event) {
        match event {
            Event::Started { session, .. } => {
                let begun_ms = match &self.thread.session {
                    Some((known, begun_ms)) if known == session => *begun_ms,
                    _ => self.bench.clock.now_ms(),
                };
                self.thread.session = Some((session.clone(), begun_ms));
            }
            Event::SteerDelivered { id, .. } => self.thread.arrived(id),
            Event::Retrying {
                class: Some(class), ..
            } if is_pressure(*class) => {
                self.slow_down(None).await;
            }
            // At once: others must not start while this session is being ended.
            Event::Failed(failure) if is_pressure(failure.class) => {
                self.slow_down(failure.retry_after_s).await;
            }
            // Not any text: some agents tell a refusal as if the model had said it.
            Event::ToolStarted { .. } | Event::TurnEnded { .. } => {
                self.service_answers().await;
            }
            _ => {}
        }
    }

    async fn service_answers(&mut self) {
        // What begins anew each time comes no further by it.
        if self.can_resume() {
            self.thread.attempts = 0;
        }
        let told = self.thread.answered;
        if told.is_some_and(|told| told.elapsed() < ANSWERS_TOLD) {
            return;
        }
        self.thread.answered = Some(Instant::now());
        let now_ms = self.bench.clock.now_ms();
        let provider = &self.job.plan.launch.provider;
        if let Err(error) = pace::answered(&self.bench.store, provider, now_ms).await {
            tracing::warn!(%error, provider, "the pace of the provider cannot be changed");
        }
    }

    async fn slow_down(&self, retry_after_s: Option<u32>) {
        let now_ms = self.bench.clock.now_ms();
        let provider = &self.job.plan.launch.provider;
        let slowed = pace::slow_down(&self.bench.store, provider, retry_after_s, now_ms).await;
        if let Err(error) = slowed {
            tracing::warn!(%error, provider, "the provider cannot be slowed down");
        }
    }

    /// How long the provider rests.
    async fn rest(&self) -> Duration {
        let now_ms = self.bench.clock.now_ms();
        let provider = &self.job.plan.launch.provider;
        match pace::get(&self.bench.store, provider).await {
            Ok(pace) => pace.map_or(Duration::ZERO, |pace| pace.rest(now_ms)),
            Err(_) => REST_UNKNOWN,
        }
    }

    /// The service has turned the run away. Waits until it may go on, with everything prepared for
    /// its next session; returns the end of the run if it is not to go on.
    pub(super) async fn back_off(&mut self, outcome: Outcome) -> Option<Outcome> {
        let Outcome::Failed(mut failure) = outcome else {
            return Some(outcome);
        };
        let rest = self.rest().await;
        self.thread.attempts += 1;
        let (attempt, of) = (self.thread.attempts, self.bench.max_retries);
        if let Some(why) = self.pointless(&failure, rest) {
            failure.message = with_next_step(&failure.message, &why);
            return Some(Outcome::Failed(failure));
        }
        self.ledger.evidence.backoffs += 1;
        let body = json!({
            "class": failure.class, "message": failure.message, "wait_s": rest.as_millis().div_ceil(1000),
            "attempt": attempt, "of": of,
        });
        self.log("backoff", body).await;
        tracing::info!(agent = %self.job.subject.agent, attempt, ?rest, "turned away; waits");
        self.prepare_to_go_on();
        let over = self.wait_for_place(attempt, of).await;
        self.show_backoff(None).await;
        over
    }

    /// Why it makes no sense to wait, if so.
    fn pointless(&self, failure: &Failure, rest: Duration) -> Option<String> {
        let asked = failure
            .retry_after_s
            .map(|s| Duration::from_secs(u64::from(s)));
        let timeout = deadline(self.began, self.job.plan.budget.timeout_s);
        if self.thread.attempts > self.bench.max_retries {
            return Some(match self.bench.max_retries {
                0 => String::new(),
                tries => format!("Tried again {tries} times in vain"),
            });
        }
        if let Some(asked) = asked.filter(|asked| *asked > pace::LONGEST_WAIT) {
            let seconds = asked.as_secs();
            return Some(format!("The service asks for {seconds} s of rest"));
        }
        if Instant::now() + rest >= timeout {
            let seconds = rest.as_secs_f64().ceil();
            return Some(format!(
                "The service needs {seconds} s of rest, and `timeout_s` leaves less"
            ));
        }
        None
    }

    fn can_resume(&self) -> bool {
        self.capabilities
            .is_some_and(|can| can.resume != ResumeSupport::Restarts)
    }

    /// Which conversation the next session carries on, and what it is told first.
    fn prepare_to_go_on(&mut self) {
        let session = self.bench.ids.uuid();
        let can_resume = self.can_resume();
        let launch = &mut self.job.plan.launch;
        match self.thread.session.take() {
            Some((from, begun_ms)) if can_resume => {
                launch.conversation = Conversation::Continued {
                    from,
                    session,
                    begun_ms,
                };
                self.thread.opening = Some(GO_ON.to_owned() + &self.family.news());
            }
            Some(_) => {
                launch.conversation = Conversation::Fresh { session };
                self.begin_anew();
            }
            // Nobody has heard the opening yet.
            None => match &mut launch.conversation {
                Conversation::Fresh { session: id }
                | Conversation::Continued { session: id, .. } => *id = session,
            },
        }
        self.carry_over();
    }

    /// The next session knows nothing of what was told to those before.
    pub(super) fn begin_anew(&mut self) {
        self.thread.session = None;
        self.thread.opening = Some(self.thread.retold(&self.job.prompt) + &self.family.news());
        if let Some(wrap_up) = &mut self.thread.wrap_up {
            wrap_up.arrived = false;
        }
        self.carry_over();
    }

    /// What did not arrive is sent again, once, and counting starts anew.
    fn carry_over(&mut self) {
        let mut again = std::mem::take(&mut self.thread.sent);
        again.append(&mut self.early);
        self.early = again;
        self.thread.spent = self.ledger.evidence.usage.clone();
        if let (Some(most), Some(spent)) = (
            self.job.plan.budget.max_cost_usd.bound(),
            self.thread.spent.cost_usd,
        ) {
            // What is used up whole has ended the run before.
            self.job.plan.launch.max_cost_usd = Some((most - spent).max(LEAST_USD));
        }
        self.started = false;
        self.turn_ended = false;
        self.answers_wrap_up = false;
    }

    /// Hands over what the session before did not take.
    pub(super) async fn hand_over(&mut self, session: &mut Session) {
        if let Some(wrap_up) = self.thread.wrap_up.as_ref().filter(|w| !w.arrived) {
            session.send(wrap_up.command());
        }
        for steer in std::mem::take(&mut self.early) {
            self.steer(session, steer).await;
        }
    }

    /// Waits for the pace of the provider, and then for a place.
    async fn wait_for_place(&mut self, attempt: u32, of: u32) -> Option<Outcome> {
        let mut waited = false;
        loop {
            let now_ms = self.bench.clock.now_ms();
            let rest = self.rest().await;
            if !rest.is_zero() || !waited {
                // A new wait, or one that others made longer.
                let wait = rest + jitter(rest, self.bench.ids.number());
                let until = Instant::now() + wait;
                let until = self
                    .ready_to_continue()
                    .map_or(until, |ready| ready.max(until));
                let until_ms = now_ms + whole_millis(until - Instant::now());
                waited = true;
                let run = &self.job.subject;
                let stepped = limiter::step_back(&self.bench.store, run, until_ms, now_ms).await;
                self.trouble(stepped);
                self.show_backoff(Some(Backoff {
                    until_ms,
                    attempt,
                    of,
                }))
                .await;
                if let Some(over) = self.pause(until).await {
                    return Some(over);
                }
                continue;
            }
            let (run, most) = (&self.job.subject, self.bench.max_concurrent);
            match limiter::go_on(&self.bench.store, run, most, now_ms).await {
                Ok(true) => return None,
                Ok(false) => {}
                failed => self.trouble(failed.map(|_| ())),
            }
            if let Some(over) = self.pause(Instant::now() + LOOK).await {
                return Some(over);
            }
        }
    }

    fn trouble(&self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            let agent = &self.job.subject.agent;
            tracing::warn!(%error, %agent, "a waiting run cannot be written down");
        }
    }

    async fn show_backoff(&mut self, backoff: Option<Backoff>) {
        self.progress.backoff = backoff;
        let (progress, now_ms) = (self.progress.clone(), self.bench.clock.now_ms());
        let subject = &self.job.subject;
        self.bench.journal.progress(subject, now_ms, progress).await;
    }
}

/// `message` with why it is the last word, and what to do unless it says so itself.
fn with_next_step(message: &str, why: &str) -> String {
    let mut sentences = vec![message.trim_end_matches('.').to_owned()];
    if !why.is_empty() {
        sentences.push(why.to_owned());
    }
    if !message.contains("Next: ") {
        sentences.push("Next: resume_agent carries it on later".to_owned());
    }
    format!("{}.", sentences.join(". "))
}

/// Up to half of `wait` more, so that not all come back at the same moment.
fn jitter(wait: Duration, number: u64) -> Duration {
    /// The low bits of a random number are what is random in it.
    const STEPS: u32 = 1 << 16;
    let part = u32::try_from(number % u64::from(STEPS)).unwrap_or(0);
    wait / 2 * part / STEPS
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What all sessions of a run have used up, when earlier ones used `spent` and this one `usage`.
fn sum(spent: &Usage, usage: Usage) -> Usage {
    let cost_usd = match (spent.cost_usd, usage.cost_usd) {
        (None, None) => None,
        (before, now) => Some(before.unwrap_or(0.0) + now.unwrap_or(0.0)),
    };
    Usage {
        input_tokens: spent.input_tokens.saturating_add(usage.input_tokens),
        output_tokens: spent.output_tokens.saturating_add(usage.output_tokens),
        cache_read_tokens: spent
            .cache_read_tokens
            .saturating_add(usage.cache_read_tokens),
        cache_write_tokens: spent
            .cache_write_tokens
            .saturating_add(usage.cache_write_tokens),
        cost_usd,
        ..usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_spreads_over_half_of_the_wait() {
        let wait = Duration::from_secs(10);
        for (number, most_ms) in [(0, 0), (1 << 15, 2_500), (u64::MAX, 5_000)] {
            let late = jitter(wait, number);
            assert!(
                late <= Duration::from_millis(most_ms)
                    && late + Duration::from_millis(1) >= Duration::from_millis(most_ms),
                "{number}: {late:?}"
            );
        }
        assert_eq!(jitter(Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn what_sessions_used_is_added_up_and_an_unknown_cost_stays_unknown() {
        let usage = |output_tokens, cost_usd| Usage {
            output_tokens,
            cost_usd,
            ..Usage::default()
        };
        for (spent, used, expected) in [
            (None, None, None),
            (Some(0.5), None, Some(0.5)),
            (None, Some(0.25), Some(0.25)),
            (Some(0.5), Some(0.25), Some(0.75)),
        ] {
            assert_eq!(sum(&usage(3, spent), usage(4, used)), usage(7, expected));
        }
    }

    #[test]
    fn the_last_word_says_what_to_do_next_once() {
        assert_eq!(
            with_next_step("slow down", "Tried again"),
            "slow down. Tried again. Next: resume_agent carries it on later."
        );
        assert_eq!(with_next_step("Slow. Next: wait.", ""), "Slow. Next: wait.");
    }
}
