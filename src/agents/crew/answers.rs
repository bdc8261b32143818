//! Requests of running agents: who waits for what, and the answers.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::family;
use crate::agents::launch::check_text;
use crate::agents::record::Line;
use crate::agents::record::asks::{self, Addressee, AskKind, AskState};
use crate::config::Ask;
use crate::ids::{AgentId, AskId};

/// A request that waits for an answer.
#[derive(Debug, Clone, Serialize)]
pub struct Waiting {
    /// The agent that asks.
    pub id: AgentId,
    /// A few words to tell it from others.
    pub label: String,
    /// To be named in the answer.
    pub request_id: AskId,
    /// A permission, or a question.
    pub kind: AskKind,
    /// The tool that it wants to call.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// What it wants to call it with, or the question: the child's words.
    pub content: String,
    /// Who is to answer.
    pub to: Addressee,
    /// Seconds until it is refused.
    pub refused_in_s: i64,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Let the call through.
    Allow,
    /// Refuse it, with words for the agent that may be empty.
    Deny(String),
    /// What was answered to a question.
    Reply(String),
}

/// What has become of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// The agent.
    pub id: AgentId,
    /// The request.
    pub request_id: AskId,
    /// `allowed`, `denied` or `replied`.
    pub state: AskState,
}

impl Crew {
    /// Answers a request of a running agent, whoever runs it. The answer is durable when this
    /// returns, and it is the only one.
    ///
    /// # Errors
    /// [`AgentError::NoAsk`] for a request that is not this agent's, [`AgentError::AskSettled`] for
    /// one that has its answer, [`AgentError::ForPerson`] when a model answers for the person,
    /// [`AgentError::NotForYou`] when an agent answers what only a session above it may decide, and
    /// an answer of the wrong kind.
    pub async fn answer(
        &self,
        id: &AgentId,
        request: &AskId,
        answer: Answer,
        by: Addressee,
    ) -> Result<Answered, AgentError> {
        self.reconcile().await?;
        let line = self.line(id).await?;
        let ask = asks::get(&self.store, request).await?;
        let Some(ask) = ask.filter(|ask| ask.agent == line.id) else {
            let open = asks::open(&self.store, id, line.run_no).await?;
            return Err(AgentError::NoAsk {
                id: id.clone(),
                request: request.clone(),
                open: open.into_iter().map(|ask| ask.id).collect(),
            });
        };
        let agent = self.agent();
        if agent
            .as_ref()
            .is_some_and(|own| own.as_str() != ask.decider)
        {
            return Err(AgentError::NotForYou {
                request: request.clone(),
            });
        }
        // No person sits inside an agent, whoever it says it is.
        let by = if agent.is_some() {
            Addressee::Parent
        } else {
            by
        };
        if ask.addressee == Addressee::Person && by == Addressee::Parent {
            return Err(AgentError::ForPerson {
                request: request.clone(),
            });
        }
        let (state, text) = settled_by(ask.kind, answer)?;
        let (store, by) = (&self.store, name(by));
        let text = store.redact(&text);
        if !asks::settle(store, request, state, &text, by, self.clock.now_ms()).await? {
            let now = asks::get(store, request).await?;
            return Err(AgentError::AskSettled {
                request: request.clone(),
                state: now.map_or(AskState::Withdrawn, |ask| ask.state),
            });
        }
        self.nudge.notify_one();
        Ok(Answered {
            id: id.clone(),
            request_id: request.clone(),
            state,
        })
    }

    /// What whoever asks here has to answer for these agents to go on, and for those that work for
    /// them; oldest first.
    pub(in crate::agents) async fn waiting_of(
        &self,
        lines: &[Line],
    ) -> Result<Vec<Waiting>, AgentError> {
        let decider = self.agent().map(|agent| agent.to_string());
        let decider = decider.unwrap_or_default();
        let may_wait = |line: &&Line| !line.waiting.is_empty() || family::may_spawn(line);
        let mut waiting = Vec::new();
        for line in lines.iter().filter(may_wait) {
            for ask in asks::open_within(&self.store, &line.path, &decider).await? {
                let label = match ask.agent == line.id {
                    true => line.label.clone(),
                    false => self.line(&ask.agent).await?.label,
                };
                waiting.push(self.waiting(ask, &label));
            }
        }
        Ok(waiting)
    }

    /// What an agent itself waits for, whoever has to answer; oldest first.
    pub(super) async fn open_of(&self, line: &Line) -> Result<Vec<Waiting>, AgentError> {
        let open = asks::open(&self.store, &line.id, line.run_no).await?;
        let waiting = open.into_iter().map(|ask| self.waiting(ask, &line.label));
        Ok(waiting.collect())
    }

    fn waiting(&self, ask: asks::Ask, label: &str) -> Waiting {
        Waiting {
            id: ask.agent,
            label: label.to_owned(),
            request_id: ask.id,
            kind: ask.kind,
            tool: ask.tool,
            content: ask.content,
            to: ask.addressee,
            refused_in_s: (ask.deadline_ms - self.clock.now_ms()).max(0) / 1000,
        }
    }

    /// Whether requests go to the person first.
    pub fn asks_the_person(&self) -> bool {
        self.config.agents.ask == Ask::Person
    }

    /// Says whether the person can be asked through this process; requests that come up from now on
    /// go by it.
    pub fn person_can_be_asked(&self, can: bool) {
        self.person.store(can, Ordering::Relaxed);
    }

    /// Open requests to the person, of agents that this process runs, oldest first.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn for_person(&self) -> Result<Vec<Waiting>, AgentError> {
        let mut waiting = Vec::new();
        for ask in asks::for_person(&self.store, self.owner()).await? {
            let label = self.line(&ask.agent).await?.label;
            waiting.push(self.waiting(ask, &label));
        }
        Ok(waiting)
    }

    /// Leaves a request that the person could not be asked to the session.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn leave_to_parent(&self, request: &AskId) -> Result<(), AgentError> {
        Ok(asks::to_parent(&self.store, request).await?)
    }
}

fn settled_by(kind: AskKind, answer: Answer) -> Result<(AskState, String), AgentError> {
    match (kind, answer) {
        (AskKind::Permission, Answer::Allow) => Ok((AskState::Allowed, String::new())),
        (_, Answer::Deny(text)) => {
            if !text.is_empty() {
                check_text("text", &text)?;
            }
            Ok((AskState::Denied, text))
        }
        (AskKind::Question, Answer::Reply(text)) => {
            check_text("text", &text)?;
            Ok((AskState::Replied, text))
        }
        (AskKind::Question, Answer::Allow) => Err(AgentError::BadValue {
            field: "decision",
            problem: "does not answer a question; `text` does".to_owned(),
        }),
        (AskKind::Permission, Answer::Reply(_)) => Err(AgentError::BadValue {
            field: "decision",
            problem: "is missing; a permission is answered with allow or deny".to_owned(),
        }),
    }
}

fn name(by: Addressee) -> &'static str {
    match by {
        Addressee::Parent => "parent",
        Addressee::Person => "person",
    }
}
