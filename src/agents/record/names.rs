//! Finding agents by what people call them.

use super::read::status;
use crate::agents::lifecycle::Status;
use crate::ids::{AgentId, ProjectId};
use crate::store::{Store, StoreError, statements};

statements! {
    LABELLED_IN_SESSION = "SELECT agent.id, run.status FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no
        WHERE agent.session = $1 AND agent.label = $2
        ORDER BY agent.created_ms DESC, agent.id LIMIT $3";
    LABELLED_IN_PROJECT = "SELECT agent.id, run.status FROM agent JOIN run
        ON run.agent_id = agent.id AND run.run_no = agent.run_no
        WHERE agent.project_id = $1 AND agent.label = $2
        ORDER BY agent.created_ms DESC, agent.id LIMIT $3";
    NAMES = "SELECT id, label FROM agent WHERE project_id = $1 OR session = $2
        ORDER BY created_ms DESC LIMIT 1000";
}

/// Where a label is looked for.
pub(crate) enum Scope<'a> {
    Session(&'a str),
    Project(&'a ProjectId),
}

/// The newest agents with exactly that label, and where they stand.
pub(crate) async fn labelled(
    store: &Store,
    scope: Scope<'_>,
    label: &str,
    limit: u32,
) -> Result<Vec<(AgentId, Status)>, StoreError> {
    let query = match scope {
        Scope::Session(session) => sqlx::query_as(LABELLED_IN_SESSION).bind(session),
        Scope::Project(project) => sqlx::query_as(LABELLED_IN_PROJECT).bind(project.as_str()),
    };
    let rows: Vec<(String, String)> = query
        .bind(label)
        .bind(i64::from(limit))
        .fetch_all(store.read())
        .await?;
    rows.into_iter()
        .map(|(id, found)| Ok((AgentId::stored(id), status(found)?)))
        .collect()
}

/// Ids and labels of the newest thousand agents of a project or session.
pub(crate) async fn names(
    store: &Store,
    project: &ProjectId,
    session: &str,
) -> Result<Vec<(AgentId, String)>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(NAMES)
        .bind(project.as_str())
        .bind(session)
        .fetch_all(store.read())
        .await?;
    let named = rows.into_iter();
    Ok(named
        .map(|(id, label)| (AgentId::stored(id), label))
        .collect())
}
