//! `ostler run`: one agent from the shell. Progress on standard error, the result on standard
//! output, the status as exit code.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::output::{duration, err, one_line, out};
use crate::agents::{AgentBrief, BudgetRequest, Crew, Done, Mode, SpawnRequest, Status};
use crate::config::Permission;
use crate::edge::{Failure, Kind};
use crate::host::{self, Surroundings};
use crate::ids::AgentId;

/// Longer than any run.
const UNTIL_DONE: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Args)]
pub(super) struct Run {
    /// What the agent is to do; `-` reads it from standard input
    prompt: String,
    /// Provider by its name in the configuration
    #[arg(long)]
    provider: Option<String>,
    /// The provider's name of a model
    #[arg(long)]
    model: Option<String>,
    /// What it may do: read_only, edit or full
    #[arg(long, value_parser = permission)]
    permission: Option<Permission>,
    /// Working directory
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// A few words to tell it from others
    #[arg(long)]
    label: Option<String>,
    /// Model steps before it is told to wrap up
    #[arg(long, value_name = "N")]
    max_turns: Option<u32>,
    /// Tool calls
    #[arg(long, value_name = "N")]
    max_tool_calls: Option<u32>,
    /// Cost in US dollars
    #[arg(long, value_name = "USD")]
    max_cost_usd: Option<f64>,
    /// Seconds from start to end
    #[arg(long, value_name = "SECONDS")]
    timeout_s: Option<u32>,
    /// Seconds without a sign of life
    #[arg(long, value_name = "SECONDS")]
    idle_s: Option<u32>,
}

fn permission(name: &str) -> Result<Permission, String> {
    [Permission::ReadOnly, Permission::Edit, Permission::Full]
        .into_iter()
        .find(|permission| permission.as_str() == name)
        .ok_or_else(|| "take read_only, edit or full".to_owned())
}

impl Run {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let request = self.request()?;
        let crew = host::open(&Surroundings::of_process()?).await?;
        let Some(outcome) = follow(&crew, &request).await.transpose() else {
            // The guard ends what is left when this process is gone.
            return Err(Failure::new(Kind::Refused, "killed").into());
        };
        crew.close().await;
        outcome
    }

    fn request(self) -> anyhow::Result<SpawnRequest> {
        let prompt = match self.prompt.as_str() {
            "-" => {
                let mut prompt = String::new();
                std::io::stdin()
                    .read_to_string(&mut prompt)
                    .context("reading the prompt")?;
                prompt
            }
            _ => self.prompt,
        };
        Ok(SpawnRequest {
            prompt,
            label: self.label,
            provider: self.provider,
            model: self.model,
            cwd: self.cwd,
            permission: self.permission,
            budget: BudgetRequest {
                max_turns: self.max_turns,
                max_tool_calls: self.max_tool_calls,
                max_cost_usd: self.max_cost_usd,
                timeout_s: self.timeout_s,
                idle_s: self.idle_s,
                ..BudgetRequest::default()
            },
        })
    }
}

/// The exit code, or `None` when it was interrupted a second time.
async fn follow(crew: &Arc<Crew>, request: &SpawnRequest) -> anyhow::Result<Option<u8>> {
    let spawned = crew.spawn(request).await.map_err(Failure::from)?;
    for what in &spawned.not_enforced {
        err(&format!(
            "ostler: {} does not enforce {what}\n",
            spawned.provider
        ));
    }
    let id = spawned.id;
    let mut progress = Progress::new(&id);
    let ids = [id.clone()];
    let waited = {
        let watch = |_: usize, live: &[AgentBrief]| progress.show(live);
        let waiting = crew.wait(&ids, Mode::All, UNTIL_DONE, watch);
        tokio::pin!(waiting);
        tokio::select! {
            waited = &mut waiting => waited,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("listening for Ctrl-C")?;
                err("\nostler: stopping; once more to kill it\n");
                tokio::select! {
                    stopped = crew.stop(&ids, "interrupted at the terminal") => {
                        stopped.map_err(Failure::from)?;
                        waiting.await
                    }
                    _ = tokio::signal::ctrl_c() => return Ok(None),
                }
            }
        }
    };
    progress.clear();
    let waited = waited.map_err(Failure::from)?;
    let Some(done) = waited.done.first() else {
        return Err(Failure::new(Kind::Internal, "the agent has no end").into());
    };
    print_result(crew, &id).await?;
    err(&summary(done));
    Ok(Some(exit_code(done.status)))
}

async fn print_result(crew: &Crew, id: &AgentId) -> anyhow::Result<()> {
    let mut cursor = None;
    loop {
        let page = crew
            .result(id, cursor.as_deref(), None)
            .await
            .map_err(Failure::from)?;
        out(&page.result);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    out("\n");
    Ok(())
}

fn summary(done: &Done) -> String {
    let mut line = format!(
        "ostler: {} {}: {} turns, {} tool calls, {} tokens",
        done.id, done.status, done.turns, done.tool_calls, done.tokens
    );
    if let Some(cost) = done.cost_usd {
        line.push_str(&format!(", ${cost:.4}"));
    }
    if done.denied > 0 {
        line.push_str(&format!(", {} calls denied", done.denied));
    }
    if !done.detail.is_empty() {
        line.push_str(&format!("\n        {}", one_line(&done.detail, 600)));
    }
    line.push('\n');
    line
}

fn exit_code(status: Status) -> u8 {
    match status {
        Status::Completed => 0,
        Status::Steered => 10,
        Status::Aborted => 11,
        Status::Stopped => 12,
        Status::Queued | Status::Running | Status::Error => 13,
    }
}

/// One line that is written over again on a terminal, and a line a change elsewhere.
struct Progress {
    id: AgentId,
    terminal: bool,
    last: String,
}

impl Progress {
    fn new(id: &AgentId) -> Self {
        Self {
            id: id.clone(),
            terminal: std::io::stderr().is_terminal(),
            last: String::new(),
        }
    }

    fn show(&mut self, live: &[AgentBrief]) {
        let Some(agent) = live.first() else { return };
        let tool = one_line(&agent.last_tool, 24);
        let mut line = format!("{} {} turn {}", self.id, agent.status, agent.turns);
        if !tool.is_empty() {
            line.push_str(&format!(" {tool}"));
        }
        if self.terminal {
            let elapsed = duration(agent.elapsed_s.unwrap_or(0));
            line.push_str(&format!("  {} tokens  {elapsed}", agent.tokens));
            err(&format!("\r\u{1b}[K{line}"));
        } else if line != self.last {
            err(&format!("{line}\n"));
        }
        self.last = line;
    }

    fn clear(&self) {
        if self.terminal && !self.last.is_empty() {
            err("\r\u{1b}[K");
        }
    }
}
