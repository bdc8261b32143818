//! What a session must know that was compacted or started afresh, in very little.

use serde::Serialize;

use super::inline::size;
use super::{AgentBrief, OVERLAP_LENGTH, PAIRS, is_zero};
use crate::agents::evidence::Overlap;
use crate::agents::record::Line;
use crate::ids::{AgentId, TaskId};
use crate::memory::matters as memory;
use crate::tasks::matters::Matters;
use crate::text::{clip, one_line};

/// Most bytes of it all: 300 tokens or so.
const MOST: usize = 1190;
/// Live or unread agents that are named; more are counted.
const NAMED: usize = 8;
/// And how many at least.
const LEAST_AGENTS: usize = 3;
/// Characters of a task's title.
const TITLE: usize = 40;

/// What a fresh or compacted session must know.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CatchUp {
    /// Live agents, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<String>,
    /// Ended agents whose result nobody has read, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Agents that have changed the same files while both were at work, a line for each pair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<String>,
    /// Further agents of either kind.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// Tasks that this session has claimed, a line each with the number of the claim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// Further claims.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_claims: usize,
    /// The best of the tasks that may be begun with, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<String>,
    /// How much is remembered, and how much of it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memories: Option<String>,
    /// What to do next.
    pub next: &'static str,
}

impl CatchUp {
    pub(in crate::agents) fn of(
        lines: &[Line],
        overlaps: &[(AgentId, Overlap)],
        tasks: Matters,
        memories: memory::Matters,
        now_ms: i64,
    ) -> Self {
        let mut catch_up = CatchUp {
            overlaps: overlaps
                .iter()
                .take(PAIRS)
                .map(|(one, overlap)| {
                    clip(&format!("{one} and {overlap}"), OVERLAP_LENGTH).to_owned()
                })
                .collect(),
            more: lines.len().saturating_sub(NAMED),
            claims: tasks
                .claims
                .iter()
                .map(|task| format!("{} fence {}", named(&task.id, &task.title), task.fence))
                .collect(),
            more_claims: tasks.more_claims,
            ready: tasks
                .ready
                .iter()
                .map(|task| named(&task.id, &task.title))
                .collect(),
            memories: remembered(memories),
            ..Self::default()
        };
        for line in lines.iter().take(NAMED) {
            let brief = AgentBrief::of(line, now_ms);
            let label: String = brief.label.chars().take(40).collect();
            let start = format!("{} \"{label}\" {}", brief.id, brief.status);
            if line.status.is_terminal() {
                catch_up.unread.push(match brief.reason.as_str() {
                    "" => start,
                    reason => format!("{start} ({reason})"),
                });
            } else {
                let waiting = match brief.waiting.as_str() {
                    "" => String::new(),
                    waiting => format!(", waits for an answer to {waiting}"),
                };
                catch_up
                    .live
                    .push(format!("{start}, turn {}{waiting}", brief.turns));
            }
        }
        catch_up.next = catch_up.advice();
        catch_up.fit();
        catch_up
    }

    fn advice(&self) -> &'static str {
        if !self.unread.is_empty() {
            "get_agent reads an unread result; list_agents shows all"
        } else if !self.live.is_empty() {
            "wait_agents collects results; list_agents shows all"
        } else if !self.claims.is_empty() {
            "get_task shows a task that you hold"
        } else if !self.ready.is_empty() {
            "claim_task takes the best ready task"
        } else {
            "nothing is open"
        }
    }

    /// Leaves out, and counts, what there is no room for: what can be asked for elsewhere first.
    fn fit(&mut self) {
        while size(self) > MOST {
            let agents = self.live.len() + self.unread.len();
            if self.overlaps.len() > 1 {
                self.overlaps.pop();
            } else if agents > LEAST_AGENTS {
                match self.unread.len() > self.live.len() {
                    true => self.unread.pop(),
                    false => self.live.pop(),
                };
                self.more += 1;
            } else if self.claims.len() > 1 {
                self.claims.pop();
                self.more_claims += 1;
            } else {
                return;
            }
        }
    }
}

fn remembered(memories: memory::Matters) -> Option<String> {
    match (memories.memories, memories.quarantined) {
        (0, _) => None,
        (all, 0) => Some(format!("{all}, see recall")),
        (all, some) => Some(format!("{all}, {some} of them in quarantine; see recall")),
    }
}

/// A task on one line.
fn named(id: &TaskId, title: &str) -> String {
    format!("{id} {:?}", one_line(title, TITLE))
}
