//! A page as a person has left it.

use std::collections::{BTreeMap, BTreeSet};

use super::{END, FOOT, MARK, NOTHING, SINCE, VERSION};
use crate::clock::parse_time;
use crate::ids::MemoryId;
use crate::memory::model::{Kind, Scope};
use crate::memory::transfer::error::TransferError;
use crate::text::one_line;

/// A page that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// What was on it when it was written, and when each had been changed last.
    pub(super) ids: BTreeMap<MemoryId, i64>,
    /// What is on it now.
    pub(super) bullets: Vec<Bullet>,
}

/// A statement on a page.
#[derive(Debug, PartialEq)]
pub(super) struct Bullet {
    /// Its line, from 1.
    pub(super) line: u64,
    pub(super) scope: Scope,
    pub(super) kind: Kind,
    pub(super) text: String,
    /// The memory that it is; `None` for a new one.
    pub(super) id: Option<MemoryId>,
    pub(super) tags: Vec<String>,
    pub(super) importance: Option<f64>,
}

/// Reads a page.
///
/// # Errors
/// What is no page, or not unambiguous, with the line.
pub(super) fn parse(text: &str) -> Result<Parsed, TransferError> {
    // Some editors put a mark of its encoding in front of a text.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut lines = text.lines().zip(1..).peekable();
    let head = lines.next().map_or("", |(line, _)| line);
    head_of(head)?;
    // The rest of the comment is for the person.
    for (line, _) in lines.by_ref() {
        if line.trim_end().ends_with("-->") {
            break;
        }
    }
    let mut page = Parsed {
        ids: BTreeMap::new(),
        bullets: Vec::new(),
    };
    let (mut scope, mut kind) = (Scope::Project, Kind::Fact);
    let mut has_foot = false;
    while let Some((line, number)) = lines.next() {
        if let Some(ids) = line.strip_prefix(FOOT) {
            has_foot = true;
            let ids = ids.trim_end().trim_end_matches("-->");
            for word in ids.split_whitespace().filter(|word| *word != NOTHING) {
                let (id, changed_ms) = was_there(word).ok_or_else(|| {
                    let problem =
                        "is not as it was written; what was on the page is not known any more";
                    bad(number, format!("{} {problem}", shown(word)))
                })?;
                page.ids.insert(id, changed_ms);
            }
        } else if let Some(heading) = line.strip_prefix("## ") {
            kind = Kind::parse(heading.trim()).ok_or_else(|| {
                let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                bad(
                    number,
                    format!(
                        "{} is no kind; take one of {}",
                        shown(heading),
                        kinds.join(", ")
                    ),
                )
            })?;
        } else if let Some(heading) = line.strip_prefix("# ") {
            scope = Scope::parse(heading.trim()).ok_or_else(|| {
                let known = Scope::KNOWN;
                bad(
                    number,
                    format!("{} is no scope; there are {known}", shown(heading)),
                )
            })?;
            kind = Kind::Fact;
        } else if let Some(first) = line.strip_prefix("- ") {
            let mut text = first.to_owned();
            while let Some((line, _)) = lines.next_if(|(line, _)| goes_on(line)) {
                text.push('\n');
                text.push_str(line.strip_prefix("  ").unwrap_or_default());
            }
            let place = (scope.clone(), kind);
            page.bullets.push(bullet(number, place, &text)?);
        } else if !line.trim().is_empty() {
            let problem = format!(
                "{} belongs to no bullet; begin it with `- `, or indent it by two spaces",
                shown(line)
            );
            return Err(bad(number, problem));
        }
    }
    if !has_foot {
        let problem = "its last lines are gone, which say what was on the page".to_owned();
        return Err(TransferError::NoPage { problem });
    }
    whole(&page)?;
    Ok(page)
}

/// An entry of the list at the end.
fn was_there(word: &str) -> Option<(MemoryId, i64)> {
    let (id, changed_ms) = word.split_once(SINCE)?;
    Some((MemoryId::parse(id).ok()?, changed_ms.parse().ok()?))
}

fn head_of(line: &str) -> Result<(), TransferError> {
    let unknown = || TransferError::NoPage {
        problem: "its first line is not that of a page of `ostler memory edit`".to_owned(),
    };
    let head = line.strip_prefix(MARK).ok_or_else(unknown)?;
    let (version, at) = head.split_once(',').ok_or_else(unknown)?;
    match version.trim().parse() {
        Ok(found) if found > VERSION => Err(TransferError::Newer {
            found,
            known: VERSION,
        }),
        Ok(_) if parse_time(at).is_some() => Ok(()),
        Ok(_) => Err(unknown()),
        Err(_) => Err(unknown()),
    }
}

/// Whether a line belongs to the bullet above it.
fn goes_on(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("  ")
}

fn bullet(line: u64, (scope, kind): (Scope, Kind), text: &str) -> Result<Bullet, TransferError> {
    let mut bullet = Bullet {
        line,
        scope,
        kind,
        text: String::new(),
        id: None,
        tags: Vec::new(),
        importance: None,
    };
    let mut words = text.trim_end();
    // A text may hold comments of its own; ours is the last one.
    if let Some((before, comment)) = words
        .strip_suffix(END.trim_start())
        .and_then(|rest| rest.rsplit_once("<!--"))
        && is_ours(comment)
    {
        for word in comment.split_whitespace() {
            bullet.take(line, word)?;
        }
        words = before;
    }
    bullet.text = words.trim().to_owned();
    match bullet.text.is_empty() {
        true => Err(bad(
            line,
            "the text is gone; remove the comment too, and the memory is forgotten".to_owned(),
        )),
        false => Ok(bullet),
    }
}

fn is_ours(comment: &str) -> bool {
    let first = comment.split_whitespace().next().unwrap_or_default();
    first.starts_with("m-") || first.starts_with('#') || first.starts_with('!')
}

impl Bullet {
    fn take(&mut self, line: u64, word: &str) -> Result<(), TransferError> {
        if let Some(tag) = word.strip_prefix('#') {
            self.tags.push(tag.to_owned());
        } else if let Some(number) = word.strip_prefix('!') {
            let number: f64 = number
                .parse()
                .map_err(|_| bad(line, format!("{} is no importance", shown(word))))?;
            self.importance = Some(number);
        } else if word.starts_with("m-") && self.id.is_none() {
            let id = MemoryId::parse(word);
            self.id = Some(id.map_err(|error| bad(line, error.to_string()))?);
        } else if word != "quarantined" {
            let problem = format!("{} is no #tag and no !importance", shown(word));
            return Err(bad(line, problem));
        }
        Ok(())
    }
}

/// Refuses a page on which a memory is twice, or one that was not there.
fn whole(page: &Parsed) -> Result<(), TransferError> {
    let mut seen = BTreeSet::new();
    for bullet in &page.bullets {
        let Some(id) = &bullet.id else { continue };
        if !seen.insert(id) {
            let problem = format!("{id} is on the page twice; take the id out of the new bullet");
            return Err(bad(bullet.line, problem));
        }
        if !page.ids.contains_key(id) {
            return Err(bad(bullet.line, format!("{id} was not on this page")));
        }
    }
    Ok(())
}

fn shown(text: &str) -> String {
    format!("{:?}", one_line(text.trim(), 60))
}

pub(super) fn bad(line: u64, problem: String) -> TransferError {
    TransferError::Page { line, problem }
}
