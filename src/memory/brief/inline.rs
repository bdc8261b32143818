//! Made to fit in a reply. What surrounds a hit goes first, then hits that are further down than most
//! read, and the longest texts are shortened last.

use super::{Answer, BesideView, KeptView, RecallView};
use crate::text::size::{REPLY, shares, shortened, size};

/// Bytes of each text that a hit keeps at least, and of each text of its history.
const LEAST: usize = 700;
const BESIDE: usize = 200;
/// Older ones are left out of a history.
const HISTORY: usize = 5;
/// Tags and links where there is little room.
const TAGS: usize = 8;
const LINKS: usize = 3;
/// Of a text that is known already; it goes where there is less room for each.
const LEAST_KNOWN: usize = 40;
/// What may still be added: what was cut of each text, and a note.
const CUT: usize = 24;
const NOTE: usize = 120;

impl RecallView {
    /// The same within a reply.
    #[must_use]
    pub fn inline(mut self) -> Self {
        if size(&self) <= REPLY {
            return self;
        }
        for hit in &mut self.hits {
            hit.nearby.clear();
        }
        if size(&self) <= REPLY {
            return self;
        }
        for hit in &mut self.hits {
            let old = hit.history.len().saturating_sub(HISTORY);
            hit.history.drain(..old);
            hit.history.iter_mut().for_each(shorten);
            hit.memory.tags.truncate(TAGS);
            hit.memory.links.truncate(LINKS);
            hit.memory.stale.truncate(LINKS);
        }
        let found = self.hits.len();
        loop {
            let wants: Vec<usize> = self.hits.iter().map(|hit| size(&hit.memory.text)).collect();
            let others = size(&self) - wants.iter().sum::<usize>() + NOTE + CUT * wants.len();
            let shares = shares(REPLY.saturating_sub(others), &wants);
            let enough = |(share, want): (&usize, &usize)| share >= want || *share >= LEAST;
            if self.hits.len() > 1 && !shares.iter().zip(&wants).all(enough) {
                self.hits.pop();
                continue;
            }
            for (hit, share) in self.hits.iter_mut().zip(shares) {
                hit.memory.text = shortened(&hit.memory.text, share);
            }
            break;
        }
        let more = found - self.hits.len();
        if more > 0 {
            let note = format!("{more} more were found and have no room; ask more narrowly");
            self.notes.push(note);
        }
        self
    }
}

fn shorten(beside: &mut BesideView) {
    beside.text = shortened(&beside.text, BESIDE);
}

impl Answer {
    /// The same within a reply.
    #[must_use]
    pub fn inline(mut self) -> Self {
        if size(&self) <= REPLY {
            return self;
        }
        let mut all: Vec<&mut KeptView> = self.one.iter_mut().chain(&mut self.entries).collect();
        // Whoever calls has named them.
        all.iter_mut().for_each(|it| it.superseded.clear());
        let text = |it: &&mut KeptView| it.text.as_ref().map_or(0, size);
        let wants: Vec<usize> = all.iter().map(text).collect();
        let others = all.iter().map(size).sum::<usize>() - wants.iter().sum::<usize>();
        let room = REPLY.saturating_sub(others + CUT * wants.len() + 4 * NOTE);
        if room / wants.len().max(1) < LEAST_KNOWN {
            for it in all {
                (it.text, it.trust) = (None, None);
            }
            return self;
        }
        for (it, share) in all.into_iter().zip(shares(room, &wants)) {
            if let Some(text) = &mut it.text {
                *text = shortened(text, share);
            }
        }
        self
    }
}
