//! `ostler memory forget`, `confirm` and `purge`.

use clap::Args;
use serde::Serialize;

use super::view::MemoryView;
use super::{agreed, as_json, lines};
use crate::agents::Crew;
use crate::cli::paint::Paint;
use crate::edge::{Failure, Kind};
use crate::ids::{AgentId, MemoryId};
use crate::memory::{self, Memories, Memory};
use crate::store::Erased;
use crate::text::counted;

#[derive(Args)]
pub(in crate::cli) struct Forget {
    /// The memories: their ids, or the beginnings of them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why, for the record
    #[arg(
        long = "reason",
        alias = "why",
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    why: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Forget {
    pub(super) async fn told(
        self,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        // A mistyped id is found before anything is forgotten.
        for id in &self.ids {
            memories.get(id).await?;
        }
        let mut forgotten = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            match memories.forget(id, &self.why).await {
                Ok(memory) => forgotten.push(memory),
                Err(error) => return Err(after(&forgotten, error.into())),
            }
        }
        shown(&forgotten, self.json, paint)
    }
}

/// The failure, with what was forgotten before it.
fn after(forgotten: &[Memory], failure: Failure) -> Failure {
    if forgotten.is_empty() {
        return failure;
    }
    let ids: Vec<&str> = forgotten.iter().map(|it| it.id.as_str()).collect();
    Failure {
        message: format!(
            "{}\nforgotten before that: {}",
            failure.message,
            ids.join(", ")
        ),
        ..failure
    }
}

#[derive(Args)]
pub(in crate::cli) struct Confirm {
    /// The memories: their ids, or the beginnings of them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Confirm {
    pub(super) async fn told(
        self,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<String, Failure> {
        shown(&memories.confirm(&self.ids).await?, self.json, paint)
    }
}

const AFTER_PURGE: &str = "\
Nothing is left on record of what is purged, not even that it was there: an older export can bring it
back. What was superseded by it is found again no more. The state file is written anew without it, which
may take a while.

Exit codes: 0 when nothing of it is left on the disk; 5 when another process still reads the log that holds
it; 70 when it may still be in the state file; 1 when logs or results of agents hold its text as well.";

#[derive(Args)]
#[command(after_help = AFTER_PURGE)]
pub(in crate::cli) struct Purge {
    /// The memories: their ids, or the beginnings of them
    #[arg(required_unless_present = "forgotten", value_name = "ID")]
    ids: Vec<String>,
    /// All that was forgotten, in this project and of the user
    #[arg(long, conflicts_with = "ids")]
    forgotten: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PurgedView<'a> {
    purged: Vec<&'a MemoryId>,
    erased: &'a Erased,
    /// Agents whose logs or results hold one of the texts.
    agents: &'a [AgentId],
}

impl Purge {
    pub(super) async fn told(
        self,
        crew: &Crew,
        memories: &Memories<'_>,
        paint: Paint,
    ) -> Result<(String, u8), Failure> {
        let what = match self.forgotten {
            true => memory::Purge::Forgotten,
            false => memory::Purge::Ids(self.ids.clone()),
        };
        let question = match self.forgotten {
            true => "remove all that was forgotten for good?".to_owned(),
            false => {
                let mut found = Vec::with_capacity(self.ids.len());
                for id in &self.ids {
                    found.push(memories.get(id).await?);
                }
                let table = lines::table(&found, paint);
                format!("{table}remove that for good?")
            }
        };
        if !self.yes && !agreed(&question) {
            let message = "nothing is removed for good unless you say yes";
            return Err(Failure::new(Kind::Refused, message).hint("--yes says so"));
        }
        let purged = memories.purge(&what).await?;
        let agents = crew.agents_that_have(&purged.memories).await?;
        let code = code(&purged.erased, &agents);
        if self.json {
            let view = PurgedView {
                purged: purged.memories.iter().map(|it| &it.id).collect(),
                erased: &purged.erased,
                agents: &agents,
            };
            return Ok((as_json(&view)?, code));
        }
        let count = counted(purged.memories.len() as u64, "memory");
        let mut text = format!("{count} purged; {}\n", told_of_bytes(&purged.erased));
        if !agents.is_empty() {
            let ids: Vec<&str> = agents.iter().map(AgentId::as_str).collect();
            text.push_str(&format!(
                "logs or results of agents still hold its text there, and go with them (`ostler gc`): {}\n",
                ids.join(", ")
            ));
        }
        Ok((text, code))
    }
}

/// Zero only if nothing of it is left on the disk.
fn code(erased: &Erased, agents: &[AgentId]) -> u8 {
    match erased {
        Erased::Everywhere => u8::from(!agents.is_empty()),
        Erased::NotFromLog => Kind::Busy.exit_code(),
        Erased::No { .. } => Kind::Internal.exit_code(),
    }
}

fn told_of_bytes(erased: &Erased) -> String {
    match erased {
        Erased::Everywhere => "their bytes are gone from the state file and its log".to_owned(),
        Erased::NotFromLog => {
            "their bytes are gone from the state file, but NOT yet from its log: \
            another process is reading it; they go when the last process that has it open ends"
                .to_owned()
        }
        Erased::No { why } => format!("their bytes may STILL be in the state file: {why}"),
    }
}

fn shown(all: &[Memory], json: bool, paint: Paint) -> Result<String, Failure> {
    match json {
        true => {
            let all: Vec<_> = all.iter().map(|it| MemoryView::of(it, &[])).collect();
            as_json(&all)
        }
        false => Ok(lines::table(all, paint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_stay_are_no_success() {
        let agents = [AgentId::parse("a-000001").unwrap()];
        let failed = Erased::No {
            why: "the disk is full".to_owned(),
        };
        for (erased, agents, exit, told) in [
            (Erased::Everywhere, &[][..], 0, "are gone"),
            (Erased::Everywhere, &agents, 1, "are gone"),
            (Erased::NotFromLog, &[], 5, "NOT yet"),
            (failed, &[], 70, "STILL"),
        ] {
            assert_eq!(code(&erased, agents), exit, "{erased:?}");
            assert!(told_of_bytes(&erased).contains(told), "{erased:?}");
        }
    }
}
