//! Addresses with something secret in them: a password, a parameter, or the whole of them.

use super::assignment::password_name;
use super::value;

/// What stands for a password in an example.
const PLACEHOLDERS: [&str; 9] = [
    "password", "passwd", "pass", "pwd", "pw", "xxx", "xxxx", "xxxxx", "...",
];
/// This machine, where a password that everybody guesses protects nothing.
const HERE: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];
/// The address is the secret.
const HOOKS: [&str; 3] = [
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
];
/// Characters of what is secret in such an address, at least.
const HOOK: usize = 20;

/// Parameters with other names that let in whoever knows them.
const KEYS: [&str; 4] = ["key", "sig", "signature", "auth"];

/// Whether a parameter of an address in the text is secret.
pub(super) fn with_parameter(text: &str) -> Option<&'static str> {
    let ends = |c: char| c.is_whitespace() || "\"'`<>()|".contains(c);
    let parts = text
        .split(ends)
        .flat_map(|word| word.split(['?', '&', '#']).skip(1));
    let mut parameters = parts.filter_map(|part| part.split_once('='));
    let is_secret = |(name, value): (&str, &str)| {
        let value = unescaped(value.trim_end_matches(['.', ',', ';', '!']));
        let lower = name.to_ascii_lowercase();
        let is_key = || {
            KEYS.iter()
                .any(|key| lower.split(['-', '_', '.']).next_back() == Some(key))
        };
        match password_name(name) {
            Some(_) => value::is_key(&value) || value::is_chosen(&value, false),
            None => is_key() && value::is_drawn(&value),
        }
    };
    parameters.any(is_secret).then_some("an address with a key")
}

/// A value with the marks of base64 in their own form.
fn unescaped(value: &str) -> String {
    let marks = [("%2b", "+"), ("%2f", "/"), ("%3d", "=")];
    marks
        .iter()
        .fold(value.to_owned(), |value, (escape, mark)| {
            value
                .replace(escape, mark)
                .replace(&escape.to_ascii_uppercase(), mark)
        })
}

/// Whether an address in the text has a password in it.
pub(super) fn with_password(text: &str) -> Option<&'static str> {
    if HOOKS.iter().any(|hook| has_hook(text, hook)) {
        return Some("the address of a webhook");
    }
    let has_one = text.match_indices("://").any(|(at, separator)| {
        let rest = text.get(at + separator.len()..).unwrap_or_default();
        let ends = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
        let rest = rest.split(ends).next().unwrap_or_default();
        // A password may hold a slash; the last `@` before the path ends it.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user, host)) = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@'))
        else {
            return false;
        };
        let Some((name, password)) = user.split_once(':') else {
            return false;
        };
        let scheme = text.get(..at).unwrap_or_default();
        let scheme = scheme.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        let host = host_of(host);
        let is_guessed = password == name || password == host || scheme == Some(password);
        let protects_nothing = is_guessed && is_near(host);
        !(is_port(password) || stands_for_one(password) || protects_nothing)
    });
    has_one.then_some("an address with a password")
}

/// The host at the beginning of what an address has behind its user.
fn host_of(rest: &str) -> &str {
    match rest.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => rest.get(..end + 2).unwrap_or(rest),
        None => rest.split([':', '/', '?', '#']).next().unwrap_or_default(),
    }
}

/// Whether a host is this machine, or one that only its neighbours know: a name without a dot, as the
/// services of a Compose file have.
fn is_near(host: &str) -> bool {
    HERE.contains(&host) || !host.is_empty() && !host.contains(['.', ':'])
}

/// Whether a word is the address of such a host.
pub(super) fn leads_near(word: &str) -> bool {
    word.split_once("://")
        .is_some_and(|(_, rest)| is_near(host_of(rest)))
}

/// Whether that is the port of an address with a path behind it in which there is an `@`.
fn is_port(password: &str) -> bool {
    let (port, path) = password.split_once('/').unwrap_or((password, ""));
    !path.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        || password
            .strip_suffix('/')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

fn stands_for_one(password: &str) -> bool {
    let lower = password.trim_end_matches(']').to_ascii_lowercase();
    lower.is_empty()
        || PLACEHOLDERS.contains(&lower.as_str())
        || password.starts_with(['$', '{', '%', '*', '['])
        || lower.starts_with("your")
}

fn has_hook(text: &str, hook: &str) -> bool {
    text.match_indices(hook).any(|(at, _)| {
        let rest = text.get(at + hook.len()..).unwrap_or_default();
        let secret = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "/-_".contains(*c));
        secret.count() >= HOOK
    })
}
