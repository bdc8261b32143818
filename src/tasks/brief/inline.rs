//! A task in a reply that stays small whatever was written into it.

use serde::Serialize;

use super::{NoteView, TaskView};
use crate::text::one_line;
use crate::text::size::{REPLY, fitting, shares, shortened, size};

/// Characters of a title beside that of the task itself.
const TITLE: usize = 60;
/// Most bytes of each of its lists.
const LIST: usize = 1000;
/// Most bytes of why it was closed, and of what has shown that it is done.
const END: usize = 500;
/// What it takes to say what was cut.
const CUT: usize = 250;
/// Least bytes of an entry of its history that is shown.
const NOTE: usize = 200;

/// A task with long texts and lists cut.
#[derive(Debug, Clone, Serialize)]
pub struct TaskInline {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// What is not shown in full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<&'static str>,
}

impl TaskView {
    /// The task within the size of a reply.
    pub fn inline(self) -> TaskInline {
        let (mut task, mut cut) = (self, Vec::new());
        if size(&task) > REPLY {
            task.shorten_lists(&mut cut);
            task.shorten_texts(&mut cut);
        }
        TaskInline { task, cut }
    }

    fn shorten_lists(&mut self, cut: &mut Vec<&'static str>) {
        let titles = (self.above.iter_mut().map(|it| &mut it.title))
            .chain(self.parts.iter_mut().map(|it| &mut it.title))
            .chain(self.edges.iter_mut().map(|it| &mut it.title));
        for title in titles {
            *title = one_line(title, TITLE);
        }
        keep(&mut self.above, "above", cut);
        keep(&mut self.parts, "parts", cut);
        keep(&mut self.edges, "edges", cut);
        keep(&mut self.links, "links", cut);
        shorten(&mut self.why, END, "why", cut);
        if let Some(proof) = &mut self.evidence
            && size(proof) > END
        {
            let texts = proof.commands.iter_mut().chain([&mut proof.seen]);
            texts.for_each(|text| *text = shortened(text, END / 4));
            proof.commits.truncate(4);
            proof.commands.truncate(4);
            proof.agents.truncate(4);
            cut.push("evidence");
        }
    }

    /// What is left of the reply is divided among the long texts and the history.
    fn shorten_texts(&mut self, cut: &mut Vec<&'static str>) {
        let description = std::mem::take(&mut self.description);
        let acceptance = std::mem::take(&mut self.acceptance);
        let notes = std::mem::take(&mut self.notes);
        let room = REPLY.saturating_sub(size(self) + CUT);
        let wants = [size(&description), size(&acceptance), size(&notes)];
        let shares = shares(room, &wants);
        let [for_description, for_acceptance, for_notes] = shares.as_slice() else {
            return;
        };
        self.description = description;
        self.acceptance = acceptance;
        self.notes = notes;
        shorten(
            &mut self.description,
            *for_description,
            "description",
            cut,
        );
        shorten(&mut self.acceptance, *for_acceptance, "acceptance", cut);
        self.shorten_notes(*for_notes, cut);
    }

    /// The last entries count most.
    fn shorten_notes(&mut self, budget: usize, cut: &mut Vec<&'static str>) {
        if size(&self.notes) <= budget {
            return;
        }
        let texts: usize = self.notes.iter().map(|note| size(&note.text)).sum();
        let around = size(&self.notes).saturating_sub(texts);
        let each = around / self.notes.len().max(1) + NOTE;
        let first = self.notes.len() - (budget / each.max(1)).clamp(1, self.notes.len());
        let left_out = self.notes.drain(..first).count();
        let more = self.more_notes.unwrap_or_default() + u32::try_from(left_out).unwrap_or(0);
        self.more_notes = (more > 0).then_some(more);
        let wants: Vec<usize> = self.notes.iter().map(size::<NoteView>).collect();
        for (note, share) in self.notes.iter_mut().zip(shares(budget, &wants)) {
            let over = size(note).saturating_sub(share);
            if over > 0 {
                // Room for the word that something was cut.
                let text = size(&note.text).saturating_sub(over + 22);
                note.text = shortened(&note.text, text);
            }
        }
        cut.push("notes");
    }
}

fn keep<T: Serialize>(list: &mut Vec<T>, name: &'static str, cut: &mut Vec<&'static str>) {
    let shown = fitting(list, LIST).max(1);
    if shown < list.len() {
        list.truncate(shown);
        cut.push(name);
    }
}

fn shorten(text: &mut String, limit: usize, name: &'static str, cut: &mut Vec<&'static str>) {
    if size(text) > limit {
        *text = shortened(text, limit);
        cut.push(name);
    }
}
