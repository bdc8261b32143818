//! Claims: the exclusive right to work on a task. A claim of an agent lasts as long as its run, that
//! of a host session is a lease which every call of the session renews. Each claim has a number, the
//! fence: whoever shows the number of a claim that is over is refused.

use sqlx::AnyConnection;

use super::error::TaskError;
use super::fields;
use super::model::{Actor, Holder, Kind, Link, LinkKind, Note, NoteKind, Status, Task};
use super::rows::{self, task_columns};
use super::tracker::Tracker;
use crate::clock::Clock;
use crate::ids::{AgentId, IdSource, NoteId, OwnerId, TaskId};
use crate::store::{Store, StoreError, statements};

/// How long a lease lasts without a call, unless asked for otherwise; and at most.
const LEASE_S: u32 = 30 * 60;
const LONGEST_LEASE_S: u32 = 24 * 3600;

/// What makes a task ready; the literals let SQLite use the index.
macro_rules! ready {
    () => {
        "status = 'open' AND held = 0 AND open_children = 0"
    };
}

/// The ready tasks of project $1 that are asked for: due at $2, not writing if $3 is 1, with the label
/// $4, of the kind $5, below $6. What is empty asks for nothing.
macro_rules! wanted {
    () => {
        concat!(
            "project_id = $1 AND ",
            ready!(),
            " AND defer_until_ms <= $2 AND ($3 = 0 OR writes = 0) AND ($4 = '' OR EXISTS (SELECT 1 \
             FROM task_label l WHERE l.task_id = task.id AND l.label = $4 AND l.gone = 0)) \
             AND ($5 = '' OR kind = $5) AND ($6 = '' OR id IN (WITH RECURSIVE below(id) AS (\
             SELECT id FROM task WHERE parent = $6 UNION ALL SELECT t.id FROM below \
             JOIN task t ON t.parent = below.id) SELECT id FROM below))"
        )
    };
}

// `holder <> ''` and the like say nothing new: without them the partial indexes are not used.
statements! {
    BEST = concat!("SELECT id FROM task WHERE ", wanted!(), "
        ORDER BY priority, unblocks DESC, created_ms, n LIMIT $7");
    /// An agent whose run is over gets nothing: nobody would ever take that claim away from it.
    CLAIM = concat!("UPDATE task SET status = 'in_progress', holder = $2, dies_with = $3,
          fence = fence + 1, claimed_ms = $4, lease_ms = $5, lease_until_ms = $6, updated_ms = $4
        WHERE id = $1 AND ", ready!(), " AND defer_until_ms <= $4
          AND NOT EXISTS (SELECT 1 FROM agent JOIN run
            ON run.agent_id = agent.id AND run.run_no = agent.run_no
            WHERE agent.id = $2 AND run.status NOT IN ('queued','running'))
        RETURNING ", task_columns!());
    RENEW = "UPDATE task SET lease_until_ms = $2 + lease_ms
        WHERE holder = $1 AND holder <> '' AND lease_until_ms - $2 > 0";
    /// Claims of a holder of whose lease a quarter has gone.
    TO_RENEW = "SELECT count(*) FROM task
        WHERE holder = $1 AND holder <> '' AND lease_until_ms - $2 > 0 AND (lease_until_ms - $2) * 4 < lease_ms * 3";
    LEASE = "UPDATE task SET lease_ms = $3, lease_until_ms = $4 WHERE id = $1 AND holder = $2
        AND holder <> ''";
    RELEASE = "UPDATE task SET status = 'open', holder = '', dies_with = '', lease_ms = 0,
          lease_until_ms = 0, updated_ms = $2
        WHERE id = $1 AND holder = $3";
    EXPIRED = "SELECT id, holder FROM task WHERE lease_until_ms > 0 AND lease_until_ms <= $1";
    OF_HOLDER = "SELECT id, holder FROM task WHERE holder = $1 AND holder <> ''
        ORDER BY claimed_ms, n";
    BOUND_TO = "SELECT id, holder FROM task WHERE dies_with = $1 AND dies_with <> ''";
    HAND_OVER = "UPDATE task SET holder = $2, dies_with = $3, fence = fence + 1, lease_ms = $4,
          lease_until_ms = $5, updated_ms = $6
        WHERE id = $1 AND holder = $7";
}

/// Which ready task is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// With this label.
    pub label: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Below this task.
    pub parent: Option<String>,
}

impl Wanted {
    /// The filter in words that follow: ` with the label "x"`.
    fn told(&self) -> String {
        let mut told = String::new();
        if let Some(label) = &self.label {
            told.push_str(&format!(" with the label {label:?}"));
        }
        if let Some(kind) = self.kind {
            told.push_str(&format!(" of the kind {kind}"));
        }
        if let Some(parent) = &self.parent {
            told.push_str(&format!(" below {parent}"));
        }
        told
    }
}

impl Tracker<'_> {
    /// Claims the task that `given` stands for. Claiming again what one has is harmless.
    ///
    /// # Errors
    /// A task that is not ready or that somebody else holds, a person, a lease out of range.
    pub async fn claim(&self, given: &str, lease_s: Option<u32>) -> Result<Task, TaskError> {
        check_lease(lease_s)?;
        let mut tx = self.store.begin().await?;
        self.expire_in(&mut tx).await?;
        let task = self.task_in(&mut tx, given).await?;
        let claimed = self.claim_in(&mut tx, &task, lease_s).await?;
        self.store.commit(tx).await?;
        Ok(claimed)
    }

    /// Claims a task for this agent, which is written in the same transaction. What the session
    /// `from` holds is handed on.
    pub(crate) async fn claim_at_spawn(
        &self,
        connection: &mut AnyConnection,
        id: &TaskId,
        from: &Holder,
    ) -> Result<Task, TaskError> {
        self.expire_in(connection).await?;
        let mut task = self.get_in(connection, id).await?;
        if matches!(from, Holder::Session(_)) && task.holder.as_ref() == Some(from) {
            let claim = Claim {
                holder: from.told(),
                id: id.clone(),
            };
            let why = format!("handed on to {}", self.actor.told());
            let by = &claim.holder;
            release(connection, &claim, by, &why, self.clock, self.ids).await?;
            task = self.get_in(connection, id).await?;
        }
        self.claim_in(connection, &task, None).await
    }

    /// Claims the best ready task: the most urgent, of these the one that holds back most, of these
    /// the oldest.
    ///
    /// # Errors
    /// [`TaskError::NothingReady`], a person, a lease out of range.
    pub async fn claim_next(
        &self,
        wanted: &Wanted,
        lease_s: Option<u32>,
    ) -> Result<Task, TaskError> {
        check_lease(lease_s)?;
        let mut tx = self.store.begin().await?;
        self.expire_in(&mut tx).await?;
        let best = self.best_in(&mut tx, wanted, 1).await?;
        let Some(best) = best.into_iter().next() else {
            return Err(TaskError::NothingReady {
                filter: wanted.told(),
            });
        };
        let task = self.get_in(&mut tx, &best).await?;
        let claimed = self.claim_in(&mut tx, &task, lease_s).await?;
        self.store.commit(tx).await?;
        Ok(claimed)
    }

    /// The ready tasks that are asked for, the best first, at most `limit`.
    pub(crate) async fn best_in(
        &self,
        connection: &mut AnyConnection,
        wanted: &Wanted,
        limit: u32,
    ) -> Result<Vec<TaskId>, TaskError> {
        let below = match &wanted.parent {
            Some(parent) => self.find_in(connection, parent).await?.to_string(),
            None => String::new(),
        };
        let ids: Vec<String> = sqlx::query_scalar(BEST)
            .bind(self.project.as_str())
            .bind(self.now_ms())
            .bind(i64::from(self.reads_only()))
            .bind(wanted.label.as_deref().unwrap_or_default())
            .bind(wanted.kind.map_or("", Kind::as_str))
            .bind(below)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await?;
        Ok(ids.into_iter().map(TaskId::stored).collect())
    }

    /// Claims `task` within a transaction.
    pub(crate) async fn claim_in(
        &self,
        connection: &mut AnyConnection,
        task: &Task,
        asked_s: Option<u32>,
    ) -> Result<Task, TaskError> {
        let Some(holder) = self.as_holder() else {
            let problem = "a person works on a task without a claim".to_owned();
            return Err(TaskError::NotAllowed { problem });
        };
        if task.holder.as_ref() == Some(&holder) {
            self.renew_in(connection, &holder).await?;
            if let (Holder::Session(_), Some(lease_s)) = (&holder, asked_s) {
                let lease_ms = i64::from(lease_s) * 1000;
                sqlx::query(LEASE)
                    .bind(task.id.as_str())
                    .bind(holder.told())
                    .bind(lease_ms)
                    .bind(self.now_ms() + lease_ms)
                    .execute(&mut *connection)
                    .await?;
            }
            return self.get_in(connection, &task.id).await;
        }
        if let Some(other) = &task.holder {
            return Err(TaskError::Held {
                id: task.id.clone(),
                holder: other.told(),
            });
        }
        if task.writes && self.reads_only() {
            return Err(self.not_ready(task, "it changes files, and this agent may only read"));
        }
        let now_ms = self.now_ms();
        let lease_ms = match holder {
            Holder::Agent(_) => 0,
            Holder::Session(_) => i64::from(asked_s.unwrap_or(LEASE_S)) * 1000,
        };
        let dies_with = match &self.actor {
            Actor::Session { dies_with, .. } => dies_with.as_ref(),
            _ => None,
        };
        let claimed = sqlx::query(CLAIM)
            .bind(task.id.as_str())
            .bind(holder.told())
            .bind(dies_with.map_or("", OwnerId::as_str))
            .bind(now_ms)
            .bind(lease_ms)
            .bind(if lease_ms == 0 { 0 } else { now_ms + lease_ms })
            .fetch_optional(&mut *connection)
            .await?;
        let Some(claimed) = claimed else {
            return Err(self.not_ready(task, why_not(task, now_ms)));
        };
        let claimed = rows::task(&claimed)?;
        let text = format!("claim {}", claimed.fence);
        self.note_in(connection, &task.id, NoteKind::Claimed, &text)
            .await?;
        if let Holder::Agent(agent) = &holder {
            let worker = Link {
                kind: LinkKind::Worker,
                target: agent.to_string(),
                at_ms: now_ms,
            };
            rows::add_link(connection, &task.id, &worker).await?;
        }
        Ok(claimed)
    }

    fn not_ready(&self, task: &Task, why: impl Into<String>) -> TaskError {
        TaskError::NotReady {
            id: task.id.clone(),
            why: why.into(),
        }
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// A task that nobody holds; a claim of somebody else, unless a session or a person takes it away.
    pub async fn release(
        &self,
        given: &str,
        fence: Option<i64>,
        why: &str,
    ) -> Result<TaskId, TaskError> {
        let why = match why.trim() {
            "" => String::new(),
            why => self.store.redact(&fields::note(why)?),
        };
        let mut tx = self.store.begin().await?;
        let task = self.task_in(&mut tx, given).await?;
        match self.actor {
            Actor::Person => {}
            _ => self.only_holder(&task, fence)?,
        }
        if task.holder.is_none() {
            return Err(TaskError::WrongStatus {
                id: task.id,
                status: task.status,
                action: "released",
            });
        }
        let by = self.actor.told();
        let claim = Claim {
            holder: task.holder.as_ref().map(Holder::told).unwrap_or_default(),
            id: task.id,
        };
        release(&mut tx, &claim, &by, &why, self.clock, self.ids).await?;
        self.store.commit(tx).await?;
        Ok(claim.id)
    }

    /// Renews the leases of this session, if a good part of one has gone. To be called with every
    /// call of the session.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn renew(&self) -> Result<(), TaskError> {
        let Some(holder @ Holder::Session(_)) = self.as_holder() else {
            return Ok(());
        };
        let due: i64 = sqlx::query_scalar(TO_RENEW)
            .bind(holder.told())
            .bind(self.now_ms())
            .fetch_one(self.store.read())
            .await?;
        if due == 0 {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        self.renew_in(&mut tx, &holder).await?;
        Ok(self.store.commit(tx).await?)
    }

    async fn renew_in(
        &self,
        connection: &mut AnyConnection,
        holder: &Holder,
    ) -> Result<(), TaskError> {
        sqlx::query(RENEW)
            .bind(holder.told())
            .bind(self.now_ms())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Gives back what is held by leases that have run out.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn expire(&self) -> Result<(), TaskError> {
        let expired = sqlx::query(EXPIRED)
            .bind(self.now_ms())
            .fetch_optional(self.store.read())
            .await?;
        if expired.is_none() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        self.expire_in(&mut tx).await?;
        Ok(self.store.commit(tx).await?)
    }

    /// The same within a transaction, which is about to look at claims.
    pub(super) async fn expire_in(&self, connection: &mut AnyConnection) -> Result<(), TaskError> {
        let expired: Vec<(String, String)> = sqlx::query_as(EXPIRED)
            .bind(self.now_ms())
            .fetch_all(&mut *connection)
            .await?;
        for claim in claims(expired) {
            let why = format!("the lease of {} has run out", claim.holder);
            release(connection, &claim, "ostler", &why, self.clock, self.ids).await?;
        }
        Ok(())
    }
}

fn why_not(task: &Task, now_ms: i64) -> &'static str {
    match task.status {
        Status::Closed => "it is closed",
        _ if task.held > 0 => "it is blocked; get_task names what holds it",
        _ if task.open_children > 0 => "its children are open",
        Status::Open if task.defer_until_ms <= now_ms => "whoever claims it has ended",
        _ => "it is deferred",
    }
}

/// Refuses a lease out of range.
fn check_lease(lease_s: Option<u32>) -> Result<(), TaskError> {
    match lease_s {
        None | Some(1..=LONGEST_LEASE_S) => Ok(()),
        Some(lease_s) => Err(TaskError::bad(
            "lease_s",
            format!("is {lease_s}; from 1 to {LONGEST_LEASE_S} seconds are taken"),
        )),
    }
}

/// A claim that somebody has.
struct Claim {
    id: TaskId,
    holder: String,
}

fn claims(rows: Vec<(String, String)>) -> impl Iterator<Item = Claim> {
    rows.into_iter().map(|(id, holder)| Claim {
        id: TaskId::stored(id),
        holder,
    })
}

async fn release(
    connection: &mut AnyConnection,
    claim: &Claim,
    by: &str,
    why: &str,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<(), StoreError> {
    sqlx::query(RELEASE)
        .bind(claim.id.as_str())
        .bind(clock.now_ms())
        .bind(&claim.holder)
        .execute(&mut *connection)
        .await?;
    let note = Note {
        id: NoteId::new(ids),
        at_ms: clock.now_ms(),
        kind: NoteKind::Released,
        by: by.to_owned(),
        text: why.to_owned(),
    };
    rows::add_note(connection, &claim.id, &note).await
}

/// Ids of the tasks that an agent holds.
pub(crate) async fn of_agent(
    connection: &mut AnyConnection,
    agent: &AgentId,
) -> Result<Vec<TaskId>, StoreError> {
    let held: Vec<(String, String)> = sqlx::query_as(OF_HOLDER)
        .bind(agent.as_str())
        .fetch_all(connection)
        .await?;
    Ok(claims(held).map(|claim| claim.id).collect())
}

/// Gives back every claim of an agent whose run is over.
pub(crate) async fn release_of_agent(
    connection: &mut AnyConnection,
    agent: &AgentId,
    why: &str,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<(), StoreError> {
    for id in of_agent(connection, agent).await? {
        let claim = Claim {
            id,
            holder: agent.to_string(),
        };
        release(connection, &claim, "ostler", why, clock, ids).await?;
    }
    Ok(())
}

/// Gives back the claims of sessions that were nothing but a process, which is gone.
pub(crate) async fn release_of_owner(
    store: &Store,
    owner: &OwnerId,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<(), StoreError> {
    let bound = || sqlx::query_as(BOUND_TO).bind(owner.as_str());
    if bound()
        .fetch_optional(store.read())
        .await?
        .is_none_or(|_: (String, String)| false)
    {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let held = bound().fetch_all(&mut *tx).await?;
    for claim in claims(held) {
        let why = format!("{} is over", claim.holder);
        release(&mut tx, &claim, "ostler", &why, clock, ids).await?;
    }
    store.commit(tx).await
}

/// Hands a claim of an ended agent to a session; `false` when the agent does not hold it.
pub(crate) async fn hand_over(
    connection: &mut AnyConnection,
    task: &TaskId,
    from: &AgentId,
    to: &Actor,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let Actor::Session { id, dies_with } = to else {
        return Ok(false);
    };
    let lease_ms = i64::from(LEASE_S) * 1000;
    let handed = sqlx::query(HAND_OVER)
        .bind(task.as_str())
        .bind(Holder::Session(id.clone()).told())
        .bind(dies_with.as_ref().map_or("", OwnerId::as_str))
        .bind(lease_ms)
        .bind(now_ms + lease_ms)
        .bind(now_ms)
        .bind(from.as_str())
        .execute(connection)
        .await?;
    Ok(handed.rows_affected() == 1)
}
