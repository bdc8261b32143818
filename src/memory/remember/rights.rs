//! Who may write where, and how much. An agent writes for itself and its like, and takes back only
//! what it has written and nobody stands for yet; sessions and people may everything.

use sqlx::AnyConnection;

use crate::memory::error::MemoryError;
use crate::memory::memories::Memories;
use crate::memory::model::{Author, Memory, Scope, SourceKind, Trust};
use crate::store::statements;

statements! {
    WRITTEN = "SELECT count(*) FROM memory
        WHERE source_id = $1 AND source_id <> '' AND source = 'agent'";
}

/// How many memories an author may keep yet; `None` for any number.
pub(in crate::memory) struct Room {
    left: Option<u64>,
    most: u32,
}

impl Room {
    /// Room for one more.
    pub(super) fn take(&mut self) -> Result<(), MemoryError> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(MemoryError::TooMany { most: self.most }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Memories<'_> {
    /// Refuses a scope that this author may not write in.
    pub(super) fn may_write(&self, scope: &Scope) -> Result<(), MemoryError> {
        let Author::Agent { definition, .. } = &self.author else {
            return Ok(());
        };
        let who = match scope {
            Scope::Project => return Ok(()),
            Scope::Agent(name) if Some(name) == definition.as_ref() => return Ok(()),
            Scope::Agent(name) => {
                format!("an agent of the definition {name}, a session or a person")
            }
            Scope::User => "a session or a person".to_owned(),
        };
        Err(not_allowed(format!(
            "only {who} keeps memories in the scope {scope}; an agent does in the scope project"
        )))
    }

    /// Refuses a memory that this author may not supersede or forget.
    pub(in crate::memory) fn may_end(&self, memory: &Memory) -> Result<(), MemoryError> {
        let Author::Agent { id, .. } = &self.author else {
            return Ok(());
        };
        let source = &memory.source;
        if source.kind != SourceKind::Agent || source.id != id.as_str() {
            return Err(not_allowed(format!(
                "{} was written by somebody else; only a session or a person supersedes or forgets it: \
                 say in your result why it should go",
                memory.id
            )));
        }
        match memory.trust {
            Trust::Quarantined => Ok(()),
            Trust::Confirmed => Err(not_allowed(format!(
                "{} was confirmed since; only a session or a person supersedes or forgets it: \
                 say in your result why it should go",
                memory.id
            ))),
        }
    }

    /// How much this author may write yet.
    pub(super) async fn room_in(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<Room, MemoryError> {
        let most = self.settings.max_per_agent;
        let left = match &self.author {
            Author::Agent { id, .. } => {
                let written: i64 = sqlx::query_scalar(WRITTEN)
                    .bind(id.as_str())
                    .fetch_one(connection)
                    .await?;
                Some(u64::from(most).saturating_sub(written.unsigned_abs()))
            }
            Author::Session { .. } | Author::Person => None,
        };
        Ok(Room { left, most })
    }
}

pub(in crate::memory) fn not_allowed(what: String) -> MemoryError {
    MemoryError::NotAllowed { what }
}
