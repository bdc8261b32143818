//! GitHub: the list that `gh issue list --json …` prints. What was not asked for with `--json` is not
//! there.

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::error::TransferError;
use super::super::report::Report;
use super::bag::{Bag, Document};
use super::item::{Item, ItemClosing, ItemNote, reason};
use crate::tasks::model::{EdgeKind, Kind, Reason};

/// Follows from the rest, or says nothing of the work.
const FORGOTTEN: [&str; 8] = [
    "id",
    "closed",
    "isPinned",
    "projectCards",
    "reactionGroups",
    "subIssuesSummary",
    "subIssues",
    "blocking",
];

pub(super) fn read(
    text: &str,
    told_ms: i64,
    report: &mut Report,
) -> Result<Vec<Item>, TransferError> {
    let issues: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        TransferError::Unknown { problem }
    })?;
    let document = Document::new(text);
    let mut items = Vec::new();
    for issue in issues {
        let line = document.line_of(issue);
        match Bag::parse(issue.get()).and_then(|bag| item(line, bag, told_ms)) {
            Ok(item) => items.push(item),
            Err(problem) => report.skip(line, problem),
        }
    }
    Ok(items)
}

/// `https://github.com/owner/name/issues/12` as `github:owner/name#12`; another host is named too.
fn by_url(url: &str) -> Option<String> {
    let (host, path) = url.split_once("://")?.1.split_once('/')?;
    let mut parts = path.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    let number = parts.nth(1)?.split(['#', '?']).next()?;
    let number: u64 = number.parse().ok()?;
    Some(match host {
        "github.com" | "www.github.com" => format!("github:{owner}/{name}#{number}"),
        host => format!("github:{host}/{owner}/{name}#{number}"),
    })
}

fn item(line: u64, mut bag: Bag, told_ms: i64) -> Result<Item, String> {
    let number = bag.integer("number")?;
    let number = number.ok_or("`number` is missing; ask `gh` for it with `--json number,…`")?;
    let reference = by_url(&bag.text("url")?).unwrap_or(format!("github:#{number}"));
    let repository = reference.split('#').next().unwrap_or("github:").to_owned();
    let mut item = Item::new(reference, line, bag.text("title")?, told_ms);
    item.created_ms = bag.time("createdAt")?;
    item.updated_ms = bag.time("updatedAt")?;
    item.part("", bag.text("body")?);
    item.created_by = login(&mut bag, "author")?;
    labels(&mut item, &mut bag)?;
    status(&mut item, &mut bag)?;
    comments(&mut item, &mut bag)?;
    related(&mut item, &mut bag, &repository)?;
    if let Some(mut milestone) = bag.bag("milestone")? {
        item.aside("milestone", milestone.text("title")?);
    }
    let mut assignees = Vec::new();
    for assignee in nodes(&mut bag, "assignees")? {
        assignees.push(Bag::new(assignee)?.text("login")?);
    }
    item.aside("assignees", assignees.join(", "));
    bag.forget(&FORGOTTEN);
    for (name, value) in bag.rest() {
        item.aside(&name, value);
    }
    Ok(item)
}

fn login(bag: &mut Bag, name: &str) -> Result<String, String> {
    match bag.bag(name)? {
        Some(mut who) => who.text("login"),
        None => Ok(String::new()),
    }
}

/// A list, which may stand below `nodes`. Where only their number is told there is none.
fn nodes(bag: &mut Bag, name: &str) -> Result<Vec<Value>, String> {
    if bag.is_number(name) {
        bag.forget(&[name]);
    }
    match bag.is_object(name) {
        true => match bag.bag(name)? {
            Some(mut below) => below.list("nodes"),
            None => Ok(Vec::new()),
        },
        false => bag.list(name),
    }
}

fn labels(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    let mut kind = None;
    for label in nodes(bag, "labels")? {
        let label = match label {
            Value::String(name) => name,
            other => Bag::new(other)?.text("name")?,
        };
        let word = label.trim().to_lowercase();
        kind = kind.or(match word.rsplit(['/', ':']).next().map(str::trim) {
            Some("bug") => Some(Kind::Bug),
            Some("enhancement" | "feature") => Some(Kind::Feature),
            Some("question") => Some(Kind::Question),
            Some("epic") => Some(Kind::Epic),
            Some("chore") => Some(Kind::Chore),
            _ => None,
        });
        if let Some(priority) = priority(&word) {
            item.priority = priority;
        }
        item.labels.push(label);
    }
    let told = match bag.bag("issueType") {
        Ok(Some(mut told)) => told.text("name")?,
        Ok(None) => String::new(),
        Err(problem) => return Err(problem),
    };
    let told = told.to_lowercase();
    item.kind = Kind::parse(&told).or(kind).unwrap_or(Kind::Task);
    Ok(())
}

/// The priority that a label tells, as `P1` or `priority: high` do.
fn priority(label: &str) -> Option<u8> {
    let word = label.strip_prefix("priority");
    let word = word.map_or(label, |rest| rest.trim_start_matches([':', '/', '-', ' ']));
    match word {
        "p0" => Some(0),
        "p1" => Some(1),
        "p2" => Some(2),
        "p3" => Some(3),
        "p4" => Some(4),
        _ if word == label => None,
        "critical" | "urgent" => Some(0),
        "high" => Some(1),
        "medium" | "normal" => Some(2),
        "low" => Some(3),
        _ => None,
    }
}

fn status(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    let state = bag.text("state")?.to_lowercase();
    let why = bag.text("stateReason")?.to_lowercase();
    let closed_ms = bag.time("closedAt")?;
    match state.as_str() {
        "" | "open" => {}
        "closed" => {
            let reason = reason(&why);
            item.closing = Some(ItemClosing {
                reason,
                why: match reason {
                    Reason::Done => String::new(),
                    _ => why.replace('_', " "),
                },
                at_ms: closed_ms,
                by: String::new(),
            });
        }
        other => return Err(format!("`state` is {other:?}; open and closed are known")),
    }
    Ok(())
}

fn comments(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    for comment in nodes(bag, "comments")? {
        let mut comment = Bag::new(comment)?;
        item.notes.push(ItemNote {
            at_ms: comment.time("createdAt")?,
            by: login(&mut comment, "author")?,
            text: comment.text("body")?,
        });
    }
    Ok(())
}

/// Parents and what blocks, which newer versions of `gh` tell.
fn related(item: &mut Item, bag: &mut Bag, repository: &str) -> Result<(), String> {
    let named = |mut issue: Bag| -> Result<String, String> {
        let url = issue.text("url")?;
        let number = issue.integer("number")?.unwrap_or_default();
        Ok(by_url(&url).unwrap_or(format!("{repository}#{number}")))
    };
    if let Some(parent) = bag.bag("parent")? {
        item.parent = Some(named(parent)?);
    }
    for issue in nodes(bag, "blockedBy")? {
        item.edge(EdgeKind::BlockedBy, named(Bag::new(issue)?)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_named_by_its_url() {
        for (url, expected) in [
            ("https://github.com/o/r/issues/12", Some("github:o/r#12")),
            (
                "https://git.example.org/o/r/issues/3#issuecomment-1",
                Some("github:git.example.org/o/r#3"),
            ),
            ("https://github.com/o/r/issues/x", None),
            ("o/r", None),
        ] {
            assert_eq!(by_url(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_label_can_tell_the_priority() {
        for (label, expected) in [
            ("p0", Some(0)),
            ("priority: high", Some(1)),
            ("priority/p3", Some(3)),
            ("high", None),
            ("p9", None),
            ("bug", None),
        ] {
            assert_eq!(priority(label), expected, "{label}");
        }
    }
}
