//! How it is told that meanings cannot be compared, where somebody asked for nothing else.

use super::{Failure, Hint, Kind};
use crate::memory::Why;

impl From<Why> for Failure {
    fn from(why: Why) -> Self {
        let (kind, hint): (Kind, Option<Hint>) = match why {
            Why::Store(error) => return error.into(),
            Why::Off => (
                Kind::Invalid,
                Some(
                    "set `memory.embeddings_url` and `memory.embeddings_model` in the configuration"
                        .into(),
                ),
            ),
            Why::NoKey { .. } => (
                Kind::Invalid,
                Some("set it, or take `memory.embeddings_key` out of the configuration".into()),
            ),
            Why::NotForAgents => (Kind::Refused, None),
            Why::Unreachable { .. } | Why::Late { .. } => (
                Kind::Busy,
                Some("see that the service runs at `memory.embeddings_url`; what is done stays".into()),
            ),
            Why::Busy { .. } | Why::Resting { .. } => (
                Kind::Busy,
                Some("try again later; what is done stays".into()),
            ),
            Why::Refused { .. } | Why::Unusable { .. } => (
                Kind::Refused,
                Some("see `memory.embeddings_url` and `memory.embeddings_model`".into()),
            ),
            Why::OtherLength { .. } => (Kind::Conflict, None),
        };
        Failure {
            kind,
            message: why.to_string(),
            hint,
        }
    }
}
