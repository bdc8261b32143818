//! The other end of a result: an agent that hands in what its caller's schema asks for. This runs in
//! the ostler server that the agent's own CLI has started.

use serde_json::{Value, json};

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::{Line, results, write};
use crate::agents::schema::OutputSchema;
use crate::config::Ask;

/// Results of a run that may not fit before it is told to stop trying.
pub(in crate::agents) const TRIES: u32 = 10;
/// Largest result, in bytes of compact JSON.
const LARGEST: usize = 1024 * 1024;

impl Crew {
    /// The schema that the agent around this process has to hand in a result for, as the description
    /// of a tool may hold it; `None` where no result is asked for.
    ///
    /// # Errors
    /// [`AgentError::NotAnAgent`] outside of a running agent, failures of the store.
    pub async fn wanted_result(&self) -> Result<Option<Value>, AgentError> {
        let line = self.own_line().await?;
        let schema = wanted(&line);
        Ok(schema.map(|schema| schema.for_tools().unwrap_or_else(|| schema.roughly())))
    }

    /// Hands in the result of the agent around this process. It is durable when this returns, and
    /// counts until another one takes its place.
    ///
    /// # Errors
    /// [`AgentError::Misfit`] names what does not fit; [`AgentError::NotAnAgent`] outside of a running
    /// agent and [`AgentError::NoResultWanted`] in one that has no schema.
    pub async fn submit_result(&self, given: &Value) -> Result<(), AgentError> {
        let line = self.own_line().await?;
        let schema = wanted(&line).ok_or(AgentError::NoResultWanted)?;
        let bytes = given.to_string().len();
        if bytes > LARGEST {
            return Err(AgentError::TooLong {
                field: "result",
                bytes,
                limit: LARGEST,
            });
        }
        let (id, run_no) = (&line.id, line.run_no);
        let result = match schema.fitting(given) {
            Ok(result) => result,
            Err(misfits) => {
                let tried = results::misfit(&self.store, id, run_no).await?;
                let tried = tried.ok_or(AgentError::NotAnAgent)?;
                self.log_of(&line, "misfit", json!({ "misfits": misfits }))
                    .await?;
                return Err(AgentError::Misfit {
                    misfits,
                    tries_left: TRIES.saturating_sub(tried),
                });
            }
        };
        if !results::submit(&self.store, id, run_no, &result).await? {
            return Err(AgentError::NotAnAgent);
        }
        self.log_of(&line, "submitted", json!({ "bytes": bytes }))
            .await
    }

    /// Whether the agent around this process may ask somebody.
    pub fn may_ask(&self) -> bool {
        self.config.agents.ask != Ask::Deny
    }

    async fn log_of(&self, line: &Line, kind: &str, body: Value) -> Result<(), AgentError> {
        let (store, now_ms) = (&self.store, self.clock.now_ms());
        let mut tx = store.begin().await?;
        write::log(&mut tx, store, &line.id, line.run_no, now_ms, kind, &body).await?;
        Ok(store.commit(tx).await?)
    }
}

/// The schema of the agent's plan, which was checked when it was spawned.
fn wanted(line: &Line) -> Option<OutputSchema> {
    let schema = line.plan.output_schema.as_ref()?;
    OutputSchema::parse(schema).ok()
}
