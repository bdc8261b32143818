//! The contract of all providers: what a run is launched with, what is asked of a session, what it
//! reports, and what a provider can do. Data only, and the one trait.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CommandSpec, Exit};
use crate::config::{Effort, Permission};

/// Everything a provider needs to know about one run, decided before anything starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Name of the provider in the configuration.
    pub provider: String,
    /// Model to ask for; `None` leaves the choice to the CLI.
    pub model: Option<String>,
    /// What the child may do.
    pub permission: Permission,
    /// Working directory, absolute.
    pub cwd: PathBuf,
    /// Which conversation the run belongs to.
    pub conversation: Conversation,
    /// Cost ceiling in US dollars, for providers that can hold one themselves.
    pub max_cost_usd: Option<f64>,
    /// How much the model is to think; `None` leaves it to the CLI.
    #[serde(default)]
    pub effort: Option<Effort>,
    /// The child's role, beside the CLI's own instructions; may be empty.
    #[serde(default)]
    pub instructions: String,
    /// Which of the CLI's tools the child has.
    #[serde(default)]
    pub tools: ToolRules,
}

/// Which of its CLI's tools a child has, by the CLI's own names. Tools of ostler are not meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolRules {
    /// Only these; `None` for all.
    pub allowed: Option<Vec<String>>,
    /// Not these, whatever is allowed.
    pub denied: Vec<String>,
}

impl ToolRules {
    /// Whether nothing is ruled out.
    pub fn is_empty(&self) -> bool {
        self.only().is_none() && self.denied.is_empty()
    }

    /// The only tools that are allowed; `None` when all are.
    pub fn only(&self) -> Option<&[String]> {
        let allowed = self.allowed.as_deref()?;
        (!allowed.iter().any(|entry| entry.trim() == "*")).then_some(allowed)
    }
}

/// The provider's own session behind a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Conversation {
    /// A new session under an id that we chose.
    Fresh {
        /// The id of the new session, a UUID.
        session: String,
    },
    /// The history of an earlier session, carried on under a new id where the provider takes one.
    Continued {
        /// The id of the session whose history is carried on.
        from: String,
        /// The id of the new session, a UUID.
        session: String,
        /// When a process last began to write to the earlier session, in milliseconds since the
        /// Unix epoch; see [`ResumeSupport::History`].
        #[serde(default)]
        begun_ms: i64,
    },
}

impl Conversation {
    /// The id of the session that the run writes to.
    pub fn session(&self) -> &str {
        match self {
            Conversation::Fresh { session } | Conversation::Continued { session, .. } => session,
        }
    }
}

/// An MCP server that a child is given beside its own: a process that speaks over stdio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServer {
    /// Its name, as the model sees it.
    pub name: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables it needs. CLIs pass only part of their environment on to servers.
    pub env: BTreeMap<String, String>,
}

/// When a steering message should reach the model.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Break off what the model is writing.
    Now,
    /// With the next tool result of the running turn, else as a new turn.
    #[default]
    NextStep,
    /// As a new turn after the running one.
    AfterTurn,
}

/// What is asked of a child session.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The first message of the run.
    Prompt(String),
    /// A message into the running session; `id` comes back in [`Event::SteerDelivered`].
    Steer {
        /// Receipt id.
        id: String,
        /// The text for the model.
        text: String,
        /// When it should arrive.
        when: When,
    },
    /// Break off the running turn and withdraw what was not delivered.
    Interrupt,
    /// The decision about an [`Event::PermissionAsked`] or an [`Event::QuestionAsked`].
    Answer {
        /// The request that is answered.
        request: String,
        /// What was decided.
        decision: Decision,
    },
    /// Report the cost so far, where the provider tells it only when asked.
    AskUsage,
    /// No more input will follow.
    Close,
}

/// The answer to a permission request or a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let the call through.
    Allow,
    /// Refuse it; the reason is shown to the model.
    Deny(String),
    /// What was answered to a question.
    Reply(String),
}

/// What goes to the child's standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One line, without its line end.
    Line(String),
    /// Text exactly as it is.
    Text(String),
    /// End of input.
    Close,
}

/// What a child session reports, the same for every provider.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The session is up.
    Started {
        /// The provider's session id, where it has one.
        session: String,
        /// The model that answers, where known.
        model: String,
    },
    /// One model step (assistant message) has begun.
    Stepped,
    /// Text that the model wrote for its reader.
    Text {
        /// The text.
        text: String,
    },
    /// Text of the model's reasoning.
    Thought {
        /// The text.
        text: String,
    },
    /// A tool call was sent by the model.
    ToolStarted {
        /// Pairs the call with its end.
        id: String,
        /// The tool's name.
        name: String,
        /// Its arguments.
        input: serde_json::Value,
        /// The command line, when the tool is a shell.
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<String>,
    },
    /// A tool has written a file.
    FileChanged {
        /// The path as the tool named it.
        path: String,
    },
    /// A tool call came back.
    ToolEnded {
        /// Pairs the end with its call.
        id: String,
        /// Whether the tool reported success.
        ok: bool,
        /// Exit code of a shell command, where the protocol shows it.
        exit_code: Option<i32>,
        /// What the tool answered.
        output: String,
    },
    /// The child wants to call a tool and waits for our decision.
    PermissionAsked {
        /// To be named in the answer.
        request: String,
        /// Why we are asked.
        gate: Gate,
        /// The call this is about, where known.
        call: String,
        /// The tool's name.
        tool: String,
        /// Its arguments.
        input: serde_json::Value,
        /// What the call does, as far as the protocol says.
        reach: Reach,
        /// The files that the call would write, or read if that is all it does.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
    },
    /// The child asks something that only words answer, and waits for them.
    QuestionAsked {
        /// To be named in the answer.
        request: String,
        /// The question with its choices, as text.
        question: String,
    },
    /// The provider withdrew an [`Event::PermissionAsked`] or an [`Event::QuestionAsked`].
    PermissionWithdrawn {
        /// The request that needs no answer any more.
        request: String,
    },
    /// A tool call was refused by the CLI itself, without asking us.
    Denied {
        /// The call that was refused, where known.
        call: String,
        /// The tool's name.
        tool: String,
    },
    /// Tokens and cost of this process so far (cumulative).
    Usage(Usage),
    /// A steering message has reached the model.
    SteerDelivered {
        /// The receipt id of the steer.
        id: String,
        /// How it came to the model.
        how: Arrival,
    },
    /// The provider tries again by itself after a failure of the model API.
    Retrying {
        /// What failed.
        reason: String,
        /// Which attempt comes next, from 1.
        attempt: u32,
        /// What kind of failure, where the provider tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<FailureClass>,
    },
    /// The protocol's own end of a turn, with success.
    TurnEnded {
        /// The final text of the turn; may be empty.
        text: String,
        /// True when input that was already sent starts another turn by itself.
        more_follows: bool,
    },
    /// The protocol's own end of a turn that was broken off on request.
    TurnInterrupted {
        /// True when input that was already sent starts another turn by itself.
        more_follows: bool,
    },
    /// A limit that the provider itself holds was reached.
    LimitReached {
        /// Name of the limit.
        limit: String,
    },
    /// The session cannot go on.
    Failed(Failure),
    /// Output that means nothing in the protocol.
    Noise {
        /// The beginning of the line.
        line: String,
    },
}

/// Which question a [`Event::PermissionAsked`] puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Every call passes here before the CLI applies its own rules; `Allow` means "no objection".
    Policy,
    /// The CLI's own rules allow the call only if we do.
    Approval,
}

/// What a tool call that asks for permission does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It only looks, at the files named with it if it names any.
    Reads,
    /// It writes the files named with it, and does nothing else.
    Edits,
    /// Anything: a command, a network request, a tool that nobody knows.
    Acts,
}

/// How a steering message came to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// Within the turn that ran.
    SameTurn,
    /// As a turn of its own, behind the one before.
    NewTurn,
    /// The running turn was broken off and its task stated again with the message, because the
    /// agent forgets what it has broken off.
    Restarted,
}

/// Tokens and cost, cumulative for the child process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens that were not read from a cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to the prompt cache.
    pub cache_write_tokens: u64,
    /// US dollars as the provider reckons them; `None` when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// False while the figures are a running estimate from message starts.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// What the figures cover.
    pub scope: UsageScope,
}

impl Usage {
    /// The same with a cost of whole millionths of a dollar: sums of prices carry noise behind that.
    #[must_use]
    pub(crate) fn rounded(mut self) -> Self {
        self.cost_usd = self.cost_usd.map(|usd| (usd * 1e6).round() / 1e6);
        self
    }

    /// Tokens that count as work done: cache reads repeat the same prefix each step and do not.
    pub fn work_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.cache_write_tokens)
    }
}

/// What tokens and cost cover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageScope {
    /// One run, with the sub-agents that the CLI itself started in it.
    #[default]
    Run,
    /// One run without the CLI's own sub-agents, whose tokens it does not tell.
    OwnSteps,
    /// The last model step of each turn only: a lower bound.
    LastSteps,
}

/// Why a session cannot go on, in the same words for every provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The program is not there or may not be executed.
    NotInstalled,
    /// No key, a wrong key or an expired login.
    NotLoggedIn,
    /// The model does not exist or is not open to this account.
    BadModel,
    /// Too many requests.
    RateLimited,
    /// The service is overloaded.
    Overloaded,
    /// The account's means are used up.
    Quota,
    /// The conversation no longer fits the model's context.
    ContextFull,
    /// The service cannot be reached.
    Network,
    /// The child does not speak the protocol, or broke off without an end event.
    Protocol,
    /// The process ended on its own without an end event.
    Crashed,
    /// The process runs and does not answer.
    Hung,
    /// The conversation to carry on is not there.
    SessionLost,
    /// Anything else, told in the message.
    Other,
}

/// A failure with what a person can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub class: FailureClass,
    /// What happened and what to do next.
    pub message: String,
    /// Seconds after which the service wants to be asked again, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

impl Failure {
    /// A failure for which no time to try again is known.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            retry_after_s: None,
        }
    }
}

/// How a provider takes messages while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SteerSupport {
    /// Into the running turn: with the next tool result, or at once.
    Injected,
    /// Into the agent's own queue: behind the running step.
    Queued,
    /// Behind the running turn. `now` breaks the turn off, and since the agent forgets it, states
    /// its task again.
    Restarts,
    /// Not at all.
    None,
}

/// How a provider continues an ended session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeSupport {
    /// With its history, from the same directory.
    History {
        /// Seconds that have to pass since a process began to write to the session; 0 for none.
        min_age_s: u32,
    },
    /// As a new session that sees only the new prompt.
    Restarts,
}

/// What becomes of calls that need a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionSupport {
    /// The CLI itself holds `read_only` and `edit`, and asks about what goes beyond.
    Enforced,
    /// As far as the agent asks; what it does unasked is not held.
    AsFarAsAsked,
    /// Nothing is held.
    None,
}

/// How a model can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// By any name that the CLI knows.
    ByName,
    /// Not by us: the agent's own configuration decides.
    None,
}

/// How a child's role comes to its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InstructionSupport {
    /// With the CLI's own instructions.
    System,
    /// In front of the first prompt.
    Prompt,
}

/// What a provider can do, as data to be shown and never faked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Messages into a running session.
    pub steer: SteerSupport,
    /// Continuing an ended session.
    pub resume: ResumeSupport,
    /// How `permission` is held.
    pub permissions: PermissionSupport,
    /// Whether model steps are reported, so that `max_turns` can hold.
    pub turns: bool,
    /// What reported tokens cover; `None` when none are reported.
    pub usage: Option<UsageScope>,
    /// Whether cost is reported.
    pub cost: bool,
    /// Whether the model's final answer can be bound to a JSON schema by the CLI itself.
    pub structured_output: bool,
    /// Choosing a model.
    pub model: ModelChoice,
    /// Whether the model's effort can be chosen, as far as the model knows levels.
    pub effort: bool,
    /// How a role is given.
    pub instructions: InstructionSupport,
    /// Whether tools can be withheld by name.
    pub tools: bool,
    /// Whether a start keeps a core busy for a while, so that starts are staggered, and whether the
    /// session says when it is up.
    pub cold_start: bool,
}

/// How long each step of ending a session may take before the next, harder one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopLadder {
    /// After the end of input of a session whose work is done.
    pub leave: Duration,
    /// After the interrupt of the protocol; zero when there is none.
    pub interrupt: Duration,
    /// After the end of input of a session that is stopped.
    pub close: Duration,
    /// After the provider's clean signal.
    pub signal: Duration,
    /// The clean signal.
    pub clean: CleanSignal,
}

/// The signal that a provider takes as a request to clean up and leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CleanSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// A provider's protocol, without IO.
pub trait Codec: Send {
    /// What to write to the child for `command`.
    fn send(&mut self, command: Command) -> Vec<Input>;
    /// What a line of the child's standard output means, and what has to be answered to it at once.
    fn receive(&mut self, line: &str) -> Vec<Event>;
    /// A line over the limit came; only its beginning was kept.
    fn receive_cut(&mut self, _beginning: &str, _bytes: u64) -> Vec<Event> {
        Vec::new()
    }
    /// Lines that answer what was received and need no decision; asked for after each line.
    fn replies(&mut self) -> Vec<Input> {
        Vec::new()
    }
    /// What the end of the process means.
    fn exited(&mut self, exit: &Exit) -> Vec<Event>;
}

/// A provider, ready to start one run.
pub struct Provider {
    /// The process to start.
    pub command: CommandSpec,
    /// Its protocol.
    pub codec: Box<dyn Codec>,
    /// How it is ended.
    pub ladder: StopLadder,
    /// Files that the program is to read.
    pub files: Vec<PlacedFile>,
    /// Whether its temporary files are kept together and go with the session, because the program
    /// leaves them lying.
    pub keeps_temporaries: bool,
}

/// A file for the child, which stands in a private directory as long as its session lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// How the program is told of its path.
    pub told_by: ToldBy,
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub text: String,
}

/// How a program is told of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// With this argument before it.
    Flag(&'static str),
    /// In this variable.
    Variable(&'static str),
}
