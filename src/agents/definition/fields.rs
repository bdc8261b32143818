//! The fields of a definition, as they are written. Their types are also the JSON Schema of a front
//! matter.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::frontmatter::{Field, Flaw};
use crate::config::{Effort, Isolation, Permission};

/// The front matter of an agent definition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fields {
    /// What the agent is called; the file's name if left out.
    pub(super) name: Option<String>,
    /// One line: when to take this agent. Sessions choose by it.
    pub(super) description: Option<String>,
    /// Provider by its name in the configuration; the configured default if left out.
    pub(super) provider: Option<String>,
    /// The provider's name of a model, or one for each provider; `inherit` leaves it to the provider.
    pub(super) model: Option<Models>,
    /// How much the model is to think.
    pub(super) effort: Option<Effort>,
    /// What the agent may do; a file of the project cannot raise it above `agents.permission`. Left
    /// out, `tools` that only look make the agent `read_only`.
    pub(super) permission: Option<Permission>,
    /// Only these tools of its CLI, by Claude Code's names; all if left out. `Agent(x, y)` stands for
    /// `allowed_subagents`.
    pub(super) tools: Option<Names>,
    /// Not these tools.
    pub(super) disallowed_tools: Option<Names>,
    /// Where the agent works.
    pub(super) isolation: Option<Isolation>,
    /// Model steps before it is told to wrap up.
    #[schemars(range(min = 1))]
    pub(super) max_turns: Option<u32>,
    /// Tool calls before it is told to wrap up.
    #[schemars(range(min = 1))]
    pub(super) max_tool_calls: Option<u32>,
    /// Tokens before it is cut off; it is told to wrap up at 80 %.
    #[schemars(range(min = 1))]
    pub(super) max_tokens: Option<u64>,
    /// US dollars before it is cut off; it is told to wrap up at 80 %.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(super) max_cost_usd: Option<f64>,
    /// Seconds from its start before it is cut off.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) timeout_s: Option<u32>,
    /// Seconds without a sign of life before it is cut off.
    #[schemars(range(min = 1, max = 86400))]
    pub(super) idle_s: Option<u32>,
    /// What it is given to read with each prompt, before what a call names: `file:<path>`, `git:diff`
    /// and so on.
    pub(super) context: Option<Vec<String>>,
    /// `false` keeps from it what was learnt and fits its prompt, which agents are told of where
    /// `memory.prime` is on.
    pub(super) prime: Option<bool>,
    /// Definitions that it may spawn agents from itself, `*` for any; nothing if left out.
    pub(super) allowed_subagents: Option<Names>,
    /// Fields that a call cannot change.
    pub(super) locked: Option<Names>,
    /// A workflow that it is held to. Workflows are not built yet: such a definition is refused.
    pub(super) workflow: Option<String>,
}

/// A model, or one for each provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected the name of a model, or providers and their models"
)]
pub(super) enum Models {
    /// Of the definition's provider.
    One(String),
    /// By the provider's name.
    Each(BTreeMap<String, String>),
}

/// Names, as a list or with commas between.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected names, as a list or with commas between"
)]
pub(super) enum Names {
    /// `a, b`
    Line(String),
    /// `[a, b]`
    List(Vec<String>),
}

impl Names {
    /// The names one by one. Commas and spaces within brackets belong to a name.
    pub(super) fn each(&self) -> Vec<String> {
        match self {
            Names::Line(line) => split(line),
            Names::List(list) => {
                let names = list.iter().map(|name| name.trim().to_owned());
                names.filter(|name| !name.is_empty()).collect()
            }
        }
    }
}

/// `Bash(git diff), Read` is two names.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0_usize;
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match names.last_mut() {
            Some(name) if depth > 0 || !(c == ',' || c.is_whitespace()) => name.push(c),
            _ => names.push(String::new()),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Reads fields whose names are all known.
pub(super) fn typed(fields: Vec<Field>) -> Result<Fields, Flaw> {
    let lines: BTreeMap<String, u64> = fields
        .iter()
        .map(|field| (field.name.clone(), field.line))
        .collect();
    let object = fields
        .into_iter()
        // `model:` with nothing behind it is a field left out.
        .filter(|field| !field.value.is_null())
        .map(|field| (field.name, field.value))
        .collect();
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| {
        let path = error.path().to_string();
        let name = path.split(['.', '[']).next().unwrap_or_default();
        let line = lines.get(name).copied();
        Flaw::new(
            line,
            format!("`{path}` {}", plainly(&error.inner().to_string())),
        )
    })
}

/// What serde says of a value, said to somebody who does not know Rust.
fn plainly(said: &str) -> String {
    let Some((given, expected)) = said.rsplit_once(", expected ") else {
        return format!("is wrong: {said}");
    };
    let given = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .find_map(|kind| given.strip_prefix(kind))
        .unwrap_or(given);
    let expected = match expected {
        "u32" | "u64" => "a whole number above 0",
        "f64" => "a number",
        "a sequence" => "a list",
        "a string" => "text",
        expected => expected,
    };
    format!("must be {expected}, not {given}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, value: Value) -> Result<Fields, String> {
        let field = Field {
            name: name.to_owned(),
            line: 7,
            value,
        };
        typed(vec![field]).map_err(|flaw| flaw.to_string())
    }

    #[test]
    fn names_come_in_three_spellings() {
        for spelling in [
            json!("Read, Bash(git diff:*, x),Agent(a, b)"),
            json!("Read Bash(git diff:*, x) Agent(a, b)"),
            json!(["Read", " Bash(git diff:*, x)", "Agent(a, b)", ""]),
        ] {
            let names = read("tools", spelling).unwrap().tools.unwrap().each();
            assert_eq!(names, ["Read", "Bash(git diff:*, x)", "Agent(a, b)"]);
        }
        assert_eq!(split(" ,, "), Vec::<String>::new());
        assert_eq!(split("a)b, (c, d"), ["a)b", "(c, d"]);
    }

    #[test]
    fn a_field_without_a_value_is_left_out() {
        assert_eq!(read("model", Value::Null), Ok(Fields::default()));
    }

    #[test]
    fn a_wrong_value_is_told_what_belongs_there() {
        for (name, value, told) in [
            (
                "max_turns",
                json!("ten"),
                "`max_turns` must be a whole number above 0, not string \"ten\"",
            ),
            (
                "max_turns",
                json!(-1),
                "`max_turns` must be a whole number above 0, not integer `-1`",
            ),
            (
                "max_cost_usd",
                json!([]),
                "`max_cost_usd` must be a number, not sequence",
            ),
            (
                "permission",
                json!("root"),
                "`permission` must be one of `read_only`, `edit`, `full`, not `root`",
            ),
            ("name", json!(5), "`name` must be text, not integer `5`"),
            (
                "tools",
                json!({"a": 1}),
                "`tools` is wrong: expected names, as a list or with commas between",
            ),
            (
                "context",
                json!("git:diff"),
                "`context` must be a list, not string \"git:diff\"",
            ),
            (
                "context",
                json!(["a", 5]),
                "`context[1]` must be text, not integer `5`",
            ),
        ] {
            assert_eq!(read(name, value).unwrap_err(), format!("line 7: {told}"));
        }
    }
}
