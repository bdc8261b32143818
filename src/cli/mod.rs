//! What a person types. Thin: parse, call one function of a domain, print.

mod agents;
mod definitions;
mod doctor;
mod drain;
mod file;
mod gc;
mod guard;
mod leash;
mod log;
mod memory;
mod merge;
mod output;
mod paint;
mod progress;
mod run;
mod serve;
mod signals;
mod tasks;
mod worktrees;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::edge::{Failure, Kind};
use crate::providers::guard::SUBCOMMAND as GUARD;
use crate::providers::leash::SUBCOMMAND as LEASH;

/// Looks after child coding agents for an AI coding session.
///
/// Registered as an MCP server in Claude Code, Codex or Gemini CLI it needs no arguments. On a
/// terminal the commands below do the same for a person.
#[derive(Parser)]
#[command(name = "ostler", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
State: $OSTLER_HOME, else the platform's data directory. Configuration: ~/.config/ostler/config.toml,
.ostler/config.toml in the project, OSTLER_<SECTION>_<KEY> variables. OSTLER_LOG=debug shows more.

Exit codes: 0 done; 2 wrong input; 3 not found; 4 conflict; 5 busy; 6 refused; 70 internal.
`ostler run`: 0 completed; 10 steered; 11 aborted; 12 stopped; 13 error; 14 not as expected; 130 killed
by a second Ctrl-C, SIGTERM or SIGHUP. `ostler drain`: 0 nothing is left; 4 something is left open; 11 a
limit was reached; 12 stopped; 130 killed. `ostler worktrees merge`: 4 when it stopped. `ostler doctor`: 1
when the default provider cannot be used, or ostler cannot work here. `ostler tasks doctor`: 1 when a
count is wrong. `ostler tasks import` and `ostler memory import`: 1 when lines were skipped.
`ostler memory add`: 4 when one like it is there.";

#[derive(Subcommand)]
enum Command {
    /// Serve MCP on standard input and output (what `ostler` does when it is not on a terminal)
    Serve,
    /// Run one agent and print its result
    Run(Box<run::Run>),
    /// Have agents work the ready tasks down, each in a worktree of its own
    Drain(Box<drain::Drain>),
    /// See and stop agents, whoever runs them, and what they can be made from
    #[command(subcommand)]
    Agents(Agents),
    /// See and change what is to be done, write it to a file and take it in from one
    #[command(subcommand)]
    Tasks(Box<tasks::Tasks>),
    /// What was learnt here: seen, searched, changed, taken to files and from them
    #[command(subcommand)]
    Memory(Box<memory::Memory>),
    /// See the worktrees that agents work in, merge their branches, and remove those that hold nothing
    /// of their own
    #[command(subcommand)]
    Worktrees(worktrees::Worktrees),
    /// Remove agents that ended long ago for good
    Gc(gc::Gc),
    /// Say what is installed, who is logged in, and whether ostler can work here
    Doctor(doctor::Doctor),
    #[command(name = GUARD, hide = true)]
    Guard(guard::Guard),
    #[command(name = LEASH, hide = true)]
    Leash(leash::Leash),
}

#[derive(Subcommand)]
enum Agents {
    #[command(flatten)]
    Records(agents::Agents),
    #[command(flatten)]
    Definitions(definitions::Command),
}

/// The program: reads its arguments, does the work, and tells the exit code.
pub fn main() -> ExitCode {
    main_with(std::env::args_os())
}

/// The program with `arguments`, its own name first. Does not return after serving: a thread may
/// still sit in a read of standard input.
pub fn main_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    log_to_stderr();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let command = match cli.command {
        Some(command) => command,
        None if std::io::stdin().is_terminal() => {
            let help = Cli::command().render_help();
            let _ = write!(std::io::stdout(), "{help}");
            return ExitCode::SUCCESS;
        }
        None => Command::Serve,
    };
    // Before there are threads: it becomes another program.
    let command = match command {
        Command::Leash(leash) => return told(&leash.run()),
        command => command,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return told(&Failure::new(Kind::Internal, error)),
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve => serve::serve().await,
            Command::Run(run) => run.run().await,
            Command::Drain(drain) => drain.run().await,
            Command::Agents(Agents::Records(agents)) => agents.run().await,
            Command::Agents(Agents::Definitions(command)) => command.run(),
            Command::Tasks(tasks) => tasks.run().await,
            Command::Memory(memory) => memory.run().await,
            Command::Worktrees(worktrees) => worktrees.run().await,
            Command::Gc(gc) => gc.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Guard(guard) => guard.run().await,
            Command::Leash(leash) => Err(leash.run().into()),
        }
    });
    // A blocked read of standard input must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => match error.downcast::<Failure>() {
            Ok(failure) => told(&failure),
            Err(error) => told(&Failure::new(Kind::Internal, format!("{error:#}"))),
        },
    }
}

fn told(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "ostler: {failure}");
    ExitCode::from(failure.kind.exit_code())
}

/// Standard output belongs to the protocol or to results.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("OSTLER_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // Set already when the program is run inside another one, as the example does.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
