//! From what a caller asks for to an immutable plan: every value checked and resolved before
//! anything is written or started.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::assignment::AtEnd;
use super::budget::BudgetRequest;
use super::context::{Caller, ContextCut};
use super::definition::{Definition, effective};
use super::error::AgentError;
use super::expect::Expect;
use super::record::{Nesting, Plan};
use super::schema::OutputSchema;
use crate::config::{Config, Effort, Isolation, Permission};
use crate::ids::{AgentId, DrainId, IdSource, MemoryId};
use crate::providers::{
    Capabilities, Conversation, Launch, ModelChoice, PermissionSupport, UsageScope,
};
use crate::tasks::Named;
use crate::workspaces::WorkspacePlan;

/// Longest prompt or message, in bytes. Longer material belongs in a file that the child reads.
const TEXT_LIMIT: usize = 1024 * 1024;
const LABEL_LIMIT: usize = 60;

/// What a caller asks for.
#[derive(Debug, Clone, Default)]
pub struct SpawnRequest {
    /// What the agent is to do; may be empty where there is a task.
    pub prompt: String,
    /// The task it is for: an id, or `next` for the best ready one.
    pub task: Option<String>,
    /// What becomes of that task when the agent has done its work.
    pub at_end: AtEnd,
    /// The drain that has it worked on.
    pub drain: Option<DrainId>,
    /// A few words to tell it from others; made from the prompt when absent.
    pub label: Option<String>,
    /// Provider by its name in the configuration; absent: `agents.provider`.
    pub provider: Option<String>,
    /// Model; absent: the provider's own choice.
    pub model: Option<String>,
    /// Working directory, relative to the caller's; absent: the caller's.
    pub cwd: Option<PathBuf>,
    /// What the agent may do; absent: `agents.permission`.
    pub permission: Option<Permission>,
    /// Limits of the run.
    pub budget: BudgetRequest,
    /// The definition it is made from, by its name.
    pub agent: Option<String>,
    /// How much the model is to think; absent: the CLI's own choice.
    pub effort: Option<Effort>,
    /// Where it works; absent: in `cwd` itself.
    pub isolation: Option<Isolation>,
    /// The commit that a working tree of its own starts from, by its hash; absent: the one that is
    /// checked out in the caller's.
    pub base: Option<String>,
    /// What it is given to read with its prompt: `file:<path>`, `git:diff` and so on.
    pub context: Vec<String>,
    /// The JSON schema that its result has to fit.
    pub output_schema: Option<serde_json::Value>,
    /// What is checked when it has ended.
    pub expect: Option<Expect>,
    /// Who asks, for what is drawn from the transcript of the asking session.
    pub caller: Caller,
}

/// A queued agent, with the values that are in force.
#[derive(Debug, Clone, Serialize)]
pub struct Spawned {
    /// Its id.
    pub id: AgentId,
    /// Always `queued`: it starts when the limiter lets it.
    pub status: super::Status,
    /// Which run this is, from 1.
    pub run_no: u32,
    /// The task that it has claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Named>,
    /// The definition it is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The provider.
    pub provider: String,
    /// The model, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much the model is to think, where that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// What it may do.
    pub permission: Permission,
    /// The working tree of its own.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Isolated>,
    /// Agents that wait in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_behind: Option<u32>,
    /// What an agent was given of its parent's budget; absent for those of a host session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Granted>,
    /// What was asked for and cannot be had from this provider.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
    /// What was asked for, or is written in the definition, and does not count; with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Entries of `context` of which the agent is given a part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_cut: Vec<ContextCut>,
    /// Memories that it is told of because they fit its prompt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub primed: Vec<MemoryId>,
    /// What whoever spawns it should know of what it is given to read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where an agent with a working tree of its own works.
#[derive(Debug, Clone, Serialize)]
pub struct Isolated {
    /// What was carried over.
    pub isolation: Isolation,
    /// The branch.
    pub branch: String,
    /// Top of the tree; it is made when the agent starts.
    pub path: PathBuf,
}

impl From<&WorkspacePlan> for Isolated {
    fn from(plan: &WorkspacePlan) -> Self {
        Self {
            isolation: match plan.with_changes {
                true => Isolation::WorktreeWithChanges,
                false => Isolation::Worktree,
            },
            branch: plan.branch.clone(),
            path: plan.path.clone(),
        }
    }
}

/// The share of an agent in its parent's budget; what is absent is unlimited there, too.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Granted {
    /// Tokens, cache reads not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
}

/// A checked request.
pub(super) struct Resolved {
    pub(super) plan: Plan,
    pub(super) label: String,
    /// Where it is to work; the plan has no working tree yet.
    pub(super) isolation: Isolation,
    /// The commit that its working tree starts from.
    pub(super) base: Option<String>,
    /// What it is given to read with its prompt.
    pub(super) context: Vec<String>,
    /// Whether it is told what was learnt about its prompt.
    pub(super) primes: bool,
    /// What does not count, with the reason.
    pub(super) ignored: Vec<String>,
}

/// Checks `request` and decides every value: what it asks for, over its definition, over the
/// configuration.
pub(super) fn resolve(
    request: &SpawnRequest,
    definition: Option<&Definition>,
    config: &Config,
    here: &Path,
    ids: &dyn IdSource,
) -> Result<Resolved, AgentError> {
    if request.task.is_none() || !request.prompt.trim().is_empty() {
        check_text("prompt", &request.prompt)?;
    }
    let label = match &request.label {
        Some(label) => checked_label(label)?,
        None => label_of(&request.prompt),
    };
    let model = request.model.as_deref().map(checked_model).transpose()?;
    let request = SpawnRequest {
        model,
        ..request.clone()
    };
    let in_force = effective(&request, definition, config)?;
    let launch = Launch {
        provider: in_force.provider,
        model: in_force.model,
        permission: in_force.permission,
        cwd: directory(request.cwd.as_deref(), here)?,
        conversation: Conversation::Fresh {
            session: ids.uuid(),
        },
        max_cost_usd: in_force.budget.max_cost_usd.bound(),
        effort: in_force.effort,
        instructions: in_force.instructions,
        tools: in_force.tools,
    };
    if let Some(schema) = &request.output_schema {
        OutputSchema::parse(schema).map_err(|problem| AgentError::BadValue {
            field: "output_schema",
            problem,
        })?;
    }
    if let Some(expect) = &request.expect {
        expect.check(&launch.cwd)?;
    }
    let plan = Plan {
        launch,
        budget: in_force.budget,
        max_tree: config.agents.max_tree,
        agent: in_force.agent,
        workspace: None,
        output_schema: request.output_schema.clone(),
        expect: request.expect.clone(),
        task: None,
        nesting: Nesting {
            subagents: in_force.subagents,
            ..Nesting::default()
        },
    };
    Ok(Resolved {
        plan,
        label,
        isolation: in_force.isolation,
        base: request.base,
        context: in_force.context,
        primes: in_force.primes,
        ignored: in_force.ignored,
    })
}

/// What of `plan` the provider cannot hold, by name.
pub(super) fn not_enforced(plan: &Plan, can: Capabilities) -> Vec<String> {
    let mut missing = Vec::new();
    let held = can.permissions == PermissionSupport::Enforced;
    if !held && plan.launch.permission != Permission::Full {
        missing.push(format!("permission {}", plan.launch.permission.as_str()));
    }
    if can.model == ModelChoice::None && plan.launch.model.is_some() {
        missing.push("model".to_owned());
    }
    if !can.effort && plan.launch.effort.is_some() {
        missing.push("effort".to_owned());
    }
    if !can.tools && !plan.launch.tools.is_empty() {
        missing.push("tools".to_owned());
    }
    // The last steps alone are no sum that a limit could be compared with.
    let tokens = matches!(can.usage, Some(UsageScope::Run | UsageScope::OwnSteps));
    let budget = &plan.budget;
    let limits = [
        ("max_turns", can.turns, budget.max_turns.bound().is_some()),
        (
            "max_tool_calls",
            can.turns,
            budget.max_tool_calls.bound().is_some(),
        ),
        ("max_tokens", tokens, budget.max_tokens.bound().is_some()),
        (
            "max_cost_usd",
            can.cost,
            budget.max_cost_usd.bound().is_some(),
        ),
    ];
    let unheld = limits.into_iter().filter(|(_, held, set)| *set && !held);
    missing.extend(unheld.map(|(name, ..)| name.to_owned()));
    missing
}

/// Refuses empty and over-long texts.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), AgentError> {
    if text.trim().is_empty() {
        return Err(AgentError::Empty { field });
    }
    if text.len() > TEXT_LIMIT {
        return Err(AgentError::TooLong {
            field,
            bytes: text.len(),
            limit: TEXT_LIMIT,
        });
    }
    Ok(())
}

fn checked_label(label: &str) -> Result<String, AgentError> {
    let label = label.trim();
    let problem = if label.is_empty() {
        "is empty"
    } else if label.chars().count() > LABEL_LIMIT {
        "is longer than 60 characters"
    } else if label.chars().any(char::is_control) {
        "holds control characters"
    } else {
        return Ok(label.to_owned());
    };
    Err(AgentError::BadValue {
        field: "label",
        problem: problem.to_owned(),
    })
}

/// A model name becomes an argument of the CLI and must not read as an option.
pub(super) fn checked_model(model: &str) -> Result<String, AgentError> {
    let model = model.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@[]".contains(c);
    if model.is_empty() || model.len() > 100 || model.starts_with('-') || !model.chars().all(plain)
    {
        let problem = format!(
            "is no model name: {:?}",
            model.chars().take(40).collect::<String>()
        );
        return Err(AgentError::BadValue {
            field: "model",
            problem,
        });
    }
    Ok(model.to_owned())
}

/// The first words of the prompt.
pub(super) fn label_of(prompt: &str) -> String {
    let mut label = String::new();
    for word in prompt.split_whitespace() {
        if label.len() + word.len() > 40 {
            break;
        }
        if !label.is_empty() {
            label.push(' ');
        }
        label.push_str(word);
    }
    if label.is_empty() {
        label = prompt.trim().chars().take(40).collect();
    }
    label.retain(|c| !c.is_control());
    label
}

/// The directory that `asked` names, or `here`, canonical.
pub(super) fn directory(asked: Option<&Path>, here: &Path) -> Result<PathBuf, AgentError> {
    let path = asked.map_or_else(|| here.to_owned(), |asked| here.join(asked));
    let refuse = |problem: String| AgentError::BadDirectory {
        path: path.clone(),
        problem,
    };
    let real = path
        .canonicalize()
        .map_err(|error| refuse(format!("cannot be used: {error}")))?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(refuse("is not a directory".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SequentialIds;

    fn resolved(request: &SpawnRequest) -> Result<Resolved, AgentError> {
        resolve(
            request,
            None,
            &Config::default(),
            Path::new("/"),
            &SequentialIds::default(),
        )
    }

    fn asked(prompt: &str) -> SpawnRequest {
        SpawnRequest {
            prompt: prompt.to_owned(),
            ..SpawnRequest::default()
        }
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let Resolved { plan, label, .. } = resolved(&asked("Fix the\n bug")).unwrap();
        assert_eq!(label, "Fix the bug");
        assert_eq!(plan.launch.provider, "claude");
        assert_eq!(plan.launch.permission, Permission::Edit);
        assert_eq!(plan.launch.cwd, Path::new("/"));
    }

    #[test]
    fn bad_input_is_named() {
        let bad = [
            asked(" \n"),
            asked(&"x".repeat(TEXT_LIMIT + 1)),
            SpawnRequest {
                label: Some("a\u{7}".to_owned()),
                ..asked("x")
            },
            SpawnRequest {
                model: Some("--dangerous".to_owned()),
                ..asked("x")
            },
            SpawnRequest {
                provider: Some("gpt".to_owned()),
                ..asked("x")
            },
            SpawnRequest {
                cwd: Some("no/such".into()),
                ..asked("x")
            },
            SpawnRequest {
                cwd: Some("/dev/null".into()),
                ..asked("x")
            },
        ];
        let messages: Vec<String> = bad
            .iter()
            .map(|request| resolved(request).err().expect("is refused").to_string())
            .collect();
        assert_eq!(
            messages,
            [
                "`prompt` is empty",
                "`prompt` has 1048577 bytes, at most 1048576 are taken",
                "`label` holds control characters",
                "`model` is no model name: \"--dangerous\"",
                "there is no provider `gpt`",
                "the working directory /no/such cannot be used: No such file or directory (os \
                 error 2)",
                "the working directory /dev/null is not a directory",
            ]
        );
    }
}
