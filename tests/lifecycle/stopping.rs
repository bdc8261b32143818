//! Ending agents from outside: nothing of them is left when the call returns.

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with, until};

/// A shell with a child in a session of its own, as the shell tools of CLIs are.
const WANDERER: &str = r#"
setsid sleep 300 &
setsid sh -c 'setsid sleep 300 & wait' &
echo up >> up
wait
"#;

fn wanderer() -> Home {
    Home::new()
        .script("wander", WANDERER)
        .config("[agents]\nprovider = \"wander\"")
}

/// Spawns one and waits until all four of its processes are there.
async fn wandering(server: &mut McpClient) -> String {
    let id = server.spawn(json!({ "prompt": "x" })).await;
    until("its processes are there", || processes_with(&id).len() == 4).await;
    id
}

async fn stop(server: &mut McpClient, ids: &[&str]) -> Value {
    server
        .call("stop_agents", json!({ "ids": ids }))
        .await
        .unwrap()["agents"]
        .clone()
}

#[tokio::test]
async fn a_stopped_agent_has_no_process_when_the_call_returns() {
    let home = wanderer();
    let mut server = home.server().await;
    let id = wandering(&mut server).await;
    let arguments = json!({ "ids": [id], "reason": "not needed" });
    let stopped = server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert_eq!(stopped["agents"][0]["status"], "stopped", "{stopped:#}");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["detail"], "not needed");
    assert_eq!(server.evidence(&id).await["processes_left"], Value::Null);
}

#[tokio::test]
async fn an_agent_that_ignores_signals_is_stopped_all_the_same() {
    let home = Home::new().script(
        "stubborn",
        "trap '' TERM INT HUP\nsetsid sleep 300 &\necho up >> up\nwhile :; do sleep 300; done",
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "stubborn" }))
        .await;
    home.written("up", 1).await;
    assert_eq!(stop(&mut server, &[&id]).await[0]["status"], "stopped");
    assert_eq!(processes_with(&id), Vec::<String>::new());
}

#[tokio::test]
async fn a_stop_from_another_server_ends_the_agent() {
    let home = wanderer();
    let (mut owner, mut other) = (home.server().await, home.server().await);
    let id = wandering(&mut owner).await;
    let stopped = stop(&mut other, &[&id]).await;
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert_eq!(stopped[0]["status"], "stopped", "{stopped:#}");
    assert_eq!(owner.brief(&id).await["status"], "stopped");
}

#[tokio::test]
async fn a_stop_from_the_command_line_ends_the_agent() {
    let home = wanderer();
    let mut server = home.server().await;
    let id = wandering(&mut server).await;
    let (code, out, err) = home
        .run(&["agents", "stop", &id, "--reason", "enough"])
        .await;
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("stopped"), "{out}");
    assert_eq!(server.wait(&[&id]).await[0]["detail"], "enough");
}

#[tokio::test]
async fn a_queued_agent_that_is_stopped_never_starts() {
    let home = Home::new()
        .config("[agents]\nmax_concurrent = 1\nprovider = \"mark\"")
        .script(
            "mark",
            "name=$(cat); echo \"$name\" >> started; wait_for go; echo done",
        );
    let mut server = home.server().await;
    let first = server.spawn(json!({ "prompt": "first" })).await;
    home.written("started", 1).await;
    let second = server.spawn(json!({ "prompt": "second" })).await;
    let third = server.spawn(json!({ "prompt": "third" })).await;
    assert_eq!(stop(&mut server, &[&second]).await[0]["status"], "stopped");
    home.touch("go");
    let done = server.wait(&[&first, &second, &third]).await;
    assert_eq!(done[1]["status"], "stopped");
    assert!(
        done[1]["detail"]
            .as_str()
            .unwrap()
            .contains("never started"),
        "{done:#?}"
    );
    assert_eq!(done[1]["result_from"], "none");
    assert_eq!(home.lines_of("started"), ["first", "third"]);
}

#[tokio::test]
async fn a_stop_of_an_ended_agent_changes_nothing() {
    let home = Home::new().script("echo", "cat").script("fail", "exit 4");
    let mut server = home.server().await;
    let completed = server
        .run(json!({ "prompt": "hello", "provider": "echo" }))
        .await;
    let failed = server
        .run(json!({ "prompt": "hello", "provider": "fail" }))
        .await;
    let ids = [
        completed["id"].as_str().unwrap(),
        failed["id"].as_str().unwrap(),
    ];
    let stopped = stop(&mut server, &ids).await;
    assert_eq!(stopped[0]["status"], "completed", "{stopped:#}");
    assert_eq!(stopped[1]["status"], "error", "{stopped:#}");
    let read = server
        .call("get_agent", json!({ "id": ids[0] }))
        .await
        .unwrap();
    assert_eq!(read["result"], "hello");
}

#[tokio::test]
async fn an_unknown_id_among_those_to_stop_stops_none() {
    let home = wanderer();
    let mut server = home.server().await;
    let id = wandering(&mut server).await;
    let arguments = json!({ "ids": [id, "a-zzzzzz"] });
    let refusal = server.call("stop_agents", arguments).await.unwrap_err();
    assert!(
        refusal.contains("no agent has the id a-zzzzzz"),
        "{refusal}"
    );
    assert_eq!(server.brief(&id).await["status"], "running");
    stop(&mut server, &[&id]).await;
}

#[tokio::test]
async fn a_stop_of_a_resumed_run_stops_that_run() {
    let home = Home::new().line_script(
        "twice",
        r#"hear; case $said in
          first) result one ;;
          *) echo up >> up; listen_for never ;;
        esac"#,
    );
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "first", "provider": "twice" }))
        .await;
    let id = done["id"].as_str().unwrap();
    server
        .call("resume_agent", json!({ "id": id, "prompt": "second" }))
        .await
        .unwrap();
    home.written("up", 1).await;
    let stopped = stop(&mut server, &[id]).await;
    assert_eq!(stopped[0]["status"], "stopped", "{stopped:#}");
    assert_eq!(stopped[0]["run_no"], 2);
    assert_eq!(processes_with(id), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_stopped_agent_had_written_is_kept() {
    let home = Home::new().line_script(
        "writer",
        "hear; turn; text 'half of it'; echo up >> up; listen_for never",
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "writer" }))
        .await;
    home.written("up", 1).await;
    stop(&mut server, &[&id]).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "stopped");
    assert_eq!(done["result"], "half of it", "{done:#}");
    assert_eq!(done["result_from"], "last_text");
}

/// A script that leaves a process in a session of its own, with an empty environment and without
/// parents, and says its pid in the file `stray`.
fn stray(then: &str) -> Home {
    let leave = "hear; (setsid env -i sh -c 'echo $$ > stray; exec sleep 600' &) ; wait_for stray";
    Home::new().line_script("stray", &format!("{leave}; echo up >> up; {then}"))
}

fn stray_is_gone(home: &Home) -> bool {
    let pid = home.lines_of("stray").remove(0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

#[tokio::test]
async fn a_process_without_parents_and_environment_is_found_by_a_stop() {
    let home = stray("wait_for never");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "stray" }))
        .await;
    home.written("up", 1).await;
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert!(stray_is_gone(&home));
}

#[tokio::test]
async fn a_process_without_parents_and_environment_is_found_at_the_end_of_the_work() {
    let home = stray("result done; wait_for never");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "stray" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(stray_is_gone(&home));
}
