//! How a failure is told to whoever called: a kind, a message, and what to do next. Tool texts,
//! command-line texts and exit codes all follow from it. A model is told of tools and a person of
//! commands.

mod context;
mod meaning;
mod memory;
mod tasks;
mod transfer;

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::agents::{AgentError, Status};
use crate::config::ConfigError;
use crate::ids::{AgentId, AskId, BadId};
use crate::project::ProjectError;
use crate::store::StoreError;
use crate::workspaces::NoWorkspace;
use crate::workspaces::integrate::IntegrateError;

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
    /// The machine or ostler failed.
    Internal,
}

impl Kind {
    /// The exit code of the command line: 2 for wrong input, 3 not found, 4 conflict, 5 busy,
    /// 6 refused, 70 internal.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Invalid => 2,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Busy => 5,
            Kind::Refused => 6,
            Kind::Internal => 70,
        }
    }
}

/// What to do next, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    model: String,
    person: String,
}

impl Hint {
    /// Advice that names a tool to a model and a command to a person.
    pub fn of_each(model: impl Into<String>, person: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            person: person.into(),
        }
    }
}

impl<T: Into<String>> From<T> for Hint {
    fn from(both: T) -> Self {
        let both = both.into();
        Hint::of_each(both.clone(), both)
    }
}

/// A failure as it is shown; displayed it is what a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What went wrong, in one line.
    pub message: String,
    /// What to do next.
    pub hint: Option<Hint>,
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
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure as a model reads it.
    pub fn for_model(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n{}", self.message, hint.model),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{}", hint.person),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Where ids of the kind that was expected are to be seen.
fn ids_like(error: &BadId) -> Hint {
    match error.is_of_request() {
        true => Hint::of_each(
            "wait_agents shows open requests under `waiting`",
            "`ostler agents show` names the open requests of an agent",
        ),
        false => known_ids(),
    }
}

fn known_ids() -> Hint {
    Hint::of_each(
        "list_agents shows the ids there are",
        "`ostler agents list --all-projects` shows the ids there are",
    )
}

impl From<BadId> for Failure {
    fn from(error: BadId) -> Self {
        let hint = ids_like(&error);
        Failure::new(Kind::Invalid, error).hint(hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if let StoreError::Directory { path, source } = &error
            && let Some(file) = file_in_the_way(path, source.kind())
        {
            let (path, file) = (path.display(), file.display());
            let message = format!(
                "the state directory {path} cannot be used: {file} is a file, not a directory"
            );
            return Failure::new(Kind::Internal, message)
                .hint("set OSTLER_HOME to a directory; nothing was changed");
        }
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

/// The nearest part of `path` that is there, when the system says that it is no directory.
fn file_in_the_way(path: &Path, kind: ErrorKind) -> Option<&Path> {
    if !matches!(kind, ErrorKind::NotADirectory | ErrorKind::AlreadyExists) {
        return None;
    }
    let there = path.ancestors().find(|part| part.exists())?;
    (!there.is_dir()).then_some(there)
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
        let error = match error {
            AgentError::Store(error) => return error.into(),
            AgentError::Task(error) => return error.into(),
            AgentError::Memory(error) => return error.into(),
            error => error,
        };
        Failure {
            kind: kind_of(&error),
            message: error.to_string(),
            hint: hint_for(&error),
        }
    }
}

fn kind_of(error: &AgentError) -> Kind {
    match error {
        AgentError::BadId(_)
        | AgentError::Empty { .. }
        | AgentError::NothingToMerge
        | AgentError::TooLong { .. }
        | AgentError::BadValue { .. }
        | AgentError::Budget(_)
        | AgentError::BadDefinition { .. }
        | AgentError::BadDirectory { .. } => Kind::Invalid,
        AgentError::Ambiguous { .. } | AgentError::IsGroup { .. } => Kind::Invalid,
        AgentError::Context(bad) => context::kind_of(bad),
        AgentError::NoDefinition { .. }
        | AgentError::Unknown { .. }
        | AgentError::NotNamed { .. }
        | AgentError::NoGroup { .. }
        | AgentError::NoProvider { .. }
        | AgentError::NoAsk { .. }
        | AgentError::NoStructured { .. } => Kind::NotFound,
        AgentError::DefinitionExists { .. } => Kind::Conflict,
        AgentError::Unwritable { .. } => Kind::Internal,
        AgentError::TooDeep { .. }
        | AgentError::TooMany { .. }
        | AgentError::NoRoomForGroup { .. }
        | AgentError::ForPerson { .. }
        | AgentError::NotForAgents { .. }
        | AgentError::NoSubagents
        | AgentError::NotASubagent { .. }
        | AgentError::Wider { .. }
        | AgentError::Outside { .. }
        | AgentError::Short { .. }
        | AgentError::Ending
        | AgentError::NotForYou { .. } => Kind::Refused,
        AgentError::TooFast { .. } => Kind::Busy,
        AgentError::WrongState { .. }
        | AgentError::Changed { .. }
        | AgentError::AskSettled { .. } => Kind::Conflict,
        AgentError::NoWorkspace(NoWorkspace::NoGit(_)) => Kind::Internal,
        AgentError::NoWorkspace(_) | AgentError::Misfit { .. } => Kind::Invalid,
        AgentError::NotAnAgent | AgentError::Unanswered { .. } | AgentError::NoResultWanted => {
            Kind::Refused
        }
        AgentError::Unresponsive { .. } | AgentError::ShuttingDown => Kind::Busy,
        AgentError::HostOnly { .. } => Kind::Refused,
        AgentError::NoRepository { .. } => Kind::Invalid,
        AgentError::NoBranch { .. } | AgentError::Integrate(IntegrateError::CheckedOut { .. }) => {
            Kind::Conflict
        }
        AgentError::Guard(_)
        | AgentError::Store(_)
        | AgentError::Task(_)
        | AgentError::Memory(_)
        | AgentError::Integrate(_)
        | AgentError::Workspace(_) => Kind::Internal,
    }
}

fn hint_for(error: &AgentError) -> Option<Hint> {
    Some(match error {
        AgentError::BadId(error) => ids_like(error),
        AgentError::Context(bad) => context::hint_for(bad),
        AgentError::Unknown { nearest, .. } => match nearest.as_slice() {
            [] => known_ids(),
            nearest => format!("did you mean {}?", nearest.join(", ")).into(),
        },
        AgentError::NotNamed { nearest, .. } => match nearest.as_slice() {
            [] => known_ids(),
            nearest => format!("did you mean {}?", nearest.join(" or ")).into(),
        },
        AgentError::Ambiguous { candidates, .. } => {
            format!("name one by its id: {}", candidates.join(", ")).into()
        }
        AgentError::IsGroup { members, .. } => {
            let members: Vec<&str> = members.iter().map(AgentId::as_str).collect();
            format!("name one of its agents: {}", members.join(", ")).into()
        }
        AgentError::NoGroup { .. } => known_ids(),
        AgentError::NotForAgents { .. } => "leave it to the person at the session".into(),
        AgentError::TooLong {
            field: "result", ..
        } => "put long material into a file and name it in the result".into(),
        AgentError::TooLong { .. } => {
            "put long material into a file and tell the agent to read it".into()
        }
        AgentError::BadValue {
            field: "cursor", ..
        } => "give back `next_cursor` of the last reply, or leave it out".into(),
        AgentError::BadValue { field: "model", .. } => {
            "a name has no spaces, as in \"opus\"".into()
        }
        AgentError::NoProvider { name, known } => match near(name, known) {
            Some(near) => format!("did you mean `{near}`?").into(),
            None => format!("providers here: {}", known.join(", ")).into(),
        },
        AgentError::NoDefinition { nearest, known, .. } => match nearest.as_slice() {
            [] => format!("definitions here: {}", some_of(known)).into(),
            nearest => format!("did you mean {}?", nearest.join(", ")).into(),
        },
        AgentError::BadDefinition { .. } => Hint::of_each(
            "mend that file, or leave `agent` out; list_agents with `definitions` shows all",
            "mend that file; `ostler agents definitions` shows all",
        ),
        AgentError::DefinitionExists { .. } => "edit it, or replace it with `--force`".into(),
        AgentError::BadValue {
            field: "decision", ..
        } => Hint::of_each(
            "`decision` for a permission, `text` alone for a question",
            "`allow` or `deny` for a permission, `--text` for a question",
        ),
        AgentError::NoAsk { open, .. } => match open.as_slice() {
            [] => "it waits for nothing now".into(),
            open => {
                let open: Vec<&str> = open.iter().map(AskId::as_str).collect();
                format!("it waits for an answer to {}", open.join(", ")).into()
            }
        },
        AgentError::AskSettled { .. } => Hint::of_each(
            "the first answer holds; steer_agent sends a message, stop_agents ends the agent",
            "the first answer holds; `ostler agents stop` ends the agent",
        ),
        AgentError::NotAnAgent => "ask the person at this session".into(),
        AgentError::Unanswered { .. } => {
            "decide yourself, and say in your answer what you decided".into()
        }
        AgentError::NoStructured { .. } => Hint::of_each(
            "get_agent shows its words; only an agent with `output_schema` hands something in",
            "`ostler agents show` prints its words",
        ),
        AgentError::NoResultWanted => "give your answer in words".into(),
        AgentError::Misfit { tries_left: 0, .. } => {
            "that was one too many: stop trying and give your final answer in words".into()
        }
        AgentError::Misfit { .. } => "mend what is named and call submit_result again".into(),
        AgentError::ForPerson { .. } => {
            "go on; the person at this session is asked and wait_agents waits for the answer".into()
        }
        AgentError::BadDirectory { .. } => "name a directory that is there".into(),
        AgentError::NoWorkspace(why) => how_to_isolate(why).into(),
        AgentError::TooDeep { .. } | AgentError::NoSubagents | AgentError::Ending => {
            "do the work in this session".into()
        }
        AgentError::NotASubagent { allowed, .. } => {
            format!("name one of them as `agent`: {}", allowed.join(", ")).into()
        }
        AgentError::Wider { .. } => "leave it out, or ask for no more than that".into(),
        AgentError::Outside { .. } => "name a directory within it, or leave it out".into(),
        AgentError::Short { asked: Some(_), .. } => {
            "ask for less, leave it out, or wait until others have ended".into()
        }
        AgentError::Short { .. } => "finish the work in this session".into(),
        AgentError::TooFast { .. } => "wait a minute; collect what has been started".into(),
        AgentError::NotForYou { .. } => "go on; wait_agents waits for the answer".into(),
        AgentError::TooMany { .. } | AgentError::NoRoomForGroup { .. } => Hint::of_each(
            "wait_agents, or stop_agents some first",
            "wait until some have ended, or end some with `ostler agents stop`",
        ),
        AgentError::WrongState { status, .. } => what_it_allows(*status),
        AgentError::Changed { .. } => Hint::of_each(
            "look at it again with get_agent",
            "look at it again with `ostler agents show`",
        ),
        AgentError::Unresponsive { .. } => {
            "end that ostler process; its guard ends the agent".into()
        }
        AgentError::HostOnly { .. } => {
            "say in your result what is left for that session to do".into()
        }
        AgentError::NoRepository { .. } => {
            "go to a directory of the repository that the work is in, or begin one with `git init`"
                .into()
        }
        AgentError::NoBranch { .. } => Hint::of_each(
            "nothing was changed; leave it out, or see to it first (get_agent names its working tree)",
            "nothing was changed; leave it out, or see to it first",
        ),
        AgentError::Integrate(IntegrateError::CheckedOut { .. }) => {
            "check out another branch there, and start it again".into()
        }
        AgentError::Integrate(_) | AgentError::Workspace(_) => {
            "see to what git says and try again".into()
        }
        AgentError::Guard(_) => "the ostler binary must be where it was when it started".into(),
        AgentError::NothingToMerge => "name ended agents that worked in worktrees".into(),
        AgentError::Empty { .. }
        | AgentError::Unwritable { .. }
        | AgentError::BadValue { .. }
        | AgentError::Budget(_)
        | AgentError::ShuttingDown
        | AgentError::Task(_)
        | AgentError::Memory(_)
        | AgentError::Store(_) => return None,
    })
}

fn how_to_isolate(why: &NoWorkspace) -> &'static str {
    match why {
        NoWorkspace::NoRepository { .. } => {
            "name a `cwd` in a repository, or leave `isolation` out to work in the directory itself"
        }
        NoWorkspace::Bare { .. } => "name a `cwd` in one of its working trees",
        NoWorkspace::NoCommit { .. } => "make a first commit, or leave `isolation` out",
        NoWorkspace::Conflicts { .. } => {
            "resolve them, or take `isolation` worktree to start from the last commit"
        }
        NoWorkspace::BranchInTheWay => "rename it: git branch -m ostler <new name>",
        NoWorkspace::StateInside { .. } => "set OSTLER_HOME to a directory outside of it",
        NoWorkspace::NoGit(_) => "install git, or leave `isolation` out",
        NoWorkspace::Git { .. } => "mend what it says, or leave `isolation` out",
    }
}

/// As many names as one line holds.
fn some_of(names: &[String]) -> String {
    const MANY: usize = 20;
    let mut shown: Vec<&str> = names.iter().take(MANY).map(String::as_str).collect();
    if names.len() > MANY {
        shown.push("…");
    }
    shown.join(", ")
}

fn what_it_allows(status: Status) -> Hint {
    match status.is_terminal() {
        true => Hint::of_each(
            "resume_agent continues an ended agent with a new prompt",
            "`ostler agents show` prints what it has done",
        ),
        false => Hint::of_each(
            "wait_agents first, or stop_agents, or steer_agent",
            "wait until it has ended, or end it with `ostler agents stop`",
        ),
    }
}

/// The name that `given` was meant to be: at most one slip in four characters.
fn near<'a>(given: &str, known: &'a [String]) -> Option<&'a str> {
    // What is longer than any name is no slip, and not worth the comparison.
    let given: String = given.chars().take(64).collect();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&given, name), name.as_str()))
        .filter(|(slips, name)| slips * 4 <= name.chars().count())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_provider(name: &str) -> Failure {
        let known = ["claude", "echo"].map(str::to_owned).to_vec();
        let name = name.to_owned();
        AgentError::NoProvider { name, known }.into()
    }

    #[test]
    fn a_model_is_told_of_tools_and_a_person_of_commands() {
        let failure = Failure::from(AgentId::parse("seven").unwrap_err());
        assert!(
            failure
                .for_model()
                .ends_with("\nlist_agents shows the ids there are")
        );
        assert!(
            failure
                .to_string()
                .ends_with("\n`ostler agents list --all-projects` shows the ids there are")
        );
    }

    #[test]
    fn who_mistypes_a_request_is_told_where_requests_are_shown() {
        let failure = Failure::from(crate::ids::AskId::parse("x").unwrap_err());
        let told = failure.for_model();
        assert!(
            told.ends_with("\nwait_agents shows open requests under `waiting`"),
            "{told}"
        );
    }

    #[test]
    fn a_slip_in_a_provider_is_told_apart_from_another_word() {
        for slip in ["claud", "cluade", "Claude", "ech"] {
            assert!(no_provider(slip).to_string().contains("did you mean `"));
        }
        for other in ["gpt", "codex", "", "claude code"] {
            let told = no_provider(other).to_string();
            assert!(told.ends_with("\nproviders here: claude, echo"), "{told}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_is_told_what_can() {
        let of = |field| {
            let problem = "is none".to_owned();
            Failure::from(AgentError::BadValue { field, problem }).for_model()
        };
        assert_eq!(
            of("cursor"),
            "`cursor` is none\ngive back `next_cursor` of the last reply, or leave it out"
        );
        assert_eq!(
            of("model"),
            "`model` is none\na name has no spaces, as in \"opus\""
        );
        assert_eq!(of("label"), "`label` is none");
    }

    #[test]
    fn a_file_where_the_state_should_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below/it")] {
            let source = std::fs::create_dir_all(&path).unwrap_err();
            let failure = Failure::from(StoreError::Directory { path, source });
            let told = format!("{} is a file, not a directory", file.display());
            assert!(failure.message.ends_with(&told), "{failure}");
        }
    }
}
