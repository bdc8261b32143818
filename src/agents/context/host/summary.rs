//! What a session is about, drawn from its transcript without a model: how it was summed up when it
//! was compacted, what the person asked for, what was answered last, which files were changed.

use super::super::clean::{clean, one_line};
use super::super::error::Problem;
use super::item::Item;
use super::{Told, Transcript, no};
use crate::providers::clip;

/// Requests told from the end, and from the beginning.
const NEWEST: usize = 7;
const OLDEST: usize = 3;
/// Characters of a request.
const REQUEST: usize = 600;
/// Bytes of the last answer, and of a summary that the CLI has made.
const ANSWER: usize = 4_000;
const COMPACTION: usize = 9_000;
/// Files that are named.
const FILES: usize = 60;

/// Collects items, the last one first.
#[derive(Debug, Default)]
pub(super) struct Summary {
    compaction: Option<String>,
    answer: Option<String>,
    newest: Vec<String>,
    /// The first ones of those met so far.
    oldest: Vec<String>,
    requests: usize,
    /// Whether something between the newest and the oldest was not looked at.
    gap: bool,
    files: Vec<String>,
    more_files: usize,
}

impl Summary {
    pub(super) fn add(&mut self, item: Item) {
        match item {
            Item::Compacted(said) if !self.gap => {
                self.compaction.get_or_insert(said);
            }
            Item::Model(said) if !self.gap => {
                self.answer.get_or_insert(said);
            }
            Item::Person(said) => {
                self.requests += 1;
                let said = one_line(&said, REQUEST);
                if self.newest.len() < NEWEST && !self.gap {
                    self.newest.push(said);
                    return;
                }
                if self.oldest.len() == OLDEST {
                    self.oldest.remove(0);
                }
                self.oldest.push(said);
            }
            Item::Changed(path) if self.files.contains(&path) => {}
            Item::Changed(_) if self.files.len() == FILES => self.more_files += 1,
            Item::Changed(path) => self.files.push(path),
            Item::Compacted(_) | Item::Model(_) | Item::Tool { .. } => {}
        }
    }

    /// What comes now stands further up than what would come next.
    pub(super) fn skip(&mut self) {
        self.gap = true;
        self.oldest.clear();
    }

    pub(super) fn tell(self, transcript: &Transcript) -> Result<Told, Problem> {
        if self.newest.is_empty() && self.compaction.is_none() && self.answer.is_none() {
            return Err(no(
                "the transcript of this session holds no message yet".to_owned()
            ));
        }
        let mut text = String::new();
        if let Some(said) = &self.compaction {
            part(
                &mut text,
                "What came before, as the session itself summed it up",
                said,
                COMPACTION,
            );
        }
        let left_out = self.requests - self.newest.len() - self.oldest.len();
        text.push_str("What the person asked for, oldest first:\n");
        for request in self.oldest.iter().rev() {
            text.push_str(&format!("- {request}\n"));
        }
        match (self.gap, left_out) {
            (true, _) => text.push_str("- [others left out]\n"),
            (false, 0) => {}
            (false, left_out) => text.push_str(&format!("- [{left_out} others left out]\n")),
        }
        for request in self.newest.iter().rev() {
            text.push_str(&format!("- {request}\n"));
        }
        if let Some(said) = &self.answer {
            part(&mut text, "What was said last", said, ANSWER);
        }
        if !self.files.is_empty() {
            text.push_str("\nFiles that were changed, the last one first:\n");
            for path in &self.files {
                text.push_str(&format!("- {}\n", transcript.seen_from_here(path)));
            }
            if self.more_files > 0 {
                text.push_str("- [others left out]\n");
            }
        }
        let cli = transcript.cli.name();
        Ok(Told {
            about: format!("this session of {cli}, drawn from its transcript"),
            text,
        })
    }
}

fn part(text: &mut String, title: &str, said: &str, limit: usize) {
    let said = clean(said);
    let said = said.trim();
    let kept = clip(said, limit);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{title}:\n{kept}\n"));
    if kept.len() < said.len() {
        let rest = said.len() - kept.len();
        text.push_str(&format!("[cut by ostler: {rest} more bytes]\n"));
    }
    text.push('\n');
}
