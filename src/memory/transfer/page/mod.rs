//! A page of memories that a person reads and edits: Markdown, a bullet a memory. What a memory is, is
//! in a comment at the end of its bullet, which no reader of Markdown shows; a text stands there as it
//! is, whatever it holds. The last lines say what was on the page, so that what is missing was removed.

mod apply;
mod edit;
mod parse;
mod write;

pub use apply::{Applied, Edit};
pub use write::page;

/// What a page begins with, by which it is known.
pub(super) const MARK: &str = "<!-- ostler memory page ";
/// What the list of what was on a page begins with.
const FOOT: &str = "<!-- on this page: ";
const END: &str = " -->";
/// What stands there between an id and the time of the last change of its memory.
const SINCE: char = '@';
/// What stands there of a page with no memories.
const NOTHING: &str = "nothing";
/// The form of these pages.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
