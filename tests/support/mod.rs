//! What the tests stand on.

pub(crate) mod clis;
pub(crate) mod embeddings;
mod git;
pub(crate) mod home;
pub(crate) mod mcp;
pub(crate) mod model;
pub(crate) mod worlds;

pub(crate) use git::git;
pub(crate) use home::{Home, processes_with, until};
