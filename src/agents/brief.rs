//! What callers are shown of agents: lean, bounded, and clear about whose words a text is.

use serde::Serialize;

use super::crew::Waiting;
use super::evidence::Evidence;
use super::lifecycle::Status;
use super::record::{Backoff, Line, LogEntry, Page, Texts};
use crate::config::Limit;
use crate::ids::{AgentId, GroupId};
use crate::providers::clip;

/// Bytes of a result that are handed out at once; the rest is paged.
const RESULT_INLINE: usize = 6 * 1024;
/// Live or unread agents named by a catch-up; more are counted.
const NAMED: usize = 8;

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
    pub(super) fn of(line: &Line, texts: &Texts, delivered_before: bool) -> Self {
        let evidence = &texts.evidence;
        let shown = if delivered_before {
            ""
        } else {
            clip(&texts.result, RESULT_INLINE)
        };
        Self {
            id: line.id.clone(),
            label: line.label.clone(),
            status: line.status,
            reason: line.reason.clone(),
            detail: line.detail.clone(),
            run_no: line.run_no,
            result: shown.to_owned(),
            result_from: texts.result_from.clone(),
            next_cursor: (shown.len() < texts.result.len()).then(|| shown.len().to_string()),
            turns: evidence.turns,
            tool_calls: evidence.tool_call_count(),
            denied: evidence.denied.len(),
            steers_lost: evidence.steers.lost,
            tokens: evidence.usage.work_tokens(),
            cost_usd: evidence.usage.cost_usd,
            delivered_before,
        }
    }
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
    /// Where the text comes from: `final`, `last_text`, `digest` (ours) or `none`.
    pub result_from: String,
    /// What it has asked for and nobody has answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Waiting>,
    /// To be given as `cursor` for the rest of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Resulted {
    pub(super) fn of(
        line: &Line,
        texts: &Texts,
        requests: Vec<Waiting>,
        now_ms: i64,
        from: usize,
        limit: Option<usize>,
    ) -> Self {
        let rest = texts.result.get(from..).unwrap_or_default();
        let page = clip(rest, limit.unwrap_or(RESULT_INLINE).max(4));
        let to = from + page.len();
        Self {
            brief: AgentBrief::of(line, now_ms),
            detail: line.detail.clone(),
            result: page.to_owned(),
            result_from: texts.result_from.clone(),
            requests,
            next_cursor: (to < texts.result.len()).then(|| to.to_string()),
        }
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

/// What a fresh or compacted session must know.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CatchUp {
    /// Live agents, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<String>,
    /// Ended agents whose result nobody has read, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Further agents of either kind.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// What to do next.
    pub next: &'static str,
}

impl CatchUp {
    pub(super) fn of(lines: &[Line], now_ms: i64) -> Self {
        let mut catch_up = CatchUp {
            more: lines.len().saturating_sub(NAMED),
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
        catch_up.next = match (catch_up.live.is_empty(), catch_up.unread.is_empty()) {
            (true, true) => "nothing is open",
            (_, false) => "get_agent reads an unread result; list_agents shows all",
            (false, true) => "wait_agents collects results; list_agents shows all",
        };
        catch_up
    }
}
