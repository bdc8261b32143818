//! Ctrl-C, SIGTERM or SIGHUP at `ostler run`: once is a clean stop, twice is an end at once, and
//! neither leaves anything behind.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::listed;
use crate::support::Home;

/// A script that neither its input's end nor SIGTERM ends: once it is up, its ladder takes 4.5 s.
const STUBBORN: &str =
    "trap '' INT TERM\necho '{\"ostler\":\"turn\"}'\nwhile :; do sleep 600; done";
/// What is told of it once it is up.
const UP: &str = "running turn 1/50";
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A second signal does not wait for the ladder.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The guard's patience with what is left is 2 s.
const GONE_WITHIN: Duration = Duration::from_secs(8);

/// `ostler run` whose agent works.
struct Run {
    process: Child,
    stderr: ChildStderr,
    told: String,
}

impl Run {
    async fn start(home: &Home) -> Run {
        Run::start_with(home, home.ostler()).await
    }

    /// `ostler`, or what runs the command behind it.
    async fn start_with(home: &Home, mut command: Command) -> Run {
        let mut process = command
            .args(["run", "--provider", "agent", "x"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = process.stderr.take().unwrap();
        home.appears("works").await;
        Run {
            process,
            stderr,
            told: String::new(),
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it has said `text` on standard error.
    async fn until_told(&mut self, text: &str) {
        let mut buffer = [0_u8; 4096];
        while !self.told.contains(text) {
            let read = timeout(PATIENCE, self.stderr.read(&mut buffer)).await;
            let read = read
                .unwrap_or_else(|_| panic!("it does not say {text:?}: {}", self.told))
                .unwrap();
            assert!(read > 0, "it ended without {text:?}: {}", self.told);
            self.told += &String::from_utf8_lossy(&buffer[..read]);
        }
    }

    /// How it ended, and everything it said on standard error.
    async fn end(mut self) -> (ExitStatus, String) {
        let status = timeout(PATIENCE, self.process.wait()).await;
        let status = status.expect("it does not end").unwrap();
        let rest = timeout(PATIENCE, self.stderr.read_to_string(&mut self.told)).await;
        rest.expect("somebody else holds its stderr").unwrap();
        (status, self.told)
    }
}

/// A world with a provider that makes the file `works` and then does as `body` says.
fn world(input: &str, body: &str) -> Home {
    let home = Home::new();
    let body = format!("touch {:?}\n{body}", home.path("works"));
    match input {
        "text" => home.script("agent", &body),
        _ => home.line_script("agent", &body),
    }
}

/// Agent processes that are still there; the guard may take a moment longer.
fn agents_left(home: &Home) -> Vec<String> {
    let mut left = home.processes();
    left.retain(|line| !line.contains(" guard "));
    left
}

/// The guard included.
async fn nobody_is_left(home: &Home) {
    let ended = Instant::now();
    while !home.processes().is_empty() {
        let left = home.processes();
        assert!(ended.elapsed() < GONE_WITHIN, "left behind: {left:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each kind ends a run alike.
const SIGNALS: [&str; 3] = ["-INT", "-TERM", "-HUP"];

#[tokio::test]
async fn one_signal_stops_the_agent_cleanly() {
    for signal in SIGNALS {
        let home = world("text", "exec sleep 600");
        let mut run = Run::start(&home).await;
        run.signal(signal);
        run.until_told("stopping; once more to kill it").await;
        let (status, told) = run.end().await;
        assert_eq!(agents_left(&home), Vec::<String>::new());
        assert_eq!(status.code(), Some(12), "{signal}: {told}");
        assert!(told.contains(" stopped: "), "{signal}: {told}");
        assert!(told.contains("was interrupted"), "{signal}: {told}");
        assert_eq!(listed(&home).await[0]["status"], "stopped");
    }
}

#[tokio::test]
async fn one_interrupt_stops_a_stubborn_agent_as_well() {
    let home = world("lines", STUBBORN);
    let mut run = Run::start(&home).await;
    run.until_told(UP).await;
    run.signal("-INT");
    let (status, told) = run.end().await;
    assert_eq!(agents_left(&home), Vec::<String>::new());
    assert_eq!(status.code(), Some(12), "{told}");
}

#[tokio::test]
async fn a_second_signal_of_any_kind_ends_it_at_once_and_leaves_nobody() {
    for (first, second) in [("-INT", "-INT"), ("-TERM", "-INT"), ("-INT", "-HUP")] {
        let home = world("lines", STUBBORN);
        let mut run = Run::start(&home).await;
        run.until_told(UP).await;
        run.signal(first);
        run.until_told("stopping; once more to kill it").await;
        let sent = Instant::now();
        run.signal(second);
        let (status, told) = run.end().await;
        let took = sent.elapsed();
        assert_eq!(status.code(), Some(130), "{told}");
        assert!(took < AT_ONCE, "it took {took:?}: {told}");
        assert!(told.contains("killed"), "{told}");
        nobody_is_left(&home).await;
        let ended = &listed(&home).await[0];
        assert_ne!(ended["status"], "running", "{ended:#}");
    }
}

#[tokio::test]
async fn two_interrupts_in_the_same_moment_leave_nobody() {
    let home = world("lines", STUBBORN);
    let mut run = Run::start(&home).await;
    run.until_told(UP).await;
    run.signal("-INT");
    run.signal("-INT");
    let (status, told) = run.end().await;
    assert!(!status.success(), "{told}");
    nobody_is_left(&home).await;
}

/// As under `nohup` and in some CI; the run would otherwise go on for ever.
#[tokio::test]
async fn a_signal_counts_even_if_it_was_ignored_at_the_start() {
    let home = world("text", "exec sleep 600");
    let mut shell = home.command("sh");
    let ostler = env!("CARGO_BIN_EXE_ostler");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh", ostler]);
    let mut run = Run::start_with(&home, shell).await;
    run.signal("-HUP");
    run.until_told("stopping; once more to kill it").await;
    let (status, told) = run.end().await;
    assert_eq!(status.code(), Some(12), "{told}");
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_nobody() {
    let home = world("lines", STUBBORN);
    let run = Run::start(&home).await;
    run.signal("-KILL");
    let (status, told) = run.end().await;
    assert!(!status.success(), "{told}");
    nobody_is_left(&home).await;
    let ended = &listed(&home).await[0];
    assert_ne!(ended["status"], "running", "{ended:#}");
}
