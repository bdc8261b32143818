//! `[providers.<name>]`: how an agent can be driven. A table is first read as the union of all
//! kinds, because layers may each give a part of it, and resolved to one kind when all are in.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The provider of an agent that names none.
pub(super) const CLAUDE: &str = "claude";

/// How the agents of one provider are driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderConfig {
    /// The `claude` program.
    Claude(ClaudeProvider),
    /// The `codex` program.
    Codex(CodexProvider),
    /// A program that speaks the Agent Client Protocol.
    Acp(AcpProvider),
    /// Any program that reads a prompt and writes a result.
    Script(ScriptProvider),
}

impl ProviderConfig {
    /// The program and its first arguments; never empty.
    pub fn command(&self) -> &[String] {
        match self {
            ProviderConfig::Claude(claude) => &claude.command,
            ProviderConfig::Codex(codex) => &codex.command,
            ProviderConfig::Acp(acp) => &acp.command,
            ProviderConfig::Script(script) => &script.command,
        }
    }

    /// Variables set for the program.
    pub fn env(&self) -> &BTreeMap<String, String> {
        match self {
            ProviderConfig::Claude(claude) => &claude.env,
            ProviderConfig::Codex(codex) => &codex.env,
            ProviderConfig::Acp(acp) => &acp.env,
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

/// How the `codex` program is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodexProvider {
    /// The program and its first arguments; never empty.
    pub command: Vec<String>,
    /// The model of an agent that names none; `None` leaves the choice to the program.
    pub model: Option<String>,
    /// Variables set for the program, beside those it inherits.
    pub env: BTreeMap<String, String>,
}

/// How a program that speaks the Agent Client Protocol is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpProvider {
    /// Which program it is, as far as its own ways matter.
    pub flavour: Flavour,
    /// The program and all its arguments; never empty.
    pub command: Vec<String>,
    /// The model of an agent that names none; `None` leaves the choice to the program.
    pub model: Option<String>,
    /// Variables set for the program, beside those it inherits.
    pub env: BTreeMap<String, String>,
}

/// Programs whose ways beyond the protocol are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Any agent: the protocol and nothing else.
    Plain,
    /// Gemini CLI.
    Gemini,
    /// opencode.
    Opencode,
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
    Codex,
    Gemini,
    Opencode,
    Acp,
    Script,
}

impl Kind {
    /// The kind of a provider that is there without being configured.
    fn built_in(name: &str) -> Option<Kind> {
        match name {
            CLAUDE => Some(Kind::Claude),
            "codex" => Some(Kind::Codex),
            "gemini" => Some(Kind::Gemini),
            "opencode" => Some(Kind::Opencode),
            _ => None,
        }
    }
}

/// The providers that are there without being configured.
pub(super) fn built_in() -> BTreeMap<String, ProviderConfig> {
    [CLAUDE, "codex", "gemini", "opencode"]
        .into_iter()
        .filter_map(|name| {
            let provider = ProviderTable::default().resolve(name).ok()?;
            Some((name.to_owned(), provider))
        })
        .collect()
}

const ONLY_SCRIPT: &str = "only a `script` provider has it";
const ONLY_CLAUDE: &str = "only a `claude` provider has it";
const NO_COMMAND: Misfit = Misfit::Missing("command", r#"command = ["program", "argument"]"#);

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
        match self.kind.or_else(|| Kind::built_in(name)) {
            Some(Kind::Claude) => self.claude().map(ProviderConfig::Claude),
            Some(Kind::Codex) => self.codex().map(ProviderConfig::Codex),
            Some(Kind::Gemini) => self.acp(Flavour::Gemini, Some(&["gemini", "--acp"])),
            Some(Kind::Opencode) => self.acp(Flavour::Opencode, Some(&["opencode", "acp"])),
            Some(Kind::Acp) => self.acp(Flavour::Plain, None),
            Some(Kind::Script) => self.script().map(ProviderConfig::Script),
            None => Err(Misfit::Missing("kind", r#"kind = "acp""#)),
        }
    }

    /// Refuses what only another kind has.
    fn has_only_the_common_keys(&self) -> Result<(), Misfit> {
        if self.input.is_some() {
            return Err(Misfit::Foreign("input", ONLY_SCRIPT));
        }
        if self.setting_sources.is_some() {
            return Err(Misfit::Foreign("setting_sources", ONLY_CLAUDE));
        }
        Ok(())
    }

    fn codex(self) -> Result<CodexProvider, Misfit> {
        self.has_only_the_common_keys()?;
        Ok(CodexProvider {
            command: self.command.unwrap_or_else(|| vec!["codex".to_owned()]),
            model: self.model,
            env: self.env,
        })
    }

    fn acp(
        self,
        flavour: Flavour,
        usual_command: Option<&[&str]>,
    ) -> Result<ProviderConfig, Misfit> {
        self.has_only_the_common_keys()?;
        let usual = || usual_command.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
        Ok(ProviderConfig::Acp(AcpProvider {
            flavour,
            command: self.command.or_else(usual).ok_or(NO_COMMAND)?,
            model: self.model,
            env: self.env,
        }))
    }

    fn claude(self) -> Result<ClaudeProvider, Misfit> {
        if self.input.is_some() {
            return Err(Misfit::Foreign("input", ONLY_SCRIPT));
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
        if self.model.is_some() {
            return Err(Misfit::Foreign("model", "a `script` provider has no model"));
        }
        if self.setting_sources.is_some() {
            return Err(Misfit::Foreign("setting_sources", ONLY_CLAUDE));
        }
        Ok(ScriptProvider {
            command: self.command.ok_or(NO_COMMAND)?,
            input: self.input.unwrap_or_default(),
            env: self.env,
        })
    }
}

/// Whether `name` can name a provider: 1 to 32 of `a-z`, `0-9`, `_` and `-`.
pub(crate) fn is_provider_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let command = Vec::<String>::deserialize(deserializer).map_err(|_| {
        D::Error::custom(r#"expected a list of words, as in ["program", "argument"]"#)
    })?;
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
