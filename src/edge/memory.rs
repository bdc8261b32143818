//! How failures of the memory are told.

use super::{Failure, Hint, Kind};
use crate::memory::MemoryError;

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        if let MemoryError::Store(error) = error {
            return error.into();
        }
        let (kind, hint) = (kind_of(&error), hint_for(&error));
        Failure {
            kind,
            message: error.to_string(),
            hint,
        }
    }
}

fn kind_of(error: &MemoryError) -> Kind {
    match error {
        MemoryError::Ambiguous { .. }
        | MemoryError::BadValue { .. }
        | MemoryError::BadBatch { .. } => Kind::Invalid,
        MemoryError::Unknown { .. } => Kind::NotFound,
        MemoryError::Superseded { .. } | MemoryError::Forgotten { .. } => Kind::Conflict,
        MemoryError::NotKept { .. }
        | MemoryError::NotAllowed { .. }
        | MemoryError::TooMany { .. } => Kind::Refused,
        MemoryError::Store(_) => Kind::Internal,
    }
}

fn hint_for(error: &MemoryError) -> Option<Hint> {
    Some(match error {
        MemoryError::Unknown { nearest, .. } => match nearest.as_slice() {
            [] => Hint::of_each(
                "recall finds memories with their ids",
                "`ostler memory search` finds memories with their ids",
            ),
            nearest => format!("did you mean {}?", nearest.join(" or ")).into(),
        },
        MemoryError::Ambiguous { candidates, .. } => {
            format!("name one of them: {}", candidates.join(", ")).into()
        }
        MemoryError::BadBatch { .. } => "nothing was kept; split a longer list".into(),
        MemoryError::Superseded { by, .. } => format!("name {by} instead").into(),
        MemoryError::NotKept { .. } => "nothing of this call was kept".into(),
        MemoryError::Forgotten { .. } => "remember it anew if it holds".into(),
        MemoryError::TooMany { .. } => "say what is left in your result".into(),
        MemoryError::BadValue { .. } | MemoryError::NotAllowed { .. } | MemoryError::Store(_) => {
            return None;
        }
    })
}
