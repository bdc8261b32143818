//! `ostler memory export` and `ostler memory import`: memories to a file and from one.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{as_json, one_of};
use crate::cli::file::{self, IsFile, Progress, Target, is_standard};
use crate::cli::output::err;
use crate::edge::Failure;
use crate::memory::{self, Document, Exported, Format, Input, Memories, Report, TransferError};
use crate::text::{counted, one_line};
use crate::transfer::FileError;

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

Exit codes: 0 when every line went in, whether or not memories of the user were left out; 1 when some
were skipped.";

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
        let mut target = Target::of(self.path.as_deref(), true)?;
        let exported = self.write(memories, target.writer()).await;
        Ok(target.end(exported)?.unwrap_or_default())
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

impl IsFile for TransferError {
    fn file(&self) -> Option<&FileError> {
        match self {
            TransferError::File(error) => Some(error),
            _ => None,
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
                let (mut read, _) = file::open(&self.path)?;
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
        let told = Progress::of("memories");
        let mut progress = |done, all| told.tell(done, all);
        let import = memory::Import {
            input,
            format: self.format,
            with_user: self.user,
            dry_run: self.dry_run,
            progress: &mut progress,
        };
        Ok(memories.import(import).await?)
    }
}

/// What memories have for their source.
fn name(path: &Path) -> String {
    match path.file_name() {
        Some(name) if !is_standard(path) => one_line(&name.to_string_lossy(), 100),
        _ => "standard input".to_owned(),
    }
}

fn told(report: &Report, detected: bool) -> String {
    let mut text = String::new();
    if detected && report.format != Format::Ostler {
        text.push_str(&format!("taken for {}\n", report.format));
    }
    text += &file::skipped(&report.problems, report.skipped);
    let remarks = report.remarks.iter();
    let remarks = remarks.map(|it| (it.line, it.memory.as_str(), it.remark.as_str()));
    text += &file::decided(remarks, report.remarked);
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
