//! Transcripts of Codex: `sessions/<year>/<month>/<day>/rollout-<time>-<thread>.jsonl`. What was said
//! stands in its events, without what the CLI adds; tools stand in the items for the model. Measured
//! with 0.169.0; older versions have events of other names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::item::{Item, outcome, text_of, texts};
use super::{Dialect, Flow};

/// The transcript of a thread. A day's folder is that on which the thread began.
pub(super) fn transcript(home: &Path, thread: &str) -> Option<PathBuf> {
    let end = format!("-{thread}.jsonl");
    let newest_first = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().rev()
    };
    newest_first(&home.join("sessions"))
        .flat_map(|year| newest_first(&year))
        .flat_map(|month| newest_first(&month))
        .flat_map(|day| newest_first(&day))
        .find(|path| path.to_string_lossy().ends_with(&end))
}

#[derive(Default)]
pub(super) struct Codex {
    /// What came of calls that stand further up.
    outcomes: HashMap<String, String>,
    /// Requests of the person that were taken back, with all that followed each.
    taken_back: u64,
    /// What was said last, in case an older version says it twice.
    last: Option<Item>,
}

impl Dialect for Codex {
    fn read(&mut self, record: &Value, items: &mut Vec<Item>) -> Flow {
        let payload = record.get("payload").unwrap_or(&Value::Null);
        let item = match text_of(record, "/type") {
            "event_msg" => self.event(payload),
            "response_item" => self.call(payload),
            "compacted" => some(Item::Compacted, text_of(payload, "/message").to_owned()),
            _ => None,
        };
        if self.taken_back > 0 {
            if let Some(Item::Person(_)) = item {
                self.taken_back -= 1;
            }
            return Flow::GoOn;
        }
        items.extend(changed(payload));
        if item.as_ref().is_some_and(Item::is_message) {
            if item == self.last {
                return Flow::GoOn;
            }
            self.last.clone_from(&item);
        }
        items.extend(item);
        Flow::GoOn
    }
}

impl Codex {
    fn event(&mut self, payload: &Value) -> Option<Item> {
        let content = payload.pointer("/item/content").unwrap_or(&Value::Null);
        match text_of(payload, "/type") {
            "item_completed" => match text_of(payload, "/item/type") {
                "UserMessage" => some(Item::Person, texts(content)),
                "AgentMessage" => some(Item::Model, texts(content)),
                _ => None,
            },
            "user_message" => some(Item::Person, text_of(payload, "/message").to_owned()),
            "agent_message" => some(Item::Model, text_of(payload, "/message").to_owned()),
            "thread_rolled_back" => {
                let turns = payload.get("num_turns").and_then(Value::as_u64);
                self.taken_back += turns.unwrap_or_default();
                None
            }
            _ => None,
        }
    }

    fn call(&mut self, payload: &Value) -> Option<Item> {
        let id = text_of(payload, "/call_id").to_owned();
        match text_of(payload, "/type") {
            "function_call_output" | "custom_tool_call_output" => {
                let said = texts(payload.get("output").unwrap_or(&Value::Null));
                let said = said
                    .split_once("Output:\n")
                    .map_or(said.as_str(), |it| it.1);
                self.outcomes.insert(id, outcome(said, false));
                None
            }
            kind @ ("function_call" | "custom_tool_call") => {
                let arguments = match kind {
                    "function_call" => text_of(payload, "/arguments"),
                    _ => text_of(payload, "/input"),
                };
                let name = match text_of(payload, "/namespace") {
                    "" => text_of(payload, "/name").to_owned(),
                    space => format!("{space}.{}", text_of(payload, "/name")),
                };
                Some(Item::tool(&name, arguments, self.outcomes.remove(&id)))
            }
            _ => None,
        }
    }
}

/// The files of a change that was made.
fn changed(payload: &Value) -> Vec<Item> {
    let item = |key| text_of(payload, key);
    if (item("/item/type"), item("/item/status")) != ("FileChange", "completed") {
        return Vec::new();
    }
    let changes = payload.pointer("/item/changes").and_then(Value::as_object);
    let paths = changes.into_iter().flat_map(|changes| changes.keys());
    paths.map(|path| Item::Changed(path.clone())).collect()
}

fn some(item: impl FnOnce(String) -> Item, text: String) -> Option<Item> {
    (!text.trim().is_empty()).then(|| item(text))
}
