//! The tracker through the real binary.

mod agents;
mod claims;
mod cli;
mod drain;
mod prompts;
mod real;
mod tools;
mod transfer;
