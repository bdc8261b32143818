//! One command line of the shell, run to its end within a time. Nothing that it has started outlives
//! it, and its environment is built from the same list as that of a child session.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::command::{LINEAGE_VARIABLE, Lineage};
use super::{CommandSpec, Environment, leash, tree};

const SHELL: &str = "/bin/sh";
/// How much of what it wrote last is kept.
const OUTPUT_KEPT: usize = 4 * 1024;
/// How long its pipes may stay open, in other hands, once it has ended.
const DRAIN: Duration = Duration::from_millis(500);

/// Where and as what command lines are run.
pub struct Shell<'a> {
    /// Working directory.
    pub cwd: &'a Path,
    /// Who stands above.
    pub lineage: &'a Lineage,
    /// Part of `lineage` and of no other: its processes are found by it.
    pub mark: &'a str,
    /// Further variables that are inherited.
    pub env_allow: &'a [String],
    /// The ostler binary, for its leash.
    pub ostler: &'a OsStr,
    /// How long a command may take.
    pub patience: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// It took too long and was ended.
    pub timed_out: bool,
    /// The end of what it wrote, standard output and standard error together.
    pub output: String,
}

impl Ran {
    /// Why it is no success, with the end of its output; `None` if it is one.
    pub fn failure(&self) -> Option<String> {
        let how = match (self.timed_out, self.code) {
            (true, _) => "it took too long".to_owned(),
            (false, Some(0)) => return None,
            (false, Some(code)) => format!("exit code {code}"),
            (false, None) => "ended by a signal".to_owned(),
        };
        Some(match self.output.as_str() {
            "" => how,
            output => format!("{how}; the end of its output:\n{output}"),
        })
    }

    /// True for exit code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && !self.timed_out
    }
}

impl Shell<'_> {
    /// Runs `line`. A caller who gives up meanwhile has to see to [`Shell::clear`].
    ///
    /// # Errors
    /// When the shell cannot be started.
    pub async fn run(&self, line: &str) -> io::Result<Ran> {
        let mut child = self.spawn(line)?;
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let mut pipes = JoinSet::new();
        if let Some(pipe) = child.stdout().take() {
            pipes.spawn(read(pipe, Arc::clone(&output)));
        }
        let status = tokio::select! {
            status = child.wait() => Some(status?),
            () = sleep(self.patience) => None,
        };
        self.clear().await;
        let code = match status {
            Some(status) => status.code(),
            None => child.wait().await?.code(),
        };
        let _ = timeout(DRAIN, async { while pipes.join_next().await.is_some() {} }).await;
        let kept: Vec<u8> = {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.drain(..).collect()
        };
        Ok(Ran {
            code,
            timed_out: status.is_none(),
            output: String::from_utf8_lossy(&kept).trim().to_owned(),
        })
    }

    /// Ends whatever is left of the commands that were run.
    pub async fn clear(&self) {
        let mark = self.mark.to_owned();
        let left = tokio::task::spawn_blocking(move || {
            let known = tree::members(&mark);
            tree::kill_all(&mark, &known)
        });
        for process in left.await.unwrap_or_default() {
            tracing::warn!(pid = process.pid, name = process.name, "a process stays");
        }
    }

    fn spawn(&self, line: &str) -> io::Result<Box<dyn ChildWrapper>> {
        let spec = CommandSpec {
            program: SHELL.into(),
            args: Vec::new(),
            inherits: &[],
            withholds: &[],
            env: Environment::new(),
            cwd: self.cwd.to_owned(),
        };
        let environment = spec.environment(std::env::vars_os(), self.env_allow);
        let mut command = CommandWrap::with_new(self.ostler, |command| {
            command
                .args([leash::SUBCOMMAND, "--", SHELL, "-c"])
                // In the order in which it was written, whichever of the two it went to.
                .arg(format!("exec 2>&1\n{line}"))
                .current_dir(self.cwd)
                .env_clear()
                .envs(environment)
                .env(LINEAGE_VARIABLE, self.lineage.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true);
        });
        Ok(command.wrap(ProcessSession).spawn()?.into_inner())
    }
}

async fn read(mut pipe: impl AsyncRead + Unpin, into: Arc<Mutex<VecDeque<u8>>>) {
    let mut chunk = vec![0; OUTPUT_KEPT];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(chunk.iter().take(count));
        let over = kept.len().saturating_sub(OUTPUT_KEPT);
        kept.drain(..over);
    }
}
