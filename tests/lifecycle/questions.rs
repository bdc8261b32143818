//! The server that an agent's own CLI starts, by which the agent asks the session it works for.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// A running agent, and the server inside of it.
async fn inside(home: &Home, server: &mut McpClient) -> (String, McpClient) {
    let id = server.spawn(json!({ "prompt": "x" })).await;
    server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", format!("o-000000 {id}"));
    (id, McpClient::start(command).await)
}

fn patient(settings: &str) -> Home {
    Home::new()
        .line_script("patient", "hear; turn; listen_for END; result done")
        .config(&format!("[agents]\nprovider = \"patient\"\n{settings}"))
}

#[tokio::test]
async fn an_agent_may_ask_and_has_the_tracker() {
    let home = patient("");
    let mut server = home.server().await;
    let (_, mut child) = inside(&home, &mut server).await;
    let tools = child.request("tools/list", json!({})).await["result"]["tools"].take();
    let names: Vec<&Value> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    let all = [
        "ask_parent",
        "claim_task",
        "close_task",
        "create_tasks",
        "forget",
        "get_task",
        "list_tasks",
        "recall",
        "remember",
        "update_task",
    ];
    assert_eq!(names, all);
    let told = child.initialized["instructions"].as_str().unwrap();
    assert!(told.starts_with("You work for another session."), "{told}");
    let refusal = child
        .call("spawn_agent", json!({ "prompt": "x" }))
        .await
        .unwrap_err();
    assert!(refusal.contains("unknown tool"), "{refusal}");
    child.leave().await;
}

#[tokio::test]
async fn a_question_is_put_to_the_parent_and_its_answer_comes_back() {
    let home = patient("");
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server).await;
    let asking = child
        .call_later("ask_parent", json!({ "question": "Which port?" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["kind"], &asked["content"]),
        (&json!("question"), &json!("Which port?"))
    );
    server.answer(&asked, json!({ "text": "8080" })).await;
    assert_eq!(asking.outcome().await, Ok(json!({ "answer": "8080" })));
    let kinds: Vec<Value> = server
        .transcript(&id)
        .await
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&json!("asked")) && kinds.contains(&json!("answered")),
        "{kinds:?}"
    );
    child.leave().await;
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_in_time() {
    let home = patient("ask_timeout_s = 1");
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server).await;
    let refusal = child
        .call("ask_parent", json!({ "question": "Which port?" }))
        .await;
    assert_eq!(
        refusal,
        Err(
            "nobody answered within 1 s\ndecide yourself, and say in your answer what you decided"
                .to_owned()
        )
    );
    assert_eq!(server.brief(&id).await["waiting"], Value::Null);
    child.leave().await;
}

#[tokio::test]
async fn the_question_of_a_server_that_died_is_closed() {
    let home = patient("ask_timeout_s = 1");
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server).await;
    let _asking = child
        .call_later("ask_parent", json!({ "question": "Which port?" }))
        .await;
    server.asked(&id).await;
    child.kill().await;
    server
        .until(&id, |agent| agent["waiting"] == Value::Null)
        .await;
}

#[tokio::test]
async fn the_end_of_the_agent_ends_its_question() {
    let home = patient("");
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server).await;
    let asking = child
        .call_later("ask_parent", json!({ "question": "Which port?" }))
        .await;
    server.asked(&id).await;
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    // The stop takes what carries the agent's mark, its server included.
    child.exit().await;
    drop(asking);
    let refusal = {
        let mut command = home.ostler();
        command.env("OSTLER_LINEAGE", format!("o-000000 {id}"));
        let mut late = McpClient::start(command).await;
        late.call("ask_parent", json!({ "question": "Which port?" }))
            .await
            .unwrap_err()
    };
    assert!(
        refusal.starts_with("there is no session above this one"),
        "{refusal}"
    );
}

#[tokio::test]
async fn who_waits_for_the_answer_of_its_parent_is_not_idle() {
    let home = patient("idle_s = 3\nask_timeout_s = 6");
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server).await;
    let refusal = child
        .call("ask_parent", json!({ "question": "Which port?" }))
        .await
        .unwrap_err();
    assert!(
        refusal.starts_with("nobody answered within 6 s"),
        "{refusal}"
    );
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("idle_s")),
        "{done:#}"
    );
    child.exit().await;
}
