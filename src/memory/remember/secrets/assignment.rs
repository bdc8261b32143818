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
/// Short names of passwords, which end many other words: they count as a part of a name of their own,
/// as in `DB_PASS`, and where a sign stands between them and a value.
const SHORT: [&str; 2] = ["pass", "pw"];
/// What `pass` is written together with.
const TOGETHER: [&str; 8] = ["admin", "db", "key", "my", "root", "smtp", "store", "user"];
/// What a key is called that anybody may know.
const OPEN: [&str; 11] = [
    "public",
    "publishable",
    "primary",
    "foreign",
    "sort",
    "partition",
    "cache",
    "idempotency",
    "routing",
    "site",
    "host",
];
/// What stands between a name and its value.
const SIGNS: [&str; 8] = ["=", ":", ":=", "=>", "->", "==", "\u{2192}", "\u{21d2}"];
const SAID: [&str; 3] = ["is", "was", "are"];
/// What says what something will be, before `be`.
const WILL: [&str; 3] = ["will", "shall", "must"];
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
    told: Told,
}

/// What stands between a name and its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Told {
    /// An equals sign, or nothing where nothing but the value can stand.
    Set,
    /// Another sign.
    Named,
    /// A verb.
    Said,
}

/// Whether something secret stands in an element of that name, and what.
pub(super) fn in_element(text: &str) -> Option<&'static str> {
    let ends = text.match_indices("</");
    let mut elements = ends.filter_map(|(at, end)| {
        let name = text.get(at + end.len()..)?.split('>').next()?;
        let value = text.get(..at)?.rsplit('>').next()?;
        Some((password_name(name)?, value))
    });
    elements.find_map(|(name, value)| judged(&name, value, Told::Named))
}

/// Whether something secret stands behind its name, and what.
pub(super) fn found(text: &str) -> Option<&'static str> {
    // What is printed bold is said all the same.
    let text = text.replace("**", "");
    let ends = |c: char| c.is_whitespace() || ",;&".contains(c);
    let words: Vec<&str> = text.split(ends).filter(|word| !word.is_empty()).collect();
    (0..words.len()).find_map(|at| {
        if let Some(what) = used(words.get(at..)?) {
            return Some(what);
        }
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let pair = pair(before.copied().unwrap_or_default(), words.get(at..)?)?;
        judged(&pair.name, pair.value, pair.told)
    })
}

/// What is used as something secret: `use … as the password`.
fn used(words: &[&str]) -> Option<&'static str> {
    let (
        [
            "use" | "Use" | "using" | "Using" | "used" | "Used",
            value,
            "as",
        ],
        rest,
    ) = words.split_at_checked(3)?
    else {
        return None;
    };
    let ends = |word: &&str| word.ends_with(['.', '!', '?', ':']);
    let last = rest
        .iter()
        .take(AHEAD)
        .position(|word| OF.contains(word) || ends(word));
    // What it is used as, up to what that is for.
    let last = match last {
        Some(at) if rest.get(at).is_some_and(ends) => at,
        Some(at) => at.checked_sub(1)?,
        None => rest.len().checked_sub(1)?,
    };
    let before = last.checked_sub(1).and_then(|at| rest.get(at)).copied();
    let name = name_of(before.unwrap_or_default(), rest.get(last)?)?;
    judged(&name, value, Told::Said)
}

/// What a value is that stands beside that name; `None` if it is nothing secret.
pub(super) fn judged(name: &str, value: &str, told: Told) -> Option<&'static str> {
    let value = bare(value);
    let with_user = name.ends_with("credentials").then(|| value.split_once(':'));
    if let Some((_, password)) = with_user.flatten() {
        return value::is_chosen(password, false).then_some("a password");
    }
    let is_said = told == Told::Said;
    if is_chosen(name) || is_short(name) && name != "pass" {
        return value::is_chosen(value, is_said).then_some("a password");
    }
    let is_set = told == Told::Set;
    if name == "pass" {
        return value::is_chosen_key(value, is_set).then_some("a password");
    }
    let is_secret = ["secret", "secretkey"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_chosen = is_secret && !is_said && value::is_chosen_key(value, is_set);
    (is_chosen || value::is_drawn(value)).then_some("a secret value")
}

/// A name and its value at the beginning of these words.
fn pair<'a>(before: &str, words: &[&'a str]) -> Option<Pair<'a>> {
    let first = *words.first()?;
    // What an address has in it has its own test.
    let signs = ['=', ':'].iter().filter(|_| !first.contains("://"));
    for (sign, (name, value)) in signs.filter_map(|sign| Some((*sign, first.split_once(*sign)?))) {
        let Some(name) = signed_name(before, name) else {
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
            told: if sign == '=' { Told::Set } else { Told::Named },
        });
    }
    if first.starts_with("--") {
        return Some(Pair {
            name: password_name(first)?,
            value: words.get(1)?,
            told: Told::Set,
        });
    }
    let name = signed_name(before, first)?;
    let (value, told) = told(words.get(1..)?)?;
    // `we pass user_id2`, `the second pass is mem2reg`
    let counts = told != Told::Said || name_of(before, first).is_some();
    counts.then_some(Pair { name, value, told })
}

/// What is told of a name behind it, and whether by a verb.
fn told<'a>(words: &[&'a str]) -> Option<(&'a str, Told)> {
    let first = *words.first()?;
    let belongs = OF.contains(&first.to_lowercase().as_str()) || first.starts_with('(');
    let ahead = if belongs { AHEAD } else { 1 };
    for (at, word) in words.iter().enumerate().take(ahead) {
        let plain = word.trim_end_matches(':');
        let rest = words.get(at + 1..).unwrap_or_default();
        if SAID.contains(&plain.to_lowercase().as_str()) {
            let told = if plain == *word {
                Told::Said
            } else {
                Told::Named
            };
            return Some((said(rest)?, told));
        }
        let next = rest.first();
        if SET.contains(word) && next == Some(&"to") || WILL.contains(word) && next == Some(&"be") {
            return Some((said(rest.get(1..)?)?, Told::Said));
        }
        let ends = at > 0 && word.len() > 1 && word.ends_with([':', '=']);
        if SIGNS.contains(word) || ends {
            let is_set = word.ends_with('=');
            let told = if is_set { Told::Set } else { Told::Named };
            return Some((rest.first()?, told));
        }
        if word.ends_with(['.', '!', '?']) {
            break;
        }
    }
    // `machine github.com login ann password hunter2`
    let has_digit = first.bytes().any(|b| b.is_ascii_digit());
    has_digit.then_some((first, Told::Said))
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

/// The same where a sign stands behind the name, which short names need.
fn signed_name(before: &str, text: &str) -> Option<String> {
    let key =
        || part_of(text, &["key"]).filter(|name| !OPEN.iter().any(|open| name.contains(open)));
    name_of(before, text)
        .or_else(|| password_name(text))
        .or_else(|| key().filter(|name| name != "key"))
}

/// The same for a name that needs no word before it; a short name of a password is one.
pub(super) fn password_name(text: &str) -> Option<String> {
    secret_name(text)
        .or_else(|| part_of(text, &SHORT))
        .or_else(|| Some(plain(text)).filter(|name| is_joined(name)))
}

/// A name in small letters without marks whose last part is one of `ends`.
fn part_of(text: &str, ends: &[&str]) -> Option<String> {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let part = text.rsplit(|c: char| !c.is_alphanumeric()).next()?;
    // `smtpPass`
    let capital = part.rfind(|c: char| c.is_ascii_uppercase()).filter(|at| {
        let before = part
            .get(..*at)
            .and_then(|before| before.chars().next_back());
        before.is_some_and(|before| !before.is_ascii_uppercase())
    });
    let part = capital.and_then(|at| part.get(at..)).unwrap_or(part);
    let is_one = ends.iter().any(|end| part.eq_ignore_ascii_case(end));
    is_one.then(|| plain(text))
}

/// Whether a short name of a password is written together with what it is for.
fn is_joined(name: &str) -> bool {
    name.ends_with("pw")
        || name
            .strip_suffix("pass")
            .is_some_and(|of| TOGETHER.iter().any(|end| of.ends_with(end)))
}

fn is_short(name: &str) -> bool {
    SHORT.iter().any(|end| name.ends_with(end))
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
    CHOSEN.iter().any(|end| name.ends_with(end))
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
