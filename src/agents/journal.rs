//! The event log of all agents of this process: one writer that commits whatever has gathered while
//! it wrote, so that many talkative children cost few commits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::evidence::{Evidence, Ledger};
use super::record::{Line, LogEntry, Progress, family, overlaps, read, steers, write};
use crate::ids::AgentId;
use crate::providers::{Arrival, Event};
use crate::store::{Store, StoreError, statements};
use crate::text::size::shortened;

statements! {
    PROGRESS = "UPDATE run SET progress = $3, changed_ms = $4, spent_tokens = $5, spent_usd = $6
        WHERE agent_id = $1 AND run_no = $2 AND status = 'running'";
    WARM = "UPDATE run SET warm = 1, provider_session = $3, changed_ms = $4
        WHERE agent_id = $1 AND run_no = $2 AND status = 'running'";
}

/// Entries that may wait; beyond that agents wait for the disk.
const WAITING: usize = 1024;
/// Entries in one commit.
const BATCH: usize = 512;
/// How often a batch is tried, after which it is given up: agents wait for the log meanwhile.
const TRIES: u32 = 5;
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Entries read at once.
const LOG_PAGE: u32 = 1000;
const TEXT_KEPT: usize = 64 * 1024;
const OUTPUT_KEPT: usize = 4 * 1024;

/// Who an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) agent: AgentId,
    pub(crate) run_no: u32,
}

enum Entry {
    Log {
        subject: Subject,
        at_ms: i64,
        kind: &'static str,
        body: Value,
    },
    Progress {
        subject: Subject,
        at_ms: i64,
        progress: Progress,
    },
    Warm {
        subject: Subject,
        at_ms: i64,
        session: String,
    },
    Delivered {
        steer: String,
        at_ms: i64,
    },
    Flush(oneshot::Sender<()>),
}

pub(crate) struct Journal {
    entries: mpsc::Sender<Entry>,
    store: Arc<Store>,
    _writer: AbortOnDropHandle<()>,
}

impl Journal {
    pub(crate) fn open(store: Arc<Store>) -> Self {
        let (entries, waiting) = mpsc::channel(WAITING);
        let writer = tokio::spawn(write_all(Arc::clone(&store), waiting));
        Self {
            entries,
            store,
            _writer: AbortOnDropHandle::new(writer),
        }
    }

    /// Logs what a child reported, long texts cut.
    pub(crate) async fn event(&self, subject: &Subject, at_ms: i64, event: &Event) {
        let Some((kind, body)) = entry(&self.store, event) else {
            return;
        };
        self.log(subject, at_ms, kind, body).await;
    }

    /// Logs what we did about a child.
    pub(crate) async fn log(&self, subject: &Subject, at_ms: i64, kind: &'static str, body: Value) {
        self.put(Entry::Log {
            subject: subject.clone(),
            at_ms,
            kind,
            body,
        })
        .await;
    }

    pub(crate) async fn progress(&self, subject: &Subject, at_ms: i64, progress: Progress) {
        self.put(Entry::Progress {
            subject: subject.clone(),
            at_ms,
            progress,
        })
        .await;
    }

    /// The session is up: its cold start is over and it can be resumed.
    pub(crate) async fn warm(&self, subject: &Subject, at_ms: i64, session: &str) {
        let session = session.to_owned();
        self.put(Entry::Warm {
            subject: subject.clone(),
            at_ms,
            session,
        })
        .await;
    }

    pub(crate) async fn delivered(&self, steer: &str, at_ms: i64) {
        self.put(Entry::Delivered {
            steer: steer.to_owned(),
            at_ms,
        })
        .await;
    }

    /// Waits until everything put in before is durable.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        self.put(Entry::Flush(done)).await;
        let _ = flushed.await;
    }

    async fn put(&self, entry: Entry) {
        // The writer ends with the journal only.
        let _ = self.entries.send(entry).await;
    }
}

async fn write_all(store: Arc<Store>, mut waiting: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let mut tries = TRIES;
        while let Err(error) = commit(&store, &batch).await {
            tries -= 1;
            tracing::error!(%error, entries = batch.len(), tries, "the log cannot be written");
            if tries == 0 {
                break;
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        for entry in batch.drain(..) {
            if let Entry::Flush(done) = entry {
                let _ = done.send(());
            }
        }
    }
}

async fn commit(store: &Store, batch: &[Entry]) -> Result<(), StoreError> {
    if batch.iter().all(|entry| matches!(entry, Entry::Flush(_))) {
        return Ok(());
    }
    // Of the progress of one run only the last in the batch is worth a write.
    let mut progress: HashMap<&Subject, (i64, &Progress)> = HashMap::new();
    let mut tx = store.begin().await?;
    for entry in batch {
        match entry {
            Entry::Log {
                subject,
                at_ms,
                kind,
                body,
            } => {
                write::log(
                    &mut tx,
                    store,
                    &subject.agent,
                    subject.run_no,
                    *at_ms,
                    kind,
                    body,
                )
                .await?;
            }
            Entry::Progress {
                subject,
                at_ms,
                progress: latest,
            } => {
                progress.insert(subject, (*at_ms, latest));
            }
            Entry::Warm {
                subject,
                at_ms,
                session,
            } => {
                sqlx::query(WARM)
                    .bind(subject.agent.as_str())
                    .bind(i64::from(subject.run_no))
                    .bind(session)
                    .bind(*at_ms)
                    .execute(&mut *tx)
                    .await?;
            }
            Entry::Delivered { steer, at_ms } => {
                steers::settle(&mut tx, steer, *at_ms).await?;
            }
            Entry::Flush(_) => {}
        }
    }
    for (subject, (at_ms, progress)) in progress {
        sqlx::query(PROGRESS)
            .bind(subject.agent.as_str())
            .bind(i64::from(subject.run_no))
            .bind(store.redact_json(progress))
            .bind(at_ms)
            .bind(i64::try_from(progress.usage.work_tokens()).unwrap_or(i64::MAX))
            .bind(progress.usage.cost_usd.unwrap_or_default())
            .execute(&mut *tx)
            .await?;
    }
    store.commit(tx).await
}

/// What the log keeps of an event; `None` for those that only change counters.
fn entry(store: &Store, event: &Event) -> Option<(&'static str, Value)> {
    // Secrets go before the cut, which might leave half of one.
    let cut = |text: &str, limit| shortened(&store.redact(text), limit);
    Some(match event {
        Event::Started { session, model } => {
            ("started", json!({ "session": session, "model": model }))
        }
        Event::Text { text } => ("text", json!({ "text": cut(text, TEXT_KEPT) })),
        Event::Thought { text } => ("thought", json!({ "text": cut(text, OUTPUT_KEPT) })),
        Event::ToolStarted {
            id,
            name,
            input,
            command,
        } => {
            let shown = command.clone().unwrap_or_else(|| input.to_string());
            let input = cut(&shown, OUTPUT_KEPT);
            (
                "tool",
                json!({ "id": id, "name": name, "input": input, "shell": command.is_some() }),
            )
        }
        Event::ToolEnded {
            id,
            ok,
            exit_code,
            output,
        } => {
            let output = cut(output, OUTPUT_KEPT);
            (
                "tool_result",
                json!({ "id": id, "ok": ok, "exit_code": exit_code, "output": output }),
            )
        }
        Event::FileChanged { path } => ("file", json!({ "path": path })),
        Event::Denied { tool, .. } => ("denied", json!({ "tool": tool, "by": "cli" })),
        Event::SteerDelivered { id, how } => ("steer_delivered", json!({ "id": id, "how": how })),
        Event::Retrying {
            reason, attempt, ..
        } => ("retry", json!({ "reason": reason, "attempt": attempt })),
        Event::TurnEnded { text, .. } => ("turn_ended", json!({ "text": cut(text, TEXT_KEPT) })),
        Event::TurnInterrupted { .. } => ("turn_interrupted", json!({})),
        Event::LimitReached { limit } => ("limit", json!({ "limit": limit })),
        Event::Failed(failure) => ("failed", json!(failure)),
        Event::Noise { line } => ("noise", json!({ "line": line })),
        Event::Stepped
        | Event::Usage(_)
        | Event::PermissionAsked { .. }
        | Event::QuestionAsked { .. }
        | Event::PermissionWithdrawn { .. } => return None,
    })
}

/// The event behind an entry that [`entry`] made, as far as an account of the run needs it.
fn event(logged: &LogEntry) -> Option<Event> {
    let text = |name: &str| {
        logged
            .body
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Some(match logged.kind.as_str() {
        "started" => Event::Started {
            session: text("session")?,
            model: text("model")?,
        },
        "tool" => Event::ToolStarted {
            id: text("id")?,
            name: text("name")?,
            input: Value::Null,
            command: match logged.body.get("shell") {
                Some(Value::Bool(true)) => text("input"),
                _ => None,
            },
        },
        "tool_result" => Event::ToolEnded {
            id: text("id")?,
            ok: logged.body.get("ok")?.as_bool()?,
            exit_code: logged
                .body
                .get("exit_code")?
                .as_i64()
                .and_then(|c| i32::try_from(c).ok()),
            output: String::new(),
        },
        "file" => Event::FileChanged {
            path: text("path")?,
        },
        "steer_delivered" => Event::SteerDelivered {
            id: text("id")?,
            how: match text("how")?.as_str() {
                "new_turn" => Arrival::NewTurn,
                "restarted" => Arrival::Restarted,
                _ => Arrival::SameTurn,
            },
        },
        "retry" => Event::Retrying {
            reason: text("reason")?,
            attempt: 0,
            class: None,
        },
        "noise" => Event::Noise {
            line: text("line")?,
        },
        _ => return None,
    })
}

/// The account of a run that has no end yet, drawn up from its log and its last progress.
pub(super) async fn evidence_so_far(store: &Store, line: &Line) -> Result<Evidence, StoreError> {
    let mut ledger = Ledger::default();
    let mut after = 0;
    loop {
        let page = read::log(store, &line.id, after, LOG_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for logged in page.iter().filter(|logged| logged.run_no == line.run_no) {
            match event(logged) {
                Some(event) => ledger.observe(&event),
                None if logged.kind == "answered" => {
                    let text = |name| logged.body.get(name).and_then(Value::as_str);
                    let tool = text("tool").unwrap_or_default();
                    let by = text("by").unwrap_or_default();
                    match text("state") {
                        Some("allowed") => ledger.allowed(tool, by),
                        Some("denied" | "expired") if !tool.is_empty() => ledger.denied(tool, by),
                        _ => {}
                    }
                }
                None if logged.kind == "backoff" => ledger.evidence.backoffs += 1,
                None if logged.kind == "denied" => {
                    let text = |name| logged.body.get(name).and_then(Value::as_str);
                    ledger.denied(
                        text("tool").unwrap_or_default(),
                        text("why").unwrap_or("cli"),
                    );
                }
                None => {}
            }
        }
    }
    let mut evidence = ledger.evidence;
    evidence.turns = line.progress.turns;
    evidence.usage = line.progress.usage.clone();
    evidence.nested = family::spent_below(store, &line.key()).await?.account();
    evidence.overlaps = overlaps::of_run(store, &line.id, line.run_no).await?;
    Ok(evidence)
}
