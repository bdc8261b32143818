//! Claude Code as a child: `claude -p` with stream-json in both directions, one process for each run.
//! The behaviour relied on here was measured with Claude Code 2.1.197.

mod codec;
mod failure;
mod launch;
mod wire;

use super::{Capabilities, Provider, ResumeSupport, SteerSupport};
use crate::config::ClaudeProvider;

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    steer: SteerSupport::Injected,
    resume: ResumeSupport::History,
    permissions: true,
    turns: true,
    usage: true,
    cold_start: true,
};

pub(super) fn prepare(config: &ClaudeProvider, launch: &super::Launch) -> Provider {
    Provider {
        command: launch::command(config, launch),
        codec: Box::new(codec::Claude::new(launch)),
        ladder: launch::LADDER,
    }
}
