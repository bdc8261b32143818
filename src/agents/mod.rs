//! Child coding sessions: their life, their limits, their record. An agent is a durable row; a run
//! of it is a process that one [`Crew`] of one ostler process looks after. Nothing here knows of MCP
//! or the command line.

mod brief;
mod budget;
mod crew;
mod definition;
mod error;
mod evidence;
mod expect;
mod family;
pub(crate) mod journal;
mod launch;
mod lifecycle;
pub(crate) mod limiter;
mod owner;
pub(crate) mod pace;
mod ranking;
pub(crate) mod record;
pub(crate) mod recovery;
mod reserve;
mod retention;
mod supervisor;
mod variants;
mod wait;

pub use brief::{AgentBrief, CatchUp, Done, Evidenced, Resulted, Transcript};
pub use budget::{BadBudget, Budget, BudgetRequest};
pub use crew::{
    Answer, Answered, Crew, CrewOptions, Gone, GroupSpawned, GroupStanding, Host, ProviderBrief,
    SweepRequest, Swept, Waiting,
};
pub use definition::{
    BrokenDefinition, Catalogue, DefinitionBrief, Definitions, KnownDefinition, Origin, Places,
    create as create_definition, schema as definition_schema,
};
pub use error::AgentError;
pub use evidence::{Allowed, CommandRun, Denied, Evidence, Nested, SteerTally};
pub use expect::Expect;
pub use launch::{Granted, SpawnRequest, Spawned};
pub use lifecycle::{AgentState, IllegalTransition, Lifecycle, Status, next};
pub use ranking::{Ranked, Ranking};
pub use record::asks::{Addressee, AskKind, AskState};
pub use record::{LogEntry, Page, SteerReceipt};
pub use retention::Why;
pub use variants::Variants;
pub use wait::{Mode, Waited};
