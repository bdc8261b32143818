//! A world of its own for one test: state, configuration, home directory and project under one
//! temporary folder, an empty environment, and a check at the end that no process is left.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::mcp::McpClient;

/// How long processes may take to go once their test is over. The guard's patience is 2 s.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What scripts are made of.
const WORDS: &str = include_str!("words.sh");

pub(crate) struct Home {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "project", "scripts"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("config.toml"), "").unwrap();
        Self {
            dir,
            env: Vec::new(),
        }
    }

    /// Sets a variable for every process started from here.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds to the user's configuration file.
    pub(crate) fn config(self, toml: &str) -> Self {
        let path = self.path("config.toml");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{before}\n{toml}\n")).unwrap();
        self
    }

    /// Adds a script provider: a POSIX shell script that gets the prompt as text. It runs in the
    /// project directory and may use the functions of `words.sh`.
    pub(crate) fn script(self, name: &str, body: &str) -> Self {
        self.provider(name, "text", body)
    }

    /// Adds a script provider that speaks the line protocol.
    pub(crate) fn line_script(self, name: &str, body: &str) -> Self {
        self.provider(name, "lines", body)
    }

    fn provider(self, name: &str, input: &str, body: &str) -> Self {
        let path = self.path("scripts").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{WORDS}\n{body}\n")).unwrap();
        executable(&path);
        self.program(name, input, &path)
    }

    /// Adds a script provider that runs the program at `path`, whatever that is.
    pub(crate) fn program(self, name: &str, input: &str, path: &Path) -> Self {
        self.config(&format!(
            "[providers.{name}]\nkind = \"script\"\ncommand = [{path:?}]\ninput = \"{input}\""
        ))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// Makes an empty file in the project directory, for a script that waits for it.
    pub(crate) fn touch(&self, name: &str) {
        std::fs::write(self.project().join(name), "").unwrap();
    }

    /// The lines of a file in the project directory; none while it is not there.
    pub(crate) fn lines_of(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.project().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until a file in the project directory has `count` lines, and returns them.
    pub(crate) async fn written(&self, name: &str, count: usize) -> Vec<String> {
        until(&format!("{count} lines in {name}"), || {
            self.lines_of(name).len() >= count
        })
        .await;
        self.lines_of(name)
    }

    /// The state file, past ostler.
    pub(crate) async fn store(&self) -> sqlx::AnyConnection {
        use sqlx::ConnectOptions;
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}", self.state().join("ostler.db").display());
        let options: sqlx::any::AnyConnectOptions = url.parse().unwrap();
        options.connect().await.unwrap()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The environment of every process of this test.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut env = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), text(self.path("home"))),
            ("OSTLER_HOME".to_owned(), text(self.state())),
            ("OSTLER_CONFIG".to_owned(), text(self.path("config.toml"))),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ];
        env.extend(self.env.iter().cloned());
        env
    }

    /// The ostler binary in the project directory, with an empty environment but for this world.
    pub(crate) fn ostler(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_ostler"))
    }

    /// Any program in the same place and environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.project());
        command.kill_on_drop(true);
        command
    }

    /// A started server with an initialized client.
    pub(crate) async fn server(&self) -> McpClient {
        McpClient::start(self.ostler()).await
    }

    /// Runs the command line to its end: exit code, standard output, standard error.
    pub(crate) async fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.ostler().args(args).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// Waits until a file of this world is there, which a script makes to say how far it is.
    pub(crate) async fn appears(&self, name: &str) {
        let deadline = Instant::now() + GONE_WITHIN;
        while !self.path(name).exists() {
            assert!(Instant::now() < deadline, "{name} does not appear");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Processes of this world that are still there.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = self.dir.path().to_string_lossy().into_owned();
        processes_with(&mark)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let deadline = Instant::now() + GONE_WITHIN;
        while !self.processes().is_empty() {
            if Instant::now() > deadline {
                let left = self.processes();
                for process in &left {
                    let pid = process.split(' ').next().unwrap();
                    let _ = std::process::Command::new("kill")
                        .args(["-9", pid])
                        .status();
                }
                if !std::thread::panicking() {
                    panic!("left behind: {left:#?}");
                }
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Live processes (`pid command line`) with `mark` in their environment.
pub(crate) fn processes_with(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let Ok(environment) = std::fs::read(path.join("environ")) else {
            continue;
        };
        if String::from_utf8_lossy(&environment).contains(mark) {
            let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            found.push(format!("{} {line}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

pub(crate) fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
