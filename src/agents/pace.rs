//! How fast a provider is asked. When its service turns agents away, the whole provider slows down:
//! fewer of its runs may be at work, none starts before a while has passed, and it recovers step by
//! step as the service answers again. The pace lies in the store and so holds over all ostler
//! processes of the machine; the limiter obeys it.

use std::time::Duration;

use super::record::count;
use crate::store::{Store, StoreError, statements};

statements! {
    GET = "SELECT max_live, not_before_ms, incidents, changed_ms FROM pace WHERE provider = $1";
    AT_WORK = "SELECT count(*) FROM run
        WHERE status = 'running' AND backing_off = 0 AND provider = $1";
    SET = "INSERT INTO pace(provider, max_live, not_before_ms, incidents, changed_ms)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (provider) DO UPDATE SET max_live = $2,
          not_before_ms = $3, incidents = $4, changed_ms = $5";
    LIFT = "DELETE FROM pace WHERE provider = $1";
}

/// The first wait where the service names none; it doubles with each incident.
const FIRST_WAIT_MS: i64 = 4_000;
/// The shortest wait, whatever the service says.
const SHORTEST_WAIT_MS: i64 = 1_000;
/// The longest wait that is of our own making.
const LONGEST_OWN_WAIT_MS: i64 = 5 * 60 * 1_000;
/// How far a service is believed that says when it wants to be asked again.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1_000;
/// Between two steps of the recovery.
const RECOVERY_MS: i64 = 10_000;
/// A pace that was not touched for so long after its wait says nothing about the service any more.
pub(super) const FORGOTTEN_MS: i64 = 10 * 60 * 1_000;

/// What a provider is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Runs that may be at work at the same time.
    pub(super) max_live: u32,
    /// No run starts or goes on before, in milliseconds since the Unix epoch.
    pub(super) not_before_ms: i64,
    /// Incidents since the service last answered.
    incidents: u32,
    changed_ms: i64,
}

impl Pace {
    /// What follows when the service turns away one of `at_work` runs. A burst of failures is one
    /// incident: what fails while the others wait already only makes them wait longer.
    fn slowed(before: Option<Pace>, at_work: u32, retry_after_s: Option<u32>, now_ms: i64) -> Pace {
        let before = before.filter(|pace| pace.not_before_ms > now_ms - FORGOTTEN_MS);
        let same = before.filter(|pace| now_ms < pace.not_before_ms);
        let incidents = match (same, before) {
            (Some(pace), _) => pace.incidents.max(1),
            (None, Some(pace)) => pace.incidents.saturating_add(1),
            (None, None) => 1,
        };
        let not_before_ms = now_ms + wait_ms(incidents, retry_after_s);
        match same {
            Some(pace) => Pace {
                incidents,
                not_before_ms: not_before_ms.max(pace.not_before_ms),
                ..pace
            },
            None => Pace {
                max_live: (before.map_or(at_work, |pace| pace.max_live.min(at_work)) / 2).max(1),
                not_before_ms,
                incidents,
                changed_ms: now_ms,
            },
        }
    }

    /// What follows when the service answers: one more run may be at work, at most once in
    /// [`RECOVERY_MS`]. `None`: the limiter alone, which lets `max_concurrent` through, is enough.
    fn quickened(self, max_concurrent: u32, now_ms: i64) -> Option<Pace> {
        // Answers to what was asked before the incident say nothing.
        if now_ms < self.not_before_ms {
            return Some(self);
        }
        let since = self.changed_ms.max(self.not_before_ms);
        let max_live = match now_ms - since {
            ..RECOVERY_MS => self.max_live,
            _ => self.max_live.saturating_add(1),
        };
        (max_live < max_concurrent).then_some(Pace {
            max_live,
            incidents: 0,
            changed_ms: if max_live > self.max_live {
                now_ms
            } else {
                self.changed_ms
            },
            ..self
        })
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
pub(super) async fn get(store: &Store, provider: &str) -> Result<Option<Pace>, StoreError> {
    let row = sqlx::query_as(GET)
        .bind(provider)
        .fetch_optional(store.read())
        .await?;
    Ok(row.map(pace))
}

/// The service has turned a run of `provider` away.
pub(super) async fn slow_down(
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
    set(&mut tx, provider, slowed).await?;
    store.commit(tx).await?;
    Ok(slowed)
}

/// The service has answered a run of `provider`.
pub(super) async fn speed_up(
    store: &Store,
    provider: &str,
    max_concurrent: u32,
    now_ms: i64,
) -> Result<(), StoreError> {
    // Nearly always there is none, and nothing to write.
    let Some(seen) = get(store, provider).await? else {
        return Ok(());
    };
    if seen.quickened(max_concurrent, now_ms) == Some(seen) {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let now = sqlx::query_as(GET)
        .bind(provider)
        .fetch_optional(&mut *tx)
        .await?
        .map(pace);
    match now.map(|pace| pace.quickened(max_concurrent, now_ms)) {
        None => return Ok(()),
        Some(Some(quickened)) => set(&mut tx, provider, quickened).await?,
        Some(None) => {
            sqlx::query(LIFT).bind(provider).execute(&mut *tx).await?;
        }
    }
    store.commit(tx).await
}

async fn set(tx: &mut crate::store::Tx, provider: &str, pace: Pace) -> Result<(), StoreError> {
    sqlx::query(SET)
        .bind(provider)
        .bind(i64::from(pace.max_live))
        .bind(pace.not_before_ms)
        .bind(i64::from(pace.incidents))
        .bind(pace.changed_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn pace((max_live, not_before_ms, incidents, changed_ms): (i64, i64, i64, i64)) -> Pace {
    Pace {
        max_live: count(max_live),
        not_before_ms,
        incidents: count(incidents),
        changed_ms,
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
    fn it_recovers_one_by_one_and_is_then_lifted() {
        let mut pace = Pace::slowed(None, 4, Some(1), NOW);
        assert_eq!(
            pace.quickened(4, NOW + 500),
            Some(pace),
            "an answer within the wait says nothing"
        );
        let mut steps = Vec::new();
        let mut now_ms = pace.not_before_ms;
        while let Some(quickened) = pace.quickened(5, now_ms) {
            pace = quickened;
            steps.push(pace.max_live);
            now_ms += RECOVERY_MS / 2;
        }
        assert_eq!(steps, [2, 2, 3, 3, 4, 4]);
        let again = Pace::slowed(Some(pace), 4, Some(1), now_ms);
        assert_eq!(
            (again.max_live, again.not_before_ms - now_ms),
            (2, 1_000),
            "an answer ends the row of incidents"
        );
    }

    proptest::proptest! {
        #[test]
        fn somebody_may_always_work_and_nobody_waits_for_ever(
            happenings in proptest::collection::vec(
                (proptest::bool::ANY, 0_u32..70, proptest::option::of(0_u32..10_000), 0_i64..900_000),
                1..60,
            ),
        ) {
            let (mut pace, mut now_ms): (Option<Pace>, i64) = (None, NOW);
            for (refused, at_work, retry_after_s, passed) in happenings {
                now_ms += passed;
                pace = if refused {
                    Some(Pace::slowed(pace, at_work, retry_after_s, now_ms))
                } else {
                    pace.and_then(|pace| pace.quickened(4, now_ms))
                };
                if let Some(pace) = pace {
                    assert!(pace.max_live >= 1);
                    assert!(pace.not_before_ms <= now_ms + LONGEST_WAIT_MS);
                }
            }
        }
    }
}
