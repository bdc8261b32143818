//! What an agent is told of what was learnt without anybody having named it: little, and only what is
//! confirmed. Never a reason not to spawn, or to be slow about it.

use std::time::Duration;

use tokio::time::timeout;

use super::Crew;
use crate::agents::context::{Keep, Piece};
use crate::ids::MemoryId;
use crate::memory::Memories;
use crate::memory::prime::{chosen, question};

/// How long a spawn waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Crew {
    /// What `memories` have for that prompt beside those that are `known`, and which these are;
    /// nothing where they cannot be had.
    pub(super) async fn priming(
        &self,
        memories: &Memories<'_>,
        prompt: &str,
        known: &[MemoryId],
    ) -> (Vec<MemoryId>, String) {
        let Some(query) = question(prompt) else {
            return Default::default();
        };
        let hits = match timeout(PATIENCE, memories.recall(&query)).await {
            Ok(Ok(recalled)) => recalled.hits,
            Ok(Err(error)) => {
                tracing::warn!(%error, "an agent is told nothing of what was learnt");
                return Default::default();
            }
            Err(_) => {
                tracing::warn!("an agent is told nothing of what was learnt: it takes too long");
                return Default::default();
            }
        };
        chosen(&hits, known, self.config.memory.prime_tokens)
    }
}

/// `text` as it stands among what an agent is given to read.
pub(super) fn piece(text: String) -> Piece {
    Piece {
        source: "memory".to_owned(),
        about: "what was learnt before and may matter here; chosen by ostler".to_owned(),
        text,
        unread: 0,
        keep: Keep::Beginning,
    }
}
