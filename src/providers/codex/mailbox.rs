//! Messages on their way to the model: which wait for what, which were sent, and which have arrived.

use std::collections::VecDeque;

use crate::providers::{Arrival, When};

/// A message for the model.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    /// The receipt id; `None` for the prompt.
    pub(super) steer: Option<String>,
    pub(super) when: When,
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: VecDeque<Message>,
    underway: Vec<Letter>,
    letters: u32,
}

/// Messages that were sent together.
#[derive(Debug)]
struct Letter {
    /// The id under which the CLI tells of its arrival.
    client: String,
    messages: Vec<Message>,
    starts_turn: bool,
}

impl Mailbox {
    pub(super) fn put(&mut self, message: Message) {
        self.waiting.push_back(message);
    }

    /// Whether anything has not arrived yet.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.underway.is_empty()
    }

    /// What the next turn begins with: the prompt alone, else all that waits.
    pub(super) fn for_turn(&mut self) -> Option<(String, Vec<&str>)> {
        let count = match self.waiting.front()?.steer {
            None => 1,
            Some(_) => self.waiting.len(),
        };
        let messages = self.waiting.drain(..count).collect();
        Some(self.send(messages, true))
    }

    /// The next message that may go into the running turn; `tool_runs` tells whether the model waits
    /// for a tool, so that nothing it writes is cut off.
    pub(super) fn for_step(&mut self, tool_runs: bool) -> Option<(String, Vec<&str>)> {
        let at = self.waiting.iter().position(|message| match message.when {
            When::Now => true,
            When::NextStep => tool_runs,
            When::AfterTurn => false,
        })?;
        let message = self.waiting.remove(at)?;
        Some(self.send(vec![message], false))
    }

    fn send(&mut self, messages: Vec<Message>, starts_turn: bool) -> (String, Vec<&str>) {
        self.letters += 1;
        let client = format!("ostler-{}", self.letters);
        self.underway.push(Letter {
            client: client.clone(),
            messages,
            starts_turn,
        });
        let sent = self.underway.last();
        let messages = sent.map(|letter| letter.messages.iter().map(|m| m.text.as_str()));
        (client, messages.into_iter().flatten().collect())
    }

    /// The receipt ids of what was sent as `client`, which has reached the model.
    pub(super) fn arrived(&mut self, client: &str) -> Vec<(String, Arrival)> {
        match self.underway.iter().position(|l| l.client == client) {
            Some(at) => self.underway.remove(at).receipts(),
            None => Vec::new(),
        }
    }

    /// What was sent as `client` came too late for its turn: it begins another one.
    pub(super) fn came_back(&mut self, client: &str) {
        if let Some(at) = self.underway.iter().position(|l| l.client == client) {
            let letter = self.underway.remove(at);
            self.waiting.extend(letter.messages.into_iter().map(later));
        }
    }

    /// The turn has ended: what it began with has arrived, even if nothing told of that, and nothing
    /// goes into it any more. A letter whose answer is still to come (it is among `open`) is left to
    /// that answer. Returns the receipt ids of what has arrived.
    pub(super) fn turn_ended(&mut self, open: impl Fn(&str) -> bool) -> Vec<(String, Arrival)> {
        let mut arrived = Vec::new();
        for letter in std::mem::take(&mut self.underway) {
            if letter.starts_turn {
                arrived.extend(letter.receipts());
            } else if open(&letter.client) {
                self.underway.push(letter);
            } else {
                self.waiting.extend(letter.messages.into_iter().map(later));
            }
        }
        arrived
    }

    /// Withdraws everything that has not arrived.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.underway.clear();
    }
}

impl Letter {
    fn receipts(self) -> Vec<(String, Arrival)> {
        let how = match self.starts_turn {
            true => Arrival::NewTurn,
            false => Arrival::SameTurn,
        };
        let steers = self.messages.into_iter().filter_map(|m| m.steer);
        steers.map(|id| (id, how)).collect()
    }
}

fn later(message: Message) -> Message {
    Message {
        when: When::AfterTurn,
        ..message
    }
}
