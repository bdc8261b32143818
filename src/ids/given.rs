//! What somebody wrote where an id is expected: an id, the beginning of one, or a slip.

use crate::text::one_line;

/// Ids that are named for a mistyped one.
const NEAREST: usize = 3;
/// Characters of an id that stand for it, at least: one or two may be a slip, or a name of something else.
const SHORTEST: usize = 3;
/// Longest text that may stand where an id is expected.
const LONGEST: usize = 40;
/// Ids that differ from a mistyped one by more are none that was meant.
const SLIPS: usize = 2;
/// Characters of a title that are repeated beside its id.
const TITLE: usize = 60;

/// An id or the beginning of one, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// What ids that are meant begin with.
    pub(crate) beginning: String,
    /// What was written, fit to be repeated.
    pub(crate) shown: String,
    letter: usize,
}

impl Given {
    /// Reads `text`, which may leave out `letter`, such as `t-`.
    pub(crate) fn read(text: &str, letter: &str) -> Self {
        let text = text.trim();
        let lower: String = text.chars().take(LONGEST).collect();
        let lower = lower.to_ascii_lowercase();
        Self {
            beginning: match lower.starts_with(letter) {
                true => lower,
                false => format!("{letter}{lower}"),
            },
            shown: one_line(text, LONGEST),
            letter: letter.len(),
        }
    }

    /// Whether it is enough to stand for an id.
    pub(crate) fn is_enough(&self) -> bool {
        self.beginning.len() >= self.letter + SHORTEST
    }

    /// What comes behind every id that is meant.
    pub(crate) fn end(&self) -> String {
        format!("{}~", self.beginning)
    }

    /// Those of `known`, ids and titles, that look like it, the nearest first: `t-0a1b2c "title"`.
    pub(crate) fn nearest(&self, known: Vec<(String, String)>) -> Vec<String> {
        let known = known.into_iter().map(|(id, title)| {
            let slips = strsim::levenshtein(&id, &self.beginning);
            (slips, id, title)
        });
        let mut near: Vec<_> = known.filter(|(slips, ..)| *slips <= SLIPS).collect();
        near.sort();
        let named = near
            .into_iter()
            .map(|(_, id, title)| format!("{id} {:?}", one_line(&title, TITLE)));
        named.take(NEAREST).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_may_be_left_out_and_case_does_not_matter() {
        for text in ["t-0a1b2c", "0A1B2C", " T-0a1B2c "] {
            assert_eq!(Given::read(text, "t-").beginning, "t-0a1b2c");
        }
        assert!(Given::read("0a1", "t-").is_enough());
        assert!(!Given::read("t-0a", "t-").is_enough());
    }

    #[test]
    fn the_nearest_are_named_with_their_titles() {
        let known = [("t-0a1b2x", "one"), ("t-0a1bxx", "two"), ("t-zzzzzz", "no")];
        let known = known.map(|(id, title)| (id.to_owned(), title.to_owned()));
        let nearest = Given::read("0a1b2c", "t-").nearest(known.to_vec());
        assert_eq!(nearest, ["t-0a1b2x \"one\"", "t-0a1bxx \"two\""]);
    }

    #[test]
    fn what_is_no_id_at_all_is_repeated_in_part() {
        let given = Given::read(&"x\u{1b}".repeat(1_000_000), "t-");
        assert!(given.shown.chars().count() <= LONGEST + 1, "{given:?}");
        assert!(!given.shown.contains('\u{1b}'));
    }
}
