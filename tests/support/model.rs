//! A loopback stand-in for the model APIs, so that the real CLIs can be driven with scripted
//! answers and without an account.
//!
//! It speaks just enough HTTP/1.1 (keep-alive, server-sent events in chunks) and enough of four
//! APIs: Anthropic Messages (Claude Code), OpenAI Responses (Codex), OpenAI chat completions
//! (opencode) and Gemini. The path of a request tells which one is meant, so one model can serve
//! all CLIs at once. A test says what the model answers with a [`Script`] of [`Reply`]s, the same
//! for every API, orders things with a [`Gate`] and looks at what the model was asked through
//! [`Model`]. The server runs on the test's own runtime: a test that blocks its only thread blocks
//! its model too.

mod anthropic;
mod chat;
mod dialect;
mod gemini;
mod reply;
mod responses;
mod wire;

pub(crate) use dialect::last_user_text;
pub(crate) use reply::{Gate, Reply};

use dialect::Call;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
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

    /// The base URL of the Anthropic and Gemini APIs; the OpenAI ones are below its `/v1`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds to the script, as [`Script::on`] does.
    pub(crate) fn add(&self, needle: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut script = self.state.script.lock().unwrap();
        *script = std::mem::replace(&mut *script, Script::new()).on(needle, replies);
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

    /// Replies, in order, to the main requests whose conversation (the compact JSON text of
    /// its messages) contains `needle`. The last reply repeats; the needle added first wins.
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

struct State {
    script: Mutex<Script>,
    requests: Mutex<Vec<Value>>,
    arrived: Notify,
}

impl State {
    fn reply_to(&self, call: &Call) -> Reply {
        if !call.offers_tools() {
            return Reply::text(&call.side_answer());
        }
        let conversation = call.conversation().to_string();
        let reply = self.script.lock().unwrap().next_reply(&conversation);
        self.requests.lock().unwrap().push(call.body.clone());
        self.arrived.notify_waiters();
        reply
    }
}
