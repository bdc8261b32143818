//! Not there yet: the prompt goes to the program as text.

use super::{
    Capabilities, Launch, McpServer, ModelChoice, PermissionSupport, Provider, ResumeSupport,
    SteerSupport,
};
use crate::config::{CodexProvider, ScriptInput, ScriptProvider};

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    steer: SteerSupport::None,
    resume: ResumeSupport::Restarts,
    permissions: PermissionSupport::None,
    turns: false,
    usage: None,
    cost: false,
    structured_output: false,
    model: ModelChoice::None,
    cold_start: true,
};

pub(super) fn prepare(config: &CodexProvider, launch: &Launch, _servers: &[McpServer]) -> Provider {
    let script = ScriptProvider {
        command: config.command.clone(),
        input: ScriptInput::Text,
        env: config.env.clone(),
    };
    super::script::prepare(&script, launch)
}
