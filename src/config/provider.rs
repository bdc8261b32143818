//! `[providers.<name>]`: how an agent can be driven. A table is first read as the union of all
//! kinds, because layers may each give a part of it, and resolved to one kind when all are in.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The provider that is always there.
pub(super) const CLAUDE: &str = "claude";

/// How the agents of one provider are driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderConfig {
    /// The `claude` program.
    Claude(ClaudeProvider),
    /// Any program that reads a prompt and writes a result.
    Script(ScriptProvider),
}

impl ProviderConfig {
    /// Variables set for the program.
    pub fn env(&self) -> &BTreeMap<String, String> {
        match self {
            ProviderConfig::Claude(claude) => &claude.env,
            ProviderConfig::Script(script) => &script.env,
        }
    }
}

/// How the `claude` program is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaudeProvider {
    /// The program and its first arguments; never empty.
    pub command: Vec<String>,
    /// The model of an agent that names none; `None` leaves the choice to the program.
    pub model: Option<String>,
    /// The settings that the program loads: any of `user`, `project`, `local`.
    pub setting_sources: Vec<String>,
    /// Variables set for the program, beside those it inherits.
    pub env: BTreeMap<String, String>,
}

impl Default for ClaudeProvider {
    fn default() -> Self {
        Self {
            command: vec![CLAUDE.to_owned()],
            model: None,
            setting_sources: ["user", "project", "local"].map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
        }
    }
}

/// How a script is started and spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptProvider {
    /// The program and its first arguments; never empty.
    pub command: Vec<String>,
    /// How the prompt reaches it.
    pub input: ScriptInput,
    /// Variables set for the program, beside those it inherits.
    pub env: BTreeMap<String, String>,
}

/// How a prompt reaches a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptInput {
    /// The prompt as plain text, then end of input.
    #[default]
    Text,
    /// One line for each message, input stays open.
    Lines,
}

/// What the layers say of a provider, of whatever kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct ProviderTable {
    kind: Option<Kind>,
    #[serde(deserialize_with = "command")]
    command: Option<Vec<String>>,
    model: Option<String>,
    setting_sources: Option<Vec<String>>,
    input: Option<ScriptInput>,
    #[serde(deserialize_with = "variables")]
    env: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Claude,
    Script,
}

/// Why a table is no provider; the key is relative to it.
pub(super) enum Misfit {
    /// A key that this kind needs, with a line that would do.
    Missing(&'static str, &'static str),
    /// A key that only another kind has, and why it cannot stay.
    Foreign(&'static str, &'static str),
}

impl ProviderTable {
    /// The provider that the whole table describes.
    pub(super) fn resolve(self, name: &str) -> Result<ProviderConfig, Misfit> {
        match self.kind {
            Some(Kind::Claude) => self.claude().map(ProviderConfig::Claude),
            Some(Kind::Script) => self.script().map(ProviderConfig::Script),
            None if name == CLAUDE => self.claude().map(ProviderConfig::Claude),
            None => Err(Misfit::Missing("kind", r#"kind = "script""#)),
        }
    }

    fn claude(self) -> Result<ClaudeProvider, Misfit> {
        if self.input.is_some() {
            return Err(Misfit::Foreign("input", "only a `script` provider has it"));
        }
        let default = ClaudeProvider::default();
        Ok(ClaudeProvider {
            command: self.command.unwrap_or(default.command),
            model: self.model,
            setting_sources: self.setting_sources.unwrap_or(default.setting_sources),
            env: self.env,
        })
    }

    fn script(self) -> Result<ScriptProvider, Misfit> {
        const NOT_CLAUDE: &str = "only a `claude` provider has it";
        if self.model.is_some() {
            return Err(Misfit::Foreign("model", NOT_CLAUDE));
        }
        if self.setting_sources.is_some() {
            return Err(Misfit::Foreign("setting_sources", NOT_CLAUDE));
        }
        Ok(ScriptProvider {
            command: self.command.ok_or(Misfit::Missing(
                "command",
                r#"command = ["program", "argument"]"#,
            ))?,
            input: self.input.unwrap_or_default(),
            env: self.env,
        })
    }
}

/// Whether `name` can name a provider: 1 to 32 of `a-z`, `0-9`, `_` and `-`.
pub(super) fn is_provider_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let command = Vec::<String>::deserialize(deserializer)?;
    match command.first() {
        Some(program) if !program.is_empty() => Ok(Some(command)),
        _ => Err(D::Error::custom("expected a program and its arguments")),
    }
}

fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    match variables
        .keys()
        .find(|name| name.is_empty() || name.contains(['=', '\0']))
    {
        Some(name) => Err(D::Error::custom(format!("{name:?} cannot name a variable"))),
        None => Ok(variables),
    }
}
