//! Which commits a run has made, for the task that it was for.

use tokio::time::Instant;

use super::Run;
use super::verify::LOOK;
use crate::workspaces::Git;

/// Commits that are kept.
const KEPT: &str = "--max-count=50";

impl Run {
    /// Notes what was committed since the run began, where it worked.
    pub(super) async fn collect_commits(&mut self) {
        let plan = &self.job.plan;
        let (Some(_), Some(head)) = (&plan.task, self.head.clone()) else {
            return;
        };
        // Its own tree may be gone, its branch not.
        let (dir, tip) = match &plan.workspace {
            Some(own) => (own.repository.clone(), format!("refs/heads/{}", own.branch)),
            None => (plan.launch.cwd.clone(), "HEAD".to_owned()),
        };
        let range = match head.as_str() {
            "" => tip,
            head => format!("{head}..{tip}"),
        };
        let seconds = self.began.elapsed().as_secs();
        let began_s = self.bench.clock.now_ms() / 1000 - i64::try_from(seconds).unwrap_or_default();
        // Whatever came in from elsewhere was committed before.
        let since = format!("--since={}", began_s - 1);
        let git = Git::at(dir).with("GIT_NO_LAZY_FETCH", "1");
        let args = ["rev-list", "--reverse", KEPT, &since, &range, "--"];
        let found = self.unless_stopped(Instant::now() + LOOK, git.run(&args));
        // What cannot be told is left out: nothing hangs on it.
        if let Ok(Ok(commits)) = found.await {
            let commits = commits.lines().map(str::to_owned);
            self.ledger.evidence.commits = commits.collect();
        }
    }
}
