//! Working the ready tasks down with agents: what is to be done next, what is on record of it, and what
//! is told at the end. Decides and tells; carried out it is in the crew.

pub(crate) mod left;
pub(crate) mod plan;
pub(crate) mod prompts;
pub(crate) mod purse;
pub(crate) mod report;
pub(crate) mod request;
pub(crate) mod rows;

pub use report::{DrainReport, Drained, Ended, Left, Outcome, Standing, Step, Told};
pub use request::DrainRequest;
