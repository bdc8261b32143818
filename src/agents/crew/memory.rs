//! What was learnt, in the hands of whoever asks here.

use std::sync::Arc;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::{Line, mentions};
use crate::ids::AgentId;
use crate::memory::{Author, Memories, Memory};

/// Characters of a text that are looked for.
const TELLING: usize = 120;

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

    /// The agents that had one of these memories in their prompts, logs, results or messages, which are
    /// theirs: purging a memory leaves them, and they go with their agents.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn agents_that_have(&self, memories: &[Memory]) -> Result<Vec<AgentId>, AgentError> {
        let mut agents = Vec::new();
        let telling = memories.iter().map(|memory| telling(&memory.text));
        for telling in telling.filter(|text| !text.is_empty()) {
            for agent in mentions::agents_with(&self.store, telling).await? {
                if !agents.contains(&agent) {
                    agents.push(agent);
                }
            }
        }
        Ok(agents)
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
        .counting(Some(&self.uses))
    }

    /// Writes down which memories were given to somebody, until the crew closes.
    pub(super) async fn count_uses(self: Arc<Self>) {
        self.uses.keep_written(&self.store, &self.closing).await;
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

/// The longest piece of a text that is written the same within JSON, however deep.
fn telling(text: &str) -> &str {
    let escaped = |c: char| c.is_control() || c == '"' || c == '\\';
    let pieces = text.split(escaped).map(str::trim);
    let longest = pieces.max_by_key(|piece| piece.len()).unwrap_or(text);
    let end = longest.char_indices().nth(TELLING).map(|(at, _)| at);
    end.and_then(|end| longest.get(..end)).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_never_escaped() {
        let text = "a \"quoted\" word\nand the longest line\tof it";
        assert_eq!(telling(text), "and the longest line");
        assert!(serde_json::json!(text).to_string().contains(telling(text)));
        assert_eq!(telling(&"é".repeat(200)).chars().count(), TELLING);
        assert_eq!(telling("\"\""), "");
    }
}
