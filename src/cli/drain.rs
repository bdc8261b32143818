//! `ostler drain`: agents work the ready tasks down. What happens on standard error, what it came to on
//! standard output, and the same as exit code.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::output::{as_json, err, print, table};
use super::run::permission;
use super::signals::Signals;
use crate::agents::{DrainReport, DrainRequest, Ended, Standing, Step, Told};
use crate::config::Permission;
use crate::edge::{Failure, Kind as FailureKind};
use crate::host::{self, Surroundings};
use crate::tasks::{Kind, Wanted};
use crate::text::one_line;

/// Characters of a title that are shown.
const TITLE: usize = 48;
/// Characters of a reason.
const WHY: usize = 160;

#[derive(Args)]
pub(super) struct Drain {
    /// Only tasks with this label
    #[arg(long)]
    label: Option<String>,
    /// Only tasks of this kind: task, bug, feature, chore, epic or question
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Only tasks below this one
    #[arg(long, value_name = "TASK")]
    parent: Option<String>,
    /// Agents that may be at work at the same time
    #[arg(long, value_name = "N", default_value_t = 4)]
    max: u32,
    /// Provider by its name in the configuration [default: configured, claude unless changed]
    #[arg(long)]
    provider: Option<String>,
    /// The provider's name of a model
    #[arg(long)]
    model: Option<String>,
    /// Definition to make the agents from; `ostler agents definitions` lists them
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// What they may do: edit or full; for tasks that change no files read_only unless this is given
    /// [default: configured, edit unless changed]
    #[arg(long, value_parser = permission)]
    permission: Option<Permission>,
    /// A shell command that must succeed in the worktree of each agent when it has ended
    #[arg(long, value_name = "COMMAND")]
    expect_command: Option<String>,
    /// A shell command that must succeed after each merge; else that merge is taken back
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// Runs that may fail at a task before it is left open
    #[arg(long, value_name = "N", default_value_t = 2)]
    attempts: u32,
    /// US dollars for all agents together
    #[arg(long, value_name = "USD")]
    max_cost_usd: Option<f64>,
    /// Seconds altogether
    #[arg(long, value_name = "SECONDS")]
    timeout_s: Option<u32>,
    /// Model steps of each run before it is told to wrap up [default: configured, 50 unless changed]
    #[arg(long, value_name = "N")]
    max_turns: Option<u32>,
    /// What it came to as JSON
    #[arg(long)]
    json: bool,
}

fn kind(name: &str) -> Result<Kind, String> {
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    Kind::parse(name).ok_or_else(|| format!("take one of {}", known.join(", ")))
}

impl Drain {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let signals = Signals::listen().context("listening for signals")?;
        let stop = CancellationToken::new();
        let json = self.json;
        let request = self.request();
        let work = async {
            let surroundings = Surroundings::of_process()?.of_its_own();
            let crew = host::open(&surroundings).await?;
            let teller = Teller::default();
            let report = crew.drain(request, &stop, &|told| teller.tell(&told)).await;
            teller.clear();
            crew.close().await;
            let report = report.map_err(Failure::from)?;
            let text = match json {
                true => as_json(&report)?,
                false => told(&report),
            };
            print(&text)?;
            Ok(exit_code(report.ended))
        };
        signals.stopping(work, &stop).await
    }

    fn request(self) -> DrainRequest {
        DrainRequest {
            wanted: Wanted {
                label: self.label,
                kind: self.kind,
                parent: self.parent,
            },
            max: self.max,
            provider: self.provider,
            model: self.model,
            agent: self.agent,
            permission: self.permission,
            expect_command: self.expect_command,
            check: self.check,
            attempts: self.attempts,
            max_cost_usd: self.max_cost_usd,
            timeout_s: self.timeout_s,
            max_turns: self.max_turns,
        }
    }
}

/// Says what happens: a line a change, and on a terminal how it stands on the line below.
struct Teller {
    terminal: bool,
    standing: Mutex<String>,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            standing: Mutex::default(),
        }
    }
}

impl Teller {
    fn tell(&self, told: &Told) {
        let line = match told {
            Told::Began {
                drain,
                branch,
                again,
            } => {
                let begins = if *again {
                    "is taken up again"
                } else {
                    "begins"
                };
                format!("ostler: {drain} {begins}, branch {branch}")
            }
            Told::Step(Step {
                task,
                title,
                agent,
                what,
            }) => {
                let agent = agent.as_ref().map_or("-", |agent| agent.as_str());
                let title = one_line(title, TITLE);
                format!("{task} {agent} {}  {title}", one_line(what, WHY))
            }
            Told::Standing(standing) => return self.stand(standing),
        };
        self.clear();
        err(&format!("{line}\n"));
        self.again();
    }

    fn stand(&self, standing: &Standing) {
        let Standing {
            live,
            done,
            failed,
            cost_usd,
        } = standing;
        let mut line = format!("{live} at work, {done} done");
        if *failed > 0 {
            line.push_str(&format!(", {failed} failed"));
        }
        if *cost_usd > 0.0 {
            line.push_str(&format!(", ${cost_usd:.2}"));
        }
        *self.line() = line;
        self.again();
    }

    fn line(&self) -> MutexGuard<'_, String> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn again(&self) {
        if self.terminal {
            err(&format!("\r\u{1b}[K{}", self.line()));
        }
    }

    fn clear(&self) {
        if self.terminal {
            err("\r\u{1b}[K");
        }
    }
}

fn told(report: &DrainReport) -> String {
    let mut text = String::new();
    if !report.tasks.is_empty() {
        let head = ["TASK", "TITLE", "OUTCOME", "AGENT", "MERGED", "COST"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(report.tasks.iter().map(|task| {
            vec![
                task.task.to_string(),
                one_line(&task.title, TITLE),
                task.outcome.as_str().to_owned(),
                task.agent.to_string(),
                task.commits.to_string(),
                format!("${:.2}", task.cost_usd),
            ]
        }));
        text.push_str(&table(&rows));
    }
    if !report.left.is_empty() {
        let more = match report.more_left {
            0 => String::new(),
            more => format!(", {more} more not shown"),
        };
        text.push_str(&format!("\nLeft open{more}:\n"));
        let rows = report.left.iter().map(|left| {
            vec![
                format!("  {}", left.task),
                one_line(&left.title, TITLE),
                one_line(&left.why, WHY),
            ]
        });
        text.push_str(&table(&rows.collect::<Vec<_>>()));
    }
    if text.is_empty() {
        text.push_str("No task is open that was asked for.\n");
    }
    match report.ended {
        Ended::Stopped => {
            text.push_str("\nIt was stopped; `ostler drain` with the same filter goes on.\n")
        }
        Ended::Limit => {
            let limit = report.limit.unwrap_or_default();
            text.push_str(&format!(
                "\nThe limit `{limit}` was reached; `ostler drain` with the same filter goes on.\n"
            ));
        }
        Ended::Done | Ended::Left => {}
    }
    if let Some(command) = &report.take_over {
        text.push_str(&format!(
            "\n{} holds what was done ({} commits). Take it over with\n  {command}\n",
            report.branch, report.commits
        ));
    }
    text
}

fn exit_code(ended: Ended) -> u8 {
    match ended {
        Ended::Done => 0,
        Ended::Left => FailureKind::Conflict.exit_code(),
        Ended::Limit => 11,
        Ended::Stopped => 12,
    }
}
