//! Gobby: one task a line. Its first form has no priority, kind or labels; what a task depends on may
//! name its own parent.

use serde_json::Value;

use super::super::error::TransferError;
use super::super::report::Report;
use super::bag::Bag;
use super::beads::each_line;
use super::item::{Item, ItemClosing, ItemNote, reason};
use crate::tasks::model::{EdgeKind, Kind};
use crate::transfer::Source;

/// Follows from the rest, or is of use to gobby only.
const FORGOTTEN: [&str; 12] = [
    "project_id",
    "state",
    "compat",
    "path_cache",
    "created_in_session_id",
    "claimed_by_session_id",
    "closed_in_session_id",
    "is_expanded",
    "sequence_order",
    "lifecycle_stage",
    "linear_team_id",
    "estimated_subtasks",
];

pub(super) fn read(
    source: &mut Source,
    told_ms: i64,
    report: &mut Report,
) -> Result<Vec<Item>, TransferError> {
    each_line(source, report, |line, bag| item(line, bag, told_ms))
}

fn named(id: &str) -> String {
    format!("gobby:{}", id.trim())
}

fn item(line: u64, mut bag: Bag, told_ms: i64) -> Result<Option<Item>, String> {
    let id = bag.text("id")?;
    if id.trim().is_empty() {
        return Err("`id` is missing".to_owned());
    }
    let mut item = Item::new(named(&id), line, bag.text("title")?, told_ms);
    item.created_ms = bag.time("created_at")?;
    item.updated_ms = bag.time("updated_at")?;
    item.part("", bag.text("description")?);
    item.part("Details", bag.text("details")?);
    item.priority = match bag.integer("priority")? {
        None => 2,
        Some(priority @ 0..=4) => u8::try_from(priority).unwrap_or(2),
        Some(other) => return Err(format!("`priority` is {other}; from 0 to 4 are taken")),
    };
    let word = bag.text("task_type")?;
    item.kind = Kind::parse(&word).unwrap_or(match word.as_str() {
        "research" | "question" => Kind::Question,
        _ => Kind::Task,
    });
    if !word.is_empty() && item.kind.as_str() != word {
        item.aside("task_type", word);
    }
    item.labels = bag.texts("labels")?;
    let parent = match bag.text("parent_id")? {
        none if none.trim().is_empty() => bag.text("parent_task_id")?,
        parent => parent,
    };
    if !parent.trim().is_empty() {
        item.parent = Some(named(&parent));
    }
    for other in bag.texts("deps_on")? {
        item.edge(EdgeKind::BlockedBy, named(&other));
    }
    item.commits = bag.texts("commits")?;
    validation(&mut item, &mut bag)?;
    status(&mut item, &mut bag)?;
    bag.forget(&FORGOTTEN);
    for (name, value) in bag.rest() {
        item.aside(&name, value);
    }
    Ok(Some(item))
}

fn validation(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    item.acceptance.push(bag.text("validation_criteria")?);
    let Some(mut validation) = bag.bag("validation")? else {
        return Ok(());
    };
    item.acceptance.push(validation.text("criteria")?);
    let feedback = validation.text("feedback")?;
    let verdict = validation.text("status")?;
    if !feedback.trim().is_empty() {
        item.notes.push(ItemNote {
            at_ms: None,
            by: String::new(),
            text: match verdict.as_str() {
                "" => feedback,
                verdict => format!("validation: {verdict}\n{feedback}"),
            },
        });
    } else {
        item.aside("validation", verdict);
    }
    if validation.integer("fail_count")?.unwrap_or_default() == 0 {
        validation.forget(&["fail_count"]);
    }
    for (name, value) in validation.rest() {
        item.aside(&format!("validation {name}"), value);
    }
    Ok(())
}

fn status(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    let mut status = bag.text("status")?;
    let closed_ms = bag.time("closed_at")?;
    let mut why = bag.text("closed_reason")?;
    if let Some(mut state) = bag.bag("state")? {
        if status.is_empty() && state.has("is_closed") {
            let is_closed = state.rest().iter().any(|(name, _)| name == "is_closed");
            status = if is_closed { "closed" } else { "open" }.to_owned();
        } else if why.is_empty() {
            why = state.text("closed_reason")?;
        }
    }
    let commit = bag.text("closed_commit_sha")?;
    if !commit.trim().is_empty() {
        item.commits.push(commit);
    }
    if status == "closed" {
        item.closing = Some(ItemClosing {
            reason: reason(&why),
            why,
            at_ms: closed_ms,
            by: String::new(),
        });
        return Ok(());
    }
    if !["", "open"].contains(&status.as_str()) {
        item.aside("status", status);
    }
    item.aside("closed_reason", why);
    Ok(())
}

/// Whether an entry looks like one of gobby's.
pub(super) fn is_one(fields: &serde_json::Map<String, Value>) -> bool {
    fields.contains_key("deps_on") || fields.contains_key("path_cache")
}
