//! What a memory is about, and how that is written: alike in every tool, on every command line and in
//! every file.

use std::fmt;
use std::path::{Component, Path};

use crate::ids::{AgentId, TaskId};
use crate::text::unseen::{as_it_reads, steers};
use crate::text::{clip, one_line};
use crate::words::words;

/// Most characters of a path, and of what is repeated of a wrong one.
const PATH: usize = 500;
const SHOWN: usize = 60;
/// Digits that may stand for a commit: those of git's short form to all of SHA-256.
pub(crate) const HASH: std::ops::RangeInclusive<usize> = 7..=64;

words! {
    /// What a memory is linked with.
    LinkKind {
        /// A task, by its id.
        Task = "task",
        /// An agent, by its id.
        Agent = "agent",
        /// A file or directory, relative to the top of the project.
        File = "file",
        /// A commit, by its hash.
        Commit = "commit",
    }
}

/// Something a memory is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// Which one.
    pub target: String,
}

/// A text that is no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holds {shown:?}, {problem}")]
pub struct BadLink {
    shown: String,
    problem: String,
}

impl Link {
    /// A link with `target`.
    pub fn to(kind: LinkKind, target: &str) -> Self {
        Self {
            kind,
            target: target.to_owned(),
        }
    }

    /// The link that is written like this: a path, the id of a task or an agent, or the hash of a
    /// commit, with its kind and a colon before it or without. Paths count from `top`, the top of the
    /// working tree; a line behind a path (`:12`, `#L12`) is left out.
    ///
    /// # Errors
    /// What is none of these.
    pub fn parse(text: &str, top: &Path) -> Result<Self, BadLink> {
        let (kind, target) = split(text)?;
        let kind = kind.unwrap_or_else(|| looks_like(target));
        Ok(Self {
            kind,
            target: target_of(kind, target, Some(top)).ok_or_else(|| bad(text, kind))?,
        })
    }

    /// All that may be meant where somebody asks: a file may be called like a commit.
    ///
    /// # Errors
    /// As [`Link::parse`].
    pub(crate) fn readings(text: &str, top: &Path) -> Result<Vec<Self>, BadLink> {
        let first = Self::parse(text, top)?;
        let (kind, target) = split(text)?;
        let file = target_of(LinkKind::File, target, Some(top));
        let second = file.filter(|_| kind.is_none() && first.kind != LinkKind::File);
        let second = second.map(|path| Self::to(LinkKind::File, &path));
        Ok(std::iter::once(first).chain(second).collect())
    }

    /// What somebody asks about, in a form that means the same without knowing the top.
    ///
    /// # Errors
    /// As [`Link::parse`].
    pub(crate) fn asked(text: &str, top: &Path) -> Result<String, BadLink> {
        match Self::readings(text, top)?.as_slice() {
            [only] => Ok(only.to_string()),
            _ => Ok(text.trim().to_owned()),
        }
    }

    /// The link as it is compared.
    ///
    /// # Errors
    /// One that leads to nothing of its kind.
    pub(crate) fn checked(&self) -> Result<Self, BadLink> {
        match target_of(self.kind, self.target.trim(), None) {
            Some(target) => Ok(Self {
                kind: self.kind,
                target,
            }),
            None => Err(bad(&self.target, self.kind)),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.target)
    }
}

/// The kind that a text names, and what stands behind it.
fn split(text: &str) -> Result<(Option<LinkKind>, &str), BadLink> {
    let text = text.trim();
    let (kind, target) = match text.split_once(':') {
        // `file:///home/me/tree/src` is the address of a path.
        Some((word, rest)) if LinkKind::named(word).is_some() => {
            let rest = rest.trim();
            let local = LinkKind::named(word).filter(|kind| *kind == LinkKind::File);
            let path = local.and_then(|_| rest.strip_prefix("//"));
            let path = path.map(|path| path.strip_prefix("localhost").unwrap_or(path));
            (LinkKind::named(word), path.unwrap_or(rest))
        }
        _ => (None, text),
    };
    let refuse = |problem: &str| {
        let forms = "a link is a path within the project, an id of a task (t-…) or an agent (a-…), or \
                     the hash of a commit";
        Err(BadLink {
            shown: shown(text),
            problem: format!("{problem}; {forms}"),
        })
    };
    if target.is_empty() {
        return refuse("which names nothing");
    }
    if is_address(target) {
        return refuse("which is an address");
    }
    Ok((kind, target))
}

impl LinkKind {
    fn named(word: &str) -> Option<Self> {
        Self::parse(&word.trim().to_ascii_lowercase())
    }
}

fn is_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let scheme = lower.split_once("://").map(|(scheme, _)| scheme);
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.chars().all(is_word))
        || lower.starts_with("www.")
        || lower.starts_with("mailto:")
}

fn looks_like(text: &str) -> LinkKind {
    if TaskId::parse(text).is_ok() {
        LinkKind::Task
    } else if AgentId::parse(text).is_ok() {
        LinkKind::Agent
    } else if commit(text).is_some() {
        LinkKind::Commit
    } else {
        LinkKind::File
    }
}

/// `text` as it is compared; with `top` as somebody writes it, who may name a line as well.
fn target_of(kind: LinkKind, text: &str, top: Option<&Path>) -> Option<String> {
    match kind {
        LinkKind::Task => TaskId::parse(text).ok().map(|id| id.to_string()),
        LinkKind::Agent => AgentId::parse(text).ok().map(|id| id.to_string()),
        LinkKind::Commit => commit(text),
        LinkKind::File => {
            let text = if top.is_some() {
                without_line(text)
            } else {
                text
            };
            let has_room = text.chars().count() <= PATH;
            // A name that reads like another one would never be found again.
            let is_plain = !text.chars().any(steers);
            let path = (has_room && is_plain).then(|| text.replace('\\', "/"))?;
            within(top.unwrap_or(Path::new("")), &path)
        }
    }
}

fn commit(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let fits = HASH.contains(&lower.len()) && lower.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then_some(lower)
}

/// A path without the line in the file that stands behind it.
fn without_line(text: &str) -> &str {
    let is_line = |line: &str| {
        let parts = line
            .split(['-', ':'])
            .map(|part| part.trim_start_matches(['L', 'C']));
        let is_number =
            |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        parts.clone().count() <= 2 && parts.into_iter().all(is_number)
    };
    let named = text.split_once("#L").or_else(|| text.split_once(':'));
    match named {
        Some((path, line)) if !path.is_empty() && is_line(line) => path,
        _ => text,
    }
}

/// `path` as it is called from `top`; `None` if it leads out of it.
fn within(top: &Path, path: &str) -> Option<String> {
    // A home and a drive: no shell and no Windows has made them absolute yet.
    let is_elsewhere = path == "~" || path.starts_with("~/") || path.get(1..3) == Some(":/");
    let path = Path::new(path);
    let below = match path.is_absolute() {
        true => path.strip_prefix(top).ok()?,
        false => path,
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in below.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    match (is_elsewhere, parts.is_empty()) {
        (true, _) => None,
        (false, true) => Some(".".to_owned()),
        (false, false) => Some(parts.join("/")),
    }
}

fn bad(text: &str, kind: LinkKind) -> BadLink {
    let problem = match kind {
        LinkKind::Task => "which is no task; one has an id as t-0a1b2c".to_owned(),
        LinkKind::Agent => "which is no agent; one has an id as a-0a1b2c".to_owned(),
        LinkKind::Commit => {
            format!(
                "which is no commit; one has {} to {} hex digits",
                HASH.start(),
                HASH.end()
            )
        }
        LinkKind::File if text.chars().count() > PATH => {
            format!("which is longer than {PATH} characters")
        }
        LinkKind::File if text.trim().chars().any(steers) => {
            "which has a control character in it".to_owned()
        }
        LinkKind::File => "which lies outside of the project".to_owned(),
    };
    BadLink {
        shown: shown(text),
        problem,
    }
}

/// What is repeated of a text: of an address no more than where it leads, as the rest may be secret.
fn shown(text: &str) -> String {
    let text = as_it_reads(clip(text.trim(), 8 * SHOWN));
    let Some((scheme, rest)) = text.split_once("://").filter(|_| is_address(&text)) else {
        return one_line(&text, SHOWN);
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let more = if host.len() < rest.len() { "/…" } else { "" };
    format!("{}{more}", one_line(&format!("{scheme}://{host}"), SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: &str = "/home/me/tree";

    fn read(text: &str) -> Result<Link, String> {
        Link::parse(text, Path::new(TOP)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_link_is_read_with_its_kind_or_without() {
        use LinkKind::{Agent, Commit, File, Task};
        let sha256 = "ab".repeat(32);
        for (text, kind, target) in [
            ("T-0A1B2C", Task, "t-0a1b2c"),
            ("task:t-0a1b2c", Task, "t-0a1b2c"),
            (" a-0a1b2c ", Agent, "a-0a1b2c"),
            ("agent: A-0A1B2C", Agent, "a-0a1b2c"),
            ("DEADBEEF", Commit, "deadbeef"),
            ("commit:DEADBEEF", Commit, "deadbeef"),
            (&sha256, Commit, &sha256),
            ("src/a.rs", File, "src/a.rs"),
            ("file:src/a.rs", File, "src/a.rs"),
            ("File: ./src//a.rs", File, "src/a.rs"),
            ("file:deadbeef", File, "deadbeef"),
            ("file:t-0a1b2c", File, "t-0a1b2c"),
            ("./src/../src/main.rs", File, "src/main.rs"),
            ("src\\memory\\mod.rs", File, "src/memory/mod.rs"),
            ("/home/me/tree/docs/", File, "docs"),
            ("file:///home/me/tree/docs", File, "docs"),
            ("/home/me/tree", File, "."),
            (".", File, "."),
            ("src/a.rs:12", File, "src/a.rs"),
            ("src/a.rs:12:7", File, "src/a.rs"),
            ("file:src/a.rs#L3-L9", File, "src/a.rs"),
            ("notes: old.md", File, "notes: old.md"),
            ("a:b", File, "a:b"),
            ("beef", File, "beef"),
            ("t-oil", File, "t-oil"),
            ("~draft", File, "~draft"),
        ] {
            let link = read(text).unwrap();
            assert_eq!(link, Link::to(kind, target), "{text}");
            assert_eq!(read(&link.to_string()), Ok(link.clone()), "{text}");
            assert_eq!(link.checked(), Ok(link), "{text}");
        }
    }

    #[test]
    fn what_is_no_link_is_named_and_told_why() {
        let forms = "a link is a path within the project, an id of a task (t-…) or an agent (a-…), or \
                     the hash of a commit";
        let address = format!("which is an address; {forms}");
        let nothing = format!("which names nothing; {forms}");
        let long = "x".repeat(501);
        for (text, shown, problem) in [
            ("", "", nothing.as_str()),
            ("file:", "file:", &nothing),
            (
                "https://ann:pw1@example.com/a?token=x1",
                "https://example.com/…",
                &address,
            ),
            (
                "file:http://example.com",
                "file:http://example.com",
                &address,
            ),
            ("www.example.com", "www.example.com", &address),
            (
                "task:a-0a1b2c",
                "task:a-0a1b2c",
                "which is no task; one has an id as t-0a1b2c",
            ),
            (
                "agent:review",
                "agent:review",
                "which is no agent; one has an id as a-0a1b2c",
            ),
            (
                "commit:abc12",
                "commit:abc12",
                "which is no commit; one has 7 to 64 hex digits",
            ),
            ("../x", "../x", "which lies outside of the project"),
            (
                "src/../../x",
                "src/../../x",
                "which lies outside of the project",
            ),
            (
                "/etc/passwd",
                "/etc/passwd",
                "which lies outside of the project",
            ),
            (
                "~/notes.md",
                "~/notes.md",
                "which lies outside of the project",
            ),
            (
                "C:\\notes.md",
                "C:\\notes.md",
                "which lies outside of the project",
            ),
            ("a\nb", "a b", "which has a control character in it"),
            (
                &long,
                &format!("{}…", "x".repeat(60)),
                "which is longer than 500 characters",
            ),
        ] {
            assert_eq!(read(text), Err(format!("holds {shown:?}, {problem}")));
        }
    }

    #[test]
    fn whoever_asks_may_mean_more_than_one() {
        let asked = |text: &str| Link::asked(text, Path::new(TOP)).unwrap();
        assert_eq!(asked("0123abc"), "0123abc");
        let both = Link::readings("0123abc", Path::new("")).unwrap();
        assert_eq!(
            both,
            [
                Link::to(LinkKind::Commit, "0123abc"),
                Link::to(LinkKind::File, "0123abc")
            ]
        );
        assert_eq!(asked("commit:0123abc"), "commit:0123abc");
        assert_eq!(asked("/home/me/tree/src/"), "file:src");
        assert_eq!(asked("src"), "file:src");
    }

    #[test]
    fn a_link_of_a_file_has_to_be_one_as_well() {
        for (kind, target) in [
            (LinkKind::Task, "a-000001"),
            (LinkKind::Commit, "zzzzzzz"),
            (LinkKind::File, "/etc/passwd"),
            (LinkKind::File, "src/../../x"),
        ] {
            assert!(Link::to(kind, target).checked().is_err(), "{target}");
        }
        let odd = Link::to(LinkKind::File, "a:12");
        assert_eq!(odd.checked(), Ok(odd));
    }
}
