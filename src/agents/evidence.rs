//! What a run did, reckoned from its event stream by us and not told by the model.

pub(super) mod claims;
mod overlap;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use overlap::Overlap;
use serde::{Deserialize, Serialize};

use super::assignment::TaskStanding;
use super::expect::Unmet;
use crate::providers::{Arrival, Event, Usage, clip};
use crate::workspaces::Harvest;

/// Entries kept of each list; what goes over is counted.
const KEPT: usize = 200;
const COMMAND_LENGTH: usize = 500;
/// How much is shown of the failure after which a CLI tries again.
const REASON_LENGTH: usize = 200;

/// The account of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Model steps.
    pub turns: u32,
    /// Tool calls by name, refused ones included.
    pub tool_calls: BTreeMap<String, u32>,
    /// Tool calls that failed or were refused, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub failed_calls: BTreeMap<String, u32>,
    /// Shell commands, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandRun>,
    /// Files that the child's editing tools wrote.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub files_written: BTreeSet<String>,
    /// Files that other agents changed as well while both were at work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// Calls beyond the agent's permission that somebody allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Allowed>,
    /// Calls that were refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denied>,
    /// Tokens and cost of this run.
    pub usage: Usage,
    /// Limits that were reached, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits_hit: Vec<String>,
    /// What became of messages sent into the run.
    pub steers: SteerTally,
    /// How the delivered ones came to the model.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arrivals: BTreeMap<Arrival, u32>,
    /// Failures of the model API that the CLI tried again.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// How often the model service turned the run away and it went on later in another process.
    #[serde(skip_serializing_if = "is_zero")]
    pub backoffs: u32,
    /// Lines that meant nothing in the protocol.
    #[serde(skip_serializing_if = "is_zero")]
    pub noise_lines: u32,
    /// Entries that did not fit in the lists above.
    #[serde(skip_serializing_if = "is_zero")]
    pub entries_left_out: u32,
    /// Processes of the child that could not be removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes_left: Vec<String>,
    /// The model that answered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What its own working tree has come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Harvest>,
    /// Commits that were made in its directory while it ran, oldest first, by their full hashes; told
    /// of runs with a task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<String>,
    /// Where the task that it was for stood when it had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskStanding>,
    /// Whether what was expected of the run holds, as ostler found; absent where nothing was, and
    /// for a run that was stopped or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// What was expected and does not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Unmet>,
    /// What in the final text does not go with this account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// What the agents that worked for it have used up, beside its own `usage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested: Option<Nested>,
}

/// The spend of all agents below a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Nested {
    /// How many there were.
    pub agents: u32,
    /// Tokens, cache reads not counted.
    pub tokens: u64,
    /// US dollars, as far as their providers tell.
    pub cost_usd: f64,
}

/// One shell command of the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// The command line, cut at 500 bytes.
    pub command: String,
    /// Its exit code; absent while it runs, and where the protocol does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Whether the tool reported success; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
}

/// One tool call that was let through although the agent's permission does not cover it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// The tool.
    pub tool: String,
    /// Who allowed it.
    pub by: String,
}

/// One refused tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The tool.
    pub tool: String,
    /// Who refused it, and why.
    pub reason: String,
}

/// Counts of messages sent into a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SteerTally {
    /// Reached the model.
    pub delivered: u32,
    /// Did not.
    pub lost: u32,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Builds an [`Evidence`] event by event.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) evidence: Evidence,
    /// Calls in flight: name, and place in `commands` for those of a shell.
    running: HashMap<String, (String, Option<usize>)>,
    pub(super) last_tool: String,
    /// The failure after which the CLI tries again by itself; empty once it goes on.
    pub(super) retrying: String,
}

impl Ledger {
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Retrying {
                reason, attempt, ..
            } => {
                let reason = clip(reason, REASON_LENGTH);
                self.retrying = format!("{reason} (attempt {attempt})");
            }
            Event::Stepped
            | Event::Text { .. }
            | Event::Thought { .. }
            | Event::ToolStarted { .. }
            | Event::TurnEnded { .. } => self.retrying.clear(),
            _ => {}
        }
        let evidence = &mut self.evidence;
        match event {
            Event::Started { model, .. } if !model.is_empty() => evidence.model.clone_from(model),
            Event::Stepped => evidence.turns += 1,
            Event::ToolStarted {
                id, name, command, ..
            } => {
                *evidence.tool_calls.entry(name.clone()).or_default() += 1;
                self.last_tool.clone_from(name);
                let mut place = None;
                if let Some(command) = command {
                    if evidence.commands.len() < KEPT {
                        place = Some(evidence.commands.len());
                        let command = clip(command, COMMAND_LENGTH).to_owned();
                        evidence.commands.push(CommandRun {
                            command,
                            exit_code: None,
                            ok: None,
                        });
                    } else {
                        evidence.entries_left_out += 1;
                    }
                }
                self.running.insert(id.clone(), (name.clone(), place));
            }
            Event::ToolEnded {
                id, ok, exit_code, ..
            } => {
                let Some((name, place)) = self.running.remove(id) else {
                    return;
                };
                if !ok {
                    *evidence.failed_calls.entry(name).or_default() += 1;
                }
                if let Some(command) = place.and_then(|at| evidence.commands.get_mut(at)) {
                    command.ok = Some(*ok);
                    command.exit_code = *exit_code;
                }
            }
            Event::FileChanged { path } if evidence.files_written.len() < KEPT => {
                evidence.files_written.insert(path.clone());
            }
            Event::FileChanged { .. } => evidence.entries_left_out += 1,
            Event::Denied { tool, .. } => {
                self.denied(
                    tool,
                    "refused by the CLI: withheld from this agent, or against its rules",
                );
            }
            Event::Usage(usage) => evidence.usage = usage.clone().rounded(),
            Event::SteerDelivered { how, .. } => {
                evidence.steers.delivered += 1;
                *evidence.arrivals.entry(*how).or_default() += 1;
            }
            Event::Retrying { .. } => evidence.retries += 1,
            Event::Noise { .. } => evidence.noise_lines += 1,
            _ => {}
        }
    }

    pub(super) fn allowed(&mut self, tool: &str, by: &str) {
        if self.evidence.allowed.len() < KEPT {
            let (tool, by) = (tool.to_owned(), by.to_owned());
            self.evidence.allowed.push(Allowed { tool, by });
        } else {
            self.evidence.entries_left_out += 1;
        }
    }

    pub(super) fn denied(&mut self, tool: &str, reason: &str) {
        if self.evidence.denied.len() < KEPT {
            let denied = Denied {
                tool: tool.to_owned(),
                reason: reason.to_owned(),
            };
            self.evidence.denied.push(denied);
        } else {
            self.evidence.entries_left_out += 1;
        }
    }

    pub(super) fn limit_hit(&mut self, limit: &str) {
        if !self.evidence.limits_hit.iter().any(|hit| hit == limit) {
            self.evidence.limits_hit.push(limit.to_owned());
        }
    }
}

impl Evidence {
    /// All tool calls together.
    pub fn tool_call_count(&self) -> u32 {
        self.tool_calls.values().sum()
    }

    /// How many entries its longest list has.
    pub(super) fn longest_list(&self) -> usize {
        let lists = [
            self.commands.len(),
            self.files_written.len(),
            self.allowed.len(),
            self.denied.len(),
            self.failed.len(),
            self.processes_left.len(),
            self.tool_calls.len(),
            self.failed_calls.len(),
        ];
        lists.into_iter().max().unwrap_or(0)
    }

    /// Keeps the last `most` entries of every list and counts the others as left out.
    pub(super) fn keep_last(&mut self, most: usize) {
        let mut left_out = 0;
        let mut over = |length: usize| {
            let over = length.saturating_sub(most);
            left_out += u32::try_from(over).unwrap_or(u32::MAX);
            over
        };
        self.commands.drain(..over(self.commands.len()));
        self.allowed.drain(..over(self.allowed.len()));
        self.denied.drain(..over(self.denied.len()));
        self.failed.drain(..over(self.failed.len()));
        self.processes_left.drain(..over(self.processes_left.len()));
        for _ in 0..over(self.files_written.len()) {
            self.files_written.pop_first();
        }
        for _ in 0..over(self.tool_calls.len()) {
            self.tool_calls.pop_first();
        }
        for _ in 0..over(self.failed_calls.len()) {
            self.failed_calls.pop_first();
        }
        self.entries_left_out = self.entries_left_out.saturating_add(left_out);
    }

    /// A text for a run that ended without one.
    pub(super) fn digest(&self) -> String {
        let calls: Vec<String> = self
            .tool_calls
            .iter()
            .map(|(name, count)| format!("{name} x{count}"))
            .collect();
        let mut text = format!("The agent wrote no text. It took {} turns", self.turns);
        match calls.as_slice() {
            [] => text.push_str(" and called no tool."),
            calls => text.push_str(&format!(" and called {}.", calls.join(", "))),
        }
        if !self.files_written.is_empty() {
            let files: Vec<&str> = self
                .files_written
                .iter()
                .map(String::as_str)
                .take(20)
                .collect();
            text.push_str(&format!(" It wrote {}.", files.join(", ")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn shell(id: &str, command: &str) -> Event {
        Event::ToolStarted {
            id: id.to_owned(),
            name: "Bash".to_owned(),
            input: Value::Null,
            command: Some(command.to_owned()),
        }
    }

    #[test]
    fn commands_get_their_exit_codes_even_when_they_end_out_of_order() {
        let mut ledger = Ledger::default();
        ledger.observe(&shell("1", "make"));
        ledger.observe(&shell("2", "ls"));
        for (id, ok, code) in [("2", true, 0), ("1", false, 2)] {
            ledger.observe(&Event::ToolEnded {
                id: id.to_owned(),
                ok,
                exit_code: Some(code),
                output: String::new(),
            });
        }
        let codes: Vec<_> = ledger
            .evidence
            .commands
            .iter()
            .map(|c| (c.command.as_str(), c.exit_code))
            .collect();
        assert_eq!(codes, [("make", Some(2)), ("ls", Some(0))]);
        assert_eq!(ledger.evidence.tool_calls.get("Bash"), Some(&2));
        assert_eq!(
            ledger.evidence.digest(),
            "The agent wrote no text. It took 0 turns and called Bash x2."
        );
    }

    #[test]
    fn lists_are_bounded_and_say_so() {
        let mut ledger = Ledger::default();
        for number in 0..250 {
            ledger.observe(&shell(&number.to_string(), "x"));
        }
        assert_eq!(ledger.evidence.commands.len(), KEPT);
        assert_eq!(ledger.evidence.entries_left_out, 50);
        assert_eq!(ledger.evidence.tool_call_count(), 250);
    }
}
