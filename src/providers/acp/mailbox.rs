//! Messages on their way to the model: what was written and is not answered, what is held back
//! until the agent can take it, and what has to be said again because the agent forgets what was
//! broken off. Nothing is lost or sent twice; a message counts as delivered when the model has
//! begun to work with it, or the turn that had it has ended well.

use crate::providers::{Arrival, Event, When};

/// A message that waits for its turn.
struct Held {
    id: String,
    text: String,
    when: When,
}

/// A prompt to be written now.
pub(super) struct Outgoing {
    /// One text block each.
    pub(super) texts: Vec<String>,
    /// What was said that is new to the agent, for the case that it has to be said again.
    fresh: Vec<String>,
    receipts: Vec<Receipt>,
}

struct Receipt {
    id: String,
    how: Arrival,
}

/// A prompt that was written and not answered.
struct Sent {
    request: u64,
    receipts: Vec<Receipt>,
    /// The model has seen it when that many steps have begun.
    due: u64,
}

/// Why the running turn is being broken off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaking {
    /// For a message that cannot wait.
    ForMessage,
    /// To end it.
    ToEnd,
}

/// How a prompt was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Ended,
    Cancelled,
}

pub(super) struct Mailbox {
    joins: bool,
    forgets: bool,
    held: Vec<Held>,
    sent: Vec<Sent>,
    /// What was asked since the last turn that ended well.
    asked: Vec<String>,
    /// Receipts of messages that reached the agent with a turn that was broken off.
    carried: Vec<String>,
    breaking: Option<Breaking>,
    /// A turn was broken off and its successor was not written yet.
    was_broken: bool,
    steps: u64,
}

impl Mailbox {
    pub(super) fn new(joins: bool, forgets: bool) -> Self {
        Self {
            joins,
            forgets,
            held: Vec::new(),
            sent: Vec::new(),
            asked: Vec::new(),
            carried: Vec::new(),
            breaking: None,
            was_broken: false,
            steps: 0,
        }
    }

    /// Whether a prompt waits for its answer.
    pub(super) fn is_running(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Whether the running turn is being broken off.
    pub(super) fn breaking(&self) -> Option<Breaking> {
        self.breaking
    }

    /// Whether something is held that starts another turn.
    pub(super) fn has_more(&self) -> bool {
        self.is_running() || !self.held.is_empty()
    }

    pub(super) fn hold(&mut self, id: String, text: String, when: When) {
        self.held.push(Held { id, text, when });
    }

    /// Whether what is held has to break off the running turn.
    pub(super) fn wants_break(&self) -> bool {
        let urgent = self.held.iter().any(|held| held.when == When::Now);
        urgent && self.is_running() && self.breaking.is_none()
    }

    /// The running turn was told to stop.
    pub(super) fn break_off(&mut self, why: Breaking) {
        if why == Breaking::ToEnd {
            self.held.clear();
        }
        if self.is_running() {
            self.breaking = Some(why);
        }
    }

    /// The prompt of the run.
    pub(super) fn first(text: String) -> Outgoing {
        Outgoing {
            texts: vec![text.clone()],
            fresh: vec![text],
            receipts: Vec::new(),
        }
    }

    /// What may be written now.
    pub(super) fn next(&mut self) -> Option<Outgoing> {
        if self.breaking.is_some() || (self.is_running() && !self.joins) {
            return None;
        }
        let running = self.is_running();
        let broken = self.was_broken && !running;
        let taken = |held: &mut Held| match held.when {
            When::Now | When::NextStep => true,
            When::AfterTurn => !running && !broken,
        };
        let held: Vec<Held> = self.held.extract_if(.., taken).collect();
        if held.is_empty() {
            return None;
        }
        let restates = broken && self.forgets;
        let how = match (running, restates) {
            (true, _) => Arrival::SameTurn,
            (false, true) => Arrival::Restarted,
            (false, false) => Arrival::NewTurn,
        };
        let fresh: Vec<String> = held.iter().map(|held| held.text.clone()).collect();
        let texts = if restates && !self.asked.is_empty() {
            vec![restated(&self.asked, &fresh)]
        } else {
            fresh.clone()
        };
        let carried = std::mem::take(&mut self.carried).into_iter();
        let ids = carried.chain(held.into_iter().map(|held| held.id));
        Some(Outgoing {
            texts,
            fresh,
            receipts: ids.map(|id| Receipt { id, how }).collect(),
        })
    }

    /// A prompt was written. `awaits_model`: the model works on a request that was made before, and
    /// has not said anything yet, so its next step does not know of this prompt.
    pub(super) fn wrote(&mut self, request: u64, outgoing: Outgoing, awaits_model: bool) {
        let late = self.is_running() && awaits_model;
        self.asked.extend(outgoing.fresh);
        self.was_broken = false;
        self.sent.push(Sent {
            request,
            receipts: outgoing.receipts,
            due: self.steps + if late { 2 } else { 1 },
        });
    }

    /// A model step has begun.
    pub(super) fn stepped(&mut self) -> Vec<Event> {
        self.steps += 1;
        let steps = self.steps;
        let seen = self.sent.iter_mut().filter(|sent| sent.due <= steps);
        seen.flat_map(|sent| std::mem::take(&mut sent.receipts))
            .map(Receipt::delivered)
            .collect()
    }

    /// A prompt was answered; `None` when it was none of ours.
    pub(super) fn answered(&mut self, request: u64, how: Answered) -> Option<Vec<Event>> {
        let at = self.sent.iter().position(|sent| sent.request == request)?;
        let receipts = self.sent.remove(at).receipts;
        let mut delivered = Vec::new();
        match (how, self.breaking) {
            (Answered::Ended, _) => {
                delivered = receipts.into_iter().map(Receipt::delivered).collect();
                if self.sent.is_empty() {
                    self.asked.clear();
                }
            }
            (Answered::Cancelled, Some(Breaking::ForMessage)) => {
                self.was_broken = true;
                self.carried
                    .extend(receipts.into_iter().map(|receipt| receipt.id));
            }
            (Answered::Cancelled, _) => {}
        }
        if self.sent.is_empty() {
            self.breaking = None;
        }
        Some(delivered)
    }
}

impl Receipt {
    fn delivered(self) -> Event {
        Event::SteerDelivered {
            id: self.id,
            how: self.how,
        }
    }
}

/// One prompt that says again what was broken off, and what is new.
fn restated(asked: &[String], fresh: &[String]) -> String {
    format!(
        "You were broken off. This is what you were working on, oldest first; parts of it may be \
         done already, so look before you repeat them:\n\n{}\n\nThis is the message for which you \
         were broken off:\n\n{}",
        asked.join("\n\n"),
        fresh.join("\n\n")
    )
}
