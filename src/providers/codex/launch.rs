//! How the process is started and ended, and what its thread is opened with.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::{CodexProvider, Effort, Permission};
use crate::providers::command::inherited_names;
use crate::providers::{CleanSignal, CommandSpec, Conversation, Launch, McpServer, StopLadder};

/// The end of input ends everything within 0.1 s, also in the middle of a shell command, and is
/// written down in the history. An interrupt in the protocol would leave running commands behind.
pub(super) const LADDER: StopLadder = StopLadder {
    leave: Duration::from_secs(5),
    interrupt: Duration::ZERO,
    close: Duration::from_secs(3),
    signal: Duration::from_secs(2),
    clean: CleanSignal::Terminate,
};

/// What reaches the CLI from our environment beyond the common list. Not `CODEX_*`: much of that
/// describes the session that we may run in.
const INHERITS: &[&str] = &[
    "CODEX_HOME",
    "CODEX_SQLITE_HOME",
    "CODEX_CA_CERTIFICATE",
    "OPENAI_*",
    "AZURE_OPENAI_*",
];

/// How long a server that a child is given may take over one call. Waiting is what some are for.
const TOOL_TIMEOUT_S: u32 = 3600;

pub(super) fn command(config: &CodexProvider, launch: &Launch) -> CommandSpec {
    let mut words = config.command.iter().map(OsString::from);
    let program = words.next().unwrap_or_else(|| "codex".into());
    let path = config.env.get("PATH").map(OsString::from);
    let path = path.or_else(|| std::env::var_os("PATH"));
    let program = native(&program, path).unwrap_or(program);
    let mut args: Vec<OsString> = words.collect();
    args.push("app-server".into());
    CommandSpec {
        program,
        args,
        inherits: INHERITS,
        withholds: &[],
        env: config.env.clone(),
        cwd: launch.cwd.clone(),
    }
}

/// The native executable behind npm's wrapper. Killing the wrapper would leave it running, and with
/// an older Node it costs a process.
fn native(program: &OsString, path: Option<OsString>) -> Option<OsString> {
    let found = if Path::new(program).is_absolute() {
        PathBuf::from(program)
    } else if Path::new(program).components().count() == 1 {
        std::env::split_paths(&path?)
            .map(|folder| folder.join(program))
            .find(|candidate| candidate.is_file())?
    } else {
        return None;
    };
    let script = found.canonicalize().ok()?;
    if script.extension()? != "js" {
        return None;
    }
    let package = script.parent()?.parent()?;
    let (platform, triple) = match (OS, ARCH) {
        ("linux", "x86_64") => ("linux-x64", "x86_64-unknown-linux-musl"),
        ("linux", "aarch64") => ("linux-arm64", "aarch64-unknown-linux-musl"),
        ("macos", "x86_64") => ("darwin-x64", "x86_64-apple-darwin"),
        ("macos", "aarch64") => ("darwin-arm64", "aarch64-apple-darwin"),
        _ => return None,
    };
    let name = format!("codex-{platform}");
    [
        package.join("node_modules/@openai").join(&name),
        package.parent()?.join(&name),
        package.to_owned(),
    ]
    .into_iter()
    .map(|folder| folder.join("vendor").join(triple).join("bin/codex"))
    .find(|candidate| candidate.is_file())
    .map(PathBuf::into_os_string)
}

/// What the thread of a run is opened with.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Name of the provider in the configuration.
    pub(super) provider: String,
    cwd: String,
    model: Option<String>,
    permission: Permission,
    /// The thread to be carried on.
    pub(super) resumes: Option<String>,
    servers: Map<String, Value>,
    instructions: String,
    pub(super) effort: Option<Effort>,
}

pub(super) fn plan(config: &CodexProvider, launch: &Launch, servers: &[McpServer]) -> Plan {
    let servers = servers.iter().map(|server| {
        let entry = json!({
            "command": server.command,
            "args": server.args,
            "env": server.env,
            // An agent that it runs needs what any agent of ours gets.
            "env_vars": inherited_names(INHERITS),
            "enabled": true,
            // Without it the first step may run before the server is up, and so without its tools.
            "required": true,
            "default_tools_approval_mode": "approve",
            "supports_parallel_tool_calls": true,
            "tool_timeout_sec": TOOL_TIMEOUT_S,
        });
        (server.name.clone(), entry)
    });
    Plan {
        provider: launch.provider.clone(),
        cwd: launch.cwd.to_string_lossy().into_owned(),
        model: launch.model.clone().or_else(|| config.model.clone()),
        permission: launch.permission,
        resumes: match &launch.conversation {
            Conversation::Fresh { .. } => None,
            Conversation::Continued { from, .. } => Some(from.clone()),
        },
        servers: servers.collect(),
        instructions: launch.instructions.clone(),
        effort: launch.effort,
    }
}

impl Plan {
    /// Whose configuration applies: that of the user, and of the project where it is trusted.
    pub(super) fn place(&self) -> Value {
        json!({ "cwd": self.cwd })
    }

    /// Somebody may answer what the agent asks for.
    pub(super) fn may_be_answered(&self) -> bool {
        self.permission == Permission::Edit
    }

    /// The method that opens the thread, and its parameters. `configured` are the MCP servers of the
    /// user's own configuration: a child has no use for them, and ours may be among them.
    pub(super) fn open(&self, configured: Vec<String>) -> (&'static str, Value) {
        let mut servers: Map<String, Value> = configured
            .into_iter()
            .map(|name| (name, json!({ "enabled": false })))
            .collect();
        servers.extend(self.servers.clone());
        let mut params = json!({
            "cwd": self.cwd,
            // A thread that is opened with more makes the CLI write into the user's configuration
            // that the directory is trusted; turns may have more without that.
            "sandbox": "read-only",
            "approvalPolicy": APPROVAL,
            "approvalsReviewer": "user",
            "config": {
                "agents": { "enabled": false },
                "features": {
                    // Both bring MCP servers of their own.
                    "apps": false,
                    "plugins": false,
                    // Else it waits for the network for ever.
                    "unbounded_connection_retries": false,
                },
                "mcp_servers": servers,
            },
        });
        let mut add = |name: &str, value: Value| {
            if let Some(params) = params.as_object_mut() {
                params.insert(name.to_owned(), value);
            }
        };
        if let Some(model) = &self.model {
            add("model", json!(model));
        }
        if !self.instructions.is_empty() {
            // A thread that is carried on has them in its history, and gets them no second time;
            // but they are needed to write a history anew that has become too long.
            add("developerInstructions", json!(self.instructions));
        }
        match &self.resumes {
            Some(thread) => {
                add("threadId", json!(thread));
                add("excludeTurns", json!(true));
                ("thread/resume", params)
            }
            None => ("thread/start", params),
        }
    }

    /// The parameters of a turn that begins with `texts`.
    pub(super) fn turn(
        &self,
        thread: &str,
        texts: &[&str],
        client: &str,
        effort: Option<Effort>,
    ) -> Value {
        let sandbox = match self.permission {
            Permission::ReadOnly => "readOnly",
            Permission::Edit => "workspaceWrite",
            Permission::Full => "dangerFullAccess",
        };
        let mut turn = json!({
            "threadId": thread,
            "input": input(texts),
            "clientUserMessageId": client,
            "sandboxPolicy": { "type": sandbox },
            "approvalPolicy": APPROVAL,
            "approvalsReviewer": "user",
        });
        if let (Some(effort), Some(turn)) = (effort, turn.as_object_mut()) {
            turn.insert("effort".to_owned(), json!(effort));
        }
        turn
    }
}

/// With `never` a refused call leaves no trace in the protocol, and `rm -rf` is refused even with full
/// access. A reviewing model of the user's must not decide in our place either.
const APPROVAL: &str = "on-request";

pub(super) fn input(texts: &[&str]) -> Value {
    texts
        .iter()
        .map(|text| json!({ "type": "text", "text": text }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ToolRules;

    fn launch(permission: Permission, conversation: Conversation) -> Launch {
        Launch {
            provider: "codex".to_owned(),
            model: Some("gpt-5.5".to_owned()),
            permission,
            cwd: "/project".into(),
            conversation,
            max_cost_usd: None,
            effort: None,
            instructions: String::new(),
            tools: ToolRules::default(),
        }
    }

    fn config() -> CodexProvider {
        CodexProvider {
            command: vec!["codex".to_owned()],
            model: None,
            env: crate::providers::Environment::new(),
        }
    }

    fn fresh() -> Conversation {
        Conversation::Fresh {
            session: "NEW".to_owned(),
        }
    }

    #[test]
    fn every_thread_is_opened_reading_and_each_turn_has_its_own_sandbox() {
        for (permission, sandbox) in [
            (Permission::ReadOnly, "readOnly"),
            (Permission::Edit, "workspaceWrite"),
            (Permission::Full, "dangerFullAccess"),
        ] {
            let plan = plan(&config(), &launch(permission, fresh()), &[]);
            let (method, params) = plan.open(Vec::new());
            assert_eq!(method, "thread/start");
            assert_eq!(params["sandbox"], "read-only");
            assert_eq!(params["model"], "gpt-5.5");
            let turn = plan.turn("T", &["a", "b"], "c", None);
            assert_eq!(turn["sandboxPolicy"], json!({ "type": sandbox }));
            assert_eq!(turn["input"][1]["text"], "b");
            assert_eq!(turn.get("effort"), None);
            assert_eq!(params.get("developerInstructions"), None);
        }
    }

    #[test]
    fn a_continued_conversation_is_resumed_with_the_same_restrictions() {
        let conversation = Conversation::Continued {
            from: "OLD".to_owned(),
            session: "NEW".to_owned(),
            begun_ms: 0,
        };
        let plan = plan(&config(), &launch(Permission::Full, conversation), &[]);
        let (method, params) = plan.open(Vec::new());
        assert_eq!(method, "thread/resume");
        assert_eq!(params["threadId"], "OLD");
        assert_eq!(params["sandbox"], "read-only");
    }

    #[test]
    fn the_role_is_given_to_new_and_to_old_threads() {
        let continued = Conversation::Continued {
            from: "OLD".to_owned(),
            session: "NEW".to_owned(),
            begun_ms: 0,
        };
        for conversation in [fresh(), continued] {
            let mut launch = launch(Permission::Edit, conversation);
            launch.instructions = "Be brief.".to_owned();
            let plan = plan(&config(), &launch, &[]);
            let (_, params) = plan.open(Vec::new());
            assert_eq!(params["developerInstructions"], "Be brief.");
            let turn = plan.turn("T", &["a"], "c", Some(Effort::Xhigh));
            assert_eq!(turn["effort"], "xhigh");
        }
    }

    #[test]
    fn a_child_has_our_servers_and_no_others() {
        let server = McpServer {
            name: "ostler".to_owned(),
            command: "/bin/ostler".to_owned(),
            args: vec!["serve".to_owned()],
            env: [("A".to_owned(), "1".to_owned())].into(),
        };
        let plan = plan(&config(), &launch(Permission::Edit, fresh()), &[server]);
        let (_, params) = plan.open(vec!["a.b".to_owned(), "ostler".to_owned()]);
        let servers = &params["config"]["mcp_servers"];
        assert_eq!(servers["a.b"], json!({ "enabled": false }));
        assert_eq!(servers["ostler"]["enabled"], true);
        assert_eq!(servers["ostler"]["env"]["A"], "1");
        assert_eq!(params["config"]["agents"]["enabled"], false);
    }

    #[test]
    fn the_executable_behind_the_wrapper_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let modules = dir.path().join("lib/node_modules/@openai");
        let script = modules.join("codex/bin/codex.js");
        let triples = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
        std::fs::create_dir_all(script.parent().unwrap()).unwrap();
        std::fs::write(&script, "").unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(&script, bin.join("codex")).unwrap();
        let path = Some(bin.clone().into_os_string());
        assert_eq!(native(&"codex".into(), path.clone()), None);

        for (platform, triple) in ["linux-x64", "linux-arm64"].into_iter().zip(triples) {
            let folder = modules.join(format!("codex-{platform}/vendor/{triple}/bin"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("codex"), "").unwrap();
        }
        if OS == "linux" {
            let found = native(&"codex".into(), path).unwrap();
            let found = found.to_string_lossy();
            assert!(found.ends_with("-musl/bin/codex"), "{found}");
            let direct = bin.join("codex").into_os_string();
            assert_eq!(native(&direct, None).unwrap().to_string_lossy(), found);
        }
    }
}
