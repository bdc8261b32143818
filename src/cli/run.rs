//! `ostler run`: one agent from the shell, or a group of them on one task. Progress on standard error,
//! the result on standard output, the status as exit code.

use std::cell::RefCell;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::agents::{asked, ranked};
use super::output::{err, out, reader_has_left};
use super::progress::Progress;
use super::signals::Signals;
use crate::agents::{
    Addressee, AgentBrief, AgentError, Answer, AskKind, BudgetRequest, ContextCut, Crew, Done,
    Expect, Mode, Ranking, SpawnRequest, Spawned, Status, TaskStanding, Variants, Waiting,
};
use crate::config::{Effort, Isolation, Permission};
use crate::edge::{Failure, Kind};
use crate::host::{self, Surroundings};
use crate::ids::AgentId;
use crate::text::one_line;
use crate::workspaces::Harvest;

/// Longer than any run.
const UNTIL_DONE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often it is looked whether a request at the terminal was settled elsewhere.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Args)]
pub(super) struct Run {
    /// What the agent is to do; `-` reads it from standard input
    #[arg(required_unless_present = "task")]
    prompt: Option<String>,
    /// A task to claim and work on: its id, or `next` for the best ready one
    #[arg(long, value_name = "ID", conflicts_with_all = ["n", "providers"])]
    task: Option<String>,
    /// Provider by its name in the configuration [default: configured, claude unless changed]
    #[arg(long)]
    provider: Option<String>,
    /// The provider's name of a model
    #[arg(long)]
    model: Option<String>,
    /// Definition to make it from; `ostler agents definitions` lists them
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// How much the model is to think: low, medium, high, xhigh or max
    #[arg(long, value_parser = effort)]
    effort: Option<Effort>,
    /// What it may do: read_only, edit or full [default: configured, edit unless changed]
    #[arg(long, value_parser = permission)]
    permission: Option<Permission>,
    /// Working directory
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Where it works: none (the directory itself), worktree (a git worktree and branch of its own) or
    /// worktree_with_changes (with what is uncommitted) [default: configured, none unless changed]
    #[arg(long, value_parser = isolation)]
    isolation: Option<Isolation>,
    /// A few words to tell it from others, at most 60 characters
    #[arg(long)]
    label: Option<String>,
    /// Model steps before it is told to wrap up [default: configured, 50 unless changed]
    #[arg(long, value_name = "N")]
    max_turns: Option<u32>,
    /// Tool calls before it is told to wrap up [default: configured, 500 unless changed]
    #[arg(long, value_name = "N")]
    max_tool_calls: Option<u32>,
    /// US dollars before it is cut off; it is told to wrap up at 80 % [default: configured, 5
    /// unless changed]
    #[arg(long, value_name = "USD")]
    max_cost_usd: Option<f64>,
    /// Seconds from its start before it is cut off [default: configured, 3600 unless changed]
    #[arg(long, value_name = "SECONDS")]
    timeout_s: Option<u32>,
    /// Seconds without a sign of life before it is cut off [default: configured, 900 unless changed]
    #[arg(long, value_name = "SECONDS")]
    idle_s: Option<u32>,
    /// To read with the prompt: summary, transcript:N (of the session around this command),
    /// file:PATH, agent:ID, task:ID, memory:QUESTION, git:diff[:REVISION], git:log[:N]; may be repeated
    #[arg(long, value_name = "ENTRY")]
    context: Vec<String>,
    /// A file with the JSON schema that its result must fit; the result alone is printed then
    #[arg(long, value_name = "FILE")]
    output_schema: Option<PathBuf>,
    /// A file that must be in its directory when it has ended; may be given more than once
    #[arg(long, value_name = "PATH")]
    expect_file: Vec<String>,
    /// A shell command that must succeed in its directory when it has ended
    #[arg(long, value_name = "COMMAND")]
    expect_command: Option<String>,
    /// It must have committed something
    #[arg(long)]
    expect_commits: bool,
    /// It must have left nothing uncommitted
    #[arg(long)]
    expect_clean: bool,
    /// Agents on the same task, 2 to 8; they are ranked, and the best result is printed
    #[arg(long, value_name = "N")]
    n: Option<u32>,
    /// The same, one of each: `provider` or `provider/model`
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    providers: Vec<String>,
}

pub(super) fn permission(name: &str) -> Result<Permission, String> {
    [Permission::ReadOnly, Permission::Edit, Permission::Full]
        .into_iter()
        .find(|permission| permission.as_str() == name)
        .ok_or_else(|| "take read_only, edit or full".to_owned())
}

fn isolation(name: &str) -> Result<Isolation, String> {
    [
        Isolation::None,
        Isolation::Worktree,
        Isolation::WorktreeWithChanges,
    ]
    .into_iter()
    .find(|isolation| isolation.as_str() == name)
    .ok_or_else(|| "take none, worktree or worktree_with_changes".to_owned())
}

fn effort(name: &str) -> Result<Effort, String> {
    let all = [
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::Xhigh,
        Effort::Max,
    ];
    all.into_iter()
        .find(|effort| effort.as_str() == name)
        .ok_or_else(|| "take low, medium, high, xhigh or max".to_owned())
}

fn schema(path: &Path) -> Result<serde_json::Value, Failure> {
    let invalid = |problem: String| {
        let message = format!("the schema {} {problem}", path.display());
        Failure::new(Kind::Invalid, message)
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| invalid(format!("is no JSON: {error}")))
}

impl Run {
    pub(super) async fn run(mut self) -> anyhow::Result<u8> {
        let variants = Variants {
            n: self.n,
            providers: std::mem::take(&mut self.providers),
        };
        let request = self.request()?;
        let signals = Signals::listen().context("listening for signals")?;
        let stop = CancellationToken::new();
        let work = async {
            let surroundings = Surroundings {
                answers: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
                ..Surroundings::of_process()?
            };
            let crew = host::open(&surroundings).await?;
            let outcome = follow(&crew, &request, &variants, &stop).await;
            crew.close().await;
            outcome
        };
        signals.stopping(work, &stop).await
    }

    fn request(self) -> anyhow::Result<SpawnRequest> {
        let prompt = match self.prompt.as_deref() {
            None => String::new(),
            Some("-") => {
                let mut prompt = String::new();
                std::io::stdin()
                    .read_to_string(&mut prompt)
                    .context("reading the prompt")?;
                prompt
            }
            Some(prompt) => prompt.to_owned(),
        };
        let expect = Expect {
            files: self.expect_file,
            command: self.expect_command,
            commits: self.expect_commits,
            clean: self.expect_clean,
        };
        Ok(SpawnRequest {
            output_schema: self.output_schema.map(|path| schema(&path)).transpose()?,
            expect: (expect != Expect::default()).then_some(expect),
            prompt,
            task: self.task,
            label: self.label,
            provider: self.provider,
            model: self.model,
            cwd: self.cwd,
            permission: self.permission,
            isolation: self.isolation,
            agent: self.agent,
            effort: self.effort,
            budget: BudgetRequest {
                max_turns: self.max_turns,
                max_tool_calls: self.max_tool_calls,
                max_cost_usd: self.max_cost_usd,
                timeout_s: self.timeout_s,
                idle_s: self.idle_s,
                ..BudgetRequest::default()
            },
            context: self.context,
            ..SpawnRequest::default()
        })
    }
}

/// Spawns what is asked for.
async fn spawn(
    crew: &Crew,
    request: &SpawnRequest,
    variants: &Variants,
) -> Result<Vec<Spawned>, AgentError> {
    if variants.is_none() {
        return Ok(vec![crew.spawn(request).await?]);
    }
    let group = crew.spawn_group(request, variants).await?;
    err(&format!("ostler: group {}\n", group.group));
    Ok(group.agents)
}

/// Spawns the agents and waits for their end, which `stop` brings about earlier; the exit code.
async fn follow(
    crew: &Arc<Crew>,
    request: &SpawnRequest,
    variants: &Variants,
    stop: &CancellationToken,
) -> anyhow::Result<u8> {
    let spawned = spawn(crew, request, variants).await;
    let mut unheld: Vec<String> = Vec::new();
    let mut ids: Vec<AgentId> = Vec::new();
    for agent in spawned.map_err(Failure::from)? {
        for what in &agent.not_enforced {
            unheld.push(format!(
                "ostler: {} does not enforce {what}\n",
                agent.provider
            ));
        }
        for what in &agent.ignored {
            unheld.push(format!("ostler: ignored: {}\n", one_line(what, 300)));
        }
        for ContextCut { source, bytes, of } in &agent.context_cut {
            unheld.push(format!(
                "ostler: of {source} the agent is given {bytes} of {of} bytes\n"
            ));
        }
        for note in &agent.notes {
            unheld.push(format!("ostler: {}\n", one_line(note, 400)));
        }
        if !agent.primed.is_empty() {
            let ids: Vec<&str> = agent.primed.iter().map(|id| id.as_str()).collect();
            unheld.push(format!("ostler: told of {}\n", ids.join(", ")));
        }
        ids.push(agent.id);
    }
    unheld.dedup();
    err(&unheld.concat());
    let progress = RefCell::new(Progress::new());
    let watch = |_: usize, live: &[AgentBrief]| progress.borrow_mut().show(live);
    let mut keyboard = Keyboard::default();
    let waiting = async {
        loop {
            let waited = crew.wait(&ids, Mode::All, UNTIL_DONE, watch).await?;
            let Some(request) = waited.waiting.first() else {
                return Ok(waited);
            };
            progress.borrow_mut().pause();
            ask_here(crew, request, &mut keyboard).await?;
            progress.borrow_mut().go_on();
        }
    };
    // Ends only by a failure: the end of the agent is told by the wait.
    let stopping = async {
        stop.cancelled().await;
        match crew.stop(&ids, "`ostler run` was interrupted").await {
            Ok(_) => std::future::pending().await,
            Err(error) => error,
        }
    };
    tokio::pin!(waiting, stopping);
    let has_clock = progress.borrow().has_clock();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let waited = loop {
        tokio::select! {
            waited = &mut waiting => break waited,
            error = &mut stopping => break Err(error),
            _ = second.tick(), if has_clock => progress.borrow_mut().tick(),
        }
    };
    progress.borrow().clear();
    let waited = waited.map_err(Failure::from)?;
    let shown = match waited.groups.first() {
        Some(outcome) => foremost(outcome),
        None => ids.first(),
    };
    let done = shown.and_then(|id| waited.done.iter().find(|done| done.id == *id));
    let Some(done) = done else {
        return Err(Failure::new(Kind::Internal, "the agent has no end").into());
    };
    let printed = print_result(crew, &done.id, request.output_schema.is_some()).await;
    for other in waited.done.iter().filter(|other| other.id != done.id) {
        err(&summary(other));
    }
    err(&summary(done));
    if let Some(outcome) = waited.groups.first() {
        err(&ranked(outcome));
    }
    printed?;
    Ok(exit_code(done))
}

/// The agent of a group whose result is printed: the best, else the first of those that nothing tells
/// from it.
fn foremost(outcome: &Ranking) -> Option<&AgentId> {
    let first = outcome.ranking.first().map(|one| &one.id);
    outcome.best.as_ref().or(first)
}

/// Puts a request to the person at the terminal, until it is answered, here or elsewhere, or its
/// agent ends.
async fn ask_here(
    crew: &Arc<Crew>,
    request: &Waiting,
    keyboard: &mut Keyboard,
) -> Result<(), AgentError> {
    err(&asked(request));
    let question = match request.kind {
        AskKind::Permission => "  allow? [y/N] ",
        AskKind::Question => "  answer: ",
    };
    keyboard.forget();
    err(question);
    let line = tokio::select! {
        line = keyboard.line() => line,
        settled = no_longer_asked(crew, request) => {
            err("\n");
            return settled;
        }
    };
    let line = line.trim();
    let answer = match request.kind {
        AskKind::Permission if matches!(line, "y" | "Y" | "yes") => Answer::Allow,
        AskKind::Permission => Answer::Deny(String::new()),
        AskKind::Question if line.is_empty() => Answer::Deny(String::new()),
        AskKind::Question => Answer::Reply(line.to_owned()),
    };
    let answered = crew
        .answer(&request.id, &request.request_id, answer, Addressee::Person)
        .await;
    match answered {
        Err(AgentError::AskSettled { state, .. }) => {
            err(&format!("  too late: {state}\n"));
            Ok(())
        }
        answered => answered.map(|_| ()),
    }
}

/// Waits until the request is settled without us, or its agent has ended.
async fn no_longer_asked(crew: &Arc<Crew>, request: &Waiting) -> Result<(), AgentError> {
    let ids = [request.id.clone()];
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let waited = crew
            .wait(&ids, Mode::All, Duration::ZERO, |_, _| ())
            .await?;
        let asks = |waiting: &Waiting| waiting.request_id == request.request_id;
        if !waited.waiting.iter().any(asks) {
            return Ok(());
        }
    }
}

/// Lines from standard input. A thread of its own reads them, because nothing can break off such a
/// read, and the end of the agent must not wait for one.
#[derive(Default)]
struct Keyboard {
    lines: Option<UnboundedReceiver<String>>,
}

impl Keyboard {
    /// The next line, which is empty at the end of the input.
    async fn line(&mut self) -> String {
        let lines = self.lines.get_or_insert_with(|| {
            let (sender, lines) = unbounded_channel();
            std::thread::spawn(move || {
                for line in std::io::stdin().lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
            lines
        });
        lines.recv().await.unwrap_or_default()
    }

    /// Drops lines that were typed before anything was asked.
    fn forget(&mut self) {
        while let Some(Ok(_)) = self.lines.as_mut().map(UnboundedReceiver::try_recv) {}
    }
}

/// Prints what the agent said, or, where it was to hand something in, that alone.
async fn print_result(crew: &Crew, id: &AgentId, structured: bool) -> Result<(), Failure> {
    let whole = crew.result(id, None, Some(usize::MAX)).await?;
    let text = match (structured, whole.structured) {
        (false, _) => format!("{}\n", whole.result),
        (true, Some(structured)) => format!("{structured}\n"),
        // Who reads JSON here has no use for other words; `agents show` has them.
        (true, None) => return Ok(()),
    };
    match out(&text) {
        Err(error) if !reader_has_left(&error) => {
            let message = format!("the result could not be written: {error}");
            Err(Failure::new(Kind::Internal, message)
                .hint(format!("`ostler agents show {id}` prints it again")))
        }
        _ => Ok(()),
    }
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
    if let Some(workspace) = &done.workspace {
        line.push_str(&format!("\n        {}", harvested(workspace)));
    }
    if !done.detail.is_empty() {
        line.push_str(&format!("\n        {}", one_line(&done.detail, 600)));
    }
    for unmet in &done.failed {
        let why = one_line(&unmet.why, 600);
        line.push_str(&format!("\n        not as expected: {}: {why}", unmet.what));
    }
    for flag in &done.flags {
        line.push_str(&format!("\n        {flag}"));
    }
    if let Some(task) = &done.task {
        line.push_str(&format!("\n        {}", of_task(task)));
    }
    line.push('\n');
    line
}

/// Where the task of the agent stands now.
fn of_task(task: &TaskStanding) -> String {
    let mut line = format!("task {} is {}", task.id, task.status);
    if !task.why.is_empty() {
        line.push_str(&format!(": {}", one_line(&task.why, 300)));
    }
    if !task.unblocked.is_empty() {
        let unblocked = task.unblocked.iter();
        let named = unblocked.map(|it| format!("{} {:?}", it.id.as_str(), it.title));
        line.push_str(&format!(
            "; ready now: {}",
            named.collect::<Vec<_>>().join(", ")
        ));
    }
    line
}

/// What the agent's own worktree has come to.
fn harvested(workspace: &Harvest) -> String {
    let mut words = vec![format!(
        "branch {}, {} commits",
        workspace.branch, workspace.commits
    )];
    let told = [workspace.diff_stat.as_str(), workspace.note.as_str()];
    words.extend(
        told.iter()
            .filter(|word| !word.is_empty())
            .map(|word| one_line(word, 300)),
    );
    words.extend(
        workspace
            .path
            .as_ref()
            .map(|path| path.display().to_string()),
    );
    words.join("; ")
}

fn exit_code(done: &Done) -> u8 {
    match done.status {
        Status::Completed | Status::Steered if done.verified == Some(false) => 14,
        Status::Completed => 0,
        Status::Steered => 10,
        Status::Aborted => 11,
        Status::Stopped => 12,
        Status::Queued | Status::Running | Status::Error => 13,
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;
    use crate::config::{Agents, Limit};

    #[test]
    fn the_help_tells_the_defaults_there_are() {
        let help = Run::augment_args(Command::new("run"))
            .render_help()
            .to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let agents = Agents::default();
        let whole = |limit: Limit<u32>| limit.bound().unwrap().to_string();
        for (flag, default) in [
            ("--provider", agents.provider.clone()),
            ("--permission", agents.permission.as_str().to_owned()),
            ("--isolation", agents.isolation.as_str().to_owned()),
            ("--max-turns", whole(agents.max_turns)),
            ("--max-tool-calls", whole(agents.max_tool_calls)),
            (
                "--max-cost-usd",
                agents.max_cost_usd.bound().unwrap().to_string(),
            ),
            ("--timeout-s", whole(agents.timeout_s)),
            ("--idle-s", whole(agents.idle_s)),
        ] {
            let (_, told) = help.split_once(&format!("{flag} <")).unwrap();
            let (told, _) = told.split_once(']').unwrap();
            let expected = format!("[default: configured, {default} unless changed");
            assert!(told.ends_with(&expected), "{flag}: {told}");
        }
    }
}
