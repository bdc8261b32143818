//! What somebody has to know of a task before beginning with it, read from the tracker in one go.

use sqlx::AnyConnection;

use super::error::TaskError;
use super::model::{EdgeKind, Note, NoteKind, Status, Task};
use super::rows;
use super::tracker::Tracker;
use crate::ids::TaskId;

/// Tasks above that are told of.
const ABOVE: usize = 8;
/// Edges of others to a task that are looked at.
const LOOKED_AT: usize = 200;
/// Others that are told of, of each sort.
const OTHERS: usize = 12;
/// Entries of the history that are told, and looked at for a result.
const NOTES: u32 = 20;

/// A task and what has to do with it.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) task: Task,
    pub(crate) labels: Vec<String>,
    /// The tasks that it is a part of, the nearest first.
    pub(crate) above: Vec<Task>,
    /// What it had to wait for.
    pub(crate) before: Vec<Before>,
    /// What waits for it.
    pub(crate) after: Vec<Task>,
    /// Tasks that are a part of it.
    pub(crate) parts: Vec<Task>,
    /// Others that it has to do with; `true`: the edge leads here.
    pub(crate) kin: Vec<(EdgeKind, bool, Task)>,
    /// The last entries of its history, oldest first.
    pub(crate) notes: Vec<Note>,
    /// When this was read.
    pub(crate) now_ms: i64,
}

/// A task that another one had to wait for.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) task: Task,
    /// What the last agent on it has left.
    pub(crate) result: Option<Note>,
}

impl Tracker<'_> {
    /// What there is to know of a task.
    pub(crate) async fn facts(&self, id: &TaskId) -> Result<Facts, TaskError> {
        let mut connection = self.store.read().acquire().await?;
        let connection: &mut AnyConnection = &mut connection;
        let task = self.get_in(connection, id).await?;
        let mut above = Vec::new();
        let mut next = task.parent.clone();
        while let Some(parent) = next.take().filter(|_| above.len() < ABOVE) {
            let parent = self.get_in(connection, &parent).await?;
            next = parent.parent.clone();
            above.push(parent);
        }
        let (own, back) = rows::edges(connection, id).await?;
        let (mut before, mut after, mut kin) = (Vec::new(), Vec::new(), Vec::new());
        for edge in own {
            let other = self.get_in(connection, &edge.other).await?;
            if !edge.kind.blocks() {
                kin.push((edge.kind, false, other));
            } else if before.len() < OTHERS {
                let notes = rows::notes(connection, &other.id, NOTES).await?;
                let is_result = |note: &Note| note.kind == NoteKind::Result;
                let result = notes.into_iter().rfind(is_result);
                before.push(Before {
                    task: other,
                    result,
                });
            }
        }
        for edge in back.into_iter().take(LOOKED_AT) {
            let other = self.get_in(connection, &edge.task).await?;
            match edge.kind.blocks() {
                true if other.status != Status::Closed => after.push(other),
                true => {}
                false => kin.push((edge.kind, true, other)),
            }
        }
        after.truncate(OTHERS);
        kin.truncate(OTHERS);
        let limit = u32::try_from(OTHERS).unwrap_or(u32::MAX);
        Ok(Facts {
            labels: rows::labels(connection, id).await?,
            parts: rows::children(connection, id, limit).await?,
            notes: rows::notes(connection, id, NOTES).await?,
            task,
            above,
            before,
            after,
            kin,
            now_ms: self.now_ms(),
        })
    }
}
