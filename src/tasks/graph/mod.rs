//! What tasks wait for: edges and parents, the counts that follow from them, and circles, which are
//! never let in.
//!
//! `task.held` is the number of edges that hold a task or one of the tasks above it; with it, what is
//! ready is read from an index. Every change goes the same way: change the row, then [`settle`] every
//! task whose status, reason or number of children it touched. Edges that hold now and did not before,
//! or the other way round, are found there, and the difference is added to what hangs on them. The
//! counts can be recomputed from nothing, see [`differences`]; tests do that after every step.

pub(crate) mod cycle;
pub(crate) mod doctor;
pub(crate) mod edges;
pub(crate) mod family;
pub(crate) mod recount;
pub(crate) mod settle;

pub(super) use cycle::{Arcs, refuse_cycle};
pub use doctor::Difference;
pub(super) use edges::{add_edge, remove_edge};
pub(super) use family::{above, adopt, count_child, leave, refuse_levels, refuse_place};
pub(super) use recount::recount;
pub(super) use settle::{Counted, freed, settle};
