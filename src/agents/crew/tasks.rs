//! The tracker in the hands of whoever asks here, and what agents and tasks have to do with each
//! other.

use super::Crew;
use crate::agents::error::AgentError;
use crate::config::Permission;
use crate::tasks::{Actor, Tracker};

impl Crew {
    /// The tracker of this project, for the session or the running agent that this process is part of.
    ///
    /// # Errors
    /// [`AgentError::Ending`] for an agent that does not run, failures of the store.
    pub async fn tracker(&self) -> Result<Tracker<'_>, AgentError> {
        let actor = match self.caller().await? {
            Some(line) => Actor::Agent {
                id: line.id,
                read_only: line.plan.launch.permission == Permission::ReadOnly,
            },
            None => Actor::Session {
                id: self.host.session.clone(),
                dies_with: (!self.host.session_lasts).then(|| self.owner().clone()),
            },
        };
        Ok(self.tracker_of(actor))
    }

    /// The tracker in the hands of the person at this command line.
    ///
    /// # Errors
    /// A process that an agent has started.
    pub async fn tracker_of_person(&self) -> Result<Tracker<'_>, AgentError> {
        match self.caller().await? {
            Some(_) => self.tracker().await,
            None => Ok(self.tracker_of(Actor::Person)),
        }
    }

    pub(in crate::agents) fn tracker_of(&self, actor: Actor) -> Tracker<'_> {
        Tracker {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            project: &self.project,
            actor,
        }
    }
}
