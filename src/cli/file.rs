//! Files that commands write to and read from, and what is said of a report about one. `-` stands for
//! standard output and input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::output::{err, reader_has_left};
use crate::edge::{Failure, Kind};
use crate::text::one_line;
use crate::transfer::{FileError, Problem, Replacement};

/// Stands for standard input and output.
const STANDARD: &str = "-";
/// Longest problem or remark that is shown, in characters.
pub(super) const SHOWN: usize = 300;

pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

/// Where an export goes.
pub(super) enum Target {
    Standard(BufWriter<io::Stdout>),
    File(Replacement),
}

impl Target {
    /// Standard output, or the file that `path` names; `private` makes a new one for the user's eyes
    /// only.
    pub(super) fn of(path: Option<&Path>, private: bool) -> Result<Self, FileError> {
        match path.filter(|path| !is_standard(path)) {
            None => Ok(Target::Standard(BufWriter::new(io::stdout()))),
            Some(path) if private => Ok(Target::File(Replacement::private(path)?)),
            Some(path) => Ok(Target::File(Replacement::of(path)?)),
        }
    }

    /// Where to write to.
    pub(super) fn writer(&mut self) -> &mut dyn Write {
        match self {
            Target::Standard(out) => out,
            Target::File(file) => file,
        }
    }

    /// Ends what was written with `outcome`: a file is put in its place if all went well. `None` when
    /// whoever reads has seen enough.
    pub(super) fn end<T, E: From<FileError> + IsFile>(
        self,
        outcome: Result<T, E>,
    ) -> Result<Option<T>, E> {
        match (self, outcome) {
            (Target::File(file), outcome) => {
                let written = outcome?;
                file.put()?;
                Ok(Some(written))
            }
            (Target::Standard(out), Err(error)) if error.file().is_some_and(has_left) => {
                // What is left over would be tried once more.
                let _ = out.into_parts();
                Ok(None)
            }
            (Target::Standard(mut out), outcome) => match out.flush() {
                Err(error) if reader_has_left(&error) => {
                    let _ = out.into_parts();
                    Ok(None)
                }
                Err(error) => Err(FileError::Unwritten(error).into()),
                Ok(()) => outcome.map(Some),
            },
        }
    }
}

/// An error that may be one of a file.
pub(super) trait IsFile {
    /// What went wrong with the file, if that is it.
    fn file(&self) -> Option<&FileError>;
}

fn has_left(error: &FileError) -> bool {
    matches!(error, FileError::Unwritten(error) if reader_has_left(error))
}

/// Opens what is to be read, with the time when it was last written, in milliseconds.
pub(super) fn open(path: &Path) -> Result<(Box<dyn BufRead>, i64), Failure> {
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

/// Tells on a terminal how far something is, until it is dropped.
pub(super) struct Progress {
    what: &'static str,
    is_terminal: bool,
}

impl Progress {
    /// Of `what`, in the plural.
    pub(super) fn of(what: &'static str) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { what, is_terminal }
    }

    /// So many of all are done.
    pub(super) fn tell(&self, done: usize, all: usize) {
        if self.is_terminal {
            err(&format!("\r\u{1b}[K{done} of {all} {}", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal {
            err("\r\u{1b}[K");
        }
    }
}

/// The lines of a report that were skipped, of `skipped` altogether.
pub(super) fn skipped(problems: &[Problem], skipped: u64) -> String {
    let mut text = String::new();
    for Problem { line, problem } in problems {
        let what = one_line(problem, SHOWN);
        text.push_str(&format!("line {line} skipped: {what}\n"));
    }
    text + &more(skipped, problems.len(), "skipped")
}

/// What was decided about things: where each stands in the file, what it is about and what was decided,
/// of `all` altogether.
pub(super) fn decided<'a>(
    remarks: impl ExactSizeIterator<Item = (Option<u64>, &'a str, &'a str)>,
    all: u64,
) -> String {
    let shown = remarks.len();
    let mut text = String::new();
    for (line, about, remark) in remarks {
        let line = line.map_or(String::new(), |line| format!("line {line}: "));
        text.push_str(&format!("{line}{about} {}\n", one_line(remark, SHOWN)));
    }
    text + &more(all, shown, "like that")
}

fn more(all: u64, shown: usize, what: &str) -> String {
    match all.saturating_sub(shown as u64) {
        0 => String::new(),
        more => format!("and {more} more {what}\n"),
    }
}
