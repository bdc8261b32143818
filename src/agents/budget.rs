//! What a run may use up, and the pure meter that compares it with what it has used. A soft limit
//! asks for the wrap-up message once; a hard limit ends the run.

pub(crate) mod reserve;

use serde::{Deserialize, Serialize};

use crate::config::{Agents, Limit};
use crate::providers::Usage;

/// Share of a cost or token limit at which the child is asked to wrap up: past the limit itself the
/// money is spent, so there is no grace after it.
const WRAP_UP_SHARE: f64 = 0.8;

/// The limits of one run; `Unlimited` only ever comes from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Model steps before the wrap-up message.
    pub max_turns: Limit<u32>,
    /// Model steps left after the wrap-up message.
    pub grace_turns: u32,
    /// Tool calls; further ones are refused and the wrap-up message is sent.
    pub max_tool_calls: Limit<u32>,
    /// Tokens, cache reads not counted.
    pub max_tokens: Limit<u64>,
    /// US dollars.
    pub max_cost_usd: Limit<f64>,
    /// Seconds from start to end.
    pub timeout_s: Limit<u32>,
    /// Seconds without a sign of life.
    pub idle_s: Limit<u32>,
}

/// What a caller asks for; `None` takes the configured value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BudgetRequest {
    /// See [`Budget::max_turns`].
    pub max_turns: Option<u32>,
    /// See [`Budget::max_tool_calls`].
    pub max_tool_calls: Option<u32>,
    /// See [`Budget::max_tokens`].
    pub max_tokens: Option<u64>,
    /// See [`Budget::max_cost_usd`].
    pub max_cost_usd: Option<f64>,
    /// See [`Budget::timeout_s`].
    pub timeout_s: Option<u32>,
    /// See [`Budget::idle_s`].
    pub idle_s: Option<u32>,
}

/// A budget field with a value that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {expected}")]
pub struct BadBudget {
    pub(super) field: &'static str,
    pub(super) expected: &'static str,
}

const A_DAY: u32 = 86_400;

impl Budget {
    /// The configured limits.
    pub fn configured(agents: &Agents) -> Self {
        Self {
            max_turns: agents.max_turns,
            grace_turns: agents.grace_turns,
            max_tool_calls: agents.max_tool_calls,
            max_tokens: agents.max_tokens,
            max_cost_usd: agents.max_cost_usd,
            timeout_s: agents.timeout_s,
            idle_s: agents.idle_s,
        }
    }

    /// These limits with `request` laid over them.
    ///
    /// # Errors
    /// [`BadBudget`] for zero, for what is no number, and for times over a day.
    pub fn with(self, request: &BudgetRequest) -> Result<Self, BadBudget> {
        let positive = |field, value: Option<u32>| match value {
            Some(0) => Err(BadBudget {
                field,
                expected: "at least 1; leave it out for the default",
            }),
            value => Ok(value),
        };
        let seconds = |field, value| match positive(field, value)? {
            Some(value) if value > A_DAY => Err(BadBudget {
                field,
                expected: "at most 86400",
            }),
            value => Ok(value),
        };
        if request.max_tokens == Some(0) {
            positive("max_tokens", Some(0))?;
        }
        if request
            .max_cost_usd
            .is_some_and(|usd| !usd.is_finite() || usd <= 0.0)
        {
            return Err(BadBudget {
                field: "max_cost_usd",
                expected: "a number above 0",
            });
        }
        Ok(Self {
            max_turns: over(positive("max_turns", request.max_turns)?, self.max_turns),
            grace_turns: self.grace_turns,
            max_tool_calls: over(
                positive("max_tool_calls", request.max_tool_calls)?,
                self.max_tool_calls,
            ),
            max_tokens: over(request.max_tokens, self.max_tokens),
            max_cost_usd: over(request.max_cost_usd, self.max_cost_usd),
            timeout_s: over(seconds("timeout_s", request.timeout_s)?, self.timeout_s),
            idle_s: over(seconds("idle_s", request.idle_s)?, self.idle_s),
        })
    }
}

fn over<T>(asked: Option<T>, default: Limit<T>) -> Limit<T> {
    asked.map_or(default, Limit::At)
}

/// A limit that was reached, by its name in the tools.
pub(super) type LimitName = &'static str;

/// What the meter wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Within,
    /// Send the wrap-up message, once.
    WrapUp(LimitName),
    /// End the run.
    Exhausted(LimitName),
}

/// What the meter says to a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may be made.
    Admitted,
    /// It may not.
    Refused,
    /// It may not, and that was one too many: end the run.
    Exhausted(LimitName),
}

/// Counts what a run uses up.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    turns: u32,
    tool_calls: u32,
    calls_let_through: u32,
    calls_refused: u32,
    /// The limit that asked for the wrap-up, and the turn in which it did.
    wrap_up: Option<(LimitName, u32)>,
}

impl Meter {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            turns: 0,
            tool_calls: 0,
            calls_let_through: 0,
            calls_refused: 0,
            wrap_up: None,
        }
    }

    /// A model step has begun.
    pub(super) fn stepped(&mut self) -> Verdict {
        self.turns += 1;
        if let Some((limit, since)) = self.wrap_up
            && self.turns > since + self.budget.grace_turns
        {
            return Verdict::Exhausted(limit);
        }
        match self.budget.max_turns {
            Limit::At(max) if self.turns > max => self.soft("max_turns"),
            _ => Verdict::Within,
        }
    }

    /// The step calls a tool, so another step is to follow: in the last allowed one the wrap-up
    /// message is due now, to arrive with the tool's result. A last step that only answers has
    /// kept its limit.
    pub(super) fn tool_started(&mut self) -> Verdict {
        self.tool_calls += 1;
        match (self.budget.max_tool_calls, self.budget.max_turns) {
            (Limit::At(max), _) if self.tool_calls >= max => self.soft("max_tool_calls"),
            (_, Limit::At(max)) if self.turns >= max => self.soft("max_turns"),
            _ => Verdict::Within,
        }
    }

    /// One more tool call asks to be let through, where we are asked before each. A child that goes
    /// on asking when it was told that there are no more is cut off in the end.
    pub(super) fn call_asks(&mut self) -> Admission {
        match self.budget.max_tool_calls {
            Limit::At(max) if self.calls_let_through >= max => {
                self.calls_refused += 1;
                if self.calls_refused > self.budget.grace_turns {
                    Admission::Exhausted("max_tool_calls")
                } else {
                    Admission::Refused
                }
            }
            _ => {
                self.calls_let_through = self.calls_let_through.saturating_add(1);
                Admission::Admitted
            }
        }
    }

    /// The cumulative figures of the child have changed.
    pub(super) fn used(&mut self, usage: &Usage) -> Verdict {
        let shares = [
            (
                "max_tokens",
                share(
                    usage.work_tokens() as f64,
                    self.budget.max_tokens.bound().map(|m| m as f64),
                ),
            ),
            (
                "max_cost_usd",
                share(
                    usage.cost_usd.unwrap_or(0.0),
                    self.budget.max_cost_usd.bound(),
                ),
            ),
        ];
        if let Some((limit, _)) = shares.iter().find(|(_, share)| *share >= 1.0) {
            return Verdict::Exhausted(limit);
        }
        match shares.iter().find(|(_, share)| *share >= WRAP_UP_SHARE) {
            Some((limit, _)) => self.soft(limit),
            None => Verdict::Within,
        }
    }

    fn soft(&mut self, limit: LimitName) -> Verdict {
        if self.wrap_up.is_some() {
            return Verdict::Within;
        }
        self.wrap_up = Some((limit, self.turns));
        Verdict::WrapUp(limit)
    }
}

/// How much of a limit is used up; nothing of one that is not set.
fn share(used: f64, limit: Option<f64>) -> f64 {
    limit.map_or(0.0, |limit| used / limit)
}

/// The message that a soft limit sends.
pub(super) fn wrap_up_message(limit: LimitName, grace_turns: u32) -> String {
    format!(
        "You have reached the limit `{limit}` of this run. Start no new work. Give your final \
         answer now: what is done, what is not, and where things stand. You have at most \
         {grace_turns} more turns before you are cut off."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(request: BudgetRequest) -> Budget {
        Budget::configured(&Agents {
            grace_turns: 2,
            ..Agents::default()
        })
        .with(&request)
        .unwrap()
    }

    fn usage(tokens: u64, cost_usd: f64) -> Usage {
        Usage {
            output_tokens: tokens,
            cost_usd: Some(cost_usd),
            ..Usage::default()
        }
    }

    #[test]
    fn absent_is_the_default_and_zero_is_refused() {
        let defaults = Agents::default();
        let none = Budget::configured(&defaults)
            .with(&BudgetRequest::default())
            .unwrap();
        assert_eq!(none.max_turns, defaults.max_turns);
        for request in [
            BudgetRequest {
                max_turns: Some(0),
                ..Default::default()
            },
            BudgetRequest {
                max_tool_calls: Some(0),
                ..Default::default()
            },
            BudgetRequest {
                max_tokens: Some(0),
                ..Default::default()
            },
            BudgetRequest {
                max_cost_usd: Some(0.0),
                ..Default::default()
            },
            BudgetRequest {
                max_cost_usd: Some(f64::NAN),
                ..Default::default()
            },
            BudgetRequest {
                timeout_s: Some(0),
                ..Default::default()
            },
            BudgetRequest {
                timeout_s: Some(A_DAY + 1),
                ..Default::default()
            },
            BudgetRequest {
                idle_s: Some(0),
                ..Default::default()
            },
        ] {
            assert!(
                Budget::configured(&defaults).with(&request).is_err(),
                "{request:?}"
            );
        }
    }

    #[test]
    fn turns_wrap_up_once_and_end_after_the_grace() {
        use Verdict::*;
        let mut meter = Meter::new(budget(BudgetRequest {
            max_turns: Some(2),
            ..Default::default()
        }));
        let mut verdicts = Vec::new();
        for _ in 0..5 {
            verdicts.push((meter.stepped(), meter.tool_started()));
        }
        assert_eq!(
            verdicts,
            [
                (Within, Within),
                (Within, WrapUp("max_turns")),
                (Within, Within),
                (Within, Within),
                (Exhausted("max_turns"), Within),
            ]
        );
    }

    #[test]
    fn a_last_step_without_a_tool_has_kept_the_limit() {
        let mut meter = Meter::new(budget(BudgetRequest {
            max_turns: Some(1),
            ..Default::default()
        }));
        assert_eq!(meter.stepped(), Verdict::Within);
        assert_eq!(meter.wrap_up, None);
        assert_eq!(meter.stepped(), Verdict::WrapUp("max_turns"));
    }

    #[test]
    fn tool_calls_over_the_limit_are_refused() {
        let request = BudgetRequest {
            max_tool_calls: Some(2),
            ..Default::default()
        };
        let mut meter = Meter::new(budget(request));
        assert_eq!(meter.tool_started(), Verdict::Within);
        assert_eq!(meter.tool_started(), Verdict::WrapUp("max_tool_calls"));
        assert_eq!(meter.tool_started(), Verdict::Within);
        use Admission::*;
        let admissions: Vec<Admission> = (0..5).map(|_| meter.call_asks()).collect();
        let exhausted = Exhausted("max_tool_calls");
        assert_eq!(
            admissions,
            [Admitted, Admitted, Refused, Refused, exhausted]
        );
    }

    #[test]
    fn money_and_tokens_wrap_up_before_they_are_gone() {
        let request = BudgetRequest {
            max_cost_usd: Some(1.0),
            max_tokens: Some(1000),
            ..Default::default()
        };
        let mut meter = Meter::new(budget(request));
        assert_eq!(meter.used(&usage(100, 0.79)), Verdict::Within);
        assert_eq!(
            meter.used(&usage(100, 0.8)),
            Verdict::WrapUp("max_cost_usd")
        );
        assert_eq!(meter.used(&usage(900, 0.8)), Verdict::Within);
        assert_eq!(
            meter.used(&usage(900, 1.0)),
            Verdict::Exhausted("max_cost_usd")
        );
        assert_eq!(
            meter.used(&usage(1000, 0.0)),
            Verdict::Exhausted("max_tokens")
        );
    }
}
