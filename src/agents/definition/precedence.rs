//! The one order in which values are decided: what a call asks for, over what its definition says, over
//! the configuration. What a definition locks, a call cannot change. A definition that came with the
//! project raises nothing above the configuration, and its locks do not keep a call from asking for
//! less. Whatever is left aside is named.

use std::fmt::Display;

use super::catalogue::shown;
use super::{Definition, Model};
use crate::agents::budget::{Budget, BudgetRequest};
use crate::agents::error::AgentError;
use crate::agents::launch::SpawnRequest;
use crate::config::{Config, Effort, Isolation, Limit, Permission, ProviderConfig};
use crate::providers::ToolRules;

/// The values that are in force for a new agent.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::agents) struct Effective {
    /// The definition it is made from.
    pub(in crate::agents) agent: Option<String>,
    pub(in crate::agents) provider: String,
    pub(in crate::agents) model: Option<String>,
    pub(in crate::agents) effort: Option<Effort>,
    pub(in crate::agents) permission: Permission,
    pub(in crate::agents) isolation: Isolation,
    pub(in crate::agents) budget: Budget,
    pub(in crate::agents) context: Vec<String>,
    /// Whether it is told what was learnt about its prompt.
    pub(in crate::agents) primes: bool,
    /// The role.
    pub(in crate::agents) instructions: String,
    pub(in crate::agents) tools: ToolRules,
    /// Definitions that it may spawn agents from.
    pub(in crate::agents) subagents: Vec<String>,
    /// What was asked for, or is written in the definition, and does not count; with the reason.
    pub(in crate::agents) ignored: Vec<String>,
}

/// Decides every value of an agent that `request` asks for.
pub(in crate::agents) fn effective(
    request: &SpawnRequest,
    definition: Option<&Definition>,
    config: &Config,
) -> Result<Effective, AgentError> {
    let configured = Budget::configured(&config.agents);
    // What cannot be asked for is refused, also where it would not count.
    configured.with(&request.budget)?;
    if let Some(definition) = definition {
        check_workflow(definition)?;
    }
    let mut merge = Merge {
        definition,
        ignored: definition.map_or_else(Vec::new, |it| it.ignored.clone()),
    };
    let provider = merge.provider(request, config)?;
    let model = merge.model(request, &provider, config);
    let never = |_: &Effort| false;
    let effort = merge.asked("effort", request.effort, never);
    let permission = merge.permission(request, config.agents.permission);
    let isolation = merge.isolation(request, config.agents.isolation);
    let budget = merge.budget(&request.budget, configured)?;
    let context = merge.context(&request.context);
    let from = definition.cloned();
    Ok(Effective {
        agent: from.as_ref().map(|it| it.name.clone()),
        provider,
        model,
        effort: effort.or(from.as_ref().and_then(|it| it.effort)),
        permission,
        isolation,
        budget,
        context,
        primes: config.memory.prime && from.as_ref().is_none_or(|it| it.primes),
        ignored: merge.ignored,
        instructions: from
            .as_ref()
            .map_or_else(String::new, |it| it.instructions.clone()),
        tools: from
            .as_ref()
            .map_or_else(ToolRules::default, |it| it.tools.clone()),
        subagents: from.map_or_else(Vec::new, |it| it.subagents),
    })
}

/// A limit that is not held must not be dropped in silence.
fn check_workflow(definition: &Definition) -> Result<(), AgentError> {
    match &definition.workflow {
        None => Ok(()),
        Some(_) => Err(AgentError::BadDefinition {
            name: definition.name.clone(),
            path: shown(&definition.path),
            problem:
                "it names a `workflow`, and this version of ostler cannot hold an agent to one"
                    .to_owned(),
        }),
    }
}

/// A merge on its way.
struct Merge<'a> {
    definition: Option<&'a Definition>,
    ignored: Vec<String>,
}

impl Merge<'_> {
    /// What the call asks for, unless the definition locks it. Nobody who came with the project can
    /// keep a call from asking for less.
    fn asked<T>(
        &mut self,
        field: &str,
        asked: Option<T>,
        less: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let asked = asked?;
        match self.definition {
            Some(definition)
                if definition.locks(field) && !(definition.origin.is_project() && less(&asked)) =>
            {
                let name = &definition.name;
                self.ignored
                    .push(format!("{field}: locked by the definition {name}"));
                None
            }
            _ => Some(asked),
        }
    }

    fn provider(&mut self, request: &SpawnRequest, config: &Config) -> Result<String, AgentError> {
        let asked = self.asked("provider", request.provider.clone(), |_| false);
        let known = |name: &String| config.providers.contains_key(name);
        let missing = |name: String| AgentError::NoProvider {
            name,
            known: config.providers.keys().cloned().collect(),
        };
        if let Some(name) = request.provider.clone().filter(|name| !known(name)) {
            return Err(missing(name));
        }
        if let Some(asked) = asked {
            return Ok(asked);
        }
        let Some(definition) = self.definition else {
            return Ok(config.agents.provider.clone());
        };
        match &definition.provider {
            None => Ok(config.agents.provider.clone()),
            Some(name) if known(name) => Ok(name.clone()),
            Some(name) => Err(AgentError::BadDefinition {
                name: definition.name.clone(),
                path: shown(&definition.path),
                problem: format!("there is no provider `{name}`"),
            }),
        }
    }

    fn model(&mut self, request: &SpawnRequest, provider: &str, config: &Config) -> Option<String> {
        if let Some(asked) = self.asked("model", request.model.clone(), |_| false) {
            match &request.provider {
                // The provider was locked, and the model is a name of the other one's.
                Some(other) if other != provider => self
                    .ignored
                    .push(format!("model: {asked} was meant for the provider {other}")),
                _ => return Some(asked),
            }
        }
        let definition = self.definition?;
        match definition.model.as_ref()? {
            Model::Each(each) => each.get(provider).cloned(),
            Model::Own(model) => match home(definition, model, config) {
                Home::Provider(home) if home != provider => {
                    self.ignored
                        .push(format!("model: {model} is for the provider {home}"));
                    None
                }
                Home::Claude if !is_claude(config, provider) => {
                    self.ignored
                        .push(format!("model: {model} is for Claude Code"));
                    None
                }
                _ => Some(model.clone()),
            },
        }
    }

    fn permission(&mut self, request: &SpawnRequest, configured: Permission) -> Permission {
        let defined = self.definition.and_then(|it| it.permission);
        let base = match defined {
            Some(defined) if self.is_from_project() && defined > configured => {
                self.capped("permission", defined.as_str(), configured.as_str());
                configured
            }
            defined => defined.unwrap_or(configured),
        };
        let less = |asked: &Permission| *asked < base;
        self.asked("permission", request.permission, less)
            .unwrap_or(base)
    }

    fn isolation(&mut self, request: &SpawnRequest, configured: Isolation) -> Isolation {
        let apart = |isolation: Isolation| isolation != Isolation::None;
        let defined = self.definition.and_then(|it| it.isolation);
        let base = match defined {
            Some(defined) if self.is_from_project() && apart(configured) && !apart(defined) => {
                self.capped("isolation", defined.as_str(), configured.as_str());
                configured
            }
            defined => defined.unwrap_or(configured),
        };
        let less = |asked: &Isolation| apart(*asked) && !apart(base);
        self.asked("isolation", request.isolation, less)
            .unwrap_or(base)
    }

    fn budget(&mut self, asked: &BudgetRequest, configured: Budget) -> Result<Budget, AgentError> {
        let defined = self.definition.map(|it| it.budget).unwrap_or_default();
        let c = configured;
        let defined = BudgetRequest {
            max_turns: self.defined("max_turns", defined.max_turns, c.max_turns),
            max_tool_calls: self.defined(
                "max_tool_calls",
                defined.max_tool_calls,
                c.max_tool_calls,
            ),
            max_tokens: self.defined("max_tokens", defined.max_tokens, c.max_tokens),
            max_cost_usd: self.defined("max_cost_usd", defined.max_cost_usd, c.max_cost_usd),
            timeout_s: self.defined("timeout_s", defined.timeout_s, c.timeout_s),
            idle_s: self.defined("idle_s", defined.idle_s, c.idle_s),
        };
        let base = configured.with(&defined)?;
        let asked = BudgetRequest {
            max_turns: self.limit("max_turns", asked.max_turns, base.max_turns),
            max_tool_calls: self.limit("max_tool_calls", asked.max_tool_calls, base.max_tool_calls),
            max_tokens: self.limit("max_tokens", asked.max_tokens, base.max_tokens),
            max_cost_usd: self.limit("max_cost_usd", asked.max_cost_usd, base.max_cost_usd),
            timeout_s: self.limit("timeout_s", asked.timeout_s, base.timeout_s),
            idle_s: self.limit("idle_s", asked.idle_s, base.idle_s),
        };
        Ok(base.with(&asked)?)
    }

    /// A limit of the definition, unless it came with the project and is more than the configured one.
    fn defined<T: Copy + PartialOrd + Display>(
        &mut self,
        field: &str,
        defined: Option<T>,
        configured: Limit<T>,
    ) -> Option<T> {
        let defined = defined?;
        match configured {
            Limit::At(bound) if self.is_from_project() && defined > bound => {
                self.capped(field, defined, bound);
                None
            }
            _ => Some(defined),
        }
    }

    fn limit<T: PartialOrd>(&mut self, field: &str, asked: Option<T>, base: Limit<T>) -> Option<T> {
        self.asked(field, asked, |asked| match &base {
            Limit::At(bound) => asked < bound,
            Limit::Unlimited => true,
        })
    }

    /// What the definition gives always, and then what the call adds to it.
    fn context(&mut self, asked: &[String]) -> Vec<String> {
        let asked = Some(asked.to_vec()).filter(|asked| !asked.is_empty());
        let asked = self.asked("context", asked, |_| false).unwrap_or_default();
        let mut context = self
            .definition
            .map_or_else(Vec::new, |it| it.context.clone());
        for entry in asked {
            if !context.contains(&entry) {
                context.push(entry);
            }
        }
        context
    }

    fn is_from_project(&self) -> bool {
        self.definition.is_some_and(|it| it.origin.is_project())
    }

    fn capped(&mut self, field: &str, defined: impl Display, configured: impl Display) {
        self.ignored.push(format!(
            "{field}: {defined} goes beyond the configured {configured}, which a definition of the \
             project cannot do"
        ));
    }
}

/// Whose name the model of a definition is.
enum Home<'a> {
    Provider(&'a str),
    /// Of whatever provider drives Claude Code.
    Claude,
}

fn home<'a>(definition: &'a Definition, model: &str, config: &'a Config) -> Home<'a> {
    match &definition.provider {
        Some(provider) => Home::Provider(provider),
        None if definition.origin.is_claude() || is_name_of_claude(model) => Home::Claude,
        None => Home::Provider(&config.agents.provider),
    }
}

fn is_claude(config: &Config, provider: &str) -> bool {
    matches!(
        config.providers.get(provider),
        Some(ProviderConfig::Claude(_))
    )
}

/// Short names of models that only Claude Code knows, so that a file copied from its folder means the
/// same elsewhere.
fn is_name_of_claude(model: &str) -> bool {
    let name = model.strip_suffix("[1m]").unwrap_or(model);
    ["haiku", "sonnet", "opus", "opusplan"].contains(&name) || name.starts_with("claude-")
}

#[cfg(test)]
mod tests;
