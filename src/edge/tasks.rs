//! How failures of the tracker are told.

use super::{Failure, Hint, Kind};
use crate::tasks::TaskError;

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        if let TaskError::Store(error) = error {
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

fn kind_of(error: &TaskError) -> Kind {
    match error {
        TaskError::BadId(_)
        | TaskError::Ambiguous { .. }
        | TaskError::BadValue { .. }
        | TaskError::BadBatch { .. }
        | TaskError::NoWhy { .. } => Kind::Invalid,
        TaskError::Unknown { .. } | TaskError::NothingReady { .. } => Kind::NotFound,
        TaskError::Cycle { .. }
        | TaskError::NotReady { .. }
        | TaskError::Held { .. }
        | TaskError::StaleFence { .. }
        | TaskError::WrongStatus { .. }
        | TaskError::OpenChildren { .. }
        | TaskError::HasChildren { .. }
        | TaskError::ClosedParent { .. } => Kind::Conflict,
        TaskError::NoEvidence { .. } | TaskError::NotAllowed { .. } => Kind::Refused,
        TaskError::Store(_) => Kind::Internal,
    }
}

fn hint_for(error: &TaskError) -> Option<Hint> {
    Some(match error {
        TaskError::BadId(_) => known_ids(),
        TaskError::Unknown { nearest, .. } => match nearest.as_slice() {
            [] => known_ids(),
            nearest => format!("did you mean {}?", nearest.join(" or ")).into(),
        },
        TaskError::Ambiguous { candidates, .. } => {
            format!("name one of them: {}", candidates.join(", ")).into()
        }
        TaskError::BadValue {
            field: "cursor", ..
        } => "give back `next_cursor` of the last reply, or leave it out".into(),
        TaskError::BadValue {
            field: "defer_until",
            ..
        } => "write RFC 3339 or a date, as in 2030-12-24".into(),
        TaskError::BadBatch { .. } => "nothing was created; split a longer list".into(),
        TaskError::Cycle { .. } => "nothing was changed; leave one of these edges out".into(),
        TaskError::NotReady { .. } | TaskError::NothingReady { .. } => Hint::of_each(
            "list_tasks with view `ready` or `blocked` shows what there is",
            "`ostler tasks list --view ready` shows what there is",
        ),
        TaskError::Held { .. } => Hint::of_each(
            "claim_task without an id takes another one; a note can be added all the same",
            "`ostler tasks release` takes the claim away",
        ),
        TaskError::StaleFence { .. } => "claim the task again before you go on with it".into(),
        TaskError::WrongStatus { .. } => Hint::of_each(
            "get_task shows where it stands",
            "`ostler tasks show` shows where it stands",
        ),
        TaskError::OpenChildren { .. } => "close them first".into(),
        TaskError::HasChildren { .. } => "delete them first, or give them another parent".into(),
        TaskError::ClosedParent { .. } => "reopen the parent first, or name another one".into(),
        TaskError::NoEvidence { .. } => Hint::of_each(
            "give `evidence`: commits, a command that ostler runs, or an agent that verified it",
            "name a commit, a command or an agent that shows it",
        ),
        TaskError::NoWhy { .. } => "say it in `note`".into(),
        TaskError::BadValue { .. } | TaskError::NotAllowed { .. } | TaskError::Store(_) => {
            return None;
        }
    })
}

fn known_ids() -> Hint {
    Hint::of_each(
        "list_tasks shows the ids there are",
        "`ostler tasks list` shows the ids there are",
    )
}
