//! Which agent of a group did best: what was verified first, then how the run ended, then what it
//! took. What cannot be told apart has no best.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use crate::agents::lifecycle::Status;
use crate::ids::{AgentId, GroupId};

/// The agents of a group, best first, once all of them have ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// The group.
    pub id: GroupId,
    /// Its agents.
    pub ranking: Vec<Ranked>,
    /// The first, where it is verified or completed and really before the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<AgentId>,
}

/// One place of a ranking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The agent.
    pub id: AgentId,
    /// Whether what was expected of it holds; absent when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// How its run ended.
    pub status: Status,
    /// What put it there, in a few words.
    pub why: String,
}

/// What counts of an ended run.
#[derive(Debug, Clone)]
pub(in crate::agents) struct Standing {
    id: AgentId,
    verified: Option<bool>,
    status: Status,
    reason: String,
    failed_checks: usize,
    turns: u64,
    cost_usd: Option<f64>,
}

impl Standing {
    /// Reads it from the run's evidence as it was stored: an account of an older version lacks what
    /// later ones reckon.
    pub(in crate::agents) fn of(
        id: AgentId,
        status: Status,
        reason: String,
        evidence: &Value,
    ) -> Self {
        let verified = evidence.get("verified").and_then(Value::as_bool);
        let failed = evidence.get("failed").and_then(Value::as_array);
        Self {
            id,
            verified,
            status,
            reason,
            failed_checks: match verified {
                Some(false) => failed.map_or(1, Vec::len).max(1),
                _ => 0,
            },
            turns: evidence.get("turns").and_then(Value::as_u64).unwrap_or(0),
            cost_usd: evidence.pointer("/usage/cost_usd").and_then(Value::as_f64),
        }
    }

    fn is_done(&self) -> bool {
        match self.verified {
            Some(verified) => verified,
            None => self.status == Status::Completed,
        }
    }

    fn why(&self) -> String {
        let mut why = match (self.verified, self.failed_checks) {
            (Some(true), _) => "verified".to_owned(),
            (Some(false), 1) => "1 check failed".to_owned(),
            (Some(false), failed) => format!("{failed} checks failed"),
            (None, _) if self.reason.is_empty() => self.status.to_string(),
            (None, _) => format!("{} ({})", self.status, self.reason),
        };
        let plural = if self.turns == 1 { "" } else { "s" };
        why.push_str(&format!(", {} turn{plural}", self.turns));
        if let Some(cost) = self.cost_usd {
            why.push_str(&format!(", ${cost:.4}"));
        }
        why
    }
}

/// Puts ended agents of `group` in order. Who stands the same keeps the order given.
pub(in crate::agents) fn rank(group: GroupId, mut standings: Vec<Standing>) -> Ranking {
    // Costs of some are no measure for all.
    let by_cost = standings.iter().all(|one| one.cost_usd.is_some());
    standings.sort_by(|a, b| compare(a, b, by_cost));
    let best = match standings.as_slice() {
        [first, second, ..] if compare(first, second, by_cost) == Ordering::Equal => None,
        [first, ..] if first.is_done() => Some(first.id.clone()),
        _ => None,
    };
    let ranking = standings
        .into_iter()
        .map(|standing| Ranked {
            why: standing.why(),
            id: standing.id,
            verified: standing.verified,
            status: standing.status,
        })
        .collect();
    Ranking {
        id: group,
        ranking,
        best,
    }
}

fn compare(a: &Standing, b: &Standing, by_cost: bool) -> Ordering {
    let unverified = |one: &Standing| one.verified != Some(true);
    let cost = |one: &Standing| one.cost_usd.filter(|_| by_cost).unwrap_or_default();
    unverified(a)
        .cmp(&unverified(b))
        .then(place(a.status).cmp(&place(b.status)))
        .then(a.failed_checks.cmp(&b.failed_checks))
        .then(cost(a).total_cmp(&cost(b)))
        .then(a.turns.cmp(&b.turns))
}

fn place(status: Status) -> u8 {
    match status {
        Status::Completed => 0,
        Status::Steered => 1,
        Status::Aborted => 2,
        Status::Stopped | Status::Error | Status::Queued | Status::Running => 3,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Ranks runs given as status and evidence: their places in the order given, and the best.
    fn ranked(runs: &[(Status, Value)]) -> (Vec<usize>, Option<usize>) {
        let id = |at: usize| AgentId::parse(&format!("a-00000{at}")).unwrap();
        let standings = runs
            .iter()
            .enumerate()
            .map(|(at, (status, evidence))| Standing::of(id(at), *status, String::new(), evidence));
        let group = GroupId::parse("g-000000").unwrap();
        let ranking = rank(group, standings.collect());
        let place = |id: &AgentId| id.as_str().chars().last().unwrap() as usize - '0' as usize;
        let places = ranking.ranking.iter().map(|one| place(&one.id)).collect();
        (places, ranking.best.as_ref().map(place))
    }

    fn run(turns: u32, cost: f64) -> Value {
        json!({ "turns": turns, "usage": { "cost_usd": cost } })
    }

    #[test]
    fn what_is_verified_comes_before_what_has_only_completed() {
        let runs = [
            (Status::Completed, json!({})),
            (Status::Steered, json!({ "verified": true })),
            (Status::Completed, json!({ "verified": false })),
        ];
        assert_eq!(ranked(&runs), (vec![1, 0, 2], Some(1)));
    }

    #[test]
    fn then_counts_how_the_run_ended() {
        let runs = [
            Status::Error,
            Status::Aborted,
            Status::Stopped,
            Status::Steered,
            Status::Completed,
        ]
        .map(|status| (status, json!({})));
        assert_eq!(ranked(&runs), (vec![4, 3, 1, 0, 2], Some(4)));
    }

    #[test]
    fn then_how_many_checks_failed_and_then_what_it_took() {
        let failed = |checks: &[&str]| json!({ "verified": false, "failed": checks });
        let runs = [
            (Status::Completed, failed(&["a", "b"])),
            (Status::Completed, failed(&["a"])),
        ];
        assert_eq!(ranked(&runs), (vec![1, 0], None), "none of them is good");
        let runs = [
            (Status::Completed, run(1, 0.3)),
            (Status::Completed, run(9, 0.1)),
            (Status::Completed, run(3, 0.1)),
        ];
        assert_eq!(ranked(&runs), (vec![2, 1, 0], Some(2)));
    }

    #[test]
    fn costs_that_only_some_tell_do_not_count() {
        let runs = [
            (Status::Completed, json!({ "turns": 2 })),
            (Status::Completed, run(1, 0.3)),
        ];
        assert_eq!(ranked(&runs), (vec![1, 0], Some(1)));
    }

    #[test]
    fn who_stands_the_same_keeps_its_place_and_is_not_the_best() {
        let runs = [
            (Status::Completed, run(2, 0.1)),
            (Status::Completed, run(2, 0.1)),
            (Status::Error, run(0, 0.0)),
        ];
        assert_eq!(ranked(&runs), (vec![0, 1, 2], None));
        assert_eq!(ranked(&runs[1..]), (vec![0, 1], Some(0)));
        assert_eq!(ranked(&runs[2..]), (vec![0], None));
    }

    #[test]
    fn why_is_a_few_words() {
        let why = |status, reason: &str, evidence: Value| {
            let id = AgentId::parse("a-000000").unwrap();
            Standing::of(id, status, reason.to_owned(), &evidence).why()
        };
        let verified = json!({ "verified": true, "turns": 1, "usage": { "cost_usd": 0.01234 } });
        assert_eq!(
            why(Status::Completed, "", verified),
            "verified, 1 turn, $0.0123"
        );
        let failed = json!({ "verified": false, "failed": ["a", "b"], "turns": 3 });
        assert_eq!(
            why(Status::Completed, "", failed),
            "2 checks failed, 3 turns"
        );
        assert_eq!(
            why(Status::Error, "owner_lost", json!({})),
            "error (owner_lost), 0 turns"
        );
    }
}
