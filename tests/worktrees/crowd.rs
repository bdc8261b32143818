//! Many worktrees of one repository at the same time.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{git, listed, path_of, pruned, users_own, world};

const AGENTS: usize = 12;

/// Is in its tree together with all the others, and then does what it was told.
const WORK: &str = r#"
task=$(cat)
echo up >> "$UP"
until [ "$(wc -l < "$UP")" -ge 12 ]; do sleep 0.02; done
case $task in
  commits) echo new > new; git add -A; git commit -qm "its own" ;;
  writes) echo changed > file; echo new > new ;;
  builds) echo out > build.log ;;
esac
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_agents_in_twelve_worktrees_at_once_while_the_user_works_in_the_repository() {
    let home = world(WORK).config("[agents]\nmax_concurrent = 12\nmax_starting = 12");
    let up = home.path("up");
    let home = home.config(&format!("[providers.work.env]\nUP = {up:?}"));
    let top = home.project();
    std::fs::write(top.join("file"), "staged\n").unwrap();
    git(&top, &["add", "file"]);
    std::fs::write(top.join("untracked"), "new\n").unwrap();
    let before = users_own(&home);

    let over = AtomicBool::new(false);
    let done = std::thread::scope(|scope| {
        // The user's own commands take the same locks, and are not to fail either.
        let user = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let (config, branch) = (["config", "user.note"], ["branch", "-q"]);
                for (command, argument) in [(config, "x"), (branch, "mine")] {
                    let _ = std::process::Command::new("git")
                        .args(command)
                        .arg(argument)
                        .current_dir(&top)
                        .output();
                }
                let delete = ["branch", "-q", "-D", "mine"];
                let _ = std::process::Command::new("git")
                    .args(delete)
                    .current_dir(&top)
                    .output();
            }
        });
        let done =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(all(&home)));
        over.store(true, Ordering::Relaxed);
        user.join().unwrap();
        done
    });

    let paths = done
        .iter()
        .filter(|done| done["workspace"]["path"].is_string())
        .count();
    for (number, done) in done.iter().enumerate() {
        assert_eq!(done["status"], "completed", "{done:#}");
        let workspace = &done["workspace"];
        let note = workspace["note"].as_str().unwrap_or_default();
        let files = &workspace["files"];
        match TASKS[number % TASKS.len()] {
            "commits" => assert_eq!((files, note), (&json!(["A new"]), ""), "{done:#}"),
            "writes" => assert_eq!((files, note), (&json!(["M file", "A new"]), ""), "{done:#}"),
            "builds" => assert!(
                note.contains("build.log") && path_of(workspace).is_dir(),
                "{done:#}"
            ),
            _ => assert_eq!(workspace["path"], Value::Null, "{done:#}"),
        }
    }
    assert_eq!((done.len(), paths), (AGENTS, 9));
    assert_eq!(users_own(&home), before);
    git(&top, &["fsck", "--strict"]);
    assert_eq!(git(&top, &["worktree", "list"]).lines().count(), 1 + paths);
    assert_eq!(listed(&home).await.len(), paths);
    let pruned = pruned(&home, &[]).await;
    assert!(
        pruned.iter().all(|tree| tree["removed"] == false),
        "{pruned:#?}"
    );
}

const TASKS: [&str; 4] = ["commits", "writes", "builds", "nothing"];

async fn all(home: &crate::support::Home) -> Vec<Value> {
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for number in 0..AGENTS {
        let task = TASKS[number % TASKS.len()];
        ids.push(
            server
                .spawn(json!({ "prompt": task, "isolation": "worktree" }))
                .await,
        );
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let done = server.wait(&ids).await;
    server.leave().await;
    done
}
