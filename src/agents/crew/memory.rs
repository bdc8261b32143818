//! What was learnt, in the hands of whoever asks here.

use std::sync::Arc;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::Line;
use crate::memory::{Author, Memories};

impl Crew {
    /// The memories of this project, for the session or the running agent that this process is part of.
    ///
    /// # Errors
    /// [`AgentError::Ending`] for an agent that does not run, failures of the store.
    pub async fn memories(&self) -> Result<Memories<'_>, AgentError> {
        let caller = self.caller().await?;
        Ok(self.memories_of(self.author(caller.as_ref())))
    }

    /// The memories in the hands of the person at this command line.
    ///
    /// # Errors
    /// A process that an agent has started.
    pub async fn memories_of_person(&self) -> Result<Memories<'_>, AgentError> {
        match self.caller().await? {
            Some(line) => Ok(self.memories_of(self.author(Some(&line)))),
            None => Ok(self.memories_of(Author::Person)),
        }
    }

    /// Who writes where `caller`, or the session of this process, asks.
    fn author(&self, caller: Option<&Line>) -> Author {
        match caller {
            Some(line) => Author::Agent {
                id: line.id.clone(),
                definition: line.plan.agent.clone(),
            },
            None => Author::Session {
                id: self.host.session.clone(),
            },
        }
    }

    pub(in crate::agents) fn memories_of(&self, author: Author) -> Memories<'_> {
        Memories::new(
            &self.store,
            self.clock.as_ref(),
            self.ids.as_ref(),
            &self.project,
            author,
            &self.config.memory,
        )
        .comparing_meanings(self.meaning.as_deref())
    }

    /// Keeps the meanings of what was learnt compared in the background, until the crew closes; where a
    /// service for it is configured, and not for an agent, whose session does it.
    pub fn keep_meanings(self: &Arc<Self>) {
        if self.meaning.is_none() || self.not_for_agents("compare meanings").is_err() {
            return;
        }
        let crew = Arc::clone(self);
        self.tasks.spawn(async move {
            let memories = crew.memories_of(Author::Person);
            memories.keep_embedded(&crew.closing).await;
        });
    }
}
