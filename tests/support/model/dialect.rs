//! Which API a request speaks, and what all of them have in common: a conversation, tools that are
//! offered, and an answer that is streamed or sent whole.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::reply::{Block, Reply, Usage};
use super::{anthropic, chat, gemini, responses};

/// An API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Anthropic,
    Responses,
    Chat,
    Gemini,
}

impl Dialect {
    /// The API of a request, by its path.
    pub(super) fn of(path: &str) -> Self {
        if path.contains("/models/") {
            Dialect::Gemini
        } else if path.ends_with("/responses") {
            Dialect::Responses
        } else if path.ends_with("/chat/completions") {
            Dialect::Chat
        } else {
            Dialect::Anthropic
        }
    }

    /// The body of an HTTP error; `retry_after` is in seconds.
    pub(super) fn error(self, status: u16, message: &str, retry_after: Option<&str>) -> Value {
        match self {
            Dialect::Anthropic => anthropic::error(status, message),
            Dialect::Responses | Dialect::Chat => responses::error(status, message),
            Dialect::Gemini => gemini::error(status, message, retry_after),
        }
    }
}

/// A request for an answer.
pub(super) struct Call {
    pub(super) dialect: Dialect,
    pub(super) model: String,
    pub(super) streaming: bool,
    pub(super) body: Value,
}

impl Call {
    /// A request to `path`.
    pub(super) fn new(path: &str, body: Value) -> Self {
        let dialect = Dialect::of(path);
        let (model, streaming) = match dialect {
            Dialect::Gemini => gemini::addressed(path),
            _ => (text(&body["model"]).to_owned(), body["stream"] == true),
        };
        Call {
            dialect,
            model,
            streaming,
            body,
        }
    }

    /// Whether the model may call tools: the mark of a main request.
    pub(super) fn offers_tools(&self) -> bool {
        let has_tools = |body: &Value| list(&body["tools"]).next().is_some();
        // To its later models Codex offers them in the conversation.
        has_tools(&self.body) || list(&self.body["input"]).any(has_tools)
    }

    /// What answers a request that offers none.
    pub(super) fn side_answer(&self) -> String {
        gemini::wanted_json(&self.body).unwrap_or_else(|| "side".into())
    }

    /// The messages.
    pub(super) fn conversation(&self) -> &Value {
        messages(&self.body)
    }

    /// The answer in the words of its API.
    pub(super) fn answer(&self, reply: &Reply) -> Answer {
        // Counted over all models, because a resumed session may talk to several of them.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut blocks = reply.blocks.clone();
        for block in &mut blocks {
            if let Block::Text(text) = block {
                *text = text.replace("{{last_user}}", &last_user_text(&self.body));
            }
        }
        let said = Said {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            model: &self.model,
            request: &self.body,
            blocks,
            usage: reply.usage,
        };
        match self.dialect {
            Dialect::Anthropic => anthropic::answer(&said),
            Dialect::Responses => responses::answer(&said),
            Dialect::Chat => chat::answer(&said),
            Dialect::Gemini => gemini::answer(&said),
        }
    }

    /// The event that ends a stream with an error.
    pub(super) fn failure(&self, error: &Value) -> Frame {
        match self.dialect {
            Dialect::Anthropic => Frame::typed(json!({"type": "error", "error": error})),
            Dialect::Responses => Frame::typed(responses::failure(&self.model, error)),
            Dialect::Chat | Dialect::Gemini => Frame::plain(json!({"error": error})),
        }
    }
}

/// What the model says to one request.
pub(super) struct Said<'a> {
    /// Unique, for ids.
    pub(super) number: u64,
    pub(super) model: &'a str,
    pub(super) request: &'a Value,
    pub(super) blocks: Vec<Block>,
    pub(super) usage: Usage,
}

impl Said<'_> {
    /// Whether the model waits for the result of a tool.
    pub(super) fn calls_tools(&self) -> bool {
        self.blocks.iter().any(Block::is_tool)
    }
}

/// An answer in the words of an API: whole, and as a stream up to where a complete one would be
/// finished, and from there.
pub(super) struct Answer {
    pub(super) whole: Value,
    pub(super) frames: Vec<Frame>,
    pub(super) end: Vec<Frame>,
}

/// One server-sent event.
pub(super) struct Frame {
    /// What is sent.
    pub(super) text: String,
    /// Whether it brings content, and therefore takes its time.
    pub(super) is_delta: bool,
}

impl Frame {
    /// An event named by its own `type`.
    pub(super) fn typed(event: Value) -> Self {
        let text = format!("event: {}\ndata: {event}\n\n", text(&event["type"]));
        Frame {
            text,
            is_delta: false,
        }
    }

    /// An event without a name.
    pub(super) fn plain(data: impl Display) -> Self {
        Frame {
            text: format!("data: {data}\n\n"),
            is_delta: false,
        }
    }

    /// The same event as one that brings content.
    pub(super) fn delta(mut self) -> Self {
        self.is_delta = true;
        self
    }
}

/// The text of the last user message that has any, without the CLI's own reminders.
pub(crate) fn last_user_text(body: &Value) -> String {
    let users = list(messages(body)).filter(|message| message["role"] == "user");
    let mut texts = users.map(|message| {
        if let Some(text) = message["content"].as_str() {
            return text.to_owned();
        }
        let parts = list(&message["content"]).chain(list(&message["parts"]));
        parts
            .filter_map(|part| part["text"].as_str())
            .filter(|text| !is_reminder(text))
            .collect::<Vec<_>>()
            .join("\n")
    });
    texts.rfind(|text| !text.is_empty()).unwrap_or_default()
}

/// Whether a CLI, not its user, wrote this.
fn is_reminder(text: &str) -> bool {
    let marks = [
        "<system-reminder>",
        "<environment_context>",
        "<session_context>",
    ];
    marks.iter().any(|mark| text.starts_with(mark))
}

/// The conversation, which each API calls otherwise.
fn messages(body: &Value) -> &Value {
    let names = ["messages", "input", "contents"];
    let mut found = names.iter().filter_map(|name| body.get(name));
    found.next().unwrap_or(&Value::Null)
}

/// A text cut in two, as it is streamed.
pub(super) fn halves(text: &str) -> [&str; 2] {
    let (head, tail) = text.split_at(text.floor_char_boundary(text.len() / 2));
    [head, tail]
}

pub(super) fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
