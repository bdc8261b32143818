//! Model steps and tokens. The CLI does not announce a step: it begins with the first thing that the
//! model brings forth, and ends with the report of its tokens, which comes behind its tool calls.

use super::wire::{TokenUsage, Tokens};
use crate::providers::{Usage, UsageScope};

#[derive(Debug, Default)]
pub(super) struct Steps {
    /// The running step was counted.
    open: bool,
    /// The last step was broken off: its tokens were not reported.
    cut: bool,
    /// Of the thread, since its creation.
    total: Tokens,
    /// Of the thread, before this run.
    before: Option<Tokens>,
    /// The thread is older than the run.
    resumed: bool,
}

impl Steps {
    pub(super) fn new(resumed: bool) -> Self {
        Self {
            resumed,
            ..Self::default()
        }
    }

    /// The model has brought something forth; true when that begins a step.
    pub(super) fn produced(&mut self) -> bool {
        self.cut = false;
        !std::mem::replace(&mut self.open, true)
    }

    /// What earlier runs of the thread have used.
    pub(super) fn restored(&mut self, usage: &TokenUsage) {
        self.total = usage.total;
        self.before.get_or_insert(usage.total);
    }

    /// A step has ended; true when it has brought nothing forth that was counted.
    pub(super) fn reported(&mut self, usage: &TokenUsage) -> bool {
        let first = match self.resumed {
            true => usage.total.since(usage.last),
            false => Tokens::default(),
        };
        self.before.get_or_insert(first);
        let whole = std::mem::replace(&mut self.total, usage.total) != usage.total;
        let counted = std::mem::take(&mut self.open);
        self.cut = counted && !whole;
        whole && !counted
    }

    /// The CLI repeats the step that was broken off: it was counted already.
    pub(super) fn repeated(&mut self) {
        self.open |= std::mem::take(&mut self.cut);
    }

    /// A message has reached the model: what it cut off is not repeated.
    pub(super) fn told(&mut self) {
        self.cut = false;
    }

    /// Tokens of this run.
    pub(super) fn usage(&self, is_final: bool) -> Usage {
        let tokens = self.total.since(self.before.unwrap_or_default());
        let cached = tokens
            .cached_input_tokens
            .saturating_add(tokens.cache_write_input_tokens);
        Usage {
            input_tokens: tokens.input_tokens.saturating_sub(cached),
            output_tokens: tokens.output_tokens,
            cache_read_tokens: tokens.cached_input_tokens,
            cache_write_tokens: tokens.cache_write_input_tokens,
            cost_usd: None,
            is_final,
            scope: UsageScope::Run,
        }
    }
}
