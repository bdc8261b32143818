//! What an agent is given to read with its prompt: files of the project, changes and history of its
//! repository, results of other agents, what was learnt, what the session that spawns it is about. Each is read once,
//! when the agent is spawned, and quoted as data in front of the prompt. Nothing here writes, runs
//! anything but git, or leaves a gap: what cannot be had refuses the spawn.

mod caller;
mod clean;
mod entry;
mod error;
mod file;
pub(super) mod host;
mod quote;
mod repository;

pub use caller::{Caller, Traces};
pub use error::{BadContext, Problem};
pub use quote::ContextCut;

pub(super) use clean::{clean, one_line};
pub(super) use entry::{Entry, parse};
pub(super) use file::{Roots, read as read_file};
pub(super) use quote::{Block, Keep, Piece, quote};
pub(super) use repository::{diff, log};

/// Bytes that one entry may bring.
const ENTRY_LIMIT: usize = 24_000;
/// Bytes that all entries together may bring, with what frames them.
const BLOCK_LIMIT: usize = 96_000;
/// Read beyond the limit of an entry, so that a secret at the cut is seen, and hidden, as a whole.
const MARGIN: usize = 8_000;
