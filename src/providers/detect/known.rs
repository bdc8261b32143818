//! The programs that are known by name: what was tested, and how they are installed.

use crate::config::{AcpProvider, Flavour, ProviderConfig};

/// What is known of a program.
pub(super) struct Known {
    /// The version that the tests run.
    pub(super) tested: &'static str,
    /// How it is installed.
    pub(super) install: &'static str,
    /// How to log in.
    pub(super) login: &'static str,
}

/// What is known of the program behind a provider.
pub(super) fn known(provider: &ProviderConfig) -> Option<Known> {
    Some(match provider {
        ProviderConfig::Claude(_) => Known {
            tested: "2.1.197",
            install: "npm install -g @anthropic-ai/claude-code",
            login: "claude auth login, or set ANTHROPIC_API_KEY",
        },
        ProviderConfig::Codex(_) => Known {
            tested: "0.169.0",
            install: "npm install -g @openai/codex",
            // `codex app-server` 0.169.0 sends no key from its environment.
            login: "codex login; a key in OPENAI_API_KEY alone is not used, \
                    `codex login --with-api-key` takes it on standard input",
        },
        ProviderConfig::Acp(AcpProvider { flavour, .. }) => match flavour {
            Flavour::Gemini => Known {
                tested: "0.61.0",
                install: "npm install -g @google/gemini-cli",
                login: "start gemini once and sign in, or set GEMINI_API_KEY",
            },
            Flavour::Opencode => Known {
                tested: "1.18.33",
                install: "npm install -g opencode-ai",
                login: "opencode auth login",
            },
            Flavour::Plain => return None,
        },
        ProviderConfig::Script(_) => return None,
    })
}
