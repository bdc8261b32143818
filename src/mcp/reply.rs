//! Answers of tools: one lean JSON object, or a failure in at most three lines.

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;

use crate::edge::{Failure, Kind};

/// The answer for what a domain function returned.
pub(super) fn reply<T: Serialize>(outcome: Result<T, impl Into<Failure>>) -> CallToolResult {
    let failure = match outcome {
        Ok(value) => match serde_json::to_value(value) {
            Ok(value) => return CallToolResult::structured(value),
            Err(error) => Failure::new(Kind::Internal, error),
        },
        Err(error) => error.into(),
    };
    refusal(&failure)
}

/// A failure as the model reads it.
pub(super) fn refusal(failure: &Failure) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(failure.for_model())])
}
