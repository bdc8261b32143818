//! Agents that are ended in the middle of a shell command: nothing of them may be left.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{configuration, conversation, shell, world};
use crate::support::Home;
use crate::support::home::processes_with;
use crate::support::mcp::McpClient;
use crate::support::model::{Model, Reply, Script};

/// A server with an agent that sits in `sleep 300`, its sleep already running beside another.
async fn sleeping(permission: &str) -> Option<(Model, Home, McpClient, String)> {
    let model = Model::start(
        Script::new()
            .on("CARRY-ON", [Reply::text("carried on")])
            .on("SLEEP-TASK", [shell("sleep 301 & sleep 300")]),
    )
    .await;
    let home = world(&model)?;
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "SLEEP-TASK", "permission": permission }))
        .await;
    until(|| {
        let processes = processes_with(&id);
        ["sleep 300 ", "sleep 301 "]
            .iter()
            .all(|end| processes.iter().any(|process| process.ends_with(end)))
    })
    .await;
    Some((model, home, server, id))
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn stop(permission: &str) {
    let Some((_model, home, mut server, id)) = sleeping(permission).await else {
        return;
    };
    let before = configuration(&home);
    let arguments = json!({ "ids": [id], "reason": "enough" });
    let stopped = server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["detail"]),
        (&json!("stopped"), &json!("enough"))
    );
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}

#[tokio::test]
async fn stop_returns_when_a_sandboxed_process_tree_is_gone() {
    stop("read_only").await;
}

#[tokio::test]
async fn stop_returns_when_an_unsandboxed_process_tree_is_gone() {
    stop("full").await;
}

#[tokio::test]
async fn a_stopped_agent_is_resumed_and_knows_that_it_was_broken_off() {
    let Some((model, _home, mut server, id)) = sleeping("edit").await else {
        return;
    };
    let arguments = json!({ "ids": [id] });
    server.call("stop_agents", arguments).await.unwrap();
    let arguments = json!({ "id": id, "prompt": "CARRY-ON" });
    server.call("resume_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("carried on"))
    );
    let history = conversation(&model.requests().pop().unwrap());
    assert!(
        history.contains("SLEEP-TASK") && history.contains("aborted"),
        "{history}"
    );
}

async fn kill_nine(permission: &str) {
    let Some((model, home, mut server, id)) = sleeping(permission).await else {
        return;
    };
    server.kill().await;
    until(|| processes_with(&id).is_empty()).await;

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
    let history = conversation(&model.requests().pop().unwrap());
    assert!(
        history.contains("SLEEP-TASK") && history.contains("owner_lost"),
        "{history}"
    );
}

#[tokio::test]
async fn kill_nine_leaves_nothing_sandboxed_and_the_agent_can_be_resumed() {
    kill_nine("edit").await;
}

#[tokio::test]
async fn kill_nine_leaves_nothing_unsandboxed_and_the_agent_can_be_resumed() {
    kill_nine("full").await;
}

#[tokio::test]
async fn the_cli_itself_killed_is_an_error_and_the_agent_can_be_resumed() {
    let Some((model, _home, mut server, id)) = sleeping("full").await else {
        return;
    };
    let cli = processes_with(&id)
        .into_iter()
        .find(|process| process.ends_with("app-server "));
    let cli = cli.unwrap();
    let pid = cli.split(' ').next().unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", pid])
        .status();
    assert!(killed.unwrap().success());

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("crashed")),
        "{done:#}"
    );
    assert_eq!(processes_with(&id), Vec::<String>::new());
    let arguments = json!({ "id": id, "prompt": "CARRY-ON" });
    server.call("resume_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["result"], "carried on", "{done:#}");
    let history = conversation(&model.requests().pop().unwrap());
    assert!(history.contains("SLEEP-TASK"), "{history}");
}
