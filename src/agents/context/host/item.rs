//! What a transcript holds, in no CLI's terms.

use serde_json::Value;

use super::super::ENTRY_LIMIT;
use super::super::clean::one_line;
use crate::providers::clip;

/// Characters of a tool's arguments that are shown.
const ARGUMENTS: usize = 200;
/// Characters of what a tool has said.
const OUTCOME: usize = 120;

/// One thing that was said or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// The person asked for it.
    Person(String),
    /// The model said it.
    Model(String),
    /// The model called a tool: its name, its arguments and what came of it, all cut.
    Tool {
        name: String,
        arguments: String,
        outcome: Option<String>,
    },
    /// A file was changed.
    Changed(String),
    /// What came before was summed up like this.
    Compacted(String),
}

impl Item {
    /// Whether it counts as a message.
    pub(super) fn is_message(&self) -> bool {
        matches!(self, Item::Person(_) | Item::Model(_) | Item::Compacted(_))
    }

    pub(super) fn tool(name: &str, arguments: &str, outcome: Option<String>) -> Self {
        Item::Tool {
            name: one_line(name, OUTCOME),
            arguments: one_line(clip(arguments, ARGUMENTS * 8), ARGUMENTS),
            outcome,
        }
    }
}

/// The first words that a tool has said.
pub(super) fn outcome(text: &str, failed: bool) -> String {
    let text = one_line(clip(text, OUTCOME * 8), OUTCOME);
    match (failed, text.as_str()) {
        (false, "") => "(nothing)".to_owned(),
        (false, _) => text,
        (true, _) => format!("failed: {text}"),
    }
}

/// The texts of a message: one, or those of its parts.
pub(super) fn texts(content: &Value) -> String {
    let mut texts = String::new();
    match content {
        Value::String(text) => texts.push_str(text),
        Value::Array(parts) => {
            let parts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            for text in parts.filter(|text| !is_added(text)) {
                if !texts.is_empty() {
                    texts.push('\n');
                }
                texts.push_str(text);
            }
        }
        _ => {}
    }
    // No more than that can be shown.
    clip(&texts, ENTRY_LIMIT * 2).to_owned()
}

/// Whether a CLI has put this beside what the person said.
pub(super) fn is_added(text: &str) -> bool {
    const TAGS: [&str; 9] = [
        "<system-reminder>",
        "<local-command-",
        "<task-notification>",
        "<bash-",
        "<environment_context>",
        "<user_instructions>",
        "<session_context>",
        "<hook_context>",
        "# AGENTS.md instructions",
    ];
    let text = text.trim_start();
    TAGS.iter().any(|tag| text.starts_with(tag))
}

pub(super) fn text_of<'a>(value: &'a Value, path: &str) -> &'a str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
