//! Transcripts of Claude Code: `projects/<folder>/<session>.jsonl`, a message a line, its parts in
//! lines of their own. Measured with 2.1.197.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::item::{Item, is_added, outcome, text_of, texts};
use super::{Dialect, Flow};

/// The transcript of a session, whichever folder it is in: the name of the folder is made from the
/// directory in which the session began, and sessions have names of their own.
pub(super) fn transcript(home: &Path, session: &str) -> Option<PathBuf> {
    let name = format!("{session}.jsonl");
    let folders = fs::read_dir(home.join("projects")).ok()?.flatten();
    folders
        .map(|folder| folder.path().join(&name))
        .find(|path| path.is_file())
}

/// Other transcripts in the folder of `path`, written to since it was, newest first.
pub(super) fn newer_beside(path: &Path) -> Vec<PathBuf> {
    let written = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    let (Some(folder), Some(since)) = (path.parent(), written(path)) else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut newer: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|other| other != path && other.extension().is_some_and(|it| it == "jsonl"))
        .filter_map(|other| Some((written(&other)?, other)))
        .filter(|(written, _)| *written >= since)
        .collect();
    newer.sort();
    newer.into_iter().rev().map(|(_, path)| path).collect()
}

#[derive(Default)]
pub(super) struct Claude {
    /// What came of calls that stand further up.
    outcomes: HashMap<String, (String, bool)>,
}

impl Dialect for Claude {
    fn read(&mut self, record: &Value, items: &mut Vec<Item>) -> Flow {
        let is = |key: &str| record.get(key) == Some(&Value::Bool(true));
        if is("isSidechain") || is("isMeta") || is("isApiErrorMessage") {
            return Flow::GoOn;
        }
        let content = record.pointer("/message/content").unwrap_or(&Value::Null);
        match text_of(record, "/type") {
            "user" if is("isCompactSummary") => items.push(Item::Compacted(texts(content))),
            "user" => self.user(content, items),
            "assistant" => self.assistant(content, items),
            _ => {}
        }
        Flow::GoOn
    }
}

impl Claude {
    fn user(&mut self, content: &Value, items: &mut Vec<Item>) {
        for part in content.as_array().into_iter().flatten() {
            if text_of(part, "/type") == "tool_result" {
                let failed = part.get("is_error") == Some(&Value::Bool(true));
                let said = outcome(&texts(part.get("content").unwrap_or(part)), failed);
                let id = text_of(part, "/tool_use_id").to_owned();
                self.outcomes.insert(id, (said, failed));
            }
        }
        let said = texts(content);
        if !said.trim().is_empty() && !is_added(&said) {
            items.push(Item::Person(command(&said).unwrap_or(said)));
        }
    }

    fn assistant(&mut self, content: &Value, items: &mut Vec<Item>) {
        for part in content.as_array().into_iter().flatten().rev() {
            match text_of(part, "/type") {
                "text" => items.push(Item::Model(text_of(part, "/text").to_owned())),
                "tool_use" => {
                    let outcome = self.outcomes.remove(text_of(part, "/id"));
                    let name = text_of(part, "/name");
                    let input = part.get("input").unwrap_or(&Value::Null);
                    if outcome.as_ref().is_some_and(|(_, failed)| !failed) {
                        items.extend(changed(name, input));
                    }
                    let outcome = outcome.map(|(said, _)| said);
                    items.push(Item::tool(name, &input.to_string(), outcome));
                }
                _ => {}
            }
        }
    }
}

fn changed(tool: &str, input: &Value) -> Option<Item> {
    let key = match tool {
        "Write" | "Edit" | "MultiEdit" => "/file_path",
        "NotebookEdit" => "/notebook_path",
        _ => return None,
    };
    let path = text_of(input, key);
    (!path.is_empty()).then(|| Item::Changed(path.to_owned()))
}

/// A command of the CLI as it was typed.
fn command(said: &str) -> Option<String> {
    let between = |tag: &str| {
        let (_, behind) = said.split_once(&format!("<{tag}>"))?;
        let (inside, _) = behind.split_once(&format!("</{tag}>"))?;
        Some(inside.trim())
    };
    let name = between("command-name")?;
    let arguments = between("command-args").unwrap_or_default();
    Some(format!("{name} {arguments}").trim_end().to_owned())
}
