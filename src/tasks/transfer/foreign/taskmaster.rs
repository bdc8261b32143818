//! Task-master: one document. Since its version 0.17 tasks stand below tags, before that at the top;
//! ids are numbers that count within a tag, those of subtasks within their task.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::super::error::TransferError;
use super::super::report::Report;
use super::bag::{Bag, Document};
use super::item::{Item, ItemClosing, NEVER_MS};
use crate::tasks::model::{EdgeKind, Reason};

/// The tag of a file that has none.
const MASTER: &str = "master";
/// Follows from the rest.
const FORGOTTEN: [&str; 4] = ["parentId", "parentTaskId", "parentTask", "isSubtask"];

pub(super) fn read(
    text: &str,
    told_ms: i64,
    report: &mut Report,
) -> Result<Vec<Item>, TransferError> {
    let unknown = |problem: String| TransferError::Unknown { problem };
    let parts: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| unknown(error.to_string()))?;
    let document = Document::new(text);
    let mut items = Vec::new();
    if let Some(tasks) = parts.get("tasks") {
        let metadata = parts.get("metadata").map(|raw| raw.get());
        tag(
            &document,
            MASTER,
            tasks,
            told(metadata, told_ms),
            report,
            &mut items,
        );
        return Ok(items);
    }
    for (name, part) in &parts {
        let Ok(part) = serde_json::from_str::<Tag>(part.get()) else {
            report.skip(document.line_of(part), format!("{name:?} holds no tasks"));
            continue;
        };
        let told_ms = told(part.metadata.map(RawValue::get), told_ms);
        tag(&document, name, part.tasks, told_ms, report, &mut items);
    }
    Ok(items)
}

#[derive(serde::Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    tasks: &'a RawValue,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

/// When the tasks of a tag were last changed, for those that do not say it themselves.
fn told(metadata: Option<&str>, told_ms: i64) -> i64 {
    let Some(Ok(mut bag)) = metadata.map(Bag::parse) else {
        return told_ms;
    };
    let times = ["updated", "lastModified", "updatedAt", "created"];
    let times = times.map(|name| bag.time(name).ok().flatten());
    times.into_iter().flatten().max().unwrap_or(told_ms)
}

fn tag(
    document: &Document,
    tag: &str,
    tasks: &RawValue,
    told_ms: i64,
    report: &mut Report,
    items: &mut Vec<Item>,
) {
    let tasks: Vec<&RawValue> = match serde_json::from_str(tasks.get()) {
        Ok(tasks) => tasks,
        Err(_) => return report.skip(document.line_of(tasks), "`tasks` is not a list"),
    };
    let tops: BTreeSet<String> = tasks.iter().filter_map(|task| id_of(task)).collect();
    let place = Place {
        tag,
        tops: &tops,
        told_ms,
    };
    for task in tasks {
        let line = document.line_of(task);
        let subtasks = match place.task(line, task) {
            Ok((item, subtasks)) => {
                let id = item.reference.clone();
                items.push(item);
                subtasks.map(|subtasks| (id, subtasks))
            }
            Err(problem) => {
                report.skip(line, problem);
                None
            }
        };
        let Some((parent, subtasks)) = subtasks else {
            continue;
        };
        let Ok(subtasks) = serde_json::from_str::<Vec<&RawValue>>(subtasks.get()) else {
            report.skip(document.line_of(subtasks), "`subtasks` is not a list");
            continue;
        };
        let siblings: BTreeSet<String> = subtasks.iter().filter_map(|task| id_of(task)).collect();
        let mut used: BTreeMap<String, u32> = BTreeMap::new();
        for subtask in subtasks {
            let line = document.line_of(subtask);
            match place.subtask(line, subtask, &parent, &siblings) {
                Ok(mut item) => {
                    // Files are found in which several subtasks have one id.
                    let times = used.entry(item.reference.clone()).or_default();
                    *times += 1;
                    if *times > 1 {
                        item.reference.push_str(&format!("~{times}"));
                    }
                    items.push(item);
                }
                Err(problem) => report.skip(line, problem),
            }
        }
    }
}

fn id_of(task: &RawValue) -> Option<String> {
    let id = Bag::parse(task.get()).ok()?.text("id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[derive(serde::Deserialize)]
struct Subtasks<'a> {
    #[serde(borrow, default)]
    subtasks: Option<&'a RawValue>,
}

/// A tag, as a task in it needs it to be read.
struct Place<'a> {
    tag: &'a str,
    tops: &'a BTreeSet<String>,
    told_ms: i64,
}

impl Place<'_> {
    fn named(&self, id: &str) -> String {
        format!("taskmaster:{}/{}", self.tag, id.trim())
    }

    fn task<'a>(
        &self,
        line: u64,
        task: &'a RawValue,
    ) -> Result<(Item, Option<&'a RawValue>), String> {
        let mut bag = Bag::parse(task.get())?;
        let id = bag.text("id")?;
        let item = self.item(line, &id, &mut bag, |other| self.named(other))?;
        let subtasks = serde_json::from_str::<Subtasks>(task.get());
        let subtasks = subtasks.ok().and_then(|task| task.subtasks);
        bag.forget(&["subtasks"]);
        Ok((self.with_rest(item, bag), subtasks))
    }

    fn subtask(
        &self,
        line: u64,
        task: &RawValue,
        parent: &str,
        siblings: &BTreeSet<String>,
    ) -> Result<Item, String> {
        let mut bag = Bag::parse(task.get())?;
        let id = bag.text("id")?;
        let full = |id: &str| match id.contains('.') {
            true => self.named(id),
            false => format!("{parent}.{}", id.trim()),
        };
        // A number alone is one of its siblings, if there is such a one.
        let named = |other: &str| match siblings.contains(other) || !self.tops.contains(other) {
            true => full(other),
            false => self.named(other),
        };
        let mut item = self.item(line, &id, &mut bag, named)?;
        item.reference = full(&id);
        item.parent = Some(parent.to_owned());
        bag.forget(&FORGOTTEN);
        Ok(self.with_rest(item, bag))
    }

    fn with_rest(&self, mut item: Item, mut bag: Bag) -> Item {
        bag.forget(&FORGOTTEN);
        for (name, value) in bag.rest() {
            item.aside(&name, value);
        }
        item
    }

    fn item(
        &self,
        line: u64,
        id: &str,
        bag: &mut Bag,
        named: impl Fn(&str) -> String,
    ) -> Result<Item, String> {
        if id.trim().is_empty() {
            return Err("`id` is missing".to_owned());
        }
        let mut item = Item::new(self.named(id), line, bag.text("title")?, self.told_ms);
        item.created_ms = bag.time("createdAt")?;
        item.updated_ms = bag.time("updatedAt")?;
        item.part("", bag.text("description")?);
        item.part("Details", bag.text("details")?);
        item.acceptance.push(bag.text("acceptanceCriteria")?);
        item.acceptance.push(bag.text("testStrategy")?);
        let priority = bag.text("priority")?;
        item.priority = match priority.as_str() {
            "critical" => 0,
            "high" => 1,
            "" | "medium" => 2,
            "low" => 3,
            other => {
                item.aside("priority", other);
                2
            }
        };
        if self.tag != MASTER {
            item.labels.push(self.tag.to_owned());
        }
        item.labels.extend(bag.texts("labels").unwrap_or_default());
        for other in bag.list("dependencies")? {
            let other = match other {
                Value::String(id) => id,
                Value::Number(id) => id.to_string(),
                _ => return Err("`dependencies` holds what is no id".to_owned()),
            };
            item.edge(EdgeKind::BlockedBy, named(other.trim()));
        }
        self.status(&mut item, bag)?;
        Ok(item)
    }

    fn status(&self, item: &mut Item, bag: &mut Bag) -> Result<(), String> {
        let status = bag.text("status")?;
        let closed_as = |reason| ItemClosing {
            reason,
            why: status.clone(),
            at_ms: None,
            by: String::new(),
        };
        match status.as_str() {
            "" | "pending" => {}
            "done" | "completed" => {
                item.closing = Some(ItemClosing {
                    why: String::new(),
                    ..closed_as(Reason::Done)
                });
            }
            "cancelled" | "canceled" => item.closing = Some(closed_as(Reason::WontDo)),
            "deferred" => {
                item.defer_until_ms = NEVER_MS;
                item.aside("status", status);
            }
            _ => item.aside("status", status),
        }
        Ok(())
    }
}
