//! The tracker in the hands of an agent: it acts as itself and can do no more than it may.

use serde_json::{Value, json};

use super::{ask, create, get, refusal};
use crate::support::Home;
use crate::support::mcp::McpClient;

fn world() -> Home {
    Home::new()
        .line_script(
            "patient",
            "hear; echo up >> up; turn; listen_for END; result done",
        )
        .config("[agents]\nprovider = \"patient\"")
}

/// A running agent and a server inside of it.
async fn inside(home: &Home, server: &mut McpClient, permission: &str) -> (String, McpClient) {
    let before = home.lines_of("up").len();
    let spawn = json!({ "prompt": "x", "permission": permission });
    let id = server.spawn(spawn).await;
    home.written("up", before + 1).await;
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", format!("o-000000 {id}"));
    (id, McpClient::start(command).await)
}

async fn end(server: &mut McpClient, id: &str) {
    let end = json!({ "id": id, "message": "END" });
    ask(server, "steer_agent", end).await;
    server.wait(&[id]).await;
}

#[tokio::test]
async fn an_agent_creates_claims_and_closes_as_itself() {
    let home = world();
    let mut server = home.server().await;
    let refs = create(&mut server, json!([{ "ref": "a", "title": "A" }])).await;
    let (agent, mut child) = inside(&home, &mut server, "edit").await;
    let claimed = ask(&mut child, "claim_task", json!({})).await;
    assert_eq!(claimed["id"], refs["a"]);
    assert_eq!(claimed["holder"], *agent);
    assert_eq!(claimed["until"], Value::Null, "it lasts as long as its run");

    let found = json!([{
        "ref": "found", "title": "Found on the way",
        "edges": [format!("discovered_from:{}", refs["a"].as_str().unwrap())],
    }]);
    let found = create(&mut child, found).await["found"].clone();
    assert_eq!(get(&mut server, &found).await["created_by"], *agent);
    let told = refusal(&mut server, "close_task", json!({ "id": refs["a"] })).await;
    assert!(told.contains(&format!("is held by {agent}")), "{told}");
    ask(
        &mut child,
        "close_task",
        json!({ "id": refs["a"], "fence": 1 }),
    )
    .await;
    assert_eq!(get(&mut server, &refs["a"]).await["closed_by"], *agent);
    let reopen = json!({ "id": refs["a"], "status": "open", "note": "oh" });
    let told = refusal(&mut child, "update_task", reopen).await;
    assert!(told.contains("an agent cannot reopen a task"), "{told}");

    // What it holds when its run ends is there for others.
    ask(&mut child, "claim_task", json!({ "id": found })).await;
    end(&mut server, &agent).await;
    let left = get(&mut server, &found).await;
    assert_eq!(left["status"], "ready", "{left:#}");
    server.leave().await;
}

#[tokio::test]
async fn an_agent_that_may_only_read_is_not_offered_work_that_writes() {
    let home = world();
    let mut server = home.server().await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "writes", "title": "Writes", "priority": 0 },
            { "ref": "asks", "title": "Asks", "kind": "question" },
        ]),
    )
    .await;
    let (agent, mut child) = inside(&home, &mut server, "read_only").await;
    let ready = super::titles(&mut child, json!({ "view": "ready" })).await;
    assert_eq!(ready, ["Asks"]);
    let claimed = ask(&mut child, "claim_task", json!({})).await;
    assert_eq!(claimed["id"], refs["asks"]);
    let told = refusal(&mut child, "claim_task", json!({ "id": refs["writes"] })).await;
    assert!(told.contains("this agent may only read"), "{told}");
    let told = refusal(&mut child, "claim_task", json!({})).await;
    assert!(told.starts_with("no task is ready"), "{told}");
    end(&mut server, &agent).await;
    server.leave().await;
}
