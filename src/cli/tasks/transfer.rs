//! `ostler tasks export` and `ostler tasks import`: tasks to a file and from one.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::{as_json, one_of};
use crate::cli::file::{self, IsFile, Progress, SHOWN, Target, is_standard};
use crate::cli::output::err;
use crate::edge::Failure;
use crate::tasks::{self, Exported, Format, Report, Tracker, TransferError};
use crate::text::one_line;
use crate::transfer::FileError;

const AFTER_EXPORT: &str = "\
One line a task, sorted by id: the same tasks are the same bytes, so that git sees what has changed.
Edges, labels, notes, links and deleted tasks are in it; who works on a task is not. A file is replaced
as a whole or not at all. It is never written by itself: export when you commit.";

const AFTER_IMPORT: &str = "\
Of each field the value that was set last stays, whichever side has set it; what the file does not name
stays as it is; what was deleted there and not changed since is deleted here. A line that cannot be read
is told with its number and passed by. Where there is no terminal, nothing is deleted, and nothing that
has acceptance criteria is closed as done: that takes a person. Importing a file again changes nothing.

Files of other trackers: beads (.beads/issues.jsonl), gobby (.gobby/tasks.jsonl), task-master
(.taskmaster/tasks/tasks.json), GitHub (gh issue list --state all --limit 1000 --json number,title,body,
state,stateReason,labels,createdAt,updatedAt,closedAt,url,author,comments,milestone,assignees). Their
tasks get ids of their own and are known again by `external_ref`; what has no place in a task goes into
a note of it.

Exit codes: 0 when every line went in; 1 when some were skipped.";

#[derive(Args)]
#[command(after_help = AFTER_EXPORT)]
pub(in crate::cli) struct Export {
    /// The file; left out or `-`, standard output
    path: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = AFTER_IMPORT)]
pub(in crate::cli) struct Import {
    /// The file, or `-` for standard input
    path: PathBuf,
    /// Whose file it is: ostler, beads, gobby, taskmaster or github [default: what it looks like]
    #[arg(long, value_name = "TRACKER", value_parser = format)]
    from: Option<Format>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

fn format(text: &str) -> Result<Format, String> {
    one_of(
        Format::parse(text),
        Format::ALL.iter().map(|format| format.as_str()),
    )
}

impl Export {
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<String, Failure> {
        let exported = self.with(tracker).await?;
        if self.path.is_some() || io::stderr().is_terminal() {
            let gone = match exported.gone {
                0 => String::new(),
                gone => format!(" and {gone} deleted"),
            };
            err(&format!("exported {} tasks{gone}\n", exported.tasks));
        }
        Ok(String::new())
    }

    async fn with(&self, tracker: &Tracker<'_>) -> Result<Exported, Failure> {
        let mut target = Target::of(self.path.as_deref(), false)?;
        let exported = tracker.export(target.writer()).await;
        let none = Exported { tasks: 0, gone: 0 };
        Ok(target.end(exported)?.unwrap_or(none))
    }
}

impl IsFile for TransferError {
    fn file(&self) -> Option<&FileError> {
        match self {
            TransferError::File(error) => Some(error),
            _ => None,
        }
    }
}

impl Import {
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<(String, u8), Failure> {
        let (mut input, told_ms) = file::open(&self.path)?;
        let report = self.with(tracker, &mut input, told_ms).await?;
        let text = match self.json {
            true => as_json(&report)?,
            false => told(&report, self.from.is_none()),
        };
        Ok((text, u8::from(report.skipped > 0)))
    }

    async fn with(
        &self,
        tracker: &Tracker<'_>,
        input: &mut dyn BufRead,
        told_ms: i64,
    ) -> Result<Report, Failure> {
        let told = Progress::of("tasks");
        let mut progress = |done, all| told.tell(done, all);
        let import = tasks::Import {
            input,
            from: self.from,
            told_ms,
            // Standard input may be what is imported.
            at_terminal: io::stderr().is_terminal()
                && (io::stdin().is_terminal() || is_standard(&self.path)),
            dry_run: self.dry_run,
            progress: &mut progress,
        };
        Ok(tracker.import(import).await?)
    }
}

fn told(report: &Report, detected: bool) -> String {
    let mut text = String::new();
    if detected && report.format != Format::Ostler {
        text.push_str(&format!("taken for a file of {}\n", report.format.as_str()));
    }
    text += &file::skipped(&report.problems, report.skipped);
    let remarks = report.remarks.iter();
    let remarks = remarks.map(|it| (it.line, it.task.as_str(), it.remark.as_str()));
    text += &file::decided(remarks, report.remarked);
    if !report.aside.is_empty() {
        let aside = report.aside.iter();
        let aside: Vec<String> = aside.map(|(name, of)| format!("{name} ({of})")).collect();
        let aside = one_line(&aside.join(", "), SHOWN);
        text.push_str(&format!("without a place here, kept in notes: {aside}\n"));
    }
    let did = if report.dry_run { "would be " } else { "" };
    text.push_str(&format!(
        "{} {did}created, {} {did}updated, {} {did}deleted, {} unchanged, {} skipped\n",
        report.created, report.updated, report.deleted, report.unchanged, report.skipped
    ));
    text
}
