//! How the process is started and ended.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::json;

use super::tools;
use crate::config::{ClaudeProvider, Permission};
use crate::providers::{
    CleanSignal, CommandSpec, Conversation, Environment, Launch, McpServer, StopLadder,
};

/// SIGTERM, SIGHUP and SIGKILL orphan the shell tools, which run in sessions of their own; an
/// interrupt in the protocol, or SIGINT, ends them (within 1.6 s even when they trap SIGTERM).
/// After the end of input it waits 5 s for background shells, so that rung is short in a stop.
/// A session whose work is done gets longer.
pub(super) const LADDER: StopLadder = StopLadder {
    leave: Duration::from_secs(8),
    interrupt: Duration::from_secs(3),
    close: Duration::from_secs(2),
    signal: Duration::from_secs(2),
    clean: CleanSignal::Interrupt,
};

/// What reaches the CLI from our environment beyond the common list.
const INHERITS: &[&str] = &[
    "ANTHROPIC_*",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_*",
    "DISABLE_*",
    "MAX_THINKING_TOKENS",
    "MAX_MCP_OUTPUT_TOKENS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "BASH_MAX_TIMEOUT_MS",
    "BASH_MAX_OUTPUT_LENGTH",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_BEARER_TOKEN_BEDROCK",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CLOUD_ML_REGION",
];

/// How often it tries again by itself, if the user does not say. Its own ten are too many for a
/// service that turns a whole fan-out away: what comes after is a matter of the provider's pace.
const RETRIES: (&str, &str) = ("CLAUDE_CODE_MAX_RETRIES", "4");

/// What describes the session that we run in, not the child.
const WITHHOLDS: &[&str] = &[
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS_OVERRIDE",
];

/// Tools that need a person at a terminal, or outlive the run.
const UNATTENDED: &[&str] = &[
    "AskUserQuestion",
    "EnterPlanMode",
    "ExitPlanMode",
    "EnterWorktree",
    "ExitWorktree",
    "CronCreate",
    "CronDelete",
    "CronList",
    "ScheduleWakeup",
];
/// What a reading agent is offered at all: a list that a new tool of a later CLI is not on.
const READING: &[&str] = &[
    "Read",
    "Grep",
    "Glob",
    "Bash",
    "WebFetch",
    "WebSearch",
    "Task",
    "TaskOutput",
    "TaskStop",
];
/// Where the user's own choice of effort would stand above ours.
const EFFORT: &str = "CLAUDE_CODE_EFFORT_LEVEL";

pub(super) fn command(
    config: &ClaudeProvider,
    launch: &Launch,
    servers: &[McpServer],
) -> CommandSpec {
    let mut words = config.command.iter().map(OsString::from);
    let program = words.next().unwrap_or_else(|| "claude".into());
    let mut args: Vec<OsString> = words.collect();
    let mut add = |parts: &[&str]| args.extend(parts.iter().map(OsString::from));

    add(&[
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ]);
    // The replay of a line is the receipt of its delivery.
    add(&["--replay-user-messages"]);
    // A child has no use for the user's other servers.
    add(&["--strict-mcp-config"]);
    if !servers.is_empty() {
        add(&["--mcp-config", &mcp_config(servers)]);
        for server in servers {
            add(&["--allowedTools", &format!("mcp__{}", server.name)]);
        }
    }
    add(&["--permission-prompt-tool", "stdio"]);
    match &launch.conversation {
        Conversation::Fresh { session } => add(&["--session-id", session]),
        Conversation::Continued { from, session, .. } => {
            add(&["--resume", from, "--fork-session", "--session-id", session]);
        }
    }
    if let Some(model) = launch.model.as_ref().or(config.model.as_ref()) {
        add(&["--model", model]);
    }
    if let Some(usd) = launch.max_cost_usd {
        add(&["--max-budget-usd", &usd.to_string()]);
    }
    let sources = config.setting_sources.join(",");
    match launch.permission {
        Permission::ReadOnly => {
            // Without the user's own allow rules, what runs unasked is what the CLI itself knows
            // to be reading.
            add(&["--permission-mode", "default", "--setting-sources", ""]);
        }
        Permission::Edit => {
            add(&[
                "--permission-mode",
                "acceptEdits",
                "--setting-sources",
                &sources,
            ]);
        }
        // Not `bypassPermissions`: it refuses to run as root, and silences the permission prompt,
        // which we answer ourselves.
        Permission::Full => {
            add(&[
                "--permission-mode",
                "acceptEdits",
                "--setting-sources",
                &sources,
            ]);
        }
    }
    let base = (launch.permission == Permission::ReadOnly).then_some(READING);
    if let Some(tools) = tools::offered(&launch.tools, base) {
        add(&["--tools", &tools]);
    }
    add(&["--disallowedTools", &UNATTENDED.join(",")]);
    // Each by itself, so that none can hide in the brackets of another.
    add(&tools::withheld(&launch.tools, servers));

    let mut env: Environment = config.env.clone();
    if let Some(effort) = launch.effort {
        add(&["--effort", effort.as_str()]);
        env.insert(EFFORT.to_owned(), effort.as_str().to_owned());
    }
    env.insert("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned());
    env.insert(
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".to_owned(),
        "1".to_owned(),
    );
    if std::env::var_os(RETRIES.0).is_none() {
        let (name, count) = RETRIES;
        env.entry(name.to_owned())
            .or_insert_with(|| count.to_owned());
    }
    CommandSpec {
        program,
        args,
        inherits: INHERITS,
        withholds: WITHHOLDS,
        env,
        cwd: launch.cwd.clone(),
    }
}

fn mcp_config(servers: &[McpServer]) -> String {
    let servers: serde_json::Map<String, serde_json::Value> = servers
        .iter()
        .map(|server| {
            let entry = json!({
                "type": "stdio",
                "command": server.command,
                "args": server.args,
                "env": server.env,
                "alwaysLoad": true,
            });
            (server.name.clone(), entry)
        })
        .collect();
    json!({ "mcpServers": servers }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::ProviderConfig;
    use crate::providers::ToolRules;

    fn args(permission: Permission, conversation: Conversation) -> String {
        let Some(ProviderConfig::Claude(config)) =
            Config::default().providers.get("claude").cloned()
        else {
            panic!("claude is built in")
        };
        let launch = Launch {
            provider: "claude".to_owned(),
            model: Some("haiku".to_owned()),
            permission,
            cwd: "/".into(),
            conversation,
            max_cost_usd: Some(0.5),
            effort: None,
            instructions: String::new(),
            tools: ToolRules::default(),
        };
        let spec = command(&config, &launch, &[]);
        spec.args.join(" ".as_ref()).to_string_lossy().into_owned()
    }

    fn fresh() -> Conversation {
        Conversation::Fresh {
            session: "NEW".to_owned(),
        }
    }

    #[test]
    fn read_only_has_no_editing_tools_and_no_foreign_allow_rules() {
        let args = args(Permission::ReadOnly, fresh());
        assert!(
            args.contains("--permission-mode default --setting-sources  --tools Read,"),
            "{args}"
        );
        assert!(!args.contains("Write") && !args.contains("Edit"), "{args}");
        assert!(
            args.contains("--model haiku --max-budget-usd 0.5"),
            "{args}"
        );
    }

    #[test]
    fn editing_loads_the_settings_of_the_user() {
        let args = args(Permission::Edit, fresh());
        assert!(
            args.contains("acceptEdits --setting-sources user,project,local"),
            "{args}"
        );
        assert!(!args.contains(",Write"), "{args}");
    }

    #[test]
    fn a_continued_conversation_is_forked_under_a_new_id() {
        let conversation = Conversation::Continued {
            from: "OLD".to_owned(),
            session: "NEW".to_owned(),
            begun_ms: 0,
        };
        let args = args(Permission::Full, conversation);
        assert!(
            args.contains("--resume OLD --fork-session --session-id NEW"),
            "{args}"
        );
    }
}
