//! What a request shows who it comes from with: a header, or an option of a program that makes it.

use super::value;

/// What a word stands for that shows how a password would be written.
const PLACEHOLDERS: [&str; 6] = ["password", "passwd", "pass", "pwd", "pw", "secret"];

/// Whether a request in the text shows who it comes from.
pub(super) fn found(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split_whitespace().map(bare).collect();
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
            words.get(..at).is_some_and(|words| words.contains(&"curl")) && has_password(value)
        }
        ["-p", value] => {
            at > 0 && words.get(at - 1) == Some(&"sshpass") && value::is_chosen(value, false)
        }
        _ => false,
    });
    let joined = words.iter().any(|word| {
        let user = word
            .strip_prefix("--user=")
            .or_else(|| word.strip_prefix("-u"));
        user.is_some_and(has_password) && words.contains(&"curl")
    });
    (shows || joined).then_some("what a request is allowed with")
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
