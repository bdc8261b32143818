//! A model service that turns the CLI away, and then no longer.

use serde_json::{Value, json};

use super::{with, world};
use crate::support::mcp::McpClient;
use crate::support::model::{Gate, Model, Reply, Script};

fn over_the_limit() -> Reply {
    Reply::error(429).header("retry-after", "1")
}

/// Spawns so many agents, waits for all, and adds up `count` of their evidence.
async fn fan_out(server: &mut McpClient, agents: usize, count: &str) -> i64 {
    let mut ids = Vec::new();
    for name in 1..=agents {
        ids.push(
            server
                .spawn(json!({ "prompt": format!("TASK {name}") }))
                .await,
        );
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut sum = 0;
    for done in server.wait(&ids).await {
        assert_eq!(
            (&done["status"], &done["result"]),
            (&json!("completed"), &json!("after all")),
            "{done:#}"
        );
        let evidence = server.evidence(done["id"].as_str().unwrap()).await;
        sum += evidence[count].as_i64().unwrap_or(0);
    }
    sum
}

#[tokio::test]
async fn a_fan_out_that_the_cli_gives_up_finishes_later_with_one_request_a_refusal_more() {
    let Some(home) = world() else { return };
    let mut replies = vec![over_the_limit(); 4];
    replies.push(Reply::text("after all"));
    let model = Model::start(Script::new().on("TASK", replies)).await;
    let home = with(home, &model).env("CLAUDE_CODE_MAX_RETRIES", "0");
    let mut server = home.server().await;
    assert_eq!(fan_out(&mut server, 6, "backoffs").await, 4);
    assert_eq!(model.request_count(), 10);
    let went_on = model
        .requests()
        .iter()
        .map(|request| request["messages"].to_string())
        .filter(|messages| messages.contains("TASK") && messages.contains("Go on with your task"))
        .count();
    assert_eq!(went_on, 4);
}

#[tokio::test]
async fn a_fan_out_that_the_cli_itself_waits_out_is_not_broken_up() {
    let Some(home) = world() else { return };
    let replies = [over_the_limit(), over_the_limit(), Reply::text("after all")];
    let model = Model::start(Script::new().on("TASK", replies)).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    assert_eq!(fan_out(&mut server, 4, "retries").await, 2);
    assert_eq!(model.request_count(), 6);
}

#[tokio::test]
async fn a_message_into_a_session_that_is_given_up_reaches_the_model_once() {
    let Some(home) = world() else { return };
    let gate = Gate::new();
    let replies = [
        over_the_limit(),
        over_the_limit().gate(&gate),
        Reply::text("after all"),
    ];
    let model = Model::start(Script::new().on("TASK", replies)).await;
    let home = with(home, &model).env("CLAUDE_CODE_MAX_RETRIES", "1");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "TASK" })).await;
    server.until_logged(&id, "retry").await;
    let arguments = json!({ "id": id, "message": "LOOK-LEFT" });
    server.call("steer_agent", arguments).await.unwrap();
    server.until_logged(&id, "steer").await;
    gate.open();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["steers_lost"]),
        (&json!("completed"), &Value::Null),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap()["messages"].to_string();
    assert_eq!(last.matches("LOOK-LEFT").count(), 1, "{last}");
}

#[tokio::test]
async fn who_is_turned_away_in_the_middle_goes_on_with_its_history_and_adds_up() {
    let Some(home) = world() else { return };
    let replies = [
        Reply::tool("Bash", json!({ "command": "echo MIDDLE-OUTPUT" })).usage(1000, 10),
        over_the_limit(),
        Reply::text("after all").usage(2000, 20),
    ];
    let model = Model::start(Script::new().on("TASK", replies)).await;
    let home = with(home, &model).env("CLAUDE_CODE_MAX_RETRIES", "0");
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "TASK" })).await;
    assert_eq!(
        (&done["status"], &done["result"], &done["turns"]),
        (&json!("completed"), &json!("after all"), &json!(2)),
        "{done:#}"
    );
    assert_eq!(
        (&done["tokens"], &done["tool_calls"]),
        (&json!(3030), &json!(1)),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap()["messages"].to_string();
    for part in ["TASK", "MIDDLE-OUTPUT", "Go on with your task"] {
        assert_eq!(
            last.matches(part).count(),
            1 + usize::from(part == "MIDDLE-OUTPUT"),
            "{last}"
        );
    }
    // What it is resumed with later is the session that it ended in.
    let id = done["id"].as_str().unwrap();
    server
        .call("resume_agent", json!({ "id": id, "prompt": "MORE" }))
        .await
        .unwrap();
    assert_eq!(server.wait(&[id]).await[0]["status"], "completed");
    let resumed = model.requests().pop().unwrap()["messages"].to_string();
    assert!(
        resumed.contains("Go on with your task") && resumed.contains("MORE"),
        "{resumed}"
    );
    assert_eq!(server.evidence(id).await["backoffs"], Value::Null);
}
