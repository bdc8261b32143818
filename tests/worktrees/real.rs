//! The real CLIs in worktrees of their own, against a scripted model. git's own files lie outside of
//! such a tree, in the repository it belongs to.

use serde_json::{Value, json};

use super::{git, path_of, repository, users_own};
use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds::{with_claude, with_codex};

/// A world where nobody is asked.
fn alone() -> Home {
    repository(Home::new().config("[agents]\nask = \"deny\""))
}

/// Runs one agent in a worktree of its own; the user's own is the same afterwards.
async fn run(home: &Home, provider: &str, permission: &str) -> Value {
    let before = users_own(home);
    let mut server = home.server().await;
    let arguments = json!({
        "prompt": "TREE-TASK", "label": "Edit", "provider": provider, "permission": permission,
        "isolation": "worktree",
    });
    let done = server.run(arguments).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(users_own(home), before);
    server.leave().await;
    done
}

#[tokio::test]
async fn claude_edits_commits_and_leaves_work_in_its_tree_and_the_result_names_it() {
    let commit = "git status --short && git add -A && git commit -qm 'its own'";
    let model = Model::start(Script::new().on(
        "TREE-TASK",
        [
            Reply::tool("Read", json!({ "file_path": "file" })),
            Reply::tool(
                "Edit",
                json!({ "file_path": "file", "old_string": "one", "new_string": "two" }),
            ),
            Reply::tool("Bash", json!({ "command": commit })),
            Reply::tool("Write", json!({ "file_path": "left", "content": "more\n" })),
            Reply::text("done"),
        ],
    ))
    .await;
    let Some(home) = with_claude(alone(), &model) else {
        return;
    };
    let done = run(&home, "claude", "full").await;
    let workspace = &done["workspace"];
    let branch = format!("ostler/edit-{}", done["id"].as_str().unwrap());
    assert_eq!(workspace["branch"], branch, "{done:#}");
    assert_eq!(workspace["commits"], 2, "{done:#}");
    assert_eq!(workspace["files"], json!(["M file", "A left"]));
    let subjects = git(&home.project(), &["log", "--format=%s", &branch]);
    assert_eq!(subjects, "Edit\nits own\none");
    assert_eq!(git(&path_of(workspace), &["show", "HEAD:file"]), "two");
}

#[tokio::test]
async fn what_an_editing_codex_may_not_commit_itself_is_committed_at_the_end() {
    let shell = |line: &str| Reply::tool("exec_command", json!({ "cmd": line }));
    let model = Model::start(Script::new().on(
        "TREE-TASK",
        [
            shell("echo two > file; git status --short"),
            shell("git add -A; echo \"add ended with $?\""),
            Reply::text("done"),
        ],
    ))
    .await;
    let Some(home) = with_codex(alone(), &model) else {
        return;
    };
    let done = run(&home, "codex", "edit").await;
    let told = model.requests().pop().unwrap()["input"].to_string();
    assert!(told.contains(" M file"), "{told}");
    // Its sandbox lets nobody write to a repository's own files.
    assert!(told.contains("add ended with 128"), "{told}");
    let workspace = &done["workspace"];
    assert_eq!(
        (&workspace["commits"], &workspace["files"]),
        (&json!(1), &json!(["M file"])),
        "{done:#}"
    );
}

#[tokio::test]
async fn an_editing_claude_writes_unasked_and_asks_before_it_commits() {
    let model = Model::start(Script::new().on(
        "TREE-TASK",
        [
            Reply::tool("Write", json!({ "file_path": "new", "content": "x\n" })),
            Reply::tool("Bash", json!({ "command": "git status --short" })),
            Reply::tool(
                "Bash",
                json!({ "command": "git add -A && git commit -qm 'its own'" }),
            ),
            Reply::text("done"),
        ],
    ))
    .await;
    let Some(home) = with_claude(alone(), &model) else {
        return;
    };
    let done = run(&home, "claude", "edit").await;
    assert_eq!(done["denied"], 1, "{done:#}");
    let told = model.requests().pop().unwrap()["messages"].to_string();
    assert!(told.contains("?? new"), "{told}");
    let workspace = &done["workspace"];
    assert_eq!(
        (&workspace["commits"], &workspace["files"]),
        (&json!(1), &json!(["A new"])),
        "{done:#}"
    );
}
