//! `ostler memory`: what was learnt, in the hands of a person.

mod embed;

use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Memory {
    /// Compare the meanings of all memories that are not compared yet
    Embed(embed::Embed),
}

impl Memory {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        match self {
            Memory::Embed(embed) => embed.run().await,
        }
    }
}
