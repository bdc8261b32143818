//! Agents that work on one task side by side, to keep the best of them.

use serde::Serialize;

use super::Crew;
use super::requests::Draft;
use super::tasks::one_agent_only;
use crate::agents::brief::AgentBrief;
use crate::agents::context::Block;
use crate::agents::error::AgentError;
use crate::agents::group::ranking::{Ranking, Standing, rank};
use crate::agents::group::variants::{Variants, set_apart};
use crate::agents::launch::{SpawnRequest, Spawned};
use crate::agents::record::family::AdmissionError;
use crate::agents::record::{NewAgent, groups, write};
use crate::config::Permission;
use crate::ids::{AgentId, GroupId};

/// A group, queued.
#[derive(Debug, Clone, Serialize)]
pub struct GroupSpawned {
    /// Its id, which stands for all of its agents.
    pub group: GroupId,
    /// The agents, with the values that are in force.
    pub agents: Vec<Spawned>,
}

/// Where a group stands.
#[derive(Debug, Clone, Serialize)]
pub struct GroupStanding {
    /// Its id.
    pub group: GroupId,
    /// Its agents, in the order in which they were spawned.
    pub agents: Vec<AgentBrief>,
    /// Once all have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ranking>,
}

/// A definition may keep its agents in the caller's directory, whatever is asked for.
fn check_apart(draft: &Draft) -> Result<(), AgentError> {
    let plan = &draft.plan;
    if plan.workspace.is_some() || plan.launch.permission == Permission::ReadOnly {
        return Ok(());
    }
    Err(AgentError::BadValue {
        field: "agent",
        problem: "locks isolation to none, and agents of a group that write would overwrite each \
                  other's work; take another definition, or permission read_only"
            .to_owned(),
    })
}

impl Crew {
    /// Writes several agents on one task as a group: all of them, or none. Those that may write work
    /// in a worktree each.
    ///
    /// # Errors
    /// As [`Crew::spawn`], and [`AgentError::NoRoomForGroup`].
    pub async fn spawn_group(
        &self,
        request: &SpawnRequest,
        variants: &Variants,
    ) -> Result<GroupSpawned, AgentError> {
        one_agent_only(request)?;
        let caller = self.caller().await?;
        let caller = caller.as_ref();
        let mut requests = variants.of(request)?;
        if let Some(first) = requests.first() {
            let permission = self.draft(first, caller).await?.plan.launch.permission;
            set_apart(&mut requests, permission)?;
        }
        let mut drafts = Vec::with_capacity(requests.len());
        for (at, request) in requests.iter().enumerate() {
            let mut draft = self.draft(request, caller).await?;
            check_apart(&draft)?;
            draft.label.push_str(&format!(" #{}", at + 1));
            drafts.push(draft);
        }
        let context = match drafts.first() {
            Some(first) => self.context_block(first, request, "").await?,
            None => Block::default(),
        };
        self.be_ready_to_run()?;
        let group = GroupId::new(self.ids.as_ref());
        let agents: Vec<NewAgent<'_>> = drafts
            .iter()
            .map(|draft| NewAgent {
                group: Some(&group),
                ..self.new_agent(draft, &context, caller)
            })
            .collect();
        let plans = write::enqueue_all(&self.scribe(), &agents)
            .await
            .map_err(|error| match (error, drafts.first()) {
                (AdmissionError::Full { limit }, _) => AgentError::NoRoomForGroup {
                    n: agents.len(),
                    limit,
                },
                (error, Some(first)) => AgentError::admission(&first.id, "spawned", error),
                (_, None) => AgentError::Empty { field: "providers" },
            })?;
        self.nudge.notify_one();
        let mut spawned = Vec::with_capacity(drafts.len());
        for (draft, plan) in drafts.into_iter().zip(&plans) {
            spawned.push(self.started(draft, plan, context.clone()).await?);
        }
        Ok(GroupSpawned {
            group,
            agents: spawned,
        })
    }

    /// The agents of a group and, once all have ended, which did best.
    ///
    /// # Errors
    /// As [`Crew::members`].
    pub async fn standing(&self, group: &GroupId) -> Result<GroupStanding, AgentError> {
        self.reconcile().await?;
        let mut lines = Vec::new();
        for id in self.members(group).await? {
            lines.push(self.line(&id).await?);
        }
        Ok(GroupStanding {
            group: group.clone(),
            agents: self.briefs(&lines),
            outcome: self.ranking(group).await?,
        })
    }

    /// The ranking of a group; `None` while one of its agents lives.
    pub(in crate::agents) async fn ranking(
        &self,
        group: &GroupId,
    ) -> Result<Option<Ranking>, AgentError> {
        let members: Vec<AgentId> = self.members(group).await?;
        let mut standings = Vec::with_capacity(members.len());
        for id in members {
            let (status, reason, evidence) = groups::standing(&self.store, &id).await?;
            if !status.is_terminal() {
                return Ok(None);
            }
            standings.push(Standing::of(id, status, reason, &evidence));
        }
        Ok(Some(rank(group.clone(), standings)))
    }
}
