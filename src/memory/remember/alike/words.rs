//! The words of a statement by what a change of them would change.

use unicode_normalization::UnicodeNormalization;

use crate::memory::lexicon;

/// Words that turn, bound or direct what the others say.
const FIXED: [&str; 75] = [
    "not",
    "no",
    "never",
    "none",
    "nobody",
    "nothing",
    "nor",
    "neither",
    "cannot",
    "without",
    "except",
    "unless",
    "only",
    "until",
    "till",
    "before",
    "after",
    "above",
    "below",
    "over",
    "under",
    "more",
    "less",
    "fewer",
    "most",
    "least",
    "max",
    "min",
    "maximum",
    "minimum",
    "first",
    "last",
    "all",
    "any",
    "every",
    "some",
    "both",
    "either",
    "or",
    "if",
    "may",
    "might",
    "can",
    "could",
    "from",
    "off",
    "out",
    "up",
    "down",
    "old",
    "new",
    "true",
    "false",
    "yes",
    "instead",
    "than",
    "against",
    "between",
    "outside",
    "inside",
    "optional",
    "almost",
    "rarely",
    "seldom",
    "sometimes",
    "often",
    "stop",
    "avoid",
    "forbidden",
    "disabled",
    "enabled",
    "one",
    "two",
    "three",
    "half",
];
/// Words that only carry others.
const CARRIERS: [&str; 83] = [
    "a",
    "an",
    "the",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "being",
    "am",
    "do",
    "does",
    "did",
    "has",
    "have",
    "had",
    "will",
    "would",
    "shall",
    "should",
    "must",
    "to",
    "of",
    "for",
    "in",
    "on",
    "at",
    "by",
    "with",
    "as",
    "and",
    "this",
    "that",
    "these",
    "those",
    "it",
    "its",
    "i",
    "we",
    "you",
    "they",
    "our",
    "us",
    "your",
    "their",
    "my",
    "he",
    "she",
    "there",
    "here",
    "which",
    "who",
    "so",
    "then",
    "now",
    "currently",
    "always",
    "also",
    "please",
    "just",
    "simply",
    "really",
    "very",
    "via",
    "through",
    "into",
    "about",
    "too",
    "remember",
    "note",
    "that's",
    "it's",
    "we're",
    "needs",
    "need",
    "ought",
    "make",
    "sure",
    "such",
    "per",
    "still",
    "already",
];
/// Letters of Chinese, Japanese and Korean that turn what the others say.
const TURNING: &str = "不没沒未无無非别別勿莫否なんずぬ안못않없말";

/// What a change of a word would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Another fact: it has to be the same.
    Fixed,
    /// What is said.
    Content,
    /// Nothing.
    Carrier,
}

/// A word of a statement.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// In small letters, without the marks around it.
    pub(super) plain: String,
    /// The same for all its forms.
    pub(super) stem: String,
    /// What it is in the index.
    pub(super) indexed: Vec<String>,
    part: Part,
}

impl Word {
    pub(super) fn is_fixed(&self) -> bool {
        self.part == Part::Fixed
    }

    pub(super) fn matters(&self) -> bool {
        self.part != Part::Carrier
    }
}

/// The words of a text in their order.
pub(super) fn of(text: &str) -> Vec<Word> {
    let text: String = text.nfkc().map(straight).collect();
    let mut words = Vec::new();
    let mut begins = true;
    for written in text.split_whitespace() {
        let bare = bare(written);
        if !bare.is_empty() {
            put(&mut words, bare, begins);
        }
        begins = written.ends_with(['.', '!', '?', ':']) || (bare.is_empty() && begins);
    }
    name_letters(&mut words);
    words
}

/// What stands where no article can is the name of something: `from a to b`.
fn name_letters(words: &mut [Word]) {
    let mut is_article = false;
    for word in words.iter_mut().rev() {
        if word.plain == "a" && !is_article {
            word.part = Part::Fixed;
        }
        is_article = word.part != Part::Carrier;
    }
}

fn put(words: &mut Vec<Word>, written: &str, begins: bool) {
    if !written.chars().any(is_unspaced) {
        words.push(word(written, begins));
        return;
    }
    // Scripts without spaces: each letter is a word, and what is between them is one.
    let mut rest = written;
    while let Some(first) = rest.chars().next() {
        let length = match is_unspaced(first) {
            true => first.len_utf8(),
            false => rest.find(is_unspaced).unwrap_or(rest.len()),
        };
        let (head, tail) = rest.split_at(length);
        if !bare(head).is_empty() {
            words.push(word(bare(head), begins));
        }
        rest = tail;
    }
}

fn word(written: &str, begins: bool) -> Word {
    let plain = written.to_lowercase();
    let indexed = lexicon::words(written);
    let part = part(written, &plain, begins);
    let stem = match (part, indexed.as_slice()) {
        (Part::Content, [stem]) => stem.clone(),
        _ => plain.clone(),
    };
    Word {
        plain,
        stem,
        indexed,
        part,
    }
}

fn part(written: &str, plain: &str, begins: bool) -> Part {
    let turns = |c: char| TURNING.contains(c);
    if CARRIERS.contains(&plain) {
        return Part::Carrier;
    }
    let is_fixed = FIXED.contains(&plain)
        || plain.ends_with("n't")
        || plain.chars().any(|c| c.is_numeric())
        // Paths, versions, operators, options, addresses.
        || plain.chars().any(|c| !c.is_alphanumeric() && c != '-' && c != '\'')
        || plain.starts_with('-')
        || written.chars().skip(1).any(char::is_uppercase)
        || (!begins && written.chars().next().is_some_and(char::is_uppercase))
        || plain.chars().any(turns);
    match is_fixed {
        true => Part::Fixed,
        false => Part::Content,
    }
}

/// A word without the marks around it, and nothing for a mark that only parts words.
fn bare(written: &str) -> &str {
    let marks = |c: char| {
        ".,;:!?\"'`()[]{}\u{2026}\u{3001}\u{3002}\u{300c}\u{300d}\u{ab}\u{bb}*".contains(c)
    };
    let is_operator = |c: char| "=<>!+*/|&~^%".contains(c);
    let inner = match written.chars().all(is_operator) {
        true => written,
        false => written
            .trim_end_matches(marks)
            .trim_start_matches(|c: char| marks(c) && c != '.'),
    };
    let parts_words = |c: char| "-\u{2013}\u{2014}\u{2022}\u{b7}\u{2192}*>.".contains(c);
    match inner.chars().all(parts_words) {
        true => "",
        false => inner,
    }
}

/// One kind of each quotation mark and dash.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2010}' | '\u{2011}' => '-',
        other => other,
    }
}

/// Letters of scripts that put no spaces between words, and Korean, whose endings stand at the word.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}' | '\u{e00}'..='\u{eff}')
}
