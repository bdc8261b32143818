//! How a session ends: hosts give a server a fraction of a second, and whatever they do, it leaves
//! with success, answers what is pending, and leaves nobody behind.

use std::fs::{self, File};
use std::time::Instant;

use serde_json::json;

use super::{PROMPT, sleepers};
use crate::support::Home;
use crate::support::mcp::McpClient;

/// Ends the input of a server and checks that it leaves at once, with success.
async fn leaves_at_once(mut server: McpClient) {
    let begun = Instant::now();
    let status = server.close().await;
    let took = begun.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < PROMPT, "{took:?}");
    server.only_frames().await;
}

#[tokio::test]
async fn the_end_of_input_before_initialize_is_a_clean_end() {
    let home = Home::new();
    leaves_at_once(McpClient::start_silent(home.ostler())).await;
}

#[tokio::test]
async fn the_end_of_input_right_after_initialize_is_a_clean_end() {
    let home = Home::new();
    leaves_at_once(home.server().await).await;
}

#[tokio::test]
async fn the_end_of_input_ends_a_server_that_cannot_open_its_state_yet() {
    let home = Home::new();
    fs::create_dir(home.state()).unwrap();
    let lock = File::create(home.state().join("migrate.lock")).unwrap();
    lock.lock().unwrap();
    let mut server = home.server().await;
    server.call_later("list_agents", json!({})).await;
    leaves_at_once(server).await;
}

#[tokio::test]
async fn the_end_of_input_ends_waits_and_agents() {
    let home = sleepers();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "sleeper" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    server.call_later("wait_agents", json!({})).await;
    leaves_at_once(server).await;

    let mut next = home.server().await;
    let agent = next.brief(&id).await;
    assert_eq!(agent["status"], "stopped", "{agent:#}");
    next.leave().await;
}

/// `ostler < requests > answers`: what was asked before the end of input is answered.
#[tokio::test]
async fn requests_right_before_the_end_of_input_are_answered() {
    let home = Home::new();
    let mut server = home.server().await;
    let mut asked = Vec::new();
    for _ in 0..20 {
        asked.push(server.send("tools/list", json!({})).await.1);
    }
    let status = server.close().await;
    assert!(status.success(), "{status}");
    for answered in asked {
        let answer = answered.await.expect("it left without an answer");
        assert!(answer["result"]["tools"].is_array(), "{answer:#}");
    }
    server.only_frames().await;
}

#[tokio::test]
async fn a_signal_before_initialize_is_a_clean_end() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let home = Home::new();
        let mut server = McpClient::start_silent(home.ostler());
        // Its lock file shows that it is far enough to take signals.
        home.appears("state/migrate.lock").await;
        let begun = Instant::now();
        server.signal(signal);
        let status = server.exit().await;
        assert!(status.success(), "{signal}: {status}");
        assert!(begun.elapsed() < PROMPT, "{signal}: {:?}", begun.elapsed());
        server.only_frames().await;
    }
}

#[tokio::test]
async fn a_signal_answers_the_pending_wait_and_ends_the_agents() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let home = sleepers();
        let mut server = home.server().await;
        let id = server
            .spawn(json!({ "prompt": "x", "provider": "sleeper" }))
            .await;
        server
            .until(&id, |agent| agent["status"] == "running")
            .await;
        let waiting = server.call_later("wait_agents", json!({})).await;
        // Answered behind the wait, so the wait has been taken up.
        server.call("list_agents", json!({})).await.unwrap();

        let begun = Instant::now();
        server.signal(signal);
        let told = waiting.outcome().await.unwrap_err();
        let status = server.exit().await;
        assert!(status.success(), "{signal}: {status}");
        assert!(begun.elapsed() < PROMPT, "{signal}: {:?}", begun.elapsed());
        assert!(
            !told.contains("the agents go on"),
            "{signal}: they are stopped, and yet: {told}"
        );
        server.only_frames().await;

        let mut next = home.server().await;
        let agent = next.brief(&id).await;
        assert_eq!(agent["status"], "stopped", "{signal}: {agent:#}");
        next.leave().await;
    }
}
