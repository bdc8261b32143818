//! Agents at work: tools, files, usage, resuming.

use serde_json::{Value, json};

use super::{configuration, conversation, shell, until_file, world};
use crate::support::clis;
use crate::support::home::processes_with;
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn an_agent_runs_commands_patches_files_and_answers() {
    let patch = "*** Begin Patch\n*** Add File: new.txt\n+fresh\n*** Update File: note.txt\n@@\n-one\n\
                 +two\n*** End Patch";
    let model = Model::start(
        Script::new().on(
            "ALPHA-TASK",
            [
                Reply::thought("first look").and_tool(
                    "exec_command",
                    json!({ "cmd": "echo \"it's\" out; exit 3" }),
                ),
                Reply::tool("apply_patch", json!(patch)),
                Reply::text("Looking at it.")
                    .and_tool("exec_command", json!({ "cmd": "cat note.txt" })),
                Reply::text("The file says two."),
            ],
        ),
    )
    .await;
    let Some(home) = world(&model) else { return };
    let before = configuration(&home);
    let note = home.project().join("note.txt");
    std::fs::write(&note, "one\n").unwrap();
    let mut server = home.server().await;

    let done = server
        .run(json!({ "prompt": "ALPHA-TASK", "permission": "full" }))
        .await;

    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "The file says two.");
    assert_eq!(done["result_from"], "final");
    assert_eq!(std::fs::read_to_string(&note).unwrap(), "two\n");
    let id = done["id"].as_str().unwrap();
    let evidence = server.evidence(id).await;
    assert_eq!(
        evidence["tool_calls"],
        json!({ "apply_patch": 1, "exec_command": 2 })
    );
    assert_eq!(
        evidence["commands"],
        json!([
            { "command": "echo \"it's\" out; exit 3", "exit_code": 3, "ok": false },
            { "command": "cat note.txt", "exit_code": 0, "ok": true },
        ])
    );
    let new = home.project().join("new.txt");
    assert_eq!(evidence["files_written"], json!([new, note]));
    assert_eq!(evidence["turns"], 4);
    // Four answers of 150 tokens in, 30 of them from the cache, and 7 out each.
    let usage = &evidence["usage"];
    assert_eq!(
        (
            &usage["input_tokens"],
            &usage["cache_read_tokens"],
            &usage["output_tokens"]
        ),
        (&json!(480), &json!(120), &json!(28)),
        "{usage:#}"
    );
    assert_eq!(
        (&usage["final"], &usage["cost_usd"]),
        (&json!(true), &Value::Null)
    );
    let entries = server.transcript(id).await;
    let thought = entries.iter().find(|entry| entry["kind"] == "thought");
    assert_eq!(thought.unwrap()["body"]["text"], "first look");
    assert!(server.close().await.success());
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}

#[tokio::test]
async fn an_ended_agent_is_resumed_with_its_history_and_counts_only_its_own_run() {
    let model = Model::start(
        Script::new()
            .on("SECOND-TASK", [Reply::text("I remember")])
            .on(
                "FIRST-TASK",
                [shell("true"), Reply::text("The word is MARKER-42")],
            ),
    )
    .await;
    let Some(home) = world(&model) else { return };
    let before = configuration(&home);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "FIRST-TASK", "permission": "full" }))
        .await;
    let id = done["id"].as_str().unwrap().to_owned();
    assert_eq!(server.evidence(&id).await["usage"]["input_tokens"], 240);

    let arguments = json!({ "id": id, "prompt": "SECOND-TASK" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("I remember"))
    );
    let history = conversation(&model.requests().pop().unwrap());
    assert!(
        history.contains("MARKER-42") && history.contains("FIRST-TASK"),
        "{history}"
    );
    let evidence = server.evidence(&id).await;
    assert_eq!(
        (&evidence["turns"], &evidence["usage"]["input_tokens"]),
        (&json!(1), &json!(120)),
        "{evidence:#}"
    );
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}

#[tokio::test]
async fn a_lost_conversation_is_begun_anew_with_what_was_asked() {
    let model = Model::start(Script::new().otherwise(Reply::text("fine"))).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "REMEMBER-ME" })).await;
    let id = done["id"].as_str().unwrap().to_owned();
    for entry in std::fs::read_dir(home.path("codex")).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else if !path.ends_with("config.toml") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let arguments = json!({ "id": id, "prompt": "GO-ON" });
    server.call("resume_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    let asked = conversation(&model.requests().pop().unwrap());
    assert!(
        asked.contains("REMEMBER-ME") && asked.contains("GO-ON"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_limit_of_model_steps_wraps_the_run_up() {
    let replies = [shell("true"), until_file("go"), Reply::text("wrapped up")];
    let model = Model::start(Script::new().on("LIMIT-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "LIMIT-TASK", "permission": "full", "max_turns": 2 }))
        .await;
    server
        .until(&id, |agent| agent["turns"].to_string().starts_with("\"2"))
        .await;
    home.touch("go");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("steered"), &json!("wrapped up")),
        "{done:#}"
    );
    assert_eq!(server.evidence(&id).await["turns"], 3);
    assert_eq!(model.request_count(), 3);
}

#[tokio::test]
async fn a_command_left_in_the_background_does_not_outlive_the_run() {
    let background = json!({ "cmd": "sleep 300", "yield_time_ms": 250 });
    let replies = [
        Reply::tool("exec_command", background),
        Reply::text("it runs on"),
    ];
    let model = Model::start(Script::new().on("LEAVE-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "LEAVE-TASK", "permission": "full" }))
        .await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("it runs on")),
        "{done:#}"
    );
    let left = home.processes();
    assert!(
        !left.iter().any(|process| process.contains("sleep")),
        "{left:#?}"
    );
}

#[tokio::test]
async fn a_later_model_that_calls_its_tools_by_a_script_is_told_of_alike() {
    let script = |code: &str| Reply::tool("exec", json!(code));
    let patch = "*** Begin Patch\\n*** Add File: new.txt\\n+x\\n*** End Patch";
    let replies = [
        script("text((await tools.exec_command({cmd: 'echo out; exit 3'})).output)"),
        script(&format!("text(String(await tools.apply_patch('{patch}')))")),
        Reply::text("done"),
    ];
    let model = Model::start(Script::new().on("SCRIPT-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "SCRIPT-TASK", "permission": "full", "model": "gpt-6-luna" }))
        .await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("done")),
        "{done:#}"
    );
    assert_eq!(model.requests()[0]["model"], "gpt-6-luna");
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        evidence["tool_calls"],
        json!({ "apply_patch": 1, "exec_command": 1 })
    );
    assert_eq!(
        evidence["commands"],
        json!([{ "command": "echo out; exit 3", "exit_code": 3, "ok": false }])
    );
    let new = home.project().join("new.txt");
    assert_eq!(evidence["files_written"], json!([new]));
    assert_eq!(evidence["turns"], 3);
}

#[tokio::test]
async fn the_wrapper_of_npm_is_not_run() {
    let model = Model::start(Script::new().on("WRAP-TASK", [shell("sleep 300")])).await;
    let Some(home) = world(&model) else { return };
    let native = clis::codex().unwrap();
    let modules = native
        .ancestors()
        .find(|folder| folder.ends_with("node_modules"));
    let wrapper = modules.unwrap().join(".bin/codex");
    let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let config = config.replace(native.to_str().unwrap(), wrapper.to_str().unwrap());
    std::fs::write(home.path("config.toml"), config).unwrap();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "WRAP-TASK", "permission": "full" }))
        .await;
    server
        .until(&id, |agent| agent["last_tool"] == "exec_command")
        .await;
    let processes = processes_with(&id);
    let native = format!("{} app-server ", native.display());
    assert!(
        processes.iter().any(|process| process.ends_with(&native)),
        "{processes:#?}"
    );
    assert!(
        !processes.iter().any(|process| process.contains("node ")),
        "{processes:#?}"
    );
    let arguments = json!({ "ids": [id] });
    server.call("stop_agents", arguments).await.unwrap();
}
