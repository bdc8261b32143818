//! How an overlap is told: the other agent, and the files that both have changed while both were at
//! work.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::AgentId;

/// Other agents named with one run.
const OTHERS: usize = 10;
/// Files named with each.
const FILES: usize = 20;
/// Files named on a line.
const ON_A_LINE: usize = 3;

/// Files that another agent has changed as well while both were at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The other agent.
    pub agent: AgentId,
    /// The files, relative to the top of the working tree.
    pub files: Vec<String>,
    /// Further files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Overlap {
    /// An overlap with `agent` in `files`, cut to a size.
    pub(in crate::agents) fn with(agent: AgentId, mut files: Vec<String>) -> Self {
        let more = files.len().saturating_sub(FILES);
        files.truncate(FILES);
        Self { agent, files, more }
    }

    /// The overlaps of one run from their rows, sorted by agent.
    pub(in crate::agents) fn gathered(rows: impl Iterator<Item = (AgentId, String)>) -> Vec<Self> {
        let mut others: Vec<(AgentId, Vec<String>)> = Vec::new();
        for (other, path) in rows {
            match others.last_mut().filter(|(last, _)| *last == other) {
                Some((_, paths)) => paths.push(path),
                None => others.push((other, vec![path])),
            }
        }
        others
            .into_iter()
            .take(OTHERS)
            .map(|(other, paths)| Self::with(other, paths))
            .collect()
    }
}

/// One line: `a-000002: src/main.rs, README.md and 2 more`.
impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.files.iter().take(ON_A_LINE);
        let names: Vec<&str> = shown.map(String::as_str).collect();
        write!(f, "{}: {}", self.agent, names.join(", "))?;
        match self.files.len() - names.len() + self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: u32) -> AgentId {
        AgentId::stored(format!("a-{number:06}"))
    }

    #[test]
    fn rows_are_gathered_by_agent_and_cut() {
        let many = (0..30).map(|at| (agent(1), format!("f{at:02}")));
        let others = (2..20).map(|at| (agent(at), "g".to_owned()));
        let gathered = Overlap::gathered(many.chain(others));
        assert_eq!(gathered.len(), OTHERS);
        let first = gathered.first().unwrap();
        assert_eq!((first.files.len(), first.more), (FILES, 10));
        assert_eq!(first.to_string(), "a-000001: f00, f01, f02 and 27 more");
        assert_eq!(gathered.get(1).unwrap().to_string(), "a-000002: g");
    }
}
