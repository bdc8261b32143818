//! What agents have left on their branches, brought together or thrown away. Only the session at the
//! top may ask for it: a check is a command that nobody asks a permission for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::Line;
use crate::ids::AgentId;
use crate::project::Project;
use crate::providers::shell::Shell;
use crate::workspaces::integrate::{
    Conflict, IntegrateError, Integration, MergeTree, Merged, Outcome, Side, clear, in_order,
};
use crate::workspaces::{Discarded, Git, Tree, in_use, rows, unsaved};

/// How long a check may take after each merge.
const CHECK_PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Longest check.
const CHECK_LENGTH: usize = 8 * 1024;

/// Which branches to bring together, and which to throw away.
#[derive(Debug, Clone, Default)]
pub struct MergeRequest {
    /// Agents whose branches are merged, in this order as far as history allows.
    pub ids: Vec<AgentId>,
    /// A shell command that has to succeed after each merge.
    pub check: Option<String>,
    /// What they are merged onto; absent: the last commit of the caller's working tree.
    pub onto: Option<String>,
    /// Agents whose working trees and branches are thrown away once everything is merged.
    pub drop: Vec<AgentId>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MergeReport {
    /// The new branch; absent when nothing was merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What it starts from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub onto: String,
    /// What is on it, in the order of the merges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<Merged>,
    /// Agents that have nothing to merge, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// What stopped it: nothing of that agent is on the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// The check that stopped it: nothing of that agent is on the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_failed: Option<CheckFailed>,
    /// Agents that were not tried after that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_tried: Vec<AgentId>,
    /// The command with which a person takes the branch over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_over: Option<String>,
    /// What was thrown away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Discarded>,
    /// What was not thrown away although it was asked for, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_dropped: Vec<Skipped>,
}

impl MergeReport {
    /// Whether it stopped before the end.
    pub fn is_stopped(&self) -> bool {
        self.conflict.is_some() || self.check_failed.is_some()
    }
}

/// An agent with which nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The agent.
    pub agent: AgentId,
    /// Why.
    pub why: String,
}

/// A check that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckFailed {
    /// Whose merge it followed.
    pub agent: AgentId,
    /// The command.
    pub command: String,
    /// Its exit code; absent when a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// It took too long and was ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// The end of what it wrote.
    pub output: String,
}

/// A checked request.
struct Job {
    home: PathBuf,
    repository: PathBuf,
    base: String,
    /// The base is what the caller's own tree stands at.
    at_head: bool,
    sides: Vec<Side>,
    check: Option<String>,
    drop: Vec<Tree>,
}

impl Crew {
    /// Merges branches of ended agents one after the other on a new branch, until one is in conflict
    /// or fails the check, and throws others away. The caller's working tree, index and branch stay
    /// as they are. Broken off when the caller goes away.
    ///
    /// # Errors
    /// A caller that is an agent, agents that live or have no branch, what git says; nothing was
    /// changed then.
    pub async fn merge(self: &Arc<Self>, request: MergeRequest) -> Result<MergeReport, AgentError> {
        if self.host.lineage.depth() > 0 {
            return Err(AgentError::HostOnly {
                action: "merges branches",
            });
        }
        let (job, report) = self.prepare(request).await?;
        if job.check.is_some() {
            self.be_ready_to_run()?;
        }
        let gone = CancellationToken::new();
        // Whoever goes away takes the guard along, and the work comes to an orderly end.
        let _here = gone.clone().drop_guard();
        let crew = Arc::clone(self);
        let work = self
            .tasks
            .spawn(async move { crew.carry_out(job, report, gone).await });
        match work.await {
            Ok(done) => done,
            Err(_) => Err(AgentError::ShuttingDown),
        }
    }

    /// Looks at everything before anything is done.
    async fn prepare(&self, request: MergeRequest) -> Result<(Job, MergeReport), AgentError> {
        let MergeRequest {
            mut ids,
            check,
            onto,
            drop,
        } = request;
        let mut seen = Vec::new();
        ids.retain(|id| {
            !seen.contains(id) && {
                seen.push(id.clone());
                true
            }
        });
        if ids.is_empty() && drop.is_empty() {
            return Err(AgentError::NothingToMerge);
        }
        if let Some(check) = &check {
            if check.trim().is_empty() {
                return Err(AgentError::Empty { field: "check" });
            }
            if check.len() > CHECK_LENGTH {
                return Err(AgentError::TooLong {
                    field: "check",
                    bytes: check.len(),
                    limit: CHECK_LENGTH,
                });
            }
        }
        self.reconcile().await?;
        let project = Project::discover(&self.host.cwd).ok();
        let project = project.filter(|project| project.key != project.root);
        let Some(Project { root, key }) = project else {
            return Err(AgentError::NoRepository {
                path: self.host.cwd.clone(),
            });
        };
        let git = Git::at(&root);
        let head = commit_of(&git, "HEAD").await?;
        let base = match &onto {
            Some(onto) => commit_of(&git, onto).await?,
            None => head.clone(),
        };
        let Some(base) = base else {
            return Err(AgentError::BadValue {
                field: "onto",
                problem: format!("is no commit: {:?}", onto.as_deref().unwrap_or("HEAD")),
            });
        };
        let mut report = MergeReport::default();
        let mut sides = Vec::new();
        for id in &ids {
            let (line, tree) = self.ended_with_tree(id, "merged", &key).await?;
            refuse_unsaved(&tree).await?;
            let Some(commit) = branch_tip(&git, &tree.branch).await? else {
                report.skipped.push(Skipped {
                    agent: id.clone(),
                    why: "its branch is gone: it had made no commits, or was dropped".to_owned(),
                });
                continue;
            };
            let own = ["rev-list", "--count", &commit, "--not", &base];
            if git.run(&own).await.map_err(IntegrateError::from)? == "0" {
                report.skipped.push(Skipped {
                    agent: id.clone(),
                    why: "it has no commits that are not there already".to_owned(),
                });
                continue;
            }
            sides.push(Side {
                agent: id.clone(),
                branch: tree.branch,
                commit,
                above: above(&line),
            });
        }
        let sides = in_order(&git, sides).await.map_err(IntegrateError::from)?;
        let mut discards = Vec::new();
        for id in &drop {
            // Who is one of a group that is dropped.
            if ids.contains(id) {
                report.not_dropped.push(Skipped {
                    agent: id.clone(),
                    why: "it is one of those to be merged".to_owned(),
                });
                continue;
            }
            let (_, tree) = self.ended_with_tree(id, "dropped", &key).await?;
            refuse_unsaved(&tree).await?;
            refuse_in_use(&tree).await?;
            discards.push(tree);
        }
        let job = Job {
            home: self.store.home().to_owned(),
            repository: key,
            at_head: head.as_ref() == Some(&base),
            base,
            sides,
            check,
            drop: discards,
        };
        Ok((job, report))
    }

    async fn ended_with_tree(
        &self,
        id: &AgentId,
        action: &'static str,
        repository: &Path,
    ) -> Result<(Line, Tree), AgentError> {
        let line = self.line(id).await?;
        if !line.status.is_terminal() {
            return Err(AgentError::WrongState {
                id: id.clone(),
                status: line.status,
                action,
            });
        }
        let refuse = |problem: String| AgentError::NoBranch {
            id: id.clone(),
            problem,
        };
        let Some(tree) = rows::of_agent(&self.store, id).await? else {
            let problem = "has no branch: it worked in the caller's own directory";
            return Err(refuse(problem.to_owned()));
        };
        if tree.repository != repository {
            let other = tree.repository.display();
            return Err(refuse(format!("worked in another repository, {other}")));
        }
        Ok((line, tree))
    }

    async fn carry_out(
        &self,
        job: Job,
        mut report: MergeReport,
        gone: CancellationToken,
    ) -> Result<MergeReport, AgentError> {
        clear(&job.home).await;
        if !job.sides.is_empty() {
            self.integrate(&job, &mut report, &gone).await?;
        }
        for tree in &job.drop {
            let agent = tree.agent.clone();
            if report.is_stopped() {
                let why = "not everything was merged; drop it once that is decided".to_owned();
                report.not_dropped.push(Skipped { agent, why });
                continue;
            }
            match self.trees().discard(tree).await {
                Ok(Ok(dropped)) => report.dropped.push(dropped),
                Ok(Err(why)) => report.not_dropped.push(Skipped { agent, why }),
                // What was done before has to be told.
                Err(error) => report.not_dropped.push(Skipped {
                    agent,
                    why: error.to_string(),
                }),
            }
        }
        Ok(report)
    }

    async fn integrate(
        &self,
        job: &Job,
        report: &mut MergeReport,
        gone: &CancellationToken,
    ) -> Result<(), AgentError> {
        let mark = format!("merge-{}", self.ids.token());
        let tree = MergeTree::make(&job.home, &job.repository, &mark, &job.base).await?;
        let author = self.config.workspaces.author.as_ref();
        let mut integration = Integration::begin(tree, &job.base, author).await?;
        let lineage = self.host.lineage.errand(self.owner(), &mark);
        let cwd = integration.tree().to_owned();
        let shell = Shell {
            cwd: &cwd,
            lineage: &lineage,
            mark: &mark,
            env_allow: &self.config.agents.env_allow,
            ostler: &self.program,
            patience: CHECK_PATIENCE,
        };
        let steps = steps(&mut integration, job, &shell, report);
        let done = tokio::select! {
            done = steps => done,
            () = gone.cancelled() => Err(AgentError::ShuttingDown),
            () = self.closing.cancelled() => Err(AgentError::ShuttingDown),
        };
        if let Err(error) = done {
            shell.clear().await;
            integration.abandon().await;
            return Err(error);
        }
        let branch = format!("ostler/{mark}");
        report.onto.clone_from(&job.base);
        if integration.finish(&branch).await? {
            report.take_over = Some(match job.at_head {
                true => format!("git merge --ff-only {branch}"),
                false => format!("git merge {branch}"),
            });
            report.branch = Some(branch);
        }
        Ok(())
    }
}

/// Merges until the end or until something stops it.
async fn steps(
    integration: &mut Integration,
    job: &Job,
    shell: &Shell<'_>,
    report: &mut MergeReport,
) -> Result<(), AgentError> {
    let mut sides = job.sides.iter();
    for side in sides.by_ref() {
        let merged = match integration.merge(side).await? {
            Outcome::Merged(merged) => merged,
            Outcome::Conflict(conflict) => {
                report.conflict = Some(conflict);
                break;
            }
        };
        if let Some(check) = &job.check {
            let ran = shell
                .run(check)
                .await
                .map_err(|source| IntegrateError::Place {
                    path: shell.cwd.to_owned(),
                    source,
                })?;
            if !ran.is_success() {
                report.check_failed = Some(CheckFailed {
                    agent: side.agent.clone(),
                    command: check.clone(),
                    exit_code: ran.code,
                    timed_out: ran.timed_out,
                    output: ran.output,
                });
                break;
            }
        }
        integration.keep().await?;
        report.merged.push(merged);
    }
    report.not_tried = sides.map(|side| side.agent.clone()).collect();
    Ok(())
}

/// The agents above one, `/` for none.
fn above(line: &Line) -> String {
    let own = format!("{}/", line.id);
    line.path.strip_suffix(&own).unwrap_or("/").to_owned()
}

pub(super) async fn commit_of(git: &Git, revision: &str) -> Result<Option<String>, AgentError> {
    let revision = format!("{revision}^{{commit}}");
    let ask = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &revision,
    ];
    let answer = git.attempt(&ask).await.map_err(IntegrateError::from)?;
    let commit = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok((answer.code == Some(0) && !commit.is_empty()).then_some(commit))
}

async fn branch_tip(git: &Git, branch: &str) -> Result<Option<String>, AgentError> {
    commit_of(git, &format!("refs/heads/{branch}")).await
}

/// What is not on the branch would silently be left out of a merge, or lost.
async fn refuse_unsaved(tree: &Tree) -> Result<(), AgentError> {
    match unsaved(tree).await? {
        None => Ok(()),
        Some(why) => Err(refusal(tree, &why)),
    }
}

/// A branch that somebody has checked out elsewhere is not thrown away under their feet.
async fn refuse_in_use(tree: &Tree) -> Result<(), AgentError> {
    match in_use(tree).await.map_err(IntegrateError::from)? {
        None => Ok(()),
        Some(place) => Err(refusal(
            tree,
            &format!("its branch is checked out in {place}"),
        )),
    }
}

fn refusal(tree: &Tree, why: &str) -> AgentError {
    let path = tree.path.display();
    AgentError::NoBranch {
        id: tree.agent.clone(),
        problem: format!("has more than its branch, in {path}: {why}"),
    }
}
