//! Where a page of tasks ends and the next one begins: by what the list is ordered by, not by a
//! number of rows, so that tasks that come and go shift nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::error::TaskError;

/// Longest cursor of ours.
const LONGEST: usize = 120;

/// The last entry of a page: three numbers and a text that the list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) numbers: [i64; 3],
    pub(super) id: String,
}

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
        let [a, b, c] = self.numbers;
        format!("{mark:08x}.{a}.{b}.{c}.{}", self.id)
    }

    /// A cursor read back.
    pub(super) fn parse(cursor: &str, mark: u32) -> Result<Self, TaskError> {
        let bad = |problem: &str| TaskError::bad("cursor", problem);
        let parts: Vec<&str> = match cursor.len() {
            ..=LONGEST => cursor.split('.').collect(),
            _ => Vec::new(),
        };
        let [list, a, b, c, id] = parts.as_slice() else {
            return Err(bad("is none that a list of tasks gave out"));
        };
        let number = |text: &&str| text.parse::<i64>();
        let (Ok(list), Ok(a), Ok(b), Ok(c)) = (
            u32::from_str_radix(list, 16),
            number(a),
            number(b),
            number(c),
        ) else {
            return Err(bad("is none that a list of tasks gave out"));
        };
        if list != mark {
            return Err(bad("belongs to a list with another view or other filters"));
        }
        Ok(Self {
            numbers: [a, b, c],
            id: (*id).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let key = Key {
            numbers: [0, -7, i64::MAX],
            id: "t-0a1b2c".to_owned(),
        };
        let mark = mark(&("ready", ""));
        assert_eq!(Key::parse(&key.cursor(mark), mark).unwrap(), key);
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        let here = mark(&"here");
        let key = Key {
            numbers: [1, 2, 3],
            id: String::new(),
        };
        let elsewhere = Key::parse(&key.cursor(mark(&"there")), here).unwrap_err();
        assert_eq!(
            elsewhere.to_string(),
            "`cursor` belongs to a list with another view or other filters"
        );
        let long = key.cursor(here) + &"x".repeat(200);
        for text in [
            "",
            "7",
            "....",
            "zz.1.2.3.",
            "1.2.3",
            "1.1e3.2.3.x",
            long.as_str(),
        ] {
            let refused = Key::parse(text, here).unwrap_err().to_string();
            assert_eq!(
                refused, "`cursor` is none that a list of tasks gave out",
                "{text}"
            );
        }
    }
}
