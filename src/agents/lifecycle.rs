//! The life of an agent as one pure function. Nothing here does IO; whoever calls [`next`] makes the
//! change durable, guarded by the state it started from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a run of an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for a slot of the limiter.
    Queued,
    /// A child session is at work.
    Running,
    /// The child ended its work by itself, below every limit.
    Completed,
    /// A limit sent the wrap-up message and the child still ended by itself.
    Steered,
    /// A hard limit cut the child off; what it had written so far is kept.
    Aborted,
    /// Somebody stopped it.
    Stopped,
    /// It could not start, or broke.
    Error,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Status; 7] = [
        Status::Queued,
        Status::Running,
        Status::Completed,
        Status::Steered,
        Status::Aborted,
        Status::Stopped,
        Status::Error,
    ];

    /// True when the run is over and only a resume can follow.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Status::Queued | Status::Running)
    }

    /// The name used in the store, in tools and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Steered => "steered",
            Status::Aborted => "aborted",
            Status::Stopped => "stopped",
            Status::Error => "error",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The part of an agent that transitions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentState {
    /// Where the current run stands.
    pub status: Status,
    /// Which run it is, from 1.
    pub run_no: u32,
}

impl AgentState {
    /// A new agent: the first run, queued.
    pub const ENQUEUED: AgentState = AgentState {
        status: Status::Queued,
        run_no: 1,
    };
}

/// What can happen to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The limiter gave it a slot.
    Start,
    /// The child session reported the success of its work.
    Finish {
        /// Whether one of our limits had sent the wrap-up message before.
        after_wrap_up: bool,
    },
    /// Grace used up, hard budget, timeout or idle watchdog.
    HardLimit,
    /// A caller, a person or the end of the server stopped it.
    Stop,
    /// It could not start, or broke.
    Fail,
    /// A caller continues it with a new prompt.
    Resume,
}

impl Lifecycle {
    /// The name used in errors and in the event log.
    pub fn as_str(self) -> &'static str {
        match self {
            Lifecycle::Start => "start",
            Lifecycle::Finish { .. } => "finish",
            Lifecycle::HardLimit => "hard limit",
            Lifecycle::Stop => "stop",
            Lifecycle::Fail => "fail",
            Lifecycle::Resume => "resume",
        }
    }
}

/// An event that the state does not allow; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is {} cannot {} (run {})", from.status, event.as_str(), from.run_no)]
pub struct IllegalTransition {
    /// The state that stays.
    pub from: AgentState,
    /// The event that was refused.
    pub event: Lifecycle,
}

/// The state that follows `state` on `event`.
///
/// # Errors
/// [`IllegalTransition`] for every pair that is not in the table of the lifecycle.
pub fn next(state: AgentState, event: Lifecycle) -> Result<AgentState, IllegalTransition> {
    use Lifecycle as E;
    use Status as S;

    let (status, run_no) = match (state.status, event) {
        (S::Queued, E::Start) => (S::Running, state.run_no),
        (S::Queued | S::Running, E::Stop) => (S::Stopped, state.run_no),
        (S::Queued | S::Running, E::Fail) => (S::Error, state.run_no),
        (
            S::Running,
            E::Finish {
                after_wrap_up: false,
            },
        ) => (S::Completed, state.run_no),
        (
            S::Running,
            E::Finish {
                after_wrap_up: true,
            },
        ) => (S::Steered, state.run_no),
        (S::Running, E::HardLimit) => (S::Aborted, state.run_no),
        (from, E::Resume) if from.is_terminal() => (S::Queued, state.run_no + 1),
        _ => return Err(IllegalTransition { from: state, event }),
    };
    Ok(AgentState { status, run_no })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINISH: Lifecycle = Lifecycle::Finish {
        after_wrap_up: false,
    };
    const FINISH_WRAPPED: Lifecycle = Lifecycle::Finish {
        after_wrap_up: true,
    };
    const EVENTS: [Lifecycle; 7] = [
        Lifecycle::Start,
        FINISH,
        FINISH_WRAPPED,
        Lifecycle::HardLimit,
        Lifecycle::Stop,
        Lifecycle::Fail,
        Lifecycle::Resume,
    ];

    /// The table of the design, one row a status, one column an event; `-` is illegal.
    #[rustfmt::skip]
    const TABLE: [(Status, [&str; 7]); 7] = [
        //                  start      finish       finish/wrap  hard limit  stop       fail     resume
        (Status::Queued,    ["running", "-",         "-",         "-",        "stopped", "error", "-"]),
        (Status::Running,   ["-",       "completed", "steered",   "aborted",  "stopped", "error", "-"]),
        (Status::Completed, ["-",       "-",         "-",         "-",        "-",       "-",     "queued"]),
        (Status::Steered,   ["-",       "-",         "-",         "-",        "-",       "-",     "queued"]),
        (Status::Aborted,   ["-",       "-",         "-",         "-",        "-",       "-",     "queued"]),
        (Status::Stopped,   ["-",       "-",         "-",         "-",        "-",       "-",     "queued"]),
        (Status::Error,     ["-",       "-",         "-",         "-",        "-",       "-",     "queued"]),
    ];

    #[test]
    fn every_state_and_event_follows_the_table() {
        for (status, row) in TABLE {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                let from = AgentState { status, run_no: 3 };
                let got = next(from, event);
                match Status::parse(expected) {
                    None => assert_eq!(got, Err(IllegalTransition { from, event })),
                    Some(status) => {
                        let run_no = if event == Lifecycle::Resume { 4 } else { 3 };
                        assert_eq!(got, Ok(AgentState { status, run_no }), "{from:?} {event:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_parse_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("idle"), None);
    }

    #[test]
    fn a_refusal_names_state_event_and_run() {
        let from = AgentState {
            status: Status::Stopped,
            run_no: 2,
        };
        let refusal = next(from, Lifecycle::Stop).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "an agent that is stopped cannot stop (run 2)"
        );
    }
}
