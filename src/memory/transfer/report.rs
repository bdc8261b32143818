//! What an import has done, line by line where a line needs a word.

use std::collections::BTreeMap;

use serde::Serialize;

use super::foreign::Format;
use crate::ids::MemoryId;
use crate::transfer::{Problem, Told};

/// What an import has done, or would do. What was created, updated, unchanged and skipped is together
/// every statement that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the file was taken for.
    pub format: Format,
    /// Whether nothing was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Memories that were not there.
    pub created: u64,
    /// Memories that something was changed of.
    pub updated: u64,
    /// Statements that say nothing new.
    pub unchanged: u64,
    /// Lines that were skipped.
    pub skipped: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Memories of the user that were left out.
    #[serde(skip_serializing_if = "is_none")]
    pub of_user: u64,
    /// Statements of which the value of a secret variable was taken out.
    #[serde(skip_serializing_if = "is_none")]
    pub redacted: u64,
    /// What was left out, by what it is, with how many there were.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<&'static str, u64>,
    /// Decisions that were made about memories.
    pub remarked: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

/// Something that was decided about a memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The line that it goes back to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The memory.
    pub memory: MemoryId,
    /// What was decided.
    pub remark: String,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Counts what was left out.
    pub(super) fn leave(&mut self, what: &'static str) {
        *self.aside.entry(what).or_default() += 1;
    }

    /// How much was left out.
    pub(super) fn left(&self) -> u64 {
        self.aside.values().sum()
    }

    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            dry_run: false,
            of_user: 0,
            redacted: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
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

    /// Tells of a decision.
    pub(super) fn remark(&mut self, line: Option<u64>, memory: &MemoryId, remark: String) {
        let memory = memory.clone();
        let remark = Remark {
            line,
            memory,
            remark,
        };
        self.remarks.tell(&mut self.remarked, remark);
    }
}
