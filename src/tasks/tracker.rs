//! The tracker of one project, in the hands of one actor. Its functions are spread over the files of
//! this room, each beside what it is about.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::error::TaskError;
use super::model::{Actor, Holder, Note, NoteKind, Task};
use super::rows;
use crate::clock::Clock;
use crate::ids::{IdSource, NoteId, ProjectId, TaskId};
use crate::store::Store;

/// How many ids are named for a mistyped one.
const NEAREST: usize = 3;
/// Characters of an id that stand for it, at least.
const SHORTEST: usize = 3;
/// Longest text that may stand where an id is expected.
const NAME: usize = 40;

/// The tasks of a project, as one actor sees and changes them.
pub struct Tracker<'a> {
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) project: &'a ProjectId,
    pub(crate) actor: Actor,
}

impl<'a> Tracker<'a> {
    /// The tracker of a project in the hands of `actor`.
    pub fn new(
        store: &'a Store,
        clock: &'a dyn Clock,
        ids: &'a dyn IdSource,
        project: &'a ProjectId,
        actor: Actor,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            project,
            actor,
        }
    }
}

impl Tracker<'_> {
    /// In whose hands it is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The id of the task that `given` stands for: an id, or the beginning of one, with or without
    /// `t-`.
    ///
    /// # Errors
    /// [`TaskError::Unknown`], [`TaskError::Ambiguous`], failures of the store.
    pub async fn find(&self, given: &str) -> Result<TaskId, TaskError> {
        let mut connection = self.store.read().acquire().await?;
        self.find_in(&mut connection, given).await
    }

    /// The same within a transaction.
    pub(super) async fn find_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
    ) -> Result<TaskId, TaskError> {
        let lower: String = given.trim().to_ascii_lowercase();
        let lower: String = lower.chars().take(NAME).collect();
        let prefix = match lower.starts_with("t-") {
            true => lower,
            false => format!("t-{lower}"),
        };
        let mut found = Vec::new();
        // A letter or two may be a slip, or a name meant for something else.
        if prefix.len() >= "t-".len() + SHORTEST {
            found = rows::beginning_with(connection, self.project, &prefix).await?;
        }
        if let [only] = found.as_slice() {
            return Ok(only.clone());
        }
        if let Some(exact) = found.iter().find(|id| id.as_str() == prefix) {
            return Ok(exact.clone());
        }
        let shown = crate::text::one_line(given.trim(), NAME);
        if !found.is_empty() {
            return Err(TaskError::Ambiguous {
                given: shown,
                candidates: found.iter().map(TaskId::to_string).collect(),
            });
        }
        let nearest = super::list::nearest(connection, self.project, &prefix, NEAREST).await?;
        Err(TaskError::Unknown { id: shown, nearest })
    }

    /// The task that `given` stands for.
    pub(super) async fn task_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
    ) -> Result<Task, TaskError> {
        Ok(rows::task(&self.row_in(connection, given).await?)?)
    }

    /// The same as a row.
    pub(super) async fn row_in(
        &self,
        connection: &mut AnyConnection,
        given: &str,
    ) -> Result<AnyRow, TaskError> {
        // Most are called by their whole id.
        if let Ok(id) = TaskId::parse(given)
            && let Some(row) = rows::row(connection, self.project, &id).await?
        {
            return Ok(row);
        }
        let id = self.find_in(connection, given).await?;
        let found = rows::row(connection, self.project, &id).await?;
        found.ok_or_else(|| unknown(&id))
    }

    /// The task of that id.
    pub(super) async fn get_in(
        &self,
        connection: &mut AnyConnection,
        id: &TaskId,
    ) -> Result<Task, TaskError> {
        let found = rows::get(connection, self.project, id).await?;
        found.ok_or_else(|| unknown(id))
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Adds to a task's history what this actor has said or done.
    pub(super) async fn note_in(
        &self,
        connection: &mut AnyConnection,
        id: &TaskId,
        kind: NoteKind,
        text: &str,
    ) -> Result<(), TaskError> {
        let note = Note {
            id: NoteId::new(self.ids),
            at_ms: self.now_ms(),
            kind,
            by: self.actor.told(),
            text: self.store.redact(text),
        };
        Ok(rows::add_note(connection, id, &note).await?)
    }

    /// Who has the claims of this actor; `None` for a person, who has none.
    pub(super) fn as_holder(&self) -> Option<Holder> {
        match &self.actor {
            Actor::Agent { id, .. } => Some(Holder::Agent(id.clone())),
            Actor::Session { id, .. } => Some(Holder::Session(id.clone())),
            Actor::Person => None,
        }
    }

    /// Whether this is an agent that may change no file.
    pub(super) fn reads_only(&self) -> bool {
        matches!(
            self.actor,
            Actor::Agent {
                read_only: true,
                ..
            }
        )
    }

    /// Refuses a fence that is not that of the running claim of `task`.
    pub(super) fn check_fence(&self, task: &Task, fence: Option<i64>) -> Result<(), TaskError> {
        match fence {
            Some(fence) if task.holder.is_none() || task.fence != fence => {
                Err(TaskError::StaleFence {
                    id: task.id.clone(),
                    fence,
                    holder: task.holder.as_ref().map(Holder::told),
                })
            }
            _ => Ok(()),
        }
    }

    /// Refuses what only whoever works on `task` may do while somebody does. The right fence proves
    /// the claim of a person's choice; to a session or an agent every fence is told that asks.
    pub(super) fn only_holder(&self, task: &Task, fence: Option<i64>) -> Result<(), TaskError> {
        self.check_fence(task, fence)?;
        let shown = fence.is_some() && self.actor == Actor::Person;
        match &task.holder {
            Some(holder) if !shown && Some(holder) != self.as_holder().as_ref() => {
                Err(TaskError::Held {
                    id: task.id.clone(),
                    holder: holder.told(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A task that was deleted since it was found.
pub(super) fn unknown(id: &TaskId) -> TaskError {
    TaskError::Unknown {
        id: id.to_string(),
        nearest: Vec::new(),
    }
}
