//! The entries of `context`, as they are written: a word, and what it is about behind a colon.

use super::error::{BadContext, Problem};
use crate::agents::error::AgentError;

/// Entries of one spawn.
const ENTRIES: usize = 20;
/// Bytes of one entry as it is written: it is repeated in the prompt.
const LENGTH: usize = 500;
/// Messages or commits that can be asked for.
const MOST: u32 = 200;
/// Commits where no number is given.
const COMMITS: u32 = 20;

/// One thing to be read with the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agents) enum Entry {
    /// What the calling session is about.
    Summary,
    /// Its last messages.
    Transcript(u32),
    /// A file of the project.
    File(String),
    /// The result of another agent, by its id or label.
    Agent(String),
    /// A task of the project, by its id or the beginning of one.
    Task(String),
    /// What was learnt that answers a question.
    Memory(String),
    /// Changes: what is uncommitted, or those of a revision or range.
    Diff(Option<String>),
    /// The last commits.
    Log(u32),
}

/// Reads all entries, each with its text.
///
/// # Errors
/// The first that is none, and more than there may be.
pub(in crate::agents) fn parse(entries: &[String]) -> Result<Vec<(String, Entry)>, AgentError> {
    if entries.len() > ENTRIES {
        return Err(AgentError::BadValue {
            field: "context",
            problem: format!("has {} entries, at most {ENTRIES} are taken", entries.len()),
        });
    }
    entries
        .iter()
        .map(|text| {
            let text = text.trim();
            let entry = one(text).map_err(|problem| BadContext::new(text, problem))?;
            Ok((text.to_owned(), entry))
        })
        .collect()
}

fn one(text: &str) -> Result<Entry, Problem> {
    if text.len() > LENGTH {
        return Err(Problem::Malformed("is longer than 500 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::Malformed("holds control characters"));
    }
    let (kind, about) = match text.split_once(':') {
        Some((kind, about)) => (kind, Some(about)),
        None => (text, None),
    };
    match (kind, about) {
        ("summary", None) => Ok(Entry::Summary),
        ("transcript", about) => number(about).map(Entry::Transcript),
        ("file", Some(path)) if !path.is_empty() => Ok(Entry::File(path.to_owned())),
        ("file", _) => Err(Problem::Malformed("names no file")),
        ("agent", Some(name)) if !name.trim().is_empty() => {
            Ok(Entry::Agent(name.trim().to_owned()))
        }
        ("agent", _) => Err(Problem::Malformed("names no agent")),
        ("git", Some(about)) => git(about),
        ("task", Some(id)) if !id.trim().is_empty() => Ok(Entry::Task(id.trim().to_owned())),
        ("task", _) => Err(Problem::Malformed("names no task")),
        ("memory", Some(query)) if query.chars().any(char::is_alphanumeric) => {
            Ok(Entry::Memory(query.trim().to_owned()))
        }
        ("memory", _) => Err(Problem::Malformed("asks nothing")),
        _ => Err(Problem::Unknown),
    }
}

fn git(about: &str) -> Result<Entry, Problem> {
    match about.split_once(':') {
        None if about == "diff" => Ok(Entry::Diff(None)),
        None if about == "log" => Ok(Entry::Log(COMMITS)),
        Some(("diff", revision)) => revision_of(revision).map(|it| Entry::Diff(Some(it))),
        Some(("log", count)) => number(Some(count)).map(Entry::Log),
        _ => Err(Problem::Unknown),
    }
}

fn number(about: Option<&str>) -> Result<u32, Problem> {
    match about.and_then(|about| about.parse().ok()) {
        Some(number @ 1..=MOST) => Ok(number),
        _ => Err(Problem::Malformed("needs a number from 1 to 200")),
    }
}

/// A revision becomes an argument of git and must not read as an option.
fn revision_of(text: &str) -> Result<String, Problem> {
    match text {
        "" => Err(Problem::Malformed("names no revision")),
        text if text.starts_with('-') => Err(Problem::Malformed("is no revision")),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Entry, String> {
        let entries = [text.to_owned()];
        match parse(&entries) {
            Ok(mut parsed) => Ok(parsed.remove(0).1),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_kind_is_read() {
        for (text, entry) in [
            ("summary", Entry::Summary),
            (" transcript:1 ", Entry::Transcript(1)),
            ("transcript:200", Entry::Transcript(200)),
            ("file:a b/c:d.rs", Entry::File("a b/c:d.rs".to_owned())),
            ("agent:a-0a1b2c", Entry::Agent("a-0a1b2c".to_owned())),
            ("agent:the first", Entry::Agent("the first".to_owned())),
            ("agent:the api", Entry::Agent("the api".to_owned())),
            ("task: t-0a1b2c", Entry::Task("t-0a1b2c".to_owned())),
            (
                "memory: which port: 80?",
                Entry::Memory("which port: 80?".to_owned()),
            ),
            ("git:diff", Entry::Diff(None)),
            (
                "git:diff:main...HEAD",
                Entry::Diff(Some("main...HEAD".to_owned())),
            ),
            ("git:log", Entry::Log(20)),
            ("git:log:3", Entry::Log(3)),
        ] {
            assert_eq!(read(text), Ok(entry), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (text, told) in [
            ("", "context ``: there is no such kind of entry"),
            (
                "url:http://x",
                "context `url:http://x`: there is no such kind of entry",
            ),
            (
                "summary:5",
                "context `summary:5`: there is no such kind of entry",
            ),
            (
                "git:blame",
                "context `git:blame`: there is no such kind of entry",
            ),
            (
                "transcript",
                "context `transcript`: needs a number from 1 to 200",
            ),
            (
                "transcript:0",
                "context `transcript:0`: needs a number from 1 to 200",
            ),
            (
                "transcript:201",
                "context `transcript:201`: needs a number from 1 to 200",
            ),
            (
                "git:log:-1",
                "context `git:log:-1`: needs a number from 1 to 200",
            ),
            ("file:", "context `file:`: names no file"),
            ("agent", "context `agent`: names no agent"),
            ("agent: ", "context `agent:`: names no agent"),
            ("git:diff:", "context `git:diff:`: names no revision"),
            (
                "git:diff:--output=/x",
                "context `git:diff:--output=/x`: is no revision",
            ),
            ("task:", "context `task:`: names no task"),
            ("memory: ?", "context `memory: ?`: asks nothing"),
            ("file:a\nb", "context `file:a b`: holds control characters"),
        ] {
            assert_eq!(read(text), Err(told.to_owned()), "{text:?}");
        }
        let long = format!("file:{}", "x".repeat(LENGTH));
        let told = read(&long).unwrap_err();
        assert!(told.ends_with("…`: is longer than 500 bytes"), "{told}");
        assert!(told.len() < 200, "{told}");
    }

    #[test]
    fn there_may_be_twenty() {
        let entries = vec!["summary".to_owned(); ENTRIES + 1];
        let told = parse(&entries).unwrap_err().to_string();
        assert_eq!(told, "`context` has 21 entries, at most 20 are taken");
        assert_eq!(parse(&entries[1..]).unwrap().len(), ENTRIES);
    }
}
