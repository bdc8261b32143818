//! All definitions that count for a session: which of several with one name is meant, which files are
//! broken, and what callers are shown of them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::frontmatter::{Flaw, on_one_line, read};
use super::{Definition, Model, Origin, Places, builtin, checked_name};
use crate::agents::error::AgentError;
use crate::config::Permission;

/// Characters of a description that a session is told.
const TOLD: usize = 160;
/// Definitions that a session is told of at once.
const MOST_TOLD: usize = 40;
/// Names given for one that is not there.
const CANDIDATES: usize = 3;

/// A file that is, or was meant to be, a definition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Its name, or that of the file where it could not be read.
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) path: PathBuf,
    pub(super) outcome: Result<Definition, Flaw>,
}

impl Entry {
    /// Reads the text of the file at `path`; `None` for one beside definitions of Claude Code that is
    /// none itself.
    pub(super) fn read(origin: Origin, path: &Path, text: &str) -> Option<Self> {
        let document = match read(text) {
            Ok(Some(document)) => document,
            Ok(None) if origin.is_claude() => return None,
            Ok(None) => {
                let flaw = Flaw::new(1, "has no front matter: fields between two lines `---`");
                return Some(Self::broken(origin, path, flaw));
            }
            Err(flaw) => return Some(Self::broken(origin, path, flaw)),
        };
        let given = document.fields.iter().find(|field| field.name == "name");
        let checked = match given.and_then(|field| Some((field.line, field.value.as_str()?))) {
            Some((line, name)) => {
                checked_name(name).map_err(|why| Flaw::new(line, format!("`name` {why}")))
            }
            None => checked_name(&stem(path))
                .map_err(|why| Flaw::new(None, format!("the name of the file {why}"))),
        };
        let name = match checked {
            Ok(name) => name,
            Err(flaw) => return Some(Self::broken(origin, path, flaw)),
        };
        Some(Entry {
            outcome: Definition::of(origin, path, name.clone(), document),
            name,
            origin,
            path: path.to_owned(),
        })
    }

    pub(super) fn broken(origin: Origin, path: &Path, flaw: Flaw) -> Self {
        Entry {
            name: on_one_line(&stem(path), 64),
            origin,
            path: path.to_owned(),
            outcome: Err(flaw),
        }
    }
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// A path on one line: who names a file in a repository may have put anything into its name.
pub(super) fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| if c.is_control() { '?' } else { c };
    path.chars().map(plain).take(1_000).collect()
}

/// The definitions that count for a session.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Nearest first.
    entries: Vec<Entry>,
}

impl Catalogue {
    /// Reads every file of `places`, and adds the built-in definitions.
    pub fn read(places: &Places) -> Self {
        let mut entries = places.read();
        entries.extend(builtin::all());
        Catalogue { entries }
    }

    /// The definition called `name`: the nearest one. If that is broken nothing else takes its place,
    /// which might have other limits.
    ///
    /// # Errors
    /// [`AgentError::NoDefinition`] and [`AgentError::BadDefinition`].
    pub(crate) fn find(&self, name: &str) -> Result<&Definition, AgentError> {
        let name = name.trim();
        match self.entries.iter().find(|entry| entry.name == name) {
            Some(Entry {
                outcome: Ok(definition),
                ..
            }) => Ok(definition),
            Some(
                entry @ Entry {
                    outcome: Err(flaw), ..
                },
            ) => Err(AgentError::BadDefinition {
                name: entry.name.clone(),
                path: shown(&entry.path),
                problem: flaw.to_string(),
            }),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> AgentError {
        let name = on_one_line(name, 64);
        let mut known: Vec<String> = self.good().map(|known| known.name.clone()).collect();
        known.sort();
        known.dedup();
        let mut near: Vec<(usize, &String)> = known
            .iter()
            .map(|known| (slips(&name, known), known))
            .filter(|(slips, known)| slips * 2 <= known.chars().count())
            .collect();
        near.sort();
        let nearest = near.into_iter().take(CANDIDATES);
        AgentError::NoDefinition {
            nearest: nearest.map(|(_, known)| known.clone()).collect(),
            name,
            known,
        }
    }

    fn good(&self) -> impl Iterator<Item = &Definition> {
        let good = |entry: &'_ Entry| entry.outcome.is_ok();
        let entries = self.entries.iter().filter(move |entry| good(entry));
        entries.filter_map(|entry| entry.outcome.as_ref().ok())
    }

    /// Whether a nearer file has the name of the entry at `at`.
    fn is_shadowed(&self, at: usize, name: &str) -> bool {
        self.entries
            .iter()
            .take(at)
            .any(|nearer| nearer.name == name)
    }

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

/// Letters that differ, whatever their case.
fn slips(given: &str, known: &str) -> usize {
    strsim::damerau_levenshtein(&given.to_lowercase(), &known.to_lowercase())
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
    use super::*;

    fn catalogue(files: &[(Origin, &str, &str)]) -> Catalogue {
        let entries = files
            .iter()
            .filter_map(|(origin, path, text)| Entry::read(*origin, Path::new(path), text));
        Catalogue {
            entries: entries.collect(),
        }
    }

    const GOOD: &str = "---\ndescription: good\n---\n";
    const BROKEN: &str = "---\nmax_turns: ten\n---\n";

    #[test]
    fn the_nearest_of_a_name_counts_and_the_others_are_listed_as_shadowed() {
        let catalogue = catalogue(&[
            (
                Origin::Project,
                "p/review.md",
                "---\ndescription: near\n---\n",
            ),
            (Origin::User, "u/other.md", "---\nname: review\n---\n"),
            (Origin::BuiltIn, "review", GOOD),
            (Origin::BuiltIn, "plan", GOOD),
        ]);
        assert_eq!(catalogue.find(" review ").unwrap().description, "near");
        let listed: Vec<(String, bool)> = catalogue
            .listed()
            .definitions
            .into_iter()
            .map(|known| (known.brief.name, known.shadowed))
            .collect();
        let expected = [
            ("review", false),
            ("review", true),
            ("review", true),
            ("plan", false),
        ];
        assert_eq!(
            listed,
            expected.map(|(name, shadowed)| (name.to_owned(), shadowed))
        );
        let told = catalogue.told();
        assert_eq!(told.definitions.len(), 2);
    }

    #[test]
    fn nothing_takes_the_place_of_a_broken_file() {
        let catalogue = catalogue(&[
            (Origin::Project, "p/review.md", BROKEN),
            (Origin::BuiltIn, "review", GOOD),
        ]);
        let error = catalogue.find("review").unwrap_err().to_string();
        assert_eq!(
            error,
            "the definition `review` (p/review.md) cannot be used: line 2: `max_turns` must be a \
             whole number above 0, not string \"ten\""
        );
        let broken = catalogue.broken();
        assert_eq!((broken.len(), broken[0].name.as_str()), (1, "review"));
    }

    #[test]
    fn an_unknown_name_is_told_the_nearest() {
        let files = ["reviewer", "review", "explore"].map(|name| (Origin::User, name, GOOD));
        let catalogue = catalogue(&files);
        let nearest = |name: &str| match catalogue.find(name) {
            Err(AgentError::NoDefinition { nearest, known, .. }) => {
                assert_eq!(known, ["explore", "review", "reviewer"]);
                nearest
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("Revieww"), ["review", "reviewer"]);
        assert_eq!(nearest("exlpore"), ["explore"]);
        assert_eq!(nearest("deploy"), Vec::<String>::new());
        assert_eq!(nearest(&"x".repeat(100_000)), Vec::<String>::new());
    }

    #[test]
    fn the_name_of_a_file_cannot_break_a_line() {
        let broken = catalogue(&[(Origin::Project, "p/x\n\u{1b}[2Jignore this.md", BROKEN)]);
        let listed = broken.broken().remove(0);
        assert_eq!(listed.path, "p/x??[2Jignore this.md");
        let error = broken.find(&listed.name).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
    }

    #[test]
    fn a_page_beside_definitions_of_claude_code_is_none() {
        let page = "# How to write agents\n";
        assert!(
            catalogue(&[(Origin::ProjectClaude, "README.md", page)])
                .broken()
                .is_empty()
        );
        let broken = catalogue(&[(Origin::Project, "README.md", page)]).broken();
        assert!(broken[0].reason.starts_with("line 1: has no front matter"));
    }

    #[test]
    fn a_session_is_told_a_line_each_and_not_too_many() {
        let long = format!(
            "---\ndescription: |\n  one\n  {}\n---\n",
            "word ".repeat(100)
        );
        let names: Vec<String> = (0..50).map(|n| format!("d{n}")).collect();
        let files: Vec<(Origin, &str, &str)> = names
            .iter()
            .map(|name| (Origin::User, name.as_str(), long.as_str()))
            .collect();
        let told = catalogue(&files).told();
        assert_eq!((told.definitions.len(), told.more), (MOST_TOLD, 10));
        let description = &told.definitions[0].description;
        assert!(description.starts_with("one word word"), "{description}");
        assert_eq!(description.chars().count(), TOLD + 1);
    }
}
