//! A value beside a name that says that it is secret: behind a sign, a verb or an option.

use super::value;

/// How the last word of a name of something secret ends.
const NAMES: [&str; 17] = [
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accountkey",
    "authkey",
    "encryptionkey",
    "masterkey",
    "privatekey",
    "secretkey",
    "secretkeybase",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
    "webhookkey",
    "credential",
    "credentials",
];
/// Names of what people choose, which may be short.
const CHOSEN: [&str; 13] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "contraseña",
    "senha",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
];
/// Names of that which end many other words.
const WHOLE: [&str; 2] = ["pw", "pass"];
/// What stands between a name and its value.
const SIGNS: [&str; 8] = ["=", ":", ":=", "=>", "->", "==", "\u{2192}", "\u{21d2}"];
const SAID: [&str; 2] = ["is", "was"];
/// What stands between a verb and what is said.
const BETWEEN: [&str; 7] = [
    "now",
    "still",
    "currently",
    "always",
    "just",
    "simply",
    "to",
];
const SET: [&str; 3] = ["set", "changed", "reset"];
/// What a name is joined with to that which it belongs to, and in how many words.
const OF: [&str; 9] = [
    "of", "for", "to", "on", "in", "at", "from", "behind", "used",
];
const AHEAD: usize = 9;

/// A name, and what may be its value.
struct Pair<'a> {
    name: String,
    value: &'a str,
    /// Whether a verb stands between them.
    is_said: bool,
}

/// Whether something secret stands in an element of that name, and what.
pub(super) fn in_element(text: &str) -> Option<&'static str> {
    let ends = text.match_indices("</");
    let mut elements = ends.filter_map(|(at, end)| {
        let name = text.get(at + end.len()..)?.split('>').next()?;
        let value = text.get(..at)?.rsplit('>').next()?;
        Some((secret_name(name)?, value))
    });
    elements.find_map(|(name, value)| judged(&name, value, false))
}

/// Whether something secret stands behind its name, and what.
pub(super) fn found(text: &str) -> Option<&'static str> {
    // What is printed bold is said all the same.
    let text = text.replace("**", "");
    let ends = |c: char| c.is_whitespace() || ",;&".contains(c);
    let words: Vec<&str> = text.split(ends).filter(|word| !word.is_empty()).collect();
    (0..words.len()).find_map(|at| {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let pair = pair(before.copied().unwrap_or_default(), words.get(at..)?)?;
        judged(&pair.name, pair.value, pair.is_said)
    })
}

/// What a value is that stands beside that name; `None` if it is nothing secret.
pub(super) fn judged(name: &str, value: &str, is_said: bool) -> Option<&'static str> {
    let value = bare(value);
    let with_user = name.ends_with("credentials").then(|| value.split_once(':'));
    if let Some((_, password)) = with_user.flatten() {
        return value::is_chosen(password, false).then_some("a password");
    }
    match is_chosen(name) {
        true => value::is_chosen(value, is_said).then_some("a password"),
        false => value::is_drawn(value).then_some("a secret value"),
    }
}

/// A name and its value at the beginning of these words.
fn pair<'a>(before: &str, words: &[&'a str]) -> Option<Pair<'a>> {
    let first = *words.first()?;
    // What an address has in it has its own test.
    let signs = ['=', ':'].iter().filter(|_| !first.contains("://"));
    for (name, value) in signs.filter_map(|sign| first.split_once(*sign)) {
        let Some(name) = name_of(before, name) else {
            continue;
        };
        let value = value.trim_start_matches(['=', ':', '>']);
        let value = match bare(value) {
            "" => *words.get(1)?,
            _ => value,
        };
        return Some(Pair {
            name,
            value,
            is_said: false,
        });
    }
    let name = name_of(before, first)?;
    if first.starts_with("--") {
        return Some(Pair {
            name,
            value: words.get(1)?,
            is_said: false,
        });
    }
    let (value, is_said) = told(words.get(1..)?)?;
    Some(Pair {
        name,
        value,
        is_said,
    })
}

/// What is told of a name behind it, and whether by a verb.
fn told<'a>(words: &[&'a str]) -> Option<(&'a str, bool)> {
    let first = *words.first()?;
    let belongs = OF.contains(&first.to_lowercase().as_str()) || first.starts_with('(');
    let ahead = if belongs { AHEAD } else { 1 };
    for (at, word) in words.iter().enumerate().take(ahead) {
        let plain = word.trim_end_matches(':');
        let rest = words.get(at + 1..).unwrap_or_default();
        if SAID.contains(&plain.to_lowercase().as_str()) {
            return Some((said(rest)?, plain == *word));
        }
        let ends = at > 0 && word.len() > 1 && word.ends_with([':', '=']);
        if SIGNS.contains(word) || ends {
            return Some((rest.first()?, false));
        }
        if word.ends_with(['.', '!', '?']) {
            break;
        }
    }
    // `machine github.com login ann password hunter2`
    let has_digit = first.bytes().any(|b| b.is_ascii_digit());
    has_digit.then_some((first, true))
}

/// What is said behind a verb.
fn said<'a>(words: &[&'a str]) -> Option<&'a str> {
    let mut words = words.iter().copied().peekable();
    let is_set = |word: &str, next: Option<&&str>| SET.contains(&word) && next == Some(&"to");
    while let Some(word) = words.next() {
        if !(BETWEEN.contains(&word) || is_set(word, words.peek())) {
            return Some(word);
        }
    }
    None
}

/// The name that a word ends with the word before it, in small letters without marks, if it is that of
/// something secret.
fn name_of(before: &str, text: &str) -> Option<String> {
    match secret_name(text) {
        None if plain(text) == "key" => secret_name(&format!("{before}key")),
        name => name,
    }
}

/// A name in small letters without marks, if it ends like that of something secret.
pub(super) fn secret_name(text: &str) -> Option<String> {
    let name = plain(text);
    let is_one = is_chosen(&name) || NAMES.iter().any(|end| name.ends_with(end));
    is_one.then_some(name)
}

fn plain(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn is_chosen(name: &str) -> bool {
    CHOSEN.iter().any(|end| name.ends_with(end)) || WHOLE.contains(&name)
}

/// A value without quotes and what ends a sentence.
fn bare(text: &str) -> &str {
    let inner = text.trim_matches(|c: char| "\"'`,;()\u{201c}\u{201d}".contains(c));
    let inner = inner.trim_end_matches(['.', '!', '?']);
    match inner.contains(['{', '[']) {
        true => inner,
        false => inner.trim_end_matches(['}', ']', '"', '\'', '`']),
    }
}
