//! Transcripts of Gemini CLI: `tmp/<project>/chats/session-<minute>-<id>.jsonl`. A later record of a
//! message replaces the earlier one; a record can replace the whole history, or take back its end.
//! Measured with 0.61.0. The CLI does not tell its servers which session they serve, so we go by what
//! was written since we were started, and do not guess between two.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::item::{Item, is_added, outcome, text_of, texts};
use super::{Dialect, Flow};

/// Every transcript of the project `cwd` that was written to since then.
pub(super) fn transcripts(home: &Path, cwd: &Path, since: SystemTime) -> Vec<PathBuf> {
    let projects = fs::read_to_string(home.join("projects.json")).unwrap_or_default();
    let projects: Value = serde_json::from_str(&projects).unwrap_or_default();
    let known = projects.get("projects").and_then(Value::as_object);
    let is_here =
        |path: &str| Path::new(path) == cwd || fs::canonicalize(path).is_ok_and(|it| it == cwd);
    let folder = known
        .into_iter()
        .flatten()
        .find(|(path, _)| is_here(path))
        .and_then(|(_, folder)| folder.as_str())
        .filter(|folder| !folder.contains(['/', '.']));
    let Some(folder) = folder else {
        return Vec::new();
    };
    let chats = home.join("tmp").join(folder).join("chats");
    let entries = fs::read_dir(chats).into_iter().flatten().flatten();
    let written = |path: &Path| fs::metadata(path).and_then(|it| it.modified());
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .filter(|path| written(path).is_ok_and(|written| written >= since))
        .collect()
}

#[derive(Default)]
pub(super) struct Gemini {
    /// Messages that were met in a later form.
    seen: HashSet<String>,
    /// The message back to which everything was taken back.
    taken_back_to: Option<String>,
}

impl Dialect for Gemini {
    fn read(&mut self, record: &Value, items: &mut Vec<Item>) -> Flow {
        if let Some(to) = record.get("$rewindTo").and_then(Value::as_str) {
            // One that is met while another is under way lies within what that one took back.
            self.taken_back_to.get_or_insert_with(|| to.to_owned());
        } else if let Some(messages) = record.pointer("/$set/messages").and_then(Value::as_array) {
            for message in messages.iter().rev() {
                self.message(message, items);
            }
            return Flow::Beginning;
        } else {
            self.message(record, items);
        }
        Flow::GoOn
    }
}

impl Gemini {
    fn message(&mut self, message: &Value, items: &mut Vec<Item>) {
        let id = text_of(message, "/id");
        if id.is_empty() {
            return;
        }
        if let Some(to) = &self.taken_back_to {
            // Of a message taken back, every form is.
            let reached = to == id;
            self.seen.insert(id.to_owned());
            if reached {
                self.taken_back_to = None;
            }
            return;
        }
        if !self.seen.insert(id.to_owned()) {
            return;
        }
        let said = texts(message.get("content").unwrap_or(&Value::Null));
        match text_of(message, "/type") {
            "user" if said.contains("<state_snapshot>") => items.push(Item::Compacted(said)),
            "user" if !said.trim().is_empty() && !is_added(&said) => {
                items.push(Item::Person(said));
            }
            "gemini" => {
                let calls = message.get("toolCalls").and_then(Value::as_array);
                for call in calls.into_iter().flatten().rev() {
                    tool(call, items);
                }
                if !said.trim().is_empty() {
                    items.push(Item::Model(said));
                }
            }
            _ => {}
        }
    }
}

fn tool(call: &Value, items: &mut Vec<Item>) {
    let name = text_of(call, "/name");
    let args = call.get("args").unwrap_or(&Value::Null);
    let succeeded = text_of(call, "/status") == "success";
    let path = text_of(args, "/file_path");
    if succeeded && matches!(name, "write_file" | "replace") && !path.is_empty() {
        items.push(Item::Changed(path.to_owned()));
    }
    let said = call.get("resultDisplay").map(texts).unwrap_or_default();
    let outcome = match text_of(call, "/status") {
        "" => None,
        _ => Some(outcome(&said, !succeeded)),
    };
    items.push(Item::tool(name, &args.to_string(), outcome));
}
