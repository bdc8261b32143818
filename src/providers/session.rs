//! The one driver: owns a child process, its pipes and the ladder that ends it, for every provider.
//! It decides nothing; whoever holds a [`Session`] does.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::command::{CLEAN_SIGNAL_VARIABLE, LINEAGE_VARIABLE};
use super::lines::{Line, Lines};
use super::scratch::Scratch;
use super::tree::{self, Process};
use super::{
    Codec, Command, CommandSpec, Event, Failure, FailureClass, Input, Provider, StopLadder, clip,
    leash,
};
use crate::ids::AgentId;

/// Longest line a child may send. Claude's lines carry whole tool results, images included.
const LINE_LIMIT: usize = 16 * 1024 * 1024;
/// Lines read ahead of whoever handles them; beyond that the child has to wait.
const LINES_AHEAD: usize = 16;
/// How much of standard error is kept to explain a failure.
const STDERR_KEPT: usize = 4 * 1024;
/// How long standard output may stay open (in the hands of a grandchild) after the child ended.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a killed child may take to be reaped.
const REAP: Duration = Duration::from_secs(2);

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The end of what it wrote to standard error.
    pub stderr: String,
}

impl Exit {
    /// True for exit code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}")?,
            (None, Some(signal)) => write!(f, "signal {signal}")?,
            (None, None) => write!(f, "unknown exit")?,
        }
        match self.stderr.trim() {
            "" => Ok(()),
            stderr => write!(f, "; it wrote: {stderr}"),
        }
    }
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The working directory is gone.
    #[error("the working directory {path} is not there")]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The program is not there.
    #[error(
        "{program} is not installed, or not in PATH. Next: `ostler doctor` says how to install it, \
         or correct the provider's `command`."
    )]
    NotInstalled {
        /// The program as configured.
        program: String,
    },
    /// The program is there and cannot be executed.
    #[error("{program} cannot be executed: {source}")]
    NotExecutable {
        /// The program as configured.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused for another reason.
    #[error("{program} cannot be started: {source}")]
    Refused {
        /// The program as configured.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A live child session.
pub struct Session {
    agent: AgentId,
    codec: Box<dyn Codec>,
    ladder: StopLadder,
    child: Box<dyn ChildWrapper>,
    pid: Option<Pid>,
    input: mpsc::UnboundedSender<Input>,
    output: mpsc::Receiver<Line>,
    pending: VecDeque<Event>,
    stage: Stage,
    /// The session came up: from here on it takes an interrupt of its protocol.
    started: bool,
    heard: Instant,
    stderr: Arc<Mutex<Tail>>,
    /// Closed when standard error was read to its end.
    stderr_read: oneshot::Receiver<()>,
    /// Reader and writer tasks; they end with the session.
    _pipes: JoinSet<()>,
    /// The child's own directory, gone with the session.
    _scratch: Option<Scratch>,
}

/// How far the child process has come.
enum Stage {
    Alive,
    /// Ended, its output is being drained until then.
    Draining(ExitStatus, Instant),
    Over,
}

impl Session {
    /// Starts the child as the leader of a session of its own, marked with `lineage`, and on the leash
    /// of the binary `ostler`.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left behind then.
    pub fn start(
        provider: Provider,
        agent: &AgentId,
        lineage: &super::Lineage,
        env_allow: &[String],
        ostler: &OsStr,
    ) -> Result<Self, StartError> {
        let Provider {
            command: mut spec,
            codec,
            ladder,
            files,
            keeps_temporaries,
        } = provider;
        if !spec.cwd.is_dir() {
            return Err(StartError::NoDirectory { path: spec.cwd });
        }
        let scratch = Scratch::fill(&files, keeps_temporaries, lineage, &mut spec);
        let scratch = scratch.map_err(|source| StartError::Refused {
            program: spec.program.to_string_lossy().into_owned(),
            source,
        })?;
        let mut child = spawn(&spec, ladder, lineage, env_allow, ostler).map_err(|source| {
            let program = spec.program.to_string_lossy().into_owned();
            match source.kind() {
                io::ErrorKind::NotFound => StartError::NotInstalled { program },
                io::ErrorKind::PermissionDenied => StartError::NotExecutable { program, source },
                // A text file without `#!`.
                _ if source.raw_os_error() == Some(nix::errno::Errno::ENOEXEC as i32) => {
                    StartError::NotExecutable { program, source }
                }
                _ => StartError::Refused { program, source },
            }
        })?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .map(Pid::from_raw);
        let (input, input_rx) = mpsc::unbounded_channel();
        let (output_tx, output) = mpsc::channel(LINES_AHEAD);
        let stderr = Arc::new(Mutex::new(Tail::default()));
        let (stderr_end, stderr_read) = oneshot::channel();
        let mut pipes = JoinSet::new();
        if let Some(stdin) = child.stdin().take() {
            pipes.spawn(write_input(stdin, input_rx));
        }
        if let Some(stdout) = child.stdout().take() {
            pipes.spawn(read_output(stdout, output_tx));
        }
        if let Some(pipe) = child.stderr().take() {
            let tail = Arc::clone(&stderr);
            pipes.spawn(async move {
                read_stderr(pipe, tail).await;
                drop(stderr_end);
            });
        }
        Ok(Self {
            agent: agent.clone(),
            codec,
            ladder,
            child,
            pid,
            input,
            output,
            pending: VecDeque::new(),
            stage: Stage::Alive,
            started: false,
            heard: Instant::now(),
            stderr,
            stderr_read,
            _pipes: pipes,
            _scratch: scratch,
        })
    }

    /// Hands a command to the child; what it cannot take any more is dropped.
    pub fn send(&mut self, command: Command) {
        for input in self.codec.send(command) {
            // The writer is gone only when the child closed its input; its end follows as an event.
            let _ = self.input.send(input);
        }
    }

    /// The next event; `None` once the process has ended and everything it said was handed out.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.started |= matches!(event, Event::Started { .. });
                return Some(event);
            }
            match &self.stage {
                Stage::Over => return None,
                Stage::Draining(status, until) => {
                    let (status, until) = (*status, *until);
                    match timeout_at(until, self.output.recv()).await {
                        Ok(Some(line)) => self.receive(&line),
                        Ok(None) | Err(_) => {
                            let _ = timeout_at(until, &mut self.stderr_read).await;
                            self.exited(status);
                        }
                    }
                }
                Stage::Alive => tokio::select! {
                    biased;
                    Some(line) = self.output.recv() => self.receive(&line),
                    status = self.child.wait() => {
                        let status = status.unwrap_or_else(|_| ExitStatus::from_raw(0x7f00));
                        self.stage = Stage::Draining(status, Instant::now() + DRAIN);
                    }
                },
            }
        }
    }

    /// Ends a session whose work is done: closes its input and lets it leave by itself, then goes on
    /// with the harder rungs of the ladder. What it still says goes to `sink`. Returns the processes
    /// that could not be removed.
    pub async fn close(&mut self, sink: &mut (dyn FnMut(Event) + Send)) -> Vec<Process> {
        let known = members(self.agent.to_string()).await;
        let patience = self.ladder.leave;
        self.leave(known, patience, sink).await
    }

    /// Ends a session in the middle of its work, by the provider's ladder. See [`Session::close`].
    pub async fn stop(&mut self, sink: &mut (dyn FnMut(Event) + Send)) -> Vec<Process> {
        let known = members(self.agent.to_string()).await;
        // An interrupt before the session is up may be lost; the signal is not.
        if !self.started {
            return self.leave(known, Duration::ZERO, sink).await;
        }
        if matches!(self.stage, Stage::Alive) && !self.ladder.interrupt.is_zero() {
            let until = Instant::now() + self.ladder.interrupt;
            // Input that was taken up already starts another turn, which has to be broken off too.
            while matches!(self.stage, Stage::Alive) && Instant::now() < until {
                self.send(Command::Interrupt);
                let mut another = false;
                self.pump(until - Instant::now(), sink, |event| match event {
                    Event::TurnInterrupted { more_follows }
                    | Event::TurnEnded { more_follows, .. } => Some(*more_follows),
                    Event::Failed(_) => Some(false),
                    _ => None,
                })
                .await
                .inspect(|more| another = *more);
                if !another {
                    break;
                }
            }
        }
        let patience = self.ladder.close;
        self.leave(known, patience, sink).await
    }

    async fn leave(
        &mut self,
        mut known: Vec<Process>,
        patience: Duration,
        sink: &mut (dyn FnMut(Event) + Send),
    ) -> Vec<Process> {
        self.send(Command::Close);
        self.pump(patience, sink, |_| None::<()>).await;
        if matches!(self.stage, Stage::Alive) {
            // The first look may be seconds old, and after the signal the tree falls apart.
            known.extend(members(self.agent.to_string()).await);
            if let Some(pid) = self.pid {
                let _ = kill(pid, self.ladder.clean.signal());
            }
            self.pump(self.ladder.signal, sink, |_| None::<()>).await;
        }
        let id = self.agent.to_string();
        let left = tokio::task::spawn_blocking(move || tree::kill_all(&id, &known)).await;
        self.pump(REAP, sink, |_| None::<()>).await;
        left.unwrap_or_default()
    }

    /// Hands events to `sink` until `last` knows one that it waited for, the process has ended, or
    /// time is up.
    async fn pump<T>(
        &mut self,
        patience: Duration,
        sink: &mut (dyn FnMut(Event) + Send),
        last: impl Fn(&Event) -> Option<T>,
    ) -> Option<T> {
        let until = Instant::now() + patience;
        while let Ok(Some(event)) = timeout_at(until, self.next()).await {
            let awaited = last(&event);
            sink(event);
            if awaited.is_some() {
                return awaited;
            }
        }
        None
    }

    /// When the child last wrote anything.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    fn receive(&mut self, line: &Line) {
        self.heard = Instant::now();
        match line {
            Line::Whole(line) => self.pending.extend(self.codec.receive(line)),
            Line::TooLong { beginning, bytes } => {
                let line = format!("{beginning}… ({bytes} bytes, over the limit of {LINE_LIMIT})");
                self.pending.push_back(Event::Noise { line });
                self.pending
                    .extend(self.codec.receive_cut(beginning, *bytes));
            }
        }
        for reply in self.codec.replies() {
            let _ = self.input.send(reply);
        }
    }

    fn exited(&mut self, status: ExitStatus) {
        self.stage = Stage::Over;
        let stderr = self
            .stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .text();
        let exit = Exit {
            code: status.code(),
            signal: status.signal(),
            stderr,
        };
        if !self.started && exit.stderr.starts_with(leash::NOT_STARTED) {
            let failure = Failure::new(FailureClass::NotInstalled, exit.stderr);
            self.pending.push_back(Event::Failed(failure));
            return;
        }
        tracing::debug!(agent = %self.agent, %exit, "the child has ended");
        self.pending.extend(self.codec.exited(&exit));
    }
}

async fn members(id: String) -> Vec<Process> {
    tokio::task::spawn_blocking(move || tree::members(&id))
        .await
        .unwrap_or_default()
}

fn spawn(
    spec: &CommandSpec,
    ladder: StopLadder,
    lineage: &super::Lineage,
    env_allow: &[String],
    ostler: &OsStr,
) -> io::Result<Box<dyn ChildWrapper>> {
    let environment = spec.environment(std::env::vars_os(), env_allow);
    let program = resolve(&spec.program, &environment);
    leash::check(&spec.cwd.join(&program))?;
    let mut command = CommandWrap::with_new(ostler, |command| {
        command
            .args([
                OsStr::new(leash::SUBCOMMAND),
                OsStr::new("--"),
                program.as_os_str(),
            ])
            .args(&spec.args)
            .current_dir(&spec.cwd)
            .env_clear()
            .envs(environment)
            .env(LINEAGE_VARIABLE, lineage.to_string())
            .env(CLEAN_SIGNAL_VARIABLE, ladder.clean.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
    });
    // Only the leader is waited for here; its tree is looked after by `tree`.
    Ok(command.wrap(ProcessSession).spawn()?.into_inner())
}

/// The program as the child's own `PATH` finds it, which may differ from ours.
pub(super) fn resolve(program: &OsString, environment: &[(OsString, OsString)]) -> OsString {
    if PathBuf::from(program).components().count() > 1 {
        return program.clone();
    }
    let path = environment
        .iter()
        .find(|(name, _)| name == "PATH")
        .map(|(_, value)| value);
    std::env::split_paths(path.map_or_else(|| "".as_ref(), |value| value.as_os_str()))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .map_or_else(|| program.clone(), PathBuf::into_os_string)
}

async fn write_input(mut stdin: ChildStdin, mut input: mpsc::UnboundedReceiver<Input>) {
    while let Some(input) = input.recv().await {
        let text = match input {
            Input::Line(line) => line + "\n",
            Input::Text(text) => text,
            Input::Close => return,
        };
        if stdin.write_all(text.as_bytes()).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read_output(stdout: impl AsyncRead + Unpin, output: mpsc::Sender<Line>) {
    let mut lines = Lines::new(stdout, LINE_LIMIT);
    while let Ok(Some(line)) = lines.next().await {
        if output.send(line).await.is_err() {
            return;
        }
    }
}

async fn read_stderr(stderr: impl AsyncRead + Unpin, tail: Arc<Mutex<Tail>>) {
    let mut lines = Lines::new(stderr, STDERR_KEPT);
    while let Ok(Some(line)) = lines.next().await {
        let (Line::Whole(line)
        | Line::TooLong {
            beginning: line, ..
        }) = line;
        tail.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&line);
    }
}

/// The last lines of standard error, at most [`STDERR_KEPT`] bytes.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, line: &str) {
        let line = clip(line, STDERR_KEPT).to_owned();
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > STDERR_KEPT {
            match self.lines.pop_front() {
                Some(first) => self.bytes -= first.len() + 1,
                None => break,
            }
        }
    }

    fn text(&self) -> String {
        self.lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}
