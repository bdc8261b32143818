//! Closing a task for whoever asks here: what is given as evidence is checked first, and what is
//! written stands in one transaction with the look whether the asking agent still runs.

use super::proof::Examiner;
use crate::agents::crew::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::{Line, tasks};
use crate::tasks::{Actor, Close, Closed, Reason, Task, TaskError};

/// How a task is to be closed, as it was asked for.
#[derive(Debug, Clone)]
pub struct CloseRequest {
    /// The task: an id, or the beginning of one.
    pub id: String,
    /// Why.
    pub reason: Reason,
    /// The same in words; needed unless it is done.
    pub why: String,
    /// What shows it.
    pub evidence: Shown,
    /// The number of the claim under which it is closed.
    pub fence: Option<i64>,
}

/// What is said to show that a task is done; nothing of it counts before it was checked.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Commits by their hashes.
    pub commits: Vec<String>,
    /// A shell command that has to exit 0.
    pub command: Option<String>,
    /// An agent whose work was verified, or that has reviewed it and approved.
    pub agent: Option<String>,
    /// What a person has seen; nobody else may say so.
    pub seen: String,
}

impl Crew {
    /// Closes a task, for the session or the running agent that this process is part of.
    ///
    /// # Errors
    /// Evidence that does not hold, and whatever keeps the task from being closed: nothing was changed
    /// then.
    pub async fn close_task(&self, request: &CloseRequest) -> Result<Closed, AgentError> {
        self.reconcile().await?;
        let caller = self.caller().await?;
        self.close_as(self.actor(caller.as_ref()), caller.as_ref(), request)
            .await
    }

    /// The same for the person at this command line; in a process that an agent has started it is the
    /// agent that asks.
    ///
    /// # Errors
    /// As [`Crew::close_task`].
    pub async fn close_task_of_person(&self, request: &CloseRequest) -> Result<Closed, AgentError> {
        match self.caller().await? {
            Some(line) => {
                let actor = self.actor(Some(&line));
                self.close_as(actor, Some(&line), request).await
            }
            None => self.close_as(Actor::Person, None, request).await,
        }
    }

    async fn close_as(
        &self,
        actor: Actor,
        caller: Option<&Line>,
        request: &CloseRequest,
    ) -> Result<Closed, AgentError> {
        let tracker = self.tracker_of(actor);
        // Before anything is run for a task that cannot be closed at all.
        tracker.expire().await?;
        let mut connection = self.store.read().acquire().await.map_err(TaskError::from)?;
        let task = tracker
            .closable(&mut connection, &request.id, request.fence)
            .await?;
        drop(connection);
        refuse_own(caller, &task)?;
        let examiner = Examiner {
            crew: self,
            caller,
            is_person: tracker.actor == Actor::Person,
            task: &task,
        };
        let proof = examiner.examine(&request.evidence).await?;
        let close = Close {
            reason: request.reason,
            why: request.why.clone(),
            proof,
            fence: request.fence,
        };
        let mut tx = self.store.begin().await?;
        // What was proved took its time, and a run that is over has no say any more.
        if let Some(line) = caller
            && !tasks::runs(&mut tx, &line.id, line.run_no).await?
        {
            return Err(AgentError::Ending);
        }
        let closed = tracker
            .close_given(&mut tx, task.id.as_str(), &close)
            .await?;
        self.store.commit(tx).await?;
        Ok(closed)
    }
}

/// Refuses an agent the task that it was spawned for, where somebody else decides about that.
fn refuse_own(caller: Option<&Line>, task: &Task) -> Result<(), TaskError> {
    use crate::agents::assignment::AtEnd;
    let Some(plan) = caller.map(|line| &line.plan) else {
        return Ok(());
    };
    let Some(own) = plan.task.as_ref().filter(|own| own.id == task.id) else {
        return Ok(());
    };
    let problem = match (own.at_end, &plan.expect) {
        (AtEnd::HandBack, _) => {
            "it is closed by who has spawned you, when your work was taken over; end with an answer"
        }
        (AtEnd::Close, Some(_)) => {
            "ostler checks what is expected of you when you end, and closes it then if that holds"
        }
        (AtEnd::Close, None) => return Ok(()),
    };
    Err(TaskError::NotAllowed {
        problem: format!("{} is not yours to close: {problem}", task.id),
    })
}
