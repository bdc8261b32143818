//! Servers and guards that die, politely or not: no process of an agent outlives them for long, and
//! the record stays true.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with, until};

/// What is promised for the time after the death of a server.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Works with a child in a session of its own until it is told to finish.
const WORK: &str = r#"
said=$(cat)
case $said in *FINISH*) echo "finished: $said"; exit ;; esac
turn
text 'half of it'
setsid sleep 300 &
echo up >> up
exec sleep 300
"#;

fn world(places: u32) -> Home {
    Home::new().script("work", WORK).config(&format!(
        "[agents]\nprovider = \"work\"\nmax_concurrent = {places}"
    ))
}

/// A server with one agent that runs and one that waits.
async fn at_work(home: &Home) -> (McpClient, String, String) {
    let mut server = home.server().await;
    let running = server.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 1).await;
    server
        .until(&running, |brief| brief["turns"] == "1/50")
        .await;
    let queued = server.spawn(json!({ "prompt": "x" })).await;
    assert_eq!(processes_with(&running).len(), 2);
    (server, running, queued)
}

async fn gone_soon(mark: &str) {
    let since = Instant::now();
    until("its processes are gone", || processes_with(mark).is_empty()).await;
    assert!(
        since.elapsed() < GONE_WITHIN,
        "it took {:?}",
        since.elapsed()
    );
}

fn guards(home: &Home) -> Vec<String> {
    let guards = home
        .processes()
        .into_iter()
        .filter(|process| process.contains(" guard o-"));
    guards
        .map(|process| process.split(' ').next().unwrap().to_owned())
        .collect()
}

fn catches_sigterm(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0
}

fn kill_9(pid: &str) {
    let status = std::process::Command::new("kill")
        .args(["-9", pid])
        .status();
    assert!(status.unwrap().success());
}

async fn read(server: &mut McpClient, id: &str) -> Value {
    server.call("get_agent", json!({ "id": id })).await.unwrap()
}

async fn assert_lost_and_resumable(home: &Home, running: &str, queued: &str) {
    let mut next = home.server().await;
    for id in [running, queued] {
        let lost = read(&mut next, id).await;
        assert_eq!(lost["status"], "error", "{lost:#}");
        assert_eq!(lost["reason"], "owner_lost");
        assert!(
            lost["detail"].as_str().unwrap().contains("resume_agent"),
            "{lost:#}"
        );
    }
    assert_eq!(read(&mut next, running).await["result"], "half of it");
    assert_eq!(next.brief(running).await["turns"], "1/50");
    assert_eq!(processes_with(running), Vec::<String>::new());
    for id in [running, queued] {
        let arguments = json!({ "id": id, "prompt": "FINISH" });
        let resumed = next.call("resume_agent", arguments).await.unwrap();
        assert_eq!(resumed["run_no"], 2);
        let done = next.wait(&[id]).await.remove(0);
        assert_eq!(done["status"], "completed", "{done:#}");
        assert!(
            done["result"]
                .as_str()
                .unwrap()
                .contains("`error` (owner_lost)"),
            "{done:#}"
        );
    }
}

#[tokio::test]
async fn after_the_kill_of_a_server_its_guard_ends_the_agents_and_the_next_server_knows() {
    let home = world(1);
    let (mut server, running, queued) = at_work(&home).await;
    server.kill().await;
    gone_soon(&running).await;
    until("the guard has left", || guards(&home).is_empty()).await;
    assert_lost_and_resumable(&home, &running, &queued).await;
}

#[tokio::test]
async fn after_the_kill_of_a_server_and_its_guard_the_next_server_ends_the_agents() {
    let home = world(1);
    let (mut server, running, queued) = at_work(&home).await;
    let guards = guards(&home);
    assert_eq!(guards.len(), 1, "one guard for all agents of a server");
    kill_9(&guards[0]);
    server.kill().await;
    assert_eq!(
        processes_with(&running).len(),
        2,
        "nobody was there to end them"
    );
    assert_lost_and_resumable(&home, &running, &queued).await;
}

#[tokio::test]
async fn a_server_that_runs_on_notices_the_death_of_another() {
    let home = world(1);
    let mut witness = home.server().await;
    let (mut server, running, queued) = at_work(&home).await;
    let ids = json!({ "ids": [running, queued] });
    let wait = witness.call_later("wait_agents", ids).await;
    let own = witness.spawn(json!({ "prompt": "FINISH" })).await;
    server.kill().await;
    let waited = wait.outcome().await.unwrap();
    for done in waited["done"].as_array().unwrap() {
        assert_eq!(done["reason"], "owner_lost", "{done:#}");
    }
    // The place of the dead agent is free again.
    assert_eq!(witness.wait(&[&own]).await[0]["status"], "completed");
}

#[tokio::test]
async fn after_the_kill_of_the_guard_the_next_spawn_brings_a_new_one() {
    let home = world(2);
    let mut server = home.server().await;
    let first = server.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 1).await;
    let old = guards(&home);
    kill_9(&old[0]);
    until("the guard is gone", || guards(&home).is_empty()).await;
    let second = server.spawn(json!({ "prompt": "x" })).await;
    home.written("up", 2).await;
    until("there is a new guard", || guards(&home).len() == 1).await;
    server.kill().await;
    gone_soon(&first).await;
    gone_soon(&second).await;
}

/// The server is made to leave by `end`; then nothing is left, and everything was stopped.
async fn leaves_nothing(end: &str) {
    let home = world(1);
    let (mut server, running, queued) = at_work(&home).await;
    let status = match end {
        "end of input" => server.close().await,
        signal => {
            server.signal(signal);
            server.exit().await
        }
    };
    assert_eq!(status.code(), Some(0), "{end}");
    assert_eq!(processes_with(&running), Vec::<String>::new(), "{end}");
    until("the guard has left", || guards(&home).is_empty()).await;
    let mut next = home.server().await;
    for id in [&running, &queued] {
        let stopped = read(&mut next, id).await;
        assert_eq!(stopped["status"], "stopped", "{end}: {stopped:#}");
        let detail = stopped["detail"].as_str().unwrap();
        assert!(
            detail.contains("the ostler process that ran it has ended"),
            "{end}: {detail}"
        );
        assert_eq!(stopped["unread"], true, "{end}: {stopped:#}");
    }
    assert_eq!(read(&mut next, &running).await["result"], "half of it");
    let done = {
        let arguments = json!({ "id": running, "prompt": "FINISH" });
        next.call("resume_agent", arguments).await.unwrap();
        next.wait(&[&running]).await.remove(0)
    };
    assert_eq!(done["status"], "completed", "{end}: {done:#}");
}

#[tokio::test]
async fn the_end_of_input_leaves_nothing_behind() {
    leaves_nothing("end of input").await;
}

#[tokio::test]
async fn sigterm_leaves_nothing_behind() {
    leaves_nothing("-TERM").await;
}

#[tokio::test]
async fn sigint_leaves_nothing_behind() {
    leaves_nothing("-INT").await;
}

#[tokio::test]
async fn sighup_leaves_nothing_behind() {
    leaves_nothing("-HUP").await;
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_leaves_has_noted_the_stop() {
    let home = Home::new().script(
        "stubborn",
        "trap '' TERM\necho up >> up\nwhile :; do sleep 1; done",
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "stubborn" }))
        .await;
    home.written("up", 1).await;
    server.signal("-TERM");
    // Hosts are impatient: they kill a server that has not left within half a second.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.kill().await;
    gone_soon(&id).await;
    let mut next = home.server().await;
    let stopped = read(&mut next, &id).await;
    assert_eq!(stopped["status"], "stopped", "{stopped:#}");
}

#[tokio::test]
async fn a_signal_to_the_guard_alone_does_not_end_it() {
    let home = world(1);
    let (mut server, running, _) = at_work(&home).await;
    let before = guards(&home);
    until("the guard listens for signals", || {
        catches_sigterm(&before[0])
    })
    .await;
    for signal in ["-TERM", "-INT", "-HUP"] {
        let status = std::process::Command::new("kill")
            .args([signal, &before[0]])
            .status();
        assert!(status.unwrap().success());
    }
    server.kill().await;
    gone_soon(&running).await;
}
