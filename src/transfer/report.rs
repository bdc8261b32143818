//! Lines that are passed by, and how many of what is told is shown.

use serde::Serialize;

/// Entries of a kind that are told; all are counted.
const SHOWN: usize = 50;

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// A list of which the first entries are told.
pub(crate) trait Told<T> {
    /// Tells of one more, if there is room, and counts it.
    fn tell(&mut self, counted: &mut u64, entry: T);
}

impl<T> Told<T> for Vec<T> {
    fn tell(&mut self, counted: &mut u64, entry: T) {
        *counted += 1;
        if self.len() < SHOWN {
            self.push(entry);
        }
    }
}
