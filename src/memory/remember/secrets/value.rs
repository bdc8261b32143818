//! Whether a value may be something secret, or only speaks of it.

use super::{bits, is_wordy};

/// Least characters of what was chosen, of what stands in an address, and of what was drawn.
const SHORT: usize = 6;
const SHORT_KEY: usize = 8;
const LONG: usize = 16;
/// Least bits of information in a character of what was drawn.
const BITS: f64 = 3.0;
/// How a value begins that says where the value comes from.
const REFERS: [&str; 15] = [
    "$",
    "<",
    "{",
    "%",
    "[",
    "*",
    "env.",
    "env:",
    "file:",
    "process.env",
    "alias/",
    "arn:",
    "ssm:",
    "vault:",
    "secretsmanager:",
];
/// What has a digit in its name and is no secret: ways to make and to store one.
const TECHNICAL: [&str; 25] = [
    "1password",
    "aes",
    "argon2",
    "base32",
    "base58",
    "base64",
    "bcrypt",
    "blake",
    "ec2",
    "ed25519",
    "es256",
    "hmac",
    "hs256",
    "k8s",
    "md5",
    "oauth2",
    "pbkdf2",
    "pkcs",
    "rs256",
    "rsa",
    "scram",
    "scrypt",
    "sha",
    "utf",
    "x509",
];
/// How a word ends that tells of what kind a value is, as in `e2e-encrypted`.
const KINDS: [&str; 8] = [
    "ed", "able", "only", "free", "specific", "wide", "like", "style",
];

/// Whether that may be a password that somebody has chosen; `is_said` if a verb stands before it, so
/// that it may be any word of a sentence.
pub(super) fn is_chosen(value: &str, is_said: bool) -> bool {
    if refers(value) || is_technical(value) {
        return false;
    }
    let is_number = value.len() >= SHORT && is_number(value);
    let letters = value.chars().any(char::is_alphabetic);
    let others = value
        .chars()
        .any(|c| !c.is_alphabetic() && !"-_.:/|'".contains(c));
    let fits = value.chars().count() >= SHORT && letters && others && !is_rule(value);
    match is_said {
        true => fits && !tells_a_kind(value),
        false => fits || is_number,
    }
}

/// Whether that may be a key that somebody has chosen, as `keyboard-c4t!`, where a sign stands before
/// it; `is_set` if nothing but a value can stand there.
pub(super) fn is_chosen_key(value: &str, is_set: bool) -> bool {
    let digits = value.bytes().rev().take_while(u8::is_ascii_digit).count();
    let is_name = is_wordy(value) || is_identifier(value) && digits <= 2 && !is_set;
    is_chosen(value, false) && !is_name && !is_number(value)
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit())
}

/// Whether that was drawn at random.
pub(super) fn is_drawn(value: &str) -> bool {
    if let Some((kind, rest)) = value.split_once(':') {
        // `base64:…`, and the number of a bot before its key; other words before a colon tell where a
        // value is, or how it was made.
        return (is_number(kind) || kind.starts_with("base")) && is_drawn(rest);
    }
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\|".contains(c);
    value.len() >= LONG
        && value.chars().all(plain)
        && bits(value) >= BITS
        && is_mixed(value)
        && !is_public(value)
}

/// Whether that may be a key where nothing but a value can stand.
pub(super) fn is_key(value: &str) -> bool {
    value.len() >= SHORT_KEY && is_mixed(value)
}

fn is_mixed(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && !is_wordy(value)
        && !is_identifier(value)
        && !is_technical(value)
        && !refers(value)
}

/// Whether a value only tells where the value is: a variable, a call, a file, a placeholder.
fn refers(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    REFERS.iter().any(|begins| lower.starts_with(begins))
        || value.contains(['(', '{', '<', '['])
        || value.contains("://")
        || value.contains("::")
        || value.starts_with(['/', '~', '.'])
        || is_file(value)
        || is_chain(value)
        || value.contains("...")
        || value.contains('\u{2026}')
        || lower.contains("xxx")
        || lower.contains("your")
        || lower.contains("example")
}

/// Whether that is the number that a public key is known by, or a key that is published.
fn is_public(value: &str) -> bool {
    if value.starts_with("pk_") {
        return true;
    }
    let number = value.strip_prefix("0x");
    number.is_some_and(|number| number.len() <= 40 && number.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether that names a field in code, as `settings.DB_PASSWORD2`.
fn is_chain(value: &str) -> bool {
    let is_name = |part: &str| {
        let name = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
        !name.is_empty() && part.len() - name.len() <= 3 && name.chars().all(plain)
    };
    value.contains('.') && value.split('.').all(is_name)
}

/// Whether that is the path of a file: words with slashes, or a name and an ending.
fn is_file(whole: &str) -> bool {
    // `kv/data/app#token`
    let value = whole.split_once('#').filter(|(path, _)| path.contains('/'));
    let value = value.map_or(whole, |(path, _)| path);
    let is_path = value.contains('/')
        && value.split('/').all(|part| {
            let plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.@".contains(c);
            part.chars().all(plain) && part.len() <= 20
        });
    let ending = value.rsplit_once('.').map(|(_, ending)| ending);
    is_path
        || ending.is_some_and(|ending| {
            (1..=5).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_lowercase())
        })
}

/// Whether that is a way to make or to store something secret, or a digest.
fn is_technical(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    TECHNICAL.iter().any(|known| {
        lower.strip_prefix(known).is_some_and(|rest| {
            // `shadow7` begins like `sha` and is no digest.
            known.ends_with(|c: char| c.is_ascii_digit())
                || !rest.starts_with(|c: char| c.is_ascii_alphabetic())
                || known.len() > 5
        })
    })
}

/// Whether that is a rule for a field, as `required|min:8`.
fn is_rule(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
    value.split(['|', ',']).all(|rule| {
        let (name, count) = rule.split_once([':', '=']).unwrap_or((rule, ""));
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(plain)
            && count.bytes().all(|b| b.is_ascii_digit())
    }) && value.contains(['|', ':', '='])
}

/// Whether a word of a sentence tells of what kind something is: `16-byte`, `user2's`, `db2-managed`.
fn tells_a_kind(value: &str) -> bool {
    let lower = value.to_lowercase().replace('\u{2019}', "'");
    let (first, last) = match (lower.split_once('-'), lower.rsplit_once('-')) {
        (Some((first, _)), Some((_, last))) => (first, last),
        _ => return lower.ends_with("'s"),
    };
    first.bytes().all(|b| b.is_ascii_digit()) || KINDS.iter().any(|kind| last.ends_with(kind))
}

/// Whether that is what something is called in code: words of letters that can be spoken, with digits
/// at most behind them.
fn is_identifier(value: &str) -> bool {
    let name = value.trim_end_matches(|c: char| c.is_ascii_digit());
    if value.len() - name.len() > 4 || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let words = 1 + name.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    let vowels = name.bytes().filter(|b| b"aeiouyAEIOUY".contains(b)).count();
    let is_one_case = [u8::is_ascii_lowercase, u8::is_ascii_uppercase]
        .iter()
        .any(|of| name.bytes().all(|b| of(&b)));
    (is_one_case || name.len() >= 5 * words) && vowels * 5 >= name.len()
}
