//! What a drain tells, while it goes on and at its end.

use serde::Serialize;

use crate::ids::{AgentId, DrainId, TaskId};

/// What it has come to.
#[derive(Debug, Clone, Serialize)]
pub struct DrainReport {
    /// Its id.
    pub drain: DrainId,
    /// How it has ended.
    pub ended: Ended,
    /// Which limit has ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<&'static str>,
    /// The branch that holds the work.
    pub branch: String,
    /// The commit that the branch starts from.
    pub base: String,
    /// Commits on it since, merges counted.
    pub commits: u32,
    /// The command with which a person takes the branch over; absent while there is nothing on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_over: Option<String>,
    /// US dollars that its agents have cost, as far as their providers tell.
    pub cost_usd: f64,
    /// Tasks that it has worked on, in the order in which they were begun.
    pub tasks: Vec<Drained>,
    /// Tasks that it was asked for and that are open.
    pub left: Vec<Left>,
    /// Further ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_left: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How a drain has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing that it was asked for is open.
    Done,
    /// Nothing of what is open can be begun.
    Left,
    /// A limit was reached.
    Limit,
    /// A person has stopped it.
    Stopped,
}

/// A task that was worked on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drained {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Its agent.
    pub agent: AgentId,
    /// Commits of the agent that were merged.
    pub commits: u32,
    /// The merge.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub merged: String,
    /// US dollars, as far as its provider tells.
    pub cost_usd: f64,
    /// What the last run lacked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Closed.
    Done,
    /// Closed by somebody else, or for another reason.
    Closed,
    /// Open: its attempts are used up.
    Failed,
    /// Open, and it may go on.
    Open,
}

impl Outcome {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Closed => "closed",
            Outcome::Failed => "failed",
            Outcome::Open => "open",
        }
    }
}

/// A task that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Why.
    pub why: String,
}

/// What is told while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// It begins, or goes on, with that branch.
    Began {
        /// Its id.
        drain: DrainId,
        /// The branch.
        branch: String,
        /// Whether it had been begun before.
        again: bool,
    },
    /// Something has happened to a task.
    Step(Step),
    /// How many tasks stand where.
    Standing(Standing),
}

/// One thing that has happened to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Its agent.
    pub agent: Option<AgentId>,
    /// What has happened, in a few words.
    pub what: String,
}

/// How many tasks stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Standing {
    /// With an agent that has not ended.
    pub live: usize,
    /// Done by this drain.
    pub done: usize,
    /// Open with their attempts used up.
    pub failed: usize,
    /// US dollars so far.
    pub cost_usd: f64,
}
