//! A task in a reply that stays small whatever was written into it.

use serde::Serialize;

use super::{NoteView, TaskView};
use crate::text::one_line;
use crate::text::size::{REPLY, beginning, fitting, shares, shortened, size};

/// Most bytes of a task that is asked for whole: its texts at their longest, and some of its history.
const WHOLE: usize = 128 * 1024;
/// Characters of a title beside that of the task itself.
const TITLE: usize = 60;
/// Most bytes of each of its lists.
const LIST: usize = 1000;
/// Most bytes of why it was closed, and of what has shown that it is done.
const END: usize = 500;
/// What it takes to say what was cut.
const CUT: usize = 250;
/// Which part of the room is at least for its history, where there is much of that.
const HISTORY: usize = 6;
/// Least bytes of an entry of its history that is shown.
const NOTE: usize = 200;

impl TaskView {
    /// The task as a reply has it that nobody wanted to be long: short lists, and all of it in 8 kB or
    /// a little more. What is not shown as a whole is named.
    #[must_use]
    pub fn inline(mut self) -> TaskView {
        self.shorten_lists();
        self.shorten_texts(REPLY);
        self
    }

    /// The task with nothing cut that any client could take.
    #[must_use]
    pub fn whole(mut self) -> TaskView {
        if size(&self) > WHOLE {
            self.shorten_lists();
            self.shorten_texts(WHOLE);
        }
        self
    }

    fn shorten_lists(&mut self) {
        if size(&self.parts) + size(&self.edges) > LIST {
            let titles = (self.parts.iter_mut().map(|it| &mut it.title))
                .chain(self.edges.iter_mut().map(|it| &mut it.title));
            titles.for_each(|title| *title = one_line(title, TITLE));
        }
        let mut cut = [
            keep("above", &mut self.above),
            keep("parts", &mut self.parts),
            keep("links", &mut self.links),
        ];
        let edges = self.edges.len();
        if keep("edges", &mut self.edges).is_some() {
            let left_out = u32::try_from(edges - self.edges.len()).unwrap_or(u32::MAX);
            self.more_edges = Some(self.more_edges.unwrap_or_default() + left_out);
        }
        self.cut.extend(cut.iter_mut().filter_map(Option::take));
        self.cut.extend(shorten("why", &mut self.why, END));
        if let Some(proof) = &mut self.evidence
            && size(proof) > END
        {
            let texts = proof.commands.iter_mut().chain([&mut proof.seen]);
            texts.for_each(|text| *text = shortened(text, END / 4));
            proof.commits.truncate(4);
            proof.commands.truncate(4);
            proof.agents.truncate(4);
            self.cut.push("evidence".to_owned());
        }
    }

    /// What is left of the reply is divided among the long texts and the history.
    fn shorten_texts(&mut self, limit: usize) {
        if size(self) <= limit {
            return;
        }
        let mut description = std::mem::take(&mut self.description);
        let mut acceptance = std::mem::take(&mut self.acceptance);
        let notes = std::mem::take(&mut self.notes);
        let room = limit.saturating_sub(size(self) + CUT);
        // What is to be done counts more than what was said of it.
        let for_notes = size(&notes).min(room / HISTORY);
        let wants = [size(&description), size(&acceptance)];
        let mut shares = shares(room - for_notes, &wants).into_iter();
        let mut share = || shares.next().unwrap_or_default();
        let cut = [
            shorten("description", &mut description, share()),
            shorten("acceptance", &mut acceptance, share()),
        ];
        self.cut.extend(cut.into_iter().flatten());
        let room = room.saturating_sub(size(&description) + size(&acceptance));
        self.description = description;
        self.acceptance = acceptance;
        self.notes = notes;
        self.shorten_notes(room);
    }

    /// The last entries count most.
    fn shorten_notes(&mut self, budget: usize) {
        let all = self.notes.len();
        if all == 0 || size(&self.notes) <= budget {
            return;
        }
        let texts: usize = self.notes.iter().map(|note| size(&note.text)).sum();
        let around = size(&self.notes).saturating_sub(texts) / all;
        let shown = (budget / (around + NOTE)).clamp(1, all);
        self.notes.drain(..all - shown);
        if shown < all {
            let left_out = u32::try_from(all - shown).unwrap_or(u32::MAX);
            self.more_notes = Some(self.more_notes.unwrap_or_default() + left_out);
        }
        let wants: Vec<usize> = self.notes.iter().map(size::<NoteView>).collect();
        for (note, share) in self.notes.iter_mut().zip(shares(budget, &wants)) {
            let over = size(note).saturating_sub(share);
            if over > 0 {
                // Room for the word that something was cut.
                let text = size(&note.text).saturating_sub(over + 22);
                note.text = shortened(&note.text, text);
            }
        }
    }
}

/// Keeps of a list what there is room for, and says what that is.
fn keep<T: Serialize>(name: &str, list: &mut Vec<T>) -> Option<String> {
    let (all, shown) = (list.len(), fitting(list, LIST).max(1));
    list.truncate(shown);
    (shown < all).then(|| format!("{name}: the first {shown} of {all}"))
}

/// Keeps of a text what there is room for, and says what that is.
fn shorten(name: &str, text: &mut String, limit: usize) -> Option<String> {
    let (all, shown) = (text.len(), beginning(text, limit).len());
    text.truncate(shown);
    (shown < all).then(|| format!("{name}: the first {shown} of {all} bytes"))
}
