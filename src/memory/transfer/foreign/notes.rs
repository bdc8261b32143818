//! Notes of basic-memory: Markdown with a title, observations as `- [category] text #tag (context)` and
//! relations as `- relation [[Other note]] (context)`.

use serde_json::Value;

use super::super::report::Report;
use super::graph::about;
use super::markdown::{Block, Item, blocks, front, list};
use super::{Document, Found, kind};
use crate::clock::parse_time;
use crate::memory::model::Kind;

pub(super) fn read(document: &Document, report: &mut Report) -> Vec<Found> {
    let (fields, body, above) = front(&document.text);
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    let blocks = blocks(body);
    let heading = blocks.iter().find_map(|block| match block {
        Block::Heading { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let title = field("title").or(heading).unwrap_or(&document.name);
    let tags = list(fields.get("tags"));
    let at_ms = ["created", "date", "modified"]
        .iter()
        .find_map(|name| parse_time(field(name)?));
    if at_ms.is_none() && field("created").is_some() {
        report.leave("times that are none");
    }
    let mut found = Vec::new();
    for block in &blocks {
        let statement = match block {
            Block::Item(item) => note(item, title, &document.name, above, report),
            Block::Heading { .. } => continue,
            Block::Paragraph { .. } => {
                report.leave("paragraphs");
                continue;
            }
            Block::Other(what) => {
                report.leave(what);
                continue;
            }
        };
        match statement {
            Some(statement) => {
                let mut statement = statement.tags(tags.iter().map(String::as_str), report);
                statement.new.at_ms = at_ms;
                found.push(statement);
            }
            None => report.leave("items that are no observation"),
        }
    }
    found
}

fn note(item: &Item, title: &str, name: &str, above: u64, report: &mut Report) -> Option<Found> {
    let line = item.line + above;
    let origin = format!("{name}:{line}");
    if item.is_task {
        return None;
    }
    if let Some((category, text)) = observation(&item.text) {
        let tags = text.split_whitespace().filter_map(|word| {
            let tag = word.strip_prefix('#')?;
            tag.chars().next().filter(|c| c.is_alphanumeric())?;
            Some(tag)
        });
        let plain: Vec<&str> = text
            .split_whitespace()
            .filter(|word| word.strip_prefix('#').is_none_or(str::is_empty))
            .collect();
        let text = about(title, &plain.join(" "));
        let kind = kind(category).unwrap_or(Kind::Fact);
        let statement = Found::new(line, origin, text, kind).subject(title, report);
        return Some(statement.tags(tags.chain([category]), report));
    }
    let (before, rest) = item.text.split_once("[[")?;
    let (other, after) = rest.split_once("]]")?;
    let relation = match before.trim() {
        "" => "relates to".to_owned(),
        relation => relation.replace('_', " "),
    };
    let text = format!("{title} {relation} {other}{}", after.trim_end());
    let statement = Found::new(line, origin, text, Kind::Fact).subject(title, report);
    Some(statement.tags([relation.as_str(), other], report))
}

/// The category and the words of an observation, which may name other notes.
fn observation(text: &str) -> Option<(&str, &str)> {
    let (category, text) = text.strip_prefix('[')?.split_once(']')?;
    // A link begins like a category, and so does the name of a note.
    let is_one = !category.starts_with('[') && !text.starts_with(['(', '[', ']']);
    (is_one && !text.trim().is_empty()).then_some((category, text))
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::*;

    #[test]
    fn an_observation_may_name_another_note() {
        let text = "---\ntitle: Locks\ncreated: soon\n---\n- [decision] Uses [[Postgres]] #db\n\
            - part_of [[Harbour]]\n- [[Quay]] (nine)\n- [ ] a box\n- [a](b)\n";
        let document = Document {
            name: "locks.md".to_owned(),
            text: text.to_owned(),
        };
        let mut report = Report::new(Format::BasicMemory);
        let found = read(&document, &mut report);
        let texts: Vec<&str> = found.iter().map(|it| it.new.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Locks: Uses [[Postgres]]",
                "Locks part of Harbour",
                "Locks relates to Quay (nine)"
            ]
        );
        let aside: Vec<(&str, u64)> = report.aside.into_iter().collect();
        let left = [
            ("items that are no observation", 2),
            ("times that are none", 1),
        ];
        assert_eq!(aside, left);
    }
}
