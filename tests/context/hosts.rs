//! The real CLIs as host sessions: each has an agent of its own kind spawned with what the session
//! is about, and the agent's model is asked with it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::END;
use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds::{self, program};

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler");
/// How long a whole host session may take.
const SOON: Duration = Duration::from_secs(120);

/// The call of `spawn_agent` by a host.
fn spawn(provider: &str) -> Value {
    json!({
        "prompt": "CHILD-TASK",
        "provider": provider,
        "permission": "full",
        "context": ["summary", "transcript:5", "file:notes.md"],
    })
}

/// Rules for a host that calls its tools by these names, and for its agents. Whatever the host says
/// an agent may be told as well, so agents are known first, by what only they are told.
fn script(host: impl IntoIterator<Item = Reply>) -> Script {
    Script::new()
        .on(END, [Reply::text("the agent has read it")])
        .on("HOST-TASK", host)
        .on("FIRST-AGENT", [Reply::text("the first one is done")])
}

fn with_notes(home: Home) -> Home {
    std::fs::write(home.project().join("notes.md"), "Port 8080 it is.\n").unwrap();
    home
}

/// Runs the host to its end.
async fn ran(host: &mut Command) {
    host.stdin(Stdio::null()).stderr(Stdio::piped());
    let output = tokio::time::timeout(SOON, host.output()).await;
    let output = output.expect("the host does not end").unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
}

/// What the agent's model was asked, and the same for a host whose call came back with an error.
fn told(model: &Model) -> String {
    let requests = model.requests();
    let agent = requests.iter().find(|it| it.to_string().contains(END));
    let Some(agent) = agent else {
        let last = requests.last().unwrap();
        let said = ["messages", "input", "contents"].map(|it| last[it].to_string());
        panic!("no agent was asked: {}", said.concat());
    };
    // As it was before it became JSON in JSON.
    strings(agent)
        .into_iter()
        .find(|text| text.contains(END))
        .unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// The agent was told of the host what there is to tell, and nothing that the host only thought.
fn all_arrived(told: &str, cli: &str) {
    for part in [
        &format!("Begin summary (this session of {cli}, drawn from its transcript)\n"),
        "What the person asked for, oldest first:\n- HOST-TASK: make it run\n",
        "What was said last:\nI look first.\n",
        &format!("messages of this session of {cli})\n"),
        "The person:\nHOST-TASK: make it run\n",
        "The model:\nI look first.\n",
        "echo from-the-host",
        "-> from-the-host]\n",
        "Begin file:notes.md\nPort 8080 it is.\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    let (_, task) = told.split_once(&format!("{END}\n\n")).unwrap();
    assert!(task.starts_with("CHILD-TASK"), "{told}");
    assert!(!told.contains("HIDDEN-THOUGHT"), "{told}");
}

fn registered() -> Value {
    json!({ "command": OSTLER, "args": ["serve"] })
}

#[tokio::test]
async fn claude_code_hands_its_session_on_to_claude() {
    let shell = json!({ "command": "echo from-the-host" });
    let model = Model::start(script([
        Reply::thought("HIDDEN-THOUGHT")
            .and_text("I look first.")
            .and_tool("Bash", shell),
        Reply::tool("mcp__ostler__spawn_agent", spawn("claude")),
        Reply::tool("mcp__ostler__wait_agents", json!({})),
        Reply::text("The end."),
    ]))
    .await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    let home = with_notes(home);
    let mut servers = registered();
    servers["alwaysLoad"] = json!(true);
    let servers = json!({ "mcpServers": { "ostler": servers } });
    std::fs::write(home.path("mcp.json"), servers.to_string()).unwrap();
    let mut host = program(&home, "claude");
    host.args(["-p", "HOST-TASK: make it run", "--strict-mcp-config"])
        .arg("--mcp-config")
        .arg(home.path("mcp.json"))
        .args(["--allowedTools", "mcp__ostler,Bash"])
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1");
    ran(&mut host).await;
    all_arrived(&told(&model), "Claude Code");
}

#[tokio::test]
async fn codex_hands_its_thread_on_to_codex() {
    let shell = json!({ "cmd": "echo from-the-host" });
    let model = Model::start(script([
        Reply::thought("HIDDEN-THOUGHT")
            .and_text("I look first.")
            .and_tool("exec_command", shell),
        Reply::tool("tool_search", json!({ "query": "spawn_agent wait_agents" })),
        Reply::tool("spawn_agent", spawn("codex")),
        Reply::tool("wait_agents", json!({})),
        Reply::text("The end."),
    ]))
    .await;
    let Some(home) = worlds::with_codex(Home::new(), &model) else {
        return;
    };
    let home = with_notes(home);
    // Codex shows its servers next to nothing of its environment, CODEX_HOME least of all.
    let env: Vec<String> = home
        .environment()
        .iter()
        .filter(|(name, _)| name.starts_with("OSTLER_"))
        .map(|(name, value)| format!("{name} = {value:?}"))
        .collect();
    let config = home.path("codex/config.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(&format!(
        "\n[mcp_servers.ostler]\ncommand = {OSTLER:?}\nargs = [\"serve\"]\n\
         default_tools_approval_mode = \"approve\"\nenv = {{ {} }}\n",
        env.join(", ")
    ));
    std::fs::write(&config, text).unwrap();
    let mut host = program(&home, "codex");
    host.args(["exec", "--skip-git-repo-check"])
        .arg("--dangerously-bypass-approvals-and-sandbox")
        .arg("HOST-TASK: make it run");
    ran(&mut host).await;
    all_arrived(&told(&model), "Codex");
}

/// Its agents have their transcripts in the folder in which its own is, and must not be taken for it.
#[tokio::test]
async fn gemini_hands_its_session_on_to_gemini() {
    let shell = json!({ "command": "echo from-the-host", "description": "look" });
    let first = json!({ "prompt": "FIRST-AGENT", "provider": "gemini", "permission": "full" });
    let model = Model::start(script([
        Reply::thought("HIDDEN-THOUGHT")
            .and_text("I look first.")
            .and_tool("run_shell_command", shell),
        Reply::tool("mcp_ostler_spawn_agent", first),
        Reply::tool("mcp_ostler_wait_agents", json!({})),
        Reply::tool("mcp_ostler_spawn_agent", spawn("gemini")),
        Reply::tool("mcp_ostler_wait_agents", json!({})),
        Reply::text("The end."),
    ]))
    .await;
    let Some(home) = worlds::with_gemini(Home::new(), &model) else {
        return;
    };
    let home = with_notes(home);
    let settings: PathBuf = home.path("home/.gemini/settings.json");
    let text = std::fs::read_to_string(&settings).unwrap();
    let mut with_server: Value = serde_json::from_str(&text).unwrap();
    with_server["mcpServers"]["ostler"] = registered();
    with_server["mcpServers"]["ostler"]["trust"] = json!(true);
    std::fs::write(&settings, with_server.to_string()).unwrap();
    let mut host = program(&home, "gemini");
    host.args(["-p", "HOST-TASK: make it run", "--approval-mode", "yolo"])
        .args(["--skip-trust", "-o", "stream-json"])
        .env("GEMINI_CLI_NO_RELAUNCH", "true");
    ran(&mut host).await;
    let requests = model.requests();
    let first = |it: &&Value| it.to_string().contains("the first one is done");
    assert!(requests.iter().any(|it| first(&it)), "no first agent");
    all_arrived(&told(&model), "Gemini CLI");
}
