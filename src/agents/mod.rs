//! Child coding sessions: their life, their limits, their record. An agent is a durable row; a run
//! of it is a process that one [`Crew`] of one ostler process looks after. Nothing here knows of MCP
//! or the command line.

mod assignment;
mod brief;
mod budget;
mod context;
mod crew;
mod definition;
pub(crate) mod drain;
mod error;
mod evidence;
mod expect;
mod family;
mod group;
pub(crate) mod journal;
mod launch;
mod lifecycle;
pub(crate) mod limiter;
mod owner;
pub(crate) mod record;
pub(crate) mod recovery;
mod retention;
mod schema;
mod supervisor;
mod wait;

pub use assignment::{Assignment, AtEnd, TaskStanding};
pub use brief::{AgentBrief, CatchUp, Done, Evidenced, Resulted, Transcript};
pub use budget::{BadBudget, Budget, BudgetRequest};
pub use context::{BadContext, Caller, ContextCut, Problem, Traces};
pub use crew::{
    Answer, Answered, CheckFailed, CloseRequest, Crew, CrewOptions, Gone, GroupSpawned,
    GroupStanding, Host, MergeReport, MergeRequest, ProviderBrief, Pruned, Shown, Skipped,
    SweepRequest, Swept, Teller, Waiting, Worktrees,
};
pub use definition::{
    BrokenDefinition, Catalogue, DefinitionBrief, Definitions, KnownDefinition, Origin, Places,
    create as create_definition, schema as definition_schema,
};
pub use drain::{DrainReport, DrainRequest, Drained, Ended, Left, Outcome, Standing, Step, Told};
pub use error::AgentError;
pub use evidence::{Allowed, CommandRun, Denied, Evidence, Nested, Overlap, SteerTally};
pub use expect::{Expect, Unmet};
pub use group::{Ranked, Ranking, Variants};
pub use launch::{Granted, Isolated, SpawnRequest, Spawned};
pub use lifecycle::{AgentState, IllegalTransition, Lifecycle, Status, next};
pub use record::asks::{Addressee, AskKind, AskState};
pub use record::{LogEntry, SteerReceipt};
pub use retention::Why;
pub use wait::{Mode, Waited};
