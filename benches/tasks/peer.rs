//! What the task tools of gobby 0.2.5 were measured to do at 10,000 tasks: calls per second, one
//! after the other, through its stdio server in front of its running daemon, on 2 cores under Linux
//! (Python 3.13, dependencies as of January 2026).

/// `get_task`.
pub(crate) const GET_PER_S: f64 = 20.0;
/// `list_ready_tasks` with a limit of 10.
pub(crate) const READY_PER_S: f64 = 5.0;
/// `create_task`.
pub(crate) const CREATE_PER_S: f64 = 22.0;
