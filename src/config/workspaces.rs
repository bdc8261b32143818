//! The section `[workspaces]`: what becomes of the work in working trees of agents' own.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// How working trees of agents' own are settled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Workspaces {
    /// In whose name ostler commits; `None` is the identity that git has.
    pub author: Option<Author>,
    /// Whether the hooks of the repository run on those commits.
    pub hooks: bool,
}

impl Default for Workspaces {
    fn default() -> Self {
        Self {
            author: None,
            hooks: true,
        }
    }
}

/// A person as git names one, `Name <mail>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    name: String,
    mail: String,
}

impl Author {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mail address.
    pub fn mail(&self) -> &str {
        &self.mail
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, mail) = text.strip_suffix('>')?.split_once('<')?;
        let (name, mail) = (name.trim(), mail.trim());
        // What git would take out of a name or address again.
        let is_plain = |part: &str| {
            let crud = |c: char| c.is_control() || "<>".contains(c);
            part.chars().any(char::is_alphanumeric) && !part.contains(crud)
        };
        (is_plain(name) && is_plain(mail)).then(|| Self {
            name: name.to_owned(),
            mail: mail.to_owned(),
        })
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected \"Name <mail>\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_has_a_name_and_an_address() {
        let author = Author::parse("Ada L. <ada@example.org>").unwrap();
        assert_eq!(
            (author.name(), author.mail()),
            ("Ada L.", "ada@example.org")
        );
        for bad in [
            "",
            "Ada",
            "<a@b>",
            "Ada <>",
            "Ada <a@b> x",
            "A\nB <a@b>",
            "A <a<b>",
        ] {
            assert_eq!(Author::parse(bad), None, "{bad:?}");
        }
    }
}
