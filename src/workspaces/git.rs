//! Runs git, always the user's own, never with questions. What only looks runs without hooks and
//! without anything else that the repository's configuration would have run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// How long one command may take: hooks run tests, and checkouts of large repositories take minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Set for every command, before its own arguments. A file system monitor is a program of the
/// repository's choice, and background maintenance would outlive us.
const QUIET: &[&str] = &[
    "-c",
    "core.fsmonitor=false",
    "-c",
    "maintenance.auto=false",
    "-c",
    "gc.auto=0",
];
const WITHOUT_HOOKS: &[&str] = &["-c", "core.hooksPath=/dev/null"];

/// What describes the repository of whoever started us, and not the one that is meant.
const WITHHELD: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
];

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("git cannot be started: {0}")]
    NotStarted(std::io::Error),
    /// It did not come to an end.
    #[error("`git {command}` did not end within {} s", .patience.as_secs())]
    Hung {
        /// The subcommand.
        command: String,
        /// How long it had.
        patience: Duration,
    },
    /// It said no.
    #[error("`git {command}` failed: {said}")]
    Refused {
        /// The subcommand.
        command: String,
        /// Its exit code; `None` after a signal.
        code: Option<i32>,
        /// What it wrote on standard error, cut.
        said: String,
    },
}

/// What a command brought.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

/// git in one directory.
#[derive(Debug, Clone)]
pub struct Git {
    dir: PathBuf,
    hooks: bool,
    variables: Vec<(OsString, OsString)>,
    settings: Vec<String>,
}

impl Git {
    /// git in `dir`, without the repository's hooks.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            hooks: false,
            variables: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// The same with the repository's hooks.
    #[must_use]
    pub fn with_hooks(mut self) -> Self {
        self.hooks = true;
        self
    }

    /// The same with a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The same with a setting, as in `user.name=me`, over whatever the repository is configured with.
    #[must_use]
    pub fn set(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command and returns its standard output, without the line end.
    ///
    /// # Errors
    /// [`GitError`]; an exit code other than zero is one.
    pub async fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<String, GitError> {
        let stdout = self.bytes(args).await?;
        Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned())
    }

    /// Runs a command and returns its standard output as it is.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub async fn bytes<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Vec<u8>, GitError> {
        let finished = self.attempt(args).await?;
        match finished.code {
            Some(0) => Ok(finished.stdout),
            code => Err(GitError::Refused {
                command: name(args),
                code,
                said: said(&finished),
            }),
        }
    }

    /// Runs a command whose exit code is an answer.
    ///
    /// # Errors
    /// When it could not be started or did not end.
    pub async fn attempt<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Finished, GitError> {
        let mut command = Command::new("git");
        command.args(QUIET);
        if !self.hooks {
            command.args(WITHOUT_HOOKS);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command
            .args(args)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .kill_on_drop(true);
        for name in WITHHELD {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = match timeout(PATIENCE, command.output()).await {
            Ok(output) => output.map_err(GitError::NotStarted)?,
            Err(_) => {
                return Err(GitError::Hung {
                    command: name(args),
                    patience: PATIENCE,
                });
            }
        };
        Ok(Finished {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// The subcommand, for messages.
fn name<A: AsRef<OsStr>>(args: &[A]) -> String {
    let name = args.first().map(|arg| arg.as_ref().to_string_lossy());
    name.unwrap_or_default().into_owned()
}

fn said(finished: &Finished) -> String {
    /// More would drown the rest of a message.
    const SHOWN: usize = 600;
    let stderr = finished.stderr.trim();
    if stderr.is_empty() {
        return match finished.code {
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        };
    }
    stderr.chars().take(SHOWN).collect()
}
