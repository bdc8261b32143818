//! A value beside a name that says that it is secret.

use super::{bits, is_wordy};

/// How the last word of a name of something secret ends.
const NAMES: [&str; 11] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "credential",
];
/// Names of what people choose, which may be short.
const CHOSEN: [&str; 4] = ["password", "passwd", "pwd", "passphrase"];
/// Least characters of what was chosen and of what was drawn.
const SHORT: usize = 6;
const LONG: usize = 16;
/// Least bits of information in a character of what was drawn.
const BITS: f64 = 3.0;
/// What stands between a name and its value, where that is no sign.
const SAID: [&str; 2] = ["is", "was"];
/// How a value begins that says where the value comes from.
const REFERS: [&str; 8] = ["$", "<", "{", "%", "[", "*", "env.", "process.env"];

/// Whether something secret stands behind its name, and what.
pub(super) fn found(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    (0..words.len()).find_map(|at| {
        let rest = words.get(at..)?;
        let (name, value, is_said) = pair(rest)?;
        let is_secret = match is_chosen(&name) {
            true => chosen(value, is_said),
            false => drawn(value),
        };
        is_secret.then_some(match is_chosen(&name) {
            true => "a password",
            false => "a secret value",
        })
    })
}

/// A name and its value at the beginning of these words, and whether a verb stands between them.
fn pair<'a>(words: &[&'a str]) -> Option<(String, &'a str, bool)> {
    let first = *words.first()?;
    // An address has a password of another form, and its own test.
    let joined = first
        .split_once(['=', ':'])
        .filter(|_| !first.contains("://"));
    if let Some((name, value)) = joined {
        let value = bare(value.trim_start_matches(['=', ':', '>']));
        let value = match value {
            "" => bare(words.get(1)?),
            value => value,
        };
        return Some((secret_name(name)?, value, false));
    }
    let name = secret_name(first)?;
    let between = *words.get(1)?;
    let is_said = SAID.contains(&between);
    let is_sign = ["=", ":", ":=", "=>", "->", "=="].contains(&between);
    (is_said || is_sign).then_some((name, bare(words.get(2)?), is_said))
}

/// A name in small letters without marks, if it ends like that of something secret.
fn secret_name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    NAMES.iter().any(|end| name.ends_with(end)).then_some(name)
}

fn is_chosen(name: &str) -> bool {
    CHOSEN.iter().any(|end| name.ends_with(end))
}

/// A value without quotes and what ends a sentence.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| "\"'`,;()".contains(c))
        .trim_end_matches(['.', '!', '?'])
}

/// Whether that may be a password that somebody has chosen.
fn chosen(value: &str, is_said: bool) -> bool {
    let letters = value.chars().any(char::is_alphabetic);
    let others = value
        .chars()
        .any(|c| !c.is_alphabetic() && c != '-' && c != '_');
    let longest = value
        .split(|c: char| !c.is_alphabetic())
        .map(|run| run.chars().count())
        .max();
    let fits = value.chars().count() >= SHORT && letters && others && !refers(value);
    // `the password is 1Password-managed` speaks of it; `Tr0ub4dor&3` is it.
    fits && (!is_said || longest.is_some_and(|longest| longest < SHORT))
}

/// Whether that was drawn at random.
fn drawn(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_+/=.~".contains(c);
    value.len() >= LONG
        && value.chars().all(plain)
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && bits(value) >= BITS
        && !is_wordy(value)
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
        || value.contains("...")
        || value.contains('\u{2026}')
        || lower.contains("xxx")
        || lower.contains("your")
        || lower.contains("example")
}

/// Whether that is the path of a file: words with slashes, or a name and an ending.
fn is_file(value: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn values_that_were_chosen_or_drawn_are_told_from_words() {
        for (text, what) in [
            ("password = hunter2", "a password"),
            ("Password: Tr0ub4dor&3", "a password"),
            ("The admin password is Tr0ub4dor&3.", "a password"),
            ("DB_PASSWORD=s3cr3t!pass", "a password"),
            ("\"password\": \"correct9horse\"", "a password"),
            ("pwd := 'abc123xyz'", "a password"),
            ("token: 8f3kd92mfk38sl20fk3l", "a secret value"),
            (
                "API_TOKEN=0a1b2c3d4e5f60718293a4b5c6d7e8f9",
                "a secret value",
            ),
            (
                "client_secret = \"aZ3-kd92Lmf_k38sl20fk3lQ\"",
                "a secret value",
            ),
            (
                "api-key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz",
                "a secret value",
            ),
            (
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYzz99",
                "a secret value",
            ),
        ] {
            assert_eq!(found(text), Some(what), "{text}");
        }
        for text in [
            "The password is stored in 1Password",
            "The password is 1Password-managed",
            "password: see 1Password",
            "Passwords have at least 12 characters",
            "password: at least 12 characters",
            "token: the value of GITHUB_TOKEN",
            "API_KEY=$OPENAI_API_KEY",
            "API_KEY=${OPENAI_API_KEY_2}",
            "password = os.environ['DB_PASSWORD_2']",
            "password = <your-password-1>",
            "token = [redacted API_TOKEN_1]",
            "max_tokens: 4096",
            "The token is refreshed every 15 minutes",
            "secret: config/secrets/v2.yaml",
            "passwd: /etc/passwd2",
            "The token is called AUTH_TOKEN_STAGING_1",
            "token: AUTH_TOKEN_STAGING_1",
            "commit: 1f0c3a9b2e4d5f60718293a4b5c6d7e8f9012345",
            "cache key: v3-linux-x86-64-stable-2026",
            "secret: see https://vault.example.com/v1/app2",
            "The sort key is created_ms2",
            "token: refresh-token-rotation-v2",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
