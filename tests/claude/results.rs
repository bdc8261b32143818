//! What an agent hands in and what it leaves, checked.

use serde_json::{Value, json};

use super::{with, world};
use crate::support::git;
use crate::support::model::{Model, Reply, Script};

fn submit(result: Value) -> Reply {
    Reply::tool("mcp__ostler__submit_result", json!({ "result": result }))
}

#[tokio::test]
async fn a_result_is_handed_in_mended_and_missed() {
    let Some(home) = world() else { return };
    let script = Script::new()
        .on(
            "MENDED-TASK",
            [
                submit(json!({ "ports": ["80"] })),
                submit(json!({ "ports": [80] })),
                Reply::text("It is port 80."),
            ],
        )
        .on("NEVER-TASK", [Reply::text("I would rather not.")])
        .on(
            "AT-LAST-TASK",
            [
                Reply::text("It is port 80."),
                submit(json!({ "ports": [443] })),
                Reply::text("There."),
            ],
        );
    let model = Model::start(script).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for prompt in ["MENDED-TASK", "NEVER-TASK", "AT-LAST-TASK"] {
        let task = json!({ "prompt": prompt, "permission": "read_only", "output_schema": {
            "type": "object",
            "properties": { "ports": { "type": "array", "items": { "type": "integer" } } },
            "required": ["ports"],
        } });
        ids.push(server.spawn(task).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let done = server.wait(&ids).await;

    let mended = &done[0];
    assert_eq!(
        (&mended["status"], &mended["structured"], &mended["result"]),
        (
            &json!("completed"),
            &json!({ "ports": [80] }),
            &json!("It is port 80.")
        ),
        "{mended:#}"
    );
    assert_eq!(mended["denied"], Value::Null, "{mended:#}");
    let requests = model.requests();
    let of = |task: &str| {
        let all = requests.iter().map(|it| it["messages"].to_string());
        all.filter(|it| it.contains(task)).collect::<Vec<_>>()
    };
    let told = &of("MENDED-TASK")[1];
    assert!(
        told.contains("/ports/0: this value is not of type"),
        "{told}"
    );
    let offered = requests[0]["tools"].as_array().unwrap();
    let tool = offered
        .iter()
        .find(|tool| tool["name"] == "mcp__ostler__submit_result");
    let shape = &tool.unwrap()["input_schema"]["properties"]["result"];
    assert_eq!(shape["required"], json!(["ports"]), "{shape:#}");

    let never = &done[1];
    assert_eq!(
        (&never["status"], &never["reason"], &never["result"]),
        (
            &json!("error"),
            &json!("invalid_result"),
            &json!("I would rather not.")
        ),
        "{never:#}"
    );
    assert_eq!(of("NEVER-TASK").len(), 4, "asked, and three times again");

    let at_last = &done[2];
    assert_eq!(
        (&at_last["status"], &at_last["structured"]),
        (&json!("completed"), &json!({ "ports": [443] })),
        "{at_last:#}"
    );
    assert_eq!(at_last["steers_lost"], Value::Null, "{at_last:#}");
}

#[tokio::test]
async fn what_an_agent_says_it_did_is_verified_or_not() {
    let Some(home) = world() else { return };
    let commit = "git add -A && git -c user.name=t -c user.email=t@example.com commit -qm note";
    let file = home.project().join("note.txt");
    let write = json!({ "file_path": file, "content": "two\n" });
    let claim = || Reply::text("I have written and committed note.txt. All tests pass.");
    let script = Script::new()
        .on(
            "HONEST-TASK",
            [
                Reply::tool("Write", write),
                Reply::tool("Bash", json!({ "command": commit })),
                claim(),
            ],
        )
        .on("HOLLOW-TASK", [claim()]);
    let model = Model::start(script).await;
    let home = with(home, &model);
    git(&home.project(), &["init", "-q"]);
    let mut server = home.server().await;
    let task = |prompt: &str, text: &str| {
        json!({ "prompt": prompt, "permission": "full", "expect": {
            "files": ["note.txt"], "command": format!("grep -q {text} note.txt"),
            "commits": true, "clean": true,
        } })
    };
    let honest = server.run(task("HONEST-TASK", "two")).await;
    assert_eq!(
        (&honest["status"], &honest["verified"], &honest["flags"]),
        (&json!("completed"), &json!(true), &Value::Null),
        "{honest:#}"
    );
    std::fs::write(home.project().join("other.txt"), "").unwrap();
    let hollow = server.run(task("HOLLOW-TASK", "three")).await;
    let failed: Vec<&str> = hollow["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unmet| unmet["what"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["commits", "clean", "command"], "{hollow:#}");
    assert_eq!(
        (&hollow["status"], &hollow["verified"], &hollow["flags"]),
        (
            &json!("completed"),
            &json!(false),
            &json!(["claims work, but made no tool calls"])
        ),
        "{hollow:#}"
    );
}
