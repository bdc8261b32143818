//! Ctrl-C at `ostler run`: once is a clean stop, twice is an end at once, and neither leaves
//! anything behind.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr};

use super::listed;
use crate::support::Home;

/// A script that neither its input's end nor SIGTERM ends: once it is up, its ladder takes 4.5 s.
const STUBBORN: &str =
    "trap '' INT TERM\necho '{\"ostler\":\"turn\"}'\nwhile :; do sleep 600; done";
/// What is told of it once it is up.
const UP: &str = "running turn 1/50";
/// A second Ctrl-C does not wait for the ladder.
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
    async fn start(home: &Home, provider: &str) -> Run {
        let mut process = home
            .ostler()
            .args(["run", "--provider", provider, "x"])
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

    fn interrupt(&self) {
        self.signal("-INT");
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
            let read = self.stderr.read(&mut buffer).await.unwrap();
            assert!(read > 0, "it ended without {text:?}: {}", self.told);
            self.told += &String::from_utf8_lossy(&buffer[..read]);
        }
    }

    /// How it ended, and everything it said on standard error.
    async fn end(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().await.unwrap();
        // Read to the end only now: whoever held this pipe open would hang the test.
        self.stderr.read_to_string(&mut self.told).await.unwrap();
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

#[tokio::test]
async fn one_interrupt_stops_the_agent_cleanly() {
    let home = world("text", "exec sleep 600");
    let mut run = Run::start(&home, "agent").await;
    run.interrupt();
    run.until_told("stopping; once more to kill it").await;
    let (status, told) = run.end().await;
    assert_eq!(agents_left(&home), Vec::<String>::new());
    assert_eq!(status.code(), Some(12), "{told}");
    assert!(told.contains(" stopped: "), "{told}");
    assert!(told.contains("interrupted at the terminal"), "{told}");
    assert_eq!(listed(&home).await[0]["status"], "stopped");
}

#[tokio::test]
async fn one_interrupt_stops_a_stubborn_agent_as_well() {
    let home = world("lines", STUBBORN);
    let mut run = Run::start(&home, "agent").await;
    run.until_told(UP).await;
    run.interrupt();
    let (status, told) = run.end().await;
    assert_eq!(agents_left(&home), Vec::<String>::new());
    assert_eq!(status.code(), Some(12), "{told}");
}

#[tokio::test]
async fn a_second_interrupt_ends_it_at_once_and_leaves_nobody() {
    let home = world("lines", STUBBORN);
    let mut run = Run::start(&home, "agent").await;
    run.until_told(UP).await;
    run.interrupt();
    run.until_told("stopping; once more to kill it").await;
    let second = Instant::now();
    run.interrupt();
    let (status, told) = run.end().await;
    let took = second.elapsed();
    assert!(!status.success(), "{told}");
    assert!(took < AT_ONCE, "it took {took:?}: {told}");
    assert!(told.contains("killed"), "{told}");
    nobody_is_left(&home).await;
    let ended = &listed(&home).await[0];
    assert_ne!(ended["status"], "running", "{ended:#}");
}

#[tokio::test]
async fn two_interrupts_in_the_same_moment_leave_nobody() {
    let home = world("lines", STUBBORN);
    let mut run = Run::start(&home, "agent").await;
    run.until_told(UP).await;
    run.interrupt();
    run.interrupt();
    let (status, told) = run.end().await;
    assert!(!status.success(), "{told}");
    nobody_is_left(&home).await;
}

#[tokio::test]
async fn a_run_that_is_terminated_or_killed_leaves_nobody() {
    for signal in ["-TERM", "-HUP", "-KILL"] {
        let home = world("lines", STUBBORN);
        let run = Run::start(&home, "agent").await;
        run.signal(signal);
        let (status, told) = run.end().await;
        assert!(!status.success(), "{signal}: {told}");
        nobody_is_left(&home).await;
        let ended = &listed(&home).await[0];
        assert_ne!(ended["status"], "running", "{signal}: {ended:#}");
    }
}
