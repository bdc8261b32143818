//! What a memory is made of.

mod link;
mod scope;

use std::fmt;

use crate::ids::{AgentId, MemoryId};
use crate::words::words;

pub(crate) use link::HASH;
pub use link::{BadLink, Link, LinkKind};
pub use scope::Scope;

words! {
    /// What kind of statement a memory is.
    Kind {
        /// Something that is so.
        Fact = "fact",
        /// Something that was decided, and why.
        Decision = "decision",
        /// How somebody wants things done.
        Preference = "preference",
        /// How things are done here.
        Convention = "convention",
        /// What went wrong and must not again.
        Mistake = "mistake",
        /// How something is done.
        HowTo = "how_to",
        /// What was going on.
        Context = "context",
    }
}

words! {
    /// Whether a memory may be relied upon.
    Trust {
        /// A session or a person stands for it.
        Confirmed = "confirmed",
        /// An agent has written it, and nobody has confirmed it yet.
        Quarantined = "quarantined",
    }
}

words! {
    /// Who has written a memory.
    SourceKind {
        /// A host session.
        Host = "host",
        /// An agent.
        Agent = "agent",
        /// A person at the command line.
        Person = "person",
        /// A file that was imported.
        Import = "import",
    }
}

/// In whose hands the memories are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A host session, by its id.
    Session {
        /// Its id.
        id: String,
    },
    /// An agent.
    Agent {
        /// Its id.
        id: AgentId,
        /// The definition it was made from.
        definition: Option<String>,
    },
    /// The person at this command line.
    Person,
}

/// Where a memory comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Who has written it.
    pub kind: SourceKind,
    /// Which one: an id, or the name of a file; may be empty.
    pub id: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.id.as_str()) {
            (SourceKind::Agent, id) if !id.is_empty() => f.write_str(id),
            (kind, "") => f.write_str(kind.as_str()),
            (kind, id) => write!(f, "{kind} {id}"),
        }
    }
}

/// Whether what holds from one time on until another one holds at `ms`; 0 for always.
pub(crate) fn holds(from_ms: i64, to_ms: i64, ms: i64) -> bool {
    from_ms <= ms && (to_ms == 0 || to_ms > ms)
}

/// That a memory was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// By whom, in words.
    pub by: String,
    /// Why; may be empty.
    pub why: String,
}

/// A memory as it stands on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Its id.
    pub id: MemoryId,
    /// For whom it is.
    pub scope: Scope,
    /// The statement.
    pub text: String,
    /// What kind of statement.
    pub kind: Kind,
    /// Words to find it by, in their order.
    pub tags: Vec<String>,
    /// Who or what it is about; may be empty.
    pub subject: String,
    /// From 0 to 1.
    pub importance: f64,
    /// Whether it may be relied upon.
    pub trust: Trust,
    /// Where it comes from.
    pub source: Source,
    /// The conversation it belongs to; may be empty.
    pub session: String,
    /// Its place within that, from 1.
    pub turn: i64,
    /// When it happened, in milliseconds since the Unix epoch; else when it was written.
    pub at_ms: i64,
    /// When it was written.
    pub created_ms: i64,
    /// When its trust, importance or tags were changed last.
    pub changed_ms: i64,
    /// When it was given to somebody last; 0 for never.
    pub used_ms: i64,
    /// How often it was given to somebody.
    pub uses: i64,
    /// Not so before; 0 for always.
    pub valid_from_ms: i64,
    /// Not so from then on; 0 for always.
    pub valid_to_ms: i64,
    /// What it took the place of.
    pub supersedes: Vec<MemoryId>,
    /// What has taken its place.
    pub superseded_by: Option<MemoryId>,
    /// Whether it was forgotten.
    pub forgotten: Option<Forgotten>,
    /// What it is about.
    pub links: Vec<Link>,
}

impl Memory {
    /// Whether it is so then: neither forgotten nor superseded, nor out of its time.
    pub(super) fn holds_at(&self, ms: i64) -> bool {
        let stands = self.forgotten.is_none() && self.superseded_by.is_none();
        stands && holds(self.valid_from_ms, self.valid_to_ms, ms)
    }
}
