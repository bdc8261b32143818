//! Agents in git worktrees of their own.

mod crowd;
mod deaths;
mod ends;
mod real;
mod together;

use serde_json::Value;

use crate::support::{Home, git};

/// A world whose project is a repository with one commit, and whose agents are the script `work`.
fn world(work: &str) -> Home {
    repository(
        Home::new()
            .script("work", work)
            .env("OSTLER_AGENTS_PROVIDER", "work"),
    )
}

/// The same world with a repository for a project: the file `file`, and `*.log` ignored.
fn repository(home: Home) -> Home {
    let top = home.project();
    git(&top, &["init", "-q", "-b", "main"]);
    for (key, value) in [("user.name", "Tester"), ("user.email", "tester@localhost")] {
        git(&top, &["config", key, value]);
    }
    std::fs::write(top.join("file"), "one\n").unwrap();
    std::fs::write(top.join(".gitignore"), "*.log\n").unwrap();
    git(&top, &["add", "-A"]);
    git(&top, &["commit", "-q", "-m", "one"]);
    home
}

/// What must not change while agents work elsewhere: the index, to the byte, what git says of the
/// tree, the stash, and which commit is checked out.
fn users_own(home: &Home) -> (Vec<u8>, [String; 3]) {
    let top = home.project();
    let status = [
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--branch",
        "--ignored",
    ];
    let seen = [&status[..], &["stash", "list"], &["rev-parse", "HEAD"]];
    let index = std::fs::read(top.join(".git/index")).unwrap();
    (index, seen.map(|args| git(&top, args)))
}

/// The trees there are, as `ostler worktrees list` tells.
async fn listed(home: &Home) -> Vec<Value> {
    let (code, out, err) = home.run(&["worktrees", "list", "--json"]).await;
    assert_eq!(code, 0, "{err}");
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed["unknown"], Value::Null, "{listed:#}");
    listed["trees"].as_array().unwrap().clone()
}

/// Removes what may go; what is said of each tree.
async fn pruned(home: &Home, flags: &[&str]) -> Vec<Value> {
    let (code, out, err) = home
        .run(&[&["worktrees", "prune", "--json"], flags].concat())
        .await;
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn path_of(workspace: &Value) -> std::path::PathBuf {
    workspace["path"]
        .as_str()
        .unwrap_or_else(|| panic!("{workspace:#}"))
        .into()
}
