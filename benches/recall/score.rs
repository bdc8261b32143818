//! What a list of hits is worth.

use super::data::{Data, Question};

/// Of a question whose answer was superseded once, nothing stale may be among so many.
const STALE_WITHIN: usize = 5;

/// Of one question, or the mean of several.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// The share of the answers among the first 1, 5 and 10.
    pub(crate) recall: [f64; 3],
    /// 1 over the rank of the first answer.
    pub(crate) reciprocal: f64,
}

impl Score {
    /// `found` are keys, the best first. Where the question is about something that was superseded, a
    /// list with the old among the first is worth nothing.
    pub(crate) fn of(data: &Data, question: &Question, found: &[String]) -> Self {
        if misleads(data, question, found) {
            return Self::default();
        }
        let within = |first: usize| {
            let hits = found.iter().take(first);
            hits.filter(|key| question.gold.contains(key)).count() as f64
                / question.gold.len() as f64
        };
        let rank = found.iter().position(|key| question.gold.contains(key));
        Self {
            recall: [within(1), within(5), within(10)],
            reciprocal: rank.map_or(0.0, |at| 1.0 / (at + 1) as f64),
        }
    }

    pub(crate) fn mean(scores: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| {
            scores.iter().map(part).sum::<f64>() / scores.len().max(1) as f64
        };
        Self {
            recall: [
                of(|it| it.recall[0]),
                of(|it| it.recall[1]),
                of(|it| it.recall[2]),
            ],
            reciprocal: of(|it| it.reciprocal),
        }
    }
}

fn misleads(data: &Data, question: &Question, found: &[String]) -> bool {
    question.style() == "superseded"
        && question.gold.iter().any(|gold| {
            let stale = data.stale(gold);
            let mut first = found.iter().take(STALE_WITHIN);
            first.any(|key| stale.contains(&key.as_str()))
        })
}
