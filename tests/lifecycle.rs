//! The life of agents, seen from outside: the real server, driven over its standard input, with
//! shell scripts as agents.

mod asking;
mod bounds;
mod delivery;
mod groups;
mod limits;
mod names;
mod pace;
mod questions;
mod queue;
mod reading;
mod resume;
mod sharing;
mod steering;
mod stopping;
mod waiting;
