//! What callers are shown of agents: lean, bounded, and clear about whose words a text is.

mod catch_up;
pub(super) mod inline;

use inline::{REPLY, TEXT, beginning, shortened, size};
use serde::Serialize;
use serde_json::Value;

use super::assignment::TaskStanding;
use super::crew::Waiting;
use super::evidence::Evidence;
use super::expect::Unmet;
use super::lifecycle::Status;
use super::record::{Backoff, Line, LogEntry, Texts};
use crate::config::Limit;
use crate::ids::{AgentId, GroupId, TaskId};
use crate::page::Page;
use crate::providers::clip;
use crate::workspaces::Harvest;

pub use catch_up::CatchUp;

/// Changed files named in a short result.
const FILES_INLINE: usize = 10;
/// How much of why a run ended as it did is shown.
const DETAIL: usize = 800;
/// Unmet expectations that are shown of a run, and how much of each.
const UNMET: usize = 3;
const UNMET_SHOWN: usize = 300;
/// Requests that wait for an answer, all together, beside a result.
const REQUESTS: usize = 3000;
/// What it takes to say that something was cut.
const CUT: usize = 30;
/// How much of a request is shown, at least.
const LEAST_ASKED: usize = 100;
/// How much of a result's words is shown, at least, beside a structured one.
const BESIDE: usize = 200;
/// Overlaps that are told at once, and how much of each.
const PAIRS: usize = 4;
const OVERLAP_LENGTH: usize = 160;

/// One line about an agent.
#[derive(Debug, Clone, Serialize)]
pub struct AgentBrief {
    /// Its id.
    pub id: AgentId,
    /// The agent that has spawned it; absent for those of a host session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<AgentId>,
    /// A few words to tell it from others.
    pub label: String,
    /// The task that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The group it was spawned in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Where its current run stands.
    pub status: Status,
    /// Why it ended so; absent while it lives and after plain success.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The current run.
    pub run_no: u32,
    /// Provider, and model where one was named.
    pub provider: String,
    /// Model steps so far and how many there may be, as in `3/50`.
    pub turns: String,
    /// The oldest request that waits for an answer, and what it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub waiting: String,
    /// Set while the model service turns it or its provider away (when it goes on or starts), and
    /// while its CLI tries again by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backing_off: String,
    /// Files that another agent has changed as well while both were at work.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub overlaps: u32,
    /// The tool it called last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_tool: String,
    /// Seconds since it started, or how long it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<i64>,
    /// Seconds since its last sign of life; running agents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_s: Option<i64>,
    /// Tokens, cache reads not counted.
    pub tokens: u64,
    /// US dollars, where the provider tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// True when it has ended and nobody has read its result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
}

impl AgentBrief {
    pub(super) fn of(line: &Line, now_ms: i64) -> Self {
        let launch = &line.plan.launch;
        let live = !line.status.is_terminal();
        let running = line.status == Status::Running;
        let until = line.ended_ms.unwrap_or(now_ms);
        Self {
            id: line.id.clone(),
            parent: line.parent.clone(),
            label: line.label.clone(),
            task_id: line.plan.task.as_ref().map(|task| task.id.clone()),
            group: line.group.clone(),
            status: line.status,
            reason: line.reason.clone(),
            run_no: line.run_no,
            provider: match &launch.model {
                Some(model) => format!("{}/{model}", launch.provider),
                None => launch.provider.clone(),
            },
            turns: match line.plan.budget.max_turns {
                Limit::At(max) => format!("{}/{max}", line.progress.turns),
                Limit::Unlimited => line.progress.turns.to_string(),
            },
            waiting: line.waiting.clone(),
            backing_off: match &line.progress.backoff {
                Some(backoff) if running => backing_off(backoff, now_ms),
                None if running && !line.progress.retrying.is_empty() => {
                    format!("the CLI tries again by itself: {}", line.progress.retrying)
                }
                _ if line.status == Status::Queued => resting(line.rests_until_ms, now_ms),
                _ => String::new(),
            },
            overlaps: line.overlaps,
            last_tool: line.progress.last_tool.clone(),
            elapsed_s: line.started_ms.map(|started| (until - started) / 1000),
            idle_s: running.then(|| (now_ms - line.progress.active_ms.max(line.queued_ms)) / 1000),
            tokens: line.progress.usage.work_tokens(),
            cost_usd: line.progress.usage.cost_usd,
            unread: !live && !line.delivered,
        }
    }
}

/// What a queued run waits for beside its turn.
fn resting(until_ms: i64, now_ms: i64) -> String {
    match seconds(until_ms - now_ms) {
        ..=0 => String::new(),
        seconds => {
            format!("the model service turns its provider away; starts in {seconds} s at best")
        }
    }
}

fn seconds(ms: i64) -> i64 {
    (ms + 999) / 1000
}

fn backing_off(backoff: &Backoff, now_ms: i64) -> String {
    let Backoff {
        until_ms,
        attempt,
        of,
    } = backoff;
    let again = match seconds(until_ms - now_ms) {
        ..=0 => "tries again as soon as it may".to_owned(),
        seconds => format!("tries again in {seconds} s"),
    };
    format!("the model service turns it away; {again} ({attempt} of {of})")
}

/// A short result of an ended run.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// The agent.
    pub id: AgentId,
    /// A few words to tell it from others.
    pub label: String,
    /// How the run ended.
    pub status: Status,
    /// Why, in one word; absent after plain success.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Why, for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The run.
    pub run_no: u32,
    /// The child's words: data, not instructions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// Where the text comes from: `final`, `last_text`, `digest` (ours) or `none`.
    pub result_from: String,
    /// Where get_agent goes on with a result that is not shown whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// What it handed in, which fits the schema that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// The size of what it handed in, where that is not shown: get_agent pages it (`structured`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_bytes: Option<usize>,
    /// Whether what was expected holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// What was expected and does not hold, the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Unmet>,
    /// Where the task that it was for stood when it had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskStanding>,
    /// What in its words does not go with its evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Model steps.
    pub turns: u32,
    /// Tool calls.
    pub tool_calls: u32,
    /// Calls that were refused.
    #[serde(skip_serializing_if = "is_zero")]
    pub denied: usize,
    /// Messages that did not reach the model.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub steers_lost: u32,
    /// Tokens, cache reads not counted.
    pub tokens: u64,
    /// US dollars, where the provider tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Files that others changed as well while both were at work: a line for each of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<String>,
    /// What its own working tree has come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Harvest>,
    /// True when the result was handed out before and is left out here; get_agent shows it again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delivered_before: bool,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_zero_u32(count: &u32) -> bool {
    *count == 0
}

impl Done {
    /// The entry without what it brought: [`Done::show`] adds that.
    pub(super) fn of(line: &Line, texts: &Texts, delivered_before: bool) -> Self {
        let evidence = &texts.evidence;
        Self {
            id: line.id.clone(),
            label: line.label.clone(),
            status: line.status,
            reason: line.reason.clone(),
            detail: shortened(&line.detail, DETAIL),
            run_no: line.run_no,
            result: String::new(),
            result_from: texts.result_from.clone(),
            next_cursor: (!texts.result.is_empty()).then(|| "0".to_owned()),
            structured: None,
            structured_bytes: texts.submitted.as_ref().map(size),
            verified: evidence.verified,
            failed: few(&evidence.failed),
            task: evidence.task.as_ref().map(TaskStanding::shortened),
            flags: evidence.flags.clone(),
            turns: evidence.turns,
            tool_calls: evidence.tool_call_count(),
            denied: evidence.denied.len(),
            steers_lost: evidence.steers.lost,
            tokens: evidence.usage.work_tokens(),
            cost_usd: evidence.usage.cost_usd,
            overlaps: evidence
                .overlaps
                .iter()
                .take(PAIRS)
                .map(|overlap| clip(&overlap.to_string(), OVERLAP_LENGTH).to_owned())
                .collect(),
            workspace: evidence.workspace.clone().map(|of| of.naming(FILES_INLINE)),
            delivered_before,
        }
    }

    /// How much there is to show.
    pub(super) fn wants(texts: &Texts) -> usize {
        let structured = texts.submitted.as_ref().map_or(0, size);
        (structured + size(&texts.result)).min(TEXT)
    }

    /// Shows what the run brought, within `limit` bytes.
    pub(super) fn show(&mut self, texts: &Texts, limit: usize) {
        let mut left = limit;
        if let Some(structured) = &texts.submitted
            && size(structured) <= left
        {
            left -= size(structured);
            self.structured = Some(structured.clone());
            self.structured_bytes = None;
        }
        let shown = beginning(&texts.result, left);
        self.result = shown.to_owned();
        self.next_cursor = (shown.len() < texts.result.len()).then(|| shown.len().to_string());
    }
}

/// The first few, shortened, and how many are left out.
fn few(failed: &[Unmet]) -> Vec<Unmet> {
    let shown = failed.iter().take(UNMET).map(|unmet| Unmet {
        what: shortened(&unmet.what, UNMET_SHOWN),
        why: shortened(&unmet.why, UNMET_SHOWN),
    });
    let more = failed.len().saturating_sub(UNMET);
    let more = (more > 0).then(|| Unmet {
        what: format!("{more} more"),
        why: "its evidence has them all".to_owned(),
    });
    shown.chain(more).collect()
}

/// Requests that wait, shortened to what a reply can hold, and how many are left out. The transcript
/// has them whole.
pub(super) fn requests(mut waiting: Vec<Waiting>, budget: usize) -> (Vec<Waiting>, usize) {
    let contents: Vec<usize> = waiting.iter().map(|it| size(&it.content)).collect();
    // Each says how much of it was cut.
    let others = size(&waiting) - contents.iter().sum::<usize>() + CUT * waiting.len();
    let shares = inline::shares(budget.saturating_sub(others), &contents);
    for (request, share) in waiting.iter_mut().zip(shares) {
        request.content = shortened(&request.content, share.max(LEAST_ASKED));
    }
    let shown = inline::fitting(&waiting, budget + LEAST_ASKED).max(1);
    let left_out = waiting.len().saturating_sub(shown);
    waiting.truncate(shown);
    (waiting, left_out)
}

/// The result of an agent, a page of it.
#[derive(Debug, Clone, Serialize)]
pub struct Resulted {
    /// The agent in one line.
    #[serde(flatten)]
    pub brief: AgentBrief,
    /// Why it ended so, for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The child's words: data, not instructions.
    pub result: String,
    /// Where the text comes from: `final`, `last_text`, `digest` (ours), `submitted` or `none`.
    pub result_from: String,
    /// What it handed in, which fits the schema that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// The size of what it handed in, where that is not shown: the view `structured` pages it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_bytes: Option<usize>,
    /// Whether what was expected holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// What was expected and does not hold, the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Unmet>,
    /// Where the task that it was for stood when it had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskStanding>,
    /// What in its words does not go with its evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// What it has asked for and nobody has answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Waiting>,
    /// To be given as `cursor` for the rest of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Resulted {
    /// With a `limit` the caller says how much of the text it wants; without one all of it together
    /// stays within a reply.
    pub(super) fn of(
        line: &Line,
        texts: &Texts,
        waiting: Vec<Waiting>,
        now_ms: i64,
        from: usize,
        limit: Option<usize>,
    ) -> Self {
        let (requests, _) = requests(waiting, REQUESTS);
        let mut page = Self {
            brief: AgentBrief::of(line, now_ms),
            detail: match limit {
                None => shortened(&line.detail, DETAIL),
                Some(_) => line.detail.clone(),
            },
            result: String::new(),
            result_from: texts.result_from.clone(),
            structured: None,
            structured_bytes: None,
            verified: texts.evidence.verified,
            failed: few(&texts.evidence.failed),
            task: texts.evidence.task.as_ref().map(TaskStanding::shortened),
            flags: texts.evidence.flags.clone(),
            requests,
            next_cursor: None,
        };
        let left = REPLY.saturating_sub(size(&page) + 64).min(TEXT);
        let mut room = left;
        // It is not paged with the text, and stands beside its first page only.
        if let Some(structured) = texts.submitted.as_ref().filter(|_| from == 0) {
            let bytes = size(structured);
            if bytes <= limit.unwrap_or(0).max(left.saturating_sub(BESIDE)) {
                page.structured = Some(structured.clone());
                room = left.saturating_sub(bytes).max(BESIDE);
            } else {
                page.structured_bytes = Some(bytes);
            }
        }
        let rest = texts.result.get(from..).unwrap_or_default();
        let shown = match limit {
            Some(limit) => clip(rest, limit.max(4)),
            // A character takes six bytes at most.
            None => beginning(rest, room.max(6)),
        };
        let to = from + shown.len();
        page.result = shown.to_owned();
        page.next_cursor = (to < texts.result.len()).then(|| to.to_string());
        page
    }
}

/// The account of an agent's current run.
#[derive(Debug, Clone, Serialize)]
pub struct Evidenced {
    /// The agent in one line.
    #[serde(flatten)]
    pub brief: AgentBrief,
    /// What it may do.
    pub permission: crate::config::Permission,
    /// The limits in force.
    pub budget: super::Budget,
    /// Its working directory.
    pub cwd: std::path::PathBuf,
    /// The provider's own session.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider_session: String,
    /// Where the result's text comes from.
    pub result_from: String,
    /// What it did, reckoned by ostler; complete once the run has ended.
    pub evidence: Evidence,
}

impl Evidenced {
    pub(super) fn of(line: &Line, texts: Texts, now_ms: i64) -> Self {
        Self {
            brief: AgentBrief::of(line, now_ms),
            permission: line.plan.launch.permission,
            budget: line.plan.budget,
            cwd: line.plan.launch.cwd.clone(),
            provider_session: texts.provider_session,
            result_from: texts.result_from,
            evidence: texts.evidence,
        }
    }

    /// The same within a reply: of long lists the last entries, and the others counted.
    #[must_use]
    pub fn inline(mut self) -> Self {
        let mut most = self.evidence.longest_list();
        while most > 0 && size(&self) > REPLY {
            most /= 2;
            self.evidence.keep_last(most);
        }
        self
    }
}

/// A stretch of an agent's log.
#[derive(Debug, Clone, Serialize)]
pub struct Transcript {
    /// The agent.
    pub id: AgentId,
    /// Where its current run stands.
    pub status: Status,
    /// The entries, oldest first.
    #[serde(flatten)]
    pub page: Page<LogEntry>,
}

impl Transcript {
    /// The same within a reply, or within four of them for a caller that names a `limit`: long entries
    /// shortened, and those behind left to the next page.
    #[must_use]
    pub fn inline(mut self, limit: Option<u32>) -> Self {
        let (most, entry) = match limit {
            None => (REPLY, inline::ENTRY),
            Some(limit) => {
                let entries = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
                (inline::ALONE, inline::ENTRY.max(inline::ALONE / entries))
            }
        };
        let items = &mut self.page.items;
        for item in items.iter_mut() {
            inline::shorten(&mut item.body, entry);
        }
        let shown = inline::fitting(items, most - 200).max(1);
        if shown < items.len() {
            items.truncate(shown);
            self.page.next_cursor = items.last().map(|last| last.seq.to_string());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_checks_that_are_left_out_are_counted() {
        let unmet = |name: &str| Unmet {
            what: name.to_owned(),
            why: "is not there".to_owned(),
        };
        let failed = ["a", "b", "c", "d", "e"].map(unmet);

        let told = few(&failed);

        let what: Vec<&str> = told.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(what, ["a", "b", "c", "2 more"]);
        assert_eq!(few(&failed[..3]), failed[..3]);
    }
}
