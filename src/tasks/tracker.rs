//! The tracker of one project, in the hands of one actor. Its functions are spread over the files of
//! this room, each beside what it is about.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::error::TaskError;
use super::model::{Actor, Holder, Note, NoteKind, Task};
use super::rows;
use crate::clock::Clock;
use crate::ids::{Given, IdSource, NoteId, ProjectId, TaskId};
use crate::store::Store;

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
        let given = Given::read(given, "t-");
        let mut found = Vec::new();
        if given.is_enough() {
            found = rows::beginning_with(connection, self.project, &given).await?;
        }
        if let [only] = found.as_slice() {
            return Ok(only.clone());
        }
        if let Some(exact) = found.iter().find(|id| id.as_str() == given.beginning) {
            return Ok(exact.clone());
        }
        if !found.is_empty() {
            return Err(TaskError::Ambiguous {
                given: given.shown,
                candidates: found.iter().map(TaskId::to_string).collect(),
            });
        }
        let nearest = super::list::nearest(connection, self.project, &given).await?;
        Err(TaskError::Unknown {
            id: given.shown,
            nearest,
        })
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
