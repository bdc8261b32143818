//! Budgets down the tree: how much of a run's money and tokens its family has not claimed yet. A
//! claim is made before anything starts, so that two agents never count on the same dollar. Pure.
//!
//! Turns, tool calls and time are each run's own: they say how long one conversation may go on. What
//! is paid for adds up, so money and tokens are what a family shares.

use super::{Budget, LimitName};
use crate::config::Limit;

/// Which limits the caller named, so that less will not do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Insists {
    pub(crate) tokens: bool,
    pub(crate) usd: bool,
}

/// What a run has used up, or may.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Amounts<T> {
    /// Cache reads not counted.
    pub(crate) tokens: T,
    pub(crate) usd: T,
}

/// A run as far as its family's budget is concerned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    /// The run and those above it, outermost first: `/a-1:1/a-2:3/`.
    pub(crate) key: String,
    pub(crate) live: bool,
    /// Its own, without what it has let others do.
    pub(crate) spent: Amounts<f64>,
    /// `None`: unlimited.
    pub(crate) limit: Amounts<Option<f64>>,
}

/// A budget that does not fit in what is left above.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Short {
    pub(crate) limit: LimitName,
    /// What was asked for; `None` when nothing in particular was.
    pub(crate) asked: Option<f64>,
    pub(crate) left: f64,
}

/// Sums of prices are off by less.
const NOISE: f64 = 1e-9;

#[derive(Clone, Copy)]
enum Resource {
    Tokens,
    Usd,
}

impl Resource {
    fn name(self) -> LimitName {
        match self {
            Resource::Tokens => "max_tokens",
            Resource::Usd => "max_cost_usd",
        }
    }

    fn of<T: Copy>(self, amounts: &Amounts<T>) -> T {
        match self {
            Resource::Tokens => amounts.tokens,
            Resource::Usd => amounts.usd,
        }
    }

    /// The share of the first of `coming` in `left`, in whole units: as much as the others and as
    /// whoever comes after them.
    fn share(self, left: f64, coming: usize) -> f64 {
        let share = left / (coming as f64 + 1.0);
        match self {
            Resource::Tokens => share.floor(),
            Resource::Usd => (share * 1e6).floor() / 1e6,
        }
    }
}

/// Fits `budget` into what the nearest run above with a limit has left. That run's own limit was
/// claimed from the next one above it in the same way, so there is no need to look further up.
/// `coming` are the runs that are written now, this one first; `above` are the runs it will work for, outermost first, `family` every run below any of them.
pub(crate) fn claim(
    budget: &mut Budget,
    insists: Insists,
    coming: usize,
    above: &[Account],
    family: &[Account],
) -> Result<(), Short> {
    let granted = |of, wanted, insists| {
        let left = left(of, above, family);
        left.map(|left| grant(of, wanted, insists, coming, left))
            .transpose()
    };
    let tokens = budget.max_tokens.bound().map(|tokens| tokens as f64);
    if let Some(tokens) = granted(Resource::Tokens, tokens, insists.tokens)? {
        budget.max_tokens = Limit::At(tokens as u64);
    }
    let usd = budget.max_cost_usd.bound();
    if let Some(usd) = granted(Resource::Usd, usd, insists.usd)? {
        budget.max_cost_usd = Limit::At(usd);
    }
    Ok(())
}

/// What the nearest run above with a limit has left; `None` when nothing above has one.
fn left(of: Resource, above: &[Account], family: &[Account]) -> Option<f64> {
    let nearest = above.iter().rev();
    let (run, limit) = nearest
        .filter_map(|run| Some((run, of.of(&run.limit)?)))
        .next()?;
    Some(limit - of.of(&run.spent) - claimed(of, &run.key, family))
}

/// The limit of a new run where so much is left.
fn grant(
    of: Resource,
    wanted: Option<f64>,
    insists: bool,
    coming: usize,
    left: f64,
) -> Result<f64, Short> {
    let short = |asked| Short {
        limit: of.name(),
        asked,
        left: left.max(0.0),
    };
    let share = of.share(left, coming);
    match wanted.filter(|_| insists) {
        asked if share <= 0.0 => Err(short(asked)),
        Some(asked) if asked > left + NOISE => Err(short(Some(asked))),
        Some(asked) => Ok(asked),
        None => Ok(wanted.map_or(share, |wanted| wanted.min(share))),
    }
}

/// What the runs below `key` have spent, or may still: a live one all it was granted, and more if it
/// has overdrawn.
fn claimed(of: Resource, key: &str, family: &[Account]) -> f64 {
    let children = family.iter().filter(|run| parent(&run.key) == key);
    children
        .map(|run| {
            let spent = of.of(&run.spent) + claimed(of, &run.key, family);
            match of.of(&run.limit) {
                Some(granted) if run.live => spent.max(granted),
                _ => spent,
            }
        })
        .sum()
}

/// The key of the run directly above.
fn parent(key: &str) -> &str {
    let inner = key.strip_suffix('/').unwrap_or(key);
    let end = inner.rfind('/').map_or(0, |slash| slash + 1);
    inner.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Agents;

    fn run(key: &str, live: bool, spent: f64, limit: Option<f64>) -> Account {
        Account {
            key: key.to_owned(),
            live,
            spent: Amounts {
                tokens: spent * 1000.0,
                usd: spent,
            },
            limit: Amounts {
                tokens: limit.map(|usd| usd * 1000.0),
                usd: limit,
            },
        }
    }

    fn granted(asked: Option<f64>, above: &[Account], family: &[Account]) -> Result<f64, Short> {
        let mut budget = Budget::configured(&Agents::default());
        let insists = Insists {
            usd: asked.is_some(),
            tokens: false,
        };
        if let Some(usd) = asked {
            budget.max_cost_usd = Limit::At(usd);
        }
        claim(&mut budget, insists, 1, above, family)?;
        Ok(budget.max_cost_usd.bound().unwrap())
    }

    #[test]
    fn a_default_takes_half_of_what_is_left_and_a_claim_up_to_all_of_it() {
        let lead = [run("/a-1:1/", true, 1.0, Some(5.0))];
        assert_eq!(granted(None, &lead, &[]), Ok(2.0));
        let first = run("/a-1:1/a-2:1/", true, 0.5, Some(2.0));
        let family = [first];
        assert_eq!(granted(None, &lead, &family), Ok(1.0));
        assert_eq!(granted(Some(2.0), &lead, &family), Ok(2.0));
        let short = granted(Some(2.1), &lead, &family).unwrap_err();
        assert_eq!((short.asked, short.left), (Some(2.1), 2.0));
    }

    #[test]
    fn tokens_are_shared_like_money() {
        let lead = [run("/a-1:1/", true, 0.0, Some(1.0))];
        let mut budget = Budget::configured(&Agents::default());
        claim(&mut budget, Insists::default(), 1, &lead, &[]).unwrap();
        assert_eq!(budget.max_tokens, Limit::At(500));
    }

    #[test]
    fn those_that_start_together_get_the_same() {
        let lead = [run("/a-1:1/", true, 0.0, Some(4.0))];
        let mut family = Vec::new();
        for (coming, key) in [
            (3, "/a-1:1/a-2:1/"),
            (2, "/a-1:1/a-3:1/"),
            (1, "/a-1:1/a-4:1/"),
        ] {
            let mut budget = Budget::configured(&Agents::default());
            claim(&mut budget, Insists::default(), coming, &lead, &family).unwrap();
            assert_eq!(budget.max_cost_usd, Limit::At(1.0));
            family.push(run(key, true, 0.0, Some(1.0)));
        }
    }

    #[test]
    fn who_has_ended_holds_only_what_it_has_spent() {
        let lead = [run("/a-1:1/", true, 0.0, Some(5.0))];
        let family = [
            run("/a-1:1/a-2:1/", false, 1.0, Some(4.0)),
            run("/a-1:1/a-2:1/a-3:1/", false, 0.5, Some(2.0)),
        ];
        assert_eq!(granted(Some(3.5), &lead, &family), Ok(3.5));
        assert!(granted(Some(3.6), &lead, &family).is_err());
    }

    #[test]
    fn what_is_claimed_within_a_claim_is_not_counted_twice() {
        let lead = [run("/a-1:1/", true, 0.0, Some(5.0))];
        let family = [
            run("/a-1:1/a-2:1/", true, 0.5, Some(2.0)),
            run("/a-1:1/a-2:1/a-3:1/", true, 0.5, Some(1.0)),
        ];
        assert_eq!(granted(Some(3.0), &lead, &family), Ok(3.0));
        let overdrawn = [
            run("/a-1:1/a-2:1/", true, 2.5, Some(2.0)),
            run("/a-1:1/a-2:1/a-3:1/", true, 0.5, Some(1.0)),
        ];
        assert!(granted(Some(2.0), &lead, &overdrawn).is_err());
        assert_eq!(granted(Some(1.5), &lead, &overdrawn), Ok(1.5));
    }

    #[test]
    fn the_nearest_limit_above_decides_and_runs_without_one_pass_it_on() {
        let above = [
            run("/a-1:1/", true, 1.0, Some(5.0)),
            run("/a-1:1/a-2:1/", true, 1.0, None),
        ];
        let family = [above[1].clone()];
        assert_eq!(granted(Some(3.0), &above, &family), Ok(3.0));
        assert!(granted(Some(3.1), &above, &family).is_err());
    }

    #[test]
    fn nothing_left_is_nothing_to_give() {
        let lead = [run("/a-1:1/", true, 5.1, Some(5.0))];
        let short = granted(None, &lead, &[]).unwrap_err();
        assert_eq!((short.asked, short.left), (None, 0.0));
    }

    #[test]
    fn without_a_limit_above_the_budget_stays_as_it_is() {
        let lead = [run("/a-1:1/", true, 5.0, None)];
        assert_eq!(granted(Some(9.0), &lead, &[]), Ok(9.0));
    }

    #[test]
    fn another_run_of_the_same_agent_has_a_budget_of_its_own() {
        let lead = [run("/a-1:2/", true, 0.0, Some(5.0))];
        let family = [run("/a-1:1/a-2:1/", false, 5.0, Some(5.0))];
        assert_eq!(granted(Some(5.0), &lead, &family), Ok(5.0));
    }
}
