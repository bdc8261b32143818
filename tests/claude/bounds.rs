//! What a child must not get away with, tried with the real CLI.

use serde_json::json;

use super::{with, world};
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn a_prompt_that_looks_like_a_command_reaches_the_model() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on("/clear", [Reply::text("cleared up")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "/clear the cache and say so", "idle_s": 30 }))
        .await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("cleared up"))
    );
}

#[tokio::test]
async fn an_editing_agent_writes_in_its_directory_only() {
    let Some(home) = world() else { return };
    let memory = home.path("home/.claude/projects/memory/MEMORY.md");
    let outside = home.path("outside.txt");
    let sideways = home.project().join("../sideways.txt");
    let inside = home.project().join("new/inside.txt");
    let write =
        |path: &std::path::Path| Reply::tool("Write", json!({ "file_path": path, "content": "x" }));
    let replies = [
        write(&memory),
        write(&outside),
        write(&sideways),
        write(&inside),
        Reply::text("done"),
    ];
    let model = Model::start(Script::new().on("WRITE-TASK", replies)).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "WRITE-TASK", "permission": "edit" }))
        .await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(3)),
        "{done:#}"
    );
    assert!(!memory.exists() && !outside.exists() && !home.path("sideways.txt").exists());
    assert_eq!(std::fs::read_to_string(inside).unwrap(), "x");
}

#[tokio::test]
async fn an_edit_through_a_link_that_leads_out_is_refused() {
    let Some(home) = world() else { return };
    let outside = home.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, home.project().join("link")).unwrap();
    let path = home.project().join("link/new.txt");
    let write = Reply::tool("Write", json!({ "file_path": path, "content": "x" }));
    let model = Model::start(Script::new().on("LINK-TASK", [write, Reply::text("done")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "LINK-TASK", "permission": "edit" }))
        .await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1)),
        "{done:#}"
    );
    assert!(!outside.join("new.txt").exists());
}

#[tokio::test]
async fn the_steps_of_sub_agents_count() {
    let Some(home) = world() else { return };
    let inner = Reply::tool("Bash", json!({ "command": "true" }));
    let agent = json!({
        "description": "inner work", "prompt": "INNER-WORK", "subagent_type": "general-purpose",
    });
    let outer = [Reply::tool("Agent", agent), Reply::text("outer done")];
    let model = Model::start(
        Script::new()
            .on("OUTER-WORK", outer)
            .on("INNER-WORK", [inner]),
    )
    .await;
    let home = with(home, &model).config("[agents]\ngrace_turns = 2");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "OUTER-WORK", "max_turns": 3 }))
        .await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("max_turns"))
    );
    assert!(
        model.request_count() <= 8,
        "{} requests",
        model.request_count()
    );
}

#[tokio::test]
async fn the_account_of_a_killed_run_is_drawn_up_from_its_log() {
    let Some(home) = world() else { return };
    let file = home.project().join("made.txt");
    let model = Model::start(Script::new().on(
        "ACCOUNT-TASK",
        [
            Reply::tool("Bash", json!({ "command": "echo one; exit 3" })).and_text("on my way"),
            Reply::tool("Write", json!({ "file_path": file, "content": "x" })),
            Reply::tool("Bash", super::sleep_long()),
        ],
    ))
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "ACCOUNT-TASK", "permission": "full" }))
        .await;
    server
        .until(&id, |agent| agent["evidence"]["tool_calls"]["Bash"] == 2)
        .await;
    let live = server.evidence(&id).await;
    server.kill().await;
    let mut next = home.server().await;
    let lost = next.evidence(&id).await;
    for evidence in [&live, &lost] {
        assert_eq!(
            evidence["tool_calls"],
            json!({ "Bash": 2, "Write": 1 }),
            "{evidence:#}"
        );
        assert_eq!(evidence["commands"][0]["exit_code"], 3);
        assert_eq!(evidence["files_written"], json!([file]));
        assert_eq!(evidence["failed_calls"], json!({ "Bash": 1 }));
        assert_eq!(evidence["turns"], 3);
        assert_eq!(evidence["usage"]["input_tokens"], 300);
    }
    let done = next.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["result"], &done["result_from"]),
        (&json!("on my way"), &json!("last_text"))
    );
}
