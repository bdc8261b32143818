//! `kill -9` of ostler before, in the middle of, and after each git command with which it makes,
//! settles and removes worktrees. Whatever dies, no change is lost and the next process heals.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{git, listed, pruned, users_own, world};
use crate::support::Home;
use crate::support::home::executable;

/// First in `PATH`, it counts its calls; at the one that `point` names it kills who called it:
/// before or after the command, or in the middle of it, and then the command dies too or does not.
const SHIM: &str = r#"#!/bin/sh
here=${0%/*}
echo "$*" >> "$here/calls"
number=$(wc -l < "$here/calls")
read -r at when delay < "$here/point"
# Never anybody else: who was started by a dead process has another parent.
die() { if [ "$(cat /proc/$PPID/comm)" = ostler ]; then kill -9 $PPID; fi; }
if [ "$number" -ne "$at" ]; then exec "$REAL_GIT" "$@"; fi
case $when in
  before) die; exit 1 ;;
  after) "$REAL_GIT" "$@"; die; exit 1 ;;
esac
# A background command of a shell has no standard input, and that is the lock.
exec 3<&0
"$REAL_GIT" "$@" <&3 3<&- &
sleep "$delay"
die
if [ "$when" = both ]; then kill -9 $!; fi
wait
exit 1
"#;

/// Writes a file of its own into the tree, and says so where nobody takes it away.
const WORK: &str = r#"
task=$(cat)
case $task in
  nothing) exit ;;
  *) echo "$task" > "$task"; echo "$task" >> file; echo "$PWD $task" >> "$WRITTEN" ;;
esac
"#;

struct Deaths {
    home: Home,
    shim: PathBuf,
    written: PathBuf,
    real: PathBuf,
}

impl Deaths {
    fn new() -> Self {
        let home = world(WORK);
        let (shim, written) = (home.path("shim"), home.path("written"));
        std::fs::create_dir(&shim).unwrap();
        std::fs::write(shim.join("git"), SHIM).unwrap();
        executable(&shim.join("git"));
        std::fs::write(&written, "").unwrap();
        let home = home.config(&format!("[providers.work.env]\nWRITTEN = {written:?}"));
        // There is always something to carry over.
        std::fs::write(home.project().join("untracked"), "new\n").unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut programs = std::env::split_paths(&path).map(|folder| folder.join("git"));
        Self {
            real: programs.find(|git| git.exists()).unwrap(),
            home,
            shim,
            written,
        }
    }

    /// Runs one agent that writes and then one that does not, with a death at that point; how many git
    /// commands there were, and whether somebody died.
    async fn run(&self, number: usize, point: &str) -> (usize, bool) {
        let calls = self.shim.join("calls");
        std::fs::write(&calls, "").unwrap();
        std::fs::write(self.shim.join("point"), format!("{point}\n")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let task = format!("work-{number}");
        let tasks = [
            (task.as_str(), "worktree_with_changes"),
            ("nothing", "worktree"),
        ];
        let mut died = false;
        for (prompt, isolation) in tasks {
            let mut command = self.home.ostler();
            command.args(["run", "--isolation", isolation, prompt]);
            command.env("PATH", format!("{}:{path}", self.shim.display()));
            command.env("REAL_GIT", &self.real);
            let output = command.output().await.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                None => {
                    died = true;
                    break;
                }
                code => assert_eq!(code, Some(0), "{point}: {said}"),
            }
        }
        let calls = std::fs::read_to_string(calls).unwrap();
        (calls.lines().count(), died)
    }

    /// What must hold after any death.
    async fn assert_healed(&self, point: &str) {
        let trees = self.healed().await;
        for tree in &trees {
            assert_eq!(tree["state"], "kept", "{point}: {tree:#}");
        }
        let top = self.home.project();
        let of_git = self.known_to_git();
        let mut ours: Vec<_> = trees
            .iter()
            .map(|tree| tree["path"].as_str().unwrap().to_owned())
            .collect();
        ours.sort_unstable();
        assert_eq!(
            of_git, ours,
            "{point}: git and ostler know of the same trees"
        );
        for line in std::fs::read_to_string(&self.written).unwrap().lines() {
            let (tree, name) = line.split_once(' ').unwrap();
            let found = std::fs::read_to_string(Path::new(tree).join(name)).unwrap_or_default();
            assert_eq!(found.trim(), name, "{point}: {tree} has lost its change");
        }
        let folder = self.home.state().join("worktrees");
        for project in folder.read_dir().into_iter().flatten() {
            for entry in project.unwrap().path().read_dir().unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let left_over = name.ends_with(".removing") || name.contains(".index");
                assert!(!left_over, "{point}: {name}");
            }
        }
        git(&top, &["fsck", "--strict"]);
    }

    fn known_to_git(&self) -> Vec<String> {
        let listed = git(&self.home.project(), &["worktree", "list", "--porcelain"]);
        let paths = listed
            .lines()
            .filter_map(|line| line.strip_prefix("worktree "));
        let mut paths: Vec<String> = paths.skip(1).map(str::to_owned).collect();
        paths.sort_unstable();
        paths
    }

    /// The user throws everything away by hand, so that the next death finds little to look at.
    fn throw_away(&self) {
        let top = self.home.project();
        for tree in self.known_to_git() {
            git(&top, &["worktree", "remove", "--force", &tree]);
        }
        let branches = ["branch", "--list", "ostler/*", "--format=%(refname:short)"];
        for branch in git(&top, &branches).lines() {
            git(&top, &["branch", "-q", "-D", branch]);
        }
        std::fs::write(&self.written, "").unwrap();
    }

    /// Prunes until no git of a dead process is at work any more; the trees that are left.
    async fn healed(&self) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let busy = |tree: &Value| tree["why"] == "somebody is at work in it";
        while pruned(&self.home, &[]).await.iter().any(busy) {
            assert!(Instant::now() < deadline, "it does not come to an end");
        }
        listed(&self.home).await
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A death at every second of the git commands there are, from the one with the number `first` on, in
/// one of these ways, drawn from `seed`.
async fn dies(seed: u64, first: usize, ways: &[&str]) {
    let deaths = Deaths::new();
    let before = users_own(&deaths.home);
    let (calls, died) = deaths.run(0, "0 never 0").await;
    assert!(!died && calls > 20, "{calls} git commands");
    deaths.assert_healed("without a death").await;
    let mut random = Random(seed);
    let (mut points, mut dead) = (0, 0);
    for at in (first..=calls).step_by(2) {
        let way = ways[usize::try_from(random.below(ways.len() as u64)).unwrap()];
        let point = format!("{at} {way} 0.{:03}", random.below(12));
        deaths.throw_away();
        let (_, died) = deaths.run(at, &point).await;
        points += 1;
        dead += usize::from(died);
        deaths.assert_healed(&point).await;
    }
    assert_eq!(users_own(&deaths.home), before);
    // A look at the trees of others, in the background, may be dropped before its command is over.
    assert!(
        dead * 10 >= points * 9,
        "only {dead} deaths at {points} points"
    );
}

#[tokio::test]
async fn a_death_at_any_moment_loses_nothing() {
    let deaths = Deaths::new();
    let before = users_own(&deaths.home);
    let mut random = Random(3);
    for number in 0..12 {
        deaths.throw_away();
        let task = format!("work-{number}");
        let mut command = deaths.home.ostler();
        command.args(["run", "--isolation", "worktree_with_changes", &task]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let moment = Duration::from_millis(random.below(600));
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.kill().await.unwrap();
        }
        deaths.assert_healed(&format!("after {moment:?}")).await;
    }
    assert_eq!(users_own(&deaths.home), before);
}

#[tokio::test]
async fn a_death_before_or_after_a_git_command_loses_nothing() {
    dies(1, 1, &["before", "after"]).await;
}

#[tokio::test]
async fn a_death_in_the_middle_of_a_git_command_loses_nothing() {
    dies(2, 2, &["during", "both"]).await;
}
