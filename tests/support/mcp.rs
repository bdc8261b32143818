//! A raw MCP client over the real binary: it sees every frame as it is on the wire.

use std::collections::HashMap;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::JoinHandle;

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Heard {
    waiting: HashMap<i64, oneshot::Sender<Value>>,
    notifications: Vec<Value>,
    not_json: Vec<String>,
}

pub(crate) struct McpClient {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    heard: Arc<Mutex<Heard>>,
    listener: JoinHandle<()>,
    next_id: i64,
    pub(crate) initialized: Value,
}

impl McpClient {
    /// Starts the server and goes through `initialize`.
    pub(crate) async fn start(command: Command) -> Self {
        Self::start_able(command, json!({})).await
    }

    /// The same for a client that declares `capabilities`.
    pub(crate) async fn start_able(command: Command, capabilities: Value) -> Self {
        let mut client = Self::start_silent(command);
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "0" },
        });
        client.initialized = client.request("initialize", params).await["result"].clone();
        client.notify("notifications/initialized", json!({})).await;
        client
    }

    /// Starts the server and says nothing yet.
    pub(crate) fn start_silent(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let hearing = Arc::clone(&heard);
        let listener = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut heard = hearing.lock().unwrap();
                let Ok(frame) = serde_json::from_str::<Value>(&line) else {
                    heard.not_json.push(line);
                    continue;
                };
                match frame["id"]
                    .as_i64()
                    .and_then(|id| heard.waiting.remove(&id))
                {
                    Some(waiting) => drop(waiting.send(frame)),
                    None => heard.notifications.push(frame),
                }
            }
            // Whoever waits for an answer sees that none will come.
            hearing.lock().unwrap().waiting.clear();
        });
        Self {
            child,
            stdin,
            heard,
            listener,
            next_id: 0,
            initialized: Value::Null,
        }
    }

    /// Writes a line as it is.
    pub(crate) async fn write(&mut self, line: &str) {
        self.write_bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Writes bytes as they are.
    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).await.unwrap();
        stdin.flush().await.unwrap();
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        let frame = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.write(&frame.to_string()).await;
    }

    /// Sends a request; the answer comes through the receiver. Returns its id as well.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        params: Value,
    ) -> (i64, oneshot::Receiver<Value>) {
        self.next_id += 1;
        let id = self.next_id;
        let (answer, answered) = oneshot::channel();
        self.heard.lock().unwrap().waiting.insert(id, answer);
        let frame = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(&frame.to_string()).await;
        (id, answered)
    }

    /// Sends a request and waits for the whole answer frame.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let (_, answered) = self.send(method, params).await;
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        answer
            .expect("no answer in time")
            .expect("the server has gone")
    }

    /// Calls a tool: its structured result, or the text of its error.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        let params = json!({ "name": tool, "arguments": arguments });
        outcome(self.request("tools/call", params).await)
    }

    /// Calls a tool without waiting for the answer.
    pub(crate) async fn call_later(&mut self, tool: &str, arguments: Value) -> Pending {
        let params = json!({ "name": tool, "arguments": arguments });
        let (id, answered) = self.send("tools/call", params).await;
        Pending { id, answered }
    }

    /// Spawns an agent and returns its id.
    pub(crate) async fn spawn(&mut self, arguments: Value) -> String {
        let spawned = self.call("spawn_agent", arguments).await.unwrap();
        spawned["id"].as_str().unwrap().to_owned()
    }

    /// Waits until every one of `ids` has ended; the entries of `done`, in the order of `ids`.
    pub(crate) async fn wait(&mut self, ids: &[&str]) -> Vec<Value> {
        let arguments = json!({ "ids": ids, "timeout_s": 100 });
        let waited = self.call("wait_agents", arguments).await.unwrap();
        assert_eq!(waited["timed_out"], Value::Null, "{waited:#}");
        let done = waited["done"].as_array().unwrap();
        let find = |id: &&str| done.iter().find(|done| done["id"] == **id).cloned();
        ids.iter()
            .map(|id| find(id).unwrap_or_else(|| panic!("{id} in {waited:#}")))
            .collect()
    }

    /// Spawns an agent and waits for its end.
    pub(crate) async fn run(&mut self, arguments: Value) -> Value {
        let id = self.spawn(arguments).await;
        self.wait(&[&id]).await.remove(0)
    }

    /// Looks until no agent lives any more; how many ran at the same time at most.
    pub(crate) async fn most_running(&mut self) -> usize {
        let mut most = 0;
        loop {
            let listed = self.call("list_agents", json!({ "limit": 100 })).await;
            let listed = listed.unwrap();
            let agents = listed["items"].as_array().unwrap();
            let of = |status| {
                agents
                    .iter()
                    .filter(|agent| agent["status"] == status)
                    .count()
            };
            let (queued, running) = (of("queued"), of("running"));
            most = most.max(running);
            if queued + running == 0 {
                return most;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until an agent asks for something, and returns the request.
    pub(crate) async fn asked(&mut self, id: &str) -> Value {
        let arguments = json!({ "ids": [id], "timeout_s": 100 });
        let waited = self.call("wait_agents", arguments).await.unwrap();
        let waiting = waited["waiting"].as_array();
        let asked = waiting.and_then(|waiting| waiting.first());
        asked
            .unwrap_or_else(|| panic!("it asks for nothing: {waited:#}"))
            .clone()
    }

    /// Answers a request that [`McpClient::asked`] returned.
    pub(crate) async fn answer(&mut self, asked: &Value, answer: Value) -> Value {
        let mut arguments = json!({ "id": asked["id"], "request_id": asked["request_id"] });
        for (name, value) in answer.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        self.call("answer_agent", arguments).await.unwrap()
    }

    /// Evidence of an agent.
    pub(crate) async fn evidence(&mut self, id: &str) -> Value {
        let arguments = json!({ "id": id, "view": "evidence" });
        self.call("get_agent", arguments).await.unwrap()["evidence"].clone()
    }

    /// An agent in one line.
    pub(crate) async fn brief(&mut self, id: &str) -> Value {
        self.call("get_agent", json!({ "id": id, "view": "evidence" }))
            .await
            .unwrap()
    }

    /// The agent's log entries.
    pub(crate) async fn transcript(&mut self, id: &str) -> Vec<Value> {
        let arguments = json!({ "id": id, "view": "transcript", "limit": 100 });
        let transcript = self.call("get_agent", arguments).await.unwrap();
        transcript["items"].as_array().unwrap().clone()
    }

    /// Asks again and again until the agent satisfies `predicate`.
    pub(crate) async fn until(&mut self, id: &str, predicate: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let brief = self.brief(id).await;
            if predicate(&brief) {
                return brief;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "never came true: {brief:#}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks until the agent's log has an entry of that kind.
    pub(crate) async fn until_logged(&mut self, id: &str, kind: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self
            .transcript(id)
            .await
            .iter()
            .any(|entry| entry["kind"] == kind)
        {
            assert!(
                tokio::time::Instant::now() < deadline,
                "no {kind} in the log of {id}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that answered none of our requests, by its own id, so far.
    pub(crate) fn notifications(&self) -> Vec<Value> {
        self.heard.lock().unwrap().notifications.clone()
    }

    /// The first of [`McpClient::notifications`], past or coming, that satisfies `predicate`.
    pub(crate) async fn heard(&self, predicate: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let notifications = self.notifications();
            if let Some(found) = notifications.iter().find(|frame| predicate(frame)) {
                return found.clone();
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "not heard: {notifications:#?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lines on standard output that were no frames; must stay empty.
    pub(crate) fn not_json(&self) -> Vec<String> {
        self.heard.lock().unwrap().not_json.clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(status.unwrap().success());
    }

    /// Ends the session and checks what every session must keep: it is left with success, nobody
    /// holds its standard output any more, and nothing but frames was written there.
    pub(crate) async fn leave(mut self) {
        let status = self.close().await;
        assert!(status.success(), "{status}");
        self.only_frames().await;
    }

    /// After the server has left: its standard output ended with it and held only frames.
    pub(crate) async fn only_frames(mut self) {
        let listened = tokio::time::timeout(PATIENCE, &mut self.listener).await;
        listened.expect("somebody else holds stdout").unwrap();
        assert_eq!(self.not_json(), Vec::<String>::new());
    }

    /// Ends the server's input and waits until it has left.
    pub(crate) async fn close(&mut self) -> ExitStatus {
        self.stdin = None;
        self.exit().await
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it does not leave")
            .unwrap()
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A call whose answer was not waited for.
pub(crate) struct Pending {
    pub(crate) id: i64,
    answered: oneshot::Receiver<Value>,
}

impl Pending {
    /// Whether no answer has come yet.
    pub(crate) fn is_open(&mut self) -> bool {
        matches!(self.answered.try_recv(), Err(TryRecvError::Empty))
    }

    pub(crate) async fn outcome(self) -> Result<Value, String> {
        let answer = tokio::time::timeout(PATIENCE, self.answered).await;
        outcome(
            answer
                .expect("no answer in time")
                .expect("the server has gone"),
        )
    }
}

fn outcome(frame: Value) -> Result<Value, String> {
    let result = &frame["result"];
    if result.is_null() {
        return Err(format!(
            "protocol error: {}",
            frame["error"]["message"].as_str().unwrap()
        ));
    }
    let text = result["content"][0]["text"].as_str().unwrap().to_owned();
    if result["isError"] == true {
        Err(text)
    } else {
        Ok(result["structuredContent"].clone())
    }
}
