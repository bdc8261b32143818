//! An agent that asks its parent through the server that it is given.

use serde_json::json;

use super::{configuration, conversation, world};
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn an_agent_asks_its_parent_and_goes_on_with_the_answer() {
    let model = Model::start(Script::new().on(
        "PORT-TASK",
        [
            Reply::tool("tool_search", json!({ "query": "ask_parent question" })),
            Reply::tool("ask_parent", json!({ "question": "Which PORT?" })),
            Reply::text("done"),
        ],
    ))
    .await;
    let Some(home) = world(&model) else { return };
    // The user's own ostler, of the same name.
    let config = home.path("codex/config.toml");
    let users = "[mcp_servers.ostler]\ncommand = \"not-there\"\nargs = [\"not-that\"]\n\
                 enabled = false\ntool_timeout_sec = 1\n";
    let text = std::fs::read_to_string(&config).unwrap() + users;
    std::fs::write(&config, text).unwrap();
    let before = configuration(&home);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "PORT-TASK", "permission": "read_only" }))
        .await;

    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["kind"], &asked["content"]),
        (&json!("question"), &json!("Which PORT?"))
    );
    let answer = json!({ "text": "EIGHTY-EIGHTY" });
    server.answer(&asked, answer).await;

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &serde_json::Value::Null),
        "{done:#}"
    );
    let told = conversation(&model.requests().pop().unwrap());
    assert!(told.contains("EIGHTY-EIGHTY"), "{told}");
    let calls = &server.evidence(&id).await["tool_calls"];
    assert_eq!(calls["mcp__ostler__ask_parent"], 1, "{calls:#}");
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}
