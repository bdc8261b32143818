//! Agents that speak the Agent Client Protocol, version 1, over stdio: one codec for all of them,
//! over JSON values, and one table of what each known program does beyond or against the protocol.
//! Measured with Gemini CLI 0.61.0 and opencode 1.18.33.

mod calls;
mod codec;
mod effort;
mod failure;
mod launch;
mod mailbox;
mod models;
mod project;
mod quirks;
mod rules;
mod speech;
mod usage;
mod wire;

use std::path::Path;

use super::{Capabilities, Launch, McpServer, PermissionSupport, Provider};
use crate::config::{AcpProvider, Flavour};

pub(super) fn capabilities(flavour: Flavour) -> Capabilities {
    quirks::of(flavour).capabilities
}

/// What an agent in the directory `cwd` can do, and cannot be kept from.
pub(super) fn capabilities_in(flavour: Flavour, cwd: &Path) -> Capabilities {
    let can = capabilities(flavour);
    match flavour {
        Flavour::Opencode if project::may_have_plugins(cwd) => Capabilities {
            permissions: PermissionSupport::AsFarAsAsked,
            ..can
        },
        _ => can,
    }
}

pub(super) fn prepare(config: &AcpProvider, launch: &Launch, servers: &[McpServer]) -> Provider {
    let quirks = quirks::of(config.flavour);
    Provider {
        command: launch::command(config, launch, servers),
        codec: Box::new(codec::Acp::new(quirks, config, launch, servers)),
        ladder: quirks.ladder,
        files: launch::files(config.flavour, launch, servers),
        keeps_temporaries: quirks.litters,
    }
}
