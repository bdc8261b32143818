//! Leaving a service alone that has failed, so that not every question waits for it again.

use std::time::{Duration, Instant};

use super::why::Why;

/// For how long.
const REST: Duration = Duration::from_secs(30);

/// Whether a service is left alone.
#[derive(Default)]
pub(super) struct Breaker {
    failed: Option<(Instant, String)>,
}

impl Breaker {
    /// What has happened, while it is left alone.
    pub(super) fn resting(&self, now: Instant) -> Option<Why> {
        let (at, why) = self.failed.as_ref()?;
        let left = REST.checked_sub(now.saturating_duration_since(*at))?;
        (!left.is_zero()).then(|| Why::Resting {
            why: why.clone(),
            left,
        })
    }

    /// It has failed.
    pub(super) fn failed(&mut self, now: Instant, why: &Why) {
        self.failed = Some((now, why.to_string()));
    }

    /// It has answered.
    pub(super) fn answered(&mut self) {
        self.failed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_left_alone_for_half_a_minute_after_a_failure() {
        let began = Instant::now();
        let mut breaker = Breaker::default();
        assert!(breaker.resting(began).is_none());
        breaker.failed(began, &Why::Busy { again: None });
        let later = began + Duration::from_secs(10);
        let told = breaker.resting(later).unwrap().to_string();
        assert_eq!(
            told,
            "the service for embeddings has too many requests (asked again in 20 s)"
        );
        assert!(breaker.resting(began + REST).is_none());
        breaker.failed(later, &Why::Busy { again: None });
        breaker.answered();
        assert!(breaker.resting(later).is_none());
    }
}
