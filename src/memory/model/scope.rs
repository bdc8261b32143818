//! For whom a memory is, as the store and every face call it.

use std::fmt;

use crate::ids::ProjectId;

/// Longest name of a definition, in characters.
const NAME: usize = 64;

/// For whom a memory is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Whoever works in this project.
    Project,
    /// The user, in every project.
    User,
    /// Agents of that definition in this project.
    Agent(String),
}

impl Scope {
    /// The scopes that there are, for whoever has named another.
    pub(crate) const KNOWN: &str = "project, user or agent:<definition>";

    /// The scope that is written like this: `project`, `user` or `agent:` and the name of a definition.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, name) = match text.split_once(':') {
            Some((word, name)) => (word, Some(name.trim())),
            None => (text, None),
        };
        match (word.trim().to_ascii_lowercase().as_str(), name) {
            ("project", None) => Some(Scope::Project),
            ("user", None) => Some(Scope::User),
            ("agent", Some(name)) => Some(Scope::Agent(name.to_owned())).filter(Scope::is_one),
            _ => None,
        }
    }

    /// Whether a definition can have the name: letters, digits, spaces and `-_.:`, as the files of
    /// definitions may call them.
    pub(crate) fn is_one(&self) -> bool {
        let Scope::Agent(name) = self else {
            return true;
        };
        let plain = |c: char| c.is_alphanumeric() || " -_.:".contains(c);
        name.trim() == name && (1..=NAME).contains(&name.chars().count()) && name.chars().all(plain)
    }

    /// How many read what is in it, next to other scopes.
    pub(crate) fn reach(&self) -> u8 {
        match self {
            Scope::User => 2,
            Scope::Project => 1,
            Scope::Agent(_) => 0,
        }
    }

    /// The scopes that whoever reads this one reads, itself first.
    pub(crate) fn and_wider(&self) -> Vec<Scope> {
        let mut all = vec![self.clone()];
        let wider = [Scope::Project, Scope::User].into_iter();
        all.extend(wider.filter(|wider| wider.reach() > self.reach()));
        all
    }

    /// The name of its place in the store.
    pub(crate) fn place(&self, project: &ProjectId) -> String {
        match self {
            Scope::Project => project.to_string(),
            Scope::User => "user".to_owned(),
            Scope::Agent(definition) => format!("{project}/{definition}"),
        }
    }

    /// The scope of a place of the store.
    pub(crate) fn of_place(name: &str) -> Self {
        match name.split_once('/') {
            Some((_, definition)) => Scope::Agent(definition.to_owned()),
            None if name == "user" => Scope::User,
            None => Scope::Project,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Project => f.write_str("project"),
            Scope::User => f.write_str("user"),
            Scope::Agent(definition) => write!(f, "agent:{definition}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_as_it_is_written() {
        for name in [
            "review",
            "a:b",
            "code review",
            "v1.2_x-y",
            "prüfer",
            "a:b:c",
        ] {
            let scope = Scope::Agent(name.to_owned());
            assert!(scope.is_one(), "{name}");
            assert_eq!(Scope::parse(&scope.to_string()), Some(scope.clone()));
            let project = ProjectId::parse("p-000001").unwrap();
            assert_eq!(Scope::of_place(&scope.place(&project)), scope);
        }
        for (text, scope) in [
            ("Project", Scope::Project),
            (" USER ", Scope::User),
            ("Agent: Review", Scope::Agent("Review".to_owned())),
        ] {
            assert_eq!(Scope::parse(text), Some(scope), "{text}");
        }
        let long = format!("agent:{}", "x".repeat(NAME + 1));
        for text in [
            "",
            "global",
            "agent",
            "agent:",
            "agent: ",
            "agent:a/b",
            "agent:a\nb",
            "user:me",
            "project:x",
            "agent:a\u{200b}b",
            &long,
        ] {
            assert_eq!(Scope::parse(text), None, "{text:?}");
        }
    }
}
