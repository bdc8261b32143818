//! Codex as a child: `codex app-server`, JSON lines over stdio in both directions, one process and one
//! thread for each run. The behaviour relied on here was measured with codex-cli 0.169.0.
//!
//! What a run may do is held by the CLI's own sandbox; where the sandbox ends, the CLI asks.

mod asks;
mod calls;
mod codec;
mod effort;
mod failure;
mod launch;
mod mailbox;
mod rules;
mod steps;
mod wire;

use super::{
    Capabilities, InstructionSupport, Launch, McpServer, ModelChoice, PermissionSupport, Provider,
    ResumeSupport, SteerSupport, UsageScope,
};
use crate::config::CodexProvider;

pub(super) fn capabilities(config: &CodexProvider) -> Capabilities {
    Capabilities {
        steer: SteerSupport::Injected,
        resume: ResumeSupport::History { min_age_s: 0 },
        permissions: match rules::may_allow(config) {
            true => PermissionSupport::AsFarAsAsked,
            false => PermissionSupport::Enforced,
        },
        turns: true,
        usage: Some(UsageScope::Run),
        cost: false,
        structured_output: true,
        model: ModelChoice::ByName,
        effort: true,
        instructions: InstructionSupport::System,
        tools: false,
        cold_start: true,
    }
}

pub(super) fn prepare(config: &CodexProvider, launch: &Launch, servers: &[McpServer]) -> Provider {
    Provider {
        command: launch::command(config, launch),
        codec: Box::new(codec::Codex::new(launch::plan(config, launch, servers))),
        ladder: launch::LADDER,
        files: Vec::new(),
        keeps_temporaries: false,
    }
}
