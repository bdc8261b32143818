//! Beads: one issue a line. Its edges lie in `dependencies`, where the parent is one of them; the form
//! is that of its versions from 2025 to the middle of 2026.

use serde_json::Value;

use super::super::error::TransferError;
use super::super::report::Report;
use super::bag::Bag;
use super::item::{Item, ItemClosing, ItemEdge, ItemNote, NEVER_MS, reason};
use crate::tasks::model::{EdgeKind, Kind};
use crate::transfer::{Raw, Source, is_conflict_marker};

/// Follows from the rest, or is of use to beads only.
const FORGOTTEN: [&str; 11] = [
    "_type",
    "comment_count",
    "content_hash",
    "dependency_count",
    "dependent_count",
    "ephemeral",
    "compaction_level",
    "original_size",
    "work_type",
    "parent",
    "original_type",
];

pub(super) fn read(
    source: &mut Source,
    told_ms: i64,
    report: &mut Report,
) -> Result<Vec<Item>, TransferError> {
    each_line(source, report, |line, bag| item(line, bag, told_ms))
}

/// Reads a file that has an entry a line. An entry that is none of a task is `None`.
pub(super) fn each_line(
    source: &mut Source,
    report: &mut Report,
    read: impl Fn(u64, Bag) -> Result<Option<Item>, String>,
) -> Result<Vec<Item>, TransferError> {
    let mut items = Vec::new();
    while let Some((line, raw)) = source.next()? {
        let item = match raw {
            Raw::Bad(problem) => Err(problem),
            Raw::Text(text) if is_conflict_marker(&text) => {
                Err("it marks a conflict of git".to_owned())
            }
            Raw::Text(text) => Bag::parse(&text).and_then(|bag| read(line, bag)),
        };
        match item {
            Ok(item) => items.extend(item),
            Err(problem) => report.skip(line, problem),
        }
    }
    Ok(items)
}

pub(super) fn named(id: &str) -> String {
    format!("beads:{}", id.trim())
}

fn item(line: u64, mut bag: Bag, told_ms: i64) -> Result<Option<Item>, String> {
    // An export also holds what beads remembers.
    if bag.has("_type") && bag.text("_type")? == "memory" {
        return Err("it is a memory, not a task".to_owned());
    }
    let id = bag.text("id")?;
    if id.trim().is_empty() {
        return Err("`id` is missing".to_owned());
    }
    let mut item = Item::new(named(&id), line, bag.text("title")?, told_ms);
    item.created_ms = bag.time("created_at")?;
    item.updated_ms = bag.time("updated_at")?;
    item.created_by = bag.text("created_by")?;
    item.part("", bag.text("description")?);
    item.part("Design", bag.text("design")?);
    item.acceptance.push(bag.text("acceptance_criteria")?);
    let notes = bag.text("notes")?;
    if !notes.trim().is_empty() {
        item.notes.push(ItemNote {
            at_ms: None,
            by: String::new(),
            text: notes,
        });
    }
    kind(&mut item, &bag.text("issue_type")?);
    item.priority = match bag.integer("priority")? {
        None => 2,
        Some(priority @ 0..=4) => u8::try_from(priority).unwrap_or(2),
        Some(other) => return Err(format!("`priority` is {other}; from 0 to 4 are taken")),
    };
    item.labels = bag.texts("labels")?;
    let estimate = bag.integer("estimated_minutes")?.unwrap_or_default();
    item.estimate_min = u32::try_from(estimate).unwrap_or_default();
    item.defer_until_ms = bag.time("defer_until")?.unwrap_or_default();
    dependencies(&mut item, &id, &mut bag)?;
    comments(&mut item, &mut bag)?;
    status(&mut item, &mut bag)?;
    bag.forget(&FORGOTTEN);
    for (name, value) in bag.rest() {
        item.aside(&name, value);
    }
    Ok(Some(item))
}

fn kind(item: &mut Item, word: &str) {
    item.kind = match word {
        "" | "task" => Kind::Task,
        "bug" => Kind::Bug,
        "feature" | "story" => Kind::Feature,
        "chore" => Kind::Chore,
        "epic" | "milestone" | "molecule" => Kind::Epic,
        "decision" | "spike" => Kind::Question,
        _ => Kind::Task,
    };
    if !word.is_empty() && item.kind.as_str() != word {
        item.aside("issue_type", word);
    }
}

fn status(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    let status = bag.text("status")?;
    let closed_ms = bag.time("closed_at")?;
    let why = bag.text("close_reason")?;
    match status.as_str() {
        "" | "open" => {}
        // Who works on something is told where they work, and what blocks by its edges.
        "in_progress" | "hooked" | "blocked" => item.aside("status", status),
        "deferred" | "pinned" => {
            if item.defer_until_ms == 0 {
                item.defer_until_ms = NEVER_MS;
            }
            item.aside("status", status);
        }
        "closed" => {
            item.closing = Some(ItemClosing {
                reason: reason(&why),
                why,
                at_ms: closed_ms,
                by: String::new(),
            });
            return Ok(());
        }
        "tombstone" => {
            let deleted_ms = bag.time("deleted_at")?.or(item.updated_ms);
            item.deleted_ms = Some(deleted_ms.unwrap_or(item.told_ms));
        }
        other => item.aside("status", other),
    }
    item.aside("close_reason", why);
    Ok(())
}

fn dependencies(item: &mut Item, id: &str, bag: &mut Bag) -> Result<(), String> {
    let told_parent = bag.text("parent")?;
    for dependency in bag.list("dependencies")? {
        let mut dependency =
            Bag::new(dependency).map_err(|what| format!("`dependencies`: {what}"))?;
        let of = dependency.text("issue_id")?;
        let other = named(&dependency.text("depends_on_id")?);
        let word = dependency.text("type")?;
        let at_ms = dependency.time("created_at")?;
        if !of.is_empty() && of != id {
            item.aside("dependency of another", format!("{of} {word} {other}"));
            continue;
        }
        let kind = match word.as_str() {
            "parent-child" if item.parent.is_none() => {
                item.parent = Some(other);
                continue;
            }
            "" | "blocks" | "blocked-by" => EdgeKind::BlockedBy,
            "conditional-blocks" => EdgeKind::OnFailure,
            "waits-for" => EdgeKind::WaitsChildren,
            "discovered-from" => EdgeKind::DiscoveredFrom,
            "duplicates" => EdgeKind::Duplicates,
            "supersedes" => EdgeKind::Supersedes,
            "validates" => EdgeKind::Validates,
            _ => EdgeKind::Related,
        };
        if kind == EdgeKind::Related && !["related", "relates-to"].contains(&word.as_str()) {
            item.aside("dependency", format!("{word} {other}"));
        }
        item.edges.push(ItemEdge { kind, other, at_ms });
    }
    if item.parent.is_none() && !told_parent.trim().is_empty() {
        item.parent = Some(named(&told_parent));
    }
    Ok(())
}

fn comments(item: &mut Item, bag: &mut Bag) -> Result<(), String> {
    for comment in bag.list("comments")? {
        let mut comment = match comment {
            Value::String(text) => {
                item.notes.push(ItemNote {
                    at_ms: None,
                    by: String::new(),
                    text,
                });
                continue;
            }
            other => Bag::new(other).map_err(|what| format!("`comments`: {what}"))?,
        };
        item.notes.push(ItemNote {
            at_ms: comment.time("created_at")?,
            by: comment.text("author")?,
            text: comment.text("text")?,
        });
    }
    Ok(())
}
