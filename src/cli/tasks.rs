//! `ostler tasks`: what is to be done, seen and changed by a person. In a process that an agent has
//! started it is the agent that asks, with what it may do.
//!
//! What a model must not do in the name of the person at its side is asked for at a terminal: to
//! delete a task, to attest with one's own eyes, to take a claim away.

mod doctor;
mod end;
mod lines;
mod list;
mod picture;
mod show;
mod transfer;
mod write;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use clap::Subcommand;

use super::output::{as_json, one_of, print};
use super::paint::Paint;
use crate::agents::Crew;
use crate::edge::{Failure, Kind as FailureKind};
use crate::host::{self, Surroundings};
use crate::tasks::{Actor, Kind, Tracker};

#[derive(Subcommand)]
pub(super) enum Tasks {
    /// List tasks: the open ones, unless another view is asked for
    List(list::List),
    /// Show a task: texts, edges, children, history
    Show(show::Show),
    /// Create a task, or many from a file
    Create(write::Create),
    /// Change a task; what is left out stays as it is
    Update(write::Update),
    /// Add to the history of a task
    Note(write::Note),
    /// Close a task; one with acceptance criteria needs something that shows that they are met
    Close(end::Close),
    /// Open a closed task again
    Reopen(end::Reopen),
    /// Take a claim away from whoever has it; needs a terminal
    Release(end::Release),
    /// Delete a task for good; needs a terminal
    Delete(end::Delete),
    /// Draw tasks below their parents
    Tree(picture::Tree),
    /// Draw what waits for what
    Graph(picture::Graph),
    /// Count anew what holds what, and say where the record differs; exit code 1 if it does
    Doctor(doctor::Doctor),
    /// Write the tasks of this project to a file, a line each, to be kept in git
    Export(transfer::Export),
    /// Take in the tasks of a file: of ostler, or of another tracker
    Import(transfer::Import),
}

impl Tasks {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let crew = host::open(&Surroundings::of_process()?).await?;
        let told = self.told(&crew, Paint::of_stdout()).await;
        crew.close().await;
        let (text, code) = told?;
        print(&text)?;
        Ok(code)
    }

    /// What there is to say, and the exit code.
    async fn told(self, crew: &Arc<Crew>, paint: Paint) -> Result<(String, u8), Failure> {
        let tracker = crew.tracker_of_person().await?;
        let text = match self {
            Tasks::List(list) => list.told(&tracker, paint).await,
            Tasks::Show(show) => show.told(&tracker, paint).await,
            Tasks::Create(create) => create.told(&tracker, paint).await,
            Tasks::Update(update) => update.told(&tracker, paint).await,
            Tasks::Note(note) => note.told(&tracker, paint).await,
            Tasks::Close(close) => close.told(crew, &tracker, paint).await,
            Tasks::Reopen(reopen) => reopen.told(&tracker, paint).await,
            Tasks::Release(release) => release.told(&tracker, paint).await,
            Tasks::Delete(delete) => delete.told(&tracker).await,
            Tasks::Tree(tree) => tree.told(&tracker, paint).await,
            Tasks::Graph(graph) => graph.told(&tracker).await,
            Tasks::Doctor(doctor) => return doctor.told(&tracker).await,
            Tasks::Export(export) => export.told(&tracker).await,
            Tasks::Import(import) => return import.told(&tracker).await,
        };
        Ok((text?, 0))
    }
}

/// Refuses what only a person may do, unless there is a terminal: a model with a shell has none. An
/// agent is refused by the tracker, or may do it.
fn only_at_terminal(tracker: &Tracker<'_>, what: &str) -> Result<(), Failure> {
    let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    if is_there || *tracker.actor() != Actor::Person {
        return Ok(());
    }
    let message = format!("{what} is for a person at a terminal");
    Err(Failure::new(FailureKind::Refused, message)
        .hint("ask the person to run this command; nothing was changed"))
}

/// The value of an option that takes one of our words.
fn kind(text: &str) -> Result<Kind, String> {
    one_of(
        Kind::parse(text),
        Kind::ALL.iter().map(|kind| kind.as_str()),
    )
}
