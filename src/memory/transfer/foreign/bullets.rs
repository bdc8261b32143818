//! Lists of rules in Markdown, as CLAUDE.md and AGENTS.md hold them: each item that stands for itself is
//! a statement, what it is an item of is said in front of it, and the headings above it are its tags.

use super::super::report::Report;
use super::markdown::{Block, Item, blocks};
use super::{Document, Found};
use crate::memory::model::Kind;

/// The headings above a place.
#[derive(Default)]
pub(super) struct Headings(Vec<(usize, String)>);

impl Headings {
    pub(super) fn enter(&mut self, level: usize, text: String) {
        self.0.retain(|(above, _)| *above < level);
        self.0.push((level, text));
    }

    /// The innermost one.
    pub(super) fn subject(&self) -> &str {
        // That of the highest level says what file it is.
        let inner = self.0.iter().rev().find(|(level, _)| *level > 1);
        inner.map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        let inner = self.0.iter().filter(|(level, _)| *level > 1);
        inner.map(|(_, text)| text.as_str())
    }
}

pub(super) fn read(document: &Document, report: &mut Report) -> Vec<Found> {
    let mut headings = Headings::default();
    let mut found = Vec::new();
    for block in blocks(&document.text) {
        match block {
            Block::Heading { level, text } => headings.enter(level, text),
            Block::Item(item) => match statement(&item) {
                Some(text) => {
                    let kind = match item.is_steps {
                        true => Kind::HowTo,
                        false => Kind::Convention,
                    };
                    let origin = format!("{}:{}", document.name, item.line);
                    let statement = Found::new(item.line, origin, text, kind);
                    found.push(statement.subject(headings.subject()).tags(headings.tags()));
                }
                None => {
                    *report
                        .aside
                        .entry("items that only lead to others")
                        .or_default() += 1
                }
            },
            Block::Paragraph { .. } => *report.aside.entry("paragraphs").or_default() += 1,
            Block::Other(what) => *report.aside.entry(what).or_default() += 1,
        }
    }
    found
}

/// What an item says, with what it is an item of; nothing where it only leads to its own items.
pub(super) fn statement(item: &Item) -> Option<String> {
    if item.is_parent && item.text.ends_with(':') || item.text.is_empty() {
        return None;
    }
    let mut text = String::new();
    for parent in item.parents.iter().filter(|parent| !parent.is_empty()) {
        text.push_str(parent.trim_end_matches([':', '.']));
        text.push_str(": ");
    }
    Some(text + &item.text)
}
