//! What a request shows who it comes from with: a header, or an option of a program that makes it.

use super::{address, value};

/// What a word stands for that shows how a password would be written.
const PLACEHOLDERS: [&str; 6] = ["password", "passwd", "pass", "pwd", "pw", "secret"];

/// Programs that take a password right behind `-p`.
const CLIENTS: [&str; 5] = [
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mariadb",
    "mariadb-dump",
];

/// Whether a request in the text shows who it comes from.
pub(super) fn found(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split_whitespace().map(bare).collect();
    let lets_in = |user: &str| {
        let is_same = user
            .split_once(':')
            .is_some_and(|(name, password)| name == password);
        let protects_nothing = is_same && words.iter().any(|word| address::leads_near(word));
        has_password(user) && !protects_nothing
    };
    let shows = words.windows(2).enumerate().any(|(at, pair)| match pair {
        [scheme, value] if scheme.eq_ignore_ascii_case("bearer") => {
            value::is_key(value) && value.len() >= 12
        }
        [scheme, value] if scheme.eq_ignore_ascii_case("basic") => {
            let before = words.get(..at).and_then(<[&str]>::last);
            before.is_some_and(|name| name.to_ascii_lowercase().ends_with("authorization:"))
                && is_base64(value)
        }
        [option, value] if is_user_option(option) => {
            words.get(..at).is_some_and(|words| words.contains(&"curl")) && lets_in(value)
        }
        [option, value] => words
            .get(..at)
            .is_some_and(|before| takes_password(option, before) && value::is_chosen(value, false)),
        _ => false,
    });
    let joined = words.iter().any(|word| {
        let user = word
            .strip_prefix("--user=")
            .or_else(|| word.strip_prefix("-u"));
        user.is_some_and(lets_in) && words.contains(&"curl")
    });
    let behind = words.iter().enumerate().any(|(at, word)| {
        let is_client = |word: &&str| CLIENTS.contains(word);
        let before = words.get(..at).unwrap_or_default();
        let password = word.strip_prefix("-p").filter(|it| !it.starts_with('-'));
        password.is_some_and(|it| value::is_chosen(it, false)) && before.iter().any(is_client)
    });
    (shows || joined || behind).then_some("what a request is allowed with")
}

/// Whether a password stands behind that option in a command that begins with these words.
fn takes_password(option: &str, before: &[&str]) -> bool {
    let runs = |program| before.contains(&program);
    match option {
        "-p" => {
            before.last() == Some(&"sshpass")
                || runs("login")
                    && ["docker", "podman", "az", "oc", "helm"]
                        .into_iter()
                        .any(runs)
        }
        "-a" => runs("redis-cli"),
        "-keypass" | "-storepass" => runs("keytool"),
        _ => false,
    }
}

fn is_user_option(option: &str) -> bool {
    ["-u", "--user", "--proxy-user", "-U"].contains(&option)
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| "\"'`,;()<>".contains(c))
}

fn has_password(user: &str) -> bool {
    let Some((name, password)) = user.split_once(':') else {
        return false;
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let stands_for_one = PLACEHOLDERS.contains(&password.to_ascii_lowercase().as_str())
        || password.starts_with(['$', '<', '{', '%', '*', '[', '/', '.'])
        || password.to_ascii_lowercase().starts_with("your");
    !(password.is_empty() || stands_for_one || is_number(name) && is_number(password))
}

fn is_base64(value: &str) -> bool {
    let letters = value.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+/".contains(&b);
    value.len() >= 8
        && value.len() - letters.len() <= 2
        && letters.bytes().all(plain)
        && letters
            .bytes()
            .skip(1)
            .any(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
