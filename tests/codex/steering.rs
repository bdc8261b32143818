//! Messages into a running agent.

use std::time::Duration;

use serde_json::{Value, json};

use super::{conversation, count, shell, until_file, world};
use crate::support::mcp::McpClient;
use crate::support::model::{Gate, Model, Reply, Script};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);

async fn steer(server: &mut McpClient, id: &str, message: &str, when: &str) -> Value {
    let arguments = json!({ "id": id, "message": message, "when": when });
    server.call("steer_agent", arguments).await.unwrap()
}

#[tokio::test]
async fn a_steer_while_a_command_runs_reaches_the_model_in_the_same_turn() {
    let replies = [until_file("go"), shell("true"), Reply::text("done")];
    let model = Model::start(Script::new().on("STEER-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "STEER-TASK", "permission": "edit" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "exec_command")
        .await;

    let receipt = steer(&mut server, &id, "TURN-LEFT now", "next_step").await;
    assert_eq!(receipt["state"], "queued");
    std::fs::write(home.project().join("go"), "").unwrap();

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["steers"], json!({ "delivered": 1, "lost": 0 }));
    assert_eq!(evidence["arrivals"], json!({ "same_turn": 1 }));
    let entries = server.transcript(&id).await;
    assert_eq!(count(&entries, "turn_ended"), 1, "{entries:#?}");
    let second = conversation(&model.requests()[1]);
    assert_eq!(second.matches("TURN-LEFT").count(), 1, "{second}");
}

#[tokio::test]
async fn a_steer_for_now_cuts_off_what_the_model_writes() {
    let replies = [
        // Announced at once, and never written to its end.
        Reply::text("a long way to the left, and then further on to the left").chunk_delay(SOON),
        Reply::text("right it is"),
    ];
    let model = Model::start(Script::new().on("CUT-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "CUT-TASK" })).await;
    server
        .until(&id, |agent| agent["turns"].to_string().starts_with("\"1"))
        .await;
    steer(&mut server, &id, "TURN-RIGHT", "now").await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("right it is")),
        "{done:#}"
    );
    let second = conversation(&model.requests()[1]);
    assert_eq!(second.matches("TURN-RIGHT").count(), 1, "{second}");
    assert!(!second.contains("a long way"), "{second}");
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["arrivals"], json!({ "same_turn": 1 }));
}

#[tokio::test]
async fn a_steer_for_the_next_step_leaves_a_text_whole_and_starts_another_turn() {
    let gate = Gate::new();
    let replies = [
        Reply::text("the first answer").gate(&gate),
        Reply::text("the second answer"),
    ];
    let model = Model::start(Script::new().on("WHOLE-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "WHOLE-TASK" })).await;
    model
        .wait_for(SOON, |request| conversation(request).contains("WHOLE-TASK"))
        .await;
    steer(&mut server, &id, "ONE-MORE", "next_step").await;
    server.until_logged(&id, "steer").await;
    gate.open();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("the second answer")),
        "{done:#}"
    );
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["arrivals"], json!({ "new_turn": 1 }));
    assert_eq!(evidence["turns"], 2);
    let last = conversation(&model.requests().pop().unwrap());
    assert!(last.contains("the first answer"), "{last}");
    assert_eq!(last.matches("ONE-MORE").count(), 1, "{last}");
}

#[tokio::test]
async fn steers_for_after_the_turn_wait_and_come_together() {
    let replies = [
        until_file("go"),
        Reply::text("first"),
        Reply::text("second, because I was told so"),
    ];
    let model = Model::start(Script::new().on("LATER-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "LATER-TASK", "permission": "edit" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "exec_command")
        .await;
    steer(&mut server, &id, "ONE-MORE", "after_turn").await;
    steer(&mut server, &id, "AND-ANOTHER", "after_turn").await;
    std::fs::write(home.project().join("go"), "").unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("second, because I was told so")),
        "{done:#}"
    );
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["steers"], json!({ "delivered": 2, "lost": 0 }));
    assert_eq!(evidence["arrivals"], json!({ "new_turn": 2 }));
    assert_eq!(model.request_count(), 3);
    let last = conversation(&model.requests().pop().unwrap());
    assert!(
        last.contains("ONE-MORE") && last.contains("AND-ANOTHER"),
        "{last}"
    );
}

#[tokio::test]
async fn steers_at_any_moment_around_the_end_are_never_lost_or_doubled() {
    const ROUNDS: u64 = 12;
    let model = Model::start(Script::new().otherwise(Reply::text("ok"))).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let mut late = 0;
    for round in 0..ROUNDS {
        let before = model.request_count();
        let id = server
            .spawn(json!({ "prompt": format!("RACE-{round}") }))
            .await;
        model
            .wait_for(SOON, |request| {
                conversation(request).contains(&format!("RACE-{round}"))
            })
            .await;
        // Each round a little later behind the only answer of the model.
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        let arguments = json!({ "id": id, "message": format!("STEER-{round}"), "when": "now" });
        let taken = server.call("steer_agent", arguments).await;
        let done = server.wait(&[&id]).await.remove(0);
        assert_eq!(done["status"], "completed", "{done:#}");
        let told = server.evidence(&id).await["steers"].clone();
        let seen = model.requests().split_off(before);
        let last = conversation(seen.last().unwrap());
        let times = last.matches(&format!("STEER-{round}")).count();
        match taken {
            Ok(_) if told == json!({ "delivered": 1, "lost": 0 }) => assert_eq!(times, 1, "{last}"),
            Ok(_) => {
                // It came when the agent was about to end, and is counted as what it is.
                assert_eq!(told, json!({ "delivered": 0, "lost": 1 }), "{last}");
                assert_eq!(times, 0, "{told} {last}");
                late += 1;
            }
            Err(refusal) => {
                assert!(refusal.contains("has ended"), "{refusal}");
                assert_eq!(times, 0, "{told} {last}");
                late += 1;
            }
        }
    }
    assert!(late < ROUNDS, "no message was in time");
}
