//! Runs git, always the user's own, never with questions. What only looks runs without hooks and
//! without anything else that the repository's configuration would have run.

use std::ffi::{OsStr, OsString};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{sleep, timeout};

use super::lock::Lock;

/// How long one command may take: hooks run tests, and checkouts of large repositories take minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long what it has written is waited for once it has ended: a hook may leave a process behind
/// that holds the pipe for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Between tries while somebody else holds one of git's own locks: at first, and at most.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_AT_MOST: Duration = Duration::from_secs(1);
/// How many tries there are; together they wait for about ten seconds.
const TRIES: u32 = 14;

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
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_SHALLOW_FILE",
    // What our own patterns would mean then is something else.
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// Where somebody could be asked for a passphrase.
const SCREENS: &[&str] = &["GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS"];

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
    /// It would have been at work in another repository.
    #[error(
        "the `.git` file of {} is gone or leads elsewhere; `git worktree repair` in its repository may mend it",
        path.display()
    )]
    Astray {
        /// Top of the working tree.
        path: PathBuf,
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
    patience: Duration,
    lock: Option<Lock>,
    input: Option<String>,
}

impl Git {
    /// git in `dir`, without the repository's hooks.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            hooks: false,
            variables: Vec::new(),
            settings: Vec::new(),
            patience: PATIENCE,
            lock: None,
            input: None,
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

    /// The same with less time for each command.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same with something on its standard input.
    #[must_use]
    pub fn reading(mut self, input: impl Into<String>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// The same for the top of a working tree: where that is none any more, no repository further up
    /// is taken for the one that is meant.
    #[must_use]
    pub(super) fn confined(self) -> Self {
        let above = self.dir.parent().map(Path::to_owned).unwrap_or_default();
        self.with("GIT_CEILING_DIRECTORIES", above)
    }

    /// The same with `lock` held by each command as well, also when we die meanwhile: whoever takes
    /// it next finds no git at work.
    #[must_use]
    pub(super) fn holding(mut self, lock: &Lock) -> Self {
        self.lock = Some(lock.clone());
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

    /// Runs a command as often as another program's use of the repository makes it fail.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub async fn run_patiently<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<String, GitError> {
        let mut pause = AGAIN;
        for _ in 1..TRIES {
            match self.run(args).await {
                Err(GitError::Refused { said, .. }) if is_locked(&said) => {
                    tracing::debug!(said, "git is busy; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(AGAIN_AT_MOST);
                }
                outcome => return outcome,
            }
        }
        self.run(args).await
    }

    /// Runs a command whose exit code is an answer.
    ///
    /// # Errors
    /// When it could not be started or did not end.
    pub async fn attempt<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Finished, GitError> {
        let mut running = self.start(args).map_err(GitError::NotStarted)?;
        match timeout(self.patience, running.finish()).await {
            Ok(finished) => finished.map_err(GitError::NotStarted),
            Err(_) => Err(GitError::Hung {
                command: name(args),
                patience: self.patience,
            }),
        }
    }

    fn start<A: AsRef<OsStr>>(&self, args: &[A]) -> io::Result<Running> {
        let stdin = match (&self.lock, &self.input) {
            (Some(lock), _) => lock.as_stdin()?,
            (None, Some(input)) => as_stdin(input)?,
            (None, None) => Stdio::null(),
        };
        let mut command = CommandWrap::with_new("git", |command| {
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
                .stdin(stdin)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("SSH_ASKPASS_REQUIRE", "never")
                .env("GIT_EDITOR", "true")
                .env("GIT_OPTIONAL_LOCKS", "0")
                .env("LC_ALL", "C")
                .kill_on_drop(true);
            for name in WITHHELD.iter().chain(SCREENS) {
                command.env_remove(name);
            }
            command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        });
        // A session of its own has no terminal to ask at, and a Ctrl-C there is not for it.
        let child = command.wrap(ProcessSession).spawn()?.into_inner();
        Ok(Running(child))
    }
}

/// A command that is killed, with all that it has started, unless it is waited for.
struct Running(Box<dyn ChildWrapper>);

impl Running {
    async fn finish(&mut self) -> io::Result<Finished> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (self.0.stdout().take(), self.0.stderr().take());
        let status = {
            let read = async { tokio::join!(all(out, &mut stdout), all(err, &mut stderr)) };
            tokio::pin!(read);
            let ended = self.0.wait();
            tokio::pin!(ended);
            tokio::select! {
                _ = &mut read => ended.await?,
                status = &mut ended => {
                    let _ = timeout(LAST_WORDS, read).await;
                    status?
                }
            }
        };
        Ok(Finished {
            code: status.code(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It leads its session, so its id is that of its group; once it has been waited for it has none.
        let pid = self.0.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A file instead of a pipe: nobody has to feed it while the answer is read.
fn as_stdin(input: &str) -> io::Result<Stdio> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

async fn all(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    if let Some(mut pipe) = pipe {
        // What cannot be read is missing from the answer.
        let _ = pipe.read_to_end(into).await;
    }
}

/// Whether git says that somebody else is writing to the repository right now.
fn is_locked(said: &str) -> bool {
    [
        ".lock': File exists",
        "could not lock config file",
        "cannot lock ref",
        // Another `git worktree` has made or removed half of an entry.
        "commondir: ",
        "gitdir: ",
    ]
    .iter()
    .any(|sign| said.contains(sign))
}

/// The subcommand, for messages.
fn name<A: AsRef<OsStr>>(args: &[A]) -> String {
    let name = args.first().map(|arg| arg.as_ref().to_string_lossy());
    name.unwrap_or_default().into_owned()
}

fn said(finished: &Finished) -> String {
    match (finished.stderr.trim(), finished.code) {
        ("", Some(code)) => format!("exit code {code}"),
        ("", None) => "ended by a signal".to_owned(),
        (stderr, _) => cut(stderr),
    }
}

/// As much of what git said as a message can take.
pub(super) fn cut(said: &str) -> String {
    /// More would drown the rest of a message.
    const SHOWN: usize = 600;
    said.trim().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_others_are_told_from_refusals() {
        for locked in [
            "fatal: Unable to create '/r/.git/index.lock': File exists.",
            "error: could not lock config file .git/config: File exists",
            "fatal: cannot lock ref 'refs/heads/x': Unable to create '/r/.git/x.lock': File exists.",
            "fatal: failed to read .git/worktrees/a/commondir: Success",
        ] {
            assert!(is_locked(locked), "{locked}");
        }
        assert!(!is_locked("fatal: '/t' already exists"));
    }

    #[tokio::test]
    async fn a_git_that_was_given_a_lock_holds_it_on_its_own() {
        let home = tempfile::tempdir().unwrap();
        let (tree, go) = (home.path().join("t"), home.path().join("go"));
        let free = || Lock::of_tree_within(&tree, Duration::from_millis(50));
        let lock = Lock::of_tree(&tree).await.unwrap();
        let git = Git::at(home.path()).holding(&lock);
        let wait = format!("!until [ -e {} ]; do sleep 0.01; done", go.display());
        let alias = format!("alias.wait={wait}");
        let mut running = git.start(&["-c", &alias, "wait"]).unwrap();
        drop((git, lock));
        assert!(free().await.unwrap().is_none());
        std::fs::write(&go, "").unwrap();
        running.finish().await.unwrap();
        assert!(free().await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended_with_all_it_started() {
        let home = tempfile::tempdir().unwrap();
        let pid = home.path().join("pid");
        let hang = format!("!sleep 600 & echo $! > {}; wait", pid.display());
        let git = Git::at(home.path()).within(Duration::from_secs(2));
        let error = git
            .run(&["-c", &format!("alias.hang={hang}"), "hang"])
            .await;
        assert!(matches!(error, Err(GitError::Hung { .. })), "{error:?}");
        let pid: i32 = std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let gone = async {
            while nix::sys::signal::kill(Pid::from_raw(pid), None).is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), gone).await.unwrap();
    }
}
