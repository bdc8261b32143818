//! Reading agents that were spawned together.

use serde_json::Value;

use super::read::{parse, status};
use crate::agents::lifecycle::Status;
use crate::ids::{AgentId, GroupId};
use crate::store::{Store, StoreError, statements};

statements! {
    /// In the order in which they were spawned: the tickets of their first runs count up.
    MEMBERS = "SELECT agent.id FROM agent JOIN run ON run.agent_id = agent.id AND run.run_no = 1
        WHERE agent.group_id = $1 ORDER BY agent.created_ms, run.ticket";
    STANDING = "SELECT run.status, run.reason, run.evidence FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no WHERE agent.id = $1";
}

/// The agents of a group, first to last; none when there is no such group.
pub(crate) async fn members(store: &Store, group: &GroupId) -> Result<Vec<AgentId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(MEMBERS)
        .bind(group.as_str())
        .fetch_all(store.read())
        .await?;
    Ok(ids.into_iter().map(AgentId::stored).collect())
}

/// Status, reason and evidence of an agent's current run.
pub(crate) async fn standing(
    store: &Store,
    id: &AgentId,
) -> Result<(Status, String, Value), StoreError> {
    let (found, reason, evidence): (String, String, String) = sqlx::query_as(STANDING)
        .bind(id.as_str())
        .fetch_one(store.read())
        .await?;
    Ok((status(found)?, reason, parse("evidence", &evidence)?))
}
