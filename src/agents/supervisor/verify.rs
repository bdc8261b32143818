//! What a caller expects of a run, held against what it has left. Only what we find ourselves counts;
//! what could not be found out does not hold.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{CLOSING, CREW_GONE, Order, Outcome, Run, deadline};
use crate::agents::expect::Unmet;
use crate::agents::record::Plan;
use crate::providers::shell::Shell;
use crate::workspaces::Git;

/// How long a command may take at most.
const COMMAND: Duration = Duration::from_secs(600);
/// How long git may look.
pub(super) const LOOK: Duration = Duration::from_secs(60);
/// Files that are named of a tree that is not clean.
const NAMED: usize = 5;

/// Where a run works: its own directory, and what it may not leave.
struct Workspace {
    dir: PathBuf,
    root: PathBuf,
}

impl Workspace {
    fn of(plan: &Plan) -> Self {
        let root = plan.workspace.as_ref().map(|own| own.path.clone());
        Self {
            dir: plan.dir(),
            root: root.unwrap_or_else(|| plan.launch.cwd.clone()),
        }
    }

    /// Why `file` is none that the run has left.
    fn lacks(&self, file: &str) -> Option<String> {
        let (Ok(root), Ok(path)) = (self.root.canonicalize(), self.dir.join(file).canonicalize())
        else {
            return Some("is not there".to_owned());
        };
        if !path.starts_with(root) {
            return Some("is a link that leads out of the workspace".to_owned());
        }
        (!path.is_file()).then(|| "is no regular file".to_owned())
    }
}

impl Run {
    /// Keeps what the workspace stands at, to tell later what was added.
    pub(super) async fn remember_head(&mut self) {
        let plan = &self.job.plan;
        let expects = plan.expect.as_ref();
        if plan.task.is_none() && !expects.is_some_and(|expect| expect.commits) {
            return;
        }
        let git = Git::at(Workspace::of(&self.job.plan).dir);
        let head = git.attempt(&["rev-parse", "--verify", "--quiet", "HEAD"]);
        self.head = match head.await {
            // A branch without a commit has none.
            Ok(told) if told.code == Some(0) || told.stdout.is_empty() => {
                Some(String::from_utf8_lossy(&told.stdout).trim().to_owned())
            }
            _ => None,
        };
    }

    /// Checks what was expected of a run that did its work, and keeps what was found.
    pub(super) async fn verify(&mut self, outcome: &Outcome) {
        let worked = matches!(
            outcome,
            Outcome::Finished | Outcome::Cut(_) | Outcome::CutByProvider(_)
        );
        let Some(expect) = self.job.plan.expect.clone().filter(|_| worked) else {
            return;
        };
        let workspace = Workspace::of(&self.job.plan);
        let mut failed = Vec::new();
        let mut note = |what: &str, why: Option<String>| {
            let what = what.to_owned();
            failed.extend(why.map(|why| Unmet { what, why }));
        };
        for file in &expect.files {
            note(&format!("file {file}"), workspace.lacks(file));
        }
        if expect.commits {
            let why = commits(workspace.dir.clone(), self.head.clone());
            let until = Instant::now() + LOOK;
            note(
                "commits",
                self.unless_stopped(until, why).await.unwrap_or_else(Some),
            );
        }
        if expect.clean {
            let why = uncommitted(workspace.dir.clone());
            let until = Instant::now() + LOOK;
            note(
                "clean",
                self.unless_stopped(until, why).await.unwrap_or_else(Some),
            );
        }
        // Last, because it may leave something itself.
        if let Some(command) = &expect.command {
            note("command", self.fails(command, workspace.dir).await);
        }
        let verified = failed.is_empty();
        self.log(
            "verified",
            json!({ "verified": verified, "failed": failed }),
        )
        .await;
        self.ledger.evidence.verified = Some(verified);
        self.ledger.evidence.failed = failed;
    }

    /// Runs a command to its end; why it has failed.
    async fn fails(&mut self, command: &str, dir: PathBuf) -> Option<String> {
        let timeout = deadline(self.began, self.job.plan.budget.timeout_s);
        let until = timeout.min(Instant::now() + COMMAND);
        if until <= Instant::now() {
            return Some("`timeout_s` left no time for it".to_owned());
        }
        let bench = Arc::clone(&self.bench);
        let shell = Shell {
            cwd: &dir,
            lineage: &bench.lineage,
            mark: &self.job.subject.agent.to_string(),
            env_allow: &bench.env_allow,
            ostler: &bench.ostler,
            patience: COMMAND,
        };
        match self.unless_stopped(until, shell.run(command)).await {
            Ok(Ok(ran)) => ran.failure(),
            Ok(Err(error)) => Some(format!("it cannot be started: {error}")),
            Err(cut_off) => {
                shell.clear().await;
                Some(cut_off)
            }
        }
    }

    /// Does `work`, unless somebody stops the run or time is up first; why, then.
    pub(super) async fn unless_stopped<T>(
        &mut self,
        until: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, String> {
        let seconds = (until - Instant::now()).as_secs();
        tokio::pin!(work);
        loop {
            let stopped = |why: &str| Err(format!("the check was cut off: {why}"));
            tokio::select! {
                biased;
                () = self.bench.closing.cancelled() => return stopped(CLOSING),
                order = self.orders.recv() => match order {
                    Some(Order::Stop(reason)) => return stopped(&reason),
                    // There is nobody left who could take it.
                    Some(Order::Steer(_) | Order::Answer(_)) => {}
                    None => return stopped(CREW_GONE),
                },
                () = sleep_until(until) => {
                    return Err(format!("it did not end within {seconds} s"));
                }
                done = &mut work => return Ok(done),
            }
        }
    }
}

/// Why the run has committed nothing, if so; `head` is what it began with.
async fn commits(dir: PathBuf, head: Option<String>) -> Option<String> {
    let Some(head) = head else {
        return Some("it is not known what it began with".to_owned());
    };
    let git = Git::at(dir);
    let range = match head.as_str() {
        "" => "HEAD".to_owned(),
        head => format!("{head}..HEAD"),
    };
    match git.run(&["rev-list", "--count", &range, "--"]).await {
        Ok(count) if count == "0" => Some("nothing was committed".to_owned()),
        Ok(_) => None,
        Err(_) if head.is_empty() => Some("nothing was committed".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// What is not committed, if anything.
async fn uncommitted(dir: PathBuf) -> Option<String> {
    let status = Git::at(dir)
        .run(&["status", "--porcelain", "--untracked-files=normal"])
        .await;
    let status = match status {
        Ok(status) if status.is_empty() => return None,
        Ok(status) => status,
        Err(error) => return Some(error.to_string()),
    };
    let named: Vec<&str> = status.lines().take(NAMED).map(str::trim).collect();
    let more = match status.lines().count() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("not committed: {}{more}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_when_it_is_a_regular_one_inside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join("there"), "").unwrap();
        std::fs::write(dir.path().join("outside"), "").unwrap();
        let link = |target: &std::path::Path, name: &str| {
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        };
        link(&root.join("there"), "inward");
        link(&dir.path().join("outside"), "outward");
        link(&root.join("nowhere"), "dangling");
        link(dir.path(), "up");
        let workspace = Workspace {
            dir: root.clone(),
            root: root.clone(),
        };
        for (file, expected) in [
            ("there", None),
            ("./there", None),
            ("inward", None),
            ("missing", Some("is not there")),
            ("dangling", Some("is not there")),
            ("there/x", Some("is not there")),
            ("sub", Some("is no regular file")),
            ("outward", Some("is a link that leads out of the workspace")),
            (
                "up/outside",
                Some("is a link that leads out of the workspace"),
            ),
        ] {
            assert_eq!(workspace.lacks(file).as_deref(), expected, "{file}");
        }
    }
}
