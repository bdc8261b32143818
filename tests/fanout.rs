//! One fan-out over all real CLIs at once, against one scripted model.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds::{with_claude, with_codex, with_gemini, with_opencode};

/// Each provider with the call of its shell tool.
fn providers(command: &str) -> [(&'static str, Reply); 4] {
    [
        ("claude", Reply::tool("Bash", json!({ "command": command }))),
        (
            "codex",
            Reply::tool("exec_command", json!({ "cmd": command })),
        ),
        (
            "gemini",
            Reply::tool("run_shell_command", json!({ "command": command })),
        ),
        (
            "opencode",
            Reply::tool("bash", json!({ "command": command, "description": "x" })),
        ),
    ]
}

fn world(model: &Model) -> Option<Home> {
    let home = Home::new().config("[agents]\nmax_concurrent = 4\npermission = \"full\"");
    let home = with_claude(home, model)?;
    let home = with_codex(home, model)?;
    let home = with_gemini(home, model)?;
    with_opencode(home, model)
}

#[tokio::test]
async fn eight_agents_of_four_providers_at_limit_four_all_complete_with_their_own_results() {
    let mut script = Script::new();
    let mut tasks = Vec::new();
    for number in [1, 2] {
        for (provider, call) in providers(&format!("echo OUT-{number}")) {
            // The needle ends with a letter, so that none is the beginning of another.
            let task = format!("TASK-{provider}-{number}x");
            let answer = format!("{provider} has done {number}");
            script = script.on(&task, [call, Reply::text(&answer)]);
            tasks.push((provider, task, answer));
        }
    }
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;

    let mut ids = Vec::new();
    for (provider, task, _) in &tasks {
        let arguments = json!({ "prompt": task, "provider": provider });
        ids.push(server.spawn(arguments).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(server.most_running().await, 4);
    let done = server.wait(&ids).await;

    for ((provider, _, answer), done) in tasks.iter().zip(&done) {
        assert_eq!(done["status"], "completed", "{provider}: {done:#}");
        assert_eq!(done["result"], *answer, "{done:#}");
        let evidence = server.evidence(done["id"].as_str().unwrap()).await;
        let commands = evidence["commands"].as_array().unwrap();
        assert_eq!(commands.len(), 1, "{provider}: {evidence:#}");
        let command = commands[0]["command"].as_str().unwrap();
        assert!(command.contains("echo OUT-"), "{provider}: {evidence:#}");
        assert_eq!(commands[0]["ok"], true, "{provider}: {evidence:#}");
        assert!(
            evidence["turns"].as_u64().unwrap() >= 2,
            "{provider}: {evidence:#}"
        );
        assert_ne!(
            evidence["usage"]["output_tokens"],
            Value::Null,
            "{evidence:#}"
        );
    }
    assert!(server.close().await.success());
}
