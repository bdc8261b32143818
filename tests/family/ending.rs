//! The end of an agent is the end of all that work for it, whatever ended it: no process of theirs
//! is left, and their record says why.

use serde_json::{Value, json};

use super::{gone, lead, world};
use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with};

/// A lead with an agent at work below it.
async fn at_work(home: &Home, server: &mut McpClient) -> (String, String, McpClient) {
    let (top, mut inner) = lead(home, server, json!({})).await;
    let below = inner.spawn(json!({ "prompt": "x" })).await;
    home.written("at-work", 1).await;
    assert_eq!(server.brief(&below).await["status"], "running");
    (top, below, inner)
}

fn assert_stopped_with(parent: &str, below: &Value) {
    assert_eq!(below["status"], "stopped", "{below:#}");
    let detail = below["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("its parent {parent}")), "{detail}");
}

async fn read(server: &mut McpClient, id: &str) -> Value {
    server.call("get_agent", json!({ "id": id })).await.unwrap()
}

#[tokio::test]
async fn stopping_an_agent_stops_those_that_work_for_it() {
    let home = world("");
    let mut server = home.server().await;
    let (top, below, mut inner) = at_work(&home, &mut server).await;
    let stopped = server
        .call("stop_agents", json!({ "ids": [top] }))
        .await
        .unwrap();
    assert_eq!(stopped["agents"][0]["status"], "stopped", "{stopped:#}");
    for id in [&top, &below] {
        assert_eq!(processes_with(id), Vec::<String>::new());
    }
    assert_stopped_with(&top, &read(&mut server, &below).await);
    inner.exit().await;
}

#[tokio::test]
async fn an_agent_that_finishes_takes_its_agents_along() {
    let home = world("");
    let mut server = home.server().await;
    let (top, below, mut inner) = at_work(&home, &mut server).await;
    let end = json!({ "id": top, "message": "END" });
    server.call("steer_agent", end).await.unwrap();
    let done = server.wait(&[&top]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(processes_with(&below), Vec::<String>::new());
    let below = read(&mut server, &below).await;
    assert_stopped_with(&top, &below);
    assert!(below["detail"].as_str().unwrap().contains("has finished"));
    inner.exit().await;
}

#[tokio::test]
async fn the_kill_of_the_host_leaves_neither_a_process_nor_a_running_record() {
    let home = world("");
    let mut server = home.server().await;
    let (top, below, mut inner) = at_work(&home, &mut server).await;
    server.kill().await;
    gone(&top).await;
    gone(&below).await;
    inner.exit().await;
    let mut next = home.server().await;
    assert_stopped_with(&top, &read(&mut next, &below).await);
    let lost = read(&mut next, &top).await;
    assert_eq!(
        (&lost["status"], &lost["reason"]),
        (&json!("error"), &json!("owner_lost")),
        "{lost:#}"
    );
}

#[tokio::test]
async fn the_kill_of_the_server_inside_is_told_to_the_parent() {
    let home = world("");
    let mut server = home.server().await;
    let (top, below, mut inner) = at_work(&home, &mut server).await;
    inner.kill().await;
    gone(&below).await;
    let mut again = super::inside(&home, &top).await;
    let lost = read(&mut again, &below).await;
    assert_eq!(
        (&lost["status"], &lost["reason"]),
        (&json!("error"), &json!("owner_lost")),
        "{lost:#}"
    );
    let resumed = json!({ "id": below, "prompt": "x" });
    assert_eq!(
        again.call("resume_agent", resumed).await.unwrap()["run_no"],
        2
    );
    home.written("at-work", 2).await;
    let stopped = json!({ "ids": [top] });
    server.call("stop_agents", stopped).await.unwrap();
    assert_stopped_with(&top, &read(&mut server, &below).await);
}

/// Its session is over, and with it the server that its agents were run by; it goes on itself.
#[tokio::test]
async fn an_agent_that_is_turned_away_hears_what_became_of_its_agents() {
    let lead = r#"
        hear; printf '%s\n' "$said" >> heard; turn; setsid sleep 300 & echo up >> up
        if mkdir first 2>/dev/null; then
          listen_for END
          echo '{"ostler":"error","message":"slow down","class":"rate_limited","retry_after_s":1}'
          exit 0
        fi
        result led
    "#;
    let home = world("").line_script("turned-away", lead);
    let mut server = home.server().await;
    let (top, mut inner) = lead_with(&home, &mut server, "turned-away").await;
    let below = inner.spawn(json!({ "prompt": "x" })).await;
    home.written("at-work", 1).await;
    let end = json!({ "id": top, "message": "END" });
    server.call("steer_agent", end).await.unwrap();
    let done = server.wait(&[&top]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("led")),
        "{done:#}"
    );
    let heard = std::fs::read_to_string(home.project().join("heard")).unwrap();
    let told = "An agent that worked for you was stopped with your last session";
    assert_eq!(heard.matches(told).count(), 1, "{heard}");
    let below = read(&mut server, &below).await;
    assert_eq!(below["status"], "stopped", "{below:#}");
    assert_eq!(
        below["detail"],
        format!("the model service turned its parent {top} away")
    );
    inner.exit().await;
}

async fn lead_with(home: &Home, server: &mut McpClient, provider: &str) -> (String, McpClient) {
    lead(home, server, json!({ "provider": provider })).await
}
