//! `ostler guard`, which ostler starts itself.

use clap::Args;

use crate::edge::Failure;
use crate::ids::OwnerId;
use crate::providers::guard;

#[derive(Args)]
pub(super) struct Guard {
    /// The owner whose children are looked after
    owner: String,
}

impl Guard {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let owner = OwnerId::parse(&self.owner).map_err(Failure::from)?;
        guard::watch(&owner).await?;
        Ok(0)
    }
}
