//! What becomes of an agent's worktree, from the spawn to the end of its run and after.

use serde_json::{Value, json};

use super::{git, listed, path_of, pruned, users_own, world};
use crate::support::Home;
use crate::support::home::executable;

/// Writes as it is told: `write <file>`, `commit <file>`, `nothing`, `wait`, `fail`.
const WORK: &str = r#"
task=$(cat)
pwd -P
for word in $task; do
  case $word in
    write=*) echo new > "${word#*=}" ;;
    commit=*) echo new > "${word#*=}"; git add -A; git commit -qm "its own" ;;
    wait) echo new > waited; echo here > "$UP"; exec sleep 300 ;;
    fail) exit 3 ;;
  esac
done
"#;

fn workers() -> Home {
    let home = world(WORK);
    let up = home.path("up");
    home.config(&format!("[providers.work.env]\nUP = {up:?}"))
}

#[tokio::test]
async fn the_reply_names_branch_and_path_and_the_result_what_was_done_there() {
    let home = workers();
    let before = users_own(&home);
    let mut server = home.server().await;
    let arguments =
        json!({ "prompt": "commit=a write=b", "label": "Fix It", "isolation": "worktree" });
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    let id = spawned["id"].as_str().unwrap();
    assert_eq!(spawned["isolation"], "worktree", "{spawned:#}");
    assert_eq!(spawned["branch"], format!("ostler/fix-it-{id}"));
    let path = path_of(&spawned);
    assert!(
        path.starts_with(home.state().join("worktrees")),
        "{spawned:#}"
    );

    let done = server.wait(&[id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        done["result"].as_str().unwrap().trim(),
        path.to_str().unwrap()
    );
    let base = git(&home.project(), &["rev-parse", "HEAD"]);
    let workspace = json!({
        "branch": spawned["branch"], "base": base, "commits": 2, "files": ["A a", "A b"],
        "diff_stat": "2 files changed, 2 insertions(+)", "path": path,
    });
    assert_eq!(done["workspace"], workspace);
    assert_eq!(server.evidence(id).await["workspace"], workspace);
    assert_eq!(git(&path, &["log", "-1", "--format=%s"]), "Fix It");
    assert_eq!(users_own(&home), before);

    let trees = listed(&home).await;
    assert_eq!(trees.len(), 1, "{trees:#?}");
    let tree = &trees[0];
    let told = (
        &tree["agent"],
        &tree["state"],
        &tree["commits"],
        &tree["dirty"],
    );
    assert_eq!(
        told,
        (&json!(id), &json!("kept"), &json!(2), &json!(false)),
        "{tree:#}"
    );
    server.leave().await;
}

#[tokio::test]
async fn an_agent_that_changed_nothing_leaves_nothing() {
    let home = workers();
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "nothing", "isolation": "worktree" }))
        .await;
    assert_eq!(done["workspace"]["path"], Value::Null, "{done:#}");
    assert_eq!(done["workspace"]["commits"], 0);
    assert_eq!(listed(&home).await, Vec::<Value>::new());
    assert_eq!(git(&home.project(), &["branch", "--list", "ostler/*"]), "");
    let folder = home.state().join("worktrees");
    let left = folder
        .read_dir()
        .unwrap()
        .flat_map(|project| project.unwrap().path().read_dir().unwrap());
    assert_eq!(left.count(), 0);
    server.leave().await;
}

#[tokio::test]
async fn uncommitted_changes_are_carried_over_and_stay_where_they_were() {
    let home = workers();
    let top = home.project();
    std::fs::write(top.join("file"), "staged\n").unwrap();
    git(&top, &["add", "file"]);
    std::fs::write(top.join("file"), "unstaged\n").unwrap();
    std::fs::write(top.join("untracked"), "new\n").unwrap();
    std::fs::write(top.join("secret.log"), "ignored\n").unwrap();
    let before = users_own(&home);
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "write=a", "isolation": "worktree_with_changes" });
    let done = server.run(arguments).await;
    let workspace = &done["workspace"];
    let path = path_of(workspace);
    let text = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(
        (text("file"), text("untracked")),
        ("unstaged\n".to_owned(), "new\n".to_owned())
    );
    assert!(!path.join("secret.log").exists());
    // What came along is not the agent's.
    assert_eq!(
        (&workspace["commits"], &workspace["files"]),
        (&json!(1), &json!(["A a"]))
    );
    assert_eq!(users_own(&home), before);
    server.leave().await;
}

#[tokio::test]
async fn the_work_of_a_stopped_a_failed_and_an_aborted_agent_is_committed() {
    let home = workers();
    let mut server = home.server().await;
    let failed = server
        .run(json!({ "prompt": "write=a fail", "isolation": "worktree" }))
        .await;
    assert_eq!(
        (&failed["status"], &failed["workspace"]["files"]),
        (&json!("error"), &json!(["A a"])),
        "{failed:#}"
    );

    let arguments = json!({ "prompt": "wait", "isolation": "worktree", "idle_s": 2 });
    let aborted = server.run(arguments).await;
    assert_eq!(
        (&aborted["status"], &aborted["workspace"]["files"]),
        (&json!("aborted"), &json!(["A waited"])),
        "{aborted:#}"
    );

    std::fs::remove_file(home.path("up")).unwrap();
    let id = server
        .spawn(json!({ "prompt": "wait", "isolation": "worktree" }))
        .await;
    home.appears("up").await;
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    let stopped = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&stopped["status"], &stopped["workspace"]["files"]),
        (&json!("stopped"), &json!(["A waited"])),
        "{stopped:#}"
    );
    for done in [&failed, &aborted, &stopped] {
        assert_eq!(
            git(&path_of(&done["workspace"]), &["status", "--porcelain"]),
            "",
            "{done:#}"
        );
    }
    server.leave().await;
}

#[tokio::test]
async fn a_stop_while_the_tree_is_made_prevents_the_run_and_leaves_nothing() {
    let home = workers();
    let (top, go) = (home.project(), home.path("go"));
    std::fs::write(top.join(".gitattributes"), "file filter=slow\n").unwrap();
    git(&top, &["add", "-A"]);
    git(&top, &["commit", "-q", "-m", "slow"]);
    let slow = format!(
        "touch {0}/slow; until [ -e {1} ]; do sleep 0.02; done; cat",
        home.path("").display(),
        go.display()
    );
    git(&top, &["config", "filter.slow.smudge", &slow]);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "write=a", "isolation": "worktree" }))
        .await;
    home.appears("slow").await;
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    let stopped = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&stopped["status"], &stopped["workspace"]),
        (&json!("stopped"), &Value::Null),
        "{stopped:#}"
    );
    assert_eq!(git(&top, &["branch", "--list", "ostler/*"]), "");
    assert_eq!(git(&top, &["worktree", "list"]).lines().count(), 1);

    // Resumed it gets its tree after all.
    std::fs::write(go, "").unwrap();
    server
        .call("resume_agent", json!({ "id": id, "prompt": "write=b" }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(
        done["workspace"]["files"]
            .as_array()
            .unwrap()
            .contains(&json!("A b")),
        "{done:#}"
    );
    server.leave().await;
}

#[tokio::test]
async fn a_stop_while_a_hook_runs_ends_it_and_keeps_the_work_in_the_tree() {
    let home = workers();
    let hook = home.project().join(".git/hooks/pre-commit");
    std::fs::write(
        &hook,
        format!(
            "#!/bin/sh\ntouch {}/hook\nsleep 300\n",
            home.path("").display()
        ),
    )
    .unwrap();
    executable(&hook);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "write=a", "isolation": "worktree" }))
        .await;
    home.appears("hook").await;
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    // It had done its work when the stop came.
    assert_eq!(done["status"], "completed", "{done:#}");
    let note = done["workspace"]["note"].as_str().unwrap();
    assert!(note.contains("before the commit was made"), "{done:#}");
    let path = path_of(&done["workspace"]);
    assert!(path.join("a").exists());
    git(&path, &["add", "-A"]);
    server.leave().await;
}

#[tokio::test]
async fn a_resumed_agent_finds_its_tree_as_it_left_it() {
    let home = workers();
    let mut server = home.server().await;
    let first = server
        .run(json!({ "prompt": "write=a", "isolation": "worktree" }))
        .await;
    let id = first["id"].as_str().unwrap();
    let arguments = json!({ "id": id, "prompt": "write=b" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(
        resumed["branch"], first["workspace"]["branch"],
        "{resumed:#}"
    );
    let second = server.wait(&[id]).await.remove(0);
    // A restarted script is told everything again, so that only the new file is certain.
    assert_eq!(
        second["workspace"]["path"], first["workspace"]["path"],
        "{second:#}"
    );
    assert_eq!(
        second["workspace"]["files"],
        json!(["A a", "A b"]),
        "{second:#}"
    );
    assert_eq!(second["workspace"]["base"], first["workspace"]["base"]);
    server.leave().await;
}

#[tokio::test]
async fn a_merged_tree_is_pruned_and_others_are_told_why_not() {
    let home = workers();
    let mut server = home.server().await;
    let mut done = Vec::new();
    for prompt in ["write=a", "write=b"] {
        done.push(
            server
                .run(json!({ "prompt": prompt, "isolation": "worktree" }))
                .await,
        );
    }
    let merged = &done[0]["workspace"];
    git(
        &home.project(),
        &["merge", "-q", "--no-ff", merged["branch"].as_str().unwrap()],
    );

    let would = pruned(&home, &["--dry-run"]).await;
    assert!(path_of(merged).is_dir(), "a dry run removes nothing");
    let removed = pruned(&home, &[]).await;
    for pruned in [&would, &removed] {
        let told: Vec<_> = pruned
            .iter()
            .map(|tree| (&tree["agent"], &tree["removed"]))
            .collect();
        let expected = [
            (&done[0]["id"], &json!(true)),
            (&done[1]["id"], &json!(false)),
        ];
        assert_eq!(told, expected, "{pruned:#?}");
    }
    assert_eq!(removed[1]["why"], "has commits that no other branch has");
    assert!(!path_of(merged).exists());
    let (code, table, _) = home.run(&["worktrees", "list"]).await;
    assert_eq!((code, table.lines().count()), (0, 2), "{table}");
    server.leave().await;
}

#[tokio::test]
async fn a_folder_that_is_on_no_record_is_reported_and_not_touched() {
    let home = workers();
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "write=a", "isolation": "worktree" }))
        .await;
    let foreign = path_of(&done["workspace"])
        .parent()
        .unwrap()
        .join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    pruned(&home, &["--ignored"]).await;
    let (_, table, _) = home.run(&["worktrees", "list"]).await;
    let told = format!("{} is on no record", foreign.display());
    assert!(table.contains(&told) && foreign.is_dir(), "{table}");
    server.leave().await;
}

#[tokio::test]
async fn where_there_can_be_no_worktree_the_spawn_is_refused_and_told_how_to_mend_it() {
    let home = Home::new()
        .script("work", "cat")
        .env("OSTLER_AGENTS_PROVIDER", "work");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "isolation": "worktree" });
    let refused = server
        .call("spawn_agent", arguments.clone())
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        format!(
            "{} is in no git repository, so `isolation` has nothing to make a worktree of\n\
             name a `cwd` in a repository, or leave `isolation` out to work in the directory itself",
            home.project().display()
        )
    );
    git(&home.project(), &["init", "-q"]);
    let refused = server.call("spawn_agent", arguments).await.unwrap_err();
    assert!(
        refused.ends_with("\nmake a first commit, or leave `isolation` out"),
        "{refused}"
    );
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]), "nothing was spawned");
    server.leave().await;
}
