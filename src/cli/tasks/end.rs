//! `ostler tasks close`, `reopen`, `release` and `delete`.

use std::io;
use std::sync::Arc;

use clap::Args;

use super::write::changed;
use super::{as_json, lines, one_of, only_at_terminal};
use crate::agents::{CloseRequest, Crew, Shown};
use crate::cli::output::err;
use crate::cli::paint::Paint;
use crate::edge::{Failure, Kind as FailureKind};
use crate::tasks::{Actor, Closed, Reason, Tracker};
use crate::text::one_line;

#[derive(Args)]
pub(in crate::cli) struct Close {
    /// The task: its id, or the beginning of it
    id: String,
    /// done, wont_do, duplicate or superseded
    #[arg(long, default_value = "done", value_parser = reason)]
    reason: Reason,
    /// Why; needed unless it is done
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    note: String,
    /// Commits that show that it is done
    #[arg(long = "commit", value_delimiter = ',', value_name = "HASHES")]
    commits: Vec<String>,
    /// A shell command that shows it: ostler runs it here, and it has to exit 0
    #[arg(long)]
    command: Option<String>,
    /// An agent that shows it: its work was verified, or it has reviewed this and approved
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What you have seen yourself that shows it; needs a terminal
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    seen: String,
    /// The number of the claim under which it is closed
    #[arg(long)]
    fence: Option<i64>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.iter().map(|reason| reason.as_str());
    one_of(Reason::parse(text), known)
}

impl Close {
    pub(super) async fn told(
        self,
        crew: &Arc<Crew>,
        tracker: &Tracker<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        if !self.seen.is_empty() {
            only_at_terminal(tracker, "attesting what was seen")?;
        }
        let request = CloseRequest {
            id: self.id,
            reason: self.reason,
            why: self.note,
            evidence: Shown {
                commits: self.commits,
                command: self.command,
                agent: self.agent,
                seen: self.seen,
            },
            fence: self.fence,
        };
        let closed = crew.close_task_of_person(&request).await?;
        match self.json {
            true => as_json(&closed),
            false => Ok(told(&closed, request.reason, paint)),
        }
    }
}

fn told(closed: &Closed, reason: Reason, paint: Paint) -> String {
    let status = paint.status(reason.as_str());
    let mut text = format!("{}  {status}\n", closed.id);
    if !closed.unblocked.is_empty() {
        text += &format!("ready now:\n{}", lines::names("  ", &closed.unblocked));
    }
    if closed.more_unblocked {
        text += "  and more: `ostler tasks list --view ready`\n";
    }
    if !closed.moot.is_empty() {
        let moot = lines::names("  ", &closed.moot);
        text += &format!("for the case that it is given up, so to be closed as wont_do:\n{moot}");
    }
    text
}

#[derive(Args)]
pub(in crate::cli) struct Reopen {
    /// The task: its id, or the beginning of it
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Reopen {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        let id = tracker.reopen(&self.id, &self.note).await?;
        changed(tracker, id.as_str(), self.json, paint).await
    }
}

#[derive(Args)]
pub(in crate::cli) struct Release {
    /// The task: its id, or the beginning of it
    id: String,
    /// Why
    #[arg(
        long,
        default_value = "taken away at the command line",
        value_name = "TEXT"
    )]
    note: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Release {
    pub(super) async fn told(self, tracker: &Tracker<'_>, paint: Paint) -> Result<String, Failure> {
        only_at_terminal(tracker, "taking a claim away")?;
        let id = tracker.release(&self.id, None, &self.note).await?;
        changed(tracker, id.as_str(), self.json, paint).await
    }
}

#[derive(Args)]
pub(in crate::cli) struct Delete {
    /// The task: its id, or the beginning of it
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Delete {
    pub(super) async fn told(self, tracker: &Tracker<'_>) -> Result<String, Failure> {
        only_at_terminal(tracker, "deleting a task")?;
        if *tracker.actor() == Actor::Person {
            let line = tracker.show(&self.id).await?.line;
            let title = one_line(&line.title, 100);
            confirmed(&format!("Delete {} {title:?} for good?", line.id))?;
        }
        let id = tracker.delete(&self.id, &self.note).await?;
        match self.json {
            true => as_json(&serde_json::json!({ "deleted": id })),
            false => Ok(format!("{id}  deleted\n")),
        }
    }
}

/// Asks whoever sits at the terminal.
fn confirmed(question: &str) -> Result<(), Failure> {
    err(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    match read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        true => Ok(()),
        false => Err(Failure::new(FailureKind::Refused, "nothing was deleted")),
    }
}
