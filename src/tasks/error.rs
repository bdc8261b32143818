//! What callers can get wrong about tasks, and what keeps a task from being changed.

use super::model::Status;
use crate::ids::{BadId, TaskId};
use crate::store::StoreError;

/// Steps of a circle that are spelled out, beside the last two.
const STEPS: usize = 8;

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The text is no task id.
    #[error(transparent)]
    BadId(#[from] BadId),
    /// No task of this project has that id.
    #[error("no task here has the id {id}")]
    Unknown {
        /// What was given.
        id: String,
        /// Tasks with an id like it, as `t-0a1b2c "title"`.
        nearest: Vec<String>,
    },
    /// Several tasks have an id that begins like this.
    #[error("{} tasks have an id that begins with {given}", .candidates.len())]
    Ambiguous {
        /// What was given.
        given: String,
        /// Their ids.
        candidates: Vec<String>,
    },
    /// A value cannot be what it is.
    #[error("{} {problem}", at(.index, .field))]
    BadValue {
        /// The place in a batch, from 0.
        index: Option<usize>,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A batch holds nothing, or too much.
    #[error("`tasks` has {found} entries; from 1 to {most} are taken")]
    BadBatch {
        /// Entries.
        found: usize,
        /// Most entries.
        most: usize,
    },
    /// An edge or a parent would close a circle of tasks that wait for each other.
    #[error("that would make tasks wait for each other: {}", circle(.steps))]
    Cycle {
        /// The circle, one step an entry: `t-1 waits for t-2`.
        steps: Vec<String>,
    },
    /// It cannot be claimed as it stands.
    #[error("{id} cannot be claimed: {why}")]
    NotReady {
        /// The task.
        id: TaskId,
        /// Why not.
        why: String,
    },
    /// Somebody else works on it.
    #[error("{id} is held by {holder}")]
    Held {
        /// The task.
        id: TaskId,
        /// Who.
        holder: String,
    },
    /// There is nothing to claim.
    #[error("no task is ready{}", .filter)]
    NothingReady {
        /// What was asked for, in words that follow: ` with the label \"x\"`; may be empty.
        filter: String,
    },
    /// The claim that the fence stands for is over.
    #[error("the claim {fence} of {id} is over{}", now(.holder.as_deref()))]
    StaleFence {
        /// The task.
        id: TaskId,
        /// The fence that was given.
        fence: i64,
        /// Who works on it now.
        holder: Option<String>,
    },
    /// It is not in a state for that.
    #[error("{id} is {status}; it cannot be {action}")]
    WrongStatus {
        /// The task.
        id: TaskId,
        /// Where it stands.
        status: Status,
        /// What was asked for: `closed`, `reopened`.
        action: &'static str,
    },
    /// It has children that are not closed.
    #[error("{id} has open children: {}", .children.join(", "))]
    OpenChildren {
        /// The task.
        id: TaskId,
        /// Their ids; the last entry may say how many more.
        children: Vec<String>,
    },
    /// It has children, closed or not.
    #[error("{id} has children: {}", named(.children, *.more))]
    HasChildren {
        /// The task.
        id: TaskId,
        /// The first of them.
        children: Vec<TaskId>,
        /// How many more there are, if it is more than 0.
        more: i64,
    },
    /// The parent is closed.
    #[error("{parent} is closed and cannot get an open child")]
    ClosedParent {
        /// The parent.
        parent: TaskId,
    },
    /// What shows that it is done is missing or does not hold.
    #[error("{id} is not shown to be done: {problem}")]
    NoEvidence {
        /// The task.
        id: TaskId,
        /// What is missing or does not hold.
        problem: String,
    },
    /// A close that is not `done` needs a reason in words.
    #[error("closing as {reason} needs a word why")]
    NoWhy {
        /// The reason.
        reason: &'static str,
    },
    /// Not for whoever asked.
    #[error("{problem}")]
    NotAllowed {
        /// What is not allowed.
        problem: String,
    },
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TaskError {
    /// The same refusal where only one task was given: its place is no news.
    #[must_use]
    pub fn of_one(self) -> Self {
        match self {
            TaskError::BadValue { field, problem, .. } => TaskError::bad(field, problem),
            other => other,
        }
    }

    pub(super) fn bad(field: &'static str, problem: impl Into<String>) -> Self {
        TaskError::BadValue {
            index: None,
            field,
            problem: problem.into(),
        }
    }

    /// The same refusal for an entry of a batch.
    #[must_use]
    pub(super) fn of_entry(self, at: usize) -> Self {
        match self {
            TaskError::BadValue { field, problem, .. } => TaskError::BadValue {
                index: Some(at),
                field,
                problem,
            },
            other => other,
        }
    }
}

impl From<sqlx::Error> for TaskError {
    fn from(error: sqlx::Error) -> Self {
        TaskError::Store(error.into())
    }
}

fn at(index: &Option<usize>, field: &str) -> String {
    match index {
        Some(index) => format!("`tasks[{index}].{field}`"),
        None => format!("`{field}`"),
    }
}

fn named(ids: &[TaskId], more: i64) -> String {
    let ids: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
    match more {
        1.. => format!("{} and {more} more", ids.join(", ")),
        _ => ids.join(", "),
    }
}

/// The steps of a circle, the middle of a long one left out.
fn circle(steps: &[String]) -> String {
    match steps {
        [first @ .., before, last] if first.len() > STEPS => {
            let shown: Vec<&str> = first.iter().take(STEPS).map(String::as_str).collect();
            let more = first.len() - STEPS;
            format!(
                "{}, … {more} more steps …, {before}, {last}",
                shown.join(", ")
            )
        }
        steps => steps.join(", "),
    }
}

fn now(holder: Option<&str>) -> String {
    match holder {
        Some(holder) => format!("; it is held by {holder} now"),
        None => String::new(),
    }
}
