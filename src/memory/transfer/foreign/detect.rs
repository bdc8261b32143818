//! What a file is taken for when nobody says it.

use serde_json::{Map, Value};

use super::markdown::{Block, blocks, front};
use super::{Document, Format};
use crate::memory::transfer::error::TransferError;
use crate::transfer::{Raw, Source};

/// Lines that are looked at.
const LINES: usize = 20;

/// The form of lines of JSON, if there are any; reads ahead, but takes nothing away. `None` is
/// something else, which Markdown may be.
pub(in crate::memory::transfer) fn detect(
    source: &mut Source,
) -> Result<Option<Format>, TransferError> {
    let lines = source.look_ahead(LINES)?;
    if lines.is_empty() {
        return Ok(Some(Format::Ostler));
    }
    for (_, raw) in lines {
        let Raw::Text(text) = raw else { continue };
        if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text)
            && let Some(format) = of_fields(&fields)
        {
            return Ok(Some(format));
        }
    }
    Ok(None)
}

fn of_fields(fields: &Map<String, Value>) -> Option<Format> {
    let has = |name: &str| fields.contains_key(name);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if has("ostler_memory") || text("id").starts_with("m-") {
        Some(Format::Ostler)
    } else if matches!(text("type"), "entity" | "relation") {
        Some(Format::ServerMemory)
    } else if has("content") && (has("type") || has("memory_type") || has("importance")) {
        Some(Format::Gobby)
    } else {
        None
    }
}

impl Format {
    /// The form of Markdown files.
    pub(in crate::memory::transfer) fn of_documents(
        documents: &[Document],
    ) -> Result<Self, TransferError> {
        if documents.iter().any(|it| it.name.ends_with("MEMORY.md")) {
            return Ok(Format::ClaudeMemory);
        }
        let found = documents.iter().find_map(of_document);
        found.ok_or_else(|| {
            let problem = "it has neither lines that are known nor lists in Markdown".to_owned();
            TransferError::Unknown { problem }
        })
    }
}

fn of_document(document: &Document) -> Option<Format> {
    if document
        .text
        .starts_with(crate::memory::transfer::page::MARK)
    {
        return None;
    }
    let (fields, body, _) = front(&document.text);
    if fields.contains_key("permalink") {
        return Some(Format::BasicMemory);
    }
    if fields.contains_key("name") && fields.contains_key("description") {
        return Some(Format::ClaudeMemory);
    }
    let blocks = blocks(body);
    let mut items = blocks.iter().filter_map(|block| match block {
        Block::Item(item) => Some(item.text.as_str()),
        _ => None,
    });
    let is_part = |block: &Block| matches!(block, Block::Heading { text, .. } if text == "Observations" || text == "Relations");
    if blocks.iter().any(is_part) {
        return Some(Format::BasicMemory);
    }
    items.next().map(|_| Format::Bullets)
}
