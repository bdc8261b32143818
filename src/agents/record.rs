//! The durable record of agents and their runs. Every change of status goes through
//! [`crate::agents::next`] and is guarded by the state it started from, so that two processes can
//! never both win.

pub(crate) mod asks;
pub(crate) mod family;
pub(crate) mod groups;
pub(crate) mod mentions;
pub(crate) mod names;
pub(crate) mod overlaps;
pub(crate) mod owner;
pub(crate) mod read;
pub(crate) mod remove;
pub(crate) mod results;
pub(crate) mod steers;
pub(crate) mod tasks;
pub(crate) mod write;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::assignment::Assignment;
use super::budget::Budget;
use super::budget::reserve::Insists;
use super::evidence::Evidence;
use super::expect::Expect;
use super::lifecycle::{AgentState, IllegalTransition, Status};
use crate::clock::Clock;
use crate::ids::{AgentId, GroupId, IdSource, OwnerId, ProjectId, SteerId, TaskId};
use crate::providers::{Launch, Usage, When};
use crate::store::{Store, StoreError};
use crate::workspaces::WorkspacePlan;

/// What it takes to write on record: where, when, and under which new ids.
#[derive(Clone, Copy)]
pub(crate) struct Scribe<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn IdSource,
}

/// What was decided about a run before it was queued; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) launch: Launch,
    pub(crate) budget: Budget,
    /// Live agents allowed at once under the same host session.
    pub(crate) max_tree: u32,
    /// The definition it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// The working tree of its own; `None` when it works in the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<WorkspacePlan>,
    /// The JSON schema of its result, checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output_schema: Option<serde_json::Value>,
    /// What is checked when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Expect>,
    /// The task it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<Assignment>,
    /// Whether, and whom, it may spawn itself.
    #[serde(default)]
    pub(crate) nesting: Nesting,
}

impl Plan {
    /// Where the agent works.
    pub(crate) fn dir(&self) -> PathBuf {
        match &self.workspace {
            Some(own) => own.path.join(&own.inside),
            None => self.launch.cwd.clone(),
        }
    }
}

/// What an agent may spawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Nesting {
    /// Agents that may stand above each other, the outermost counted; an agent that is itself that
    /// deep spawns nothing.
    pub(crate) max_depth: u32,
    /// Definitions that it may spawn from; `*` for any and none at all. Empty: nothing.
    pub(crate) subagents: Vec<String>,
    /// Runs that may be started in a minute under the same host session.
    pub(crate) max_spawns_per_minute: u32,
}

/// How far a running agent has come, for those who watch it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) turns: u32,
    pub(crate) tool_calls: u32,
    pub(crate) last_tool: String,
    pub(crate) usage: Usage,
    /// Time of the last sign of life.
    pub(crate) active_ms: i64,
    /// The failure after which the CLI tries again by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) retrying: String,
    /// Set while the run waits for the model service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backoff: Option<Backoff>,
}

/// How a run waits for a model service that turned it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backoff {
    /// When it tries again.
    pub(crate) until_ms: i64,
    /// Which try that will be, from 1.
    pub(crate) attempt: u32,
    /// How many there are.
    pub(crate) of: u32,
}

/// An agent to be written.
pub(crate) struct NewAgent<'a> {
    pub(crate) id: &'a AgentId,
    pub(crate) project: &'a ProjectId,
    pub(crate) session: &'a str,
    pub(crate) parent: Option<&'a AgentId>,
    /// The agents above it, outermost first, as `/a-1/a-2/`; `/` for none.
    pub(crate) above: &'a str,
    pub(crate) group: Option<&'a GroupId>,
    pub(crate) label: &'a str,
    pub(crate) owner: &'a OwnerId,
    /// What it is given to read, in front of the prompt.
    pub(crate) context: &'a str,
    /// Tasks among that.
    pub(crate) reads: &'a [TaskId],
    pub(crate) prompt: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) takes_slot: bool,
    /// Which limits of the plan the caller insists on; others give way to what is left above.
    pub(crate) insists: Insists,
}

/// An agent with its current run, without the long texts.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: AgentId,
    pub(crate) parent: Option<AgentId>,
    /// Its ancestry, itself last: `/a-1/a-2/`.
    pub(crate) path: String,
    pub(crate) group: Option<GroupId>,
    pub(crate) session: String,
    pub(crate) label: String,
    pub(crate) run_no: u32,
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) owner: OwnerId,
    pub(crate) plan: Plan,
    pub(crate) queued_ms: i64,
    pub(crate) started_ms: Option<i64>,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) created_ms: i64,
    /// The runs that its current run works for, outermost first: `/a-1:1/a-2:3/`.
    pub(crate) above: String,
    pub(crate) progress: Progress,
    pub(crate) delivered: bool,
    /// Until when the provider rests, whatever the run does.
    pub(crate) rests_until_ms: i64,
    /// The oldest open request of the run and its tool; empty when there is none.
    pub(crate) waiting: String,
    /// Files of the run that another has changed at the same time.
    pub(crate) overlaps: u32,
}

impl Line {
    pub(crate) fn state(&self) -> AgentState {
        AgentState {
            status: self.status,
            run_no: self.run_no,
        }
    }

    /// Its current run in its family: those above it, outermost first, then itself.
    pub(crate) fn key(&self) -> String {
        format!("{}{}:{}/", self.above, self.id, self.run_no)
    }
}

/// The long texts of a run.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) prompt: String,
    pub(crate) provider_session: String,
    pub(crate) result: String,
    pub(crate) result_from: String,
    /// What it handed in, where a schema asked for it.
    pub(crate) submitted: Option<serde_json::Value>,
    pub(crate) evidence: Evidence,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// One word: why.
    pub(crate) reason: String,
    /// The same for a person.
    pub(crate) detail: String,
    pub(crate) result: String,
    pub(crate) result_from: &'static str,
    pub(crate) evidence: Evidence,
}

/// Why a change of status did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransitionError {
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// Somebody else was first.
    #[error("the agent was changed meanwhile")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TransitionError {
    fn from(error: sqlx::Error) -> Self {
        TransitionError::Store(error.into())
    }
}

/// What became of a steering message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SteerReceipt {
    /// The message's own id.
    pub steer_id: SteerId,
    /// `queued` or `unsupported`.
    pub state: &'static str,
    /// What that means, where it is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A steering message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Steer {
    pub(crate) id: SteerId,
    pub(crate) agent: AgentId,
    pub(crate) run_no: u32,
    pub(crate) message: String,
    pub(crate) when: When,
}

/// One entry of an agent's log.
#[derive(Debug, Clone, Serialize)]
pub struct LogEntry {
    /// Position in the agent's log, from 1.
    pub seq: i64,
    /// The run it belongs to.
    pub run_no: u32,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What kind of entry.
    pub kind: String,
    /// Its content, which depends on the kind.
    pub body: serde_json::Value,
}

/// Counts that fit: SQLite hands out `i64`.
pub(crate) fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn json<T: Serialize>(value: &T) -> String {
    // These types have string keys and finite numbers only, which always serialize.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
