//! `ostler memory`: what was learnt, seen and changed by a person. In a process that an agent has
//! started it is the agent that asks, with what it may do.

mod edit;
mod embed;
mod end;
mod lines;
mod list;
mod search;
mod show;
mod transfer;
mod view;
mod write;

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use clap::Subcommand;

use super::output::{as_json, err, one_of, print};
use super::paint::Paint;
use crate::agents::Crew;
use crate::edge::Failure;
use crate::host::{self, Surroundings};
use crate::memory::{Kind, Scope, Trust};

#[derive(Subcommand)]
pub(super) enum Memory {
    /// List memories, the newest first: those that hold, unless others are asked for
    List(list::List),
    /// Show a memory: its text, where it comes from, what it took the place of
    Show(show::Show),
    /// Find memories by their words, as the tool recall does
    Search(search::Search),
    /// Remember a statement
    Add(write::Add),
    /// Take memories out of every search; what was forgotten stays on record
    Forget(end::Forget),
    /// Stand for what an agent has written, so that it is relied upon
    Confirm(end::Confirm),
    /// Remove memories for good, so that their bytes are gone from the state file
    Purge(end::Purge),
    /// Write the memories of this project to a file, a line each, or as a page to be read
    Export(transfer::Export),
    /// Take in the memories of a file: of ostler, or of another program
    Import(transfer::Import),
    /// Change memories in your editor: texts, tags, importance, what is forgotten and what is new
    Edit(edit::Edit),
    /// Compare the meanings of all memories that are not compared yet
    Embed(embed::Embed),
}

impl Memory {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        // It tells how far it is while it works.
        if let Memory::Embed(embed) = self {
            return embed.run().await;
        }
        let surroundings = Surroundings::of_process()?;
        let crew = match self.only_looks() {
            true => host::open_to_look(&surroundings).await?,
            false => host::open(&surroundings).await?,
        };
        let told = self.told(&crew, Paint::of_stdout()).await;
        crew.close().await;
        let (text, code) = told?;
        print(&text)?;
        Ok(code)
    }

    /// Whether it changes nothing, but that what was found counts as used.
    fn only_looks(&self) -> bool {
        matches!(self, Memory::List(_) | Memory::Show(_) | Memory::Search(_))
    }

    /// What there is to say, and the exit code.
    async fn told(self, crew: &Arc<Crew>, paint: Paint) -> Result<(String, u8), Failure> {
        let memories = crew.memories_of_person().await?;
        let text = match self {
            Memory::List(list) => list.told(&memories, paint).await,
            Memory::Show(show) => show.told(crew, &memories, paint).await,
            Memory::Search(search) => search.told(crew, &memories, paint).await,
            Memory::Add(add) => return add.told(crew, &memories).await,
            Memory::Forget(forget) => forget.told(&memories, paint).await,
            Memory::Confirm(confirm) => confirm.told(&memories, paint).await,
            Memory::Purge(purge) => return purge.told(crew, &memories, paint).await,
            Memory::Edit(edit) => edit.told(&memories, paint).await,
            Memory::Export(export) => export.told(&memories).await,
            Memory::Import(import) => return import.told(&memories).await,
            Memory::Embed(_) => Ok(String::new()),
        };
        Ok((text?, 0))
    }
}

/// Whether a person says yes; without a terminal nobody does.
fn agreed(question: &str) -> bool {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return false;
    }
    err(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The value of an option that takes one of our words.
fn kind(text: &str) -> Result<Kind, String> {
    one_of(
        Kind::parse(text),
        Kind::ALL.iter().map(|kind| kind.as_str()),
    )
}

fn trust(text: &str) -> Result<Trust, String> {
    one_of(
        Trust::parse(text),
        Trust::ALL.iter().map(|trust| trust.as_str()),
    )
}

fn scope(text: &str) -> Result<Scope, String> {
    let known = ["project", "user", "agent:<definition>"];
    one_of(Scope::parse(text), known)
}
