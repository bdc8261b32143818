//! Prompts on their way out, and what their answers mean.

use serde_json::{Value, json};

use super::Acp;
use super::asking::cancelled;
use super::opening::Stage;
use crate::providers::acp::mailbox::{Answered, Breaking, Outgoing};
use crate::providers::acp::usage;
use crate::providers::acp::wire::{self, Refusal, text};
use crate::providers::{Event, FailureClass};

impl Acp {
    pub(super) fn write(&mut self, outgoing: Outgoing) {
        let texts: Vec<String> = outgoing.texts.iter().map(|text| self.plain(text)).collect();
        let params = json!({ "sessionId": self.session, "prompt": wire::prompt(&texts) });
        let (id, line) = self.request("session/prompt", params);
        if !self.mail.is_running() {
            self.awaits_model = true;
        }
        self.mail.wrote(id, outgoing, self.awaits_model);
        self.over = false;
        self.replies.push(line);
    }

    /// A text that cannot be taken for a command to the program.
    pub(super) fn plain(&self, text: &str) -> String {
        if text.trim_start().starts_with(self.quirks.commands) {
            format!("The message is: {text}")
        } else {
            text.to_owned()
        }
    }

    /// Writes what is held and may go now.
    pub(super) fn pass_on(&mut self) {
        if !matches!(self.stage, Stage::Ready) {
            return;
        }
        if self.mail.wants_break() {
            self.break_off(Breaking::ForMessage);
        }
        while let Some(outgoing) = self.mail.next() {
            self.write(outgoing);
        }
    }

    pub(super) fn break_off(&mut self, why: Breaking) {
        let was = self.mail.breaking();
        self.mail.break_off(why);
        if was.is_some() || !self.mail.is_running() {
            return;
        }
        // An agent may wait for these before it takes notice of anything else.
        for (request, waiting) in self.asked.drain() {
            self.replies.push(cancelled(&waiting.id));
            self.withdrawn.push(request);
        }
        let params = json!({ "sessionId": self.session });
        self.replies
            .push(wire::notification("session/cancel", params));
    }

    pub(super) fn prompt_answered(
        &mut self,
        id: u64,
        result: Result<Value, Refusal>,
    ) -> Vec<Event> {
        let broken = self.mail.breaking().is_some();
        let result = match result {
            Ok(result) => result,
            // What a broken turn stumbles over does not matter.
            Err(_) if broken => json!({ "stopReason": "cancelled" }),
            Err(refusal) => return self.prompt_failed(id, &refusal),
        };
        let reason = text(&result, "stopReason");
        let how = match reason {
            "cancelled" => Answered::Cancelled,
            _ => Answered::Ended,
        };
        let Some(delivered) = self.mail.answered(id, how) else {
            return Vec::new();
        };
        let mut events = self.turn_closes();
        let lost = self.quirks.empty_is_lost && self.has_lost_the_answer(&result);
        // Prompts that joined a turn are answered together, each with the figures of that turn.
        let usage = if self.quirks.joins && self.mail.is_running() {
            None
        } else {
            self.account.prompt_ended(&result, how == Answered::Ended)
        };
        match reason {
            "end_turn" if lost => {
                let text = "the model's answer broke off, or was withheld";
                events.push(self.fail(FailureClass::Overloaded, text));
            }
            "end_turn" => {
                events.extend(delivered);
                let more_follows = self.mail.has_more();
                self.over = !more_follows;
                let text = match self.awaits_model {
                    true => String::new(),
                    false => std::mem::take(&mut self.speech.answer),
                };
                events.push(Event::TurnEnded { text, more_follows });
            }
            "cancelled" => {
                let more_follows = self.mail.has_more();
                self.over = !more_follows;
                events.push(Event::TurnInterrupted { more_follows });
            }
            "max_turn_requests" => {
                self.over = true;
                let limit = "max_turns".to_owned();
                events.push(Event::LimitReached { limit });
            }
            "max_tokens" => {
                let text = "the agent stopped at the model's limit of tokens";
                events.push(self.fail(FailureClass::ContextFull, text));
            }
            "refusal" => {
                events.push(self.fail(FailureClass::Other, "the model refuses to go on"));
            }
            other => {
                let text = format!("the agent ended the turn for an unknown reason, {other:?}");
                events.push(self.fail(FailureClass::Protocol, &text));
            }
        }
        // Behind the end: exact figures must not call for a wrap-up of what is done already.
        events.extend(usage.map(Event::Usage));
        if !self.over {
            self.pass_on();
        }
        events
    }

    /// Whether a good end hides that the model's stream broke off: not one token is told, and either
    /// nothing was said, or the same again with every try, or tokens are told otherwise.
    fn has_lost_the_answer(&self, result: &Value) -> bool {
        let answer = self.speech.answer.as_bytes();
        let said_again = (2..=4).any(|tries| {
            let piece = answer.len() / tries;
            piece > 0 && answer.len().is_multiple_of(tries) && {
                let (first, rest) = answer.split_at(piece);
                rest.chunks(piece).all(|again| again == first)
            }
        });
        usage::is_empty(result) && (answer.is_empty() || said_again || self.account.has_tokens())
    }

    pub(super) fn prompt_failed(&mut self, id: u64, refusal: &Refusal) -> Vec<Event> {
        if self.mail.answered(id, Answered::Cancelled).is_none() {
            return Vec::new();
        }
        let mut events = self.turn_closes();
        events.push(self.refused(refusal));
        events
    }

    /// What ends with a turn.
    pub(super) fn turn_closes(&mut self) -> Vec<Event> {
        let mut events = self.speech.flush();
        if self.mail.is_running() {
            return events;
        }
        events.extend(self.calls.settle(true));
        // Nobody waits for the answers any more.
        let asked = self.asked.drain().map(|(request, _)| request);
        let withdrawn = self.withdrawn.drain(..).chain(asked);
        events.extend(withdrawn.map(|request| Event::PermissionWithdrawn { request }));
        events
    }
}
