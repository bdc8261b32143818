//! The settings outside `[providers]`, with their defaults and ranges. `sample.toml` shows the
//! same to people.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::embeddings;
use super::number::{Limit, limit_up_to, whole};
use super::provider::{CLAUDE, ProviderConfig, built_in};
use super::workspaces::Workspaces;

/// The effective configuration: every layer applied, every value in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Limits and defaults of the agents.
    pub agents: Agents,
    /// How agents can be driven, by provider name; the four usual ones are always there.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Where the state lies.
    pub store: StoreConfig,
    /// How working trees of agents' own are settled.
    pub workspaces: Workspaces,
    /// How long agents that have ended are kept.
    pub retention: Retention,
    /// What agents are told of what was learnt, and what they may keep.
    pub memory: Memory,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agents: Agents::default(),
            providers: built_in(),
            store: StoreConfig::default(),
            workspaces: Workspaces::default(),
            retention: Retention::default(),
            memory: Memory::default(),
        }
    }
}

impl Config {
    /// A commented `config.toml` that sets every key to its default.
    pub fn sample() -> String {
        include_str!("sample.toml").to_owned()
    }
}

/// Limits and defaults of the agents.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Agents {
    /// Agents that run at the same time on this machine, 1 to 64.
    #[serde(deserialize_with = "whole::<1, 64, _>")]
    pub max_concurrent: u32,
    /// Agents whose program is being started at the same time, 1 to 16.
    #[serde(deserialize_with = "whole::<1, 16, _>")]
    pub max_starting: u32,
    /// Live agents, nested ones included, under one host session, 1 to 256.
    #[serde(deserialize_with = "whole::<1, 256, _>")]
    pub max_tree: u32,
    /// Agents that may stand above each other, 1 to 8; 1: children spawn nothing.
    #[serde(deserialize_with = "whole::<1, 8, _>")]
    pub max_depth: u32,
    /// Runs that may be started in a minute under one host session, resumed ones included, 1 to 1000.
    #[serde(deserialize_with = "whole::<1, 1000, _>")]
    pub max_spawns_per_minute: u32,
    /// The provider of an agent that names none.
    pub provider: String,
    /// What an agent that is not told otherwise may do.
    pub permission: Permission,
    /// Where an agent that is not told otherwise works.
    pub isolation: Isolation,
    /// Who decides about what goes beyond the permission of an agent that may edit.
    pub ask: Ask,
    /// Seconds after which an unanswered request is refused, 1 to 86400.
    #[serde(deserialize_with = "whole::<1, 86_400, _>")]
    pub ask_timeout_s: u32,
    /// Turns of one run before the wrap-up message.
    pub max_turns: Limit<u32>,
    /// Turns left to an agent after the wrap-up message, 1 to 50.
    #[serde(deserialize_with = "whole::<1, 50, _>")]
    pub grace_turns: u32,
    /// Tool calls of one run.
    pub max_tool_calls: Limit<u32>,
    /// Tokens of one run, read and written together, without those read from a cache.
    pub max_tokens: Limit<u64>,
    /// Cost of one run in US dollars.
    pub max_cost_usd: Limit<f64>,
    /// Length of one run in seconds, at most 86400.
    #[serde(deserialize_with = "limit_up_to::<86_400, _>")]
    pub timeout_s: Limit<u32>,
    /// Seconds without a sign of life before a run is ended, at most 86400.
    #[serde(deserialize_with = "limit_up_to::<86_400, _>")]
    pub idle_s: Limit<u32>,
    /// Seconds in which the program of an agent has to come up, 1 to 3600.
    #[serde(deserialize_with = "whole::<1, 3600, _>")]
    pub start_timeout_s: u32,
    /// How often in a row a run goes on after the model service turned it away, at most 100; 0 ends it
    /// at once.
    #[serde(deserialize_with = "whole::<0, 100, _>")]
    pub max_retries: u32,
    /// Further variables that children inherit; a trailing `*` stands for any ending.
    #[serde(deserialize_with = "variable_patterns")]
    pub env_allow: Vec<String>,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            max_concurrent: 4,
            max_starting: 2,
            max_tree: 16,
            max_depth: 1,
            max_spawns_per_minute: 30,
            provider: CLAUDE.to_owned(),
            permission: Permission::Edit,
            isolation: Isolation::None,
            ask: Ask::Parent,
            ask_timeout_s: 300,
            max_turns: Limit::At(50),
            grace_turns: 5,
            max_tool_calls: Limit::At(500),
            max_tokens: Limit::Unlimited,
            max_cost_usd: Limit::At(5.0),
            timeout_s: Limit::At(3600),
            idle_s: Limit::At(900),
            start_timeout_s: 120,
            max_retries: 6,
            env_allow: Vec::new(),
        }
    }
}

impl Agents {
    /// The limits that are higher in `other`, by their keys.
    pub(super) fn raised_by(&self, other: &Agents) -> Vec<&'static str> {
        let raised = [
            ("max_concurrent", other.max_concurrent > self.max_concurrent),
            ("max_starting", other.max_starting > self.max_starting),
            ("max_tree", other.max_tree > self.max_tree),
            ("max_depth", other.max_depth > self.max_depth),
            (
                "max_spawns_per_minute",
                other.max_spawns_per_minute > self.max_spawns_per_minute,
            ),
            ("max_turns", other.max_turns > self.max_turns),
            ("grace_turns", other.grace_turns > self.grace_turns),
            ("max_tool_calls", other.max_tool_calls > self.max_tool_calls),
            ("max_tokens", other.max_tokens > self.max_tokens),
            ("max_cost_usd", other.max_cost_usd > self.max_cost_usd),
            ("timeout_s", other.timeout_s > self.timeout_s),
            ("idle_s", other.idle_s > self.idle_s),
            (
                "start_timeout_s",
                other.start_timeout_s > self.start_timeout_s,
            ),
            ("max_retries", other.max_retries > self.max_retries),
            ("ask_timeout_s", other.ask_timeout_s > self.ask_timeout_s),
        ];
        raised
            .into_iter()
            .filter(|(_, raised)| *raised)
            .map(|(key, _)| key)
            .collect()
    }
}

/// Who decides about a call that goes beyond the permission of an agent, and answers its questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The session that the agent works for.
    Parent,
    /// The person at that session, where the client can ask; else the session.
    Person,
    /// Nobody: it is refused at once.
    Deny,
}

/// What an agent may do to the machine; each level includes the one before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Look, change nothing.
    ReadOnly,
    /// Change files in its workspace.
    Edit,
    /// Whatever the user could do.
    Full,
}

impl Permission {
    /// The name used in the configuration, in tools and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::ReadOnly => "read_only",
            Permission::Edit => "edit",
            Permission::Full => "full",
        }
    }
}

/// Where an agent works.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In the directory itself.
    #[default]
    None,
    /// In a git worktree of its own, on a branch of its own, from the last commit.
    Worktree,
    /// The same, with the uncommitted changes of the directory carried over.
    WorktreeWithChanges,
}

impl Isolation {
    /// The name used in the configuration, in tools and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::None => "none",
            Isolation::Worktree => "worktree",
            Isolation::WorktreeWithChanges => "worktree_with_changes",
        }
    }
}

/// How much a model is to think.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// Very much.
    Xhigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// The name used in definitions, in tools and on the command line; the CLIs use the same.
    pub fn as_str(self) -> &'static str {
        match self {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Xhigh => "xhigh",
            Effort::Max => "max",
        }
    }
}

/// Where the state lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct StoreConfig {
    /// `sqlite:` and a path; `None` is the database in the state directory.
    #[serde(deserialize_with = "store_url")]
    pub url: Option<String>,
}

/// How long agents that have ended are kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Retention {
    /// Days after their end, at most 3650.
    #[serde(deserialize_with = "limit_up_to::<3650, _>")]
    pub keep_days: Limit<u32>,
    /// The newest of the machine, at most 1000000.
    #[serde(deserialize_with = "limit_up_to::<1_000_000, _>")]
    pub keep_agents: Limit<u32>,
    /// Whether a server removes what is over, at most once a day.
    pub auto: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_days: Limit::At(30),
            keep_agents: Limit::At(1000),
            auto: true,
        }
    }
}

/// What agents are told of what was learnt, what they may keep, and how meanings are compared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Memory {
    /// Whether an agent is told what was learnt about its prompt.
    pub prime: bool,
    /// Tokens of that at most, 50 to 4000.
    #[serde(deserialize_with = "whole::<50, 4000, _>")]
    pub prime_tokens: u32,
    /// Memories that one agent may keep, 0 to 10000.
    #[serde(deserialize_with = "whole::<0, 10_000, _>")]
    pub max_per_agent: u32,
    /// The address of an OpenAI-compatible service for embeddings, up to and with `/v1`; `None` is none.
    #[serde(deserialize_with = "embeddings::address")]
    pub embeddings_url: Option<String>,
    /// The model that it is asked for.
    #[serde(deserialize_with = "embeddings::model")]
    pub embeddings_model: Option<String>,
    /// The variable with the key for it.
    #[serde(deserialize_with = "embeddings::variable")]
    pub embeddings_key: Option<String>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            prime: true,
            prime_tokens: 400,
            max_per_agent: 50,
            embeddings_url: None,
            embeddings_model: None,
            embeddings_key: None,
        }
    }
}

/// The reasons never repeat the URL: it may hold a password.
fn store_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Some(url)),
        Some(("postgres" | "postgresql", _)) => Err(D::Error::custom(
            "a PostgreSQL store is not built yet, only `sqlite:<path>` is",
        )),
        _ => Err(D::Error::custom("expected `sqlite:<path>`")),
    }
}

fn variable_patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    for pattern in &patterns {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        // A bare `*` would allow everything, and then there is no allow-list left.
        let is_name = !name.is_empty() && !name.contains(['*', '=', '\0', ' ']);
        if !is_name {
            return Err(D::Error::custom(format!(
                "{pattern:?} is neither a variable's name nor the start of one and `*`"
            )));
        }
    }
    Ok(patterns)
}
