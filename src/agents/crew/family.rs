//! Where this process stands in the family of agents, and what it can see from there. Every id that
//! comes in from outside is looked up here and nowhere else: what lies outside of an agent's own
//! family does not exist for it.

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::family;
use crate::agents::lifecycle::Status;
use crate::agents::record::{Line, read};
use crate::agents::supervisor::{CLOSING, Deciders};
use crate::config::Permission;
use crate::ids::AgentId;
use crate::providers::Lineage;

/// How many ids are named for a mistyped one.
const CANDIDATES: usize = 3;

/// The path below which the agents of a process with that lineage stand.
pub(super) fn scope(lineage: &Lineage) -> String {
    let agents = lineage.agents().map(|agent| format!("{agent}/"));
    format!("/{}", agents.collect::<String>())
}

impl Crew {
    /// The agent of that id, if this process may know of it.
    pub(in crate::agents) async fn line(&self, id: &AgentId) -> Result<Line, AgentError> {
        if let Some(line) = read::agent(&self.store, id).await?
            && self.sees(&line)
        {
            return Ok(line);
        }
        let mut near: Vec<(usize, String)> = read::ids(&self.store, &self.scope)
            .await?
            .into_iter()
            .map(|known| (strsim::levenshtein(&known, id.as_str()), known))
            .filter(|(distance, _)| *distance <= 3)
            .collect();
        near.sort();
        let nearest = near
            .into_iter()
            .take(CANDIDATES)
            .map(|(_, id)| id)
            .collect();
        Err(AgentError::Unknown {
            id: id.clone(),
            nearest,
        })
    }

    /// Whether an agent stands below whoever asks here.
    pub(super) fn sees(&self, line: &Line) -> bool {
        line.path.len() > self.scope.len() && line.path.starts_with(&self.scope)
    }

    /// Those of `lines` that this process may know of: which agent it is part of is only what it
    /// claims, and its scope would be another one if that were not true.
    pub(in crate::agents) fn seen(&self, mut lines: Vec<Line>) -> Vec<Line> {
        lines.retain(|line| self.sees(line));
        lines
    }

    /// Whether an agent was spawned by whoever asks here, and by nobody in between.
    pub(super) fn is_own(&self, line: &Line) -> bool {
        line.session == self.host.session && line.parent == self.agent()
    }

    /// The agent that this process is part of; `None` for a host session.
    pub(in crate::agents) fn agent(&self) -> Option<AgentId> {
        self.host.lineage.parent()
    }

    /// The running agent that this process is part of, as it stands on record; `None` for a host
    /// session.
    ///
    /// # Errors
    /// [`AgentError::Ending`] when it does not run, or is not what it claims to be.
    pub(super) async fn caller(&self) -> Result<Option<Line>, AgentError> {
        if self.host.lineage.depth() == 0 {
            return Ok(None);
        }
        let line = match self.agent() {
            Some(agent) => read::agent(&self.store, &agent).await?,
            None => None,
        };
        line.filter(|line| line.path == self.scope && line.status == Status::Running)
            .map(Some)
            .ok_or(AgentError::Ending)
    }

    /// The running agent that this process is part of.
    ///
    /// # Errors
    /// [`AgentError::NotAnAgent`] when there is none, failures of the store.
    pub(super) async fn own_line(&self) -> Result<Line, AgentError> {
        match self.caller().await {
            Ok(Some(line)) => Ok(line),
            Ok(None) | Err(AgentError::Ending) => Err(AgentError::NotAnAgent),
            Err(error) => Err(error),
        }
    }

    /// Whether whoever asks here may have agents.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn may_spawn(&self) -> Result<bool, AgentError> {
        match self.caller().await {
            Ok(None) => Ok(true),
            Ok(Some(line)) => Ok(family::may_spawn(&line)),
            Err(AgentError::Ending) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Who has to answer what `line` asks for.
    pub(super) async fn deciders(&self, line: &Line) -> Result<Deciders, AgentError> {
        let question = line.parent.as_ref().map(AgentId::to_string);
        let mut permission = None;
        for above in line
            .path
            .split('/')
            .rev()
            .filter_map(|it| AgentId::parse(it).ok())
        {
            if above != line.id
                && let Some(agent) = read::agent(&self.store, &above).await?
                && agent.plan.launch.permission == Permission::Full
            {
                permission = Some(above.to_string());
                break;
            }
        }
        Ok(Deciders {
            permission: permission.unwrap_or_default(),
            question: question.unwrap_or_default(),
        })
    }

    /// Why the agents of this process end when it does.
    pub(super) fn parting(&self) -> String {
        match self.agent() {
            Some(parent) => format!("the session of its parent {parent} is over"),
            None => CLOSING.to_owned(),
        }
    }
}
