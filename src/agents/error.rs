//! What callers can get wrong about agents, and what can go wrong with them.

use std::path::PathBuf;

use super::budget::BadBudget;
use super::budget::reserve::Short;
use super::context::BadContext;
use super::lifecycle::Status;
use super::record::TransitionError;
use super::record::asks::AskState;
use super::record::family::AdmissionError;
use crate::ids::{AgentId, AskId, BadId, GroupId};
use crate::memory::MemoryError;
use crate::store::StoreError;
use crate::tasks::TaskError;
use crate::workspaces::integrate::IntegrateError;
use crate::workspaces::{NoWorkspace, WorkspaceError};

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
    /// No agent that the caller sees has that label.
    #[error("no agent here is called {name:?}")]
    NotNamed {
        /// What was given.
        name: String,
        /// Agents with an id or label like it, as `a-7k2m9x "label"`.
        nearest: Vec<String>,
    },
    /// Several agents have that label.
    #[error("{} agents are called {name:?}", .candidates.len())]
    Ambiguous {
        /// The label.
        name: String,
        /// Their ids, each with its status.
        candidates: Vec<String>,
    },
    /// One agent has to be named, and a group was.
    #[error("{group} is a group of agents, not one of them")]
    IsGroup {
        /// The group.
        group: GroupId,
        /// Its agents.
        members: Vec<AgentId>,
    },
    /// No group has that id.
    #[error("no group has the id {group}")]
    NoGroup {
        /// The id.
        group: GroupId,
    },
    /// A group needs more places than the session has.
    #[error("this session has no room for {n} more live agents (`agents.max_tree` is {limit})")]
    NoRoomForGroup {
        /// Agents in the group.
        n: usize,
        /// The limit.
        limit: u32,
    },
    /// What only a session or a person may do was asked for by an agent.
    #[error("an agent cannot {action}")]
    NotForAgents {
        /// What was asked for.
        action: &'static str,
    },
    /// The prompt or message is empty.
    #[error("`{field}` is empty")]
    Empty {
        /// The parameter.
        field: &'static str,
    },
    /// A merge that names no agents.
    #[error("no agents are named, neither to merge nor to drop")]
    NothingToMerge,
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
    /// No definition has that name.
    #[error("there is no definition `{name}`")]
    NoDefinition {
        /// The name.
        name: String,
        /// Names that look like it.
        nearest: Vec<String>,
        /// The names there are.
        known: Vec<String>,
    },
    /// A definition is there and no agent can be made from it.
    #[error("the definition `{name}` ({path}) cannot be used: {problem}")]
    BadDefinition {
        /// Its name.
        name: String,
        /// Its file.
        path: String,
        /// Why not.
        problem: String,
    },
    /// A file is where a new definition should be.
    #[error("{} is there already", path.display())]
    DefinitionExists {
        /// The file.
        path: PathBuf,
    },
    /// A new definition cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The working directory cannot be used.
    #[error("the working directory {path} {problem}")]
    BadDirectory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// There can be no working tree of its own.
    #[error(transparent)]
    NoWorkspace(#[from] NoWorkspace),
    /// The caller is an agent itself, as deep as agents may be.
    #[error("an agent cannot spawn agents of its own here (depth {depth}, max_depth {max_depth})")]
    TooDeep {
        /// Agents above each other, the caller included.
        depth: u32,
        /// How many there may be.
        max_depth: u32,
    },
    /// The caller is an agent whose definition lets it spawn nothing.
    #[error("this agent may not spawn agents: its definition names no `allowed_subagents`")]
    NoSubagents,
    /// The caller is an agent that may spawn from some definitions only.
    #[error("{} is not among those that this agent may spawn", definition(.asked))]
    NotASubagent {
        /// The definition it named.
        asked: Option<String>,
        /// Those it may name.
        allowed: Vec<String>,
    },
    /// The caller is an agent and asks for more than it has itself.
    #[error("`{what}` {asked} is more than this agent has itself ({most})")]
    Wider {
        /// The parameter.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What it has.
        most: String,
    },
    /// The caller is an agent, and the directory is not its own.
    #[error("the working directory {path} is outside of this agent's own, {within}")]
    Outside {
        /// The directory, without links.
        path: PathBuf,
        /// The caller's.
        within: PathBuf,
    },
    /// The budget does not fit in what is left to the caller, an agent.
    #[error("{}", short(.limit, .asked, .left))]
    Short {
        /// The limit.
        limit: &'static str,
        /// What was asked for; `None` for the default.
        asked: Option<f64>,
        /// What is left.
        left: f64,
    },
    /// The host session starts agents too fast.
    #[error(
        "this session has started {limit} agents within a minute (`agents.max_spawns_per_minute`)"
    )]
    TooFast {
        /// The limit.
        limit: u32,
    },
    /// The run of the agent that calls, or of one above it, is over or about to be.
    #[error("the agent that this works for does not run any more, or is about to end")]
    Ending,
    /// A request is for a session further up to decide.
    #[error(
        "the request {request} goes beyond your own permission; a session above you decides it"
    )]
    NotForYou {
        /// The request.
        request: AskId,
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
    /// A result was handed in by an agent of whom none is asked.
    #[error("no result of a certain shape is asked of you")]
    NoResultWanted,
    /// A result does not fit the schema that it was asked for with.
    #[error("the result does not fit: {}", .misfits.join("; "))]
    Misfit {
        /// What does not, place by place.
        misfits: Vec<String>,
        /// How often it may be tried again.
        tries_left: u32,
    },
    /// The agent has handed in nothing.
    #[error("{id} has handed in no structured result")]
    NoStructured {
        /// The agent.
        id: AgentId,
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
    /// The caller is an agent, and this is for the session above all agents.
    #[error("only the session at the top {action}")]
    HostOnly {
        /// What an agent does not do.
        action: &'static str,
    },
    /// The caller does not stand in a repository.
    #[error("{path} is in no git repository")]
    NoRepository {
        /// The directory.
        path: PathBuf,
    },
    /// What the agent has left cannot be merged or thrown away.
    #[error("{id} {problem}")]
    NoBranch {
        /// The agent.
        id: AgentId,
        /// What is in the way.
        problem: String,
    },
    /// Branches could not be brought together, for another reason than a conflict.
    #[error(transparent)]
    Integrate(#[from] IntegrateError),
    /// The working tree of an agent cannot be looked at.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A task that cannot be had, changed or closed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// What was learnt cannot be had.
    #[error(transparent)]
    Memory(#[from] MemoryError),
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

fn definition(asked: &Option<String>) -> String {
    match asked {
        Some(name) => format!("the definition `{name}`"),
        None => "an agent without a definition".to_owned(),
    }
}

fn short(limit: &str, asked: &Option<f64>, left: &f64) -> String {
    match asked {
        Some(asked) => format!(
            "`{limit}` {asked} is more than what is left to this agent and those it has spawned \
             ({left})"
        ),
        None => {
            format!("nothing is left of `{limit}` of this agent and those it has spawned ({left})")
        }
    }
}

impl AgentError {
    /// A run of `id` that was not written, as it was to be `action`.
    pub(super) fn admission(id: &AgentId, action: &'static str, error: AdmissionError) -> Self {
        match error {
            AdmissionError::Transition(error) => AgentError::transition(id, action, error),
            AdmissionError::Full { limit } => AgentError::TooMany { limit },
            AdmissionError::TooFast { limit } => AgentError::TooFast { limit },
            AdmissionError::Ending => AgentError::Ending,
            AdmissionError::Short(Short { limit, asked, left }) => {
                AgentError::Short { limit, asked, left }
            }
            AdmissionError::Task(error) => AgentError::Task(error),
            AdmissionError::Store(error) => AgentError::Store(error),
        }
    }

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
