//! Keeps secrets of our own environment out of the state file.

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value;

/// Parts of a variable's name that say its value is secret.
const SECRET_NAMES: [&str; 9] = [
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "AUTH",
    "DSN",
];
/// Those that are one only as a part of its own: `DB_PASS` and no `COMPASS_SIZE`.
const SHORT_NAMES: [&str; 3] = ["PASS", "PW", "PWD"];
/// Shorter values are words or numbers and would blot out ordinary text.
const SHORTEST: usize = 8;

/// Replaces the values of secret-looking variables by their names.
#[derive(Default)]
pub(crate) struct Redactor(Vec<(String, String)>);

impl Redactor {
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut redactor = Self::default();
        redactor.add(variables);
        redactor
    }

    pub(crate) fn add(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.0.extend(variables.into_iter().filter(|(name, value)| {
            let name = name.to_ascii_uppercase();
            value.len() >= SHORTEST
                // A path, as in SSH_AUTH_SOCK, is a place and no secret.
                && !(value.starts_with('/') && Path::new(value).exists())
                && (SECRET_NAMES.iter().any(|part| name.contains(part)) || has_short_name(&name))
        }));
        // Longest first, so that a value that contains another goes as a whole.
        self.0
            .sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    }

    pub(crate) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.apply_and_name(text).0
    }

    /// `text` redacted, and the names that stand in it for their values.
    pub(crate) fn apply_and_name<'a>(&self, text: &'a str) -> (Cow<'a, str>, Vec<&str>) {
        let mut text = Cow::Borrowed(text);
        let mut names = Vec::new();
        for (name, value) in &self.0 {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), &format!("[redacted {name}]")));
                names.push(name.as_str());
            }
        }
        (text, names)
    }

    /// `value` with its texts redacted one by one: redacted as a document it might be none any more,
    /// and would still hold what JSON had escaped.
    pub(crate) fn apply_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text).into_owned()),
            Value::Array(list) => Value::Array(
                list.into_iter()
                    .map(|value| self.apply_json(value))
                    .collect(),
            ),
            Value::Object(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (self.apply(&name).into_owned(), self.apply_json(value)))
                    .collect(),
            ),
            plain => plain,
        }
    }
}

/// Whether a part of a name says so; `PWD` alone is the working directory.
fn has_short_name(name: &str) -> bool {
    let mut parts = name.split(['_', '-', '.']);
    name != "PWD" && parts.any(|part| SHORT_NAMES.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_replaced_and_others_stay() {
        let variables = [
            ("API_KEY", "sk-123456"),
            ("DB_PASSWORD", "sk-1234567890"),
            ("SHORT_KEY", "abc"),
            ("SMTP_PASS", "winter-2025"),
            ("mysql_pwd", "summer-2025"),
            ("PWD", "C:\\work\\tree"),
            ("COMPASS_SIZE", "very-large"),
            ("SSH_AUTH_SOCK", "/usr/bin"),
            ("HOME", "/home/someone"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let redactor = Redactor::new(variables);
        assert_eq!(
            redactor.apply("sk-1234567890 sk-123456 abc /usr/bin /home/someone"),
            "[redacted DB_PASSWORD] [redacted API_KEY] abc /usr/bin /home/someone"
        );
        assert_eq!(
            redactor.apply(r"winter-2025 summer-2025 C:\work\tree very-large"),
            r"[redacted SMTP_PASS] [redacted mysql_pwd] C:\work\tree very-large"
        );
        let (_, names) = redactor.apply_and_name("abc sk-1234567890");
        assert_eq!(
            names,
            ["DB_PASSWORD"],
            "what holds another value goes as a whole"
        );
    }
}
