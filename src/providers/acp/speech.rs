//! What the model says, collected from the pieces in which it comes: one event for each stretch of
//! text, and the whole text of a step for the result.

use super::wire::push;
use crate::providers::Event;

/// Most of what the model says in one step that is kept.
const LIMIT: usize = 4 * 1024 * 1024;

/// What the model is saying.
#[derive(Default)]
pub(super) struct Speech {
    /// Text that was not handed on.
    said: String,
    thought: String,
    /// All text of the running step.
    pub(super) answer: String,
    /// The id of the message that is being said, where the agent tells it.
    pub(super) message: String,
}

impl Speech {
    pub(super) fn says(&mut self, text: &str, events: &mut Vec<Event>) {
        events.extend(self.flush_thought());
        push(&mut self.said, text, LIMIT);
        push(&mut self.answer, text, LIMIT);
    }

    pub(super) fn thinks(&mut self, text: &str, events: &mut Vec<Event>) {
        events.extend(self.flush_text());
        push(&mut self.thought, text, LIMIT);
    }

    /// Hands on what was said, in one piece.
    pub(super) fn flush(&mut self) -> Vec<Event> {
        let mut events: Vec<Event> = self.flush_thought().into_iter().collect();
        events.extend(self.flush_text());
        events
    }

    fn flush_text(&mut self) -> Option<Event> {
        let text = std::mem::take(&mut self.said);
        (!text.is_empty()).then_some(Event::Text { text })
    }

    fn flush_thought(&mut self) -> Option<Event> {
        let text = std::mem::take(&mut self.thought);
        (!text.is_empty()).then_some(Event::Thought { text })
    }
}
