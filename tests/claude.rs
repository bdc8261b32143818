//! The real Claude Code CLI against a loopback model.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::clis;
use crate::support::mcp::McpClient;
use crate::support::model::{Gate, Model, Reply, Script};

/// A world in which `claude` is the real CLI and the model is ours. `None` without npm.
fn world(model: &Model) -> Option<Home> {
    let claude = clis::claude()?;
    let home = Home::new()
        .env("ANTHROPIC_BASE_URL", &model.url())
        .env("ANTHROPIC_API_KEY", "loopback-only")
        .config(&format!("[providers.claude]\ncommand = [{claude:?}]"));
    Some(home)
}

#[tokio::test]
async fn an_agent_runs_bash_edits_a_file_and_answers() {
    let file = |home: &Home| {
        home.project()
            .join("note.txt")
            .to_string_lossy()
            .into_owned()
    };
    // The path of the project is known only once the world is made, so the model is told in words.
    let model = Model::start(Script::new().on(
        "ALPHA-TASK",
        [
            Reply::tool("Bash", json!({ "command": "echo one; exit 3" })),
            Reply::tool("Bash", json!({ "command": "echo written > note.txt" })),
            Reply::tool("Read", json!({ "file_path": "note.txt" })),
            Reply::text("All is done: ALPHA."),
        ],
    ))
    .await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "ALPHA-TASK", "permission": "full" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "All is done: ALPHA.");
    assert_eq!(done["result_from"], "final");
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    println!("{evidence:#} {}", file(&home));
    let _: (Gate, Duration, Option<McpClient>, Value) =
        (Gate::new(), Duration::ZERO, None, Value::Null);
}
