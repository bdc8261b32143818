//! How fast a provider is asked. When its service turns agents away, the whole provider slows down:
//! fewer of its runs may be at work, none starts before a while has passed, and it recovers step by
//! step as long as the service turns nobody away. The pace lies in the store and so holds over all ostler
//! processes of the machine; the limiter obeys it.

use std::time::Duration;

use crate::agents::record::count;
use crate::store::{Store, StoreError, statements};

statements! {
    GET = "SELECT max_live, not_before_ms, incidents FROM pace WHERE provider = $1";
    AT_WORK = "SELECT count(*) FROM run
        WHERE status = 'running' AND backing_off = 0 AND provider = $1";
    SET = "INSERT INTO pace(provider, max_live, not_before_ms, incidents)
        VALUES ($1, $2, $3, $4) ON CONFLICT (provider) DO UPDATE SET max_live = $2,
          not_before_ms = $3, incidents = $4";
    /// Answers to what was asked before the incident say nothing.
    ANSWERED = "UPDATE pace SET incidents = 0 WHERE provider = $1 AND not_before_ms <= $2";
}

/// The first wait where the service names none; it doubles with each incident.
const FIRST_WAIT_MS: i64 = 4_000;
/// The shortest wait, whatever the service says.
const SHORTEST_WAIT_MS: i64 = 1_000;
/// The longest wait that is of our own making.
const LONGEST_OWN_WAIT_MS: i64 = 5 * 60 * 1_000;
/// How far a service is believed that says when it wants to be asked again.
pub(in crate::agents) const LONGEST_WAIT_MS: i64 = 15 * 60 * 1_000;
pub(in crate::agents) const LONGEST_WAIT: Duration =
    Duration::from_millis(LONGEST_WAIT_MS.unsigned_abs());
/// One run more may be at work each time that this has passed without an incident.
const RECOVERY_MS: i64 = 10_000;
/// An incident that is over for so long says nothing about the next.
const FORGOTTEN_MS: i64 = 10 * 60 * 1_000;

/// Whether the pace `p` leaves no room at the time `$3` for one more beside `$at_work`. A wait that
/// ends behind `$5` comes from a clock that was set back.
macro_rules! leaves_no_room {
    ($at_work:expr) => {
        concat!(
            "p.not_before_ms <= $5 AND (p.not_before_ms > $3 OR \
             p.max_live + ($3 - p.not_before_ms) / 10000 <= ",
            $at_work,
            ")"
        )
    };
}
pub(in crate::agents) use leaves_no_room;

/// What a provider is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agents) struct Pace {
    /// Runs that may be at work at the same time once the wait is over.
    max_live: u32,
    /// No run starts or goes on before, in milliseconds since the Unix epoch.
    not_before_ms: i64,
    /// Incidents since the service last answered.
    incidents: u32,
}

impl Pace {
    /// How long its runs have to rest. A wait that is too long comes from a clock that was set back.
    pub(in crate::agents) fn rest(self, now_ms: i64) -> Duration {
        let rest = u64::try_from(self.not_before_ms - now_ms).unwrap_or(0);
        let rest = Duration::from_millis(rest);
        if rest > LONGEST_WAIT {
            Duration::ZERO
        } else {
            rest
        }
    }

    /// How many runs may be at work: after the wait it grows with the time that passes well.
    fn limit(self, now_ms: i64) -> u32 {
        let steps = (now_ms - self.not_before_ms).max(0) / RECOVERY_MS;
        self.max_live
            .saturating_add(u32::try_from(steps).unwrap_or(u32::MAX))
    }

    /// What follows when the service turns away one of `at_work` runs. A burst of failures is one
    /// incident: what fails while the others wait already only makes them wait longer.
    fn slowed(before: Option<Pace>, at_work: u32, retry_after_s: Option<u32>, now_ms: i64) -> Pace {
        let known = |pace: &Pace| {
            let passed = now_ms - pace.not_before_ms;
            (-LONGEST_WAIT_MS..FORGOTTEN_MS).contains(&passed)
        };
        let Some(before) = before.filter(known) else {
            return Pace {
                max_live: (at_work / 2).max(1),
                not_before_ms: now_ms + wait_ms(1, retry_after_s),
                incidents: 1,
            };
        };
        let same = now_ms < before.not_before_ms;
        let (max_live, incidents) = match same {
            true => (before.max_live, before.incidents.max(1)),
            false => (
                (before.limit(now_ms).min(at_work) / 2).max(1),
                before.incidents.saturating_add(1),
            ),
        };
        Pace {
            max_live,
            not_before_ms: before
                .not_before_ms
                .max(now_ms + wait_ms(incidents, retry_after_s)),
            incidents,
        }
    }
}

/// How long to wait after so many incidents in a row.
fn wait_ms(incidents: u32, retry_after_s: Option<u32>) -> i64 {
    let first = match retry_after_s {
        Some(seconds) => (i64::from(seconds) * 1000).clamp(SHORTEST_WAIT_MS, LONGEST_WAIT_MS),
        None => FIRST_WAIT_MS,
    };
    let doubled = first.saturating_mul(1_i64 << incidents.saturating_sub(1).min(16));
    doubled.min(LONGEST_OWN_WAIT_MS.max(first))
}

/// The pace of a provider, where it has one.
pub(in crate::agents) async fn get(
    store: &Store,
    provider: &str,
) -> Result<Option<Pace>, StoreError> {
    let row = sqlx::query_as(GET)
        .bind(provider)
        .fetch_optional(store.read())
        .await?;
    Ok(row.map(pace))
}

/// The service has turned a run of `provider` away.
pub(in crate::agents) async fn slow_down(
    store: &Store,
    provider: &str,
    retry_after_s: Option<u32>,
    now_ms: i64,
) -> Result<Pace, StoreError> {
    let mut tx = store.begin().await?;
    let before = sqlx::query_as(GET)
        .bind(provider)
        .fetch_optional(&mut *tx)
        .await?
        .map(pace);
    let at_work: i64 = sqlx::query_scalar(AT_WORK)
        .bind(provider)
        .fetch_one(&mut *tx)
        .await?;
    let slowed = Pace::slowed(before, count(at_work), retry_after_s, now_ms);
    sqlx::query(SET)
        .bind(provider)
        .bind(i64::from(slowed.max_live))
        .bind(slowed.not_before_ms)
        .bind(i64::from(slowed.incidents))
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await?;
    Ok(slowed)
}

/// The service has answered a run of `provider`: the next incident is the first of its row.
pub(in crate::agents) async fn answered(
    store: &Store,
    provider: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    // Nearly always there is nothing to write.
    let seen = get(store, provider).await?;
    if seen.is_none_or(|pace| pace.incidents == 0 || now_ms < pace.not_before_ms) {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    sqlx::query(ANSWERED)
        .bind(provider)
        .bind(now_ms)
        .execute(&mut *tx)
        .await?;
    store.commit(tx).await
}

fn pace((max_live, not_before_ms, incidents): (i64, i64, i64)) -> Pace {
    Pace {
        max_live: count(max_live),
        not_before_ms,
        incidents: count(incidents),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    #[test]
    fn the_first_refusal_halves_what_is_at_work_and_waits_as_told() {
        for (at_work, max_live) in [(8, 4), (5, 2), (1, 1), (0, 1)] {
            let pace = Pace::slowed(None, at_work, Some(7), NOW);
            assert_eq!(
                (pace.max_live, pace.not_before_ms - NOW),
                (max_live, 7_000),
                "{at_work}"
            );
        }
    }

    #[test]
    fn a_burst_is_one_incident_and_a_refusal_after_the_wait_another() {
        let first = Pace::slowed(None, 8, None, NOW);
        let burst = Pace::slowed(Some(first), 7, None, NOW + 1_000);
        assert_eq!((first.max_live, burst.max_live), (4, 4));
        assert_eq!(burst.not_before_ms - NOW, 1_000 + FIRST_WAIT_MS);
        let second = Pace::slowed(Some(burst), 4, None, burst.not_before_ms);
        assert_eq!(second.max_live, 2);
        assert_eq!(
            second.not_before_ms - burst.not_before_ms,
            2 * FIRST_WAIT_MS
        );
        let later = second.not_before_ms + FORGOTTEN_MS;
        assert_eq!(
            Pace::slowed(Some(second), 8, None, later),
            Pace::slowed(None, 8, None, later),
            "what is long past is forgotten"
        );
    }

    #[test]
    fn a_wait_is_never_shortened_by_the_refusal_of_another() {
        let first = Pace::slowed(None, 4, Some(60), NOW);
        let second = Pace::slowed(Some(first), 4, Some(1), NOW + 10);
        assert_eq!(second.not_before_ms, first.not_before_ms);
    }

    #[test]
    fn waits_are_bounded_whatever_the_service_says() {
        for (incidents, retry_after_s, expected) in [
            (1, None, FIRST_WAIT_MS),
            (3, None, 4 * FIRST_WAIT_MS),
            (u32::MAX, None, LONGEST_OWN_WAIT_MS),
            (1, Some(0), SHORTEST_WAIT_MS),
            (4, Some(1), 8_000),
            (u32::MAX, Some(1), LONGEST_OWN_WAIT_MS),
            (1, Some(600), 600_000),
            (9, Some(600), 600_000),
            (1, Some(u32::MAX), LONGEST_WAIT_MS),
        ] {
            assert_eq!(
                wait_ms(incidents, retry_after_s),
                expected,
                "{incidents} {retry_after_s:?}"
            );
        }
    }

    #[test]
    fn it_recovers_one_by_one_with_the_time_that_passes_well() {
        let pace = Pace::slowed(None, 4, Some(1), NOW);
        let steps: Vec<u32> = (0..6)
            .map(|step| pace.limit(pace.not_before_ms + step * RECOVERY_MS / 2))
            .collect();
        assert_eq!(steps, [2, 2, 3, 3, 4, 4]);
        let later = pace.not_before_ms + 4 * RECOVERY_MS;
        let again = Pace::slowed(Some(pace), 8, Some(1), later);
        assert_eq!(again.max_live, 3, "half of what it had recovered to");
    }

    #[test]
    fn an_answer_ends_the_row_of_incidents() {
        let first = Pace::slowed(None, 4, None, NOW);
        let answered = Pace {
            incidents: 0,
            ..first
        };
        let later = first.not_before_ms + 1;
        let waits = [first, answered]
            .map(|before| Pace::slowed(Some(before), 4, None, later).not_before_ms - later);
        assert_eq!(waits, [2 * FIRST_WAIT_MS, FIRST_WAIT_MS]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_for_years() {
        let future = Pace::slowed(None, 4, None, NOW + (1 << 40));
        let pace = Pace::slowed(Some(future), 4, None, NOW);
        assert_eq!(pace.not_before_ms - NOW, FIRST_WAIT_MS);
    }

    proptest::proptest! {
        #[test]
        fn somebody_may_always_work_and_nobody_waits_for_ever(
            refusals in proptest::collection::vec(
                (0_u32..70, proptest::option::of(0_u32..10_000), 0_i64..900_000),
                1..60,
            ),
        ) {
            let (mut pace, mut now_ms): (Option<Pace>, i64) = (None, NOW);
            for (at_work, retry_after_s, passed) in refusals {
                now_ms += passed;
                let slowed = Pace::slowed(pace, at_work, retry_after_s, now_ms);
                assert!(slowed.max_live >= 1);
                assert!(slowed.not_before_ms > now_ms);
                assert!(slowed.not_before_ms <= now_ms + LONGEST_WAIT_MS);
                pace = Some(slowed);
            }
        }
    }
}
