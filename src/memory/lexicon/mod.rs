//! From text to the words that are compared: what is written differently and means the same becomes the
//! same word. Words never hold anything but letters and digits, so none of them is syntax anywhere.

/// Longest word, in characters; of a longer one the beginning counts.
const LONGEST: usize = 64;

/// The words of a text that is kept, in their order.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(LONGEST).collect())
        .collect()
}

/// The words of a question: without those that only ask.
pub(super) fn asked(text: &str) -> Vec<String> {
    words(text)
}
