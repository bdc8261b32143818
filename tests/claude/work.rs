//! Agents at work: tools, files, messages, permissions, resuming.

use std::time::Duration;

use serde_json::{Value, json};

use super::{until_file, with, world};
use crate::support::model::{Gate, Model, Reply, Script, last_user_text};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_agent_runs_bash_edits_a_file_and_answers() {
    let Some(home) = world() else { return };
    let file = home.project().join("note.txt");
    std::fs::write(&file, "one\n").unwrap();
    let model = Model::start(Script::new().on(
        "ALPHA-TASK",
        [
            Reply::tool("Bash", json!({ "command": "echo out; exit 3" })),
            Reply::tool("Read", json!({ "file_path": file })),
            Reply::tool(
                "Edit",
                json!({
                    "file_path": file, "old_string": "one", "new_string": "two",
                }),
            ),
            Reply::tool("Bash", json!({ "command": "cat note.txt" })),
            Reply::text("The file says two."),
        ],
    ))
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;

    let done = server
        .run(json!({ "prompt": "ALPHA-TASK", "permission": "full" }))
        .await;

    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "The file says two.");
    assert_eq!(done["result_from"], "final");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\n");
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        evidence["tool_calls"],
        json!({ "Bash": 2, "Edit": 1, "Read": 1 })
    );
    assert_eq!(
        evidence["commands"],
        json!([
            { "command": "echo out; exit 3", "exit_code": 3, "ok": false },
            { "command": "cat note.txt", "exit_code": 0, "ok": true },
        ])
    );
    assert_eq!(evidence["files_written"], json!([file]));
    assert_eq!(evidence["turns"], 5);
    // Five answers of 100 + 20 + 30 tokens in and 7 out each.
    assert_eq!(evidence["usage"]["input_tokens"], 500);
    assert_eq!(evidence["usage"]["output_tokens"], 35);
    assert_eq!(evidence["usage"]["cache_read_tokens"], 150);
    assert!(evidence["usage"]["cost_usd"].as_f64().unwrap() > 0.0);
    assert!(server.close().await.success());
}

#[tokio::test]
async fn a_steer_written_while_bash_runs_reaches_the_model_in_the_same_turn() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on(
        "STEER-TASK",
        [
            Reply::tool("Bash", until_file("go")),
            Reply::tool("Bash", json!({ "command": "true" })),
            Reply::text("done"),
        ],
    ))
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "STEER-TASK", "permission": "full" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "Bash")
        .await;

    let arguments = json!({ "id": id, "message": "TURN-LEFT now" });
    let receipt = server.call("steer_agent", arguments).await.unwrap();
    assert_eq!(receipt["state"], "queued");
    std::fs::write(home.project().join("go"), "").unwrap();

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        server.evidence(&id).await["steers"],
        json!({ "delivered": 1, "lost": 0 })
    );
    let kinds = kinds(&server.transcript(&id).await);
    assert!(kinds.contains(&"steer_delivered".to_owned()), "{kinds:?}");
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "turn_ended").count(),
        1,
        "{kinds:?}"
    );
    let steered = model
        .requests()
        .into_iter()
        .find(|body| body.to_string().contains("TURN-LEFT"));
    assert!(steered.is_some(), "the model never saw the message");
}

#[tokio::test]
async fn a_steer_after_the_turn_starts_another_turn_of_the_same_run() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on(
        "LATER-TASK",
        [
            Reply::tool("Bash", until_file("go")),
            Reply::text("first"),
            Reply::text("second, because I was told so"),
        ],
    ))
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "LATER-TASK", "permission": "full" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "Bash")
        .await;
    let arguments = json!({ "id": id, "message": "ONE-MORE", "when": "after_turn" });
    server.call("steer_agent", arguments).await.unwrap();
    std::fs::write(home.project().join("go"), "").unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "second, because I was told so");
    assert_eq!(
        server.evidence(&id).await["steers"],
        json!({ "delivered": 1, "lost": 0 })
    );
    let last = model.requests().pop().unwrap();
    assert!(last_user_text(&last).contains("ONE-MORE"), "{last:#}");
}

#[tokio::test]
async fn a_steer_while_the_model_thinks_of_its_answer_is_taken_up_right_after() {
    let Some(home) = world() else { return };
    let gate = Gate::new();
    let replies = [Reply::text("first").gate(&gate), Reply::text("second")];
    let model = Model::start(Script::new().on("THINKING", replies)).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "THINKING" })).await;
    model
        .wait_for(SOON, |body| body.to_string().contains("THINKING"))
        .await;
    let arguments = json!({ "id": id, "message": "ALSO-THIS" });
    server.call("steer_agent", arguments).await.unwrap();
    // Written to the CLI before it is logged; the model answers only then.
    server.until_logged(&id, "steer").await;
    gate.open();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("second"))
    );
    assert_eq!(
        server.evidence(&id).await["steers"],
        json!({ "delivered": 1, "lost": 0 })
    );
}

#[tokio::test]
async fn a_steer_now_breaks_off_what_the_model_writes() {
    let Some(home) = world() else { return };
    let slow = Reply::text("a long text that nobody waits for").chunk_delay(SOON);
    let model = Model::start(Script::new().on("SLOWLY", [slow, Reply::text("at once")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "SLOWLY" })).await;
    model
        .wait_for(SOON, |body| body.to_string().contains("SLOWLY"))
        .await;
    let arguments = json!({ "id": id, "message": "QUICK", "when": "now" });
    server.call("steer_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("at once")),
        "{done:#} {:#?}",
        server.transcript(&id).await
    );
}

#[tokio::test]
async fn a_steer_that_cannot_be_delivered_is_counted_as_lost() {
    let Some(home) = world() else { return };
    let model =
        Model::start(Script::new().on("LOST-TASK", [Reply::tool("Bash", super::sleep_long())]))
            .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "LOST-TASK", "permission": "full" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "Bash")
        .await;
    let arguments = json!({ "id": id, "message": "too late" });
    server.call("steer_agent", arguments).await.unwrap();
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["steers_lost"]),
        (&json!("stopped"), &json!(1)),
        "{done:#}"
    );
}

#[tokio::test]
async fn an_ended_agent_is_resumed_with_its_history() {
    let Some(home) = world() else { return };
    let model = Model::start(
        Script::new()
            .on("SECOND-TASK", [Reply::text("I remember")])
            .on("FIRST-TASK", [Reply::text("The word is MARKER-42")]),
    )
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "FIRST-TASK" })).await;
    let id = done["id"].as_str().unwrap().to_owned();
    let arguments = json!({ "id": id, "prompt": "SECOND-TASK" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("I remember"))
    );
    let history = model.requests().pop().unwrap()["messages"].to_string();
    assert!(
        history.contains("MARKER-42") && history.contains("FIRST-TASK"),
        "{history}"
    );
}

#[tokio::test]
async fn a_lost_conversation_is_begun_anew_with_what_was_asked() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().otherwise(Reply::text("fine"))).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "REMEMBER-ME" })).await;
    let id = done["id"].as_str().unwrap().to_owned();
    std::fs::remove_dir_all(home.path("home/.claude/projects")).unwrap();
    server
        .call("resume_agent", json!({ "id": id, "prompt": "GO-ON" }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let asked = model.requests().pop().unwrap()["messages"].to_string();
    assert!(
        asked.contains("REMEMBER-ME") && asked.contains("GO-ON"),
        "{asked}"
    );
}

#[tokio::test]
async fn read_only_prevents_writes_and_counts_the_denials() {
    let Some(home) = world() else { return };
    let file = home.project().join("new.txt");
    let model = Model::start(Script::new().on(
        "READ-TASK",
        [
            Reply::tool("Write", json!({ "file_path": file, "content": "x" })),
            Reply::tool("Bash", json!({ "command": "touch new.txt" })),
            Reply::tool("Bash", json!({ "command": "ls" })),
            Reply::text("could not write"),
        ],
    ))
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "READ-TASK", "permission": "read_only" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(!file.exists());
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    let denied = evidence["denied"].as_array().unwrap();
    assert!(
        denied.iter().any(|denied| denied["tool"] == "Write"),
        "{evidence:#}"
    );
    assert!(
        denied.iter().any(|denied| denied["tool"] == "Bash"),
        "{evidence:#}"
    );
    assert_eq!(
        evidence["commands"][1]["ok"], true,
        "reading is allowed: {evidence:#}"
    );
    let tools = model.requests()[0]["tools"].to_string();
    assert!(
        !tools.contains("\"Write\"") && !tools.contains("\"Edit\""),
        "{tools}"
    );
}

#[tokio::test]
async fn full_permission_runs_what_edit_is_denied() {
    let Some(home) = world() else { return };
    let home = home.config("[agents]\nask = \"deny\"");
    let outside = home.path("outside.txt");
    let write = json!({ "command": format!("sh -c 'echo x > {}'", outside.display()) });
    let replies = || [Reply::tool("Bash", write.clone()), Reply::text("tried")];
    let model = Model::start(
        Script::new()
            .on("EDIT-TASK", replies())
            .on("FULL-TASK", replies()),
    )
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "EDIT-TASK", "permission": "edit" }))
        .await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1)),
        "{done:#}"
    );
    assert!(!outside.exists());
    let refusal = model.requests().pop().unwrap()["messages"].to_string();
    assert!(
        refusal.contains("does not cover this use of Bash"),
        "{refusal}"
    );
    let done = server
        .run(json!({ "prompt": "FULL-TASK", "permission": "full" }))
        .await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &Value::Null),
        "{done:#}"
    );
    assert!(outside.exists());
}

#[tokio::test]
async fn six_agents_at_limit_two_never_run_three_at_once() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().otherwise(Reply::text("{{last_user}}"))).await;
    let home = with(home, &model).config("[agents]\nmax_concurrent = 2");
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for number in 1..=6 {
        ids.push(
            server
                .spawn(json!({ "prompt": format!("NUMBER-{number}") }))
                .await,
        );
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let waiting = server
        .call_later("wait_agents", json!({ "ids": ids, "timeout_s": 100 }))
        .await;
    let outcome = waiting.outcome();
    tokio::pin!(outcome);
    let mut most = 0;
    let waited = loop {
        tokio::select! {
            waited = &mut outcome => break waited.unwrap(),
            listed = server.call("list_agents", json!({ "status": "running" })) => {
                most = most.max(listed.unwrap()["items"].as_array().unwrap().len());
            }
        }
    };
    assert_eq!(most, 2, "the limit was not used, or not kept");
    let done = waited["done"].as_array().unwrap();
    assert_eq!(done.len(), 6);
    for (number, id) in (1..=6).zip(&ids) {
        let done = done.iter().find(|done| done["id"] == **id).unwrap();
        assert_eq!(done["status"], "completed", "{done:#}");
        assert!(
            done["result"]
                .as_str()
                .unwrap()
                .contains(&format!("NUMBER-{number}"))
        );
    }
    let starts = started_in_order(&mut server, &ids).await;
    assert!(starts.is_sorted(), "not first in, first out: {starts:?}");
}

/// When each agent was started, from its log.
async fn started_in_order(server: &mut crate::support::mcp::McpClient, ids: &[&str]) -> Vec<i64> {
    let mut starts = Vec::new();
    for id in ids {
        let entries = server.transcript(id).await;
        let start = entries
            .iter()
            .find(|entry| entry["body"]["to"] == "running")
            .unwrap();
        starts.push(start["at_ms"].as_i64().unwrap());
    }
    starts
}

fn kinds(entries: &[Value]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect()
}
