//! A result reaches its reader once, whoever leaves in between.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Executor;

use crate::support::{Home, until};

fn world() -> Home {
    Home::new()
        .line_script("patient", "hear; echo up >> up; wait_for go; result whole")
        .config("[agents]\nprovider = \"patient\"")
}

/// How often the text is in there.
fn texts(replies: &[Value]) -> usize {
    let texts = replies
        .iter()
        .filter(|it| it["done"][0]["result"] == "whole");
    texts.count()
}

#[tokio::test]
async fn of_two_sessions_that_wait_the_one_it_is_for_gets_it_once() {
    let home = world().env("OSTLER_SESSION", "one-session");
    let (mut one, mut two) = (home.server().await, home.server().await);
    let id = one.spawn(json!({ "prompt": "x" })).await;
    let waits = json!({ "ids": [id], "timeout_s": 100 });
    let first = one.call_later("wait_agents", waits.clone()).await;
    let second = two.call_later("wait_agents", waits).await;
    home.written("up", 1).await;
    home.touch("go");
    let replies = [
        first.outcome().await.unwrap(),
        second.outcome().await.unwrap(),
    ];
    assert_eq!(texts(&replies), 1, "{replies:#?}");
    let before = |reply: &&Value| reply["done"][0]["delivered_before"] == true;
    assert_eq!(replies.iter().filter(before).count(), 1, "{replies:#?}");
}

#[tokio::test]
async fn a_wait_broken_off_while_it_hands_out_leaves_the_result_unread() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 1).await;
    home.touch("go");
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    // The wait has the text, and cannot mark it: somebody else writes.
    let mut other = home.store().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let wait = server
        .call_later("wait_agents", json!({ "ids": [id] }))
        .await;
    // Asked behind the wait, and answered: the wait is past its own reading of the state.
    server.transcript(&id).await;
    let cancel = json!({ "requestId": wait.id, "reason": "changed my mind" });
    server.notify("notifications/cancelled", cancel).await;
    server.transcript(&id).await;
    other.execute("COMMIT").await.unwrap();
    // Marked by then, or given back already, or both still to come.
    let any = json!({ "ids": [id], "mode": "any", "timeout_s": 100 });
    let mut replies = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while texts(&replies) == 0 {
        assert!(
            Instant::now() < deadline,
            "nobody got it, and it stays read"
        );
        replies.push(server.call("wait_agents", any.clone()).await.unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let again = server.call("wait_agents", json!({ "ids": [id] })).await;
    assert_eq!(texts(&[again.unwrap()]), 0);
}

#[tokio::test]
async fn what_a_killed_session_did_not_read_is_there_after_its_restart() {
    let home = world().env("OSTLER_SESSION", "the-same");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "label": "long haul" });
    let id = server.spawn(arguments).await;
    home.written("up", 1).await;
    home.touch("go");
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    let pending = server
        .call_later("wait_agents", json!({ "ids": ["a-000000"] }))
        .await;
    drop(pending);
    server.kill().await;

    let mut again = home.server().await;
    let open = again.call("catch_up", json!({})).await.unwrap();
    assert_eq!(
        open["unread"],
        json!([format!("{id} \"long haul\" completed")]),
        "{open:#}"
    );
    let reply = again.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(texts(&[reply]), 1, "it is this session's own");
    let open = again.call("catch_up", json!({})).await.unwrap();
    assert_eq!(open["unread"], Value::Null, "{open:#}");
}

#[tokio::test]
async fn a_look_at_a_running_agent_does_not_take_the_result_that_comes_later() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 1).await;
    let so_far = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(so_far["status"], "running");
    home.touch("go");
    let reply = server
        .call("wait_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert_eq!(texts(&[reply]), 1);
}

#[tokio::test]
async fn a_catch_up_names_the_session_s_own_before_those_of_others() {
    let home = Home::new().script("echo", "cat");
    let (mut server, mut other) = (home.server().await, home.server().await);
    let mut spawned = json!({ "prompt": "x", "provider": "echo", "label": "own" });
    let own = server.spawn(spawned.clone()).await;
    spawned["label"] = json!("foreign");
    for _ in 0..9 {
        other.spawn(spawned.clone()).await;
    }
    let mut open = Value::Null;
    for _ in 0..600 {
        open = server.call("catch_up", json!({})).await.unwrap();
        if open["live"] == Value::Null {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let first = open["unread"][0].as_str().unwrap();
    assert!(first.starts_with(&format!("{own} \"own\"")), "{open:#}");
    assert_eq!(open["more"], 2, "{open:#}");
    until("all are gone", || home.processes().len() <= 4).await;
}
