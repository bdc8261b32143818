//! What an agent may pass on to agents of its own. Everything here is held against what is on record
//! of the parent's run, never against what the child's process says of itself. Nothing is ever wider
//! than with the parent: what was asked for in words is refused then, and what was left open is cut
//! down. Money and tokens are claimed where the agent is written, see [`super::budget::reserve`].

use std::fmt::Display;

use super::budget::BudgetRequest;
use super::budget::reserve::Insists;
use super::error::AgentError;
use super::record::{Line, Plan};
use crate::config::{Config, Limit, Permission};
use crate::project::real_path;
use crate::providers::{self, Launch, PermissionSupport, ToolRules};

/// What the caller of a spawn or a resume has put into words.
pub(super) struct Asked<'a> {
    pub(super) agent: Option<&'a str>,
    pub(super) permission: Option<Permission>,
    pub(super) budget: &'a BudgetRequest,
}

/// Fits `plan` into what its caller may give: the host session what the configuration says, an agent
/// what `parent`, its own current run, has. Returns the limits that have to be had in full.
pub(super) fn bound(
    plan: &mut Plan,
    asked: &Asked<'_>,
    parent: Option<&Line>,
    config: &Config,
) -> Result<Insists, AgentError> {
    match parent {
        None => {
            plan.nesting.max_depth = config.agents.max_depth;
            plan.nesting.max_spawns_per_minute = config.agents.max_spawns_per_minute;
            plan.max_tree = config.agents.max_tree;
        }
        Some(parent) => {
            check_spawns(parent, asked.agent)?;
            within(plan, asked, &parent.plan, config)?;
        }
    }
    // What a locked definition has decided against the call is no wish of the caller.
    let Asked { budget, .. } = asked;
    Ok(Insists {
        tokens: budget.max_tokens.is_some() && plan.budget.max_tokens.bound() == budget.max_tokens,
        usd: budget.max_cost_usd.is_some()
            && plan.budget.max_cost_usd.bound() == budget.max_cost_usd,
    })
}

/// Whether an agent may have agents of its own.
pub(super) fn may_spawn(line: &Line) -> bool {
    depth(&line.path) < line.plan.nesting.max_depth && !line.plan.nesting.subagents.is_empty()
}

/// Why an agent with `plan` below `parent` has no use of its leave to spawn; `None` if it has, or has
/// no leave.
pub(super) fn idle_leave(plan: &Plan, parent: Option<&Line>) -> Option<String> {
    let depth = parent.map_or(0, |parent| depth(&parent.path)) + 1;
    let max_depth = plan.nesting.max_depth;
    let idle = !plan.nesting.subagents.is_empty() && depth >= max_depth;
    idle.then(|| {
        format!(
            "allowed_subagents: at depth {depth} it spawns none, agents.max_depth is {max_depth}"
        )
    })
}

/// Agents that stand above each other in an ancestry such as `/a-1/a-2/`.
pub(super) fn depth(path: &str) -> u32 {
    let agents = path.split('/').filter(|agent| !agent.is_empty());
    u32::try_from(agents.count()).unwrap_or(u32::MAX)
}

fn check_spawns(parent: &Line, definition: Option<&str>) -> Result<(), AgentError> {
    let (depth, nesting) = (depth(&parent.path), &parent.plan.nesting);
    if depth >= nesting.max_depth {
        return Err(AgentError::TooDeep {
            depth,
            max_depth: nesting.max_depth,
        });
    }
    if nesting.subagents.is_empty() {
        return Err(AgentError::NoSubagents);
    }
    let named = |name: &str| nesting.subagents.iter().any(|allowed| allowed == name);
    if named("*") || definition.is_some_and(named) {
        return Ok(());
    }
    Err(AgentError::NotASubagent {
        asked: definition.map(str::to_owned),
        allowed: nesting.subagents.clone(),
    })
}

fn within(
    plan: &mut Plan,
    asked: &Asked<'_>,
    parent: &Plan,
    config: &Config,
) -> Result<(), AgentError> {
    plan.nesting.max_depth = parent.nesting.max_depth;
    plan.nesting.max_spawns_per_minute = parent.nesting.max_spawns_per_minute;
    plan.max_tree = parent.max_tree;

    let most = parent.launch.permission;
    let own = plan.launch.permission;
    if own > most && asked.permission == Some(own) {
        return Err(AgentError::Wider {
            what: "permission",
            asked: own.as_str().to_owned(),
            most: most.as_str().to_owned(),
        });
    }
    plan.launch.permission = own.min(most);
    held_as_well(plan, parent, config)?;
    inside(plan, parent)?;
    plan.launch.tools = narrowed(&plan.launch.tools, &parent.launch.tools);
    let command = plan
        .expect
        .as_ref()
        .and_then(|expect| expect.command.as_ref());
    if command.is_some() && most != Permission::Full {
        return Err(AgentError::Wider {
            what: "expect.command",
            asked: "a command that ostler runs".to_owned(),
            most: format!("permission {}", most.as_str()),
        });
    }

    let (own, most, named) = (&mut plan.budget, &parent.budget, asked.budget);
    own.grace_turns = own.grace_turns.min(most.grace_turns);
    limit(
        "max_turns",
        &mut own.max_turns,
        most.max_turns,
        named.max_turns,
    )?;
    limit(
        "max_tool_calls",
        &mut own.max_tool_calls,
        most.max_tool_calls,
        named.max_tool_calls,
    )?;
    limit(
        "timeout_s",
        &mut own.timeout_s,
        most.timeout_s,
        named.timeout_s,
    )?;
    limit("idle_s", &mut own.idle_s, most.idle_s, named.idle_s)
}

/// A permission that the parent's CLI holds must not be handed to one that does not, nor rules about
/// tools to one that knows them by other names.
fn held_as_well(plan: &Plan, parent: &Plan, config: &Config) -> Result<(), AgentError> {
    let (own, above) = (&plan.launch.provider, &parent.launch.provider);
    let refuse = |problem: String| {
        let field = "provider";
        Err(AgentError::BadValue { field, problem })
    };
    if own != above && !parent.launch.tools.is_empty() {
        return refuse(format!(
            "{own} cannot hold the tool limits of this agent, which are in the terms of {above}"
        ));
    }
    // Who is no longer configured is taken for one that held everything.
    let held = |launch: &Launch, unknown| {
        let provider = config.providers.get(&launch.provider);
        let can = provider.map(|provider| providers::capabilities_in(provider, &launch.cwd));
        can.map_or(unknown, |can| strength(can.permissions))
    };
    let is_weaker = held(&plan.launch, 0) < held(&parent.launch, 2);
    if parent.launch.permission != Permission::Full && is_weaker {
        let permission = parent.launch.permission.as_str();
        return refuse(format!(
            "{own} does not hold the permission {permission}, which this agent has to pass on"
        ));
    }
    Ok(())
}

fn strength(support: PermissionSupport) -> u8 {
    match support {
        PermissionSupport::Enforced => 2,
        PermissionSupport::AsFarAsAsked => 1,
        PermissionSupport::None => 0,
    }
}

/// An agent works in the directory of its parent or below it; one with a working tree of its own
/// has it made from there.
fn inside(plan: &Plan, parent: &Plan) -> Result<(), AgentError> {
    let from = match &plan.workspace {
        Some(workspace) => workspace.from.join(&workspace.inside),
        None => plan.launch.cwd.clone(),
    };
    let (path, within) = (real_path(&from), real_path(&parent.launch.cwd));
    if path.starts_with(&within) {
        return Ok(());
    }
    Err(AgentError::Outside { path, within })
}

fn limit<T: PartialOrd + Copy + Display>(
    what: &'static str,
    own: &mut Limit<T>,
    most: Limit<T>,
    named: Option<T>,
) -> Result<(), AgentError> {
    match (named, most) {
        (Some(named), Limit::At(most)) if named > most && *own == Limit::At(named) => {
            Err(AgentError::Wider {
                what,
                asked: named.to_string(),
                most: most.to_string(),
            })
        }
        _ => {
            if *own > most {
                *own = most;
            }
            Ok(())
        }
    }
}

/// The rules of a child under those of its parent: what both allow, and nothing that either denies.
fn narrowed(own: &ToolRules, above: &ToolRules) -> ToolRules {
    let allowed = match (own.only(), above.only()) {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => Some(only.to_vec()),
        (Some(own), Some(above)) => {
            let both = own.iter().filter(|rule| covers(above, rule));
            let mut both: Vec<String> = both.cloned().collect();
            for rule in above.iter().filter(|rule| covers(own, rule)) {
                if !both.contains(rule) {
                    both.push(rule.clone());
                }
            }
            Some(both)
        }
    };
    let mut denied = above.denied.clone();
    for rule in &own.denied {
        if !denied.contains(rule) {
            denied.push(rule.clone());
        }
    }
    ToolRules { allowed, denied }
}

/// Whether `rules` name `rule`, or its tool as a whole: `Bash` covers `Bash(git *)`.
fn covers(rules: &[String], rule: &str) -> bool {
    let tool = rule.split('(').next().unwrap_or(rule);
    rules.iter().any(|known| known == rule || known == tool)
}

#[cfg(test)]
mod tests;
