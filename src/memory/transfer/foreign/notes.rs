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
    let mut found = Vec::new();
    for block in &blocks {
        let statement = match block {
            Block::Item(item) => note(item, title, &document.name, above),
            Block::Heading { .. } => continue,
            Block::Paragraph { .. } => {
                *report.aside.entry("paragraphs").or_default() += 1;
                continue;
            }
            Block::Other(what) => {
                *report.aside.entry(what).or_default() += 1;
                continue;
            }
        };
        match statement {
            Some(statement) => {
                let mut statement = statement.tags(tags.iter().map(String::as_str));
                statement.new.at_ms = at_ms;
                found.push(statement);
            }
            None => {
                *report
                    .aside
                    .entry("items that are no observation")
                    .or_default() += 1
            }
        }
    }
    found
}

fn note(item: &Item, title: &str, name: &str, above: u64) -> Option<Found> {
    let line = item.line + above;
    let origin = format!("{name}:{line}");
    if let Some((before, rest)) = item.text.split_once("[[") {
        let (other, after) = rest.split_once("]]")?;
        let relation = match before.trim() {
            "" => "relates to".to_owned(),
            relation => relation.replace('_', " "),
        };
        let text = format!("{title} {relation} {other}{}", after.trim_end());
        let statement = Found::new(line, origin, text, Kind::Fact).subject(title);
        return Some(statement.tags([relation.as_str(), other]));
    }
    let (category, text) = item.text.strip_prefix('[')?.split_once(']')?;
    // A link begins like a category.
    if text.starts_with('(') || text.trim().is_empty() {
        return None;
    }
    let tags = text.split_whitespace().filter_map(|word| {
        let tag = word.strip_prefix('#')?;
        tag.chars().next().filter(|c| c.is_alphanumeric())?;
        Some(tag)
    });
    let plain: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.strip_prefix('#').is_none_or(str::is_empty))
        .collect();
    let kind = kind(category).unwrap_or(Kind::Fact);
    let statement = Found::new(line, origin, about(title, &plain.join(" ")), kind).subject(title);
    Some(statement.tags(tags.chain([category])))
}
