//! One answer of the scripted model, in no API's terms, and the gate that holds it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

/// One answer of the model.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(super) blocks: Vec<Block>,
    pub(super) ending: Ending,
    pub(super) headers: Vec<(String, String)>,
    pub(super) chunk_delay: Duration,
    pub(super) gate: Option<Gate>,
    pub(super) usage: Usage,
}

/// A part of an answer.
#[derive(Clone)]
pub(super) enum Block {
    Text(String),
    Thought(String),
    Tool { name: String, input: Value },
}

/// How an answer ends.
#[derive(Clone)]
pub(super) enum Ending {
    Complete,
    /// An HTTP status, and the body if it is not the API's own for that status.
    Error(u16, Option<Value>),
    /// A stream that ends with the API's event for this error object.
    Failed(Value),
    Hang,
    Cut,
}

/// Token counts; the three kinds of input do not overlap.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    pub(super) fresh: u64,
    pub(super) cache_written: u64,
    pub(super) cache_read: u64,
    pub(super) output: u64,
}

impl Usage {
    /// All input, cached or not.
    pub(super) fn input(self) -> u64 {
        self.fresh + self.cache_written + self.cache_read
    }

    /// Input and output.
    pub(super) fn total(self) -> u64 {
        self.input() + self.output
    }
}

impl Reply {
    fn new(ending: Ending) -> Reply {
        Reply {
            blocks: Vec::new(),
            ending,
            headers: Vec::new(),
            chunk_delay: Duration::ZERO,
            gate: None,
            usage: Usage {
                fresh: 100,
                cache_written: 20,
                cache_read: 30,
                output: 7,
            },
        }
    }

    /// A text, in which `{{last_user}}` stands for the last user text of the request.
    pub(crate) fn text(text: &str) -> Reply {
        Reply::new(Ending::Complete).and_text(text)
    }

    /// One tool call; its id is unique. For Codex a string as input makes a call of a freeform
    /// tool (`apply_patch`), and a tool of an MCP server is called by its bare name.
    pub(crate) fn tool(name: &str, input: Value) -> Reply {
        Reply::new(Ending::Complete).and_tool(name, input)
    }

    /// A thought before the answer, which must follow.
    pub(crate) fn thought(text: &str) -> Reply {
        let mut reply = Reply::new(Ending::Complete);
        reply.blocks.push(Block::Thought(text.into()));
        reply
    }

    /// An HTTP error: a 4xx or 5xx status with the API's error body. A `retry-after` header is
    /// repeated in the body where the API does that.
    pub(crate) fn error(status: u16) -> Reply {
        Reply::new(Ending::Error(status, None))
    }

    /// An HTTP error with this body, whatever the API.
    pub(crate) fn error_body(status: u16, body: Value) -> Reply {
        Reply::new(Ending::Error(status, Some(body)))
    }

    /// A stream that starts well and then reports `error`, an error object in the API's shape.
    pub(crate) fn failed(error: Value) -> Reply {
        Reply::new(Ending::Failed(error))
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
        let name = name.into();
        self.blocks.push(Block::Tool { name, input });
        self
    }

    /// Adds one more text block.
    pub(crate) fn and_text(mut self, text: &str) -> Reply {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Adds a response header, such as `retry-after`.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.into(), value.into()));
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

    /// The token counts to report, none of them from the cache. Otherwise the input is 150 tokens,
    /// 20 of them written to the cache and 30 read from it, and the output 7.
    pub(crate) fn usage(mut self, input: u64, output: u64) -> Reply {
        self.usage = Usage {
            fresh: input,
            cache_written: 0,
            cache_read: 0,
            output,
        };
        self
    }

    /// The value of the `retry-after` header, if it has one.
    pub(super) fn retry_after(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        found.map(|(_, value)| value.as_str())
    }
}

impl Block {
    /// Whether it is a tool call.
    pub(super) fn is_tool(&self) -> bool {
        matches!(self, Block::Tool { .. })
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

    /// Returns once the gate is open.
    pub(super) async fn opened(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}
