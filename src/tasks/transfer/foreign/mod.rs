//! Files of other trackers. Each of their forms becomes [`Item`]s, of which tasks are made in one place.

mod adapt;
mod bag;
mod beads;
mod detect;
mod github;
mod gobby;
mod item;
mod stamp;
mod taskmaster;

use serde::Serialize;

use super::error::TransferError;
use super::report::Report;
use crate::transfer::Source;
pub(super) use detect::detect;
pub(super) use item::Item;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// What `ostler tasks export` writes.
    Ostler,
    /// `.beads/issues.jsonl`, and what `bd export` writes.
    Beads,
    /// `.gobby/tasks.jsonl`.
    Gobby,
    /// `.taskmaster/tasks/tasks.json`.
    Taskmaster,
    /// What `gh issue list --json …` writes.
    Github,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 5] = [
        Format::Ostler,
        Format::Beads,
        Format::Gobby,
        Format::Taskmaster,
        Format::Github,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Ostler => "ostler",
            Format::Beads => "beads",
            Format::Gobby => "gobby",
            Format::Taskmaster => "taskmaster",
            Format::Github => "github",
        }
    }

    /// The one of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Reads a file of another tracker. What has no time of its own was told at `told_ms`.
pub(super) fn read(
    format: Format,
    source: &mut Source,
    told_ms: i64,
    report: &mut Report,
) -> Result<Vec<Item>, TransferError> {
    match format {
        Format::Ostler => Ok(Vec::new()),
        Format::Beads => beads::read(source, told_ms, report),
        Format::Gobby => gobby::read(source, told_ms, report),
        Format::Taskmaster => taskmaster::read(&source.document()?, told_ms, report),
        Format::Github => github::read(&source.document()?, told_ms, report),
    }
}
