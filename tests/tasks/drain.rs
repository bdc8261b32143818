//! `ostler drain` through the real binary: order, death at any moment, conflicts, limits.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::home::executable;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds::with_claude;
use crate::support::{Home, git, until};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent that makes the file of its task, which the name of its branch tells, and commits it. It says
/// in `began` that it has begun and in `saw-…` what was there then. What else it does is in `extra`.
const WORK: &str = r#"
branch=$(git symbolic-ref --short HEAD)
name=${branch#ostler/}; name=${name%-a-*}
trunk=$(printf '%s' "$prompt" | grep -o 'ostler/drain-[0-9a-z]*' | head -1)
echo "$name" >> "$OUT/began"
ls > "$OUT/saw-$name"
commit() { git add -A && git commit -q -m "work on $name"; }
make() { if [ ! -e "$name" ]; then echo "$name" > "$name"; commit; fi; }
"#;

struct Yard {
    home: Home,
}

impl Yard {
    /// A repository, and agents that do `extra`.
    fn new(extra: &str) -> Self {
        Self::with(|home, out| {
            home.script("work", &format!("prompt=$(cat)\n{out}\n{WORK}\n{extra}"))
        })
    }

    /// The same with agents that speak the line protocol.
    fn speaking(extra: &str) -> Self {
        Self::with(|home, out| {
            home.line_script(
                "work",
                &format!("hear\nprompt=$said\n{out}\n{WORK}\n{extra}"),
            )
        })
    }

    fn with(agents: impl FnOnce(Home, &str) -> Home) -> Self {
        let home = Home::new();
        let out = home.path("out");
        std::fs::create_dir(&out).unwrap();
        let home = agents(home, &format!("OUT={out:?}"))
            .config("[agents]\nprovider = \"work\"")
            .env("OSTLER_AGENTS_MAX_SPAWNS_PER_MINUTE", "1000");
        Self::of(home)
    }

    /// A repository in that world.
    fn of(home: Home) -> Self {
        let yard = Self { home };
        yard.git(&["init", "-q", "-b", "main"]);
        yard.git(&["config", "user.name", "Tester"]);
        yard.git(&["config", "user.email", "tester@localhost"]);
        std::fs::write(yard.home.project().join("file"), "first\n").unwrap();
        yard.git(&["add", "-A"]);
        yard.git(&["commit", "-q", "-m", "first"]);
        yard
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.home.project(), args)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.home.path("out").join(name)
    }

    /// The lines of a file that agents have written.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.out(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Creates tasks, each after those that are named.
    async fn tasks(&self, tasks: &[(&str, &[&str])]) {
        let tasks = tasks
            .iter()
            .map(|(title, after)| json!({ "title": title, "ref": title, "blocked_by": after }));
        self.create(tasks.collect()).await;
    }

    async fn create(&self, tasks: Vec<Value>) {
        let mut server = self.home.server().await;
        let created = server.call("create_tasks", json!({ "tasks": tasks })).await;
        created.unwrap();
        server.close().await;
    }

    async fn all(&self) -> Vec<Value> {
        let mut server = self.home.server().await;
        let listed = server
            .call("list_tasks", json!({ "view": "all", "limit": 100 }))
            .await;
        server.close().await;
        listed.unwrap()["items"].as_array().unwrap().clone()
    }

    /// The titles of all tasks that stand so.
    async fn that_are(&self, status: &str) -> Vec<String> {
        let mut titles: Vec<String> = self
            .all()
            .await
            .iter()
            .filter(|task| task["status"] == status)
            .map(|task| task["title"].as_str().unwrap().to_owned())
            .collect();
        titles.sort();
        titles
    }

    fn start(&self, args: &[&str]) -> Child {
        self.begin(self.home.ostler(), args)
    }

    fn begin(&self, mut command: Command, args: &[&str]) -> Child {
        command
            .args(["drain", "--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Drains to the end: exit code, report, what was told.
    async fn drain(&self, args: &[&str]) -> (i32, Value, String) {
        ended(self.start(args)).await
    }

    /// The user's index, and what git says of the user's tree and branch.
    fn users_own(&self) -> (Vec<u8>, String, String) {
        let status = ["--no-optional-locks", "status", "--porcelain", "--branch"];
        (
            std::fs::read(self.home.project().join(".git/index")).unwrap(),
            self.git(&status),
            self.git(&["rev-parse", "HEAD"]),
        )
    }

    /// How often each task was committed on the branch, in alphabetical order.
    fn committed(&self, branch: &Value) -> Vec<String> {
        let log = [
            "log",
            "--no-merges",
            "--format=%s",
            branch.as_str().unwrap(),
        ];
        let log = self.git(&log);
        let mut works: Vec<String> = log
            .lines()
            .filter_map(|line| line.strip_prefix("work on "))
            .map(str::to_owned)
            .collect();
        works.sort();
        works
    }
}

async fn ended(child: Child) -> (i32, Value, String) {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("it does not end").unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap_or(-1), report, told)
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    let kill = std::process::Command::new("kill")
        .args([signal, &pid])
        .status();
    assert!(kill.unwrap().success());
}

fn outcomes(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tasks = report["tasks"].as_array().unwrap().iter();
    let mut outcomes: Vec<(String, String)> = tasks
        .map(|task| (text(&task["title"]), text(&task["outcome"])))
        .collect();
    outcomes.sort();
    outcomes
}

const DIAMOND: &[(&str, &[&str])] = &[
    ("a", &[]),
    ("b", &["a"]),
    ("c", &["a"]),
    ("d", &["b"]),
    ("e", &["c"]),
    ("f", &["d", "e"]),
];

#[tokio::test]
async fn a_diamond_is_worked_down_in_its_order_side_by_side() {
    // The two sides wait for each other: one after the other they would never end.
    let yard = Yard::new(
        "case $name in\n  b) wait_for $OUT/saw-c ;;\n  c) wait_for $OUT/saw-b ;;\nesac\nmake",
    );
    yard.tasks(DIAMOND).await;
    std::fs::write(yard.home.project().join("file"), "changed\n").unwrap();
    std::fs::write(yard.home.project().join("staged"), "staged\n").unwrap();
    yard.git(&["add", "staged"]);
    let before = yard.users_own();
    let (code, report, told) = yard.drain(&["--max", "3"]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(report["ended"], "done");
    assert_eq!(report["left"], json!([]));
    let began = yard.lines("began");
    let at = |name: &str| began.iter().position(|it| it == name).unwrap();
    assert_eq!(began.len(), 6, "{began:?}");
    for (task, after) in DIAMOND {
        let saw = yard.lines(&format!("saw-{task}"));
        for other in *after {
            assert!(at(other) < at(task), "{began:?}");
            assert!(saw.contains(&(*other).to_owned()), "{task} saw {saw:?}");
        }
    }
    let all = ["a", "b", "c", "d", "e", "f"];
    assert_eq!(yard.that_are("done").await, all);
    assert_eq!(yard.committed(&report["branch"]), all);
    assert_eq!(yard.users_own(), before);
    assert!(!yard.home.project().join("a").exists());
    // Worktrees and branches of agents whose work is in are gone.
    assert_eq!(yard.git(&["worktree", "list"]).lines().count(), 1);
    let branches = yard.git(&["branch", "--list", "ostler/*", "--format=%(refname:short)"]);
    assert_eq!(branches, report["branch"].as_str().unwrap());

    let shown = yard.all().await;
    let id = shown.iter().find(|task| task["title"] == "f").unwrap()["id"].clone();
    let mut server = yard.home.server().await;
    let task = server.call("get_task", json!({ "id": id })).await.unwrap();
    let merged = yard.git(&["rev-parse", report["branch"].as_str().unwrap()]);
    assert_eq!(task["evidence"]["commits"], json!([merged]), "{task:#}");
    server.close().await;

    // The way that it names.
    yard.git(&["checkout", "-q", "--", "file"]);
    let take_over = report["take_over"].as_str().unwrap();
    yard.git(&take_over.split(' ').skip(1).collect::<Vec<_>>());
    assert!(yard.home.project().join("f").exists());
}

#[tokio::test]
async fn an_agent_that_only_says_done_closes_nothing() {
    let yard = Yard::new("case $name in\n  b) echo 'All done!' ;;\n  *) make ;;\nesac");
    yard.tasks(&[("a", &[]), ("b", &[]), ("c", &["b"])]).await;
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    assert_eq!(report["ended"], "left");
    assert_eq!(yard.that_are("done").await, ["a"]);
    let mut began = yard.lines("began");
    began.sort();
    assert_eq!(
        began,
        ["a", "b", "b"],
        "one more attempt, by the same agent"
    );
    let left = report["left"].as_array().unwrap();
    let whys: Vec<&str> = left
        .iter()
        .map(|left| left["why"].as_str().unwrap())
        .collect();
    assert_eq!(whys.len(), 2, "{report:#}");
    assert!(whys[0].contains("committed nothing"), "{whys:?}");
    assert!(whys[1].starts_with("waits for t-"), "{whys:?}");

    // Who tries again gets new attempts, on the same branch.
    let (code, again, _) = yard.drain(&["--attempts", "1"]).await;
    assert_eq!((code, &again["branch"]), (4, &report["branch"]));
    assert_eq!(yard.lines("began").len(), 4);
}

#[tokio::test]
async fn siblings_in_conflict_are_mended_by_the_one_who_came_late() {
    let yard = Yard::new(
        r#"
case $prompt in
  *"could not be merged"*)
    git merge -q "$trunk" || true
    printf 'b\nc\n' > file; git add -A; git commit -q -m "merge" ;;
  *)
    case $name in
      # Both have seen the same.
      b) wait_for $OUT/saw-c ;;
      c) wait_for $OUT/saw-b ;;
    esac
    echo "$name" > file; commit ;;
esac"#,
    );
    yard.tasks(&[("b", &[]), ("c", &[]), ("d", &["b", "c"])])
        .await;
    let (code, report, told) = yard.drain(&[]).await;
    // The third changes the same file once more, from what both have made of it.
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert!(told.contains("could not be merged"), "{told}");
    let branch = report["branch"].as_str().unwrap();
    let history = yard.git(&["log", "--format=%s", "--no-merges", branch]);
    assert_eq!(history.matches("work on").count(), 3, "{history}");
    let saw = yard.git(&["show", &format!("{branch}~1:file")]);
    assert_eq!(saw, "b\nc");
    assert_eq!(yard.lines("began").len(), 4);
}

#[tokio::test]
async fn what_fails_the_check_is_taken_back_and_left_open() {
    let yard = Yard::new("echo \"$name\" >> \"$name\"; commit");
    yard.tasks(&[("good", &[]), ("bad", &[]), ("after", &["bad"])])
        .await;
    let (code, report, told) = yard
        .drain(&["--max", "1", "--check", "test ! -e bad"])
        .await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    assert_eq!(
        outcomes(&report),
        [
            ("bad".to_owned(), "failed".to_owned()),
            ("good".to_owned(), "done".to_owned())
        ]
    );
    assert_eq!(yard.that_are("ready").await, ["bad"]);
    assert_eq!(yard.that_are("blocked").await, ["after"]);
    assert_eq!(yard.committed(&report["branch"]), ["good"]);
    let why = report["left"][0]["why"].as_str().unwrap();
    assert!(why.contains("the check `test ! -e bad` fails"), "{why}");
    // What the agent has committed is on its branch all the same.
    let branches = yard.git(&["branch", "--list", "ostler/bad-*"]);
    assert_eq!(branches.lines().count(), 1, "{branches}");
}

#[tokio::test]
async fn a_conflict_that_nobody_mends_is_never_resolved() {
    let yard = Yard::new(
        r#"
case $name in
  b) wait_for $OUT/saw-c ;;
  c) wait_for $OUT/saw-b ;;
esac
echo "$name" >> file; commit"#,
    );
    yard.tasks(&[("b", &[]), ("c", &[]), ("d", &["b", "c"])])
        .await;
    let (code, report, told) = yard.drain(&["--attempts", "3"]).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    let done = yard.that_are("done").await;
    assert_eq!(yard.committed(&report["branch"]), done, "one of the two");
    assert_eq!(done.len(), 1);
    assert_eq!(yard.that_are("blocked").await, ["d"]);
    assert_eq!(yard.lines("began").len(), 4);
    let file = format!("{}:file", report["branch"].as_str().unwrap());
    assert_eq!(yard.git(&["show", &file]), format!("first\n{}", done[0]));
}

/// First in `PATH`: kills who called it when it is called as `$POINT` says, before or after it has done
/// that.
const SHIM: &str = r#"#!/bin/sh
die() { if [ "$(cat /proc/$PPID/comm)" = ostler ]; then echo dead >> "${0%/*}/dead"; kill -9 $PPID; fi; }
case "$POINT $*" in
  "before-merge "*" merge --quiet"*) die; exit 1 ;;
  "after-merge "*" merge --quiet"*) "$REAL_GIT" "$@"; die; exit 1 ;;
  "before-move "*"refs/heads/ostler/drain-"*" "[0-9a-f]*" "[0-9a-f]*) die; exit 1 ;;
  "after-move "*"refs/heads/ostler/drain-"*" "[0-9a-f]*" "[0-9a-f]*) "$REAL_GIT" "$@"; die; exit 1 ;;
esac
exec "$REAL_GIT" "$@"
"#;

#[tokio::test]
async fn a_death_between_a_run_and_its_close_does_nothing_twice() {
    for point in ["before-merge", "after-merge", "before-move", "after-move"] {
        let yard = Yard::new("make");
        yard.tasks(&[("a", &[]), ("b", &["a"])]).await;
        let shim = yard.home.path("shim");
        std::fs::create_dir(&shim).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut programs = std::env::split_paths(&path).map(|folder| folder.join("git"));
        let real = programs.find(|git| git.exists()).unwrap();
        let script = SHIM.replace("$REAL_GIT", real.to_str().unwrap());
        std::fs::write(shim.join("git"), script).unwrap();
        executable(&shim.join("git"));
        let mut command = yard.home.ostler();
        command
            .env("PATH", format!("{}:{path}", shim.display()))
            .env("POINT", point);
        let (code, _, told) = ended(yard.begin(command, &[])).await;
        assert_eq!(code, -1, "{point}: {told}");
        assert!(shim.join("dead").exists());
        assert_eq!(yard.that_are("done").await.len(), 0, "{point}");
        let (code, report, told) = yard.drain(&[]).await;
        assert_eq!(code, 0, "{point}: {report:#}\n{told}");
        assert!(told.contains("is taken up again"), "{told}");
        assert_eq!(yard.that_are("done").await, ["a", "b"], "{point}");
        assert_eq!(yard.committed(&report["branch"]), ["a", "b"], "{point}");
        assert_eq!(
            yard.lines("began"),
            ["a", "b"],
            "{point}: nothing was begun again"
        );
    }
}

#[tokio::test]
async fn a_diamond_whose_runs_are_cut_off_after_their_commits_goes_on_where_it_was() {
    let yard = Yard::new(
        "make\ncase $name in\n  b|c) if [ ! -e $OUT/go ]; then touch $OUT/made-$name; exec sleep 600; \
         fi ;;\nesac",
    );
    yard.tasks(DIAMOND).await;
    let drain = yard.start(&["--max", "3"]);
    until("both have committed", || {
        yard.out("made-b").exists() && yard.out("made-c").exists()
    })
    .await;
    signal(&drain, "-KILL");
    let (code, ..) = ended(drain).await;
    assert_eq!(code, -1);
    std::fs::write(yard.out("go"), "").unwrap();
    let (code, report, told) = yard.drain(&["--max", "3"]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    let all = ["a", "b", "c", "d", "e", "f"];
    assert_eq!(yard.committed(&report["branch"]), all);
    assert_eq!(yard.that_are("done").await, all);
    let agents = report["tasks"].as_array().unwrap().len();
    assert_eq!(agents, 6, "the same agents: {report:#}");
    let mut began = yard.lines("began");
    began.sort();
    assert_eq!(began, ["a", "b", "b", "c", "c", "d", "e", "f"]);
}

#[tokio::test]
async fn an_interrupt_gives_claims_back_and_keeps_what_was_made() {
    let yard =
        Yard::new("make\nif [ ! -e $OUT/go ]; then touch $OUT/made-$name; exec sleep 600; fi");
    yard.tasks(&[("a", &[]), ("b", &["a"])]).await;
    let drain = yard.start(&[]);
    until("it has committed", || yard.out("made-a").exists()).await;
    signal(&drain, "-INT");
    let (code, report, told) = ended(drain).await;
    assert_eq!(code, 12, "{report:#}\n{told}");
    assert_eq!(report["ended"], "stopped");
    assert_eq!(yard.that_are("ready").await, ["a"]);
    assert_eq!(yard.git(&["worktree", "list"]).lines().count(), 2);
    std::fs::write(yard.out("go"), "").unwrap();
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(yard.committed(&report["branch"]), ["a", "b"]);
}

#[tokio::test]
async fn a_budget_for_all_ends_it_and_what_is_left_goes_on_later() {
    let spend = r#"
case $name in
  b) if [ ! -e $OUT/go ]; then usage 10 0.6; exec sleep 600; fi ;;
esac
make
usage 10 0.6
result done"#;
    let yard = Yard::speaking(spend);
    yard.tasks(&[("a", &[]), ("b", &["a"]), ("c", &["b"])])
        .await;
    let (code, report, told) = yard.drain(&["--max-cost-usd", "1"]).await;
    assert_eq!(code, 11, "{report:#}\n{told}");
    assert_eq!(report["limit"], "max_cost_usd");
    assert_eq!(report["cost_usd"], 1.2);
    assert_eq!(yard.that_are("done").await, ["a"]);
    assert_eq!(
        yard.that_are("ready").await,
        ["b"],
        "the claim is given back"
    );
    std::fs::write(yard.out("go"), "").unwrap();
    let (code, report, told) = yard.drain(&["--max-cost-usd", "9"]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(yard.committed(&report["branch"]), ["a", "b", "c"]);
}

#[tokio::test]
async fn each_has_its_share_of_the_budget_and_who_has_used_it_up_has_not_failed() {
    let spend = r#"
case $name in
  a) if [ ! -e $OUT/spent ]; then touch $OUT/spent; usage 10 0.7; exec sleep 600; fi ;;
  b) wait_for $OUT/spent ;;
esac
make
usage 10 0.1
result done"#;
    let yard = Yard::speaking(spend);
    yard.tasks(&[("a", &[]), ("b", &[])]).await;
    let limits = ["--max-cost-usd", "1", "--attempts", "1"];
    let (code, report, told) = yard.drain(&limits).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    let mut began = yard.lines("began");
    began.sort();
    assert_eq!(began, ["a", "a", "b"]);
    assert_eq!(yard.committed(&report["branch"]), ["a", "b"]);
}

#[tokio::test]
async fn a_task_that_got_a_part_while_it_was_worked_on_is_closed_after_that() {
    let yard = Yard::new("wait_for $OUT/go\nmake");
    yard.create(vec![json!({ "title": "a", "labels": ["x"] })])
        .await;
    let drain = yard.start(&["--label", "x"]);
    until("it has begun", || yard.out("saw-a").exists()).await;
    let id = yard.all().await[0]["id"].clone();
    yard.create(vec![json!({ "title": "part", "parent": id })])
        .await;
    std::fs::write(yard.out("go"), "").unwrap();
    let (code, report, told) = ended(drain).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    assert!(told.contains("open children"), "{told}");
    let why = report["left"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("waits for t-"), "{why}");

    let all = yard.all().await;
    let part = all.iter().find(|task| task["title"] == "part").unwrap();
    let close = json!({ "id": part["id"], "reason": "wont_do", "note": "not needed" });
    let mut server = yard.home.server().await;
    server.call("close_task", close).await.unwrap();
    server.close().await;
    let (code, report, told) = yard.drain(&["--label", "x"]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(yard.lines("began"), ["a"], "its work was there");
}

#[tokio::test]
async fn an_agent_that_cannot_go_on_keeps_nobody_else_from_it() {
    let yard = Yard::new("make");
    let out = yard.home.path("out");
    let other = format!("prompt=$(cat)\nOUT={out:?}\n{WORK}\nexec sleep 600");
    let yard = Yard {
        home: yard.home.script("other", &other),
    };
    yard.tasks(&[("a", &[]), ("b", &["a"]), ("c", &[])]).await;
    let drain = yard.start(&["--provider", "other", "--max", "1"]);
    until("it has begun", || yard.out("saw-a").exists()).await;
    signal(&drain, "-INT");
    ended(drain).await;
    let config = yard.home.path("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("providers.other", "providers.gone")).unwrap();
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    assert_eq!(yard.that_are("done").await, ["c"]);
    let why = report["left"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("its agent cannot go on: "), "{why}");
}

#[tokio::test]
async fn a_branch_that_was_merged_and_deleted_is_taken_over_and_not_thrown_away() {
    let yard = Yard::new(
        "case $name in\n  b) if [ ! -e $OUT/go ]; then exec sleep 600; fi ;;\nesac\nmake",
    );
    yard.tasks(&[("a", &[]), ("b", &["a"])]).await;
    let drain = yard.start(&[]);
    until("the second has begun", || yard.out("saw-b").exists()).await;
    signal(&drain, "-INT");
    let (_, first, _) = ended(drain).await;
    let branch = first["branch"].as_str().unwrap();
    yard.git(&["merge", "-q", branch]);
    yard.git(&["branch", "-q", "-d", branch]);
    std::fs::write(yard.out("go"), "").unwrap();
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(report["branch"], first["branch"]);
    assert_eq!(report["tasks"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(yard.committed(&report["branch"]), ["a", "b"]);
}

#[tokio::test]
async fn a_time_for_all_ends_it() {
    let yard = Yard::new("exec sleep 600");
    yard.tasks(&[("a", &[])]).await;
    let (code, report, told) = yard.drain(&["--timeout-s", "1"]).await;
    assert_eq!(code, 11, "{report:#}\n{told}");
    assert_eq!(report["limit"], "timeout_s");
    assert_eq!(yard.that_are("ready").await, ["a"]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_once_and_costs_no_attempt() {
    let home = Home::new().config("[agents]\nprovider = \"gone\"").program(
        "gone",
        "text",
        std::path::Path::new("/nowhere/gone"),
    );
    let yard = Yard::of(home);
    yard.tasks(&[("a", &[]), ("b", &[]), ("c", &[])]).await;
    for _ in 0..3 {
        let (code, _, told) = yard.home.run(&["drain", "--max", "1"]).await;
        assert_eq!(code, 2, "{told}");
        assert!(told.contains("`provider` cannot be used: "), "{told}");
    }
    assert_eq!(yard.that_are("ready").await, ["a", "b", "c"]);
    let mut server = yard.home.server().await;
    let agents = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(agents["items"].as_array().unwrap().len(), 1, "{agents:#}");
}

#[tokio::test]
async fn two_drains_at_once_share_the_tasks_and_never_take_the_same() {
    let yard = Yard::new("make");
    let tasks = ["a", "b", "c", "d", "e", "f"];
    let labelled = |title: &&str| json!({ "title": title, "labels": ["x"] });
    yard.create(tasks.iter().map(labelled).collect()).await;
    let (one, two) = (yard.start(&["--label", "x"]), yard.start(&[]));
    let ((code_one, one, told_one), (code_two, two, told_two)) =
        tokio::join!(ended(one), ended(two));
    assert_eq!((code_one, code_two), (0, 0), "{told_one}\n{told_two}");
    let mut began = yard.lines("began");
    began.sort();
    assert_eq!(began, tasks);
    let mut committed = Vec::new();
    for report in [&one, &two] {
        if !report["tasks"].as_array().unwrap().is_empty() {
            committed.extend(yard.committed(&report["branch"]));
        }
    }
    committed.sort();
    assert_eq!(committed, tasks);
}

#[tokio::test]
async fn a_second_drain_for_the_same_joins_the_first_on_its_branch() {
    // One at a time they would never end.
    let yard = Yard::new(
        "case $name in\n  b) wait_for $OUT/saw-c ;;\n  c) wait_for $OUT/saw-b ;;\nesac\nmake",
    );
    yard.tasks(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])])
        .await;
    let one = yard.start(&["--max", "1"]);
    let began = || yard.lines("began").len() == 2;
    until("two have begun", began).await;
    let (code_two, two, told_two) = yard.drain(&["--max", "2"]).await;
    let (code_one, one, told_one) = ended(one).await;
    assert_eq!((code_one, code_two), (0, 0), "{told_one}\n{told_two}");
    assert_eq!(one["branch"], two["branch"]);
    assert_eq!(yard.committed(&one["branch"]), ["a", "b", "c", "d"]);
    assert_eq!(yard.lines("began").len(), 4);
}

#[tokio::test]
async fn what_builds_on_another_branch_waits_until_that_is_merged() {
    let yard = Yard::new("make");
    yard.tasks(&[("a", &[])]).await;
    let (code, first, _) = yard.drain(&[]).await;
    assert_eq!(code, 0);
    let id = yard.all().await[0]["id"].clone();
    yard.create(vec![json!({ "title": "b", "blocked_by": [id] })])
        .await;
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    let branch = first["branch"].as_str().unwrap();
    let why = report["left"][0]["why"].as_str().unwrap();
    assert!(
        why.contains(&format!("`git merge {branch}` first")),
        "{why}"
    );
    yard.git(&["merge", "-q", branch]);
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert!(yard.lines("saw-b").contains(&"a".to_owned()));
}

#[tokio::test]
async fn answers_need_no_commit_and_an_epic_is_done_with_its_parts() {
    let yard = Yard::new("case $name in\n  why) echo 'Because of 42.' ;;\n  *) make ;;\nesac");
    yard.create(vec![
        json!({ "title": "whole", "kind": "epic", "ref": "whole" }),
        json!({ "title": "part", "parent": "whole" }),
        json!({ "title": "why", "kind": "question", "ref": "why", "acceptance": "a reason" }),
        json!({ "title": "then", "blocked_by": ["whole", "why"] }),
        json!({ "title": "later", "defer_until": "2999-01-01T00:00:00Z" }),
    ])
    .await;
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 4, "{report:#}\n{told}");
    assert_eq!(report["left"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["left"][0]["title"], "later");
    let done = ["part", "then", "whole", "why"];
    assert_eq!(yard.that_are("done").await, done);
    assert_eq!(yard.committed(&report["branch"]), ["part", "then"]);
    let all = yard.all().await;
    let why = all.iter().find(|task| task["title"] == "why").unwrap();
    let mut server = yard.home.server().await;
    let why = server.call("get_task", json!({ "id": why["id"] })).await;
    assert!(why.unwrap().to_string().contains("Because of 42."));
    server.close().await;
}

#[tokio::test]
async fn where_nothing_is_asked_for_nothing_is_left_behind() {
    let yard = Yard::new("make");
    let (code, report, told) = yard.drain(&["--label", "x"]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert_eq!(yard.git(&["branch", "--list", "ostler/*"]), "");
    let (code, _, told) = yard.drain(&["--provider", "nobody"]).await;
    assert_eq!(code, 0, "{told}");
    yard.tasks(&[("a", &[])]).await;
    let (code, _, told) = yard.drain(&["--provider", "nobody"]).await;
    assert_eq!(code, 3, "{told}");
    let (code, _, told) = yard.drain(&["--max", "0"]).await;
    assert_eq!(code, 2, "{told}");
}

#[tokio::test]
async fn what_an_editing_agent_leaves_is_committed_for_it_and_one_with_full_rights_commits_itself()
{
    for (permission, runs) in [("edit", 1), ("full", 2)] {
        let yard = Yard::new(
            "case $prompt in\n  *'is not done yet'*) git status --porcelain > $OUT/status ;;\n  \
             *) echo x > \"$name\" ;;\nesac",
        );
        yard.tasks(&[("a", &[]), ("b", &["a"])]).await;
        let (code, report, told) = yard.drain(&["--permission", permission]).await;
        assert_eq!(code, 0, "{report:#}\n{told}");
        assert_eq!(yard.lines("began").len(), 2 * runs, "{permission}: {told}");
        assert!(yard.lines("saw-b").contains(&"a".to_owned()));
        let told_why = told.contains("not done: clean: not committed");
        assert_eq!(told_why, permission == "full", "{told}");
    }
}

/// It writes and does not commit; the second reads what the first has written.
#[tokio::test]
async fn claude_works_two_tasks_down() {
    let write = |file: &str| Reply::tool("Write", json!({ "file_path": file, "content": "x\n" }));
    let script = Script::new()
        .on("TASK-ONE", [write("one"), Reply::text("one is written")])
        .on(
            "TASK-TWO",
            [
                Reply::tool("Read", json!({ "file_path": "one" })),
                write("two"),
                Reply::text("two is written"),
            ],
        );
    let model = Model::start(script).await;
    let home = Home::new().config("[agents]\nask = \"deny\"");
    let Some(home) = with_claude(home, &model) else {
        return;
    };
    let yard = Yard::of(home);
    yard.create(vec![
        json!({ "title": "one", "description": "TASK-ONE", "ref": "one" }),
        json!({ "title": "two", "description": "TASK-TWO", "blocked_by": ["one"] }),
    ])
    .await;
    let (code, report, told) = yard.drain(&[]).await;
    assert_eq!(code, 0, "{report:#}\n{told}");
    assert!(report["cost_usd"].as_f64().unwrap() > 0.0);
    let branch = report["branch"].as_str().unwrap();
    let files = yard.git(&["ls-tree", "--name-only", branch]);
    assert_eq!(files, "file\none\ntwo");
    assert_eq!(yard.that_are("done").await, ["one", "two"]);
}
