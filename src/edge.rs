//! How a failure is told to whoever called: a kind, a message, and what to do next. Tool texts,
//! command-line texts and exit codes all follow from it.

use std::fmt;

use crate::agents::AgentError;
use crate::config::ConfigError;
use crate::ids::BadId;
use crate::project::ProjectError;
use crate::store::StoreError;

/// What kind of failure, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong.
    Invalid,
    /// What was named is not there.
    NotFound,
    /// The state does not allow it.
    Conflict,
    /// Try again later.
    Busy,
    /// It is not allowed.
    Refused,
    /// A provider failed.
    Provider,
    /// The machine or ostler failed.
    Internal,
}

impl Kind {
    /// The exit code of the command line: 2 for wrong input, 3 not found, 4 conflict, 5 busy,
    /// 6 refused, 7 provider, 70 internal.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Invalid => 2,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Busy => 5,
            Kind::Refused => 6,
            Kind::Provider => 7,
            Kind::Internal => 70,
        }
    }
}

/// A failure as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What went wrong, in one line.
    pub message: String,
    /// What to do next, in one line.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<BadId> for Failure {
    fn from(error: BadId) -> Self {
        Failure::new(Kind::Invalid, error).hint("list_agents shows the ids there are")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (kind, hint) = match &error {
            StoreError::Directory { .. } | StoreError::ReadOnly => (
                Kind::Internal,
                "make it writable, or set OSTLER_HOME to a directory that is; nothing was changed",
            ),
            StoreError::Newer { .. } => (
                Kind::Internal,
                "install that version or a later one; nothing was changed",
            ),
            StoreError::OldSqlite { .. } => {
                (Kind::Internal, "build ostler with its bundled SQLite")
            }
            StoreError::Busy => (Kind::Busy, "try again in a moment; nothing was changed"),
            StoreError::Full => (
                Kind::Internal,
                "make room and try again; nothing was changed",
            ),
            StoreError::Damaged { .. } => (
                Kind::Internal,
                "move ostler.db aside and start anew, or restore a copy of it",
            ),
            StoreError::Migration(_) | StoreError::Row { .. } | StoreError::Database(_) => (
                Kind::Internal,
                "set OSTLER_LOG=debug and try again to see more on stderr",
            ),
        };
        Failure::new(kind, error).hint(hint)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        // Its second line says what to do.
        let text = error.to_string();
        match text.split_once('\n') {
            Some((message, hint)) => Failure::new(Kind::Invalid, message).hint(hint),
            None => Failure::new(Kind::Invalid, text),
        }
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        Failure::new(Kind::Invalid, error).hint("start ostler in a directory that is there")
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        if let AgentError::Store(error) = error {
            return error.into();
        }
        let (kind, hint) = match &error {
            AgentError::Store(_) => (Kind::Internal, None),
            AgentError::BadId(_) => (
                Kind::Invalid,
                Some("list_agents shows the ids there are".to_owned()),
            ),
            AgentError::Unknown { nearest, .. } => (
                Kind::NotFound,
                Some(match nearest.as_slice() {
                    [] => "list_agents shows the ids there are".to_owned(),
                    nearest => format!("did you mean {}?", nearest.join(", ")),
                }),
            ),
            AgentError::TooLong { .. } => (
                Kind::Invalid,
                Some("put long material into a file and tell the agent to read it".to_owned()),
            ),
            AgentError::NoProvider { known, .. } => (
                Kind::NotFound,
                Some(format!("providers here: {}", known.join(", "))),
            ),
            AgentError::Empty { .. } | AgentError::BadValue { .. } | AgentError::Budget(_) => {
                (Kind::Invalid, None)
            }
            AgentError::BadDirectory { .. } => (
                Kind::Invalid,
                Some("name a directory that is there".to_owned()),
            ),
            AgentError::TooDeep { .. } => (
                Kind::Refused,
                Some("do the work in this session".to_owned()),
            ),
            AgentError::TooMany { .. } => (
                Kind::Refused,
                Some("wait_agents, or stop_agents some first".to_owned()),
            ),
            AgentError::WrongState { status, action, .. } => (
                Kind::Conflict,
                Some(
                    match (status.is_terminal(), *action) {
                        (true, _) => "resume_agent continues an ended agent with a new prompt",
                        (false, _) => "wait_agents first, or stop_agents, or steer_agent",
                    }
                    .to_owned(),
                ),
            ),
            AgentError::Changed { .. } => (
                Kind::Conflict,
                Some("look at it again with get_agent".to_owned()),
            ),
            AgentError::Unresponsive { .. } => (
                Kind::Busy,
                Some("end that ostler process; its guard ends the agent".to_owned()),
            ),
            AgentError::Guard(_) => (
                Kind::Internal,
                Some("the ostler binary must be where it was when it started".to_owned()),
            ),
            AgentError::ShuttingDown => (Kind::Busy, None),
        };
        Failure {
            kind,
            message: error.to_string(),
            hint,
        }
    }
}
