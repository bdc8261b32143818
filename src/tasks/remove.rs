//! Deleting tasks: for people only, and never in passing. What is deleted leaves its id behind, so
//! that no copy of the tasks brings it back unasked and nobody is given the id again.

use sqlx::AnyConnection;

use super::error::TaskError;
use super::graph;
use super::model::{Actor, Edge, Holder, NoteKind, Status, Task};
use super::rows;
use super::tracker::Tracker;
use crate::ids::TaskId;
use crate::store::statements;

/// Children named in a refusal.
const NAMED: u32 = 20;
/// Longest word why, in bytes.
const WHY: usize = 4 * 1024;

statements! {
    REMOVE_BACK = "UPDATE task_edge SET gone = 1, at_ms = $2 WHERE other_id = $1 AND gone = 0";
    /// With its edges, labels, notes and links.
    DELETE = "DELETE FROM task WHERE id = $1";
    GONE = "INSERT INTO task_gone(id, project_id, at_ms, by, why) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING";
}

impl Tracker<'_> {
    /// Deletes a task and all that was said of it.
    ///
    /// # Errors
    /// Whoever is no person, no word why, a task that has children or that somebody holds.
    pub async fn delete(&self, given: &str, why: &str) -> Result<TaskId, TaskError> {
        if self.actor != Actor::Person {
            let problem = "only a person can delete a task; close it as `wont_do`".to_owned();
            return Err(TaskError::NotAllowed { problem });
        }
        if why.trim().is_empty() {
            return Err(TaskError::bad("why", "is needed: say why it is deleted"));
        }
        if why.len() > WHY {
            return Err(TaskError::bad("why", format!("is longer than {WHY} bytes")));
        }
        let mut tx = self.store.begin().await?;
        self.expire_in(&mut tx).await?;
        let task = self.task_in(&mut tx, given).await?;
        if let Some(holder) = task.holder.as_ref().map(Holder::told) {
            return Err(TaskError::Held {
                id: task.id,
                holder,
            });
        }
        self.delete_in(&mut tx, &task, why).await?;
        self.store.commit(tx).await?;
        Ok(task.id)
    }

    /// The same within a transaction, for who may do so.
    pub(crate) async fn delete_in(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        why: &str,
    ) -> Result<(), TaskError> {
        let children = rows::children(connection, &task.id, NAMED).await?;
        if !children.is_empty() {
            return Err(TaskError::HasChildren {
                id: task.id.clone(),
                children: children.into_iter().map(|child| child.id).collect(),
                more: task.children - i64::from(NAMED),
            });
        }
        let now_ms = self.now_ms();
        let (own, back) = rows::edges(connection, &task.id).await?;
        for Edge {
            task, kind, other, ..
        } in &own
        {
            graph::remove_edge(connection, task, *kind, other, now_ms).await?;
        }
        // All at once: there may be thousands, and each would look at all the others.
        sqlx::query(REMOVE_BACK)
            .bind(task.id.as_str())
            .bind(now_ms)
            .execute(&mut *connection)
            .await?;
        graph::settle(connection, &task.id).await?;
        for edge in back {
            let text = format!("{} -{}, which was deleted", edge.kind, edge.other);
            self.note_in(connection, &edge.task, NoteKind::Changed, &text)
                .await?;
        }
        if let Some(parent) = &task.parent {
            let open = i64::from(task.status != Status::Closed);
            graph::count_child(connection, parent, -1, -open).await?;
        }
        sqlx::query(DELETE)
            .bind(task.id.as_str())
            .execute(&mut *connection)
            .await?;
        sqlx::query(GONE)
            .bind(task.id.as_str())
            .bind(self.project.as_str())
            .bind(now_ms)
            .bind(self.actor.told())
            .bind(self.store.redact(why.trim()))
            .execute(connection)
            .await?;
        Ok(())
    }
}
