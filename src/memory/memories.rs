//! The memories that one author may see and change. The functions are spread over the files of this
//! room, each beside what it is about.

use super::model::{Author, Scope, Source, SourceKind};
use super::recall::Uses;
use super::vectors::Meaning;
use crate::clock::Clock;
use crate::config;
use crate::ids::{IdSource, ProjectId};
use crate::store::Store;

/// The memories of a project and of its user, in the hands of one author.
pub struct Memories<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) project: &'a ProjectId,
    pub(crate) author: Author,
    pub(crate) settings: &'a config::Memory,
    pub(crate) meaning: Option<&'a Meaning>,
    pub(crate) uses: Option<&'a Uses>,
}

impl<'a> Memories<'a> {
    /// The memories in the hands of `author`.
    pub fn new(
        store: &'a Store,
        clock: &'a dyn Clock,
        ids: &'a dyn IdSource,
        project: &'a ProjectId,
        author: Author,
        settings: &'a config::Memory,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            project,
            author,
            settings,
            meaning: None,
            uses: None,
        }
    }

    /// The same, found by their meaning as well.
    #[must_use]
    pub fn comparing_meanings(self, meaning: Option<&'a Meaning>) -> Self {
        Self { meaning, ..self }
    }

    /// The same, with whatever is found noted in `uses`; otherwise no use is counted.
    #[must_use]
    pub fn counting(self, uses: Option<&'a Uses>) -> Self {
        Self { uses, ..self }
    }
}

impl Memories<'_> {
    /// In whose hands they are.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// What time it is for them, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// What this author is on record as.
    pub(super) fn source(&self) -> Source {
        let (kind, id) = match &self.author {
            Author::Session { id } => (SourceKind::Host, id.clone()),
            Author::Agent { id, .. } => (SourceKind::Agent, id.to_string()),
            Author::Person => (SourceKind::Person, String::new()),
        };
        Source { kind, id }
    }

    /// The scopes that this author reads: the project's and the user's; an agent those of its definition
    /// as well; a session and a person those of every definition that they name.
    pub(super) fn own_scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::Project, Scope::User];
        if let Author::Agent {
            definition: Some(name),
            ..
        } = &self.author
        {
            scopes.push(Scope::Agent(name.clone()));
        }
        scopes
    }

    /// Whether this is an agent, whose words nobody stands for yet.
    pub(super) fn is_agent(&self) -> bool {
        matches!(self.author, Author::Agent { .. })
    }
}
