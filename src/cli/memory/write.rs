//! `ostler memory add`.

use std::io::{self, Read};

use clap::Args;
use serde_json::json;

use super::{as_json, kind, scope};
use crate::agents::Crew;
use crate::edge::{Failure, Kind as FailureKind};
use crate::memory::brief::told_of_redacted;
use crate::memory::{Kept, Kind, Link, Memories, MemoryError, NewMemory, Scope};
use crate::text::one_line;

/// Longest text that is read, in bytes; the gate takes less.
const LONGEST: u64 = 1 << 20;

const AFTER: &str = "\
What says the same as a memory that is there is not kept twice: the exit code is then 4, and the one that
is there is named. --supersedes lets the new one take its place, --force keeps both.";

#[derive(Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Add {
    /// The statement; `-` reads it from standard input
    text: String,
    /// fact, decision, preference, convention, mistake, how_to or context [default: fact]
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Words to find it by
    #[arg(long = "tag", value_delimiter = ',', value_name = "TAGS")]
    tags: Vec<String>,
    /// For whom it is: project, user or agent:<definition> [default: project]
    #[arg(long, value_parser = scope)]
    scope: Option<Scope>,
    /// Who or what it is about
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    subject: String,
    /// From 0 to 1 [default: 0.5]
    #[arg(long, allow_negative_numbers = true)]
    importance: Option<f64>,
    /// What it is about: a path, the id of a task or an agent, or a commit
    #[arg(long = "link", value_name = "LINK")]
    links: Vec<String>,
    /// What it takes the place of
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    supersedes: Vec<String>,
    /// Keep it although one like it is there
    #[arg(long)]
    force: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Add {
    pub(super) async fn told(
        self,
        crew: &Crew,
        memories: &Memories<'_>,
    ) -> Result<(String, u8), Failure> {
        let top = crew.top();
        let link = |text: &String| {
            Link::parse(text, &top).map_err(|bad| MemoryError::bad_link("links", &bad))
        };
        let new = NewMemory {
            text: given(self.text)?,
            kind: self.kind,
            scope: self.scope,
            tags: self.tags,
            subject: self.subject,
            importance: self.importance,
            links: self.links.iter().map(link).collect::<Result<_, _>>()?,
            supersedes: self.supersedes,
            force: self.force,
            ..NewMemory::default()
        };
        let kept = memories.remember(&[new]).await?;
        let Some(kept) = kept.into_iter().next() else {
            return Ok((String::new(), 0));
        };
        let told = match self.json {
            true => as_json(&json(&kept))?,
            false => told(&kept),
        };
        let code = match kept {
            Kept::Known { .. } => FailureKind::Conflict.exit_code(),
            _ => 0,
        };
        Ok((told, code))
    }
}

fn told(kept: &Kept) -> String {
    match kept {
        Kept::New {
            id,
            superseded,
            redacted,
            ..
        } => {
            let old: String = superseded
                .iter()
                .map(|old| format!(" instead of {old}"))
                .collect();
            let note = told_of_redacted(redacted).map_or_else(String::new, |it| format!("{it}\n"));
            format!("{id} is kept{old}\n{note}")
        }
        Kept::Confirmed { id } => format!("{id} said so already and is confirmed now\n"),
        Kept::Known { id, text, .. } => {
            let text = one_line(text, 200);
            format!(
                "not kept: {id} says so already: {text}\n\
                 leave it, or let this take its place with --supersedes {id}, or keep both with --force\n"
            )
        }
    }
}

fn json(kept: &Kept) -> serde_json::Value {
    match kept {
        Kept::New {
            id,
            trust,
            superseded,
            redacted,
        } => json!({ "kept": "new", "id": id, "trust": trust, "superseded": superseded,
            "redacted": redacted }),
        Kept::Confirmed { id } => json!({ "kept": "confirmed", "id": id }),
        Kept::Known {
            id,
            text,
            trust,
            likeness,
        } => json!({ "kept": "known", "id": id, "text": text, "trust": trust,
            "likeness": likeness }),
    }
}

/// A text, or what standard input says in its place.
fn given(text: String) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST).read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let message = format!("standard input cannot be read: {error}");
            Err(Failure::new(FailureKind::Invalid, message))
        }
    }
}
