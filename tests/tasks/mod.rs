//! The tracker through the real binary.

mod agents;
mod claims;
mod cli;
mod drain;
mod real;
mod tools;
mod transfer;
