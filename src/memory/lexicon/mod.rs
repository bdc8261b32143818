//! From text to the words that are compared: what is written differently and means the same becomes the
//! same word. Words never hold anything but letters and digits, so none of them is syntax anywhere.

mod fold;
mod forms;
mod split;
mod stop;

use std::cell::RefCell;

use rust_stemmers::{Algorithm, Stemmer};
use split::{Form, Token};

/// Longest word, in characters; of a longer one the beginning counts.
const LONGEST: usize = 64;
/// Different words of a question that are looked at.
const ASKED: usize = 256;
/// How much a part of an identifier counts in a question, next to the whole.
const PART: f64 = 0.6;

/// A word of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    /// As it is compared.
    pub(super) word: String,
    /// As it was written, in lower case.
    pub(super) said: String,
    /// How much it counts.
    pub(super) weight: f64,
    /// Whether it says what a question is about; otherwise it only asks, or every text has it.
    pub(super) tells: bool,
}

/// The words of a text that is kept, in their order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut stops = Vec::new();
    split::tokens(&fold::plain(text), |token| {
        let said = lower(&token.text);
        match stop::is_stop(&said) && token.form != Form::Whole {
            // All of them are the text as long as nothing else is.
            true if words.is_empty() => stops.push(said),
            true => {}
            false => words.extend(compared(&said)),
        }
        true
    });
    match words.is_empty() {
        true => stops,
        false => words,
    }
}

/// The words of a question, each once: without those that only ask, where anything is left then.
pub(super) fn asked(text: &str) -> Vec<Term> {
    let mut terms: [Vec<Term>; 3] = Default::default();
    split::tokens(&fold::plain(text), |token| {
        let said = lower(&token.text);
        let Some(word) = compared(&said) else {
            return true;
        };
        let level = match token.form {
            Form::Whole => 0,
            _ if stop::is_stop(&said) => 2,
            _ if stop::is_asking(&said) || stop::is_asking(&word) => 1,
            _ => 0,
        };
        let word = if level == 2 { said.clone() } else { word };
        let Some(known) = terms.get_mut(level) else {
            return true;
        };
        let term = Term {
            word,
            said,
            weight: weight(&token),
            tells: level == 0,
        };
        put(known, term);
        known.len() < ASKED
    });
    let chosen = terms.into_iter().find(|terms| !terms.is_empty());
    chosen.unwrap_or_default()
}

/// All words of a text as they stand there, in lower case, each with what it is compared as.
pub(super) fn written(text: &str) -> Vec<(String, String)> {
    let mut written = Vec::new();
    split::tokens(&fold::plain(text), |token| {
        let said = lower(&token.text);
        let word = compared(&said);
        written.extend(word.map(|word| (said, word)));
        true
    });
    written
}

/// Whether a word is of a script that is compared by pairs of characters.
pub(super) fn runs_on(word: &str) -> bool {
    word.chars().all(fold::runs_on)
}

fn put(terms: &mut Vec<Term>, new: Term) {
    match terms.iter_mut().find(|term| term.word == new.word) {
        Some(known) => known.weight = known.weight.max(new.weight),
        None => terms.push(new),
    }
}

fn weight(token: &Token) -> f64 {
    match token.form {
        Form::Part => PART,
        Form::Word | Form::Whole | Form::Pair => 1.0,
    }
}

fn lower(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower
        .filter(|c| c.is_alphanumeric())
        .take(LONGEST)
        .collect()
}

/// The word that stands for `said` and its other forms.
fn compared(said: &str) -> Option<String> {
    thread_local! {
        static ENGLISH: RefCell<Stemmer> = RefCell::new(Stemmer::create(Algorithm::English));
    }
    if said.is_empty() {
        return None;
    }
    if !said.bytes().all(|b| b.is_ascii_lowercase()) {
        return Some(said.to_owned());
    }
    let base = forms::base(said).unwrap_or(said);
    Some(ENGLISH.with_borrow(|english| english.stem(base).into_owned()))
}

#[cfg(test)]
mod tests;
