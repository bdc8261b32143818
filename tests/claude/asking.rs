//! What the CLI asks permission for: decided by the session, both ways, and obeyed.

use serde_json::{Value, json};

use super::{with, world};
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn a_command_beyond_edit_runs_once_it_is_allowed_and_not_when_it_is_denied() {
    let Some(home) = world() else { return };
    let outside = home.path("outside.txt");
    let command = format!("sh -c 'echo x > {}'", outside.display());
    let replies = || {
        [
            Reply::tool("Bash", json!({ "command": command })),
            Reply::text("tried"),
        ]
    };
    let script = Script::new()
        .on("DENY-TASK", replies())
        .on("ALLOW-TASK", replies());
    let model = Model::start(script).await;
    let home = with(home, &model);
    let mut server = home.server().await;

    let id = server
        .spawn(json!({ "prompt": "DENY-TASK", "permission": "edit" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["tool"], &asked["content"]),
        (&json!("Bash"), &json!(command))
    );
    let answer = json!({ "decision": "deny", "text": "NOT-THERE" });
    server.answer(&asked, answer).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1)),
        "{done:#}"
    );
    assert!(!outside.exists());
    let told = model.requests().pop().unwrap()["messages"].to_string();
    assert!(told.contains("NOT-THERE"), "the model was not told: {told}");

    let id = server
        .spawn(json!({ "prompt": "ALLOW-TASK", "permission": "edit" }))
        .await;
    let asked = server.asked(&id).await;
    server.answer(&asked, json!({ "decision": "allow" })).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &Value::Null),
        "{done:#}"
    );
    assert!(outside.exists());
    let evidence = server.evidence(&id).await;
    assert_eq!(
        evidence["allowed"],
        json!([{ "tool": "Bash", "by": "parent" }])
    );
}

#[tokio::test]
async fn an_agent_asks_its_parent_and_goes_on_with_the_answer() {
    let Some(home) = world() else { return };
    let question = || {
        Reply::tool(
            "mcp__ostler__ask_parent",
            json!({ "question": "Which PORT?" }),
        )
    };
    let script = Script::new().on("PORT-TASK", [question(), question(), Reply::text("done")]);
    let model = Model::start(script).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "PORT-TASK", "permission": "read_only" }))
        .await;

    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["kind"], &asked["content"]),
        (&json!("question"), &json!("Which PORT?"))
    );
    server
        .answer(&asked, json!({ "text": "EIGHTY-EIGHTY" }))
        .await;
    let asked = server.asked(&id).await;
    let answer = json!({ "decision": "deny", "text": "FIND-OUT" });
    server.answer(&asked, answer).await;

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &Value::Null),
        "{done:#}"
    );
    let told = model.requests().pop().unwrap()["messages"].to_string();
    for words in ["EIGHTY-EIGHTY", "FIND-OUT", "decide yourself"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let offered = model.requests()[0]["tools"].to_string();
    assert!(!offered.contains("mcp__ostler__spawn_agent"), "{offered}");
}

/// What others would run is more than a file of the project, and the CLI asks about it.
#[tokio::test]
async fn an_editing_agent_is_not_let_into_the_hooks_unasked() {
    let Some(home) = world() else { return };
    let project = home.project().canonicalize().unwrap();
    let hook = project.join(".git/hooks/pre-commit");
    std::fs::create_dir_all(project.join(".git/hooks")).unwrap();
    let write = json!({ "file_path": hook, "content": "x" });
    let script = Script::new().on(
        "HOOK-TASK",
        [Reply::tool("Write", write), Reply::text("tried")],
    );
    let model = Model::start(script).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "HOOK-TASK", "permission": "edit" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(asked["tool"], "Write", "{asked:#}");
    assert!(!hook.exists());
    server.answer(&asked, json!({ "decision": "deny" })).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(!hook.exists());
}
