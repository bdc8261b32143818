//! The server under clients that others wrote: the official SDKs, and Claude Code as host session.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::Home;
use crate::support::clis;
use crate::support::model::{Model, Reply, Script};

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler");
const TOOLS: [&str; 19] = [
    "answer_agent",
    "catch_up",
    "claim_task",
    "close_task",
    "create_tasks",
    "forget",
    "get_agent",
    "get_task",
    "list_agents",
    "list_tasks",
    "merge_agents",
    "recall",
    "remember",
    "resume_agent",
    "spawn_agent",
    "steer_agent",
    "stop_agents",
    "update_task",
    "wait_agents",
];
/// How long processes may take to go once their host was killed; the guard's patience is 2 s.
const GONE_WITHIN: Duration = Duration::from_secs(8);
/// How long a host session may take to get its agent going.
const UP_WITHIN: Duration = Duration::from_secs(60);

fn client(name: &str) -> String {
    format!("{}/tests/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a client program to its end and returns what it saw.
async fn seen_by(program: &mut Command) -> Value {
    let output = program.stderr(Stdio::inherit()).output().await.unwrap();
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Lets a client spawn an agent, wait for it, and read it again, and checks what it saw.
async fn an_agent_is_run_through(mut program: Command, home: &Home, protocol: &str) {
    let calls = [
        (
            "spawn_agent",
            json!({ "prompt": "through an SDK", "provider": "echo" }),
        ),
        ("wait_agents", json!({})),
        ("get_agent", json!({ "id": "a-000000" })),
        ("no_such_tool", json!({})),
    ];
    for (name, arguments) in calls {
        program.args(["--call", name, &arguments.to_string()]);
    }
    program.args(["--", OSTLER]);
    let seen = seen_by(&mut program).await;

    assert_eq!(seen["protocol"], protocol);
    assert_eq!(seen["server"], "ostler");
    assert_eq!(seen["instructions"], true);
    assert_eq!(seen["tools"], json!(TOOLS));
    let [spawned, waited, unknown, no_tool] = [0, 1, 2, 3].map(|at| &seen["calls"][at]);
    for answer in [spawned, waited] {
        assert_eq!(answer["isError"], false, "{answer:#}");
        let text = answer["text"].as_str().unwrap();
        let text: Value = serde_json::from_str(text).unwrap();
        assert_eq!(answer["structured"], text, "both forms say the same");
    }
    let id = spawned["structured"]["id"].as_str().unwrap();
    assert_eq!(spawned["structured"]["status"], "queued");
    let done = &waited["structured"]["done"][0];
    assert_eq!(done["id"], id);
    assert_eq!(done["status"], "completed");
    assert_eq!(done["result"], "through an SDK");
    assert_eq!(unknown["isError"], true, "{unknown:#}");
    assert_eq!(unknown["error"], Value::Null, "in band: {unknown:#}");
    let text = unknown["text"].as_str().unwrap();
    assert!(text.starts_with("no agent has the id a-000000\n"), "{text}");
    assert_eq!(no_tool["error"], -32602, "{no_tool:#}");

    // A client cannot name an id in advance, so reading one takes a second session.
    let mut second = home.command(program.as_std().get_program());
    let options = program.as_std().get_args();
    second.args(options.take_while(|option| *option != "--call"));
    second.args(["--call", "get_agent", &json!({ "id": id }).to_string()]);
    second.args(["--", OSTLER]);
    let read = seen_by(&mut second).await["calls"][0]["structured"].clone();
    assert_eq!(read["id"], id);
    assert_eq!(read["status"], "completed", "{read:#}");
    assert_eq!(read["result"], "through an SDK", "{read:#}");
}

fn echo() -> Home {
    Home::new().script("echo", "cat")
}

#[tokio::test]
async fn the_python_sdk_runs_an_agent_by_handshake() {
    let Some(python) = clis::python_sdk() else {
        return;
    };
    let home = echo();
    let mut program = home.command(python);
    program.args([&client("client.py"), "--generation", "legacy"]);
    an_agent_is_run_through(program, &home, "2025-11-25").await;
}

#[tokio::test]
async fn the_python_sdk_runs_an_agent_without_a_handshake() {
    let Some(python) = clis::python_sdk() else {
        return;
    };
    let home = echo();
    let mut program = home.command(python);
    program.args([&client("client.py"), "--generation", "modern"]);
    an_agent_is_run_through(program, &home, "2026-07-28").await;
}

#[tokio::test]
async fn the_typescript_sdk_runs_an_agent() {
    let Some(sdk) = clis::node_sdk() else {
        return;
    };
    let home = echo();
    let mut program = home.command("node");
    program.arg(client("client.mjs")).arg("--sdk").arg(sdk);
    an_agent_is_run_through(program, &home, "2025-11-25").await;
}

/// The real Claude Code CLI, headless, as a host session with our server and nothing else.
fn host(claude: &Path, home: &Home, model: &Model, prompt: &str) -> Command {
    let servers = json!({ "mcpServers": { "ostler": { "command": OSTLER, "alwaysLoad": true } } });
    std::fs::write(home.path("mcp.json"), servers.to_string()).unwrap();
    let mut host = home.command(claude);
    host.env("ANTHROPIC_BASE_URL", model.url())
        .env("ANTHROPIC_API_KEY", "loopback-only")
        .env("DISABLE_AUTOUPDATER", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    host.args(["-p", prompt, "--output-format", "stream-json", "--verbose"])
        .arg("--mcp-config")
        .arg(home.path("mcp.json"))
        .args(["--strict-mcp-config", "--allowedTools", "mcp__ostler"]);
    host.stdin(Stdio::null()).stderr(Stdio::inherit());
    host
}

/// Runs a host session to its end and returns its last line, which is its result.
async fn hosted(mut host: Command) -> Value {
    let output = host.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}\n{text}", output.status);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The results of tool calls in a request, in their order: whether it is an error, and its text.
fn tool_results(request: &Value) -> Vec<(bool, String)> {
    let text = |block: &Value| match block["content"].as_str() {
        Some(text) => text.to_owned(),
        None => block["content"][0]["text"].as_str().unwrap().to_owned(),
    };
    let messages = request["messages"].as_array().unwrap().iter();
    messages
        .filter_map(|message| message["content"].as_array())
        .flatten()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| (block["is_error"] == true, text(block)))
        .collect()
}

fn spawn(prompt: &str) -> Value {
    json!({ "prompt": prompt, "provider": "echo" })
}

#[tokio::test]
async fn claude_code_has_the_prompt_as_a_slash_command() {
    let Some(claude) = clis::claude() else {
        return;
    };
    let script = Script::new().on("Break this goal down", [Reply::text("Planned.")]);
    let model = Model::start(script).await;
    let home = Home::new();
    let command = "/mcp__ostler__plan_tasks import orders, all of them";
    let result = hosted(host(&claude, &home, &model, command)).await;
    assert_eq!(result["result"], "Planned.", "{result:#}");
    let asked = model.requests()[0].to_string();
    assert!(asked.contains("Goal: import orders,"), "{asked}");
    // It cuts at spaces, so the prompt says where the rest is.
    let words = "<command-args>import orders, all of them</command-args>";
    assert!(asked.contains(words), "{asked}");
    assert!(
        asked.contains("Where `<command-args>` stands above"),
        "{asked}"
    );
}

#[tokio::test]
async fn claude_code_as_host_spawns_an_agent_and_reads_its_result() {
    let Some(claude) = clis::claude() else {
        return;
    };
    let model = Model::start(Script::new().on(
        "HOST-TASK",
        [
            Reply::tool("mcp__ostler__spawn_agent", spawn("said by the child")),
            Reply::tool("mcp__ostler__wait_agents", json!({})),
            Reply::text("The child has spoken."),
        ],
    ))
    .await;
    let home = echo();
    let result = hosted(host(&claude, &home, &model, "HOST-TASK")).await;
    assert_eq!(result["subtype"], "success", "{result:#}");
    assert_eq!(result["result"], "The child has spoken.");

    let requests = model.requests();
    let first = &requests[0];
    let mut server = home.server().await;
    let listed = server.request("tools/list", json!({})).await;
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let name = format!("mcp__ostler__{}", tool["name"].as_str().unwrap());
        let offered = first["tools"].as_array().unwrap().iter();
        let offered: Vec<_> = offered.filter(|offered| offered["name"] == *name).collect();
        assert_eq!(offered.len(), 1, "{name}");
        assert_eq!(offered[0]["description"], tool["description"], "{name}");
        assert_eq!(
            offered[0]["input_schema"]["properties"], tool["inputSchema"]["properties"],
            "{name}"
        );
    }
    server.leave().await;
    let told = first.to_string();
    assert!(told.contains("ostler runs child coding agents for you"));
    assert!(told.contains("or full."), "the instructions were cut off");

    let results = tool_results(requests.last().unwrap());
    assert_eq!(results.len(), 2, "{results:#?}");
    assert!(
        results.iter().all(|(is_error, _)| !is_error),
        "{results:#?}"
    );
    let spawned: Value = serde_json::from_str(&results[0].1).unwrap();
    let waited: Value = serde_json::from_str(&results[1].1).unwrap();
    assert_eq!(waited["done"][0]["id"], spawned["id"]);
    assert_eq!(waited["done"][0]["status"], "completed");
    assert_eq!(waited["done"][0]["result"], "said by the child");
}

#[tokio::test]
async fn claude_code_as_host_spawns_three_agents_in_one_message() {
    let Some(claude) = clis::claude() else {
        return;
    };
    let model = Model::start(
        Script::new().on(
            "HOST-TASK",
            [
                Reply::tool("mcp__ostler__spawn_agent", spawn("one"))
                    .and_tool("mcp__ostler__spawn_agent", spawn("two"))
                    .and_tool("mcp__ostler__spawn_agent", spawn("three")),
                Reply::tool("mcp__ostler__wait_agents", json!({})),
                Reply::text("All three are in."),
            ],
        ),
    )
    .await;
    let home = echo();
    let result = hosted(host(&claude, &home, &model, "HOST-TASK")).await;
    assert_eq!(result["result"], "All three are in.", "{result:#}");

    let results = tool_results(model.requests().last().unwrap());
    let [spawned @ .., (false, waited)] = results.as_slice() else {
        panic!("{results:#?}");
    };
    assert_eq!(spawned.len(), 3, "{results:#?}");
    let waited: Value = serde_json::from_str(waited).unwrap();
    let mut said: Vec<&str> = waited["done"]
        .as_array()
        .unwrap()
        .iter()
        .map(|done| done["result"].as_str().unwrap())
        .collect();
    said.sort_unstable();
    assert_eq!(said, ["one", "three", "two"], "{waited:#}");
    assert_eq!(waited["running"], json!([]));
}

#[tokio::test]
async fn a_killed_host_leaves_no_server_and_no_agent() {
    let Some(claude) = clis::claude() else {
        return;
    };
    let arguments = json!({ "prompt": "x", "provider": "sleeper" });
    let model = Model::start(Script::new().on(
        "HOST-TASK",
        [
            Reply::tool("mcp__ostler__spawn_agent", arguments),
            Reply::tool("mcp__ostler__wait_agents", json!({})),
            Reply::text("It never comes to this."),
        ],
    ))
    .await;
    // The first sleep, in a session of its own, is one that no signal to a group reaches.
    let home = Home::new().script("sleeper", "setsid sleep 600 & exec sleep 601");
    let mut host = host(&claude, &home, &model, "HOST-TASK")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let runs = |part: &str| home.processes().iter().any(|line| line.contains(part));
    let expected = [OSTLER, " guard ", " sleep 600 ", " sleep 601 "];
    let begun = Instant::now();
    while !expected.into_iter().all(runs) {
        let there = home.processes();
        assert!(begun.elapsed() < UP_WITHIN, "not all there: {there:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    host.kill().await.unwrap();
    nobody_is_left(&home).await;
}

/// Claude Code signals its servers when it leaves, and gives them half a second.
#[tokio::test]
async fn a_host_that_leaves_before_its_agent_has_ended_leaves_it_stopped() {
    let Some(claude) = clis::claude() else {
        return;
    };
    let arguments = json!({ "prompt": "x", "provider": "sleeper" });
    let model = Model::start(Script::new().on(
        "HOST-TASK",
        [
            Reply::tool("mcp__ostler__spawn_agent", arguments),
            // The agent is running when this comes back.
            Reply::tool("mcp__ostler__wait_agents", json!({ "timeout_s": 1 })),
            Reply::text("I do not care for it any more."),
        ],
    ))
    .await;
    let home = Home::new().script("sleeper", "setsid sleep 600 & exec sleep 601");
    let result = hosted(host(&claude, &home, &model, "HOST-TASK")).await;
    assert_eq!(result["subtype"], "success", "{result:#}");
    let results = tool_results(model.requests().last().unwrap());
    let waited: Value = serde_json::from_str(&results[1].1).unwrap();
    assert_eq!(waited["timed_out"], true, "{waited:#}");
    assert_eq!(waited["running"][0]["status"], "running", "{waited:#}");
    nobody_is_left(&home).await;

    let id = waited["running"][0]["id"].as_str().unwrap();
    let mut next = home.server().await;
    let agent = next.brief(id).await;
    assert_eq!(agent["status"], "stopped", "{agent:#}");
    next.leave().await;
}

async fn nobody_is_left(home: &Home) {
    let ended = Instant::now();
    while !home.processes().is_empty() {
        let left = home.processes();
        assert!(ended.elapsed() < GONE_WITHIN, "left behind: {left:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("all gone after {:?}", ended.elapsed());
}
