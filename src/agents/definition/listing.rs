//! What callers are shown of definitions: a person everything, a session what it can choose from.

use serde::Serialize;

use super::catalogue::{Catalogue, shown};
use super::frontmatter::on_one_line;
use super::{Definition, Model, Origin};
use crate::config::Permission;

/// Characters of a description that a session is told.
const TOLD: usize = 160;
/// Definitions that a session is told of at once.
const MOST_TOLD: usize = 40;

impl Catalogue {
    /// Everything there is, for a person.
    pub fn listed(&self) -> Definitions<KnownDefinition> {
        let known = self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let definition = entry.outcome.as_ref().ok()?;
            Some(KnownDefinition {
                brief: DefinitionBrief::of(definition, usize::MAX),
                origin: entry.origin,
                path: shown(&entry.path),
                shadowed: self.is_shadowed(at, &entry.name),
                ignored: definition.ignored.clone(),
            })
        });
        Definitions {
            definitions: known.collect(),
            more: 0,
            broken: self.broken(),
        }
    }

    /// What a session can spawn agents from, a line each.
    pub fn told(&self) -> Definitions<DefinitionBrief> {
        let told: Vec<DefinitionBrief> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(at, entry)| !self.is_shadowed(*at, &entry.name))
            .filter_map(|(_, entry)| entry.outcome.as_ref().ok())
            .map(|definition| DefinitionBrief::of(definition, TOLD))
            .collect();
        Definitions {
            more: told.len().saturating_sub(MOST_TOLD),
            definitions: told.into_iter().take(MOST_TOLD).collect(),
            broken: self.broken().into_iter().take(MOST_TOLD).collect(),
        }
    }

    /// The files that cannot be used, nearest first.
    pub fn broken(&self) -> Vec<BrokenDefinition> {
        let broken = self.entries.iter().filter_map(|entry| {
            let flaw = entry.outcome.as_ref().err()?;
            Some(BrokenDefinition {
                name: entry.name.clone(),
                path: shown(&entry.path),
                reason: flaw.to_string(),
            })
        });
        broken.collect()
    }
}

/// Definitions, and what was meant to be some.
#[derive(Debug, Clone, Serialize)]
pub struct Definitions<T> {
    /// Those that can be used, nearest first.
    pub definitions: Vec<T>,
    /// How many were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// Files that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenDefinition>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One definition, in the words of its file.
#[derive(Debug, Clone, Serialize)]
pub struct DefinitionBrief {
    /// Its name.
    pub name: String,
    /// When to take it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The provider it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model it names, or `provider: model` for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The permission it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
}

impl DefinitionBrief {
    fn of(definition: &Definition, characters: usize) -> Self {
        let model = definition.model.as_ref().map(|model| match model {
            Model::Own(name) => name.clone(),
            Model::Each(each) => {
                let each: Vec<String> = each
                    .iter()
                    .map(|(provider, name)| format!("{provider}: {name}"))
                    .collect();
                each.join(", ")
            }
        });
        DefinitionBrief {
            name: definition.name.clone(),
            description: on_one_line(&definition.description, characters),
            provider: definition.provider.clone(),
            model,
            permission: definition.permission,
        }
    }
}

/// One definition, with where it comes from.
#[derive(Debug, Clone, Serialize)]
pub struct KnownDefinition {
    /// What it is.
    #[serde(flatten)]
    pub brief: DefinitionBrief,
    /// What kind of place it lies in.
    #[serde(rename = "from")]
    pub origin: Origin,
    /// Its file; for a built-in one only the name.
    pub path: String,
    /// Whether a nearer file of the same name counts in its place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadowed: bool,
    /// What it says and ostler does not carry out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

impl KnownDefinition {
    /// Whether it can be edited.
    pub fn has_file(&self) -> bool {
        self.origin != Origin::BuiltIn
    }
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenDefinition {
    /// The name that it would have.
    pub name: String,
    /// The file.
    pub path: String,
    /// Why not, with the line where there is one.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::agents::definition::catalogue::Entry;

    #[test]
    fn a_session_is_told_a_line_each_and_not_too_many() {
        let long = format!(
            "---\ndescription: |\n  one\n  {}\n---\n",
            "word ".repeat(100)
        );
        let names: Vec<String> = (0..50).map(|n| format!("d{n}")).collect();
        let entries = names
            .iter()
            .filter_map(|name| Entry::read(Origin::User, Path::new(name), &long))
            .collect();
        let told = Catalogue { entries }.told();
        assert_eq!((told.definitions.len(), told.more), (MOST_TOLD, 10));
        let description = &told.definitions[0].description;
        assert!(description.starts_with("one word word"), "{description}");
        assert_eq!(description.chars().count(), TOLD + 1);
    }
}
