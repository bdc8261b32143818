//! The protocol as it is on the wire, line by line, against the real binary.

mod arguments;
mod lifetime;
mod modern;
mod schemas;

use std::fs::{self, File};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Home;

/// A script that works until it is stopped.
const SLEEPER: &str = "exec sleep 600";

/// A world with the provider `sleeper`.
fn sleepers() -> Home {
    Home::new().script("sleeper", SLEEPER)
}

/// A world with the provider `gated`, which answers once the file `gate` is there.
fn gated() -> Home {
    let home = Home::new();
    let gate = home.path("gate");
    let body = format!("while [ ! -e {gate:?} ]; do sleep 0.02; done; echo through");
    home.script("gated", &body)
}

fn open_gate(home: &Home) {
    fs::write(home.path("gate"), "").unwrap();
}

#[tokio::test]
async fn initialize_tells_the_name_and_what_the_server_is_for() {
    let home = Home::new();
    let server = home.server().await;
    let told = &server.initialized;
    assert_eq!(told["protocolVersion"], "2025-11-25");
    assert_eq!(told["serverInfo"]["name"], "ostler");
    assert_eq!(told["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
    let capabilities = told["capabilities"].as_object().unwrap();
    assert!(capabilities.contains_key("tools"), "{told:#}");
    let instructions = told["instructions"].as_str().unwrap();
    assert!(
        instructions.starts_with("ostler runs child coding agents for you"),
        "{instructions}"
    );
    let length = instructions.chars().count();
    println!("instructions: {length} characters");
    assert!(length <= 1800, "{length}");
    server.leave().await;
}

#[tokio::test]
async fn initialize_and_tools_list_do_not_wait_for_the_state() {
    let home = Home::new();
    fs::create_dir(home.state()).unwrap();
    let lock = File::create(home.state().join("migrate.lock")).unwrap();
    lock.lock().unwrap();

    let mut server = home.server().await;
    let mut listed = server.call_later("list_agents", json!({})).await;
    let tools = server.request("tools/list", json!({})).await;
    assert!(tools["result"]["tools"].is_array(), "{tools:#}");
    assert!(listed.is_open(), "the state was not held back");

    lock.unlock().unwrap();
    assert_eq!(listed.outcome().await.unwrap()["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn a_state_that_cannot_be_opened_is_told_by_the_call_and_not_by_the_handshake() {
    let home = Home::new();
    fs::write(home.path("file"), "").unwrap();
    let state = home.path("file/state").to_string_lossy().into_owned();
    let home = home.env("OSTLER_HOME", &state);

    let mut server = home.server().await;
    let tools = server.request("tools/list", json!({})).await;
    assert!(tools["result"]["tools"].is_array(), "{tools:#}");
    let told = server.call("list_agents", json!({})).await.unwrap_err();
    assert!(told.contains(&state), "{told}");
    assert!(told.contains("set OSTLER_HOME"), "{told}");
    server.leave().await;
}

#[tokio::test]
async fn a_config_error_reaches_the_call_and_is_gone_when_the_file_is_mended() {
    let home = Home::new();
    let file = home.path("config.toml");
    fs::write(&file, "[agents]\nmax_concurent = 2\n").unwrap();

    let mut server = home.server().await;
    let told = server.call("list_agents", json!({})).await.unwrap_err();
    let expected = format!(
        "unknown key `agents.max_concurent` in {}\n\
         Did you mean `agents.max_concurrent`? Correct or remove it.",
        file.display()
    );
    assert_eq!(told, expected);

    fs::write(&file, "[agents]\nmax_concurrent = 2\n").unwrap();
    let listed = server.call("list_agents", json!({})).await;
    assert_eq!(listed.unwrap()["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn an_unknown_method_is_answered_as_such() {
    let home = Home::new();
    let mut server = home.server().await;
    let answer = server.request("no/such", json!({})).await;
    assert_eq!(answer["error"]["code"], -32601, "{answer:#}");
    server.leave().await;
}

#[tokio::test]
async fn ping_is_answered() {
    let home = Home::new();
    let mut server = home.server().await;
    let answer = server.request("ping", json!({})).await;
    assert_eq!(answer["result"], json!({}));
    server.leave().await;
}

#[tokio::test]
async fn a_line_that_is_no_frame_does_not_end_the_session() {
    let home = Home::new();
    let mut server = home.server().await;
    for line in ["hello", "{", "{}", "[]", "null", "\"text\"", "", "\u{0}"] {
        server.write(line).await;
        let listed = server.call("list_agents", json!({})).await;
        assert_eq!(listed.unwrap()["items"], json!([]), "after {line:?}");
    }
    server.leave().await;
}

#[tokio::test]
async fn a_line_of_invalid_utf_8_does_not_end_the_session() {
    let home = Home::new();
    let mut server = home.server().await;
    server
        .write_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"\xff\xfe\"}\n")
        .await;
    let listed = server.call("list_agents", json!({})).await;
    assert_eq!(listed.unwrap()["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn a_batch_is_refused_and_the_session_goes_on() {
    let home = Home::new();
    let mut server = home.server().await;
    let ping = |id: i64| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    server
        .write(&json!([ping(901), ping(902)]).to_string())
        .await;
    let refused = server.heard(|frame| frame["error"].is_object()).await;
    assert_eq!(refused["error"]["code"], -32600, "{refused:#}");
    let listed = server.call("list_agents", json!({})).await;
    assert_eq!(listed.unwrap()["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn a_prompt_of_ten_megabytes_is_refused_by_size() {
    let home = Home::new();
    let mut server = home.server().await;
    let prompt = "x".repeat(10 << 20);
    let told = server
        .call("spawn_agent", json!({ "prompt": prompt }))
        .await
        .unwrap_err();
    assert_eq!(
        told,
        "`prompt` has 10485760 bytes, at most 1048576 are taken\n\
         put long material into a file and tell the agent to read it"
    );
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]), "nothing was changed");
    server.leave().await;
}

#[tokio::test]
async fn a_line_that_no_server_would_take_does_not_end_the_session() {
    let home = Home::new();
    let mut server = home.server().await;
    let prompt = "x".repeat(20 << 20);
    server
        .call_later("spawn_agent", json!({ "prompt": prompt }))
        .await;
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn a_waiting_call_does_not_hold_up_another_one() {
    let home = gated();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "gated" }))
        .await;
    let mut waiting = server.call_later("wait_agents", json!({})).await;

    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"][0]["id"], *id);
    assert!(waiting.is_open(), "the wait was over before its agent");

    open_gate(&home);
    let waited = waiting.outcome().await.unwrap();
    assert_eq!(waited["done"][0]["result"], "through", "{waited:#}");
    server.leave().await;
}

#[tokio::test]
async fn a_burst_of_two_hundred_calls_is_answered_in_full() {
    let home = Home::new();
    let mut server = home.server().await;
    let mut burst = Vec::new();
    for _ in 0..200 {
        burst.push(server.call_later("list_agents", json!({})).await);
    }
    for call in burst {
        assert_eq!(call.outcome().await.unwrap()["items"], json!([]));
    }
    server.leave().await;
}

/// A script that makes four turns in two seconds.
const TURNS: &str = r#"
read -r prompt
for n in 1 2 3 4; do
    echo '{"ostler":"turn"}'
    sleep 0.5
done
echo '{"ostler":"result","text":"done"}'"#;

fn progress_of(frames: &[Value]) -> Vec<&Value> {
    let is_progress = |frame: &&Value| frame["method"] == "notifications/progress";
    let progress = frames.iter().filter(is_progress);
    progress.map(|frame| &frame["params"]).collect()
}

#[tokio::test]
async fn a_wait_with_a_progress_token_reports_the_turns() {
    let home = Home::new().line_script("turns", TURNS);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "turns" }))
        .await;
    let params = json!({
        "name": "wait_agents",
        "arguments": {},
        "_meta": { "progressToken": "token-7" },
    });
    let waited = server.request("tools/call", params).await;
    let done = &waited["result"]["structuredContent"]["done"];
    assert_eq!(done[0]["turns"], 4, "{waited:#}");

    let frames = server.notifications();
    let progress = progress_of(&frames);
    assert!(progress.len() >= 2, "{frames:#?}");
    let mut last = 0.0;
    for report in &progress {
        assert_eq!(report["progressToken"], "token-7", "{report:#}");
        let count = report["progress"].as_f64().unwrap();
        assert!(count > last, "it must increase: {progress:#?}");
        last = count;
        let message = report["message"].as_str().unwrap();
        assert!(message.starts_with("0 of 1 ended; "), "{message}");
        assert!(message.contains(&id), "{message}");
    }
    let last = progress.last().unwrap()["message"].as_str().unwrap();
    assert!(last.contains("running turn "), "{last}");
    server.leave().await;
}

#[tokio::test]
async fn a_wait_without_a_progress_token_reports_nothing() {
    let home = Home::new().line_script("turns", TURNS);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "turns" }))
        .await;
    assert_eq!(done["turns"], 4, "{done:#}");
    assert_eq!(server.notifications(), Vec::<Value>::new());
    server.leave().await;
}

#[tokio::test]
async fn a_cancelled_wait_is_not_answered_and_leaves_agent_and_result_alone() {
    let home = gated();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "gated" }))
        .await;
    let mut waiting = server.call_later("wait_agents", json!({})).await;
    server
        .notify(
            "notifications/cancelled",
            json!({ "requestId": waiting.id, "reason": "the person changed their mind" }),
        )
        .await;

    let running = server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    assert_eq!(running["status"], "running");
    open_gate(&home);
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["result"], "through", "{done:#}");
    assert_eq!(done["delivered_before"], Value::Null, "{done:#}");
    assert!(waiting.is_open(), "a cancelled call must not be answered");
    server.leave().await;
}

/// How long leaving may take: rmcp's own patience with calls in flight, which no host has, is 5 s.
const PROMPT: Duration = Duration::from_secs(3);
