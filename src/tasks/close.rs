//! Closing tasks, and opening them again. What a close has to show is held here; where it comes from
//! is the business of whoever closes.

use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::error::TaskError;
use super::fields;
use super::graph::{Counted, count_child, freed, settle};
use super::model::{Link, LinkKind, NoteKind, Reason, Status, Task};
use super::rows;
use super::tracker::Tracker;
use crate::ids::{AgentId, TaskId};
use crate::store::statements;

/// Tasks named of those that a close has made ready, and of open children.
const NAMED: u32 = 20;
/// Longest word why, in bytes.
const WHY: usize = 4 * 1024;

statements! {
    CLOSE = "UPDATE task SET status = 'closed', reason = $2, why = $3, evidence = $4, closed_ms = $5,
          closed_by = $6, updated_ms = $5, holder = '', dies_with = '', lease_ms = 0,
          lease_until_ms = 0
        WHERE id = $1 AND status <> 'closed'";
    REOPEN = "UPDATE task SET status = 'open', reason = '', why = '', evidence = '', closed_ms = 0,
          closed_by = '', updated_ms = $2
        WHERE id = $1 AND status = 'closed'";
    /// Tasks that were for the case that $1 is given up.
    MOOT = "SELECT task.id, task.title FROM task JOIN task_edge e ON e.task_id = task.id
        WHERE e.other_id = $1 AND e.kind = 'on_failure' AND e.gone = 0 AND task.status <> 'closed'
        ORDER BY task.created_ms, task.n LIMIT $2";
    STAMP = "UPDATE task SET stamps = $2 WHERE id = $1";
}

/// What has shown that a task is done; every entry was checked by ostler, or given by a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// Commits of the repository, by their full hashes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// Commands that have exited 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Agents whose work was verified, or who have reviewed it and approved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentId>,
    /// What a person says to have seen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub seen: String,
}

impl Proof {
    /// Whether it shows nothing.
    pub fn is_empty(&self) -> bool {
        *self == Proof::default()
    }

    /// In words, for the history: a task that is opened again has no evidence any more.
    fn told(&self) -> String {
        let commits = self.commits.iter().map(|it| format!("commit {it}"));
        let commands = self.commands.iter().map(|it| format!("command `{it}`"));
        let agents = self.agents.iter().map(|it| format!("agent {it}"));
        let seen = (!self.seen.is_empty()).then(|| format!("seen: {}", self.seen));
        let told: Vec<String> = commits.chain(commands).chain(agents).chain(seen).collect();
        match told.is_empty() {
            true => String::new(),
            false => format!("shown by {}", told.join(", ")),
        }
    }
}

/// How a task is to be closed.
#[derive(Debug, Clone)]
pub struct Close {
    /// Why.
    pub reason: Reason,
    /// The same in words; needed unless it is done.
    pub why: String,
    /// What shows that it is done.
    pub proof: Proof,
    /// The number of the claim under which it is closed.
    pub fence: Option<i64>,
}

/// A task that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Its id.
    pub id: TaskId,
    /// Tasks that are ready now, the most urgent first, at most 20.
    pub unblocked: Vec<Named>,
    /// Whether there are more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more_unblocked: bool,
    /// Open tasks that were for the case that this one is given up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moot: Vec<Named>,
}

/// A task by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
}

impl From<Counted> for Named {
    fn from(Counted { id, title }: Counted) -> Self {
        Self { id, title }
    }
}

impl Tracker<'_> {
    /// Closes a task.
    ///
    /// # Errors
    /// A task that somebody else holds, a stale fence, open children, missing proof or words, a task
    /// that is closed.
    pub async fn close(&self, given: &str, close: &Close) -> Result<Closed, TaskError> {
        let mut tx = self.store.begin().await?;
        let closed = self.close_given(&mut tx, given, close).await?;
        self.store.commit(tx).await?;
        Ok(closed)
    }

    /// The same within a transaction.
    pub(crate) async fn close_given(
        &self,
        connection: &mut AnyConnection,
        given: &str,
        close: &Close,
    ) -> Result<Closed, TaskError> {
        self.expire_in(connection).await?;
        let task = self.closable(connection, given, close.fence).await?;
        self.close_in(connection, &task, close).await
    }

    /// The task that `given` stands for, if this actor may close it as it stands.
    pub(crate) async fn closable(
        &self,
        connection: &mut AnyConnection,
        given: &str,
        fence: Option<i64>,
    ) -> Result<Task, TaskError> {
        let task = self.task_in(connection, given).await?;
        match task.status {
            Status::Closed => Err(closed_already(&task)),
            // Else it could let go of what its own task waits for.
            _ if self.actor.is_agent()
                && task.holder.is_none()
                && task.created_by != self.actor.told() =>
            {
                let problem = format!("{} is not yours to close: claim it first", task.id);
                Err(TaskError::NotAllowed { problem })
            }
            _ => self.only_holder(&task, fence).map(|()| task),
        }
    }

    /// The same within a transaction, for who may do so.
    pub(crate) async fn close_in(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        close: &Close,
    ) -> Result<Closed, TaskError> {
        let id = &task.id;
        if task.status == Status::Closed {
            return Err(closed_already(task));
        }
        check(task, close)?;
        if task.open_children > 0 {
            return Err(self.open_children(connection, task).await?);
        }
        let now_ms = self.now_ms();
        let proof = match close.proof.is_empty() {
            true => String::new(),
            false => self.store.redact_json(&close.proof),
        };
        let why = self.store.redact(close.why.trim());
        sqlx::query(CLOSE)
            .bind(id.as_str())
            .bind(close.reason.as_str())
            .bind(&why)
            .bind(&proof)
            .bind(now_ms)
            .bind(self.actor.told())
            .execute(&mut *connection)
            .await?;
        self.stamp_in(connection, task, &["status"]).await?;
        let text = [close.reason.as_str(), &why, &close.proof.told()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        self.note_in(connection, id, NoteKind::Closed, &text)
            .await?;
        for commit in &close.proof.commits {
            let link = Link {
                kind: LinkKind::Commit,
                target: commit.clone(),
                at_ms: now_ms,
            };
            rows::add_link(connection, id, &link).await?;
        }
        settle(connection, id).await?;
        if let Some(parent) = &task.parent {
            count_child(connection, parent, 0, -1).await?;
        }
        let mut unblocked = self.unblocked_by(connection, task).await?;
        let more_unblocked = unblocked.len() > NAMED as usize;
        unblocked.truncate(NAMED as usize);
        let moot = match close.reason {
            Reason::WontDo => Vec::new(),
            _ => self.moot(connection, id).await?,
        };
        Ok(Closed {
            id: id.clone(),
            unblocked,
            more_unblocked,
            moot,
        })
    }

    /// What is ready now and would not be if `task`, which is closed, were open; one more than are
    /// named.
    pub(crate) async fn unblocked_by(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
    ) -> Result<Vec<Named>, TaskError> {
        let freed = freed(connection, &task.id, self.now_ms(), NAMED + 1).await?;
        Ok(freed.into_iter().map(Named::from).collect())
    }

    /// Opens a closed task again.
    ///
    /// # Errors
    /// An agent, no word why, a task that is not closed, a closed parent.
    pub async fn reopen(&self, given: &str, why: &str) -> Result<TaskId, TaskError> {
        if self.actor.is_agent() {
            let problem = "an agent cannot reopen a task; it can add a note to it".to_owned();
            return Err(TaskError::NotAllowed { problem });
        }
        if why.trim().is_empty() {
            return Err(TaskError::bad("note", "is needed: say why it is reopened"));
        }
        let why = &fields::note(why)?;
        let mut tx = self.store.begin().await?;
        let task = self.task_in(&mut tx, given).await?;
        if task.status != Status::Closed {
            return Err(TaskError::WrongStatus {
                id: task.id,
                status: task.status,
                action: "reopened",
            });
        }
        if let Some(parent) = &task.parent
            && self.get_in(&mut tx, parent).await?.status == Status::Closed
        {
            let parent = parent.clone();
            return Err(TaskError::ClosedParent { parent });
        }
        sqlx::query(REOPEN)
            .bind(task.id.as_str())
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
        self.stamp_in(&mut tx, &task, &["status"]).await?;
        self.note_in(&mut tx, &task.id, NoteKind::Reopened, why)
            .await?;
        settle(&mut tx, &task.id).await?;
        if let Some(parent) = &task.parent {
            count_child(&mut tx, parent, 0, 1).await?;
        }
        self.store.commit(tx).await?;
        Ok(task.id)
    }

    /// Notes that fields of a task are set now.
    pub(super) async fn stamp_in(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        fields: &[&str],
    ) -> Result<(), TaskError> {
        let mut stamps: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&task.stamps).unwrap_or_default();
        for field in fields {
            stamps.insert((*field).to_owned(), self.now_ms().into());
        }
        stamps.sort_keys();
        sqlx::query(STAMP)
            .bind(task.id.as_str())
            .bind(serde_json::Value::Object(stamps).to_string())
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn open_children(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
    ) -> Result<TaskError, TaskError> {
        let children = rows::open_children(connection, &task.id, NAMED).await?;
        let mut children: Vec<String> = children.iter().map(TaskId::to_string).collect();
        let more = task.open_children - i64::from(NAMED);
        if more > 0 {
            children.push(format!("{more} more"));
        }
        Ok(TaskError::OpenChildren {
            id: task.id.clone(),
            children,
        })
    }

    async fn moot(
        &self,
        connection: &mut AnyConnection,
        id: &TaskId,
    ) -> Result<Vec<Named>, TaskError> {
        let rows: Vec<(String, String)> = sqlx::query_as(MOOT)
            .bind(id.as_str())
            .bind(i64::from(NAMED))
            .fetch_all(connection)
            .await?;
        let named = |(id, title)| Named {
            id: TaskId::stored(id),
            title,
        };
        Ok(rows.into_iter().map(named).collect())
    }
}

fn closed_already(task: &Task) -> TaskError {
    TaskError::WrongStatus {
        id: task.id.clone(),
        status: task.status,
        action: "closed again",
    }
}

fn check(task: &Task, close: &Close) -> Result<(), TaskError> {
    if close.why.len() > WHY {
        return Err(TaskError::bad("why", format!("is longer than {WHY} bytes")));
    }
    match close.reason {
        Reason::Done if !task.acceptance.trim().is_empty() && close.proof.is_empty() => {
            Err(TaskError::NoEvidence {
                id: task.id.clone(),
                problem: "it has acceptance criteria and no evidence was given".to_owned(),
            })
        }
        Reason::Done => Ok(()),
        _ if close.why.trim().is_empty() => Err(TaskError::NoWhy {
            reason: close.reason.as_str(),
        }),
        _ => Ok(()),
    }
}
