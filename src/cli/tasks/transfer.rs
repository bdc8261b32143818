//! `ostler tasks export` and `ostler tasks import`: tasks to a file and from one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::{as_json, one_of};
use crate::cli::output::{err, reader_has_left};
use crate::edge::{Failure, Kind};
use crate::tasks::{self, Exported, Format, Report, Tracker, TransferError};
use crate::text::one_line;
use crate::transfer::{FileError, Replacement};

/// Stands for standard input and output.
const STANDARD: &str = "-";
/// Longest problem or remark that is shown, in characters.
const SHOWN: usize = 300;

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
        let Some(path) = self.path.as_deref().filter(|path| !is_standard(path)) else {
            let mut out = BufWriter::new(io::stdout().lock());
            return match tracker.export(&mut out).await {
                Err(TransferError::File(FileError::Unwritten(error)))
                    if reader_has_left(&error) =>
                {
                    // What is left over would be tried once more.
                    let _ = out.into_parts();
                    Ok(Exported { tasks: 0, gone: 0 })
                }
                exported => Ok(exported?),
            };
        };
        let mut file = Replacement::of(path)?;
        let exported = tracker.export(&mut file).await?;
        file.put()?;
        Ok(exported)
    }
}

impl Import {
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<(String, u8), Failure> {
        let (mut input, told_ms) = open(&self.path)?;
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
        let is_terminal = io::stderr().is_terminal();
        let mut progress = |done: usize, all: usize| {
            if is_terminal {
                err(&format!("\r\u{1b}[K{done} of {all} tasks"));
            }
        };
        let import = tasks::Import {
            input,
            from: self.from,
            told_ms,
            // Standard input may be what is imported.
            at_terminal: is_terminal && (io::stdin().is_terminal() || is_standard(&self.path)),
            dry_run: self.dry_run,
            progress: &mut progress,
        };
        let report = tracker.import(import).await;
        if is_terminal {
            err("\r\u{1b}[K");
        }
        Ok(report?)
    }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

/// The file to be read, and when it was last written.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, i64), Failure> {
    let ms = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or_default()
    };
    if is_standard(path) {
        return Ok((Box::new(io::stdin().lock()), ms(SystemTime::now())));
    }
    let shown = path.display();
    let unread = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        };
        Failure::new(kind, format!("{shown} cannot be read: {error}"))
    };
    let found = std::fs::metadata(path).map_err(unread)?;
    let kind = found.file_type();
    if kind.is_dir() || kind.is_char_device() || kind.is_block_device() {
        let message = format!("{shown} is no file");
        return Err(Failure::new(Kind::Invalid, message).hint("`-` reads standard input"));
    }
    let file = File::open(path).map_err(unread)?;
    let changed = found.modified().unwrap_or_else(|_| SystemTime::now());
    Ok((Box::new(BufReader::new(file)), ms(changed)))
}

fn told(report: &Report, detected: bool) -> String {
    let mut text = String::new();
    if detected && report.format != Format::Ostler {
        text.push_str(&format!("taken for a file of {}\n", report.format.as_str()));
    }
    for problem in &report.problems {
        let what = one_line(&problem.problem, SHOWN);
        text.push_str(&format!("line {} skipped: {what}\n", problem.line));
    }
    more(&mut text, report.skipped, report.problems.len(), "skipped");
    for remark in &report.remarks {
        let line = remark
            .line
            .map_or(String::new(), |line| format!("line {line}: "));
        let what = one_line(&remark.remark, SHOWN);
        text.push_str(&format!("{line}{} {what}\n", remark.task));
    }
    more(
        &mut text,
        report.remarked,
        report.remarks.len(),
        "like that",
    );
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

fn more(text: &mut String, all: u64, shown: usize, what: &str) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        text.push_str(&format!("and {more} more {what}\n"));
    }
}
