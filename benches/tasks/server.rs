//! The same through the program as a session uses it: a line of JSON in, a line of JSON out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::peer::{CREATE_PER_S, GET_PER_S, READY_PER_S};
use super::report::{Report, Samples};
use super::{PER_ROUND, Sizes, world};

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
        server.request("initialize", &client);
        server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        server
    }

    fn send(&mut self, frame: &Value) {
        self.input
            .write_all(format!("{frame}\n").as_bytes())
            .unwrap();
        self.input.flush().unwrap();
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the server has ended");
            let frame: Value = serde_json::from_str(&line).unwrap();
            if frame["id"] == id {
                return frame["result"].clone();
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.request(
            "tools/call",
            &json!({ "name": tool, "arguments": arguments }),
        );
        assert_ne!(result["isError"], true, "{tool}: {result}");
        result["structuredContent"].clone()
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
    for (what, samples, peer) in [
        ("get_task", &get, GET_PER_S),
        ("list_tasks, ready, 10 lines", &ready, READY_PER_S),
        ("create_tasks of one", &create, CREATE_PER_S),
    ] {
        report.line(what, &at, samples);
        let times = samples.per_s() / peer;
        report.note(
            "",
            &at,
            &format!("{times:.0} times the peer's {peer} calls/s"),
        );
    }
}
