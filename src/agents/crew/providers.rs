//! The providers that agents here can be of.

use serde::Serialize;

use super::Crew;
use crate::providers::{Description, describe};

/// One provider, as a session is told of it.
#[derive(Debug, Clone, Serialize)]
pub struct ProviderBrief {
    /// Its name.
    pub name: String,
    /// True when an agent that names none is of this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// What it can do.
    #[serde(flatten)]
    pub can: Description,
}

impl Crew {
    /// The configured providers, whether or not they are installed.
    pub fn providers(&self) -> Vec<ProviderBrief> {
        let providers = self.config.providers.iter();
        providers
            .map(|(name, provider)| ProviderBrief {
                name: name.clone(),
                default: *name == self.config.agents.provider,
                can: describe(provider),
            })
            .collect()
    }
}
