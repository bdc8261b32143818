//! The tracker in the hands of whoever asks here, and what agents and tasks have to do with each
//! other.

mod assign;
mod close;
mod proof;

pub(super) use assign::one_agent_only;
pub use close::{CloseRequest, Shown};

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::Line;
use crate::config::Permission;
use crate::tasks::{Actor, Tracker};

impl Crew {
    /// The tracker of this project, for the session or the running agent that this process is part of.
    ///
    /// # Errors
    /// [`AgentError::Ending`] for an agent that does not run, failures of the store.
    pub async fn tracker(&self) -> Result<Tracker<'_>, AgentError> {
        // What the dead held is there for whoever looks.
        self.reconcile().await?;
        self.tracker_for_new_tasks().await
    }

    /// The same for who only adds to it: who has claimed what does not matter to new tasks.
    ///
    /// # Errors
    /// As [`Crew::tracker`].
    pub async fn tracker_for_new_tasks(&self) -> Result<Tracker<'_>, AgentError> {
        let caller = self.caller().await?;
        Ok(self.tracker_of(self.actor(caller.as_ref())))
    }

    /// The tracker in the hands of the person at this command line.
    ///
    /// # Errors
    /// A process that an agent has started.
    pub async fn tracker_of_person(&self) -> Result<Tracker<'_>, AgentError> {
        match self.caller().await? {
            Some(line) => Ok(self.tracker_of(self.actor(Some(&line)))),
            None => Ok(self.tracker_of(Actor::Person)),
        }
    }

    /// Who acts where `caller`, or the session of this process, asks.
    pub(super) fn actor(&self, caller: Option<&Line>) -> Actor {
        match caller {
            Some(line) => Actor::Agent {
                id: line.id.clone(),
                read_only: line.plan.launch.permission == Permission::ReadOnly,
            },
            None => Actor::Session {
                id: self.host.session.clone(),
                dies_with: (!self.host.session_lasts).then(|| self.owner().clone()),
            },
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
