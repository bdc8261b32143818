//! Waiting for agents: woken by changes of this and other processes, bounded in time, and handing
//! out each result once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::brief::{AgentBrief, Done};
use super::crew::{Crew, Waiting};
use super::error::AgentError;
use super::ranking::Ranking;
use super::record::asks::Addressee;
use super::record::{Line, read};
use crate::ids::{AgentId, GroupId};

/// Between two looks whether the owner of a foreign agent has died.
const LOOK_FOR_DEAD: Duration = Duration::from_secs(1);

/// When a wait is over.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As soon as one agent has ended.
    Any,
    /// Once all have ended.
    #[default]
    All,
}

/// What a wait has brought.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Waited {
    /// Ended agents with their short results; each result is handed out once.
    pub done: Vec<Done>,
    /// Agents that still run or wait for a slot.
    pub running: Vec<AgentBrief>,
    /// What running agents have asked for and nobody has answered: answer_agent does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Of agents under `done` that were spawned as a group: who did best, once all have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Ranking>,
    /// True when time was up first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// What to do next, where it is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'static str>,
}

impl Crew {
    /// Waits for `ids`, or for all agents that this session has spawned itself and that live or are
    /// unread. A request that it has to answer, of theirs or of agents that work for them, ends the
    /// wait, too: who asks does not go on without. `watch` is
    /// called on every change with what is still live. Dropping the future ends the wait, not the
    /// agents, and leaves results unread.
    ///
    /// # Errors
    /// [`AgentError::Unknown`] for ids that do not exist, and failures of the store.
    pub async fn wait(
        &self,
        ids: &[AgentId],
        mode: Mode,
        timeout: Duration,
        mut watch: impl FnMut(usize, &[AgentBrief]),
    ) -> Result<Waited, AgentError> {
        let deadline = Instant::now() + timeout;
        let mut changes = self.store().changes().listen();
        self.reconcile().await?;
        loop {
            let lines = self.waited_for(ids).await?;
            let (ended, live): (Vec<Line>, Vec<Line>) = lines
                .into_iter()
                .partition(|line| line.status.is_terminal());
            let fresh = ended.iter().any(|line| !line.delivered);
            let waiting = self.waiting_of(&live).await?;
            let asked = waiting.iter().any(|ask| ask.to == Addressee::Parent);
            let over = live.is_empty() || (mode == Mode::Any && fresh) || asked;
            let timed_out = !over && Instant::now() >= deadline;
            if over || timed_out {
                return self.hand_out(&ended, &live, waiting, timed_out).await;
            }
            watch(ended.len(), &self.briefs(&live));
            let foreign = live.iter().any(|line| line.owner != *self.owner());
            tokio::select! {
                () = changes.changed() => {}
                () = sleep_until(deadline) => {}
                () = sleep(LOOK_FOR_DEAD), if foreign => self.reconcile().await?,
            }
        }
    }

    async fn waited_for(&self, ids: &[AgentId]) -> Result<Vec<Line>, AgentError> {
        if ids.is_empty() {
            let parent = self.agent();
            return Ok(read::of_session(self.store(), self.session(), parent.as_ref()).await?);
        }
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            if !lines.iter().any(|line: &Line| line.id == *id) {
                lines.push(self.line(id).await?);
            }
        }
        Ok(lines)
    }

    async fn hand_out(
        &self,
        ended: &[Line],
        live: &[Line],
        waiting: Vec<Waiting>,
        timed_out: bool,
    ) -> Result<Waited, AgentError> {
        let mut texts = Vec::with_capacity(ended.len());
        for line in ended {
            texts.push(read::texts(self.store(), &line.id, line.run_no).await?);
        }
        let groups = self.rankings(ended).await?;
        // Last of all, and at once: a wait that is broken off before has read nothing.
        let handed_out = self.collect(&ended.iter().collect::<Vec<_>>()).await?;
        let read_before = handed_out.keep();
        let ended = ended.iter().zip(&texts).zip(read_before);
        let done: Vec<Done> = ended
            .map(|((line, texts), before)| Done::of(line, texts, before))
            .collect();
        let running = self.briefs(live);
        let asked = waiting.iter().any(|ask| ask.to == Addressee::Parent);
        let next = match (done.is_empty(), running.is_empty()) {
            _ if asked => Some("answer_agent decides each request under `waiting`; then wait on"),
            (true, true) => Some("this session has no agents that live or are unread"),
            (_, false) if timed_out => Some("call wait_agents again to wait on"),
            _ => None,
        };
        Ok(Waited {
            done,
            running,
            waiting,
            groups,
            timed_out,
            next,
        })
    }

    /// The rankings of the groups of these agents that have wholly ended.
    async fn rankings(&self, ended: &[Line]) -> Result<Vec<Ranking>, AgentError> {
        let mut groups: Vec<&GroupId> = Vec::new();
        for group in ended.iter().filter_map(|line| line.group.as_ref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let mut rankings = Vec::with_capacity(groups.len());
        for group in groups {
            rankings.extend(self.ranking(group).await?);
        }
        Ok(rankings)
    }
}
