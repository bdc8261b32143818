//! The end of a run: what it is called, what it brought, and getting that written down.

use std::time::Duration;

use super::{Outcome, Run};
use crate::agents::evidence::claims;
use crate::agents::journal::Subject;
use crate::agents::lifecycle::Lifecycle;
use crate::agents::record::{Ending, TransitionError, write};
use crate::providers::FailureClass;

/// Between two tries to write an end that the store would not take: at first, and at most.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
const WRITE_AGAIN_AT_MOST: Duration = Duration::from_secs(30);
/// The reason of a run that did its work and handed in no result that fits.
const INVALID: &str = "invalid_result";
/// Further tries once this process is about to end.
const LAST_WRITES: u32 = 5;

impl Run {
    /// Writes the end of the run.
    pub(super) async fn conclude(mut self, outcome: Outcome) {
        let (event, reason, detail) = match outcome {
            Outcome::Finished if self.wrap_up_sent => {
                let reason = self
                    .ledger
                    .evidence
                    .limits_hit
                    .first()
                    .cloned()
                    .unwrap_or_default();
                let detail = format!("wrapped up at the limit `{reason}`");
                (
                    Lifecycle::Finish {
                        after_wrap_up: true,
                    },
                    reason,
                    detail,
                )
            }
            Outcome::Finished => (
                Lifecycle::Finish {
                    after_wrap_up: false,
                },
                String::new(),
                String::new(),
            ),
            Outcome::Cut(limit) => {
                self.ledger.limit_hit(limit);
                (Lifecycle::HardLimit, limit.to_owned(), cut_off(limit))
            }
            Outcome::CutByProvider(limit) => {
                self.ledger.limit_hit(&limit);
                let detail = cut_off(&limit);
                (Lifecycle::HardLimit, limit, detail)
            }
            Outcome::Stopped(reason) => (Lifecycle::Stop, String::new(), reason),
            Outcome::Misfit(misfits) => (Lifecycle::Fail, INVALID.to_owned(), no_result(&misfits)),
            Outcome::Failed(failure) => (Lifecycle::Fail, word(failure.class), failure.message),
        };
        let (result, result_from) = self.result(event);
        self.bench.journal.flush().await;
        let mut evidence = std::mem::take(&mut self.ledger.evidence);
        if self.may_be_doubted(event, result_from) {
            evidence.flags = claims::unfounded(&result, &evidence);
        }
        let ending = Ending {
            reason,
            detail,
            result,
            result_from,
            evidence,
        };
        self.write_end(event, &ending).await;
    }

    /// Whether what the child says can be held against the account: its own words about a whole
    /// piece of work, by a protocol that shows tool calls. A later run may speak of an earlier one.
    fn may_be_doubted(&self, event: Lifecycle, result_from: &str) -> bool {
        matches!(event, Lifecycle::Finish { .. })
            && matches!(result_from, "final" | "last_text")
            && self.job.subject.run_no == 1
            && self.capabilities.is_some_and(|can| can.turns)
    }

    /// The final text, and where it comes from.
    fn result(&mut self, event: Lifecycle) -> (String, &'static str) {
        let final_text = std::mem::take(&mut self.final_text);
        let last_text = std::mem::take(&mut self.last_text);
        if !final_text.trim().is_empty() {
            (final_text, "final")
        } else if !last_text.is_empty() {
            (last_text, "last_text")
        } else if matches!(event, Lifecycle::Finish { .. } | Lifecycle::HardLimit) {
            (self.ledger.evidence.digest(), "digest")
        } else {
            (String::new(), "none")
        }
    }

    async fn write_end(&self, event: Lifecycle, ending: &Ending) {
        let Subject { agent, run_no } = &self.job.subject;
        let scribe = &self.bench.scribe();
        let (mut pause, mut last_writes) = (WRITE_AGAIN, LAST_WRITES);
        while last_writes > 0 {
            match write::end(scribe, agent, self.job.state, event, ending.clone()).await {
                Ok(to) => {
                    tracing::info!(%agent, run_no, status = %to.status, "the run has ended");
                    return;
                }
                // Somebody else ended it. What it produced is kept; its status stays.
                Err(TransitionError::Lost | TransitionError::Illegal(_)) => {
                    if write::keep_late_result(scribe, agent, *run_no, ending)
                        .await
                        .is_ok()
                    {
                        return;
                    }
                }
                Err(TransitionError::Store(error)) => {
                    tracing::error!(%error, %agent, "the end of a run cannot be written; trying again");
                }
            }
            if self.bench.closing.is_cancelled() {
                last_writes -= 1;
                pause = WRITE_AGAIN;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(WRITE_AGAIN_AT_MOST);
        }
        tracing::error!(%agent, run_no, ?ending, "gave up writing the end of a run");
    }
}

fn no_result(misfits: &str) -> String {
    format!(
        "it handed in no result that fits `output_schema`: {misfits}. Its answer is kept. Next: \
         resume_agent asks it again"
    )
}

fn cut_off(limit: &str) -> String {
    format!("cut off at the limit `{limit}`; what it had written so far is kept")
}

fn word(class: FailureClass) -> String {
    match serde_json::to_value(class) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
