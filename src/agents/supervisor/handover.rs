//! The result of a certain shape that a run owes: what the child is told of it, whether it has come,
//! and asking again when it has not.
//!
//! Every provider goes the same way, although two of the CLIs can bind an answer to a schema
//! themselves. Claude Code 2.1.197 does it with a tool of its own and ends a run well when its model
//! never calls that; Codex 0.169.0 sends the schema on to the service, which refuses most of them, and
//! checks nothing. Our own tool says what does not fit, and the result is durable when it is accepted.

use serde_json::json;

use super::Run;
use crate::agents::crew::RESULT_TRIES;
use crate::agents::record::results;
use crate::agents::schema::OutputSchema;
use crate::providers::{self, Command, Conversation, Session, SteerSupport, When};

/// Where the steer id of our question for the result stands in the codec.
pub(super) const ASKS_AGAIN: &str = "result";
/// How often a run is asked again.
const ASK_AGAIN: u32 = 3;

/// What a run owes, and how it may hand it over.
#[derive(Default)]
pub(super) struct Handover {
    schema: Option<OutputSchema>,
    asked_again: u32,
}

impl Handover {
    /// `schema` was checked when the run was asked for.
    pub(super) fn of(schema: Option<&serde_json::Value>) -> Self {
        Self {
            schema: schema.and_then(|schema| OutputSchema::parse(schema).ok()),
            asked_again: 0,
        }
    }

    pub(super) fn is_owed(&self) -> bool {
        self.schema.is_some()
    }
}

impl Run {
    /// What the next session is told first.
    pub(super) fn opening(&self) -> String {
        let opening = self.thread.opening.as_ref();
        // A conversation that goes on within the run knows it already.
        let goes_on = matches!(
            self.job.plan.launch.conversation,
            Conversation::Continued { .. }
        );
        match (opening, &self.handover.schema) {
            (Some(opening), _) if goes_on => opening.clone(),
            (opening, None) => opening.unwrap_or(&self.job.prompt).clone(),
            (opening, Some(schema)) => {
                let opening = opening.unwrap_or(&self.job.prompt);
                format!("{opening}\n\n[{}]", self.terms(schema))
            }
        }
    }

    fn terms(&self, schema: &OutputSchema) -> String {
        if !self.has_tool() {
            return format!(
                "Your final answer must be exactly one JSON value that fits this JSON schema, with \
                 nothing before or after it:\n{}",
                schema.text()
            );
        }
        let start = "When your work is done, hand in its result with the tool `submit_result` of \
                     the MCP server `ostler`; what you answer besides is only read by people.";
        match schema.for_tools() {
            Some(_) => start.to_owned(),
            None => format!(
                "{start} `result` must fit this JSON schema:\n{}",
                schema.text()
            ),
        }
    }

    /// Whether the child is offered our tool.
    fn has_tool(&self) -> bool {
        let takes = |config| providers::takes_servers(config, &self.job.plan.launch);
        !self.servers().is_empty() && self.job.provider.as_ref().is_some_and(takes)
    }

    /// How the message that asks for the end of the run speaks of the result.
    pub(super) fn wrap_up_terms(&self) -> &'static str {
        match self.handover.is_owed() && self.has_tool() {
            true => " Hand in your result with `submit_result` first.",
            false => "",
        }
    }

    /// Looks whether the result has come when the child thinks that it is done; its answer is one, too.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn has_result(&self) -> Result<(), String> {
        let Some(schema) = &self.handover.schema else {
            return Ok(());
        };
        let (store, subject) = (&self.bench.store, &self.job.subject);
        let (id, run_no) = (&subject.agent, subject.run_no);
        let unknown = |error| format!("it could not be looked for or kept: {error}");
        let submitted = results::is_submitted(store, id, run_no).await;
        if submitted.map_err(unknown)? {
            return Ok(());
        }
        let result = schema
            .in_answer(self.answer())
            .map_err(|misfits| misfits.join("; "))?;
        // Who has ended the run meanwhile has no use for it.
        let kept = results::submit(store, id, run_no, &result).await;
        kept.map_err(unknown)?;
        self.log("submitted", json!({ "from": "answer" })).await;
        Ok(())
    }

    /// Asks for the result once more, if that may help. `false`: it does not.
    pub(super) async fn ask_again(&mut self, session: &mut Session, misfits: &str) -> bool {
        let takes_messages = self
            .capabilities
            .is_some_and(|can| can.steer != SteerSupport::None);
        let (store, subject) = (&self.bench.store, &self.job.subject);
        let tried = results::misfits(store, &subject.agent, subject.run_no).await;
        let tried_enough = tried.is_ok_and(|tried| tried >= RESULT_TRIES);
        if !takes_messages || tried_enough || self.handover.asked_again >= ASK_AGAIN {
            return false;
        }
        let text = match self.has_tool() {
            true => format!(
                "You have not handed in a result that fits ({misfits}). Call the tool \
                 `submit_result` of the MCP server `ostler` with it now."
            ),
            false => format!(
                "That is not the JSON that was asked for: {misfits}. Answer again with exactly one \
                 JSON value that fits the schema, and nothing else."
            ),
        };
        self.handover.asked_again += 1;
        let body = json!({ "id": ASKS_AGAIN, "message": text });
        session.send(Command::Steer {
            id: ASKS_AGAIN.to_owned(),
            text,
            when: When::NextStep,
        });
        self.log("steer", body).await;
        true
    }

    /// What the child has answered so far.
    fn answer(&self) -> &str {
        match self.final_text.trim().is_empty() {
            true => &self.last_text,
            false => &self.final_text,
        }
    }
}
