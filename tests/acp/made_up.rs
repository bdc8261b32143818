//! An agent that nobody knows, configured by three lines.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// A world with the agent as the provider `mine`; `None`, said loudly, without Node.
async fn start() -> Option<(Home, McpClient)> {
    let node = std::process::Command::new("node").arg("--version").output();
    if node.is_err() {
        eprintln!("SKIPPED: node is not installed");
        return None;
    }
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/acp/agent.mjs");
    let home = Home::new().config(&format!(
        "[providers.mine]\nkind = \"acp\"\ncommand = [\"node\", {agent:?}]"
    ));
    let server = home.server().await;
    Some((home, server))
}

fn task(prompt: &str, permission: &str) -> Value {
    json!({ "prompt": prompt, "provider": "mine", "permission": permission })
}

fn assert_completed(done: &Value, result: &str) {
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!(result)),
        "{done:#}"
    );
}

#[tokio::test]
async fn three_lines_make_it_work() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let done = server.run(task("EDIT-TASK", "full")).await;
    assert_completed(&done, "plain heard EDIT-TASK");
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(evidence["tool_calls"], json!({ "edit": 1 }), "{evidence:#}");
    assert_eq!(evidence["files_written"], json!(["a.txt"]));
    assert_eq!(evidence["turns"], 2);
    assert_eq!(evidence["usage"]["input_tokens"], 11);
    assert_eq!(evidence["usage"]["output_tokens"], 5);
}

#[tokio::test]
async fn what_it_does_unasked_is_told_to_be_beyond_us() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let spawned = server
        .call("spawn_agent", task("EDIT-TASK", "read_only"))
        .await
        .unwrap();
    let missing = spawned["not_enforced"].as_array().unwrap();
    assert!(
        missing.contains(&json!("permission read_only")),
        "{spawned:#}"
    );
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
}

#[tokio::test]
async fn an_option_is_chosen_by_its_kind() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    for (decision, chosen) in [("allow", "chosen allow_always"), ("deny", "chosen 1")] {
        let id = server.spawn(task("ASK-TASK", "edit")).await;
        let asked = server.asked(&id).await;
        assert_eq!(asked["tool"], "execute", "{asked:#}");
        server.answer(&asked, json!({ "decision": decision })).await;
        let done = server.wait(&[&id]).await.remove(0);
        assert_completed(&done, chosen);
    }
}

#[tokio::test]
async fn files_are_its_own_business() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let done = server.run(task("FILE-TASK", "full")).await;
    assert_completed(&done, "refused with -32601");
}

#[tokio::test]
async fn a_message_now_states_the_task_again() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let id = server.spawn(task("HOLD-TASK", "full")).await;
    server.until(&id, |agent| agent["turns"] == "1/50").await;
    let arguments = json!({ "id": id, "message": "STOP-HOLDING", "when": "now" });
    server.call("steer_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let result = done["result"].as_str().unwrap();
    for part in ["You were broken off", "HOLD-TASK", "STOP-HOLDING"] {
        assert!(result.contains(part), "{result}");
    }
    let steers = &server.evidence(&id).await["steers"];
    assert_eq!(
        (&steers["delivered"], &steers["lost"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn a_prompt_is_never_a_command_to_the_program() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let done = server.run(task("/help me", "full")).await;
    assert_completed(&done, "plain heard The message is: /help me");
}

#[tokio::test]
async fn a_model_is_chosen_or_the_agent_fails() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let mut arguments = task("hello", "full");
    arguments["model"] = json!("bright");
    let done = server.run(arguments.clone()).await;
    assert_completed(&done, "bright heard hello");

    arguments["model"] = json!("nope");
    let done = server.run(arguments).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("bad_model")),
        "{done:#}"
    );
}

#[tokio::test]
async fn without_sessions_to_load_it_is_told_everything_again() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let done = server.run(task("FIRST-TASK", "full")).await;
    let id = done["id"].as_str().unwrap().to_owned();
    let arguments = json!({ "id": id, "prompt": "SECOND-TASK" });
    server.call("resume_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let result = done["result"].as_str().unwrap();
    assert!(
        result.contains("FIRST-TASK") && result.contains("SECOND-TASK"),
        "{result}"
    );
}

#[tokio::test]
async fn an_end_for_an_unknown_reason_is_no_success() {
    let Some((_home, mut server)) = start().await else {
        return;
    };
    let done = server.run(task("ODD-TASK", "full")).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("protocol")),
        "{done:#}"
    );
}
