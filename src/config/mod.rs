//! What the people who run ostler have decided: limits, providers, where the state lies.
//!
//! Owns the settings, their defaults and ranges, and the layers they come from (user file,
//! project file, variables; later wins). Every value is checked when its layer is read, so the
//! rest of the program never meets a bad one. Must never start a process or open the store, and
//! reads the process environment only in [`Sources::from_environment`].

mod document;
mod embeddings;
mod error;
mod file;
mod keys;
mod layers;
mod number;
mod provider;
mod settings;
mod sources;
mod workspaces;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, Origin};
pub(crate) use keys::{keys_of, nearest};
pub use number::Limit;
pub(crate) use provider::is_provider_name;
pub use provider::{
    AcpProvider, ClaudeProvider, CodexProvider, Flavour, ProviderConfig, ScriptInput,
    ScriptProvider,
};
pub use settings::{
    Agents, Ask, Config, Effort, Isolation, Memory, Permission, Retention, StoreConfig,
};
pub use sources::{Sources, state_dir};
pub use workspaces::{Author, Workspaces};
