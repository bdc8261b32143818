//! The definitions that agents here can be made from.

use super::Crew;
use crate::agents::definition::{Catalogue, Definition, DefinitionBrief, Definitions};
use crate::agents::error::AgentError;

impl Crew {
    /// What agents can be spawned from, and which files are broken, as they are now.
    pub fn definitions(&self) -> Definitions<DefinitionBrief> {
        Catalogue::read(&self.places).told()
    }

    /// The definition called `name`, as it is now.
    pub(super) fn definition(&self, name: &str) -> Result<Definition, AgentError> {
        Catalogue::read(&self.places).find(name).cloned()
    }
}
