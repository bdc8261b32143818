//! Claude Code as a child: `claude -p` with stream-json in both directions, one process for each run.
//! The behaviour relied on here was measured with Claude Code 2.1.197.

mod codec;
mod failure;
mod launch;
mod shell;
mod tools;
mod wire;

use super::{
    Capabilities, InstructionSupport, ModelChoice, PermissionSupport, Provider, ResumeSupport,
    SteerSupport, UsageScope,
};
use crate::config::ClaudeProvider;

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    steer: SteerSupport::Injected,
    resume: ResumeSupport::History { min_age_s: 0 },
    permissions: PermissionSupport::Enforced,
    turns: true,
    usage: Some(UsageScope::Run),
    cost: true,
    structured_output: true,
    model: ModelChoice::ByName,
    effort: true,
    instructions: InstructionSupport::System,
    tools: true,
    cold_start: true,
};

pub(super) fn prepare(
    config: &ClaudeProvider,
    launch: &super::Launch,
    servers: &[super::McpServer],
) -> Provider {
    Provider {
        command: launch::command(config, launch, servers),
        codec: Box::new(codec::Claude::new(launch)),
        ladder: launch::LADDER,
        files: Vec::new(),
        keeps_temporaries: false,
    }
}
