//! Where words begin and end: in prose at everything that is no letter and no digit; in an identifier or
//! a path also within, and then the whole counts as well.

use super::fold::runs_on;

/// What joins two pieces of an identifier or path; the later, the farther apart they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Joint {
    /// A change of case, as in `readTimeout`.
    Case,
    /// `_` or `-`.
    Underscore,
    /// `.`
    Dot,
    /// `/`, `\` or `::`.
    Slash,
}

/// More changes of case are no name: a key, a hash, some encoding.
const HUMPS: usize = 8;
/// More pieces are a list and no name.
const PIECES: usize = 16;

/// A word as it stands in a text, its case kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Letters and digits.
    pub(super) text: String,
    /// What it is.
    pub(super) form: Form,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A word by itself.
    Word,
    /// Part of an identifier or path.
    Part,
    /// An identifier or path, or a joined part of one.
    Whole,
    /// Two characters of a script that is written without spaces, or a lone one.
    Pair,
}

/// Hands the tokens of a text without accents to `take`, in their order; the whole of an identifier
/// behind its parts. Ends when `take` wants no more.
pub(super) fn tokens(text: &str, mut take: impl FnMut(Token) -> bool) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match (c.is_alphanumeric(), runs_on(c)) {
            (false, _) => Some(c.len_utf8()),
            (true, true) => pairs(rest, &mut take),
            (true, false) => chunk(rest, &mut take),
        };
        let Some(length) = taken else { return };
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The pairs at the beginning of `text`; how many bytes they are, or `None` where no more is wanted.
fn pairs(text: &str, take: &mut impl FnMut(Token) -> bool) -> Option<usize> {
    let mut length = 0;
    let mut last = None;
    let mut paired = false;
    let mut pair = |text: String| {
        let form = Form::Pair;
        take(Token { text, form })
    };
    for c in text.chars() {
        if !(c.is_alphanumeric() && runs_on(c)) {
            break;
        }
        length += c.len_utf8();
        if let Some(last) = last {
            paired = true;
            if !pair([last, c].iter().collect()) {
                return None;
            }
        }
        last = Some(c);
    }
    match last {
        Some(lone) if !paired && !pair(lone.to_string()) => None,
        _ => Some(length),
    }
}

/// The word or identifier at the beginning of `text`; how many bytes it is, or `None` where no more is
/// wanted.
fn chunk(text: &str, take: &mut impl FnMut(Token) -> bool) -> Option<usize> {
    let mut pieces: Vec<(Joint, String)> = Vec::new();
    let mut joint = Joint::Case;
    let mut rest = text;
    loop {
        let run: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() && !runs_on(*c))
            .collect();
        rest = rest.get(run.len()..).unwrap_or_default();
        let (run, behind) = contracted(run, rest);
        rest = behind;
        for (at, hump) in humps(&run).into_iter().enumerate() {
            let before = if at == 0 { joint } else { Joint::Case };
            pieces.push((before, hump));
        }
        match next_joint(rest) {
            Some((next, behind)) if pieces.len() < PIECES => {
                joint = next;
                rest = behind;
            }
            _ => break,
        }
    }
    let length = text.len() - rest.len();
    drop_v(&mut pieces);
    let form = match pieces.len() {
        1 => Form::Word,
        _ => Form::Part,
    };
    give(&pieces, form, take).then_some(length)
}

/// The parts, and behind them the whole that they make.
fn give(pieces: &[(Joint, String)], form: Form, take: &mut impl FnMut(Token) -> bool) -> bool {
    if let [(_, text)] = pieces {
        let text = text.clone();
        return take(Token { text, form });
    }
    let inner = pieces.iter().skip(1);
    let Some(widest) = inner.map(|(joint, _)| *joint).max() else {
        return true;
    };
    let mut from = 0;
    for at in 1..=pieces.len() {
        let ends = pieces.get(at).is_none_or(|(joint, _)| *joint == widest);
        if !ends {
            continue;
        }
        if !give(pieces.get(from..at).unwrap_or_default(), form, take) {
            return false;
        }
        from = at;
    }
    let text: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
    let form = Form::Whole;
    text.chars().count() > super::LONGEST || take(Token { text, form })
}

/// What joins the word before `rest` with the one behind, where something does.
fn next_joint(rest: &str) -> Option<(Joint, &str)> {
    const JOINTS: [(&str, Joint); 7] = [
        ("::", Joint::Slash),
        ("__", Joint::Underscore),
        ("_", Joint::Underscore),
        ("-", Joint::Underscore),
        (".", Joint::Dot),
        ("/", Joint::Slash),
        ("\\", Joint::Slash),
    ];
    JOINTS.iter().find_map(|(sign, joint)| {
        let behind = rest.strip_prefix(sign)?;
        let next = behind.chars().next()?;
        (next.is_alphanumeric() && !runs_on(next)).then_some((*joint, behind))
    })
}

/// `don't` is one word, and `server's` the word `server`.
fn contracted(run: String, rest: &str) -> (String, &str) {
    let Some(behind) = rest.strip_prefix(['\'', '\u{2019}']) else {
        return (run, rest);
    };
    let ending: String = behind.chars().take_while(|c| c.is_alphanumeric()).collect();
    let left = behind.get(ending.len()..).unwrap_or_default();
    match ending.to_lowercase().as_str() {
        "t" => (run + &ending, left),
        "s" | "ll" | "re" | "ve" | "d" | "m" => (run, left),
        _ => (run, rest),
    }
}

/// `readTimeout` as `read` and `Timeout`; `HTTPServer` as `HTTP` and `Server`; `APIs` as it is.
fn humps(run: &str) -> Vec<String> {
    let letters: Vec<char> = run.chars().collect();
    let mut starts = Vec::new();
    for (at, around) in letters.windows(2).enumerate() {
        let [a, b] = around else { continue };
        let next = letters.get(at + 2);
        let plural = b.is_uppercase() && next == Some(&'s') && letters.len() == at + 3;
        let rises = !a.is_uppercase() && b.is_uppercase();
        let ends_capitals = a.is_uppercase()
            && b.is_uppercase()
            && next.is_some_and(|c| c.is_lowercase())
            && !plural;
        if rises || ends_capitals {
            starts.push(at + 1);
        }
    }
    if starts.is_empty() || starts.len() >= HUMPS {
        return vec![run.to_owned()];
    }
    let mut humps = Vec::with_capacity(starts.len() + 1);
    let mut from = 0;
    for to in starts.into_iter().chain([letters.len()]) {
        humps.push(letters.get(from..to).unwrap_or_default().iter().collect());
        from = to;
    }
    humps
}

/// `v1.2.3` is the version `1.2.3`.
fn drop_v(pieces: &mut [(Joint, String)]) {
    let [(_, first), (Joint::Dot, second), ..] = pieces else {
        return;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(number) = first.strip_prefix(['v', 'V'])
        && is_number(number)
        && second.starts_with(|c: char| c.is_ascii_digit())
    {
        *first = number.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        tokens(text, |token| {
            all.push(token.text);
            true
        });
        all
    }

    #[test]
    fn identifiers_are_their_parts_and_the_whole() {
        let whole = ["read", "Timeout", "readTimeout"];
        assert_eq!(split("readTimeout"), whole);
        assert_eq!(split("read_timeout"), ["read", "timeout", "readtimeout"]);
        assert_eq!(split("HTTPServer"), ["HTTP", "Server", "HTTPServer"]);
        assert_eq!(split("APIs"), ["APIs"]);
        assert_eq!(
            split("src/read_timeout.rs"),
            [
                "src",
                "read",
                "timeout",
                "readtimeout",
                "rs",
                "readtimeoutrs",
                "srcreadtimeoutrs"
            ]
        );
        assert_eq!(split("std::fmt"), ["std", "fmt", "stdfmt"]);
    }

    #[test]
    fn prose_is_words() {
        assert_eq!(
            split("Don't wait - ever. So!"),
            ["Dont", "wait", "ever", "So"]
        );
        assert_eq!(
            split("the server's O'Brien"),
            ["the", "server", "O", "Brien"]
        );
        assert_eq!(split("0..10, a--b"), ["0", "10", "a", "b"]);
    }

    #[test]
    fn versions_and_numbers_stay() {
        assert_eq!(split("v1.2.3"), split("1.2.3"));
        assert_eq!(split(":8080"), ["8080"]);
        assert_eq!(split("ERR_42"), ["ERR", "42", "ERR42"]);
    }

    #[test]
    fn scripts_without_spaces_are_pairs() {
        assert_eq!(split("使用Rust开发"), ["使用", "Rust", "开发"]);
        assert_eq!(split("日本語"), ["日本", "本語"]);
        assert_eq!(split("猫"), ["猫"]);
    }
}
