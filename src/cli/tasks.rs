//! `ostler tasks`: the tracker for people.

mod transfer;

use clap::Subcommand;

#[derive(Subcommand)]
pub(in crate::cli) enum Tasks {
    Export(transfer::Export),
    Import(transfer::Import),
}

impl Tasks {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        match self {
            Tasks::Export(export) => export.run().await,
            Tasks::Import(import) => import.run().await,
        }
    }
}
