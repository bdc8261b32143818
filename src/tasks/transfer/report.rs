//! What an import has done, line by line where a line needs a word.

use std::collections::BTreeMap;

use serde::Serialize;

use super::foreign::Format;
use crate::ids::TaskId;
use crate::transfer::{Problem, Told};

/// What an import has done, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the file was taken for.
    pub format: Format,
    /// Whether nothing was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Tasks that were not there.
    pub created: u64,
    /// Tasks that something was changed of.
    pub updated: u64,
    /// Tasks that the file says nothing new of.
    pub unchanged: u64,
    /// Tasks that were deleted elsewhere, and now here.
    pub deleted: u64,
    /// Lines that were skipped.
    pub skipped: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What had no place in a task and went into a note of it, by its name, with of how many tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<String, u64>,
    /// Decisions that were made about tasks which went in.
    pub remarked: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// Something that was decided about a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Remark {
    /// The line that it goes back to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The task.
    pub task: TaskId,
    /// What was decided.
    pub remark: String,
}

impl Report {
    pub(super) fn new(format: Format, dry_run: bool) -> Self {
        Self {
            format,
            dry_run,
            created: 0,
            updated: 0,
            unchanged: 0,
            deleted: 0,
            skipped: 0,
            problems: Vec::new(),
            aside: BTreeMap::new(),
            remarked: 0,
            remarks: Vec::new(),
        }
    }

    /// Tells of a line that is skipped.
    pub(super) fn skip(&mut self, line: u64, problem: impl Into<String>) {
        let problem = problem.into();
        let problem = Problem { line, problem };
        self.problems.tell(&mut self.skipped, problem);
    }

    /// Tells of decisions.
    pub(super) fn remark(&mut self, remarks: impl IntoIterator<Item = Remark>) {
        for remark in remarks {
            self.remarks.tell(&mut self.remarked, remark);
        }
    }
}
