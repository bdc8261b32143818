//! Agents that are ended in the middle of a shell command: nothing of them may be left.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{sleep_long, with, world};
use crate::support::Home;
use crate::support::home::processes_with;
use crate::support::mcp::McpClient;
use crate::support::model::{Model, Reply, Script};

/// A server with an agent that sits in `sleep 300`, its sleep already running.
async fn sleeping() -> Option<(Model, Home, McpClient, String)> {
    let home = world()?;
    let model = Model::start(
        Script::new()
            .on("CARRY-ON", [Reply::text("carried on")])
            .on("SLEEP-TASK", [Reply::tool("Bash", sleep_long())]),
    )
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "SLEEP-TASK", "permission": "full" }))
        .await;
    until(|| {
        of(&id)
            .iter()
            .any(|process| process.ends_with("sleep 300 "))
    })
    .await;
    Some((model, home, server, id))
}

fn of(id: &str) -> Vec<String> {
    processes_with(id)
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn gone_within(id: &str, limit: Duration) {
    let deadline = Instant::now() + limit;
    while !of(id).is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:#?}", of(id));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn stop_returns_when_the_process_tree_is_gone() {
    let Some((_model, _home, mut server, id)) = sleeping().await else {
        return;
    };
    let arguments = json!({ "ids": [id], "reason": "enough" });
    let stopped = server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(of(&id), Vec::<String>::new());
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["detail"]),
        (&json!("stopped"), &json!("enough"))
    );
}

#[tokio::test]
async fn the_end_of_input_stops_agents_and_leaves_with_success() {
    let Some((_model, home, mut server, id)) = sleeping().await else {
        return;
    };
    assert!(server.close().await.success());
    assert_eq!(of(&id), Vec::<String>::new());
    let mut next = home.server().await;
    assert_eq!(next.brief(&id).await["status"], "stopped");
}

#[tokio::test]
async fn sigterm_stops_agents_and_leaves_with_success() {
    let Some((_model, home, mut server, id)) = sleeping().await else {
        return;
    };
    server.signal("-TERM");
    assert!(server.exit().await.success());
    assert_eq!(of(&id), Vec::<String>::new());
    let mut next = home.server().await;
    assert_eq!(next.brief(&id).await["status"], "stopped");
}

#[tokio::test]
async fn kill_nine_leaves_nothing_and_the_agent_can_be_resumed() {
    let Some((model, home, mut server, id)) = sleeping().await else {
        return;
    };
    server.kill().await;
    gone_within(&id, Duration::from_secs(5)).await;

    let mut next = home.server().await;
    let lost = next.brief(&id).await;
    assert_eq!(
        (&lost["status"], &lost["reason"]),
        (&json!("error"), &json!("owner_lost"))
    );
    let arguments = json!({ "id": id, "prompt": "CARRY-ON" });
    let resumed = next.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    let done = next.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("carried on"))
    );
    let history = model.requests().pop().unwrap()["messages"].to_string();
    assert!(history.contains("SLEEP-TASK"), "{history}");
    assert!(
        history.contains("Your last run ended as `error` (owner_lost)"),
        "{history}"
    );
}
