//! Why meanings could not be compared. Told to whoever asks, in one line; never a reason to fail.

use std::time::Duration;

use crate::store::StoreError;

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Nobody has configured it.
    #[error("no service for embeddings is configured")]
    Off,
    /// An agent asks for all of it.
    #[error("an agent does not compare memories; its session does")]
    NotForAgents,
    /// The configuration names a variable that is not set.
    #[error("the variable {variable}, which `memory.embeddings_key` names, is not set")]
    NoKey {
        /// The variable.
        variable: String,
    },
    /// Nobody answers there.
    #[error("the service for embeddings cannot be reached: {problem}")]
    Unreachable {
        /// What was tried in vain.
        problem: String,
    },
    /// It took too long.
    #[error("the service for embeddings did not answer within {} s", .within.as_secs())]
    Late {
        /// How long was waited.
        within: Duration,
    },
    /// It has too much to do.
    #[error("the service for embeddings has too many requests")]
    Busy {
        /// When it wants to be asked again.
        again: Option<Duration>,
    },
    /// It answers with an error.
    #[error("the service for embeddings answers {status}{}", said(.message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says, on one line.
        message: String,
    },
    /// It answers with what are no vectors.
    #[error("the service for embeddings gives no usable answer: {problem}")]
    Unusable {
        /// What is wrong with it.
        problem: String,
    },
    /// Its vectors cannot be compared with those that are kept.
    #[error(
        "the service for embeddings gives {given} numbers, but those kept of {model} have {kept}; \
         `ostler memory embed --anew` compares all of them anew"
    )]
    OtherLength {
        /// The model.
        model: String,
        /// Numbers in a vector now.
        given: usize,
        /// Numbers in the vectors that are kept.
        kept: usize,
    },
    /// It failed a moment ago and is left alone.
    #[error("{why} (asked again in {} s)", .left.as_secs().max(1))]
    Resting {
        /// What happened.
        why: String,
        /// How long it is left alone still.
        left: Duration,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for Why {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Why {
    /// Whether it is about what was sent: less of it may go through.
    pub(super) fn is_about_the_texts(&self) -> bool {
        matches!(
            self,
            Why::Refused {
                status: 400 | 413 | 422,
                ..
            }
        )
    }
}

fn said(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}
