//! What happens to the agents of a process that died: their leftovers are ended, their runs get a
//! truthful end, and they can be resumed.

use std::time::Duration;

use super::journal;
use super::lifecycle::Lifecycle;
use super::owner;
use super::record::{Ending, Line, Scribe, TransitionError, family, owner as rows, read, write};
use crate::ids::{AgentId, OwnerId};
use crate::providers::{self, tree};
use crate::store::{Store, StoreError, statements};
use crate::tasks::claim;
use crate::workspaces::{Harvest, rows as rows_of_trees};

statements! {
    /// The last words of a run that has no end yet, or was given one by somebody else.
    LAST_TEXT = "SELECT body FROM event WHERE agent_id = $1 AND run_no = $2 AND kind = 'text'
        ORDER BY seq DESC LIMIT 1";
}

/// How long leftovers may take to clean up by themselves. The guard of the dead owner asked them
/// already, if it was not killed too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Gives every run of every dead owner its end; whether there was one. Cheap when nobody has died.
pub(super) async fn reconcile(scribe: &Scribe<'_>, own: &OwnerId) -> Result<bool, StoreError> {
    let mut found = false;
    // With an owner its agents are ended, and with these the owners of agents that work for them.
    while reconcile_once(scribe, own).await? {
        found = true;
    }
    Ok(found)
}

/// `true`: somebody was found dead.
async fn reconcile_once(scribe: &Scribe<'_>, own: &OwnerId) -> Result<bool, StoreError> {
    let Scribe { store, clock, ids } = *scribe;
    let mut found = false;
    for dead in rows::present(store, own).await? {
        if owner::is_alive(store.home(), &dead) {
            continue;
        }
        found = true;
        let id = dead.clone();
        let left = tokio::task::spawn_blocking(move || {
            let left = tree::end(id.as_str(), PATIENCE);
            providers::sweep(&id);
            left
        })
        .await;
        let left: Vec<String> = left
            .unwrap_or_default()
            .iter()
            .map(|process| format!("{} {}", process.pid, process.name))
            .collect();
        for line in read::of_owner(store, &dead).await? {
            let mut why = read::stop_reason(store, &line.id, line.run_no).await?;
            if why.is_empty() {
                why = farewell(store, &line).await?.unwrap_or_default();
            }
            end(scribe, &line, &why, left.clone()).await?;
        }
        claim::release_of_owner(store, &dead, clock, ids).await?;
        rows::leave(store, &dead, clock.now_ms()).await?;
        owner::forget(store.home(), &dead);
    }
    Ok(found)
}

/// Gives a run whose processes went with those of its parent its end.
pub(super) async fn bury(scribe: &Scribe<'_>, line: &Line, why: &str) -> Result<(), StoreError> {
    let asked = read::stop_reason(scribe.store, &line.id, line.run_no).await?;
    let why = if asked.is_empty() { why } else { &asked };
    end(scribe, line, why, Vec::new()).await
}

/// Why an agent is to be taken for stopped: the run that it worked for is over.
async fn farewell(store: &Store, line: &Line) -> Result<Option<String>, StoreError> {
    let Some((parent, run_no)) = family::nearest(&line.above) else {
        return Ok(None);
    };
    let over = match read::agent(store, &parent).await? {
        Some(parent) => {
            parent.run_no != run_no
                || parent.status.is_terminal()
                || !owner::is_alive(store.home(), &parent.owner)
        }
        None => true,
    };
    Ok(over.then(|| format!("its parent {parent} is gone")))
}

/// The end of a run whose owner is gone: stopped for a reason that was given before, else lost.
async fn end(
    scribe: &Scribe<'_>,
    line: &Line,
    why: &str,
    processes_left: Vec<String>,
) -> Result<(), StoreError> {
    let store = scribe.store;
    let (event, reason, detail) = if why.is_empty() {
        let detail = "the ostler process that ran this agent is gone; resume_agent continues it";
        (Lifecycle::Fail, "owner_lost", detail)
    } else {
        (Lifecycle::Stop, "", why)
    };
    let mut ending = Ending {
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        result_from: "none",
        ..Ending::default()
    };
    if let Some(text) = last_text(store, &line.id, line.run_no).await? {
        ending.result = text;
        ending.result_from = "last_text";
    }
    // The account died with the owner; it is drawn up again from what was logged.
    ending.evidence = journal::evidence_so_far(store, line).await?;
    if line.plan.workspace.is_some()
        && let Some(tree) = rows_of_trees::of_agent(store, &line.id).await?
    {
        let note = "as the agent left it; nothing of it was committed";
        ending.evidence.workspace = Some(Harvest::on_record(&tree, note));
    }
    ending.evidence.processes_left = processes_left;
    match write::end(scribe, &line.id, line.state(), event, ending).await {
        Ok(_) | Err(TransitionError::Lost | TransitionError::Illegal(_)) => Ok(()),
        Err(TransitionError::Store(error)) => Err(error),
    }
}

/// The last text that a run wrote, as far as it was logged.
pub(super) async fn last_text(
    store: &Store,
    id: &AgentId,
    run_no: u32,
) -> Result<Option<String>, StoreError> {
    let body: Option<String> = sqlx::query_scalar(LAST_TEXT)
        .bind(id.as_str())
        .bind(i64::from(run_no))
        .fetch_optional(store.read())
        .await?;
    let body = body.and_then(|body| serde_json::from_str::<serde_json::Value>(&body).ok());
    Ok(body
        .as_ref()
        .and_then(|body| body.get("text")?.as_str())
        .map(str::to_owned))
}
