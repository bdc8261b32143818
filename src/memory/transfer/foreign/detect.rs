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
    /// The form of Markdown files: the one that some of them are sure to have.
    pub(in crate::memory::transfer) fn of_documents(
        documents: &[Document],
    ) -> Result<Self, TransferError> {
        let mut sure: Option<(Self, &Document)> = None;
        let mut likely = None;
        for document in documents {
            match of_document(document) {
                Some((format, true)) => match sure {
                    Some((other, first)) if other != format => {
                        return Err(TransferError::Mixed {
                            one: (first.name.clone(), other),
                            other: (document.name.clone(), format),
                        });
                    }
                    _ => sure = sure.or(Some((format, document))),
                },
                Some((format, false)) => likely = likely.or(Some(format)),
                None => {}
            }
        }
        let found = sure.map(|(format, _)| format).or(likely);
        found.ok_or_else(|| {
            let problem = "it has neither lines that are known nor lists in Markdown".to_owned();
            TransferError::Unknown { problem }
        })
    }
}

/// What a file looks like, and whether that is sure.
fn of_document(document: &Document) -> Option<(Format, bool)> {
    if document
        .text
        .starts_with(crate::memory::transfer::page::MARK)
    {
        return None;
    }
    match document.name.rsplit('/').next().unwrap_or_default() {
        "MEMORY.md" => return Some((Format::ClaudeMemory, true)),
        "CLAUDE.md" | "CLAUDE.local.md" | "AGENTS.md" | "GEMINI.md" => {
            return Some((Format::Bullets, true));
        }
        _ => {}
    }
    let (fields, body, _) = front(&document.text);
    if fields.contains_key("permalink") {
        return Some((Format::BasicMemory, true));
    }
    if fields.contains_key("name") && fields.contains_key("description") {
        return Some((Format::ClaudeMemory, true));
    }
    let blocks = blocks(body);
    let is_part = |block: &Block| matches!(block, Block::Heading { text, .. } if text == "Observations" || text == "Relations");
    if blocks.iter().any(is_part) {
        return Some((Format::BasicMemory, true));
    }
    let has_items = blocks.iter().any(|block| matches!(block, Block::Item(_)));
    has_items.then_some((Format::Bullets, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, text: &str) -> Document {
        Document {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_folder_is_of_one_form_or_refused_with_a_file_of_each() {
        let list = document("a.md", "- one\n");
        let note = document("b/n.md", "---\npermalink: n\n---\n- [fact] x\n");
        let index = document("MEMORY.md", "- [x](x.md)\n");
        let rules = document("CLAUDE.md", "- one\n");
        let prose = document("README.md", "words\n");
        for (documents, format) in [
            (vec![&list, &prose], Format::Bullets),
            (vec![&list, &note], Format::BasicMemory),
            (vec![&list, &index, &prose], Format::ClaudeMemory),
            (vec![&rules, &list], Format::Bullets),
        ] {
            let documents: Vec<Document> = documents.into_iter().cloned().collect();
            assert_eq!(Format::of_documents(&documents).unwrap(), format);
        }
        let told = Format::of_documents(&[rules, list, note]).unwrap_err();
        assert_eq!(
            told.to_string(),
            "the folder holds files of two forms: CLAUDE.md is taken for bullets, b/n.md for basic-memory"
        );
        assert!(Format::of_documents(&[prose]).is_err());
    }
}
