//! How child sessions are driven. A provider is a *codec*: it turns commands into lines for the
//! child and lines of the child into events, holds protocol state only and does no IO. The one place
//! with IO is `session`; it serves every provider alike. Nothing here knows of agents, the store or
//! MCP.

mod acp;
mod claude;
mod codex;
mod command;
mod contract;
mod describe;
pub mod detect;
mod failure;
pub mod guard;
pub mod leash;
mod lines;
mod role;
mod scratch;
mod script;
mod session;
pub mod shell;
pub mod tree;

use std::collections::BTreeMap;

use crate::config::ProviderConfig;

pub use command::{CommandSpec, LINEAGE_VARIABLE, Lineage};
pub use contract::{
    Arrival, Capabilities, CleanSignal, Codec, Command, Conversation, Decision, Event, Failure,
    FailureClass, Gate, Input, InstructionSupport, Launch, McpServer, ModelChoice,
    PermissionSupport, PlacedFile, Provider, Reach, ResumeSupport, SteerSupport, StopLadder,
    ToldBy, ToolRules, Usage, UsageScope, When,
};
pub use describe::{Description, describe};
pub use scratch::sweep;
pub use session::{Exit, Session, StartError};

pub(crate) use crate::text::clip;

/// Prepares `launch` for the configured provider; the child gets `servers` beside its own.
pub fn prepare(config: &ProviderConfig, launch: &Launch, servers: &[McpServer]) -> Provider {
    match config {
        ProviderConfig::Claude(claude) => claude::prepare(claude, launch, servers),
        ProviderConfig::Codex(codex) => codex::prepare(codex, launch, servers),
        ProviderConfig::Acp(acp) => acp::prepare(acp, launch, servers),
        ProviderConfig::Script(script) => script::prepare(script, launch),
    }
}

/// What the configured provider can do.
pub fn capabilities(config: &ProviderConfig) -> Capabilities {
    match config {
        ProviderConfig::Claude(_) => claude::CAPABILITIES,
        ProviderConfig::Codex(codex) => codex::capabilities(codex),
        ProviderConfig::Acp(acp) => acp::capabilities(acp.flavour),
        ProviderConfig::Script(script) => script::capabilities(script),
    }
}

/// What the provider can do for an agent in the directory `cwd`, whose project may bring along what
/// nobody can keep it from.
pub fn capabilities_in(config: &ProviderConfig, cwd: &std::path::Path) -> Capabilities {
    match config {
        ProviderConfig::Acp(acp) => acp::capabilities_in(acp.flavour, cwd),
        other => capabilities(other),
    }
}

/// Whether a run of the configured provider can be given MCP servers.
pub fn takes_servers(config: &ProviderConfig, launch: &Launch) -> bool {
    match config {
        ProviderConfig::Claude(_) | ProviderConfig::Codex(_) => true,
        ProviderConfig::Acp(acp) => acp::takes_servers(acp.flavour, launch),
        ProviderConfig::Script(_) => false,
    }
}

type Environment = BTreeMap<String, String>;
