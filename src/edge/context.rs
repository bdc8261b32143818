//! How an entry of `context` that cannot be had is told.

use std::io::ErrorKind;

use super::{Hint, Kind};
use crate::agents::{BadContext, Problem};

const KINDS: &str = "there are summary, transcript:<n>, file:<path>, agent:<id>, task:<id>, \
                     memory:<question>, git:diff, git:diff:<revision>, git:log and git:log:<n>";

pub(super) fn kind_of(bad: &BadContext) -> Kind {
    match &bad.problem {
        Problem::Missing | Problem::NoAgent | Problem::NoTranscript(_) => Kind::NotFound,
        Problem::Outside => Kind::Refused,
        Problem::NotEnded(_) | Problem::NoResult(_) | Problem::Replaced => Kind::Conflict,
        Problem::Unreadable(error) if error.kind() == ErrorKind::PermissionDenied => Kind::Refused,
        Problem::Unreadable(_) => Kind::Internal,
        Problem::Unknown
        | Problem::Malformed(_)
        | Problem::NotAFile(_)
        | Problem::NotText
        | Problem::Empty
        | Problem::Git(_) => Kind::Invalid,
    }
}

pub(super) fn hint_for(bad: &BadContext) -> Hint {
    match &bad.problem {
        Problem::Unknown | Problem::Malformed(_) => KINDS.into(),
        Problem::Missing => {
            "a path starts from `cwd` or the top of the project; nothing was started".into()
        }
        Problem::Outside => "copy what is needed into the prompt; nothing was started".into(),
        Problem::NotAFile(_) | Problem::NotText | Problem::Empty | Problem::Unreadable(_) => {
            "name a readable text file, or leave it out; nothing was started".into()
        }
        Problem::Replaced => "try again; nothing was started".into(),
        Problem::NoAgent => Hint::of_each(
            "list_agents shows those of this project",
            "`ostler agents list` shows those of this project",
        ),
        Problem::NotEnded(_) => Hint::of_each(
            "wait_agents first; nothing was started",
            "wait for its end first; nothing was started",
        ),
        Problem::NoResult(_) => "leave it out; nothing was started".into(),
        Problem::NoTranscript(_) => {
            "write what the agent must know into the prompt; nothing was started".into()
        }
        Problem::Git(_) => {
            "name a commit, a branch or a range in a repository; nothing was started".into()
        }
    }
}
