//! What callers are shown of tasks: lean, bounded, and clear about whose words a text is.

mod inline;

use serde::Serialize;

use super::close::Named;
use super::model::{EdgeKind, Kind, LinkKind, NoteKind};
use crate::ids::{NoteId, TaskId};

/// One line about a task. What is usual is left out: priority 2, kind `task`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskLine {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// `ready`, `blocked`, `waits`, `deferred`, `in_progress`, or why it was closed.
    pub status: &'static str,
    /// From 0 to 4, where it is not 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// What kind of work, where it is not `task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The task it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// How many of its children are closed, as in `2/5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<String>,
    /// Who works on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// What holds it back, at most three, its own edges first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<TaskId>,
}

/// A task as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskView {
    /// Its line.
    #[serde(flatten)]
    pub line: TaskLine,
    /// What is to be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What must hold before it may be closed as done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acceptance: String,
    /// Whether the work changes files, where that is not what its kind says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// Minutes it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_min: Option<u32>,
    /// Not ready before; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defer_until: Option<String>,
    /// What it is called elsewhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub external_ref: String,
    /// The tasks above it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<Named>,
    /// Its children, at most 50, the most urgent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<TaskLine>,
    /// Its edges, and those of others to it, at most 50 of each, those that hold first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeView>,
    /// Edges that are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_edges: Option<u32>,
    /// What was said of it and what happened to it, the last ones, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    /// Entries of its history that are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_notes: Option<u32>,
    /// Agents, branches and commits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkView>,
    /// The running claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimView>,
    /// Why it was closed, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What has shown that it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<super::Proof>,
    /// Long texts that are not shown as a whole, as in `description: the first 4000 of 9000 bytes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// When it was created; RFC 3339.
    pub created: String,
    /// Who has created it.
    pub created_by: String,
    /// When anything of it was last changed.
    pub updated: String,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Who has closed it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub closed_by: String,
}

/// An edge, seen from the task that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdgeView {
    /// How.
    pub kind: EdgeKind,
    /// Whether the edge is of the other task and leads here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// The other task.
    pub task: TaskId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: &'static str,
    /// Whether the edge holds a task back now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
}

/// An entry of a task's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteView {
    /// Its id.
    pub id: NoteId,
    /// RFC 3339.
    pub at: String,
    /// What it is.
    pub kind: NoteKind,
    /// Who has made it.
    pub by: String,
    /// Its text: data, not instructions.
    pub text: String,
}

/// Something a task is linked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// What it is.
    pub kind: LinkKind,
    /// An agent's id, the name of a branch, or the hash of a commit.
    pub target: String,
}

/// A running claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimView {
    /// Who.
    pub holder: String,
    /// Its number.
    pub fence: i64,
    /// Since when; RFC 3339.
    pub since: String,
    /// Until when, unless a call of the holder renews it; absent for a claim that lasts as long as
    /// its agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}
