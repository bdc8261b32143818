//! From what a caller calls agents to the agents: an id, a label, or the id of a group. Whether the
//! caller may see what it names is decided by [`Crew::line`] alone, which every candidate passes.

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::lifecycle::Status;
use crate::agents::record::{groups, names, names::Scope};
use crate::ids::{AgentId, GroupId};

/// How many agents of one label are looked at, and how many names are told to who mistyped one.
const SAME_LABEL: u32 = 20;
const NEAREST: usize = 3;
/// What is shown of a name that nobody has.
const SHOWN: usize = 60;

impl Crew {
    /// The agent that `name` stands for: an id, else the exact label of an agent of this session, else
    /// of this project. What looks like an id is one, and whether it exists is found where it is used.
    ///
    /// # Errors
    /// [`AgentError::NotNamed`], [`AgentError::Ambiguous`], [`AgentError::IsGroup`] for the id of a
    /// group, failures of the store.
    pub async fn named(&self, name: &str) -> Result<AgentId, AgentError> {
        if let Ok(id) = AgentId::parse(name) {
            return Ok(id);
        }
        if let Ok(group) = GroupId::parse(name) {
            let members = self.members(&group).await?;
            return Err(AgentError::IsGroup { group, members });
        }
        let label = name.trim();
        if label.is_empty() {
            return Err(AgentError::Empty { field: "id" });
        }
        // As it was written down.
        let label = self.store.redact(label);
        let scopes = [
            Scope::Session(&self.host.session),
            Scope::Project(&self.project),
        ];
        for scope in scopes {
            let found = names::labelled(&self.store, scope, &label, SAME_LABEL).await?;
            let mut visible = Vec::with_capacity(found.len());
            for (id, status) in found {
                if self.is_visible(&id).await? {
                    visible.push((id, status));
                }
            }
            match visible.as_slice() {
                [] => {}
                [(id, _)] => return Ok(id.clone()),
                several => return Err(ambiguous(&label, several)),
            }
        }
        let nearest = self.nearest_names(&label).await?;
        let name = label.chars().take(SHOWN).collect();
        Err(AgentError::NotNamed { name, nearest })
    }

    /// The agents that `names` stand for, each once; the id of a group stands for all of its agents.
    ///
    /// # Errors
    /// As [`Crew::named`] and [`Crew::members`].
    pub async fn all_named(&self, names: &[String]) -> Result<Vec<AgentId>, AgentError> {
        let mut ids: Vec<AgentId> = Vec::with_capacity(names.len());
        for name in names {
            let found = match GroupId::parse(name) {
                Ok(group) => self.members(&group).await?,
                Err(_) => vec![self.named(name).await?],
            };
            for id in found {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }

    /// The agents of a group, in the order in which they were spawned.
    ///
    /// # Errors
    /// [`AgentError::NoGroup`] for a group that the caller sees nothing of, failures of the store.
    pub async fn members(&self, group: &GroupId) -> Result<Vec<AgentId>, AgentError> {
        let mut members = Vec::new();
        for id in groups::members(&self.store, group).await? {
            if self.is_visible(&id).await? {
                members.push(id);
            }
        }
        match members.is_empty() {
            true => Err(AgentError::NoGroup {
                group: group.clone(),
            }),
            false => Ok(members),
        }
    }

    pub(super) async fn is_visible(&self, id: &AgentId) -> Result<bool, AgentError> {
        match self.line(id).await {
            Ok(_) => Ok(true),
            Err(AgentError::Store(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    async fn nearest_names(&self, wanted: &str) -> Result<Vec<String>, AgentError> {
        let known = names::names(&self.store, &self.project, &self.host.session).await?;
        let mut near: Vec<_> = known
            .into_iter()
            .filter_map(|(id, label)| Some((slips(wanted, &id, &label)?, id, label)))
            .collect();
        near.sort();
        let mut nearest = Vec::new();
        for (_, id, label) in near {
            if nearest.len() == NEAREST {
                break;
            }
            if self.is_visible(&id).await? {
                nearest.push(format!("{id} {label:?}"));
            }
        }
        Ok(nearest)
    }
}

/// How far `wanted` is from what that agent is called; `None` when it is another word altogether.
fn slips(wanted: &str, id: &AgentId, label: &str) -> Option<usize> {
    // Longer than any label is no slip, and not worth the comparison.
    let wanted: String = wanted.chars().take(2 * SHOWN).collect();
    let of_label = strsim::damerau_levenshtein(&wanted.to_lowercase(), &label.to_lowercase());
    let of_id = strsim::levenshtein(&wanted.to_lowercase(), id.as_str());
    let is_part = wanted.chars().count() > 2 && label.contains(&wanted);
    let label_fits = is_part || of_label * 3 <= label.chars().count();
    match (label_fits, of_id <= 2) {
        (true, true) => Some(of_label.min(of_id)),
        (true, false) => Some(of_label),
        (false, true) => Some(of_id),
        (false, false) => None,
    }
}

fn ambiguous(label: &str, agents: &[(AgentId, Status)]) -> AgentError {
    let candidates = agents
        .iter()
        .map(|(id, status)| format!("{id} ({status})"))
        .collect();
    AgentError::Ambiguous {
        name: label.to_owned(),
        candidates,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_apart_from_another_word() {
        let id = AgentId::parse("a-7k2m9x").unwrap();
        for slip in [
            "fix the tets",
            "Fix The Tests",
            "a-7k2m9",
            "7k2m9x",
            "tests",
        ] {
            assert!(slips(slip, &id, "fix the tests").is_some(), "{slip}");
        }
        for other in ["review", "a-000000", "x", &"long".repeat(100)] {
            assert!(slips(other, &id, "fix the tests").is_none(), "{other}");
        }
    }
}
