//! Full-text search: what somebody has typed becomes words, and words become a query of the engine.
//! Nothing that was typed reaches the engine as syntax; the query is to be bound as a value.

/// Most words of one query.
const TERMS: usize = 12;
/// Longest word, in characters; of a longer one the beginning counts.
const TERM: usize = 64;

/// The words to look for: from one to twelve, in lower case, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms(Vec<String>);

impl Terms {
    /// The words of `text`; `None` when there is none in it.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut terms: Vec<String> = Vec::new();
        for word in text.split(|c| !belongs_to_word(c)) {
            let term: String = word.chars().take(TERM).collect();
            let term = term.to_lowercase();
            if term.chars().any(char::is_alphanumeric) && !terms.contains(&term) {
                terms.push(term);
            }
            if terms.len() == TERMS {
                break;
            }
        }
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// Whether there is only one word, so that all of them and any of them are the same.
    pub(crate) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// For FTS5: rows with all of the words.
    pub(crate) fn all(&self) -> String {
        self.printed(" AND ")
    }

    /// For FTS5: rows with at least one of the words.
    pub(crate) fn any(&self) -> String {
        self.printed(" OR ")
    }

    /// In quotes a word is never an operator. The last one may be the beginning of a longer one.
    fn printed(&self, operator: &str) -> String {
        let quoted: Vec<String> = self.0.iter().map(|term| format!("\"{term}\"")).collect();
        quoted.join(operator) + "*"
    }
}

/// A letter, a digit, or an accent that was written as a character of its own.
fn belongs_to_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> String {
        Terms::of(text).map_or_else(String::new, |terms| terms.all())
    }

    #[test]
    fn words_are_quoted_and_the_last_may_go_on() {
        assert_eq!(all("Fix the LOGIN, the"), r#""fix" AND "the" AND "login"*"#);
        assert_eq!(all("snake_case"), r#""snake" AND "case"*"#);
        assert_eq!(all("cafe\u{301}s"), "\"cafe\u{301}s\"*");
        let any = Terms::of("a OR b").map(|terms| terms.any());
        assert_eq!(any.as_deref(), Some(r#""a" OR "or" OR "b"*"#));
    }

    #[test]
    fn what_holds_no_word_is_no_query() {
        for text in ["", "  ", "\"*\" -- ' ^:()", "\u{301}", "\0"] {
            assert_eq!(Terms::of(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_query_is_bounded() {
        let words: Vec<String> = (0..100)
            .map(|at| format!("{at}{}", "x".repeat(100)))
            .collect();
        let Terms(terms) = Terms::of(&words.join(" ")).unwrap();
        assert_eq!(terms.len(), 12);
        assert!(terms.iter().all(|term| term.chars().count() == 64));
    }

    proptest! {
        #[test]
        fn no_text_closes_a_quote(text in any::<String>()) {
            if let Some(terms) = Terms::of(&text) {
                let quotes = terms.all().matches('"').count();
                prop_assert_eq!(quotes, terms.0.len() * 2);
                prop_assert!(!terms.any().contains('\0'));
            }
        }
    }
}
