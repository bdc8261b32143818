//! What callers can get wrong about agents, and what can go wrong with them.

use std::path::PathBuf;

use super::budget::BadBudget;
use super::context::BadContext;
use super::lifecycle::Status;
use super::record::TransitionError;
use super::record::asks::AskState;
use crate::ids::{AgentId, AskId, BadId};
use crate::store::StoreError;

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The text is not an agent id.
    #[error(transparent)]
    BadId(#[from] BadId),
    /// No agent has that id.
    #[error("no agent has the id {id}")]
    Unknown {
        /// The id.
        id: AgentId,
        /// Ids that look like it.
        nearest: Vec<String>,
    },
    /// The prompt or message is empty.
    #[error("`{field}` is empty")]
    Empty {
        /// The parameter.
        field: &'static str,
    },
    /// The prompt or message is too long.
    #[error("`{field}` has {bytes} bytes, at most {limit} are taken")]
    TooLong {
        /// The parameter.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A parameter has a value that it cannot have.
    #[error("`{field}` {problem}")]
    BadValue {
        /// The parameter.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A limit that cannot be one.
    #[error(transparent)]
    Budget(#[from] BadBudget),
    /// Something to be read with the prompt that cannot be had.
    #[error(transparent)]
    Context(#[from] BadContext),
    /// No provider has that name.
    #[error("there is no provider `{name}`")]
    NoProvider {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The working directory cannot be used.
    #[error("the working directory {path} {problem}")]
    BadDirectory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The caller is an agent itself, as deep as agents may be.
    #[error(
        "an agent cannot spawn, steer, stop or resume agents (depth {depth}, max_depth {max_depth})"
    )]
    TooDeep {
        /// Agents above the caller.
        depth: usize,
        /// Agents allowed above each other.
        max_depth: usize,
    },
    /// The host session has as many live agents as it may.
    #[error("this session already has {limit} live agents (`agents.max_tree`)")]
    TooMany {
        /// The limit.
        limit: u32,
    },
    /// The agent is in a state that does not allow it.
    #[error("{id} {} and cannot be {action}", standing(.status))]
    WrongState {
        /// The agent.
        id: AgentId,
        /// Where it stands.
        status: Status,
        /// What was asked for.
        action: &'static str,
    },
    /// The agent has no such request.
    #[error("{id} has no request {request}")]
    NoAsk {
        /// The agent.
        id: AgentId,
        /// The request.
        request: AskId,
        /// What it waits for.
        open: Vec<AskId>,
    },
    /// A request has its answer, or needs none any more.
    #[error("the request {request} is settled already ({state})")]
    AskSettled {
        /// The request.
        request: AskId,
        /// How it was settled.
        state: AskState,
    },
    /// A request is for the person, and a model answered.
    #[error("the request {request} is for the person at this session, not for you")]
    ForPerson {
        /// The request.
        request: AskId,
    },
    /// Who asks is no agent, or its run is over.
    #[error("there is no session above this one that could be asked")]
    NotAnAgent,
    /// A question of an agent that got no answer.
    #[error("{why}")]
    Unanswered {
        /// Why not.
        why: String,
    },
    /// Somebody else changed the agent at the same time.
    #[error("{id} was changed by somebody else meanwhile")]
    Changed {
        /// The agent.
        id: AgentId,
    },
    /// The owner of an agent did not act on a request in time.
    #[error("the ostler process that runs {id} did not end it within {seconds} s")]
    Unresponsive {
        /// The agent.
        id: AgentId,
        /// How long we waited.
        seconds: u64,
    },
    /// The guard process, without which no child is started, is not there.
    #[error("the guard process cannot be started: {0}")]
    Guard(std::io::Error),
    /// This process is about to end.
    #[error("this server is shutting down")]
    ShuttingDown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `steered` alone would read as what was done to it.
fn standing(status: &Status) -> String {
    match status.is_terminal() {
        true => format!("has ended (`{status}`)"),
        false => format!("is {status}"),
    }
}

impl AgentError {
    /// A failed change of status of `id`, which was in `status`.
    pub(super) fn transition(id: &AgentId, action: &'static str, error: TransitionError) -> Self {
        match error {
            TransitionError::Illegal(illegal) => AgentError::WrongState {
                id: id.clone(),
                status: illegal.from.status,
                action,
            },
            TransitionError::Lost => AgentError::Changed { id: id.clone() },
            TransitionError::Store(error) => AgentError::Store(error),
        }
    }
}
