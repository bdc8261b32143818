//! Asks the person at the client what agents have asked for, where `agents.ask` is `person` and the
//! client can show a form. One form at a time; what cannot be shown is left to the model.

use std::sync::Arc;
use std::time::Duration;

use rmcp::service::{ElicitationError, ElicitationMode, Peer};
use rmcp::{RoleServer, elicit_safe};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::agents::{Addressee, AgentError, Answer, AskKind, Crew, Waiting};
use crate::store::Listener;

/// After a failure of the store.
const TRY_AGAIN: Duration = Duration::from_secs(1);

#[derive(Deserialize, JsonSchema)]
struct Permit {
    /// Whether the agent may do it
    allow: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Words {
    /// The answer
    text: String,
}

elicit_safe!(Permit, Words);

/// Whether the client behind `peer` can show a form.
pub(super) fn can_be_asked(peer: &Peer<RoleServer>) -> bool {
    peer.supported_elicitation_modes()
        .contains(&ElicitationMode::Form)
}

/// Puts each request for the person to the person, until it is dropped.
pub(super) async fn ask_person(crew: Arc<Crew>, peer: Peer<RoleServer>) {
    let mut changes = crew.listen();
    loop {
        match crew.for_person().await {
            Ok(waiting) => {
                if let Some(request) = waiting.first() {
                    tokio::select! {
                        biased;
                        () = ask(&crew, &peer, request) => {}
                        // The form of an agent that has ended must not keep those of others waiting.
                        () = settled(&crew, request, &mut changes) => {}
                    }
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "requests for the person could not be read; trying again");
                tokio::time::sleep(TRY_AGAIN).await;
                continue;
            }
        }
        changes.changed().await;
    }
}

/// Waits until `request` needs no answer of the person any more.
async fn settled(crew: &Crew, request: &Waiting, changes: &mut Listener) {
    loop {
        changes.changed().await;
        if let Ok(open) = crew.for_person().await
            && !open.iter().any(|it| it.request_id == request.request_id)
        {
            return;
        }
    }
}

async fn ask(crew: &Crew, peer: &Peer<RoleServer>, request: &Waiting) {
    let patience = u64::try_from(request.refused_in_s).unwrap_or_default();
    let patience = Some(Duration::from_secs(patience.max(1)));
    let Waiting {
        id,
        label,
        tool,
        content,
        ..
    } = request;
    let answer = match request.kind {
        AskKind::Permission => {
            let message = format!("Agent {id} ({label}) wants to use {tool}:\n{content}");
            let answered = peer.elicit_with_timeout::<Permit>(message, patience).await;
            given(answered, |permit| match permit.allow {
                true => Answer::Allow,
                false => Answer::Deny(String::new()),
            })
        }
        AskKind::Question => {
            let message = format!("Agent {id} ({label}) asks:\n{content}");
            let answered = peer.elicit_with_timeout::<Words>(message, patience).await;
            given(answered, |words| Answer::Reply(words.text))
        }
    };
    let settled = match answer {
        Some(answer) => {
            let by = Addressee::Person;
            match crew.answer(id, &request.request_id, answer, by).await {
                Err(AgentError::Empty { .. } | AgentError::TooLong { .. }) => {
                    // The same form again might be filled in the same way for ever.
                    crew.leave_to_parent(&request.request_id).await
                }
                answered => answered.map(|_| ()),
            }
        }
        None => crew.leave_to_parent(&request.request_id).await,
    };
    if let Err(error) = settled {
        // It was settled meanwhile, by its deadline or by the end of the agent.
        tracing::info!(%error, %id, "the answer of the person came to nothing");
    }
}

/// The person's answer; `None` when there is none and the form is not to blame on the person.
fn given<T>(
    answered: Result<Option<T>, ElicitationError>,
    answer: impl FnOnce(T) -> Answer,
) -> Option<Answer> {
    match answered {
        Ok(Some(form)) => Some(answer(form)),
        Err(ElicitationError::UserDeclined | ElicitationError::UserCancelled) => {
            Some(Answer::Deny(String::new()))
        }
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(%error, "the person could not be asked; the model is");
            None
        }
    }
}
