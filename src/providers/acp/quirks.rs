//! What is known of each program beyond the protocol, as data. An agent that nobody knows gets the
//! careful row.

use std::time::Duration;

use crate::config::Flavour;
use crate::providers::{
    Capabilities, CleanSignal, InstructionSupport, ModelChoice, PermissionSupport, ResumeSupport,
    SteerSupport, StopLadder, UsageScope,
};

/// One row of the table.
pub(super) struct Quirks {
    /// The program, as a person calls it.
    pub(super) name: &'static str,
    /// What to do when it is not logged in.
    pub(super) login: &'static str,
    pub(super) capabilities: Capabilities,
    pub(super) ladder: StopLadder,
    /// What reaches the program from our environment beyond the common list.
    pub(super) inherits: &'static [&'static str],
    /// What describes the session that we run in, not the child.
    pub(super) withholds: &'static [&'static str],
    /// What is set for it.
    pub(super) env: &'static [(&'static str, &'static str)],
    /// How a model is chosen.
    pub(super) model: ModelBy,
    /// Where the name of a tool stands.
    pub(super) tool_name: ToolName,
    /// The name of a tool of a server that we gave it begins with this, the server's name and `_`.
    pub(super) server_tool: Option<&'static str>,
    /// Tools whose requests are refused without asking anybody: they change the mode of the session.
    pub(super) refused: &'static [&'static str],
    /// Calls of one step run one after another, and the id of each but the first ends with its
    /// place in the step.
    pub(super) numbers_calls: bool,
    /// A prompt that comes while another runs joins it behind the running step.
    pub(super) joins: bool,
    /// What was broken off is not in the history that the model sees next.
    pub(super) forgets: bool,
    /// The replay of a loaded session may go on behind the answer that should end it.
    pub(super) late_replay: bool,
    /// Text that begins like this was not written by the model.
    pub(super) fake_text: Option<&'static str>,
    /// A prompt that begins with one of these is a command to the program, not to the model.
    pub(super) commands: &'static [char],
    /// What the figures at the end of a prompt cover.
    pub(super) usage: UsageScope,
    /// A turn whose stream broke off ends well all the same, without a single token.
    pub(super) empty_is_lost: bool,
    /// The cost it tells is the session's, earlier runs included.
    pub(super) cost_is_session: bool,
    /// It tells the cost when a turn is about to end, and not before.
    pub(super) cost_ends_turn: bool,
    /// It leaves reports of failures among the temporary files.
    pub(super) litters: bool,
}

/// How a model is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelBy {
    /// On the command line.
    Flag,
    /// In the protocol, when the session is up.
    Protocol,
}

/// Where the name of a tool stands; the protocol has no field for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolName {
    /// Before `__` in the id of the call.
    Id,
    /// The title of the call when it is first seen.
    FirstTitle,
    /// Nowhere: the kind of the call has to do.
    Kind,
}

const CAREFUL: Capabilities = Capabilities {
    steer: SteerSupport::Restarts,
    resume: ResumeSupport::History { min_age_s: 0 },
    permissions: PermissionSupport::AsFarAsAsked,
    turns: true,
    usage: None,
    cost: false,
    structured_output: false,
    model: ModelChoice::ByName,
    effort: false,
    instructions: InstructionSupport::Prompt,
    tools: false,
    cold_start: true,
};

/// The cancel ends the shells of tools too; the known agents take up to 0.4 s for it.
const LADDER: StopLadder = StopLadder {
    leave: Duration::from_secs(2),
    interrupt: Duration::from_secs(3),
    close: Duration::from_secs(1),
    signal: Duration::from_secs(3),
    clean: CleanSignal::Terminate,
};

static PLAIN: Quirks = Quirks {
    name: "the agent",
    login: "log in with the agent's own program, outside ostler",
    capabilities: CAREFUL,
    ladder: LADDER,
    inherits: &[],
    withholds: &[],
    env: &[],
    model: ModelBy::Protocol,
    tool_name: ToolName::Kind,
    server_tool: None,
    refused: &[],
    numbers_calls: false,
    joins: false,
    forgets: true,
    late_replay: false,
    fake_text: None,
    commands: &['/'],
    usage: UsageScope::OwnSteps,
    empty_is_lost: false,
    cost_is_session: true,
    cost_ends_turn: false,
    litters: false,
};

static GEMINI: Quirks = Quirks {
    name: "Gemini CLI",
    login: "run `gemini` once and log in, or set GEMINI_API_KEY where ostler starts",
    capabilities: Capabilities {
        // It names a session's file after the minute, and wipes the file when it loads the session
        // within the minute in which the file was made.
        resume: ResumeSupport::History { min_age_s: 61 },
        permissions: PermissionSupport::Enforced,
        usage: Some(UsageScope::OwnSteps),
        tools: true,
        ..CAREFUL
    },
    ladder: StopLadder {
        // It never leaves at the end of input once a server is attached, and SIGTERM ends it cleanly.
        leave: Duration::from_millis(500),
        close: Duration::from_millis(500),
        ..LADDER
    },
    inherits: &["GEMINI_*", "GOOGLE_*", "CLOUD_SHELL"],
    withholds: &[
        "GEMINI_CLI",
        "GEMINI_CLI_SESSION_ID",
        "GEMINI_CLI_IDE_*",
        "GEMINI_SESSION_ID",
        "GEMINI_PROJECT_DIR",
        "GEMINI_CWD",
        "GEMINI_CLI_TRUST_WORKSPACE",
    ],
    env: &[
        // Else it is a parent that swallows signals and starts the program proper as its child.
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ],
    model: ModelBy::Flag,
    tool_name: ToolName::Id,
    server_tool: Some("mcp_"),
    refused: &["enter_plan_mode", "exit_plan_mode"],
    numbers_calls: true,
    joins: false,
    forgets: true,
    late_replay: true,
    fake_text: Some("[MODE_UPDATE] "),
    commands: &['/', '$'],
    usage: UsageScope::OwnSteps,
    empty_is_lost: true,
    cost_is_session: false,
    cost_ends_turn: false,
    litters: true,
};

static OPENCODE: Quirks = Quirks {
    name: "opencode",
    login: "run `opencode auth login`, or configure a provider for it",
    capabilities: Capabilities {
        steer: SteerSupport::Queued,
        permissions: PermissionSupport::Enforced,
        usage: Some(UsageScope::LastSteps),
        cost: true,
        effort: true,
        instructions: InstructionSupport::System,
        tools: true,
        ..CAREFUL
    },
    ladder: LADDER,
    inherits: &[
        "OPENCODE_*",
        "ANTHROPIC_*",
        "OPENAI_*",
        "OPENROUTER_*",
        "GEMINI_API_KEY",
        "GOOGLE_*",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY",
        "MISTRAL_API_KEY",
        "XAI_API_KEY",
        "AZURE_*",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_BEARER_TOKEN_BEDROCK",
    ],
    withholds: &["OPENCODE_PID", "OPENCODE_CLIENT", "OPENCODE_SERVER_*"],
    env: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
    model: ModelBy::Protocol,
    tool_name: ToolName::FirstTitle,
    server_tool: Some(""),
    refused: &[],
    numbers_calls: false,
    joins: true,
    forgets: false,
    late_replay: false,
    fake_text: None,
    commands: &['/'],
    usage: UsageScope::LastSteps,
    empty_is_lost: false,
    cost_is_session: true,
    cost_ends_turn: true,
    litters: false,
};

/// The row of a program.
pub(super) fn of(flavour: Flavour) -> &'static Quirks {
    match flavour {
        Flavour::Plain => &PLAIN,
        Flavour::Gemini => &GEMINI,
        Flavour::Opencode => &OPENCODE,
    }
}
