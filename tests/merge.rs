//! Branches of agents brought together or thrown away, through the real binary.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, git, until};

/// A repository with agents that have ended and left branches in it.
struct Yard {
    home: Home,
    server: McpClient,
}

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

impl Yard {
    async fn new() -> Self {
        let home = Home::new()
            .script("echo", "cat")
            .script("stay", "exec sleep 600");
        let server = home.server().await;
        let yard = Self { home, server };
        yard.git(&["init", "-q", "-b", "main"]);
        yard.git(&["config", "user.name", "Tester"]);
        yard.git(&["config", "user.email", "tester@localhost"]);
        yard.commit("lines", LINES);
        yard
    }

    fn top(&self) -> PathBuf {
        self.home.project()
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.top(), args)
    }

    fn commit(&self, file: &str, text: &str) {
        fs::write(self.top().join(file), text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "work"]);
    }

    /// The bytes of the user's index, and what git says of the user's tree.
    fn untouched(&self) -> (Vec<u8>, String, String) {
        let status = ["--no-optional-locks", "status", "--porcelain", "--branch"];
        (
            fs::read(self.top().join(".git/index")).unwrap(),
            self.git(&status),
            self.git(&["rev-parse", "HEAD"]),
        )
    }

    /// Nothing is left of merges: no working tree, no lock.
    fn is_clear(&self) -> bool {
        let merges = fs::read_dir(self.home.state().join("merges")).unwrap();
        let left: Vec<_> = merges.map(|entry| entry.unwrap().file_name()).collect();
        left.is_empty() && !self.git(&["worktree", "list"]).contains("merges")
    }

    /// An agent that has ended and left `text` in `file` on a branch of its own.
    async fn agent(&mut self, file: &str, text: &str) -> String {
        let id = self.ended().await;
        let branch = format!("ostler/work-{id}");
        let tree = self.home.path(&format!("tree-{id}"));
        let path = tree.to_str().unwrap();
        self.git(&["worktree", "add", "-q", "-b", &branch, path, "main"]);
        fs::write(tree.join(file), text).unwrap();
        git(&tree, &["add", "-A"]);
        git(&tree, &["commit", "-q", "-m", "an agent's work"]);
        self.own_tree(&id, &tree, &branch).await;
        id
    }

    async fn ended(&mut self) -> String {
        let done = self
            .server
            .run(json!({ "prompt": "x", "provider": "echo" }));
        done.await["id"].as_str().unwrap().to_owned()
    }

    /// Puts on record that the agent worked in `tree`.
    async fn own_tree(&self, id: &str, tree: &std::path::Path, branch: &str) {
        let mut store = self.home.store().await;
        let real = tree.canonicalize().unwrap();
        let repository = self.top().canonicalize().unwrap().join(".git");
        sqlx::query(
            "INSERT INTO worktree(agent_id, project_id, repository, path, branch, base, state,
               created_ms, changed_ms)
             SELECT id, project_id, $2, $3, $4, 'x', 'kept', 1, 1 FROM agent WHERE id = $1",
        )
        .bind(id)
        .bind(repository.to_str().unwrap())
        .bind(real.to_str().unwrap())
        .bind(branch)
        .execute(&mut store)
        .await
        .unwrap();
    }

    async fn merge(&mut self, arguments: Value) -> Result<Value, String> {
        self.server.call("merge_agents", arguments).await
    }
}

#[tokio::test]
async fn clean_branches_are_merged_in_order_and_checked_each_time() {
    let mut yard = Yard::new().await;
    let one = yard.agent("lines", &LINES.replace('1', "one")).await;
    let two = yard.agent("lines", &LINES.replace('9', "nine")).await;
    let three = yard.agent("three", "3\n").await;
    fs::write(yard.top().join("lines"), "not committed\n").unwrap();
    let before = yard.untouched();
    let seen = yard.home.path("seen");
    let check = format!(
        "git log -1 --format=%s >> {0}; ls >> {0}; touch left-behind; echo x >> lines",
        seen.display()
    );
    let arguments = json!({ "ids": [two, one, three], "check": check });
    let report = yard.merge(arguments).await.unwrap();
    let merged: Vec<&Value> = report["merged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|merged| &merged["agent"])
        .collect();
    assert_eq!(merged, [&two, &one, &three], "{report:#}");
    let checked = fs::read_to_string(&seen).unwrap();
    let subject = |id: &str| format!("Merge branch 'ostler/work-{id}' of agent {id}");
    let expected = format!(
        "{}\nlines\n{}\nlines\n{}\nlines\nthree\n",
        subject(&two),
        subject(&one),
        subject(&three)
    );
    assert_eq!(
        checked, expected,
        "what a check leaves behind does not stay"
    );
    assert_eq!(yard.untouched(), before);
    assert!(yard.is_clear());

    // The way that the reply names.
    yard.git(&["checkout", "-q", "--", "lines"]);
    let take_over = report["take_over"].as_str().unwrap();
    let words: Vec<&str> = take_over.split(' ').skip(1).collect();
    yard.git(&words);
    let lines = fs::read_to_string(yard.top().join("lines")).unwrap();
    assert_eq!(lines, LINES.replace('1', "one").replace('9', "nine"));
    // Nothing is left to merge.
    let again = yard.merge(json!({ "ids": [one] })).await.unwrap();
    assert_eq!(
        again["skipped"][0]["why"],
        "it has no commits that are not there already"
    );
    assert_eq!(again["branch"], Value::Null);
    yard.server.leave().await;
}

#[tokio::test]
async fn the_first_conflict_stops_it_and_what_was_merged_before_stays() {
    let mut yard = Yard::new().await;
    let one = yard
        .agent("lines", &LINES.replace('5', "five by one"))
        .await;
    let two = yard
        .agent("lines", &LINES.replace('5', "five by two"))
        .await;
    let three = yard.agent("three", "3\n").await;
    let dropped = yard.agent("four", "4\n").await;
    let before = yard.untouched();
    let arguments = json!({ "ids": [one, two, three], "drop": [dropped] });
    let report = yard.merge(arguments).await.unwrap();
    let place = json!({ "path": "lines", "with": [one], "ours": "line 5", "theirs": "line 5" });
    let conflict = json!({
        "agent": two, "branch": format!("ostler/work-{two}"), "with": [one], "files": [place],
    });
    assert_eq!(report["conflict"], conflict, "{report:#}");
    assert_eq!(report["not_tried"], json!([three]));
    assert_eq!(report["not_dropped"][0]["agent"], json!(dropped));
    let branch = report["branch"].as_str().unwrap();
    let merged = yard.git(&["show", &format!("{branch}:lines")]);
    assert!(merged.contains("five by one"), "{merged}");
    assert_eq!(yard.untouched(), before);
    assert!(yard.is_clear());
    yard.git(&["fsck", "--strict"]);

    // For a person: the same in words, and an exit code.
    let (code, out, err) = yard.home.run(&["worktrees", "merge", &one, &two]).await;
    assert_eq!(code, 4, "{err}");
    let told = format!(
        "{one}: merged ostler/work-{one}\n{two}: in conflict with {one}\n  lines\n    {one}: line 5\n    \
         {two}: line 5\n"
    );
    assert!(out.starts_with(&told), "{out}");
    assert!(out.contains("  git merge --ff-only ostler/merge-"), "{out}");
    yard.server.leave().await;
}

#[tokio::test]
async fn a_failed_check_stops_it_and_nothing_that_it_started_lives_on() {
    let mut yard = Yard::new().await;
    let one = yard.agent("one", "1\n").await;
    let two = yard.agent("two", "2\n").await;
    let three = yard.agent("three", "3\n").await;
    let check = "setsid sleep 600 & test ! -e two || { echo two is bad >&2; exit 3; }";
    let arguments = json!({ "ids": [one, two, three], "check": check });
    let report = yard.merge(arguments).await.unwrap();
    assert_eq!(
        report["check_failed"],
        json!({ "agent": two, "command": check, "exit_code": 3, "output": "two is bad" }),
        "{report:#}"
    );
    let left = yard.home.processes();
    assert!(!left.iter().any(|line| line.contains("sleep")), "{left:?}");
    let branch = report["branch"].as_str().unwrap();
    let files = yard.git(&["ls-tree", "--name-only", branch]);
    assert_eq!(files, "lines\none");
    assert_eq!(report["not_tried"], json!([three]));
    assert!(yard.is_clear());
    yard.server.leave().await;
}

#[tokio::test]
async fn what_is_dropped_can_be_brought_back_and_what_is_unsaved_is_not_dropped() {
    let mut yard = Yard::new().await;
    let keep = yard.agent("keep", "k\n").await;
    let drop = yard.agent("drop", "d\n").await;
    let tree = yard.home.path(&format!("tree-{drop}"));
    fs::write(tree.join("unsaved"), "").unwrap();
    let refused = yard.merge(json!({ "ids": [keep], "drop": [drop] })).await;
    let refused = refused.unwrap_err();
    assert!(refused.contains("uncommitted: unsaved"), "{refused}");
    assert!(tree.join("unsaved").exists());
    let branches = yard.git(&["branch", "--list", "ostler/merge-*"]);
    assert_eq!(branches, "", "nothing was done");

    fs::remove_file(tree.join("unsaved")).unwrap();
    let branch = format!("ostler/work-{drop}");
    let commit = yard.git(&["rev-parse", &branch]);
    let report = yard
        .merge(json!({ "ids": [keep], "drop": [drop, keep] }))
        .await
        .unwrap();
    let restore = format!("git branch {branch} {commit}");
    assert_eq!(
        report["dropped"],
        json!([{ "agent": drop, "branch": branch, "commit": commit, "restore": restore }])
    );
    assert!(!tree.exists());
    assert_eq!(report["not_dropped"][0]["agent"], json!(keep));
    assert_eq!(yard.git(&["branch", "--list", &branch]), "");
    let words: Vec<&str> = restore.split(' ').skip(1).collect();
    yard.git(&words);
    assert_eq!(yard.git(&["show", &format!("{branch}:drop")]), "d");

    // A person may drop as well, and without merging.
    let (code, out, err) = yard
        .home
        .run(&["worktrees", "merge", "--drop", &keep])
        .await;
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains(&format!(
            "{keep}: dropped ostler/work-{keep}; bring it back"
        )),
        "{out}"
    );
    yard.server.leave().await;
}

#[tokio::test]
async fn who_lives_or_has_no_branch_is_refused_before_anything_is_done() {
    let mut yard = Yard::new().await;
    let one = yard.agent("one", "1\n").await;
    let plain = yard.ended().await;
    let live = yard
        .server
        .spawn(json!({ "prompt": "x", "provider": "stay" }))
        .await;
    let table = [
        (json!({ "ids": [one, live] }), "cannot be merged"),
        (json!({ "ids": [one, plain] }), "has no branch"),
        (json!({ "ids": [one, "a-zzzzzz"] }), "no agent has the id"),
        (json!({ "ids": [] }), "no agents are named"),
        (json!({ "ids": [one], "check": " " }), "`check` is empty"),
    ];
    for (arguments, expected) in table {
        let refused = yard.merge(arguments).await.unwrap_err();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    let onto = ["worktrees", "merge", &one, "--onto", "--all"];
    let (code, _, err) = yard.home.run(&onto).await;
    assert_eq!(code, 2, "{err}");
    let onto = ["worktrees", "merge", &one, "--onto=--all"];
    let (code, _, err) = yard.home.run(&onto).await;
    assert!(code == 2 && err.contains("`onto` is no commit"), "{err}");
    assert_eq!(yard.git(&["branch", "--list", "ostler/merge-*"]), "");
    yard.server.leave().await;
}

#[tokio::test]
async fn an_agent_merges_nothing() {
    let mut yard = Yard::new().await;
    let one = yard.agent("one", "1\n").await;
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let line = format!(
        "env -u OSTLER_LINEAGE OSTLER_HOME={} OSTLER_CONFIG={} {ostler} worktrees merge {one} \
         --check 'touch {}' 2>&1; echo \"exit code $?\"",
        yard.home.state().display(),
        yard.home.path("config.toml").display(),
        yard.home.path("escaped").display(),
    );
    // Its server does not even have the tool.
    yard.server.leave().await;
    yard.home = yard.home.script("nest", &line);
    yard.server = yard.home.server().await;
    let done = yard
        .server
        .run(json!({ "prompt": "x", "provider": "nest" }));
    let result = done.await["result"].as_str().unwrap().to_owned();
    assert!(
        result.contains("only the session at the top merges branches"),
        "{result}"
    );
    assert!(result.ends_with("exit code 6"), "{result}");
    assert!(!yard.home.path("escaped").exists());
    assert_eq!(yard.git(&["branch", "--list", "ostler/merge-*"]), "");
    yard.server.leave().await;
}

#[tokio::test]
async fn a_killed_merge_leaves_a_working_tree_that_the_next_one_or_prune_clears() {
    let mut yard = Yard::new().await;
    let one = yard.agent("one", "1\n").await;
    let before = yard.untouched();
    for prune in [true, false] {
        let up = yard.home.path("up");
        let check = format!("touch {}; exec sleep 600", up.display());
        let arguments = json!({ "ids": [one], "check": check });
        let _cut_off = yard.server.call_later("merge_agents", arguments).await;
        yard.home.appears("up").await;
        fs::remove_file(up).unwrap();
        yard.server.signal("-KILL");
        yard.server.exit().await;
        assert!(!yard.is_clear());
        assert_eq!(yard.git(&["branch", "--list", "ostler/merge-*"]), "");
        until("the guard has ended the check", || {
            let left = yard.home.processes();
            !left.iter().any(|line| line.contains("sleep 600"))
        })
        .await;
        if prune {
            yard.home.run(&["worktrees", "prune", "--dry-run"]).await;
            assert!(!yard.is_clear());
            let (code, _, err) = yard.home.run(&["worktrees", "prune"]).await;
            assert!(code == 0 && yard.is_clear(), "{err}");
        }
        yard.server = yard.home.server().await;
    }
    let report = yard.merge(json!({ "ids": [one] })).await.unwrap();
    assert_eq!(report["merged"][0]["agent"], json!(one));
    assert!(yard.is_clear());
    assert_eq!(yard.untouched(), before);
    yard.git(&["fsck", "--strict"]);
    yard.server.leave().await;
}

#[tokio::test]
async fn a_merge_whose_caller_leaves_is_broken_off_and_cleared_away() {
    let mut yard = Yard::new().await;
    let one = yard.agent("one", "1\n").await;
    let up = yard.home.path("up");
    let check = format!("touch {}; exec sleep 600", up.display());
    let arguments = json!({ "ids": [one], "check": check });
    let _left = yard.server.call_later("merge_agents", arguments).await;
    yard.home.appears("up").await;
    assert!(yard.server.close().await.success());
    assert!(yard.is_clear());
    assert_eq!(yard.git(&["branch", "--list", "ostler/merge-*"]), "");
}
