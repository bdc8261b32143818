//! Memories and questions as a model or a person writes them down.

use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::error::MemoryError;
use super::model::{Author, Kind, Link, LinkKind, Scope};
use super::recall::Query;
use super::remember::NewMemory;
use crate::clock::parse_time;
use crate::ids::{AgentId, TaskId};
use crate::text::one_line;

/// Characters of a name, of a path, and of what is repeated of a wrong one.
const NAME: usize = 64;
const PATH: usize = 500;
const SHOWN: usize = 60;
/// Digits of a hash of a commit.
const HASH: std::ops::RangeInclusive<usize> = 7..=64;

/// Statements to be kept: one, or several under `items`. What stands beside `items` counts for each
/// of them that says nothing else.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenMemory {
    text: Option<String>,
    kind: Option<Kind>,
    #[schemars(extend("x-unlisted" = true))]
    scope: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    tags: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    importance: Option<f64>,
    #[schemars(extend("x-unlisted" = true))]
    subject: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    at: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    session: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    valid_from: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    valid_to: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    supersedes: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    links: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    force: Option<bool>,
    /// Or many.
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    items: Option<Vec<WrittenMemory>>,
}

impl WrittenMemory {
    /// Whether these are several.
    pub fn is_batch(&self) -> bool {
        self.items.is_some()
    }

    /// The statements as they are to be kept in the hands of `author`; paths within the working tree
    /// `top` count from there.
    ///
    /// # Errors
    /// A value that cannot be what it is, by its place and field.
    pub fn into_new(mut self, author: &Author, top: &Path) -> Result<Vec<NewMemory>, MemoryError> {
        let Some(items) = self.items.take() else {
            return Ok(vec![self.one(author, top)?]);
        };
        if self.text.is_some() || self.supersedes.is_some() {
            let field = if self.text.is_some() {
                "text"
            } else {
                "supersedes"
            };
            return Err(MemoryError::bad(
                field,
                "stands beside `items`; give it in one of them",
            ));
        }
        let items = items.into_iter().enumerate();
        let new = |(at, item): (usize, WrittenMemory)| {
            if item.items.is_some() {
                return Err(MemoryError::bad("items", "holds `items` itself").of_entry(at));
            }
            let new = item.or(&self).one(author, top);
            new.map_err(|error| error.of_entry(at))
        };
        items.map(new).collect()
    }

    /// This one, with what it leaves out as `common` says.
    fn or(self, common: &Self) -> Self {
        let common = common.clone();
        Self {
            text: self.text,
            kind: self.kind.or(common.kind),
            scope: self.scope.or(common.scope),
            tags: self.tags.or(common.tags),
            importance: self.importance.or(common.importance),
            subject: self.subject.or(common.subject),
            at: self.at.or(common.at),
            session: self.session.or(common.session),
            valid_from: self.valid_from.or(common.valid_from),
            valid_to: self.valid_to.or(common.valid_to),
            supersedes: self.supersedes,
            links: self.links.or(common.links),
            force: self.force.or(common.force),
            items: None,
        }
    }

    fn one(self, author: &Author, top: &Path) -> Result<NewMemory, MemoryError> {
        let Some(text) = self.text else {
            return Err(MemoryError::bad("text", "is missing"));
        };
        let links = self.links.unwrap_or_default();
        Ok(NewMemory {
            text,
            kind: self.kind,
            scope: scope(self.scope.as_deref(), author)?,
            tags: self.tags.unwrap_or_default(),
            subject: self.subject.unwrap_or_default(),
            importance: self.importance,
            at_ms: time("at", self.at.as_deref())?,
            session: self.session,
            valid_from_ms: time("valid_from", self.valid_from.as_deref())?.unwrap_or(0),
            valid_to_ms: time("valid_to", self.valid_to.as_deref())?.unwrap_or(0),
            supersedes: self.supersedes.unwrap_or_default(),
            links: links
                .iter()
                .map(|it| link("links", it, top))
                .collect::<Result<_, _>>()?,
            force: self.force.unwrap_or(false),
        })
    }
}

/// A question.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenQuery {
    query: String,
    also: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    kind: Option<Kinds>,
    #[schemars(extend("x-unlisted" = true))]
    scope: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    tags: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    about: Option<String>,
    #[schemars(extend("x-unlisted" = true))]
    limit: Option<u32>,
    #[schemars(extend("x-unlisted" = true))]
    include_superseded: Option<bool>,
}

/// One kind, or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "serde_json::Value")]
#[schemars(with = "Vec<Kind>")]
struct Kinds(Vec<Kind>);

impl TryFrom<Value> for Kinds {
    type Error = serde_json::Error;

    fn try_from(written: Value) -> Result<Self, Self::Error> {
        let kinds = match written {
            Value::Array(kinds) => kinds,
            one => vec![one],
        };
        let kinds = kinds.into_iter().map(serde_json::from_value);
        Ok(Self(kinds.collect::<Result<_, _>>()?))
    }
}

impl WrittenQuery {
    /// The question as `author` asks it; a path within the working tree `top` counts from there.
    ///
    /// # Errors
    /// A scope, a link or a number that is none.
    pub fn into_query(self, author: &Author, top: &Path) -> Result<Query, MemoryError> {
        if self.limit == Some(0) {
            return Err(MemoryError::bad(
                "limit",
                "is 0; take a number from 1 to 20",
            ));
        }
        let about = self.about.map(|about| link("about", &about, top));
        Ok(Query {
            text: self.query,
            also: self.also.unwrap_or_default(),
            scope: scope(self.scope.as_deref(), author)?,
            kinds: self.kind.map(|kinds| kinds.0).unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
            about: about.transpose()?.map(|link| link.target),
            limit: self.limit.unwrap_or(0),
            include_superseded: self.include_superseded.unwrap_or(false),
            ..Query::default()
        })
    }
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<i64>, MemoryError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let told = || {
        format!(
            "is no date and no RFC 3339 time: {:?}",
            one_line(text, SHOWN)
        )
    };
    match parse_time(text) {
        Some(ms) => Ok(Some(ms)),
        None => Err(MemoryError::bad(field, told())),
    }
}

/// The scope of that name; `agent` alone is that of the agent's own definition.
pub(crate) fn scope(text: Option<&str>, author: &Author) -> Result<Option<Scope>, MemoryError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = |problem: String| Err(MemoryError::bad("scope", problem));
    let named = match text.split_once(':') {
        Some(("agent", name)) => name.trim(),
        Some(_) => "",
        None => match (text, author) {
            ("project", _) => return Ok(Some(Scope::Project)),
            ("user", _) => return Ok(Some(Scope::User)),
            (
                "agent",
                Author::Agent {
                    definition: Some(own),
                    ..
                },
            ) => own,
            ("agent", Author::Agent { .. }) => {
                return bad("is `agent`, and this agent was made from no definition".to_owned());
            }
            ("agent", _) => {
                return bad("is `agent`; name the definition, as in `agent:review`".to_owned());
            }
            _ => "",
        },
    };
    let plain = |c: char| c.is_alphanumeric() || " -_.:".contains(c);
    if named.is_empty() || named.chars().count() > NAME || !named.chars().all(plain) {
        let shown = one_line(text, SHOWN);
        return bad(format!(
            "is {shown:?}; there are project, user and agent:<definition>"
        ));
    }
    Ok(Some(Scope::Agent(named.to_owned())))
}

/// What `text` names: a task or an agent by its id, a commit by its hash, else a file by its path
/// within `top`.
pub(crate) fn link(field: &'static str, text: &str, top: &Path) -> Result<Link, MemoryError> {
    let text = text.trim();
    if text.is_empty() || text.len() > PATH || text.chars().any(char::is_control) {
        let shown = one_line(text, SHOWN);
        let problem = format!("holds {shown:?}, which is no path, hash or id");
        return Err(MemoryError::bad(field, problem));
    }
    if let Ok(id) = TaskId::parse(text) {
        return Ok(Link::to(LinkKind::Task, id.as_str()));
    }
    if let Ok(id) = AgentId::parse(text) {
        return Ok(Link::to(LinkKind::Agent, id.as_str()));
    }
    if HASH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Link::to(LinkKind::Commit, &text.to_ascii_lowercase()));
    }
    match within(top, text) {
        Some(path) => Ok(Link::to(LinkKind::File, &path)),
        None => {
            let shown = one_line(text, SHOWN);
            let problem = format!("holds {shown:?}, which lies outside of the project");
            Err(MemoryError::bad(field, problem))
        }
    }
}

/// `path` as it is called from the top of the project; `None` if it leads out of it.
fn within(top: &Path, path: &str) -> Option<String> {
    let path = Path::new(path);
    let below = match path.is_absolute() {
        true => path.strip_prefix(top).ok()?,
        false => path,
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in below.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    match parts.is_empty() {
        true => Some(".".to_owned()),
        false => Some(parts.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TOP: &str = "/home/me/tree";

    fn session() -> Author {
        Author::Session { id: "s".to_owned() }
    }

    fn read(author: &Author, written: Value) -> Result<Vec<NewMemory>, String> {
        let written: WrittenMemory = serde_json::from_value(written).unwrap();
        written
            .into_new(author, Path::new(TOP))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_link_is_told_by_its_form() {
        for (text, kind, target) in [
            ("T-0A1B2C", LinkKind::Task, "t-0a1b2c"),
            (" a-0a1b2c ", LinkKind::Agent, "a-0a1b2c"),
            ("DEADBEEF", LinkKind::Commit, "deadbeef"),
            ("./src/../src/main.rs", LinkKind::File, "src/main.rs"),
            ("/home/me/tree/docs/", LinkKind::File, "docs"),
            ("/home/me/tree", LinkKind::File, "."),
            ("beef", LinkKind::File, "beef"),
            ("t-oil", LinkKind::File, "t-oil"),
        ] {
            let found = link("links", text, Path::new(TOP)).unwrap();
            assert_eq!(found, Link::to(kind, target), "{text}");
        }
        for (text, told) in [
            ("", "`links` holds \"\", which is no path, hash or id"),
            (
                "a\nb",
                "`links` holds \"a b\", which is no path, hash or id",
            ),
            (
                "../x",
                "`links` holds \"../x\", which lies outside of the project",
            ),
            (
                "/etc",
                "`links` holds \"/etc\", which lies outside of the project",
            ),
        ] {
            let error = link("links", text, Path::new(TOP)).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }

    #[test]
    fn a_scope_is_one_of_three_and_an_agent_has_its_own() {
        let agent = |definition: Option<&str>| Author::Agent {
            id: AgentId::parse("a-000001").unwrap(),
            definition: definition.map(str::to_owned),
        };
        let reviewer = Scope::Agent("review".to_owned());
        for (text, author, scope) in [
            ("project", session(), Scope::Project),
            ("user", session(), Scope::User),
            ("agent: review", session(), reviewer.clone()),
            ("agent", agent(Some("review")), reviewer),
        ] {
            assert_eq!(super::scope(Some(text), &author).unwrap(), Some(scope));
        }
        for (text, author) in [
            ("agent", session()),
            ("agent", agent(None)),
            ("agent:", session()),
            ("agent:a/b", session()),
            ("team", session()),
            ("user:me", session()),
        ] {
            let told = super::scope(Some(text), &author).unwrap_err().to_string();
            assert!(told.starts_with("`scope` is "), "{told}");
        }
    }

    #[test]
    fn what_stands_beside_items_counts_for_each_that_says_nothing_else() {
        let written = json!({ "kind": "decision", "tags": ["db"], "items": [
            { "text": "one", "at": "2026-05-20" },
            { "text": "two", "kind": "fact", "tags": [], "force": true },
        ] });
        let new = read(&session(), written).unwrap();
        assert_eq!(new[0].kind, Some(Kind::Decision));
        assert_eq!(
            (&new[0].tags[..], new[0].at_ms),
            (&["db".to_owned()][..], Some(1_779_235_200_000))
        );
        assert_eq!(
            (new[1].kind, new[1].tags.len(), new[1].force),
            (Some(Kind::Fact), 0, true)
        );
    }

    #[test]
    fn what_cannot_be_meant_is_told_by_its_place() {
        for (written, told) in [
            (json!({}), "`text` is missing"),
            (json!({ "items": [{}] }), "`items[0].text` is missing"),
            (
                json!({ "text": "x", "items": [{ "text": "y" }] }),
                "`text` stands beside `items`; give it in one of them",
            ),
            (
                json!({ "items": [{ "text": "x", "items": [] }] }),
                "`items[0].items` holds `items` itself",
            ),
            (
                json!({ "items": [{ "text": "x" }, { "text": "y", "at": "soon" }] }),
                "`items[1].at` is no date and no RFC 3339 time: \"soon\"",
            ),
        ] {
            assert_eq!(read(&session(), written).unwrap_err(), told);
        }
    }
}
