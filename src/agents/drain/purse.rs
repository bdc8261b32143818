//! How much each of the agents may cost that are put to work next. Pure.

/// The least part of the whole with which it is worth to begin.
const LEAST_PART: f64 = 0.01;
/// The least in US dollars.
const LEAST_USD: f64 = 0.01;

/// What there is for those that are about to be put to work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Purse {
    /// How many of them it is enough for.
    pub(crate) starts: usize,
    /// For each of them; `None`: no limit.
    pub(crate) share_usd: Option<f64>,
    /// It is not enough for a single one.
    pub(crate) is_empty: bool,
}

impl Purse {
    pub(crate) fn unlimited(starts: usize) -> Self {
        Self {
            starts,
            share_usd: None,
            is_empty: false,
        }
    }

    /// `left_usd` of `most_usd`, which all together may cost, among as many of `starts` agents as can
    /// do something with their share.
    pub(crate) fn of(most_usd: f64, left_usd: f64, starts: usize) -> Self {
        let least = (most_usd * LEAST_PART).max(LEAST_USD).min(most_usd);
        let mut shares = (1..=starts).rev().map(|of| (of, left_usd / of as f64));
        let enough = shares.find(|(_, share)| *share >= least);
        Self {
            starts: enough.map_or(0, |(starts, _)| starts),
            share_usd: enough.map(|(_, share)| share),
            is_empty: starts > 0 && enough.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purse(starts: usize, share_usd: f64) -> Purse {
        Purse {
            starts,
            share_usd: Some(share_usd),
            is_empty: false,
        }
    }

    #[test]
    fn all_shares_together_are_what_is_left() {
        assert_eq!(Purse::of(10.0, 6.0, 3), purse(3, 2.0));
        assert_eq!(Purse::of(10.0, 6.0, 1), purse(1, 6.0));
    }

    #[test]
    fn with_next_to_nothing_fewer_begin_and_then_none() {
        assert_eq!(Purse::of(10.0, 0.25, 3), purse(2, 0.125));
        let empty = Purse {
            starts: 0,
            share_usd: None,
            is_empty: true,
        };
        assert_eq!(Purse::of(10.0, 0.09, 3), empty);
        assert_eq!(Purse::of(0.5, 0.009, 1), empty);
        assert_eq!(Purse::of(1.0, -0.2, 1), empty);
        // Nobody is kept from what is little from the beginning.
        assert_eq!(Purse::of(0.005, 0.005, 1), purse(1, 0.005));
    }

    #[test]
    fn where_nobody_begins_nothing_is_short() {
        assert!(!Purse::of(1.0, 0.0, 0).is_empty);
        assert_eq!(Purse::unlimited(2).share_usd, None);
    }
}
