//! The memory folder of Claude Code: a file a subject, with or without `name`, `description` and `type`
//! above its text, and an index, MEMORY.md, that leads to them.

use serde_json::Value;

use super::super::report::Report;
use super::bullets::{Headings, statement};
use super::graph::about;
use super::markdown::{Block, blocks, front};
use super::{Document, Found, kind};
use crate::memory::model::Kind;

/// Most characters of a text that is one statement as a whole.
const WHOLE: usize = 1200;

pub(super) fn read(document: &Document, report: &mut Report) -> Vec<Found> {
    let (fields, body, above) = front(&document.text);
    let nested = fields.get("metadata").and_then(|it| it.get("type"));
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    let sort = field("type").or(nested.and_then(Value::as_str));
    let subject = field("name").unwrap_or_default();
    let kind = sort.and_then(kind).unwrap_or(Kind::Fact);
    let dress = |found: Found, report: &mut Report| {
        let found = found.subject(subject, report);
        found.tags(sort, report)
    };
    let text = match (body.trim(), field("description")) {
        ("", Some(description)) => description.trim(),
        (body, Some(_)) => {
            report.leave("descriptions of a text");
            body
        }
        (body, None) => body,
    };
    // What was given a name is about one thing.
    if !subject.is_empty() && !text.is_empty() && text.chars().count() <= WHOLE {
        let found = Found::new(above + 1, document.name.clone(), text.to_owned(), kind);
        return vec![dress(found, report)];
    }
    let mut headings = Headings::default();
    let mut found = Vec::new();
    for block in blocks(body) {
        let (line, text) = match block {
            Block::Heading { level, text } => {
                headings.enter(level, text);
                continue;
            }
            Block::Item(item) if is_entry(&item.text) => {
                report.leave("entries of an index");
                continue;
            }
            Block::Item(item) => match statement(&item) {
                Ok(text) => (item.line, text),
                Err(what) => {
                    report.leave(what);
                    continue;
                }
            },
            Block::Paragraph { line, text } => (line, text),
            Block::Other(what) => {
                report.leave(what);
                continue;
            }
        };
        let line = line + above;
        let text = match subject {
            "" => text,
            subject => about(subject, &text),
        };
        let statement = Found::new(line, format!("{}:{line}", document.name), text, kind);
        let statement = match subject {
            "" => {
                let statement = statement.subject(headings.subject(), report);
                statement.tags(sort, report)
            }
            _ => dress(statement, report),
        };
        found.push(statement.tags(headings.tags(), report));
    }
    found
}

/// Whether an item only leads to another file.
fn is_entry(text: &str) -> bool {
    let target = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]("));
    target.is_some_and(|(_, rest)| rest.split(')').next().is_some_and(|to| to.ends_with(".md")))
}
