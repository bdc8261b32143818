//! What the fields of a memory may hold. Whatever comes in, by a tool, a command line or a file, is
//! checked here; what is refused is never repeated where it may be a secret.

use super::super::error::MemoryError;
use super::super::model::{Kind, Link, Scope};
use super::{passing, quotation, secrets};
use crate::text::unseen::{steers, taken_out};

/// Most characters of a text.
const TEXT: usize = 2000;
/// Most tags of a memory, and most characters of one.
const TAGS: usize = 10;
const TAG: usize = 40;
/// Most characters of a subject.
const SUBJECT: usize = 80;
/// Most characters of a session.
const SESSION: usize = 100;
/// Most links.
const LINKS: usize = 20;
/// Characters that are repeated of a wrong scope.
const SHOWN: usize = 60;
/// Most memories that one takes the place of.
const SUPERSEDED: usize = 20;
/// Most characters of a word why.
const WHY: usize = 300;
/// The last millisecond of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;

/// A statement of that kind that is worth keeping, with plain line ends and nothing in it that nobody
/// sees.
pub(in crate::memory) fn text(text: &str, kind: Option<Kind>) -> Result<String, MemoryError> {
    let refuse = |why: &str| Err(MemoryError::not_kept("text", why));
    let text = taken_out(text).trim().replace("\r\n", "\n");
    if text.is_empty() {
        return refuse("it is empty; say what is to be known later");
    }
    // Before anything looks at all of it.
    let length = text.chars().count();
    if length > TEXT {
        let why = format!("it has {length} characters; at most {TEXT} are kept");
        return refuse(&format!("{why}, so say it shorter or in several memories"));
    }
    if let Some(steering) = text.chars().find(|c| steers(*c) && !"\n\t".contains(*c)) {
        let code = u32::from(steering);
        return refuse(&format!(
            "it holds the control character U+{code:04X}; write it as plain text"
        ));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return refuse("it has no word in it; say what is to be known later");
    }
    no_secret("text", &text)?;
    if quotation::is_ours(&text) {
        return refuse(
            "it is reference material that ostler had quoted, and is kept where that came from",
        );
    }
    let is_rule = matches!(kind, Some(Kind::Preference | Kind::Convention));
    if passing::is_passing(&text, is_rule) {
        return refuse(
            "it says how things stand just now; say what will still hold later, or use a task for it",
        );
    }
    Ok(text)
}

/// Refuses what looks like a secret.
pub(in crate::memory) fn no_secret(field: &'static str, text: &str) -> Result<(), MemoryError> {
    // What is longer is refused for that.
    match secrets::found(crate::text::clip(text, TEXT * 4)) {
        Some(what) => Err(MemoryError::not_kept(
            field,
            format!("it looks like it holds {what}; say where that is kept instead"),
        )),
        None => Ok(()),
    }
}

/// Tags in small letters, in their order, each once.
pub(in crate::memory) fn tags(given: &[String]) -> Result<Vec<String>, MemoryError> {
    let mut tags: Vec<String> = Vec::new();
    for tag in given {
        no_secret("tags", tag)?;
    }
    for tag in given.iter().flat_map(|tags| each(tags)) {
        let lower = self::tag(tag);
        let plain = |c: char| c.is_alphanumeric() || "-_.+#:/@".contains(c);
        let fits = lower.chars().count() <= TAG
            && lower.chars().all(plain)
            && lower.chars().any(char::is_alphanumeric);
        if !fits {
            let shown = crate::text::one_line(tag.trim(), TAG);
            let problem =
                format!("holds {shown:?}; a tag has 1 to {TAG} letters, digits and -_.+#:/@");
            return Err(MemoryError::bad("tags", problem));
        }
        if !tags.contains(&lower) {
            tags.push(lower);
        }
        few("tags", tags.len(), TAGS)?;
    }
    Ok(tags)
}

/// A tag as it is compared: in small letters, its words joined.
pub(in crate::memory) fn tag(text: &str) -> String {
    let text = taken_out(text).to_lowercase();
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    words.join("-").trim_start_matches('#').to_owned()
}

/// Those that stand in one text with commas between them.
pub(in crate::memory) fn each(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(',').map(str::trim);
    parts.filter(move |part| !part.is_empty() || !text.contains(','))
}

pub(in crate::memory) fn subject(text: &str) -> Result<String, MemoryError> {
    no_secret("subject", text)?;
    line("subject", text, SUBJECT)
}

pub(in crate::memory) fn session(text: &str) -> Result<String, MemoryError> {
    no_secret("session", text)?;
    line("session", text, SESSION)
}

/// Why something was forgotten; may be empty.
pub(in crate::memory) fn why(text: &str) -> Result<String, MemoryError> {
    no_secret("reason", text)?;
    line("reason", text, WHY)
}

pub(in crate::memory) fn importance(number: f64) -> Result<f64, MemoryError> {
    match (0.0..=1.0).contains(&number) {
        true => Ok(number),
        false => Err(MemoryError::bad(
            "importance",
            format!("is {number}; from 0 to 1 is taken"),
        )),
    }
}

pub(in crate::memory) fn time(field: &'static str, ms: i64) -> Result<(), MemoryError> {
    match ms {
        0..=LAST_MS => Ok(()),
        _ => Err(MemoryError::bad(
            field,
            "is not a time from the years 1970 to 9999",
        )),
    }
}

/// From when to when something holds.
pub(in crate::memory) fn validity(from_ms: i64, to_ms: i64) -> Result<(), MemoryError> {
    time("valid_from", from_ms)?;
    time("valid_to", to_ms)?;
    match to_ms != 0 && from_ms > to_ms {
        true => Err(MemoryError::bad(
            "valid_to",
            "is before `valid_from`; exchange them, or leave one out",
        )),
        false => Ok(()),
    }
}

/// A scope that there can be.
pub(in crate::memory) fn scope(scope: &Scope) -> Result<(), MemoryError> {
    match scope.is_one() {
        true => Ok(()),
        false => Err(MemoryError::bad(
            "scope",
            format!(
                "is {:?}, and no definition can be called so; there are {}",
                crate::text::one_line(&scope.to_string(), SHOWN),
                Scope::KNOWN
            ),
        )),
    }
}

/// Links as they are compared, each once.
pub(in crate::memory) fn links(given: &[Link]) -> Result<Vec<Link>, MemoryError> {
    let mut links: Vec<Link> = Vec::new();
    for link in given {
        no_secret("links", &link.target)?;
        let link = link
            .checked()
            .map_err(|bad| MemoryError::bad_link("links", &bad))?;
        if !links.contains(&link) {
            links.push(link);
        }
        few("links", links.len(), LINKS)?;
    }
    Ok(links)
}

/// Ids of what is superseded, each once.
pub(in crate::memory) fn supersedes(given: &[String]) -> Result<Vec<&str>, MemoryError> {
    let mut ids: Vec<&str> = given.iter().flat_map(|ids| each(ids)).collect();
    ids.sort_unstable();
    ids.dedup();
    few("supersedes", ids.len(), SUPERSEDED)?;
    Ok(ids)
}

fn few(field: &'static str, found: usize, most: usize) -> Result<(), MemoryError> {
    match found <= most {
        true => Ok(()),
        false => Err(MemoryError::bad(
            field,
            format!("has more than {most} entries; leave some out"),
        )),
    }
}

fn line(field: &'static str, text: &str, most: usize) -> Result<String, MemoryError> {
    let text = taken_out(text);
    let text = text.trim();
    match text.chars().count() <= most && !text.chars().any(steers) {
        true => Ok(text.to_owned()),
        false => Err(MemoryError::bad(
            field,
            format!("is not one line of at most {most} characters; say it shorter"),
        )),
    }
}
