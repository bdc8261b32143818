//! `ostler gc`: what was removed for good, or would be.

use clap::Args;

use super::output::{as_json, print, table};
use crate::agents::{SweepRequest, Swept, Why};
use crate::edge::Failure;
use crate::host::{self, Surroundings};
use crate::text::{counted, one_line};

/// Remove agents that ended long ago for good, with their results and logs
///
/// Kept are the agents that `[retention]` in the configuration says, those that live, and those whose
/// git worktree is there. A result that nobody has read goes by its age alone.
#[derive(Args)]
pub(super) struct Gc {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Remove what ended longer ago than that, 1 to 3650 [default: configured, 30 unless changed]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    older_than: Option<u32>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Gc {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let crew = host::open(&Surroundings::of_process()?).await?;
        let request = SweepRequest {
            older_than_days: self.older_than,
            dry_run: self.dry_run,
        };
        let swept = crew.sweep(request).await;
        crew.close().await;
        let swept = swept.map_err(Failure::from)?;
        let text = match self.json {
            true => as_json(&swept)?,
            false => told(&swept),
        };
        print(&text)?;
        Ok(0)
    }
}

fn told(swept: &Swept) -> String {
    let rows: Vec<Vec<String>> = swept
        .agents
        .iter()
        .map(|gone| {
            let why = match gone.why {
                Why::Age => format!("ended {} ago", counted(gone.days.unsigned_abs(), "day")),
                Why::Count => "too many".to_owned(),
            };
            vec![gone.id.to_string(), why, one_line(&gone.label, 40)]
        })
        .collect();
    let mut text = table(&rows);
    let what = [
        (swept.agents.len() as u64, "agent"),
        (swept.runs, "run"),
        (swept.log_entries, "log entry"),
        (swept.projects, "project"),
        (swept.owners, "gone process"),
        (swept.lock_files, "lock file"),
    ];
    let what: Vec<String> = what
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| counted(number, noun))
        .collect();
    let freed = bytes(swept.freed_bytes);
    text.push_str(&match (what.is_empty(), swept.dry_run) {
        (true, _) => "nothing to remove\n".to_owned(),
        (false, true) => format!("would remove {}: {freed} of text\n", what.join(", ")),
        (false, false) => format!("removed {}; the file is {freed} smaller\n", what.join(", ")),
    });
    if swept.reusable_bytes > 0 {
        let reusable = bytes(swept.reusable_bytes);
        text.push_str(&format!(
            "{reusable} of the file are empty; it shrinks by them when nobody else uses it\n"
        ));
    }
    text
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{} MB", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_words() {
        assert_eq!(counted(1, "log entry"), "1 log entry");
        assert_eq!(counted(2, "log entry"), "2 log entries");
        assert_eq!(counted(2, "gone process"), "2 gone processes");
        assert_eq!(counted(30, "day"), "30 days");
        assert_eq!(
            [bytes(999), bytes(1_250), bytes(7_960_000)],
            ["999 bytes", "1.2 kB", "7.9 MB"]
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(told(&Swept::default()), "nothing to remove\n");
    }
}
