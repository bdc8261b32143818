//! The transcript of the session that asks: which CLI it is, where that keeps it, and what stands in
//! it. Only the transcript of that very session is read, and only files of this user.

mod claude;
mod codex;
mod gemini;
mod item;
mod summary;
mod tail;
mod telling;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::item::{Item, text_of};
use self::tail::Backwards;
use super::caller::{Caller, Traces};
use super::error::Problem;
use super::file::open_plain;

/// Bytes of a transcript that are read from its end, at most.
const LOOKED_AT: u64 = 32 * 1024 * 1024;
/// Where records of the session stand that say whose it is.
const IDENTITY: u64 = 1024 * 1024;
/// How long Claude Code may take to write down the call that we serve.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What is known of the session that asks.
#[derive(Debug, Clone)]
pub(in crate::agents) struct Asking {
    pub(in crate::agents) caller: Caller,
    pub(in crate::agents) traces: Traces,
    /// The directory of the session, canonical.
    pub(in crate::agents) cwd: PathBuf,
    /// Sessions of agents, which can have transcripts in the same place.
    pub(in crate::agents) agents: Vec<String>,
}

/// A text drawn from a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agents) struct Told {
    pub(in crate::agents) about: String,
    pub(in crate::agents) text: String,
}

/// A CLI whose transcripts we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cli {
    Claude,
    Codex,
    Gemini,
}

/// The transcript of the session that asks, opened.
#[derive(Debug)]
pub(in crate::agents) struct Transcript {
    cli: Cli,
    file: File,
    /// Directory of the session, canonical.
    cwd: PathBuf,
}

/// How to read on, after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    /// What stands further up was replaced by this record.
    Beginning,
}

/// How a CLI writes its transcripts, read from their end.
trait Dialect {
    /// What a record says, the last thing first; records come last one first as well.
    fn read(&mut self, record: &Value, items: &mut Vec<Item>) -> Flow;
}

impl Cli {
    fn name(self) -> &'static str {
        match self {
            Cli::Claude => "Claude Code",
            Cli::Codex => "Codex",
            Cli::Gemini => "Gemini CLI",
        }
    }

    fn dialect(self) -> Box<dyn Dialect> {
        match self {
            Cli::Claude => Box::new(claude::Claude::default()),
            Cli::Codex => Box::new(codex::Codex::default()),
            Cli::Gemini => Box::new(gemini::Gemini::default()),
        }
    }
}

/// Finds the transcript of the session that asks. Blocks.
///
/// # Errors
/// [`Problem::NoTranscript`] with the reason.
pub(in crate::agents) fn find(asking: &Asking) -> Result<Transcript, Problem> {
    let cli = which(asking)?;
    let path = match cli {
        Cli::Claude => of_claude(asking)?,
        Cli::Codex => of_codex(asking)?,
        Cli::Gemini => of_gemini(asking)?,
    };
    let file = open_own(&path)?;
    Ok(Transcript {
        cli,
        file,
        cwd: asking.cwd.clone(),
    })
}

fn which(asking: &Asking) -> Result<Cli, Problem> {
    let Asking { caller, traces, .. } = asking;
    match caller.client.as_deref() {
        Some("claude-code") => Ok(Cli::Claude),
        Some("codex-mcp-client") => Ok(Cli::Codex),
        Some(client) if client.starts_with("gemini-cli-mcp-client") => Ok(Cli::Gemini),
        Some(client) => Err(no(format!(
            "the transcripts of {:?} cannot be read, only those of Claude Code, Codex and Gemini CLI",
            super::one_line(client, 40)
        ))),
        // A command that a session runs.
        None => match (
            &traces.claude_session,
            &traces.codex_thread,
            traces.in_gemini,
        ) {
            (Some(_), None, false) => Ok(Cli::Claude),
            (None, Some(_), false) => Ok(Cli::Codex),
            (None, None, true) => Err(no(
                "Gemini CLI does not tell its commands which session they are from".to_owned(),
            )),
            (None, None, false) => Err(no("no session is around this command".to_owned())),
            _ => Err(no("more than one session is around this command".to_owned())),
        },
    }
}

fn of_claude(asking: &Asking) -> Result<PathBuf, Problem> {
    let home = asking.traces.claude.as_ref();
    let session = asking.traces.claude_session.as_ref();
    let (Some(home), Some(session)) = (home, session.filter(|it| is_id(it))) else {
        return Err(no(
            "Claude Code has not told which session this is".to_owned()
        ));
    };
    let Some(path) = claude::transcript(home, session) else {
        return Err(none_in(Cli::Claude, home));
    };
    let Some(tool_use) = &asking.caller.tool_use else {
        return Ok(path);
    };
    // Our environment names the session that started us. After /clear or /resume it is another one,
    // which has the call that we serve in its transcript.
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        let with_call = std::iter::once(path.clone())
            .chain(claude::newer_beside(&path))
            .find(|path| open_own(path).is_ok_and(|file| ends_with(&file, tool_use)));
        if let Some(with_call) = with_call {
            return Ok(with_call);
        }
        if Instant::now() >= deadline {
            // One of its own subagents calls, which have transcripts elsewhere.
            return Ok(path);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn of_codex(asking: &Asking) -> Result<PathBuf, Problem> {
    let Asking { caller, traces, .. } = asking;
    let thread = match caller.client {
        Some(_) => caller.thread.as_ref(),
        None => traces.codex_thread.as_ref(),
    };
    let (Some(home), Some(thread)) = (&traces.codex, thread.filter(|it| is_id(it))) else {
        return Err(no("Codex has not told which thread this is".to_owned()));
    };
    let path = codex::transcript(home, thread).ok_or_else(|| none_in(Cli::Codex, home))?;
    let told = first_record(&open_own(&path)?)?;
    match text_of(&told, "/payload/id") == thread {
        true => Ok(path),
        false => Err(none_in(Cli::Codex, home)),
    }
}

fn of_gemini(asking: &Asking) -> Result<PathBuf, Problem> {
    let Some(home) = &asking.traces.gemini else {
        return Err(no("there is no home directory".to_owned()));
    };
    let mut found = gemini::transcripts(home, &asking.cwd, asking.traces.since);
    found.retain(|path| is_session(asking, path).unwrap_or(false));
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (Some(_), false) => Err(no(
            "several sessions of Gemini CLI are at work in this directory, and it does not tell \
             which one asks"
                .to_owned(),
        )),
        (None, _) => Err(none_in(Cli::Gemini, home)),
    }
}

/// Whether the transcript of Gemini CLI at `path` is that of a session which can be the one that
/// asks: no agent's, no subagent's, and none that its process has begun and never used.
fn is_session(asking: &Asking, path: &Path) -> Result<bool, Problem> {
    let file = open_own(path)?;
    let told = first_record(&file)?;
    let session = text_of(&told, "/sessionId");
    let is_agent = asking.agents.iter().any(|agent| agent == session);
    if is_agent || text_of(&told, "/kind") == "subagent" {
        return Ok(false);
    }
    let transcript = Transcript {
        cli: Cli::Gemini,
        file,
        cwd: asking.cwd.clone(),
    };
    let mut spoken = false;
    transcript.each(transcript.length()?, LOOKED_AT, |item| {
        spoken = item.is_message();
        !spoken
    })?;
    Ok(spoken)
}

/// The name of a session becomes part of a path.
fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (8..=64).contains(&text.len()) && text.chars().all(plain)
}

/// Opens a file of this user.
fn open_own(path: &Path) -> Result<File, Problem> {
    let file = open_plain(path)?;
    match file.metadata()?.uid() == nix::unistd::geteuid().as_raw() {
        true => Ok(file),
        false => Err(no(format!("{} belongs to another user", path.display()))),
    }
}

/// Whether `needle` stands near the end.
fn ends_with(file: &File, needle: &str) -> bool {
    let Ok(end) = file.metadata().map(|it| it.len()) else {
        return false;
    };
    let mut lines = Backwards::new(file, end, IDENTITY);
    while let Ok(Some(line)) = lines.next() {
        if String::from_utf8_lossy(&line).contains(needle) {
            return true;
        }
    }
    false
}

fn first_record(file: &File) -> Result<Value, Problem> {
    let end = file.metadata()?.len().min(IDENTITY);
    let mut lines = Backwards::new(file, end, IDENTITY);
    let mut first = None;
    while let Some(line) = lines.next()? {
        first = Some(line);
    }
    Ok(serde_json::from_slice(&first.unwrap_or_default()).unwrap_or_default())
}

fn no(reason: String) -> Problem {
    Problem::NoTranscript(reason)
}

fn none_in(cli: Cli, home: &Path) -> Problem {
    let home = home.display();
    no(format!(
        "{} has no transcript of this session in {home}",
        cli.name()
    ))
}

impl Transcript {
    /// The last `count` messages with the tool calls between them. Blocks.
    ///
    /// # Errors
    /// [`Problem::NoTranscript`] when there are none.
    pub(in crate::agents) fn last(&self, count: usize) -> Result<Told, Problem> {
        let mut items = Vec::new();
        let mut messages = 0;
        let before = self.each(self.length()?, LOOKED_AT, |item| {
            messages += usize::from(item.is_message());
            if messages > count {
                return false;
            }
            items.push(item);
            true
        })?;
        telling::tell(
            self,
            items,
            messages.min(count),
            messages <= count && before == 0,
        )
    }

    /// What the session is about. Blocks.
    ///
    /// # Errors
    /// [`Problem::NoTranscript`] when it has no message.
    pub(in crate::agents) fn summary(&self) -> Result<Told, Problem> {
        let mut summary = summary::Summary::default();
        let before = self.each(self.length()?, LOOKED_AT, |item| {
            summary.add(item);
            true
        })?;
        if before > 0 {
            // How it began stands at the beginning, however much there is between.
            summary.skip();
            self.each(before.min(IDENTITY), IDENTITY, |item| {
                summary.add(item);
                true
            })?;
        }
        summary.tell(self)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Hands out what the first `end` bytes say, the last thing first, until `more` says no or `most`
    /// bytes were read; how many bytes stand before what was read.
    fn each(
        &self,
        end: u64,
        most: u64,
        mut more: impl FnMut(Item) -> bool,
    ) -> Result<u64, Problem> {
        let mut dialect = self.cli.dialect();
        let mut lines = Backwards::new(&self.file, end, most);
        let mut items = Vec::new();
        while let Some(line) = lines.next()? {
            // The last line may be half written, and a transcript may hold what we do not know.
            let Ok(record) = serde_json::from_slice::<Value>(&line) else {
                continue;
            };
            let flow = dialect.read(&record, &mut items);
            if !items.drain(..).all(&mut more) {
                return Ok(lines.before());
            }
            if flow == Flow::Beginning {
                return Ok(0);
            }
        }
        Ok(lines.before())
    }

    /// A path as it is seen from the directory of the session.
    fn seen_from_here(&self, path: &str) -> String {
        let path = Path::new(path);
        let path = path.strip_prefix(&self.cwd).unwrap_or(path);
        super::one_line(&path.to_string_lossy(), 200)
    }
}

#[cfg(test)]
mod tests;
