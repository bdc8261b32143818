//! `ostler memory export` and `ostler memory import`: memories to a file and from one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{as_json, one_of};
use crate::cli::output::{err, reader_has_left};
use crate::edge::{Failure, Kind};
use crate::memory::{self, Document, Exported, Format, Input, Memories, Report, TransferError};
use crate::text::{counted, one_line};
use crate::transfer::{FileError, Replacement};

/// Stands for standard input and output.
const STANDARD: &str = "-";
/// Longest problem or remark that is shown, in characters.
const SHOWN: usize = 300;

const AFTER_EXPORT: &str = "\
One line a memory, sorted by id: the same memories are the same bytes. What was superseded is in it; of
what was forgotten only that and why, not the text. A file is replaced as a whole or not at all, and a new
one is for your eyes only. It is never written by itself.";

const AFTER_IMPORT: &str = "\
What is here and not in the file stays. No text is ever changed: a line that says something else than the
memory of its id here is told and passed by, as is a line that cannot be read, or holds a secret. What was
forgotten or superseded on one side is so on both, which is told for each memory that was here; tags and
importance are those set last; what an agent wrote and nobody has confirmed stays in quarantine. Memories
of the user, which count in every project, are only taken with --user. Importing a file again changes nothing.

Files of others: CLAUDE.md and AGENTS.md (bullets: each item of a list that stands for itself), the
memory file of server-memory, notes of basic-memory and the memory folder of Claude Code (a file or a
folder), gobby (.gobby/memories.jsonl). You stand for what you import: it is confirmed, and its source
names the file. What is no statement is counted; what was forgotten here is not taken in again.

Exit codes: 0 when every line went in; 1 when some were skipped.";

#[derive(Args)]
#[command(after_help = AFTER_EXPORT)]
pub(in crate::cli) struct Export {
    /// The file; left out or `-`, standard output
    path: Option<PathBuf>,
    /// Also the memories of the user, which count in every project
    #[arg(long)]
    user: bool,
    /// jsonl, which `ostler memory import` takes, or markdown, a page of what holds, to be read
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "markdown"])]
    format: String,
}

#[derive(Args)]
#[command(after_help = AFTER_IMPORT)]
pub(in crate::cli) struct Import {
    /// The file or folder, or `-` for standard input
    path: PathBuf,
    /// What it is: ostler, bullets, server-memory, basic-memory, gobby or claude-memory
    /// [default: what it looks like]
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Also take memories in the scope of the user, which count in every project
    #[arg(long)]
    user: bool,
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
    pub(super) async fn told(self, memories: &Memories<'_>) -> Result<String, Failure> {
        let exported = self.with(memories).await?;
        if self.path.is_some() || io::stderr().is_terminal() {
            let forgotten = match exported.forgotten {
                0 => String::new(),
                count => format!(" and {count} forgotten"),
            };
            err(&format!(
                "exported {} memories{forgotten}\n",
                exported.memories
            ));
        }
        Ok(String::new())
    }

    async fn with(&self, memories: &Memories<'_>) -> Result<Exported, Failure> {
        let Some(path) = self.path.as_deref().filter(|path| !is_standard(path)) else {
            let mut out = BufWriter::new(io::stdout().lock());
            return match self.write(memories, &mut out).await {
                Err(TransferError::File(FileError::Unwritten(error)))
                    if reader_has_left(&error) =>
                {
                    // What is left over would be tried once more.
                    let _ = out.into_parts();
                    Ok(Exported::default())
                }
                exported => Ok(exported?),
            };
        };
        let mut file = Replacement::private(path)?;
        let exported = self.write(memories, &mut file).await?;
        file.put()?;
        Ok(exported)
    }

    async fn write(
        &self,
        memories: &Memories<'_>,
        out: &mut dyn Write,
    ) -> Result<Exported, TransferError> {
        match self.format.as_str() {
            "markdown" => memories.export_page(self.user, out).await,
            _ => memories.export(self.user, out).await,
        }
    }
}

impl Import {
    pub(super) async fn told(self, memories: &Memories<'_>) -> Result<(String, u8), Failure> {
        let report = match self.path.is_dir() {
            true => {
                let documents = Document::all_in(&self.path)?;
                self.with(memories, Input::Folder(documents)).await?
            }
            false => {
                let mut read = open(&self.path)?;
                let name = name(&self.path);
                let read = &mut *read;
                self.with(memories, Input::File { name, read }).await?
            }
        };
        let text = match self.json {
            true => as_json(&report)?,
            false => told(&report, self.format.is_none()),
        };
        Ok((text, u8::from(report.skipped > 0)))
    }

    async fn with(&self, memories: &Memories<'_>, input: Input<'_>) -> Result<Report, Failure> {
        let is_terminal = io::stderr().is_terminal();
        let mut progress = |done: usize, all: usize| {
            if is_terminal {
                err(&format!("\r\u{1b}[K{done} of {all} memories"));
            }
        };
        let import = memory::Import {
            input,
            format: self.format,
            with_user: self.user,
            dry_run: self.dry_run,
            progress: &mut progress,
        };
        let report = memories.import(import).await;
        if is_terminal {
            err("\r\u{1b}[K");
        }
        Ok(report?)
    }
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

/// What memories have for their source.
fn name(path: &Path) -> String {
    match path.file_name() {
        Some(name) if !is_standard(path) => one_line(&name.to_string_lossy(), 100),
        _ => "standard input".to_owned(),
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if is_standard(path) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let shown = path.display();
    let unread = |error: io::Error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        };
        Failure::new(kind, format!("{shown} cannot be read: {error}"))
    };
    let kind = std::fs::metadata(path).map_err(unread)?.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        let message = format!("{shown} is no file");
        return Err(Failure::new(Kind::Invalid, message).hint("`-` reads standard input"));
    }
    Ok(Box::new(BufReader::new(File::open(path).map_err(unread)?)))
}

fn told(report: &Report, detected: bool) -> String {
    let mut text = String::new();
    if detected && report.format != Format::Ostler {
        text.push_str(&format!("taken for {}\n", report.format));
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
        text.push_str(&format!("{line}{} {what}\n", remark.memory));
    }
    more(
        &mut text,
        report.remarked,
        report.remarks.len(),
        "like that",
    );
    if !report.aside.is_empty() {
        let aside = report.aside.iter();
        let aside: Vec<String> = aside.map(|(what, of)| format!("{what} ({of})")).collect();
        text.push_str(&format!("left out: {}\n", aside.join(", ")));
    }
    if report.of_user > 0 {
        let count = counted(report.of_user, "memory");
        text.push_str(&format!(
            "{count} of the user left out; --user takes them in\n"
        ));
    }
    if report.redacted > 0 {
        let of = counted(report.redacted, "statement");
        text.push_str(&format!("values of secret variables taken out of {of}\n"));
    }
    let did = if report.dry_run { "would be " } else { "" };
    text.push_str(&format!(
        "{} {did}created, {} {did}updated, {} unchanged, {} skipped\n",
        report.created, report.updated, report.unchanged, report.skipped
    ));
    text
}

fn more(text: &mut String, all: u64, shown: usize, what: &str) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        text.push_str(&format!("and {more} more {what}\n"));
    }
}
