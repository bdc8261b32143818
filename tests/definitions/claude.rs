//! Definitions written for Claude Code, with the real CLI.

use serde_json::{Value, json};

use super::write;
use crate::support::model::{Model, Reply, Script};
use crate::support::{Home, worlds};

/// As people have it in their repositories: the description holds colons and is not quoted.
const CODE_REVIEWER: &str = r#"---
name: code-reviewer
description: Expert code review specialist. Use PROACTIVELY after writing code. Examples:\n\n<example>\nContext: a function was written.\nuser: "Is this right?"\n</example>
tools: Read, Grep, Glob
model: sonnet
color: purple
---

You are a senior code reviewer ensuring high standards of code quality.

When invoked:
1. Run git diff to see recent changes
2. Focus on modified files
"#;

#[tokio::test]
async fn a_definition_copied_from_claude_code_works_unchanged() {
    let file = |home: &Home| home.project().join("note.txt");
    let home = Home::new();
    write(
        &home,
        "project/.claude/agents/code-reviewer.md",
        CODE_REVIEWER,
    );
    std::fs::write(file(&home), "one\n").unwrap();
    let model = Model::start(Script::new().on(
        "REVIEW-THIS",
        [
            Reply::tool(
                "Write",
                json!({ "file_path": file(&home), "content": "two" }),
            ),
            Reply::tool("Read", json!({ "file_path": file(&home) })),
            Reply::text("It says one."),
        ],
    ))
    .await;
    let Some(home) = worlds::with_claude(home, &model) else {
        return;
    };
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "REVIEW-THIS", "agent": "code-reviewer" });
    let reply = server.call("spawn_agent", arguments).await.unwrap();
    assert_eq!(reply["agent"], "code-reviewer");
    assert_eq!(reply["provider"], "claude");
    assert_eq!(reply["model"], "sonnet");
    assert_eq!(reply["permission"], "read_only");
    assert_eq!(reply["ignored"], Value::Null, "{reply:#}");

    let done = server
        .wait(&[reply["id"].as_str().unwrap()])
        .await
        .remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("It says one.")),
        "{done:#}"
    );
    assert_eq!(std::fs::read_to_string(file(&home)).unwrap(), "one\n");
    let asked = &model.requests()[0];
    let name = asked["model"].as_str().unwrap();
    assert!(name.contains("sonnet"), "{name}");
    let offered: Vec<&str> = asked["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    let (ours, its): (Vec<&str>, Vec<&str>) = offered
        .into_iter()
        .partition(|tool| tool.starts_with("mcp__ostler__"));
    assert_eq!(its, ["Glob", "Grep", "Read"]);
    // What is ours comes beside what a definition names.
    let (tracker, ours): (Vec<&str>, Vec<&str>) = ours
        .into_iter()
        .partition(|tool| tool.ends_with("_task") || tool.ends_with("_tasks"));
    assert_eq!(tracker.len(), 6);
    let all = ["ask_parent", "forget", "recall", "remember"];
    assert_eq!(ours, all.map(|tool| format!("mcp__ostler__{tool}")));
    let role = "You are a senior code reviewer ensuring high standards of code quality.";
    assert!(
        asked["system"].to_string().contains(role),
        "{:#}",
        asked["system"]
    );
    assert_eq!(reply["not_enforced"], Value::Null, "{reply:#}");
    server.leave().await;
}

#[tokio::test]
async fn the_built_in_explorer_is_small_and_only_looks() {
    let model = Model::start(Script::new().on("LOOK-AROUND", [Reply::text("seen")])).await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    let home = home.script("echo", "cat");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "LOOK-AROUND", "agent": "explore", "permission": "full" });
    let reply = server.call("spawn_agent", arguments).await.unwrap();
    assert_eq!(reply["permission"], "read_only");
    assert_eq!(
        reply["ignored"],
        json!(["permission: locked by the definition explore"])
    );
    let done = server
        .wait(&[reply["id"].as_str().unwrap()])
        .await
        .remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let asked = &model.requests()[0];
    let name = asked["model"].as_str().unwrap();
    assert!(name.contains("haiku"), "{name}");
    let role = asked["system"].to_string();
    assert!(role.contains("Never name a path or a line that you have not seen."));

    let arguments = json!({ "prompt": "x", "agent": "explore", "provider": "echo" });
    let elsewhere = server.call("spawn_agent", arguments).await.unwrap();
    assert_eq!(elsewhere["model"], Value::Null, "haiku is Claude Code's");
    assert_eq!(elsewhere["ignored"], Value::Null);
    server.wait(&[elsewhere["id"].as_str().unwrap()]).await;
    server.leave().await;
}
