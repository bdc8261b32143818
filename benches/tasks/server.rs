//! The same through the program as a session uses it: a line of JSON in, a line of JSON out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::peer::{CREATE_PER_S, GET_PER_S, READY_PER_S};
use super::report::{Report, Samples};
use super::{PER_ROUND, Sizes, world};

/// Unanswered requests on one connection. The peer's daemon is busy with a single one already: its
/// calls take as long as they take of a core.
const IN_FLIGHT: usize = 16;

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    sent: u64,
    _home: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ostler"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("OSTLER_HOME", home.path().join("state"))
            .current_dir(&project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut server = Self {
            child,
            input: input.unwrap(),
            output: BufReader::new(output.unwrap()),
            sent: 0,
            _home: home,
        };
        let client = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "bench", "version": "0" },
        });
        server.ask("initialize", &client);
        server.answer();
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        server
    }

    fn send(&mut self, frame: &Value) {
        self.input
            .write_all(format!("{frame}\n").as_bytes())
            .unwrap();
        self.input.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) {
        self.sent += 1;
        let id = self.sent;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }

    /// The next answer to a request.
    fn answer(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the server has ended");
            let mut frame: Value = serde_json::from_str(&line).unwrap();
            if frame["id"].is_u64() {
                let result = frame["result"].take();
                assert!(result.is_object() && result["isError"] != true, "{line}");
                return result;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask("tools/call", &params);
        self.answer()["structuredContent"].take()
    }

    /// Calls per second with [`IN_FLIGHT`] of them unanswered at any time.
    fn rate(&mut self, tool: &str, calls: impl Iterator<Item = Value>) -> f64 {
        let start = Instant::now();
        let (mut answered, mut unanswered) = (0, 0);
        for arguments in calls {
            if unanswered == IN_FLIGHT {
                self.answer();
                answered += 1;
                unanswered -= 1;
            }
            let params = json!({ "name": tool, "arguments": arguments });
            self.ask("tools/call", &params);
            unanswered += 1;
        }
        for _ in 0..unanswered {
            self.answer();
            answered += 1;
        }
        f64::from(answered) / start.elapsed().as_secs_f64()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn measure(sizes: &Sizes, report: &mut Report) {
    let mut server = Server::start();
    let mut ids = Vec::new();
    for number in 0..sizes.peer / 500 {
        let tasks = world::plan(500, number).into_iter().map(|task| {
            json!({
                "title": task.title,
                "description": task.description,
                "blocked_by": task.blocked_by,
                "ref": task.reference,
            })
        });
        let created = server.call(
            "create_tasks",
            &json!({ "tasks": tasks.collect::<Vec<_>>() }),
        );
        let named = created["refs"].as_object().into_iter().flatten();
        ids.extend(named.map(|(_, id)| id.clone()));
        ids.extend(created["ids"].as_array().into_iter().flatten().cloned());
    }
    assert_eq!(ids.len(), sizes.peer, "every task has an id");
    let [mut get, mut ready, mut create] = [(); 3].map(|()| Samples::default());
    for at in 0..sizes.rounds * PER_ROUND {
        let id = &ids[at * 7919 % ids.len()];
        get.time(async { server.call("get_task", &json!({ "id": id })) })
            .await;
        let listing = json!({ "view": "ready", "limit": 10 });
        ready
            .time(async { server.call("list_tasks", &listing) })
            .await;
        let new = json!({ "tasks": [{ "title": "one more" }] });
        create
            .time(async { server.call("create_tasks", &new) })
            .await;
    }
    let at = format!("{} open, stdio", sizes.peer);
    report.line("get_task", &at, &get);
    report.line("list_tasks, ready, 10 lines", &at, &ready);
    report.line("create_tasks of one", &at, &create);

    let calls = sizes.rounds * PER_ROUND;
    let gets = (0..calls).map(|at| json!({ "id": ids[at * 7919 % ids.len()] }));
    let gets = server.rate("get_task", gets);
    let listing = json!({ "view": "ready", "limit": 10 });
    let readies = server.rate("list_tasks", (0..calls).map(|_| listing.clone()));
    let new = json!({ "tasks": [{ "title": "one more" }] });
    let creates = server.rate("create_tasks", (0..calls).map(|_| new.clone()));
    for (what, rate, peer) in [
        ("get_task", gets, GET_PER_S),
        ("list_tasks, ready, 10 lines", readies, READY_PER_S),
        ("create_tasks of one", creates, CREATE_PER_S),
    ] {
        let at = format!("{at}, {IN_FLIGHT} in flight");
        report.note(what, &at, &format!("{rate:.0} calls/s"));
        let name = format!("{what}, {IN_FLIGHT} in flight: calls/s, of the peer's {peer}");
        report.at_least(name, rate / peer, 100.0);
    }
}
