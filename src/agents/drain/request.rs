//! What a person asks for.

use serde_json::{Map, Value};

use crate::agents::budget::BudgetRequest;
use crate::agents::error::AgentError;
use crate::config::Permission;
use crate::tasks::Wanted;

/// Longest check, in bytes.
const CHECK_LENGTH: usize = 8 * 1024;

/// Which tasks to work down, how, and within which limits.
#[derive(Debug, Clone, Default)]
pub struct DrainRequest {
    /// Which tasks.
    pub wanted: Wanted,
    /// Agents that may be at work at the same time.
    pub max: u32,
    /// Provider by its name in the configuration.
    pub provider: Option<String>,
    /// The provider's name of a model.
    pub model: Option<String>,
    /// The definition that agents are made from.
    pub agent: Option<String>,
    /// What they may do; tasks that only ask need less unless it is said.
    pub permission: Option<Permission>,
    /// A shell command that has to succeed in the working tree of each agent.
    pub expect_command: Option<String>,
    /// A shell command that has to succeed after each merge.
    pub check: Option<String>,
    /// Runs of an agent that may fail at its task.
    pub attempts: u32,
    /// US dollars, all agents together.
    pub max_cost_usd: Option<f64>,
    /// Seconds, altogether.
    pub timeout_s: Option<u32>,
    /// Model steps of each run.
    pub max_turns: Option<u32>,
}

impl DrainRequest {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// The first value that cannot be one, by its name.
    pub(crate) fn check(&self) -> Result<(), AgentError> {
        let bad = |field, problem: &str| {
            Err(AgentError::BadValue {
                field,
                problem: problem.to_owned(),
            })
        };
        if self.max == 0 {
            return bad("max", "is 0; nobody could begin");
        }
        if self.attempts == 0 {
            return bad("attempts", "is 0; nobody could begin");
        }
        if self.timeout_s == Some(0) {
            return bad("timeout_s", "is 0; there would be no time");
        }
        if self
            .max_cost_usd
            .is_some_and(|usd| !usd.is_finite() || usd <= 0.0)
        {
            return bad("max_cost_usd", "must be a number above 0");
        }
        match &self.check {
            Some(check) if check.trim().is_empty() => Err(AgentError::Empty { field: "check" }),
            Some(check) if check.len() > CHECK_LENGTH => Err(AgentError::TooLong {
                field: "check",
                bytes: check.len(),
                limit: CHECK_LENGTH,
            }),
            _ => Ok(()),
        }
    }

    /// Which tasks, in the words by which the same wish is known again.
    pub(crate) fn key(&self) -> String {
        let mut key = Map::new();
        let Wanted {
            label,
            kind,
            parent,
        } = &self.wanted;
        let kind = kind.map(|kind| kind.as_str().to_owned());
        for (name, value) in [
            ("label", label.clone()),
            ("kind", kind),
            ("parent", parent.clone()),
        ] {
            if let Some(value) = value {
                key.insert(name.to_owned(), Value::String(value));
            }
        }
        Value::Object(key).to_string()
    }

    /// What one run may use up when `share_usd` is its share in what all together have left.
    pub(crate) fn budget(&self, share_usd: Option<f64>, configured: Option<f64>) -> BudgetRequest {
        let less = |share: &f64| configured.is_none_or(|configured| *share < configured);
        BudgetRequest {
            max_turns: self.max_turns,
            max_cost_usd: share_usd.filter(less),
            ..BudgetRequest::default()
        }
    }
}
