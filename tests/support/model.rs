//! A loopback stand-in for the Anthropic Messages API, so that the real Claude Code CLI can be
//! driven with scripted answers and without an account.
//!
//! It speaks just enough HTTP/1.1 (keep-alive, server-sent events in chunks) for that CLI. A test
//! says what the model answers with a [`Script`] of [`Reply`]s, orders things with a [`Gate`] and
//! looks at what the model was asked through [`Model`]. The server runs on the test's own runtime:
//! a test that blocks its only thread blocks its model too.

mod wire;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A model listening on 127.0.0.1; it stops, and closes its connections, when dropped.
pub(crate) struct Model {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Model {
    /// Starts a model that answers as the script says.
    pub(crate) async fn start(script: Script) -> Model {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Mutex::new(script),
            requests: Mutex::default(),
            arrived: Notify::new(),
        });
        let server = tokio::spawn(wire::serve(listener, state.clone()));
        Model {
            address,
            state,
            server,
        }
    }

    /// The value for `ANTHROPIC_BASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of the main requests (those that offer tools) so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many main requests have arrived.
    pub(crate) fn request_count(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    /// The first main request, past or coming, that satisfies the predicate; panics after `limit`.
    pub(crate) async fn wait_for(
        &self,
        limit: Duration,
        predicate: impl Fn(&Value) -> bool,
    ) -> Value {
        let search = async {
            let mut seen = 0;
            loop {
                let arrived = self.state.arrived.notified();
                let fresh = self.requests().split_off(seen);
                seen += fresh.len();
                if let Some(found) = fresh.into_iter().find(&predicate) {
                    return found;
                }
                arrived.await;
            }
        };
        let found = timeout(limit, search).await;
        found.unwrap_or_else(|_| {
            let texts: Vec<_> = self.requests().iter().map(last_user_text).collect();
            panic!("no such request within {limit:?}; last user texts of those seen: {texts:#?}")
        })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the model answers to which conversation.
pub(crate) struct Script {
    rules: Vec<(String, VecDeque<Reply>)>,
    otherwise: Reply,
}

impl Script {
    /// A script that answers everything with the text "done".
    pub(crate) fn new() -> Self {
        let (rules, otherwise) = (Vec::new(), Reply::text("done"));
        Script { rules, otherwise }
    }

    /// Replies, in order, to the main requests whose conversation (the compact JSON text of the
    /// messages array) contains `needle`. The last reply repeats; the needle added first wins.
    pub(crate) fn on(mut self, needle: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = VecDeque::from_iter(replies);
        assert!(!replies.is_empty(), "no replies for {needle:?}");
        self.rules.push((needle.into(), replies));
        self
    }

    /// Replies to the main requests that no needle matches.
    pub(crate) fn otherwise(mut self, reply: Reply) -> Self {
        self.otherwise = reply;
        self
    }

    fn next_reply(&mut self, conversation: &str) -> Reply {
        let mut rules = self.rules.iter_mut();
        match rules.find(|(needle, _)| conversation.contains(needle.as_str())) {
            Some((_, replies)) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some((_, replies)) => replies[0].clone(),
            None => self.otherwise.clone(),
        }
    }
}

/// One answer of the model.
#[derive(Clone)]
pub(crate) struct Reply {
    blocks: Vec<Value>,
    ending: Ending,
    headers: String,
    chunk_delay: Duration,
    gate: Option<Gate>,
    usage: Value,
}

#[derive(Clone, Copy)]
enum Ending {
    Complete,
    Error(u16),
    Hang,
    Cut,
}

impl Reply {
    fn new(ending: Ending) -> Reply {
        Reply {
            blocks: Vec::new(),
            ending,
            headers: String::new(),
            chunk_delay: Duration::ZERO,
            gate: None,
            usage: usage(100, 20, 30, 7),
        }
    }

    /// A text, in which `{{last_user}}` stands for the [`last_user_text`] of the request.
    pub(crate) fn text(text: &str) -> Reply {
        Reply::new(Ending::Complete).and_text(text)
    }

    /// One tool call; its id is unique.
    pub(crate) fn tool(name: &str, input: Value) -> Reply {
        Reply::new(Ending::Complete).and_tool(name, input)
    }

    /// An HTTP error: a 4xx or 5xx status with the API's error body.
    pub(crate) fn error(status: u16) -> Reply {
        Reply::new(Ending::Error(status))
    }

    /// A stream that starts and then stays silent, after any blocks added, until the client leaves.
    pub(crate) fn hang() -> Reply {
        Reply::new(Ending::Hang)
    }

    /// A stream that starts and is then cut off by closing the socket, after any blocks added.
    pub(crate) fn cut() -> Reply {
        Reply::new(Ending::Cut)
    }

    /// Adds one more tool call.
    pub(crate) fn and_tool(mut self, name: &str, input: Value) -> Reply {
        let block = json!({"type": "tool_use", "name": name, "input": input});
        self.blocks.push(block);
        self
    }

    /// Adds one more text block.
    pub(crate) fn and_text(mut self, text: &str) -> Reply {
        self.blocks.push(json!({"type": "text", "text": text}));
        self
    }

    /// Adds a response header, such as `retry-after`.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Waits before each content delta; a text is sent as two of them.
    pub(crate) fn chunk_delay(mut self, delay: Duration) -> Reply {
        self.chunk_delay = delay;
        self
    }

    /// Holds the reply until `gate.open()`; lets a test order things without sleeping.
    pub(crate) fn gate(mut self, gate: &Gate) -> Reply {
        self.gate = Some(gate.clone());
        self
    }

    /// The token counts to report, none of them from the cache (otherwise 100 + 20 + 30 and 7).
    pub(crate) fn usage(mut self, input: u64, output: u64) -> Reply {
        self.usage = usage(input, 0, 0, output);
        self
    }
}

/// A door, closed at first, that a test opens to let replies out.
#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    /// Lets through every reply held now or later.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }
}

/// The text of the last user message that has any, without the CLI's own reminders.
pub(crate) fn last_user_text(body: &Value) -> String {
    let users = list(&body["messages"]).filter(|message| message["role"] == "user");
    let mut texts = users.map(|message| {
        if let Some(text) = message["content"].as_str() {
            return text.to_owned();
        }
        list(&message["content"])
            .filter_map(|block| block["text"].as_str())
            .filter(|text| !text.starts_with("<system-reminder>"))
            .collect::<Vec<_>>()
            .join("\n")
    });
    texts.rfind(|text| !text.is_empty()).unwrap_or_default()
}

struct State {
    script: Mutex<Script>,
    requests: Mutex<Vec<Value>>,
    arrived: Notify,
}

impl State {
    fn reply_to(&self, body: &Value) -> Reply {
        if body["tools"].as_array().is_none_or(Vec::is_empty) {
            return Reply::text("side");
        }
        let conversation = body["messages"].to_string();
        let reply = self.script.lock().unwrap().next_reply(&conversation);
        self.requests.lock().unwrap().push(body.clone());
        self.arrived.notify_waiters();
        reply
    }
}

fn usage(input: u64, cache_written: u64, cache_read: u64, output: u64) -> Value {
    json!({
        "input_tokens": input,
        "cache_creation_input_tokens": cache_written,
        "cache_read_input_tokens": cache_read,
        "output_tokens": output,
    })
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
