//! What a task is made of.

use crate::ids::{AgentId, OwnerId, TaskId};
use crate::words::words;

words! {
    /// Which tasks a list shows.
    View {
        /// Those that somebody may begin with, in the order in which they are given out.
        Ready = "ready",
        /// Open ones that edges hold back.
        Blocked = "blocked",
        /// Those that whoever asks has claimed.
        Mine = "mine",
        /// All that are not closed.
        Open = "open",
        /// The closed ones, the last closed first.
        Closed = "closed",
        /// All, the newest first.
        All = "all",
    }
}

words! {
    /// What kind of work a task is.
    Kind {
        /// Work like any other.
        Task = "task",
        /// Something is wrong.
        Bug = "bug",
        /// Something new.
        Feature = "feature",
        /// Upkeep.
        Chore = "chore",
        /// A piece of work that is done when its children are.
        Epic = "epic",
        /// Something to find out; it changes no file unless it says so.
        Question = "question",
    }
}

words! {
    /// Where a task stands. Whether it is ready or blocked is derived.
    Status {
        /// Nobody works on it.
        Open = "open",
        /// It is claimed.
        InProgress = "in_progress",
        /// It is over.
        Closed = "closed",
    }
}

words! {
    /// Why a task was closed.
    Reason {
        /// The work is done.
        Done = "done",
        /// It will not be done, or could not be.
        WontDo = "wont_do",
        /// Another task is about the same.
        Duplicate = "duplicate",
        /// Another task has taken its place.
        Superseded = "superseded",
    }
}

words! {
    /// How a task has to do with another one. The first three hold it back.
    EdgeKind {
        /// It cannot begin before the other is closed.
        BlockedBy = "blocked_by",
        /// It is for the case that the other is given up: closed as `wont_do`.
        OnFailure = "on_failure",
        /// It cannot begin before the other has children and all of them are closed, or is closed.
        WaitsChildren = "waits_children",
        /// They have to do with each other.
        Related = "related",
        /// It came up in the work on the other.
        DiscoveredFrom = "discovered_from",
        /// It is about the same as the other.
        Duplicates = "duplicates",
        /// It takes the place of the other.
        Supersedes = "supersedes",
        /// It checks the other.
        Validates = "validates",
    }
}

impl EdgeKind {
    /// Whether it holds the task back.
    pub fn blocks(self) -> bool {
        matches!(
            self,
            EdgeKind::BlockedBy | EdgeKind::OnFailure | EdgeKind::WaitsChildren
        )
    }
}

words! {
    /// What an entry of a task's history is.
    NoteKind {
        /// Somebody's words.
        Note = "note",
        /// How an agent that worked on it has ended.
        Result = "result",
        /// It was claimed.
        Claimed = "claimed",
        /// The claim was given back, or taken away.
        Released = "released",
        /// It was closed.
        Closed = "closed",
        /// It was opened again.
        Reopened = "reopened",
        /// A field or an edge was changed.
        Changed = "changed",
    }
}

words! {
    /// What a task is linked with.
    LinkKind {
        /// An agent that was spawned for it or has claimed it.
        Worker = "worker",
        /// An agent that was given it to read, to review it for one.
        Reader = "reader",
        /// A branch with work on it.
        Branch = "branch",
        /// A commit with work on it.
        Commit = "commit",
    }
}

/// A task as it stands on record, without its edges, labels and notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The task it is a part of.
    pub parent: Option<TaskId>,
    /// One line.
    pub title: String,
    /// What is to be done; may be empty.
    pub description: String,
    /// What must hold before it may be closed as done; may be empty.
    pub acceptance: String,
    /// What kind of work.
    pub kind: Kind,
    /// From 0, the most urgent, to 4.
    pub priority: u8,
    /// Whether the work changes files.
    pub writes: bool,
    /// Minutes it may take.
    pub estimate_min: Option<u32>,
    /// Not ready before; milliseconds since the Unix epoch.
    pub defer_until_ms: i64,
    /// What it is called elsewhere; may be empty.
    pub external_ref: String,
    /// Where it stands.
    pub status: Status,
    /// Why it was closed.
    pub reason: Option<Reason>,
    /// The same in words.
    pub why: String,
    /// JSON: what has shown that it is done; empty when nothing had to.
    pub evidence: String,
    /// Milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Who has created it, as [`Actor::told`].
    pub created_by: String,
    /// When anything of it was last changed.
    pub updated_ms: i64,
    /// When it was closed; 0 when it is not.
    pub closed_ms: i64,
    /// Who has closed it.
    pub closed_by: String,
    /// JSON: when a field was last set, where that was after the creation.
    pub stamps: String,
    /// Edges that hold it or one of the tasks above it.
    pub held: i64,
    /// Edges by which it holds others.
    pub unblocks: i64,
    /// Tasks that are a part of it.
    pub children: i64,
    /// Those that are not closed.
    pub open_children: i64,
    /// How often it was claimed: the number of the last claim.
    pub fence: i64,
    /// Who works on it; `None` when nobody does.
    pub holder: Option<Holder>,
    /// When it was claimed.
    pub claimed_ms: i64,
    /// When the claim runs out; 0 when it does not by itself.
    pub lease_until_ms: i64,
}

impl Task {
    /// Whether somebody may begin to work on it.
    pub fn is_ready(&self, now_ms: i64) -> bool {
        self.status == Status::Open
            && self.held == 0
            && self.open_children == 0
            && self.defer_until_ms <= now_ms
    }

    /// Since when something can show that it is done: its creation, or its last reopening.
    pub fn counts_since_ms(&self) -> i64 {
        let stamps: serde_json::Value = serde_json::from_str(&self.stamps).unwrap_or_default();
        let reopened_ms = stamps.get("status").and_then(serde_json::Value::as_i64);
        self.created_ms.max(reopened_ms.unwrap_or_default())
    }

    /// Where it stands in one word, see `Standing`.
    pub fn standing(&self, now_ms: i64) -> &'static str {
        let standing = Standing {
            status: self.status,
            reason: self.reason,
            held: self.held,
            open_children: self.open_children,
            defer_until_ms: self.defer_until_ms,
        };
        standing.at(now_ms)
    }
}

/// What says where a task stands.
pub(super) struct Standing {
    pub(super) status: Status,
    pub(super) reason: Option<Reason>,
    pub(super) held: i64,
    pub(super) open_children: i64,
    pub(super) defer_until_ms: i64,
}

impl Standing {
    /// One word: `ready`, `blocked`, `waits` (for its children), `deferred`, `in_progress`, or why it
    /// was closed.
    pub(super) fn at(&self, now_ms: i64) -> &'static str {
        match (self.status, self.reason) {
            (Status::Closed, Some(reason)) => reason.as_str(),
            (Status::InProgress, _) => self.status.as_str(),
            _ if self.held > 0 => "blocked",
            _ if self.open_children > 0 => "waits",
            _ if self.defer_until_ms > now_ms => "deferred",
            _ => "ready",
        }
    }
}

/// Who has a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A running or queued agent; the claim ends when its run does.
    Agent(AgentId),
    /// A host session; the claim is a lease.
    Session(String),
}

const SESSION: &str = "session:";

impl Holder {
    /// As it is stored: an agent's id, or `session:` and the id of a session.
    pub fn told(&self) -> String {
        match self {
            Holder::Agent(id) => id.to_string(),
            Holder::Session(session) => format!("{SESSION}{session}"),
        }
    }

    pub(super) fn stored(text: &str) -> Option<Self> {
        match text.strip_prefix(SESSION) {
            Some(session) => Some(Holder::Session(session.to_owned())),
            None if text.is_empty() => None,
            None => Some(Holder::Agent(AgentId::stored(text.to_owned()))),
        }
    }
}

/// Who does something with tasks. Told by where the process stands, never by what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A host session.
    Session {
        /// Its id.
        id: String,
        /// Its process, when the session has no id that outlives it.
        dies_with: Option<OwnerId>,
    },
    /// A running agent.
    Agent {
        /// Its id.
        id: AgentId,
        /// Whether it may change no file.
        read_only: bool,
    },
    /// Somebody at a command line.
    Person,
}

impl Actor {
    /// As it is stored and shown: an agent's id, `session:` and the id of a session, or `person`.
    pub fn told(&self) -> String {
        match self {
            Actor::Person => "person".to_owned(),
            Actor::Session { id, .. } => Holder::Session(id.clone()).told(),
            Actor::Agent { id, .. } => id.to_string(),
        }
    }

    /// Whether it is an agent.
    pub fn is_agent(&self) -> bool {
        matches!(self, Actor::Agent { .. })
    }
}

/// A task and how another one has to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The task that the edge is of.
    pub task: TaskId,
    /// How.
    pub kind: EdgeKind,
    /// The other one; for kinds that block, the blocker.
    pub other: TaskId,
    /// When it was last added or removed.
    pub at_ms: i64,
    /// Whether it was removed.
    pub gone: bool,
    /// Whether it holds the task back now.
    pub holds: bool,
}

/// An entry of a task's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: crate::ids::NoteId,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What it is.
    pub kind: NoteKind,
    /// Who has made it.
    pub by: String,
    /// Its text.
    pub text: String,
}

/// Something a task is linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// An agent's id, the name of a branch, or the hash of a commit.
    pub target: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}
