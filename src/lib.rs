//! ostler looks after child coding agents for an AI coding session: it spawns and steers them, keeps
//! them apart, holds their limits, and keeps what they brought back.
//!
//! ```text
//!       cli/   what a person types                      mcp/   what a model calls
//!          \______________________________   _____________________/
//!                                         \ /
//!   edge.rs      how a failure is told to either of them      host.rs  what surrounds this process
//!   agents/      lifecycle, limiter, supervision of child sessions
//!   tasks/       the tracker: what is to be done, what waits for what, who has claimed it
//!   memory/      what was learnt, found again by its words
//!   providers/   the CLIs behind one contract: sans-IO codecs and the one driver with IO
//!   workspaces/  git worktrees of agents' own: made, settled, merged, never lost
//!   store/       the state file: pool, migrations, change watch
//!   transfer/    files that a person hands in or takes away, whatever is in them
//!   config/  project.rs  ids.rs  clock.rs  text.rs  page.rs  words.rs
//! ```
//!
//! An import only ever goes down. `mcp/` and `cli/` are thin: parse, call one function of a domain,
//! render. No domain knows of either. What seems to need an arrow upwards is an event: a codec asks
//! for a permission by emitting it, the supervisor decides.

#![cfg(unix)]

pub mod agents;
pub mod cli;
pub mod clock;
pub mod config;
pub mod edge;
pub mod host;
pub mod ids;
mod lenient;
pub mod mcp;
pub mod memory;
mod page;
pub mod project;
pub mod providers;
pub mod store;
pub mod tasks;
mod text;
pub mod transfer;
mod words;
pub mod workspaces;
