//! What other programs and people keep: each of their forms becomes [`Found`] statements, which go
//! through the write gate like everything else.

mod bullets;
mod claude;
mod detect;
mod folder;
mod gobby;
mod graph;
mod markdown;
mod notes;

use super::error::TransferError;
use super::report::Report;
use crate::memory::model::{Kind, Scope};
use crate::memory::remember::NewMemory;
use crate::text::one_line;
use crate::transfer::Source;
use crate::words::words;
pub(super) use detect::detect;

words! {
    /// Whose file it is.
    Format {
        /// What `ostler memory export` writes.
        Ostler = "ostler",
        /// A list of rules in Markdown, as in CLAUDE.md and AGENTS.md.
        Bullets = "bullets",
        /// The graph of the MCP server `server-memory`, a JSON object a line.
        ServerMemory = "server-memory",
        /// Notes of basic-memory.
        BasicMemory = "basic-memory",
        /// `.gobby/memories.jsonl`.
        Gobby = "gobby",
        /// The memory folder of Claude Code.
        ClaudeMemory = "claude-memory",
    }
}

/// A file that is held as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name, as memories have it for their source.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A statement of a file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its line.
    pub(super) line: u64,
    /// Where exactly it was, for its source.
    pub(super) origin: String,
    /// The statement.
    pub(super) new: NewMemory,
}

impl Found {
    fn new(line: u64, origin: String, text: String, kind: Kind) -> Self {
        let new = NewMemory {
            text,
            kind: Some(kind),
            scope: Some(Scope::Project),
            ..NewMemory::default()
        };
        Self { line, origin, new }
    }

    fn subject(mut self, subject: &str, report: &mut Report) -> Self {
        /// Longest subject that is taken over, in characters.
        const SUBJECT: usize = 80;
        let subject = subject.trim();
        if subject.chars().nth(SUBJECT).is_some() {
            report.leave("ends of long subjects");
        }
        self.new.subject = match subject.chars().nth(SUBJECT) {
            Some(_) => one_line(subject, SUBJECT - 1),
            None => one_line(subject, SUBJECT),
        };
        self
    }

    fn tags<'a>(mut self, tags: impl IntoIterator<Item = &'a str>, report: &mut Report) -> Self {
        /// Most tags that are taken over.
        const TAGS: usize = 10;
        for tag in tags.into_iter().filter_map(tag) {
            if self.new.tags.contains(&tag) {
                continue;
            }
            match self.new.tags.len() < TAGS {
                true => self.new.tags.push(tag),
                false => report.leave("tags beyond ten of a statement"),
            }
        }
        self
    }
}

/// Reads statements that lie a line each.
pub(super) fn of_lines(
    format: Format,
    name: &str,
    source: &mut Source,
    report: &mut Report,
) -> Result<Vec<Found>, TransferError> {
    match format {
        Format::ServerMemory => graph::read(name, source, report),
        _ => gobby::read(name, source, report),
    }
}

/// Reads the statements of Markdown files.
pub(super) fn of_documents(
    format: Format,
    documents: &[Document],
    report: &mut Report,
) -> Vec<Found> {
    let read = match format {
        Format::BasicMemory => notes::read,
        Format::ClaudeMemory => claude::read,
        _ => bullets::read,
    };
    let mut found = Vec::new();
    for document in documents {
        let left = report.left();
        let statements = read(document, report);
        if statements.is_empty() && report.left() == left {
            report.leave("files without a statement");
        }
        found.extend(statements);
    }
    found
}

/// A word to find something by, made of others' words: small letters and digits with `-` between them.
fn tag(text: &str) -> Option<String> {
    /// Longest tag that is made, in characters.
    const TAG: usize = 40;
    let mut tag = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c.is_alphanumeric() {
            true => tag.push(c),
            false if tag.ends_with('-') || tag.is_empty() => {}
            false => tag.push('-'),
        }
    }
    let tag: String = tag.chars().take(TAG).collect();
    let tag = tag.trim_end_matches('-');
    (!tag.is_empty()).then(|| tag.to_owned())
}

/// The kind that others call so; `None` for what is no kind of ours.
fn kind(name: &str) -> Option<Kind> {
    let name = name.trim().to_lowercase().replace([' ', '-'], "_");
    if let Some(kind) = Kind::parse(&name) {
        return Some(kind);
    }
    Some(match name.as_str() {
        "design" | "architecture" | "choice" => Kind::Decision,
        "pattern" | "style" | "rule" | "standard" | "feedback" => Kind::Convention,
        "issue" | "bug" | "problem" | "lesson" | "pitfall" | "gotcha" => Kind::Mistake,
        "howto" | "method" | "technique" | "tip" | "steps" => Kind::HowTo,
        "user" => Kind::Preference,
        "status" | "project" | "goal" => Kind::Context,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_made_of_anybodys_words() {
        assert_eq!(
            tag("  Build & Test: CI  ").as_deref(),
            Some("build-test-ci")
        );
        assert_eq!(tag("数据库").as_deref(), Some("数据库"));
        assert_eq!(tag("***"), None);
    }
}
