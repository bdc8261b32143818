//! The task that an agent is spawned for: what was decided about it before, and what has become of
//! it afterwards.

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::lifecycle::Status;
use super::record::Ending;
use crate::ids::{AgentId, DrainId, TaskId};
use crate::providers::clip;
use crate::tasks::Named;
use crate::text::{counted, one_line};

/// How much of an agent's words a task keeps.
const WORDS: usize = 600;
/// Unmet expectations that are named.
const UNMET: usize = 5;
const UNMET_SHOWN: usize = 300;
/// Tasks that a reply names, and characters of each title.
const SHOWN: usize = 10;
const TITLE: usize = 60;

/// The task of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its id.
    pub id: TaskId,
    /// Its title when the agent was spawned.
    pub title: String,
    /// What becomes of it when the run has done its work.
    #[serde(default)]
    pub at_end: AtEnd,
    /// The drain that has it worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainId>,
}

/// What becomes of the task of a run that has done its work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// It is closed if what was expected of the run holds, else it is open again.
    #[default]
    Close,
    /// Its claim goes to the session that has spawned the agent, which decides.
    HandBack,
}

/// Where the task of a run stood when the run had ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStanding {
    /// The task.
    pub id: TaskId,
    /// `done` or another reason for which it is closed, `open`, `in_progress`, or `gone`.
    pub status: String,
    /// Why it was not closed, where it might have been.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Tasks that are ready since it was closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unblocked: Vec<Named>,
}

impl TaskStanding {
    /// The same for a reply: the first few tasks, and short titles.
    pub(super) fn shortened(&self) -> Self {
        let mut short = self.clone();
        short.unblocked.truncate(SHOWN);
        for task in &mut short.unblocked {
            task.title = one_line(&task.title, TITLE);
        }
        short
    }
}

/// Whether a run with that end has done its work.
pub(super) fn has_worked(status: Status) -> bool {
    matches!(status, Status::Completed | Status::Steered)
}

/// How a run has ended, in a few words.
pub(super) fn ended_as(agent: &AgentId, status: Status, reason: &str) -> String {
    match reason {
        "" => format!("{agent} ended as {status}"),
        reason => format!("{agent} ended as {status} ({reason})"),
    }
}

/// What the history of a task keeps of a run that worked on it: what ostler has found, then the
/// agent's words.
pub(super) fn account(agent: &AgentId, status: Status, ending: &Ending) -> String {
    let Evidence {
        verified,
        failed,
        workspace,
        commits,
        ..
    } = &ending.evidence;
    let mut account = ended_as(agent, status, &ending.reason);
    match verified {
        Some(true) => account.push_str("; what was expected of it holds"),
        Some(false) => {
            let unmet: Vec<String> = failed
                .iter()
                .take(UNMET)
                .map(|unmet| format!("{}: {}", unmet.what, clip(&unmet.why, UNMET_SHOWN)))
                .collect();
            let more = match failed.len().saturating_sub(UNMET) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            account.push_str(&format!("; not as expected: {}{more}", unmet.join("; ")));
        }
        None => {}
    }
    match (workspace, commits.len()) {
        (Some(tree), _) => {
            let commits = counted(u64::from(tree.commits), "commit");
            account.push_str(&format!("; branch {}, {commits}", tree.branch));
        }
        (None, 0) => {}
        (None, commits) => account.push_str(&format!("; {}", counted(commits as u64, "commit"))),
    }
    let words = ending.result.trim();
    if !words.is_empty() {
        let shown = clip(words, WORDS);
        let cut = match words.len() - shown.len() {
            0 => "",
            _ => " …",
        };
        account.push_str(&format!(
            "\nIts words, which nobody has checked: {shown}{cut}"
        ));
    }
    account
}
