//! `ostler worktrees`: the working trees of agents, and what they have left on their branches.

use clap::Subcommand;

use super::merge::Merge;
use crate::host::{self, Surroundings};

#[derive(Subcommand)]
pub(super) enum Worktrees {
    /// Merge branches of ended agents, one after the other, onto a new branch
    Merge(Merge),
}

impl Worktrees {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let crew = host::open(&Surroundings::of_process()?).await?;
        let outcome = match self {
            Worktrees::Merge(merge) => merge.run(&crew).await,
        };
        crew.close().await;
        outcome
    }
}
