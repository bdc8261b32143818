//! The last messages of a transcript, as they are told to an agent.

use super::super::ENTRY_LIMIT;
use super::super::clean::clean;
use super::super::error::Problem;
use super::item::Item;
use super::{Told, Transcript, no};
use crate::providers::clip;

/// Tells `items`, which come last one first and hold that many `messages`; `all` if there are no
/// others.
pub(super) fn tell(
    transcript: &Transcript,
    items: Vec<Item>,
    messages: usize,
    all: bool,
) -> Result<Told, Problem> {
    if messages == 0 {
        return Err(no(
            "the transcript of this session holds no message yet".to_owned()
        ));
    }
    let mut text = String::new();
    for item in items.into_iter().rev() {
        match item {
            Item::Person(said) => part(&mut text, "The person", &said),
            Item::Model(said) => part(&mut text, "The model", &said),
            Item::Compacted(said) => part(&mut text, "Summary of all before", &said),
            Item::Tool {
                name,
                arguments,
                outcome,
            } => {
                let outcome = outcome.as_deref().unwrap_or("(no result yet)");
                text.push_str(&format!("[tool {name} {arguments} -> {outcome}]\n"));
            }
            Item::Changed(path) => {
                let path = transcript.seen_from_here(&path);
                text.push_str(&format!("[changed {path}]\n"));
            }
        }
    }
    let which = if all { "all" } else { "the last" };
    let cli = transcript.cli.name();
    let plural = if messages == 1 { "" } else { "s" };
    Ok(Told {
        about: format!("{which} {messages} message{plural} of this session of {cli}"),
        text,
    })
}

fn part(text: &mut String, who: &str, said: &str) {
    let said = clean(said);
    let said = said.trim();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{who}:\n{}\n", clip(said, ENTRY_LIMIT)));
    if said.len() > ENTRY_LIMIT {
        let rest = said.len() - clip(said, ENTRY_LIMIT).len();
        text.push_str(&format!("[cut by ostler: {rest} more bytes]\n"));
    }
}
