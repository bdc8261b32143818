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
                Ok(text) => {
                    let kind = match item.is_steps {
                        true => Kind::HowTo,
                        false => Kind::Convention,
                    };
                    let origin = format!("{}:{}", document.name, item.line);
                    let statement = Found::new(item.line, origin, text, kind);
                    let statement = statement.subject(headings.subject(), report);
                    found.push(statement.tags(headings.tags(), report));
                }
                Err(what) => report.leave(what),
            },
            Block::Paragraph { .. } => report.leave("paragraphs"),
            Block::Other(what) => report.leave(what),
        }
    }
    found
}

/// What an item says, with what it is an item of; what it is where it says nothing.
pub(super) fn statement(item: &Item) -> Result<String, &'static str> {
    if item.is_task {
        return Err("items with a box to tick");
    }
    if item.is_parent && item.text.ends_with(':') || item.text.is_empty() {
        return Err("items that only lead to others");
    }
    if item.text.split_whitespace().all(is_include) {
        return Err("items that only include a file");
    }
    if is_link(&item.text) {
        return Err("items that are only a link");
    }
    let mut text = String::new();
    for parent in item.parents.iter().filter(|parent| !parent.is_empty()) {
        text.push_str(parent.trim_end_matches([':', '.']));
        text.push_str(": ");
    }
    Ok(text + &item.text)
}

/// Whether a word stands for what is in a file, as in `@docs/rules.md`.
fn is_include(word: &str) -> bool {
    let path = word.strip_prefix('@');
    path.is_some_and(|path| path.contains(['/', '.', '~']))
}

/// Whether a text is a link and nothing else.
fn is_link(text: &str) -> bool {
    let text = text.trim_end_matches('.');
    if let Some((label, target)) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix([')', ']']))
        .and_then(|rest| rest.split_once("](").or_else(|| rest.split_once("][")))
    {
        return !label.contains(']') && !target.contains(['(', '[']);
    }
    let text = text
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(text);
    let is_one = !text.contains(char::is_whitespace);
    is_one && (text.starts_with("https://") || text.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out_and_counted() {
        let text = "- [ ] migrate the tests\n- [x] drop Python 2\n- @docs/rules.md @~/own.md\n\
            - [Guide](docs/guide.md)\n- <https://example.com/a>\n- https://example.com/b\n\
            - See @docs/rules.md for the rules\n- [Guide](a.md): how we write\n- @mira reviews this\n\
            - [`a`](b) and [c](d)\n";
        let document = Document {
            name: "AGENTS.md".to_owned(),
            text: text.to_owned(),
        };
        let mut report = Report::new(super::super::Format::Bullets);
        let found = read(&document, &mut report);
        let texts: Vec<&str> = found.iter().map(|it| it.new.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "See @docs/rules.md for the rules",
                "[Guide](a.md): how we write",
                "@mira reviews this",
                "[`a`](b) and [c](d)"
            ]
        );
        let aside: Vec<(&str, u64)> = report.aside.into_iter().collect();
        assert_eq!(
            aside,
            [
                ("items that are only a link", 3),
                ("items that only include a file", 1),
                ("items with a box to tick", 2)
            ]
        );
    }
}
