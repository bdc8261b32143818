//! The other end of a request: an agent that asks the session it works for. This runs in the ostler
//! server that the agent's own CLI has started.

use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::launch::check_text;
use crate::agents::record::asks::{self, Addressee, Ask, AskKind, AskState};
use crate::agents::record::write;
use crate::agents::supervisor::{CONTENT_KEPT, OPEN_AT_ONCE};
use crate::ids::AskId;
use crate::providers::clip;

impl Crew {
    /// Asks the session that the agent around this process works for, and waits for its answer.
    ///
    /// # Errors
    /// [`AgentError::NotAnAgent`] outside of a running agent, [`AgentError::Unanswered`] when the
    /// question was refused, withdrawn by `cancelled`, or not answered in time.
    pub async fn ask_parent(
        &self,
        question: &str,
        cancelled: &CancellationToken,
    ) -> Result<String, AgentError> {
        check_text("question", question)?;
        if !self.may_ask() {
            let why = "nobody is there to answer".to_owned();
            return Err(AgentError::Unanswered { why });
        }
        let line = self.own_line().await?;
        let agent = line.id.clone();
        let open = asks::open(&self.store, &agent, line.run_no).await?;
        if open.len() >= OPEN_AT_ONCE {
            let why = "too many questions are open already".to_owned();
            return Err(AgentError::Unanswered { why });
        }
        let patience = Duration::from_secs(u64::from(self.config.agents.ask_timeout_s));
        let now_ms = self.clock.now_ms();
        let ask = Ask {
            id: AskId::new(self.ids.as_ref()),
            agent,
            run_no: line.run_no,
            kind: AskKind::Question,
            tool: String::new(),
            content: clip(&self.store.redact(question), CONTENT_KEPT).to_owned(),
            addressee: Addressee::Parent,
            state: AskState::Open,
            answer: String::new(),
            answered_by: String::new(),
            deadline_ms: now_ms + i64::from(self.config.agents.ask_timeout_s) * 1000,
            decider: line.parent.map(|it| it.to_string()).unwrap_or_default(),
        };
        let mut changes = self.store.changes().listen();
        if !asks::add(&self.store, &ask, now_ms).await? {
            return Err(AgentError::NotAnAgent);
        }
        self.note(&ask, "asked").await?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(now) = asks::get(&self.store, &ask.id).await?
                && now.state != AskState::Open
            {
                self.note(&now, "answered").await?;
                return answer(now);
            }
            tokio::select! {
                () = changes.changed() => {}
                () = sleep_until(deadline) => {
                    let seconds = patience.as_secs();
                    let why = format!("nobody answered within {seconds} s");
                    self.settle(&ask.id, AskState::Expired, &why).await?;
                }
                () = cancelled.cancelled() => {
                    self.settle(&ask.id, AskState::Withdrawn, "").await?;
                }
            }
        }
    }

    async fn settle(&self, id: &AskId, state: AskState, why: &str) -> Result<(), AgentError> {
        let now_ms = self.clock.now_ms();
        asks::settle(&self.store, id, state, why, "deadline", now_ms).await?;
        Ok(())
    }

    async fn note(&self, ask: &Ask, kind: &str) -> Result<(), AgentError> {
        let body = match ask.state {
            AskState::Open => serde_json::json!({
                "request_id": ask.id, "kind": ask.kind, "content": ask.content, "to": ask.addressee,
            }),
            state => serde_json::json!({
                "request_id": ask.id, "state": state, "by": ask.answered_by, "text": ask.answer,
            }),
        };
        let (store, now_ms) = (&self.store, self.clock.now_ms());
        let mut tx = store.begin().await?;
        write::log(&mut tx, store, &ask.agent, ask.run_no, now_ms, kind, &body).await?;
        Ok(store.commit(tx).await?)
    }
}

fn answer(ask: Ask) -> Result<String, AgentError> {
    let why = match ask.state {
        AskState::Replied => return Ok(ask.answer),
        AskState::Denied if ask.answer.is_empty() => "the parent did not want to answer".to_owned(),
        AskState::Denied => format!("the parent did not want to answer: {}", ask.answer),
        AskState::Expired => ask.answer,
        state => format!("the question is {state}"),
    };
    Err(AgentError::Unanswered { why })
}
