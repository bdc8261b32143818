//! A loopback service for embeddings. Words that mean the same point the same way, so that a test knows
//! what is near what; a test says how the service behaves and looks at what it was asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Each line is one direction.
const MEANINGS: &[&[&str]] = &[
    &["car", "automobile", "vehicle"],
    &["deploy", "ship", "release"],
    &["database", "postgres", "storage"],
    &["invoice", "bill", "payment"],
    &["login", "authentication", "password"],
];
/// Directions of words that have no such line.
const OTHERS: usize = 11;

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// As it should.
    Well,
    /// Never.
    Silent,
    /// With this status and body.
    Saying(u16, String),
    /// With a status, and when to come back.
    Busy(u32),
    /// With vectors that have this many numbers.
    Longer(usize),
    /// With 400 to requests that hold this word.
    Without(&'static str),
    /// As it should, but for requests that come after so many.
    HoldingAfter(usize),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn texts(&self) -> Vec<String> {
        let input = self.body["input"].as_array().unwrap();
        let texts = input.iter().map(|text| text.as_str().unwrap().to_owned());
        texts.collect()
    }
}

struct State {
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
}

/// A service on 127.0.0.1, until it is dropped.
pub(crate) struct Embeddings {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Embeddings {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            mood: Mutex::new(Mood::Well),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self {
            address,
            state,
            server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Every text it was sent, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.asked().iter().flat_map(Asked::texts).collect()
    }
}

impl Drop for Embeddings {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let asked = Asked {
            head,
            body: serde_json::from_slice(&body).unwrap(),
        };
        let count = {
            let mut all = state.asked.lock().unwrap();
            all.push(asked.clone());
            all.len()
        };
        let mood = state.mood.lock().unwrap().clone();
        let (status, more, body) = match mood {
            Mood::Silent => return std::future::pending().await,
            Mood::HoldingAfter(most) if count > most => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
            Mood::Saying(status, body) => (status, String::new(), body),
            Mood::Busy(seconds) => (429, format!("retry-after: {seconds}\r\n"), String::new()),
            Mood::Without(word) if asked.texts().iter().any(|text| text.contains(word)) => (
                400,
                String::new(),
                json!({ "error": { "message": "too long" } }).to_string(),
            ),
            Mood::Longer(numbers) => (200, String::new(), answer(&asked, numbers)),
            _ => (200, String::new(), answer(&asked, 0)),
        };
        let reply = format!(
            "HTTP/1.1 {status} It is\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// In an order of its own, as it may be.
fn answer(asked: &Asked, least: usize) -> String {
    assert_eq!(asked.body["encoding_format"], "float");
    let mut data = Vec::new();
    for (index, text) in asked.texts().iter().enumerate() {
        let mut numbers = direction(text);
        numbers.resize(numbers.len().max(least), 0.0);
        data.push(json!({ "object": "embedding", "index": index, "embedding": numbers }));
    }
    data.reverse();
    json!({ "object": "list", "model": asked.body["model"], "data": data }).to_string()
}

/// What its words mean together.
fn direction(text: &str) -> Vec<f32> {
    let mut numbers = vec![0.0_f32; MEANINGS.len() + OTHERS];
    let words = text.split(|c: char| !c.is_alphanumeric());
    for word in words.filter(|word| word.len() > 2) {
        let word = word.to_lowercase();
        let line = MEANINGS
            .iter()
            .position(|line| line.contains(&word.as_str()));
        match line {
            Some(line) => numbers[line] += 3.0,
            None => {
                let sum: usize = word.bytes().map(usize::from).sum();
                numbers[MEANINGS.len() + sum % OTHERS] += 0.5;
            }
        }
    }
    numbers[0] += 0.01;
    numbers
}
