//! Where a page of tasks ends and the next one begins: by what the list is ordered by, not by a
//! number of rows, so that tasks that come and go shift nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::error::TaskError;

/// Longest cursor of ours.
const LONGEST: usize = 120;

/// The last entry of a page: what the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) [i64; 4]);

/// Which list a cursor belongs to: the same question gives the same mark.
pub(super) fn mark(question: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    // One half of it tells lists apart well enough.
    u32::try_from(hasher.finish() >> 32).unwrap_or_default()
}

impl Key {
    /// The cursor that goes on behind this entry.
    pub(super) fn cursor(&self, mark: u32) -> String {
        let [a, b, c, d] = self.0;
        format!("{mark:08x}.{a}.{b}.{c}.{d}")
    }

    /// A cursor read back.
    pub(super) fn parse(cursor: &str, mark: u32) -> Result<Self, TaskError> {
        let bad = |problem: &str| TaskError::bad("cursor", problem);
        let (list, numbers) =
            read(cursor).ok_or_else(|| bad("is none that a list of tasks gave out"))?;
        match list == mark {
            true => Ok(Self(numbers)),
            false => Err(bad("belongs to a list with another view or other filters")),
        }
    }
}

/// The mark of a list, and the numbers of an entry.
fn read(cursor: &str) -> Option<(u32, [i64; 4])> {
    if cursor.len() > LONGEST {
        return None;
    }
    let (list, numbers) = cursor.split_once('.')?;
    let numbers: Result<Vec<i64>, _> = numbers.split('.').map(str::parse).collect();
    let list = u32::from_str_radix(list, 16).ok()?;
    Some((list, numbers.ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let key = Key([0, -7, i64::MAX, i64::MIN]);
        let mark = mark(&("ready", ""));
        assert_eq!(Key::parse(&key.cursor(mark), mark).unwrap(), key);
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        let here = mark(&"here");
        let key = Key([1, 2, 3, 4]);
        let elsewhere = Key::parse(&key.cursor(mark(&"there")), here).unwrap_err();
        assert_eq!(
            elsewhere.to_string(),
            "`cursor` belongs to a list with another view or other filters"
        );
        let long = key.cursor(here) + &"0".repeat(200);
        for text in [
            "",
            "7",
            "....",
            "zz.1.2.3.4",
            "1.2.3.4",
            "1.1e3.2.3.4",
            &long,
        ] {
            let refused = Key::parse(text, here).unwrap_err().to_string();
            assert_eq!(
                refused, "`cursor` is none that a list of tasks gave out",
                "{text}"
            );
        }
    }
}
