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
        let words: Vec<&str> = text.split_whitespace().collect();
        let (said, tags, context) = parts(&words);
        let plain = [said, context].concat().join(" ");
        if plain.is_empty() {
            return None;
        }
        let kind = kind(category).unwrap_or(Kind::Fact);
        let statement = Found::new(line, origin, about(title, &plain), kind).subject(title, report);
        let tags = tags.iter().filter_map(|word| tag(word));
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

/// What an observation says, its tags, and the context in brackets behind them. A `#` within a
/// sentence belongs to it.
fn parts<'a, 'b>(words: &'b [&'a str]) -> (&'b [&'a str], &'b [&'a str], &'b [&'a str]) {
    let context = context(words).unwrap_or(words.len());
    let (before, context) = words.split_at_checked(context).unwrap_or((words, &[]));
    let tags = before.iter().rev().take_while(|word| tag(word).is_some());
    let (said, tags) = before
        .split_at_checked(before.len() - tags.count())
        .unwrap_or((before, &[]));
    (said, tags, context)
}

/// Where the brackets begin that the words end with.
fn context(words: &[&str]) -> Option<usize> {
    let mut open = 0;
    let begin = words.iter().rposition(|word| {
        open += word.matches(')').count();
        open = open.saturating_sub(word.matches('(').count());
        open == 0
    })?;
    let is_whole = words.last()?.ends_with(')') && words.get(begin)?.starts_with('(');
    is_whole.then_some(begin)
}

/// The tag that a word is. A number is that of an issue, which is part of what is said.
fn tag(word: &str) -> Option<&str> {
    let tag = word.trim_end_matches([',', ';']).strip_prefix('#')?;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/');
    let is_number = tag.chars().all(|c| c.is_ascii_digit());
    (tag.chars().all(is_plain) && !is_number).then_some(tag)
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
    fn tags_stand_at_the_end_of_what_is_said() {
        for (text, said, tags) in [
            (
                "Fixes issue #123 by retrying #net #flaky",
                "Fixes issue #123 by retrying",
                vec!["net", "flaky", "fact"],
            ),
            (
                "Channel #ops is loud #chat, #team (since (at least) May)",
                "Channel #ops is loud (since (at least) May)",
                vec!["chat", "team", "fact"],
            ),
            ("Written in C #", "Written in C #", vec!["fact"]),
            ("Closes #123", "Closes #123", vec!["fact"]),
            ("Call f(a, b) #api", "Call f(a, b)", vec!["api", "fact"]),
            ("Ends odd) #x", "Ends odd)", vec!["x", "fact"]),
        ] {
            let document = Document {
                name: "n.md".to_owned(),
                text: format!("---\ntitle: Quay nine\n---\n- [fact] {text}\n- [fact] #lone\n"),
            };
            let mut report = Report::new(Format::BasicMemory);
            let found = read(&document, &mut report);
            let found: Vec<_> = found.into_iter().map(|it| it.new).collect();
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].text.trim_start_matches("Quay nine: "), said);
            assert_eq!(found[0].tags, tags, "{text}");
            assert_eq!(report.aside["items that are no observation"], 1);
        }
    }

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
