//! What `ostler run` says while it waits: one line that is written over again on a terminal, with a
//! clock that runs, and a line a change elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Instant;

use super::output::{duration, err};
use crate::agents::AgentBrief;
use crate::ids::AgentId;
use crate::text::one_line;

pub(super) struct Progress {
    terminal: bool,
    /// The first live agent when it last changed, when that was, and how many others live.
    seen: Option<(AgentBrief, Instant, usize)>,
    /// What was last said of each agent.
    last: HashMap<AgentId, String>,
    /// Something else is on the line.
    paused: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            seen: None,
            last: HashMap::new(),
            paused: false,
        }
    }

    /// Leaves the line to a question, until [`Progress::go_on`].
    pub(super) fn pause(&mut self) {
        self.clear();
        self.paused = true;
    }

    pub(super) fn go_on(&mut self) {
        self.paused = false;
    }

    /// Whether [`Progress::tick`] is wanted each second.
    pub(super) fn has_clock(&self) -> bool {
        self.terminal
    }

    /// An agent has changed.
    pub(super) fn show(&mut self, live: &[AgentBrief]) {
        let Some((first, others)) = live.split_first() else {
            return;
        };
        self.seen = Some((first.clone(), Instant::now(), others.len()));
        if self.terminal {
            self.tick();
            return;
        }
        for agent in live {
            let line = change(agent);
            if self.last.get(&agent.id) != Some(&line) {
                err(&format!("{line}\n"));
                self.last.insert(agent.id.clone(), line);
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self) {
        if self.paused {
            return;
        }
        let Some((agent, since, others)) = &self.seen else {
            return;
        };
        let passed = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
        let mut line = standing(agent, passed);
        if *others > 0 {
            line.push_str(&format!("  and {others} more"));
        }
        err(&format!("\r\u{1b}[K{line}"));
    }

    pub(super) fn clear(&self) {
        if self.terminal && self.seen.is_some() {
            err("\r\u{1b}[K");
        }
    }
}

fn change(agent: &AgentBrief) -> String {
    let tool = match agent.backing_off.as_str() {
        "" => one_line(&agent.last_tool, 24),
        // Without the seconds, which would make each look a change.
        _ => "waits for the model service".to_owned(),
    };
    let line = format!("{} {} turn {} {tool}", agent.id, agent.status, agent.turns);
    line.trim_end().to_owned()
}

/// The agent `passed` seconds after it was seen so.
fn standing(agent: &AgentBrief, passed: i64) -> String {
    let line = format!("{}  {} tokens", change(agent), agent.tokens);
    match agent.elapsed_s {
        Some(elapsed) => format!("{line}  {}", duration(elapsed + passed)),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::Status;

    fn agent() -> AgentBrief {
        AgentBrief {
            id: AgentId::parse("a-000000").unwrap(),
            parent: None,
            group: None,
            task_id: None,
            label: String::new(),
            status: Status::Running,
            reason: String::new(),
            run_no: 1,
            provider: "echo".to_owned(),
            turns: "1/50".to_owned(),
            waiting: String::new(),
            overlaps: 0,
            backing_off: String::new(),
            last_tool: String::new(),
            elapsed_s: Some(58),
            idle_s: None,
            tokens: 7,
            cost_usd: None,
            unread: false,
        }
    }

    #[test]
    fn the_clock_goes_on_while_nothing_changes() {
        assert_eq!(
            standing(&agent(), 3),
            "a-000000 running turn 1/50  7 tokens  1:01"
        );
    }

    #[test]
    fn who_waits_in_line_has_no_clock_yet() {
        let queued = AgentBrief {
            status: Status::Queued,
            elapsed_s: None,
            ..agent()
        };
        assert_eq!(standing(&queued, 3), "a-000000 queued turn 1/50  7 tokens");
    }
}
