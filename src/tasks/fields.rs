//! What the fields of a task may hold. Whatever comes in, by a tool, a command line or a file, is
//! checked here.

use super::error::TaskError;
use super::model::EdgeKind;

/// Longest title, in characters.
const TITLE: usize = 200;
/// Longest description, in bytes.
const DESCRIPTION: usize = 64 * 1024;
/// Longest acceptance criteria, in bytes.
const ACCEPTANCE: usize = 16 * 1024;
/// Longest note, in bytes.
const NOTE: usize = 16 * 1024;
/// Longest word why a task was closed, in bytes.
const WHY: usize = 4 * 1024;
/// Longest label, in characters, and most labels of one task.
const LABEL: usize = 40;
const LABELS: usize = 20;
/// Longest name of a task elsewhere, in characters.
const EXTERNAL: usize = 200;
/// Longest name within a batch, in characters.
const REFERENCE: usize = 40;
/// Most edges of one task.
const EDGES: usize = 100;
/// Most minutes.
const ESTIMATE: u32 = 1_000_000;

pub(super) fn title(text: &str) -> Result<String, TaskError> {
    let title = text.trim();
    let problem = if title.is_empty() {
        "is empty".to_owned()
    } else if title.chars().count() > TITLE {
        format!("is longer than {TITLE} characters; the description takes more")
    } else if title.chars().any(char::is_control) {
        "is not one line of text".to_owned()
    } else {
        return Ok(title.to_owned());
    };
    Err(TaskError::bad("title", problem))
}

pub(super) fn description(text: &str) -> Result<String, TaskError> {
    long("description", text, DESCRIPTION)
}

pub(super) fn acceptance(text: &str) -> Result<String, TaskError> {
    long("acceptance", text, ACCEPTANCE)
}

pub(super) fn note(text: &str) -> Result<String, TaskError> {
    match text.trim().is_empty() {
        true => Err(TaskError::bad("note", "is empty")),
        false => long("note", text, NOTE),
    }
}

/// An entry of a task's history that comes from elsewhere, as it is.
pub(super) fn history(text: &str) -> Result<String, TaskError> {
    long("notes", text, DESCRIPTION).map(|_| text.to_owned())
}

/// Why a task was closed or deleted, in words that come from elsewhere.
pub(super) fn why(text: &str) -> Result<String, TaskError> {
    long("why", text, WHY)
}

/// What has shown that a task is done, as JSON that comes from elsewhere.
pub(super) fn evidence(text: &str) -> Result<String, TaskError> {
    long("evidence", text, DESCRIPTION)
}

/// Who has done something, by the words of a file.
pub(super) fn by(text: &str) -> Result<String, TaskError> {
    match one_line(text) {
        Some(by) => Ok(by),
        None => Err(TaskError::bad("by", not_one_line())),
    }
}

/// The name of a branch or the hash of a commit, by the words of a file.
pub(super) fn target(text: &str) -> Result<String, TaskError> {
    match one_line(text) {
        Some(target) => Ok(target),
        None => Err(TaskError::bad("links", not_one_line())),
    }
}

fn one_line(text: &str) -> Option<String> {
    let fits = !text.trim().is_empty() && text.chars().count() <= EXTERNAL;
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn not_one_line() -> String {
    format!("is not one line of 1 to {EXTERNAL} characters")
}

fn long(field: &'static str, text: &str, limit: usize) -> Result<String, TaskError> {
    let text = text.trim();
    if text.len() > limit {
        let problem = format!("is longer than {limit} bytes; put long material into a file");
        return Err(TaskError::bad(field, problem));
    }
    if text.contains('\0') {
        return Err(TaskError::bad(field, "holds a NUL character"));
    }
    Ok(text.to_owned())
}

pub(super) fn priority(number: i64) -> Result<u8, TaskError> {
    match u8::try_from(number) {
        Ok(priority @ 0..=4) => Ok(priority),
        _ => {
            let problem = format!("is {number}; from 0, the most urgent, to 4 are taken");
            Err(TaskError::bad("priority", problem))
        }
    }
}

pub(crate) fn label(text: &str) -> Result<String, TaskError> {
    let label = text.trim();
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != ',';
    if label.is_empty() || label.chars().count() > LABEL || !label.chars().all(plain) {
        let shown = crate::text::one_line(label, LABEL);
        let problem = format!(
            "holds {shown:?}; a label has from 1 to {LABEL} characters, no spaces and no commas"
        );
        return Err(TaskError::bad("labels", problem));
    }
    Ok(label.to_owned())
}

/// Labels in alphabetical order, each once.
pub(super) fn labels(texts: &[String]) -> Result<Vec<String>, TaskError> {
    let mut labels: Vec<String> = texts.iter().map(|it| label(it)).collect::<Result<_, _>>()?;
    labels.sort();
    labels.dedup();
    if labels.len() > LABELS {
        let problem = format!("has {} entries; at most {LABELS} are taken", labels.len());
        return Err(TaskError::bad("labels", problem));
    }
    Ok(labels)
}

pub(super) fn external_ref(text: &str) -> Result<String, TaskError> {
    let text = text.trim();
    if text.chars().count() > EXTERNAL || text.chars().any(char::is_control) {
        let problem = format!("is not one line of at most {EXTERNAL} characters");
        return Err(TaskError::bad("external_ref", problem));
    }
    Ok(text.to_owned())
}

pub(super) fn estimate_min(minutes: u32) -> Result<u32, TaskError> {
    match minutes {
        1..=ESTIMATE => Ok(minutes),
        _ => {
            let problem = format!("is {minutes}; from 1 to {ESTIMATE} minutes are taken");
            Err(TaskError::bad("estimate_min", problem))
        }
    }
}

/// Milliseconds since the Unix epoch of a time that somebody wrote; 0 for an empty text.
pub(crate) fn defer_until(text: &str) -> Result<i64, TaskError> {
    if text.trim().is_empty() {
        return Ok(0);
    }
    crate::clock::parse_time(text).ok_or_else(|| {
        let shown = crate::text::one_line(text, 40);
        let problem = format!("is no time: {shown:?}");
        TaskError::bad("defer_until", problem)
    })
}

pub(super) fn reference(text: &str) -> Result<String, TaskError> {
    let text = text.trim();
    let is_plain = !text.is_empty()
        && text.chars().count() <= REFERENCE
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    match is_plain {
        true => Ok(text.to_owned()),
        false => Err(TaskError::bad(
            "ref",
            format!("is not a word of at most {REFERENCE} characters"),
        )),
    }
}

pub(super) fn edge_count(edges: usize) -> Result<(), TaskError> {
    match edges {
        0..=EDGES => Ok(()),
        _ => {
            let problem = format!("and `edges` come to {edges}; a task has at most {EDGES}");
            Err(TaskError::bad("blocked_by", problem))
        }
    }
}

/// An edge as it is written: a kind and a task behind a colon, as in `discovered_from:t-0a1b2c`.
pub(super) fn edge(text: &str) -> Result<(EdgeKind, String), TaskError> {
    let parsed = text
        .split_once(':')
        .and_then(|(kind, task)| Some((EdgeKind::parse(kind.trim())?, task.trim().to_owned())));
    parsed.ok_or_else(|| {
        let kinds: Vec<&str> = EdgeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let shown = crate::text::one_line(text, 60);
        let problem = format!(
            "holds {shown:?}; an edge is `kind:task`, with one of these kinds: {}",
            kinds.join(", ")
        );
        TaskError::bad("edges", problem)
    })
}
