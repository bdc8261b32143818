//! What an agent tells of tokens and cost: at the end of a prompt, each in its own way, or on the
//! way. What is not told stays untold.

use serde_json::Value;

use super::quirks::Quirks;
use crate::providers::Usage;

/// The account of one process.
pub(super) struct Account {
    usage: Usage,
    told: bool,
    /// A turn ended without its figures.
    has_gaps: bool,
    /// Whether the cost of the session is the cost of this run.
    cost_counts: bool,
}

impl Account {
    /// `continued`: the session has a past, whose cost it may be telling too.
    pub(super) fn new(quirks: &Quirks, continued: bool) -> Self {
        Self {
            usage: Usage {
                scope: quirks.usage,
                ..Usage::default()
            },
            told: false,
            has_gaps: false,
            cost_counts: !(continued && quirks.cost_is_session),
        }
    }

    /// A prompt was answered; the figures so far, if any. Those of a turn that was broken off
    /// (`whole` is false) are not worth much.
    pub(super) fn prompt_ended(&mut self, result: &Value, whole: bool) -> Option<Usage> {
        self.has_gaps |= !whole;
        match figures(result) {
            Some(figures) => {
                self.told = true;
                let usage = &mut self.usage;
                for (sum, more) in [
                    (&mut usage.input_tokens, figures.input),
                    (&mut usage.output_tokens, figures.output),
                    (&mut usage.cache_read_tokens, figures.cache_read),
                    (&mut usage.cache_write_tokens, figures.cache_write),
                ] {
                    *sum = sum.saturating_add(more);
                }
            }
            None => self.has_gaps = true,
        }
        self.usage.is_final = !self.has_gaps;
        self.so_far()
    }

    /// An update told the cost of the session so far.
    pub(super) fn session_costs(&mut self, update: &Value) -> Option<Usage> {
        let cost = update.get("cost")?;
        let usd = cost.get("amount").and_then(Value::as_f64)?;
        if cost.get("currency").and_then(Value::as_str) != Some("USD") || !self.cost_counts {
            return None;
        }
        self.told = true;
        self.usage.cost_usd = Some(usd);
        self.so_far()
    }

    /// Whether tokens were told of so far.
    pub(super) fn has_tokens(&self) -> bool {
        self.usage.input_tokens > 0 || self.usage.output_tokens > 0
    }

    fn so_far(&self) -> Option<Usage> {
        self.told.then(|| self.usage.clone())
    }
}

#[derive(Default)]
struct Figures {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

fn figures(result: &Value) -> Option<Figures> {
    let number = |of: &Value, key: &str| of.get(key).and_then(Value::as_u64).unwrap_or(0);
    if let Some(usage) = result.get("usage").filter(|usage| usage.is_object()) {
        return Some(Figures {
            input: number(usage, "inputTokens"),
            output: number(usage, "outputTokens"),
            cache_read: number(usage, "cachedReadTokens"),
            cache_write: number(usage, "cachedWriteTokens"),
        });
    }
    // Gemini's; its input includes what came from the cache. The figures by model stand beside the
    // total, not in addition to it.
    let total = result.pointer("/_meta/quota/token_count")?;
    Some(Figures {
        input: number(total, "input_tokens"),
        output: number(total, "output_tokens"),
        ..Figures::default()
    })
}

/// Whether a turn that ended well tells that not one token was used in it.
pub(super) fn is_empty(result: &Value) -> bool {
    figures(result).is_some_and(|figures| figures.input == 0 && figures.output == 0)
}
