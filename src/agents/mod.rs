//! Child coding sessions: their life, their limits, their record. An agent is a durable row; a run
//! of it is a process that one [`Crew`] of one ostler process looks after. Nothing here knows of MCP
//! or the command line.

mod brief;
mod budget;
mod context;
mod crew;
mod error;
mod evidence;
mod expect;
pub(crate) mod journal;
mod launch;
mod lifecycle;
pub(crate) mod limiter;
mod owner;
pub(crate) mod pace;
pub(crate) mod record;
pub(crate) mod recovery;
mod supervisor;
mod wait;

pub use brief::{AgentBrief, CatchUp, Done, Evidenced, Resulted, Transcript};
pub use budget::{BadBudget, Budget, BudgetRequest};
pub use context::{BadContext, Caller, ContextCut, Problem, Traces};
pub use crew::{Answer, Answered, Crew, CrewOptions, Host, ProviderBrief, Waiting};
pub use error::AgentError;
pub use evidence::{Allowed, CommandRun, Denied, Evidence, SteerTally};
pub use expect::Expect;
pub use launch::{SpawnRequest, Spawned};
pub use lifecycle::{AgentState, IllegalTransition, Lifecycle, Status, next};
pub use record::asks::{Addressee, AskKind, AskState};
pub use record::{LogEntry, Page, SteerReceipt};
pub use wait::{Mode, Waited};
