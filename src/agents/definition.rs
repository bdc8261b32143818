//! Definitions: named templates of agents, Markdown files with YAML front matter. Owns where they lie,
//! how they are read, and the one order in which a call, a definition and the configuration decide.
//! A broken file is told with its reason and breaks nothing; a file of the project is not trusted and
//! raises nothing. Files are read when they are needed, so that an edit counts at once.

mod builtin;
mod catalogue;
mod claude;
mod fields;
mod frontmatter;
mod listing;
mod origin;
mod places;
mod precedence;
mod schema;
mod template;
mod tools;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::budget::{Budget, BudgetRequest};
use super::launch::checked_model;
use crate::config::{Agents, Effort, Isolation, Permission, is_provider_name, keys_of, nearest};
use crate::providers::ToolRules;
use fields::{Fields, Models, Names};
use frontmatter::{Document, Field, Flaw, on_one_line};
use tools::Tools;

pub use catalogue::Catalogue;
pub use listing::{BrokenDefinition, DefinitionBrief, Definitions, KnownDefinition};
pub use origin::Origin;
pub use places::Places;
pub(super) use precedence::effective;
pub use schema::schema;
pub use template::create;

/// Characters of a definition's name.
const NAME_LIMIT: usize = 64;
/// Bytes of a role: CLIs take it as an argument, and one argument has at most 128 KiB.
const ROLE_LIMIT: usize = 64 * 1024;

/// A named template of agents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub(super) name: String,
    /// On one line; may be empty.
    pub(super) description: String,
    pub(super) origin: Origin,
    /// Its file; for a built-in one only the name.
    pub(super) path: PathBuf,
    pub(super) provider: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) effort: Option<Effort>,
    pub(super) permission: Option<Permission>,
    pub(super) tools: ToolRules,
    pub(super) isolation: Option<Isolation>,
    pub(super) budget: BudgetRequest,
    pub(super) context: Vec<String>,
    /// Whether its agents are told what was learnt about their prompts.
    pub(super) primes: bool,
    pub(super) subagents: Vec<String>,
    pub(super) locked: Vec<String>,
    pub(super) workflow: Option<String>,
    /// The role.
    pub(super) instructions: String,
    /// What it says and ostler does not carry out.
    pub(super) ignored: Vec<String>,
}

/// The model that a definition asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Model {
    /// Of the definition's own provider.
    Own(String),
    /// By the provider's name; none for others.
    Each(BTreeMap<String, String>),
}

impl Definition {
    /// Whether a call cannot change `field`.
    pub(super) fn locks(&self, field: &str) -> bool {
        self.locked.iter().any(|locked| locked == field)
    }

    fn of(origin: Origin, path: &Path, name: String, document: Document<'_>) -> Result<Self, Flaw> {
        let translated = claude::translate(document.fields, origin.is_claude())?;
        if let Some(tools) = translated.fields.iter().find(|field| field.name == "tools")
            && tools.value.is_null()
        {
            let reason = "`tools` is empty; leave it out for all tools, or write `[]` for none";
            return Err(Flaw::new(tools.line, reason));
        }
        let lines = Lines::of(&translated.fields);
        let fields = fields::typed(translated.fields)?;
        let tools = Tools::read(fields.tools.as_ref(), fields.disallowed_tools.as_ref());
        let tools = tools.map_err(|(field, why)| lines.flaw(field, why))?;
        let budget = budget(&fields);
        if let Err(bad) = Budget::configured(&Agents::default()).with(&budget) {
            return Err(lines.flaw(bad.field, format!("must be {}", bad.expected)));
        }
        let role = document.body.trim();
        if role.len() > ROLE_LIMIT {
            let bytes = role.len();
            let reason = format!("the role has {bytes} bytes, at most {ROLE_LIMIT} are taken");
            return Err(Flaw::new(None, reason));
        }
        let Fields {
            description,
            provider,
            model,
            effort,
            permission,
            isolation,
            context,
            prime,
            allowed_subagents,
            locked,
            workflow,
            ..
        } = fields;
        let looks = tools::only_look(&tools.rules).then_some(Permission::ReadOnly);
        let subagents = allowed_subagents.map(|names| names.each());
        let subagents = subagents.unwrap_or(tools.subagents);
        for name in subagents.iter().filter(|name| *name != tools::ANY) {
            checked_name(name).map_err(|why| lines.flaw("allowed_subagents", why))?;
        }
        Ok(Definition {
            name,
            description: on_one_line(&description.unwrap_or_default(), usize::MAX),
            origin,
            path: path.to_owned(),
            provider: provider
                .map(|name| checked_provider(&name))
                .transpose()
                .map_err(|why| lines.flaw("provider", why))?,
            model: wanted(model).map_err(|why| lines.flaw("model", why))?,
            effort,
            permission: permission.or(looks),
            tools: tools.rules,
            isolation,
            budget,
            context: context.unwrap_or_default(),
            primes: prime.unwrap_or(true),
            subagents,
            locked: lockable(locked).map_err(|why| lines.flaw("locked", why))?,
            workflow,
            instructions: role.to_owned(),
            ignored: translated.ignored,
        })
    }
}

/// Which line a field stands on.
struct Lines(BTreeMap<String, u64>);

impl Lines {
    fn of(fields: &[Field]) -> Self {
        let lines = fields.iter().map(|field| (field.name.clone(), field.line));
        Lines(lines.collect())
    }

    fn flaw(&self, field: &str, why: impl AsRef<str>) -> Flaw {
        let line = self.0.get(field).copied();
        Flaw::new(line, format!("`{field}` {}", why.as_ref()))
    }
}

/// What names a definition: letters, digits, spaces and `-_.:`.
fn checked_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || " -_.:".contains(c);
    if name.is_empty() || name.chars().count() > NAME_LIMIT || !name.chars().all(plain) {
        return Err(format!(
            "must be 1 to {NAME_LIMIT} letters, digits, spaces and -_.: and not {:?}",
            on_one_line(name, 40)
        ));
    }
    Ok(name.to_owned())
}

fn checked_provider(name: &str) -> Result<String, String> {
    let name = name.trim();
    match is_provider_name(name) {
        true => Ok(name.to_owned()),
        false => Err(format!(
            "names the provider {:?}; a provider's name is 1 to 32 of a-z, 0-9, _ and -",
            on_one_line(name, 40)
        )),
    }
}

fn budget(fields: &Fields) -> BudgetRequest {
    BudgetRequest {
        max_turns: fields.max_turns,
        max_tool_calls: fields.max_tool_calls,
        max_tokens: fields.max_tokens,
        max_cost_usd: fields.max_cost_usd,
        timeout_s: fields.timeout_s,
        idle_s: fields.idle_s,
    }
}

fn wanted(models: Option<Models>) -> Result<Option<Model>, String> {
    let checked = |name: &str| checked_model(name).map_err(|error| told_without_field(&error));
    Ok(match models {
        None => None,
        Some(Models::One(name)) if name.trim() == "inherit" => None,
        Some(Models::One(name)) => Some(Model::Own(checked(&name)?)),
        Some(Models::Each(each)) => {
            let each = each
                .into_iter()
                .map(|(provider, name)| Ok((checked_provider(&provider)?, checked(&name)?)));
            Some(Model::Each(each.collect::<Result<_, String>>()?))
        }
    })
}

/// The error of a bad model names the field itself.
fn told_without_field(error: &super::AgentError) -> String {
    let told = error.to_string();
    told.strip_prefix("`model` ").unwrap_or(&told).to_owned()
}

fn lockable(locked: Option<Names>) -> Result<Vec<String>, String> {
    let locked = locked.map(|names| names.each()).unwrap_or_default();
    let known = keys_of::<Fields>();
    match locked.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!(
            "names the unknown field `{}`; the nearest is `{}`",
            on_one_line(name, 40),
            nearest(name, known.iter().copied())
        )),
        None => Ok(locked),
    }
}

#[cfg(test)]
mod tests;
