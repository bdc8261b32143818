//! Asks a program one thing: it gets no input and a bounded time, and little of its answer is read.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// Bytes of an answer that are read.
const READ: u64 = 16 * 1024;

/// A program and what surrounds it when it is started.
pub(super) struct Place {
    pub(super) program: PathBuf,
    /// The first arguments.
    pub(super) words: Vec<String>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) cwd: PathBuf,
    /// How long it may take to answer.
    pub(super) patience: Duration,
}

/// A program that is asked, which ends with all it has started when nobody waits for it any more.
struct Running(Box<dyn ChildWrapper>);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, most of the time.
        let _ = self.0.start_kill();
    }
}

/// What came of asking.
pub(super) enum Told {
    /// It ended, by a signal if there is no code.
    Ended { code: Option<i32>, output: String },
    /// It could not be started, or did not end; the reason follows the question.
    Nothing(String),
}

impl Place {
    /// Runs the program with these further arguments.
    pub(super) async fn ask(&self, args: &[&str]) -> Told {
        let mut command = CommandWrap::with_new(&self.program, |command| {
            command
                .args(&self.words)
                .args(args)
                .current_dir(&self.cwd)
                .env_clear()
                .envs(self.environment.iter().cloned())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true);
        });
        // A session of its own, so that everything it starts can be ended with it.
        let spawned = command.wrap(ProcessSession).spawn();
        let Running(child) = &mut match spawned {
            Ok(child) => Running(child),
            Err(error) => return Told::Nothing(format!("cannot be run: {error}")),
        };
        let answer = async {
            let mut bytes = Vec::new();
            if let Some(stdout) = child.stdout().take() {
                let mut beginning = stdout.take(READ);
                // What cannot be read is missing from the answer.
                let _ = beginning.read_to_end(&mut bytes).await;
                // Who writes more is heard out, lest it ends by a broken pipe.
                let _ = tokio::io::copy(&mut beginning.into_inner(), &mut tokio::io::sink()).await;
            }
            let code = child.wait().await.ok().and_then(|status| status.code());
            (code, String::from_utf8_lossy(&bytes).into_owned())
        };
        match timeout(self.patience, answer).await {
            Ok((code, output)) => Told::Ended { code, output },
            Err(_) => {
                let seconds = self.patience.as_secs();
                Told::Nothing(format!("does not answer within {seconds} s"))
            }
        }
    }

    /// The first of these variables that the program gets with a value.
    pub(super) fn set<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        let mut names = names.iter().copied();
        names.find(|name| self.value(name).is_some())
    }

    /// The folder in the variable `name`, else `below` the home directory.
    pub(super) fn folder(&self, name: &str, below: &str) -> Option<PathBuf> {
        let home = || Some(Path::new(self.value("HOME")?).join(below));
        self.value(name).map(PathBuf::from).or_else(home)
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        let mut variables = self.environment.iter();
        let found = variables.find(|(own, value)| own == name && !value.is_empty());
        found.map(|(_, value)| value.as_os_str())
    }
}
