//! Everything that one spawn can ask for at once: a definition, context, a worktree, a structured result
//! and expectations; and that a resume keeps it all.

use serde_json::{Value, json};

use super::{git, path_of, repository, users_own, world};
use crate::support::Home;
use crate::support::mcp::McpClient;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds::with_claude;

/// Adds the definition `porter` to the project.
fn define(home: &Home, fields: &str) {
    let folder = home.project().join(".claude/agents");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!(
        "---\nname: porter\ndescription: finds ports\n{fields}context: [\"file:file\"]\n---\n\
         You are the PORTER.\n"
    );
    std::fs::write(folder.join("porter.md"), text).unwrap();
}

fn task(provider: &str) -> Value {
    json!({
        "prompt": "TOGETHER-TASK", "label": "Ports", "agent": "porter", "provider": provider,
        "permission": "full", "isolation": "worktree", "context": ["git:log:1"],
        "output_schema": {
            "type": "object", "required": ["ports"],
            "properties": { "ports": { "type": "array", "items": { "type": "integer" } } },
        },
        "expect": { "files": ["file"], "command": "grep -q two file", "commits": true, "clean": true },
    })
}

fn what_failed(done: &Value) -> Vec<&str> {
    let failed = done["failed"].as_array().into_iter().flatten();
    failed
        .map(|unmet| unmet["what"].as_str().unwrap())
        .collect()
}

/// A first run that does what it should, and a second one that spoils the file and commits nothing.
async fn twice(home: &Home, server: &mut McpClient, provider: &str) -> (Value, Value) {
    let before = users_own(home);
    let first = server.run(task(provider)).await;
    assert_eq!(
        (&first["status"], &first["structured"], &first["verified"]),
        (&json!("completed"), &json!({ "ports": [80] }), &json!(true)),
        "{first:#}"
    );
    assert_eq!(first["workspace"]["commits"], 1, "{first:#}");
    let tree = path_of(&first["workspace"]);
    assert_eq!(git(&tree, &["show", "HEAD:file"]), "two");

    let again = json!({ "id": first["id"], "prompt": "AGAIN-TASK" });
    let resumed = server.call("resume_agent", again).await.unwrap();
    assert_eq!(
        (
            &resumed["agent"],
            &resumed["permission"],
            &resumed["branch"]
        ),
        (
            &json!("porter"),
            &json!("full"),
            &first["workspace"]["branch"]
        ),
        "{resumed:#}"
    );
    let second = server
        .wait(&[first["id"].as_str().unwrap()])
        .await
        .remove(0);
    assert_eq!(
        (
            &second["status"],
            &second["structured"],
            &second["verified"]
        ),
        (
            &json!("completed"),
            &json!({ "ports": [443] }),
            &json!(false)
        ),
        "{second:#}"
    );
    assert_eq!(what_failed(&second), ["commits", "clean", "command"]);
    assert_eq!(path_of(&second["workspace"]), tree);
    assert_eq!(git(&tree, &["show", "HEAD:file"]), "three", "{second:#}");
    assert_eq!(users_own(home), before);
    (first, second)
}

#[tokio::test]
async fn a_script_is_given_and_held_to_all_of_it_in_each_run() {
    let home = world(
        r#"
        cat > ../heard
        if grep -q AGAIN-TASK ../heard; then
          echo three > file; echo '{"ports": [443]}'
        else
          echo two > file; git add -A; git commit -qm own; echo '{"ports": [80]}'
        fi
        "#,
    );
    define(&home, "");
    let mut server = home.server().await;
    let (first, _) = twice(&home, &mut server, "work").await;
    let heard = path_of(&first["workspace"]).join("../heard");
    let heard = std::fs::read_to_string(heard).unwrap();
    for part in ["PORTER", "AGAIN-TASK", "\"ports\""] {
        assert!(heard.contains(part), "{part}: {heard}");
    }
    server.leave().await;
}

#[tokio::test]
async fn claude_is_given_and_held_to_all_of_it_in_each_run() {
    let shell = |line: &str| Reply::tool("Bash", json!({ "command": line }));
    let submit = |port: u16| {
        let result = json!({ "result": { "ports": [port] } });
        Reply::tool("mcp__ostler__submit_result", result)
    };
    let script = Script::new().on(
        "TOGETHER-TASK",
        [
            shell("echo two > file && git add -A && git commit -qm own"),
            submit(80),
            Reply::text("It is port 80."),
            shell("echo three > file"),
            submit(443),
            Reply::text("It is port 443."),
        ],
    );
    let model = Model::start(script).await;
    let home = repository(Home::new().config("[agents]\nask = \"deny\""));
    let Some(home) = with_claude(home, &model) else {
        return;
    };
    define(&home, "tools: Read, Bash\n");
    let mut server = home.server().await;
    let (first, second) = twice(&home, &mut server, "claude").await;
    assert_eq!(first["result"], "It is port 80.");
    assert_eq!(second["result"], "It is port 443.");
    for request in model.requests() {
        let mut tools: Vec<&str> = request["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap())
            .collect();
        tools.sort_unstable();
        // The tracker and the memory are there for every agent that is given our server.
        tools.retain(|tool| !tool.ends_with("_task") && !tool.ends_with("_tasks"));
        let ours = ["forget", "recall", "remember", "submit_result"];
        let ours = ours.map(|tool| format!("mcp__ostler__{tool}"));
        let all = ["Bash", "Read"].into_iter().map(str::to_owned).chain(ours);
        assert_eq!(tools, all.collect::<Vec<_>>());
        assert!(
            request["system"]
                .to_string()
                .contains("You are the PORTER.")
        );
        // What it was given to read, once.
        let told = request["messages"].to_string();
        let given = "Reference material for your task";
        assert_eq!(told.matches(given).count(), 1, "{told}");
        assert!(told.contains("git:log:1") && told.contains("file:file"));
    }
    server.leave().await;
}
