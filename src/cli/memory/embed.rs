//! `ostler memory embed`: has meanings compared, and says how far it is.

use std::io::IsTerminal;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::output::{err, out, reader_has_left};
use crate::cli::signals::Signals;
use crate::edge::{Failure, Kind};
use crate::host::{self, Surroundings};
use crate::memory::{Embedded, Progress};
use crate::text::counted;

/// The exit code of what was stopped.
const STOPPED: u8 = 12;

/// Compare the meanings of all memories that are not compared yet
///
/// Sends the memories of this project and of the user to the service that `memory.embeddings_url` names.
/// A server does the same in the background; this waits for its turn, and for the end. Exit code 12 when
/// it was stopped; what is done stays.
#[derive(Args)]
pub(in crate::cli) struct Embed {
    /// Forget what this model has compared, in every project, and begin again
    #[arg(long)]
    anew: bool,
    /// What it came to as JSON
    #[arg(long)]
    json: bool,
}

impl Embed {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<u8> {
        let signals = Signals::listen().context("listening for signals")?;
        let stop = CancellationToken::new();
        let work = async {
            let crew = host::open(&Surroundings::of_process()?).await?;
            let line = ProgressLine {
                terminal: std::io::stderr().is_terminal(),
            };
            let embedded = match crew.memories_of_person().await {
                Ok(memories) => {
                    let tell = |progress| line.show(progress);
                    let embedded = memories.embed_all(self.anew, &stop, &tell).await;
                    embedded.map_err(Failure::from)
                }
                Err(error) => Err(error.into()),
            };
            line.clear();
            crew.close().await;
            self.say(&embedded?)
        };
        signals.stopping(work, &stop).await
    }

    fn say(&self, embedded: &Embedded) -> anyhow::Result<u8> {
        let text = match self.json {
            true => format!("{}\n", serde_json::to_string_pretty(embedded)?),
            false => told(embedded),
        };
        match out(&text) {
            Err(error) if !reader_has_left(&error) => {
                let message = format!("standard output cannot be written: {error}");
                Err(Failure::new(Kind::Internal, message).into())
            }
            _ if embedded.stopped => Ok(STOPPED),
            _ => Ok(0),
        }
    }
}

/// One line that is written over again; none where nobody sees it.
struct ProgressLine {
    terminal: bool,
}

impl ProgressLine {
    fn show(&self, Progress { compared, of }: Progress) {
        if self.terminal {
            err(&format!("\r\u{1b}[K{compared} of {of} memories compared"));
        }
    }

    fn clear(&self) {
        if self.terminal {
            err("\r\u{1b}[K");
        }
    }
}

fn told(embedded: &Embedded) -> String {
    let Progress { compared, of } = embedded.progress;
    let mut text = format!(
        "{compared} of {} compared by {}, {} now\n",
        counted(of.unsigned_abs(), "memory"),
        embedded.model,
        embedded.sent
    );
    if embedded.refused > 0 {
        text.push_str(&format!(
            "the service refuses {}; words find them as ever\n",
            counted(embedded.refused, "memory")
        ));
    }
    if embedded.stopped {
        text.push_str("stopped; the same command goes on\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_how_far_it_came_and_why_not_further() {
        let mut embedded = Embedded {
            model: "nomic-embed-text".to_owned(),
            sent: 120,
            refused: 0,
            progress: Progress {
                compared: 3000,
                of: 3000,
            },
            stopped: false,
        };
        assert_eq!(
            told(&embedded),
            "3000 of 3000 memories compared by nomic-embed-text, 120 now\n"
        );
        embedded.progress.compared = 2000;
        (embedded.refused, embedded.stopped) = (1, true);
        assert_eq!(
            told(&embedded),
            "2000 of 3000 memories compared by nomic-embed-text, 120 now\n\
             the service refuses 1 memory; words find them as ever\n\
             stopped; the same command goes on\n"
        );
    }
}
