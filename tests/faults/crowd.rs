//! Many server processes on one state file.

use std::collections::HashSet;

use serde_json::json;

use crate::support::Home;
use crate::support::mcp::McpClient;

const SERVERS: usize = 8;
const WRITES: usize = 500;

#[tokio::test]
async fn ten_servers_that_start_at_once_on_a_fresh_home_all_answer() {
    let home = Home::new();
    let starting = (0..10).map(|_| async {
        let mut server = home.server().await;
        let listed = server.call("list_agents", json!({})).await;
        (server, listed)
    });
    for (mut server, listed) in futures::future::join_all(starting).await {
        assert_eq!(listed.unwrap()["items"], json!([]));
        assert!(server.close().await.success());
    }
}

/// Writes messages to an agent one after the other; the ids of those that were acknowledged.
async fn write_many(mut server: McpClient, agent: String) -> (McpClient, Vec<String>) {
    let mut acknowledged = Vec::with_capacity(WRITES);
    for number in 0..WRITES {
        let arguments = json!({ "id": agent, "message": format!("message {number}") });
        let receipt = server.call("steer_agent", arguments).await.unwrap();
        assert_eq!(receipt["state"], "queued");
        acknowledged.push(receipt["steer_id"].as_str().unwrap().to_owned());
    }
    (server, acknowledged)
}

#[tokio::test]
async fn eight_servers_that_write_at_once_lose_nothing() {
    let home = Home::new()
        .config("[agents]\nmax_concurrent = 1\nprovider = \"busy\"")
        .script("busy", "echo up >> up; wait_for go")
        .line_script("count", "n=0; while hear; do n=$((n + 1)); done");
    let mut owner = home.server().await;
    let busy = owner.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 1).await;
    // It stays queued, so that a write is a write and nothing else.
    let queued = owner
        .spawn(json!({ "prompt": "x", "provider": "count" }))
        .await;
    let mut writers = Vec::new();
    for _ in 0..SERVERS {
        writers.push(write_many(home.server().await, queued.clone()));
    }
    let written = futures::future::join_all(writers).await;
    let acknowledged: HashSet<String> = written
        .into_iter()
        .flat_map(|(_, acknowledged)| acknowledged)
        .collect();
    assert_eq!(acknowledged.len(), SERVERS * WRITES);
    owner
        .call("stop_agents", json!({ "ids": [queued, busy] }))
        .await
        .unwrap();
    let found: HashSet<String> = found(&home).await.into_iter().collect();
    assert!(found == acknowledged, "{} were found", found.len());
    assert_eq!(owner.brief(&queued).await["status"], "stopped");
    assert_eq!(owner.brief(&busy).await["status"], "stopped");
}

/// The messages that the state file has.
async fn found(home: &Home) -> Vec<String> {
    let mut connection = home.store().await;
    sqlx::query_scalar("SELECT id FROM steer")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}
