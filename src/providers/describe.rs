//! What a provider can do, in the few words that fit a table or a tool's reply.

use serde::Serialize;

use super::{
    Capabilities, InstructionSupport, ModelChoice, PermissionSupport, ResumeSupport, SteerSupport,
    UsageScope, capabilities,
};
use crate::config::{Flavour, ProviderConfig};

/// A provider's capabilities in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// How messages reach a running agent: `injected`, `queued`, `restarts` or `none`.
    pub steer: &'static str,
    /// How an ended agent goes on: with its `history`, or as a `new session`.
    pub resume: &'static str,
    /// Who holds `permission`: `enforced` by the CLI, `as asked`, or `none`.
    pub permissions: &'static str,
    /// What reported tokens cover: the whole `run`, `own steps`, `last steps`, or `none`.
    pub tokens: &'static str,
    /// Whether cost is reported.
    pub cost: bool,
    /// How a role reaches its model: with its `system` prompt, or in front of the first `prompt`.
    pub role: &'static str,
    /// Whether the model's effort can be chosen.
    pub effort: bool,
    /// Whether tools can be withheld by name.
    pub tools: bool,
    /// Which models it takes.
    pub models: String,
}

/// Describes the configured provider.
pub fn describe(config: &ProviderConfig) -> Description {
    let can = capabilities(config);
    Description {
        steer: match can.steer {
            SteerSupport::Injected => "injected",
            SteerSupport::Queued => "queued",
            SteerSupport::Restarts => "restarts",
            SteerSupport::None => "none",
        },
        resume: match can.resume {
            ResumeSupport::History { .. } => "history",
            ResumeSupport::Restarts => "new session",
        },
        permissions: match can.permissions {
            PermissionSupport::Enforced => "enforced",
            PermissionSupport::AsFarAsAsked => "as asked",
            PermissionSupport::None => "none",
        },
        tokens: match can.usage {
            Some(UsageScope::Run) => "run",
            Some(UsageScope::OwnSteps) => "own steps",
            Some(UsageScope::LastSteps) => "last steps",
            None => "none",
        },
        cost: can.cost,
        role: match can.instructions {
            InstructionSupport::System => "system",
            InstructionSupport::Prompt => "prompt",
        },
        effort: can.effort,
        tools: can.tools,
        models: models(config, &can),
    }
}

/// The model that is taken, or where names come from.
fn models(config: &ProviderConfig, can: &Capabilities) -> String {
    if can.model == ModelChoice::None {
        return "its own configuration decides".to_owned();
    }
    let (configured, names) = match config {
        ProviderConfig::Claude(claude) => (&claude.model, "opus, sonnet, haiku or a full name"),
        ProviderConfig::Codex(codex) => (&codex.model, "a name as in `codex -m`"),
        ProviderConfig::Acp(acp) => {
            let names = match acp.flavour {
                Flavour::Gemini => "a name as in `gemini -m`",
                Flavour::Opencode => "provider/model as in `opencode models`",
                Flavour::Plain => "a name that the agent knows",
            };
            (&acp.model, names)
        }
        ProviderConfig::Script(_) => (&None, "any name, in $OSTLER_MODEL"),
    };
    match configured {
        Some(model) => format!("{names}; else {model}"),
        None => names.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClaudeProvider, ScriptInput, ScriptProvider};

    #[test]
    fn a_configured_model_is_named() {
        let claude = ClaudeProvider {
            model: Some("opus".to_owned()),
            ..ClaudeProvider::default()
        };
        let description = describe(&ProviderConfig::Claude(claude));
        assert!(description.models.ends_with("; else opus"));
        assert_eq!(description.steer, "injected");
    }

    #[test]
    fn what_a_plain_script_cannot_do_is_said() {
        let script = ScriptProvider {
            command: vec!["cat".to_owned()],
            input: ScriptInput::Text,
            env: Default::default(),
        };
        let description = describe(&ProviderConfig::Script(script));
        let words = [
            description.steer,
            description.resume,
            description.permissions,
            description.tokens,
        ];
        assert_eq!(words, ["none", "new session", "none", "none"]);
    }
}
