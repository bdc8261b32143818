//! What an agent may do: held by the CLI's sandbox, asked for beyond it, and decided by the session.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{add_file, configuration, conversation, escalated, shell, world};
use crate::support::Home;
use crate::support::model::{Model, Reply, Script};

/// A file that is not there, where the sandbox of the CLI lets nobody write: that is not in `/tmp`.
struct Outside(PathBuf);

impl Outside {
    fn new(name: &str) -> Self {
        let own = format!("ostler-test-{name}-{}", std::process::id());
        Self(PathBuf::from("/var/tmp").join(own))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn read_only_prevents_every_write_and_still_reads() {
    let Some((home, done, evidence)) = try_to_write("read_only").await else {
        return;
    };
    assert_eq!(done["status"], "completed", "{done:#}");
    for name in ["shell.txt", "patch.txt", "escalated.txt"] {
        assert!(!home.project().join(name).exists(), "{name} was written");
    }
    let commands = &evidence["commands"];
    assert_eq!(
        (&commands[0]["ok"], &commands[1]["ok"]),
        (&json!(true), &json!(false)),
        "{evidence:#}"
    );
    assert_eq!(evidence["files_written"], Value::Null);
    let denied: Vec<_> = evidence["denied"].as_array().unwrap().iter().collect();
    let tools: Vec<_> = denied.iter().map(|denied| &denied["tool"]).collect();
    assert_eq!(tools, ["apply_patch", "exec_command"], "{evidence:#}");
}

#[tokio::test]
async fn edit_writes_in_the_project_and_denies_what_nobody_allows() {
    let Some((home, done, evidence)) = try_to_write("edit").await else {
        return;
    };
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(home.project().join("shell.txt").exists());
    assert!(home.project().join("patch.txt").exists());
    assert!(!home.project().join("escalated.txt").exists());
    let patched = home.project().join("patch.txt");
    assert_eq!(evidence["files_written"], json!([patched]));
    assert_eq!(
        evidence["denied"][0]["tool"], "exec_command",
        "{evidence:#}"
    );
    assert_eq!(evidence["denied"].as_array().unwrap().len(), 1);
}

/// An agent that reads, writes by a command, by a patch, and by a command that asks for more, with
/// nobody there to allow it.
async fn try_to_write(permission: &str) -> Option<(Home, Value, Value)> {
    let patch = "*** Begin Patch\n*** Add File: patch.txt\n+x\n*** End Patch";
    let model = Model::start(Script::new().on(
        "WRITE-TASK",
        [
            shell("ls"),
            shell("touch shell.txt"),
            Reply::tool("apply_patch", json!(patch)),
            escalated("touch escalated.txt"),
            Reply::text("tried"),
        ],
    ))
    .await;
    let home = world(&model)?.env("OSTLER_AGENTS_ASK", "deny");
    let before = configuration(&home);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "WRITE-TASK", "permission": permission }))
        .await;
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert!(server.close().await.success());
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
    Some((home, done, evidence))
}

#[tokio::test]
async fn a_command_beyond_edit_runs_once_it_is_allowed_and_not_when_it_is_denied() {
    let outside = Outside::new("command");
    let line = format!("echo x > {}", outside.0.display());
    let replies = || [escalated(&line), Reply::text("tried")];
    let script = Script::new()
        .on("DENY-TASK", replies())
        .on("ALLOW-TASK", replies());
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;

    let id = server
        .spawn(json!({ "prompt": "DENY-TASK", "permission": "edit" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["tool"], &asked["content"]),
        (&json!("exec_command"), &json!(line)),
        "{asked:#}"
    );
    let answer = json!({ "decision": "deny", "text": "NOT-THERE" });
    server.answer(&asked, answer).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1)),
        "{done:#}"
    );
    assert!(!outside.0.exists());
    let told = conversation(&model.requests().pop().unwrap());
    assert!(told.contains("NOT-THERE"), "the model was not told: {told}");
    assert_eq!(model.request_count(), 2);

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
    assert!(outside.0.exists());
    let evidence = server.evidence(&id).await;
    assert_eq!(
        evidence["allowed"],
        json!([{ "tool": "exec_command", "by": "parent" }])
    );
}

#[tokio::test]
async fn a_patch_outside_the_project_is_asked_for_and_obeys_the_answer() {
    let outside = Outside::new("patch");
    let replies = || [add_file(&outside.0, "x"), Reply::text("tried")];
    let script = Script::new()
        .on("DENY-TASK", replies())
        .on("ALLOW-TASK", replies());
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    for (prompt, decision, written) in [("DENY-TASK", "deny", false), ("ALLOW-TASK", "allow", true)]
    {
        let id = server
            .spawn(json!({ "prompt": prompt, "permission": "edit" }))
            .await;
        let asked = server.asked(&id).await;
        assert_eq!(asked["tool"], "apply_patch", "{asked:#}");
        server.answer(&asked, json!({ "decision": decision })).await;
        let done = server.wait(&[&id]).await.remove(0);
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(outside.0.exists(), written, "{decision}");
        let files = server.evidence(&id).await["files_written"].clone();
        let expected = if written {
            json!([outside.0])
        } else {
            Value::Null
        };
        assert_eq!(files, expected);
    }
}

#[tokio::test]
async fn full_permission_is_asked_nothing() {
    let outside = Outside::new("full");
    let line = format!("echo x > {0} && rm -rf ./gone", outside.0.display());
    let replies = [shell(&line), Reply::text("done")];
    let model = Model::start(Script::new().on("FULL-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let before = configuration(&home);
    std::fs::create_dir(home.project().join("gone")).unwrap();
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "FULL-TASK", "permission": "full" }))
        .await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &Value::Null),
        "{done:#}"
    );
    assert!(outside.0.exists());
    assert!(!home.project().join("gone").exists());
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}

#[tokio::test]
async fn rules_of_the_user_that_the_cli_obeys_make_it_say_that_nothing_is_promised() {
    let replies = [shell("touch allowed.txt"), Reply::text("done")];
    let model = Model::start(Script::new().on("RULE-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let task = json!({ "prompt": "RULE-TASK", "permission": "read_only" });
    let enforced = |spawned: &Value| !spawned["not_enforced"].to_string().contains("read_only");

    let spawned = server.call("spawn_agent", task.clone()).await.unwrap();
    assert!(enforced(&spawned), "{spawned:#}");
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
    assert!(!home.project().join("allowed.txt").exists());

    let rules = home.path("codex/rules");
    std::fs::create_dir(&rules).unwrap();
    let rule = "prefix_rule(pattern=[\"touch\"], decision=\"allow\")\n";
    std::fs::write(rules.join("default.rules"), rule).unwrap();
    let spawned = server.call("spawn_agent", task).await.unwrap();
    assert!(!enforced(&spawned), "{spawned:#}");
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
}

/// What others would run is more than a file of the project, and the CLI asks about it.
#[tokio::test]
async fn an_editing_agent_is_not_let_into_the_hooks_unasked() {
    let replies = |path: &std::path::Path| [add_file(path, "x"), Reply::text("tried")];
    let model = Model::start(Script::new()).await;
    let Some(home) = world(&model) else { return };
    let project = home.project().canonicalize().unwrap();
    std::fs::create_dir_all(project.join(".git/hooks")).unwrap();
    let hook = project.join(".git/hooks/pre-commit");
    model.add("HOOK-TASK", replies(&hook));
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "HOOK-TASK", "permission": "edit" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(asked["tool"], "apply_patch", "{asked:#}");
    assert!(!hook.exists());
    server.answer(&asked, json!({ "decision": "deny" })).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(!hook.exists());
}
