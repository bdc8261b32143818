//! Memories and questions as a model or a person writes them down.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::MemoryError;
use super::model::{Author, Kind, Link, Scope};
use super::recall::{self, Query};
use super::remember::{NewMemory, fields};
use crate::clock::parse_time;
use crate::lenient;
use crate::text::one_line;

/// Characters of a wrong value that are repeated.
const SHOWN: usize = 60;

/// Statements to be kept: one, or several under `items`. What stands beside `items` counts for each
/// of them that says nothing else.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenMemory {
    #[serde(alias = "content")]
    #[schemars(extend("x-aliases" = ["content"]))]
    text: Option<String>,
    #[serde(deserialize_with = "lenient::word")]
    kind: Option<Kind>,
    #[schemars(extend("x-unlisted" = true))]
    scope: Option<String>,
    #[serde(deserialize_with = "lenient::texts")]
    #[schemars(extend("x-unlisted" = true))]
    tags: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient::value")]
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
    #[serde(deserialize_with = "lenient::texts")]
    #[schemars(extend("x-unlisted" = true))]
    supersedes: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient::texts")]
    #[schemars(extend("x-unlisted" = true))]
    links: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient::value")]
    #[schemars(extend("x-unlisted" = true))]
    force: Option<bool>,
    /// Or many.
    #[serde(deserialize_with = "lenient::objects")]
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    items: Option<Vec<WrittenMemory>>,
}

impl From<String> for WrittenMemory {
    fn from(text: String) -> Self {
        Self {
            text: Some(text),
            ..Self::default()
        }
    }
}

impl WrittenMemory {
    /// Whether these are several.
    pub fn is_batch(&self) -> bool {
        let is_one = self.text.is_some();
        self.items
            .as_ref()
            .is_some_and(|items| !(items.is_empty() && is_one))
    }

    /// The statements as they are to be kept in the hands of `author`; paths within the working tree
    /// `top` count from there, and days such as `yesterday` from `now_ms`.
    ///
    /// # Errors
    /// A value that cannot be what it is, by its place and field.
    pub fn into_new(
        mut self,
        author: &Author,
        top: &Path,
        now_ms: i64,
    ) -> Result<Vec<NewMemory>, MemoryError> {
        let is_batch = self.is_batch();
        let Some(items) = self.items.take().filter(|_| is_batch) else {
            return Ok(vec![self.one(author, top, now_ms)?]);
        };
        // An empty list says nothing.
        self.supersedes.take_if(|ids| ids.is_empty());
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
            if item.is_batch() {
                return Err(MemoryError::bad("items", "holds `items` itself").of_entry(at));
            }
            let new = item.or(&self).one(author, top, now_ms);
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

    fn one(self, author: &Author, top: &Path, now_ms: i64) -> Result<NewMemory, MemoryError> {
        let time = |field, text: Option<String>| time(field, text.as_deref(), now_ms);
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
            at_ms: time("at", self.at)?,
            session: self.session,
            valid_from_ms: time("valid_from", self.valid_from)?.unwrap_or(0),
            valid_to_ms: time("valid_to", self.valid_to)?.unwrap_or(0),
            supersedes: self.supersedes.unwrap_or_default(),
            links: links
                .iter()
                .flat_map(|links| fields::each(links))
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
    #[serde(default, deserialize_with = "lenient::texts")]
    also: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient::words")]
    #[schemars(extend("x-unlisted" = true))]
    kind: Option<Vec<Kind>>,
    #[schemars(extend("x-unlisted" = true))]
    scope: Option<String>,
    #[serde(default, deserialize_with = "lenient::texts")]
    #[schemars(extend("x-unlisted" = true))]
    tags: Option<Vec<String>>,
    #[schemars(extend("x-unlisted" = true))]
    about: Option<String>,
    #[serde(default, deserialize_with = "lenient::value")]
    #[schemars(extend("x-unlisted" = true))]
    limit: Option<u32>,
    #[serde(default, deserialize_with = "lenient::value")]
    #[schemars(extend("x-unlisted" = true))]
    include_superseded: Option<bool>,
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
        let about = self.about.map(|about| {
            Link::asked(&about, top).map_err(|bad| MemoryError::bad_link("about", &bad))
        });
        Ok(Query {
            text: self.query,
            also: self.also.unwrap_or_default(),
            scope: scope(self.scope.as_deref(), author)?,
            kinds: self.kind.unwrap_or_default(),
            tags: self.tags.unwrap_or_default(),
            about: about.transpose()?,
            limit: self.limit.unwrap_or(0),
            include_superseded: self.include_superseded.unwrap_or(false),
            ..Query::default()
        })
    }
}

fn time(field: &'static str, text: Option<&str>, now_ms: i64) -> Result<Option<i64>, MemoryError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let told = || {
        format!(
            "is no date and no RFC 3339 time: {:?}; write 2026-05-20 or yesterday",
            one_line(text, SHOWN)
        )
    };
    match parse_time(text).or_else(|| recall::named_day(text, now_ms)) {
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
    match (text.to_ascii_lowercase().as_str(), author) {
        (
            "agent",
            Author::Agent {
                definition: Some(own),
                ..
            },
        ) => Ok(Some(Scope::Agent(own.clone()))),
        ("agent", Author::Agent { .. }) => {
            bad("is `agent`, and this agent was made from no definition".to_owned())
        }
        ("agent", _) => bad("is `agent`; name the definition, as in `agent:review`".to_owned()),
        _ => match Scope::parse(text) {
            Some(scope) => Ok(Some(scope)),
            None => {
                let shown = one_line(text, SHOWN);
                bad(format!("is {shown:?}; there are {}", Scope::KNOWN))
            }
        },
    }
}

fn link(field: &'static str, text: &str, top: &Path) -> Result<Link, MemoryError> {
    Link::parse(text, top).map_err(|bad| MemoryError::bad_link(field, &bad))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ids::AgentId;
    use crate::memory::model::LinkKind;

    /// 2026-05-20T12:00:00Z.
    const NOW_MS: i64 = 1_779_278_400_000;
    const TOP: &str = "/home/me/tree";

    fn session() -> Author {
        Author::Session { id: "s".to_owned() }
    }

    fn read(author: &Author, written: Value) -> Result<Vec<NewMemory>, String> {
        let written: WrittenMemory = serde_json::from_value(written).unwrap();
        written
            .into_new(author, Path::new(TOP), NOW_MS)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn links_and_what_is_asked_about_are_read_alike() {
        let hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let written = json!({ "text": "x", "links": ["T-0A1B2C", "./src/../src/main.rs", hash] });
        let found = read(&session(), written).unwrap().remove(0).links;
        let links = [
            Link::to(LinkKind::Task, "t-0a1b2c"),
            Link::to(LinkKind::File, "src/main.rs"),
            Link::to(LinkKind::Commit, hash),
        ];
        assert_eq!(found, links);
        for outside in ["../x", "/etc"] {
            let written = json!({ "text": "x", "links": [outside] });
            let told = read(&session(), written).unwrap_err();
            assert!(told.starts_with("`links` holds "), "{told}");
            let asked: WrittenQuery =
                serde_json::from_value(json!({ "query": "x", "about": outside })).unwrap();
            let told = asked.into_query(&session(), Path::new(TOP)).unwrap_err();
            assert!(told.to_string().starts_with("`about` holds "), "{told}");
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
            (
                "agent:plug:review",
                session(),
                Scope::Agent("plug:review".to_owned()),
            ),
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
                json!({ "items": [{ "text": "x", "items": ["y"] }] }),
                "`items[0].items` holds `items` itself",
            ),
            (
                json!({ "items": [{ "text": "x" }, { "text": "y", "at": "soon" }] }),
                "`items[1].at` is no date and no RFC 3339 time: \"soon\"; write 2026-05-20 or yesterday",
            ),
        ] {
            assert_eq!(read(&session(), written).unwrap_err(), told);
        }
    }

    #[test]
    fn what_is_nearly_right_is_kept_as_it_is_meant() {
        let written = json!({ "content": "Logs are kept for 30 days", "kind": "How-To",
            "tags": "ops", "importance": "0.8", "force": "true", "links": "src/a.rs, src/b.rs",
            "supersedes": "[\"m-000001\"]", "at": "yesterday", "valid_from": "2026-05-01" });
        let new = read(&session(), written).unwrap().remove(0);
        assert_eq!(new.text, "Logs are kept for 30 days");
        assert_eq!(new.kind, Some(Kind::HowTo));
        assert_eq!(
            (new.tags, new.supersedes),
            (vec!["ops".to_owned()], vec!["m-000001".to_owned()])
        );
        assert_eq!((new.importance, new.force), (Some(0.8), true));
        assert_eq!(
            new.links,
            ["src/a.rs", "src/b.rs"].map(|path| Link::to(LinkKind::File, path))
        );
        let empty = json!({ "text": "one", "kind": "", "items": [], "supersedes": [] });
        let one = read(&session(), empty).unwrap();
        assert_eq!((one.len(), one[0].kind), (1, None));
        let beside = json!({ "items": ["one", { "text": "two", "items": [] }], "supersedes": "" });
        assert_eq!(read(&session(), beside).unwrap().len(), 2);
        let midnight = 1_779_235_200_000;
        assert_eq!(new.at_ms, Some(midnight - 86_400_000));
        let several = json!({ "items": ["one", { "content": "two", "kind": "Decision" }] });
        let several = read(&session(), several).unwrap();
        assert_eq!(
            (several[0].text.as_str(), several[1].text.as_str()),
            ("one", "two")
        );
        for at in [
            "today",
            "3 days ago",
            "last week",
            "2026-05-19T10:00:00+02:00",
        ] {
            let new = read(&session(), json!({ "text": "x", "at": at })).unwrap();
            assert!(new[0].at_ms.is_some_and(|ms| ms < NOW_MS), "{at}");
        }
        for at in ["soon", "yesterday or so", "when it was cold", "now"] {
            assert!(
                read(&session(), json!({ "text": "x", "at": at })).is_err(),
                "{at}"
            );
        }
    }
}
