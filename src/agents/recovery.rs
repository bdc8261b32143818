//! What happens to the agents of a process that died: their leftovers are ended, their runs get a
//! truthful end, and they can be resumed.

use std::time::Duration;

use super::journal;
use super::lifecycle::Lifecycle;
use super::owner;
use super::record::{Ending, Line, TransitionError, owner as rows, read, write};
use crate::clock::Clock;
use crate::ids::{AgentId, OwnerId};
use crate::providers::tree;
use crate::store::{Store, StoreError, statements};
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
pub(super) async fn reconcile(
    store: &Store,
    own: &OwnerId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let mut found = false;
    for dead in rows::present(store, own).await? {
        if owner::is_alive(store.home(), &dead) {
            continue;
        }
        found = true;
        let id = dead.to_string();
        let left = tokio::task::spawn_blocking(move || tree::end(&id, PATIENCE)).await;
        let left = left.unwrap_or_default();
        for line in read::of_owner(store, &dead).await? {
            let mut ending = lost(store, &line).await?;
            ending.evidence.processes_left = left
                .iter()
                .map(|process| format!("{} {}", process.pid, process.name))
                .collect();
            let now_ms = clock.now_ms();
            let event = if ending.reason == "owner_lost" {
                Lifecycle::Fail
            } else {
                Lifecycle::Stop
            };
            match write::end(store, &line.id, line.state(), event, ending, now_ms).await {
                Ok(_) | Err(TransitionError::Lost | TransitionError::Illegal(_)) => {}
                Err(TransitionError::Store(error)) => return Err(error),
            }
        }
        rows::leave(store, &dead, clock.now_ms()).await?;
        owner::forget(store.home(), &dead);
    }
    Ok(found)
}

/// The end of a run whose owner is gone: stopped if a stop was asked for before, else lost.
async fn lost(store: &Store, line: &Line) -> Result<Ending, StoreError> {
    let asked = read::stop_reason(store, &line.id, line.run_no).await?;
    let (reason, detail) = if asked.is_empty() {
        let detail = "the ostler process that ran this agent is gone; resume_agent continues it";
        ("owner_lost", detail.to_owned())
    } else {
        ("", asked)
    };
    let mut ending = Ending {
        reason: reason.to_owned(),
        detail,
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
    Ok(ending)
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
