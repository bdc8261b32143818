//! Waiting for agents: woken by changes of this and other processes, bounded in time, and handing
//! out each result once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::brief::inline::{self, REPLY};
use super::brief::{self, AgentBrief, Done};
use super::crew::{Crew, Waiting};
use super::error::AgentError;
use super::group::Ranking;
use super::record::asks::Addressee;
use super::record::{Line, Texts, read};
use crate::ids::{AgentId, GroupId};

/// Between two looks whether the owner of a foreign agent has died.
const LOOK_FOR_DEAD: Duration = Duration::from_secs(1);

/// What the agents that still run may take of a reply.
const RUNNING: usize = 1500;
/// What their requests may take where nothing has ended.
const ASKED: usize = 5500;
/// What its other fields take.
const BESIDE: usize = 250;
/// How much of a result is shown, at least: else its agent is left to the next reply.
const LEAST: usize = 250;

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
    /// Further ones that have ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_done: usize,
    /// Further ones that still run or wait for a slot.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_running: usize,
    /// Further requests.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_waiting: usize,
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

fn is_zero(count: &usize) -> bool {
    *count == 0
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
            let lines = read::of_session(self.store(), self.session(), parent.as_ref()).await?;
            return Ok(self.seen(lines));
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
        // What has ended needs room, too.
        let asked_room = if ended.is_empty() { ASKED } else { ASKED / 2 };
        let (waiting, more_waiting) = brief::requests(waiting, asked_room);
        let mut running = self.briefs(live);
        let shown = inline::fitting(&running, RUNNING);
        let more_running = running.len() - shown;
        running.truncate(shown);
        let groups = self.rankings(ended).await?;
        let taken =
            inline::size(&running) + inline::size(&waiting) + inline::size(&groups) + BESIDE;
        let room = REPLY.saturating_sub(taken);

        let (ended, more_done) = self.in_one_reply(ended, room).await?;
        // Last of all, and at once: a wait that is broken off before has read nothing.
        let lines: Vec<&Line> = ended.iter().map(|(line, _)| *line).collect();
        let read_before = self.collect(&lines).await?.keep();
        let mut done: Vec<Done> = ended
            .iter()
            .zip(&read_before)
            .map(|((line, texts), before)| Done::of(line, texts, *before))
            .collect();
        let wants: Vec<usize> = ended
            .iter()
            .zip(&read_before)
            .map(|((_, texts), before)| if *before { 0 } else { Done::wants(texts) })
            .collect();
        let shares = inline::shares(room.saturating_sub(inline::size(&done)), &wants);
        for (((done, (_, texts)), before), share) in
            done.iter_mut().zip(&ended).zip(&read_before).zip(shares)
        {
            if !before {
                done.show(texts, share);
            }
        }
        let asked = waiting.iter().any(|ask| ask.to == Addressee::Parent);
        let next = match (done.is_empty(), live.is_empty()) {
            _ if asked => Some("answer_agent decides each request under `waiting`; then wait on"),
            _ if more_done > 0 => Some("call wait_agents again for the others that have ended"),
            (true, true) => Some("this session has no agents that live or are unread"),
            (_, false) if timed_out => Some("call wait_agents again to wait on"),
            _ => None,
        };
        Ok(Waited {
            done,
            running,
            waiting,
            more_done,
            more_running,
            more_waiting,
            groups,
            timed_out,
            next,
        })
    }

    /// Those of `ended` that one reply can tell of, with their texts, in their order, and how many are
    /// left to the next: unread ones go first.
    async fn in_one_reply<'a>(
        &self,
        ended: &'a [Line],
        room: usize,
    ) -> Result<(Vec<(&'a Line, Texts)>, usize), AgentError> {
        let mut by_turn: Vec<(usize, &Line)> = ended.iter().enumerate().collect();
        by_turn.sort_by_key(|(_, line)| line.delivered);
        let mut left = room;
        let mut chosen: Vec<(usize, &Line, Texts)> = Vec::new();
        for (at, line) in by_turn {
            let texts = read::texts(self.store(), &line.id, line.run_no).await?;
            let wanted = match line.delivered {
                true => 0,
                false => Done::wants(&texts).min(LEAST),
            };
            let entry = inline::size(&Done::of(line, &texts, line.delivered)) + wanted + 1;
            match left.checked_sub(entry) {
                Some(rest) => left = rest,
                None if chosen.is_empty() => left = 0,
                None => break,
            }
            chosen.push((at, line, texts));
        }
        chosen.sort_by_key(|(at, ..)| *at);
        let more = ended.len() - chosen.len();
        let chosen = chosen.into_iter().map(|(_, line, texts)| (line, texts));
        Ok((chosen.collect(), more))
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
