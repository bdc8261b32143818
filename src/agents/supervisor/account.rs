//! What a run has done, kept event by event: evidence, log, progress.

use super::handover::ASKS_AGAIN;
use super::{Run, WRAP_UP};
use crate::agents::record::Progress;
use crate::providers::Event;

/// Meaningless lines of a run that go into the log; all are counted.
const NOISE_LOGGED: u32 = 100;

impl Run {
    /// Keeps the account and the log of an event.
    pub(super) async fn account(&mut self, event: &Event) {
        let now_ms = self.bench.clock.now_ms();
        let own_steer =
            matches!(event, Event::SteerDelivered { id, .. } if id == WRAP_UP || id == ASKS_AGAIN);
        if !own_steer {
            self.ledger.observe(event);
        }
        self.radar.observe(event);
        self.follow(event).await;
        match event {
            // Every turn of a session begins with it; the log needs it once.
            Event::Started { session, .. } if self.started => {
                tracing::trace!(session, "another turn");
                return;
            }
            Event::Started { session, .. } => {
                self.started = true;
                self.bench
                    .journal
                    .warm(&self.job.subject, now_ms, session)
                    .await;
            }
            Event::Text { text } if !text.trim().is_empty() => self.last_text.clone_from(text),
            Event::Stepped => self.turn_ended = false,
            Event::TurnEnded { text, .. } => {
                self.turn_ended = true;
                if !text.trim().is_empty() {
                    // What answers only our own message must not replace the answer it had given.
                    let before = match std::mem::take(&mut self.answers_wrap_up) {
                        true if !self.final_text.is_empty() => {
                            format!("{}\n\n", self.final_text)
                        }
                        _ => String::new(),
                    };
                    self.final_text = before + text;
                }
            }
            Event::SteerDelivered { id, .. } if id == WRAP_UP => {
                self.answers_wrap_up = self.turn_ended;
            }
            Event::SteerDelivered { id, .. } if !own_steer => {
                self.bench.journal.delivered(id, now_ms).await;
            }
            _ => {}
        }
        let flood =
            matches!(event, Event::Noise { .. }) && self.ledger.evidence.noise_lines > NOISE_LOGGED;
        if !flood {
            self.bench
                .journal
                .event(&self.job.subject, now_ms, event)
                .await;
        }
        let evidence = &self.ledger.evidence;
        let progress = Progress {
            turns: evidence.turns,
            tool_calls: evidence.tool_call_count(),
            last_tool: self.ledger.last_tool.clone(),
            usage: evidence.usage.clone(),
            // A noisy child is a live one, but a second is exact enough for those who watch.
            active_ms: now_ms - now_ms.rem_euclid(1000),
            retrying: self.ledger.retrying.clone(),
            backoff: None,
        };
        if progress != self.progress {
            self.progress = progress.clone();
            self.bench
                .journal
                .progress(&self.job.subject, now_ms, progress)
                .await;
        }
    }

    pub(super) async fn log(&self, kind: &'static str, body: serde_json::Value) {
        let now_ms = self.bench.clock.now_ms();
        self.bench
            .journal
            .log(&self.job.subject, now_ms, kind, body)
            .await;
    }
}
