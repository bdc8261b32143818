//! Asking the service: one request, bounded in time and size, to the configured address and nowhere
//! else.

use std::time::Duration;

use serde_json::json;
use ureq::Agent;
use ureq::http::HeaderMap;

use super::answer;
use super::vector::Vector;
use super::why::Why;
use crate::config;
use crate::text::one_line;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Most bytes of an answer: a batch of the longest vectors, each number as text, has a tenth of it.
const ANSWER: u64 = 64 * 1024 * 1024;
/// Most bytes that are read of an error.
const ERROR: u64 = 64 * 1024;
/// Characters of what went wrong on the way.
const PROBLEM: usize = 160;

/// Models that were taught to tell what is kept from what is asked by the words in front of it.
const TAUGHT: &[(&str, &str, &str)] = &[
    ("nomic-embed", "search_document: ", "search_query: "),
    ("e5-", "passage: ", "query: "),
    (
        "mxbai-embed",
        "",
        "Represent this sentence for searching relevant passages: ",
    ),
];

/// What a text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Kept,
    Asked,
}

enum Key {
    None,
    Set(String),
    Missing { variable: String },
}

/// A service for embeddings.
pub(super) struct Service {
    agent: Agent,
    address: String,
    model: String,
    key: Key,
}

impl Service {
    /// The configured one, its key from the variables of this process; `None` where there is none.
    pub(super) fn of(
        settings: &config::Memory,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let url = settings.embeddings_url.as_deref()?;
        let model = settings.embeddings_model.clone()?;
        let key = match &settings.embeddings_key {
            None => Key::None,
            Some(name) => match variable(name).map(|value| value.trim().to_owned()) {
                Some(value) if !value.is_empty() => Key::Set(value),
                _ => Key::Missing {
                    variable: name.clone(),
                },
            },
        };
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false)
            .build()
            .new_agent();
        Some(Self {
            agent,
            address: format!("{}/embeddings", url.trim_end_matches('/')),
            model,
            key,
        })
    }

    /// The name of its model.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// Whether it can be asked at all.
    pub(super) fn check(&self) -> Result<(), Why> {
        match &self.key {
            Key::Missing { variable } => Err(Why::NoKey {
                variable: variable.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The vectors of `texts`. What is given up goes on in a thread of its own until its time is over.
    pub(super) async fn embed(
        &self,
        texts: &[String],
        role: Role,
        within: Duration,
    ) -> Result<Vec<Vector>, Why> {
        self.check()?;
        let (agent, address) = (self.agent.clone(), self.address.clone());
        let key = match &self.key {
            Key::Set(key) => Some(key.clone()),
            _ => None,
        };
        let prefix = self.prefix(role);
        let input: Vec<String> = texts.iter().map(|text| format!("{prefix}{text}")).collect();
        let wanted = input.len();
        let body = json!({ "model": self.model, "input": input, "encoding_format": "float" });
        let asked = tokio::task::spawn_blocking(move || {
            post(
                &agent,
                &address,
                key.as_deref(),
                &body.to_string(),
                wanted,
                within,
            )
        });
        match tokio::time::timeout(within, asked).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(Why::Unreachable {
                problem: "the request was given up".to_owned(),
            }),
            Err(_) => Err(Why::Late { within }),
        }
    }

    fn prefix(&self, role: Role) -> &'static str {
        let name = self.model.to_ascii_lowercase();
        let taught = TAUGHT.iter().find(|(known, ..)| name.contains(known));
        match (taught, role) {
            (None, _) => "",
            (Some((_, kept, _)), Role::Kept) => kept,
            (Some((_, _, asked)), Role::Asked) => asked,
        }
    }
}

fn post(
    agent: &Agent,
    address: &str,
    key: Option<&str>,
    body: &str,
    wanted: usize,
    within: Duration,
) -> Result<Vec<Vector>, Why> {
    let mut request = agent
        .post(address)
        .config()
        .timeout_global(Some(within))
        .build()
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut response = request.send(body).map_err(|error| failed(&error, within))?;
    let status = response.status().as_u16();
    let again = retry_after(response.headers());
    let limit = if status == 200 { ANSWER } else { ERROR };
    let read = response.body_mut().with_config().limit(limit).read_to_vec();
    match status {
        200 => answer::vectors(&read.map_err(|error| failed(&error, within))?, wanted),
        429 => Err(Why::Busy { again }),
        _ => Err(Why::Refused {
            status,
            message: match status {
                300..400 => "it leads elsewhere, which is not followed".to_owned(),
                _ => answer::error_text(&read.unwrap_or_default(), key),
            },
        }),
    }
}

/// The seconds of `Retry-After`; a date is not understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse();
    seconds.ok().map(Duration::from_secs)
}

fn failed(error: &ureq::Error, within: Duration) -> Why {
    let problem = match error {
        ureq::Error::Timeout(ureq::Timeout::Connect) => "nobody takes the connection".to_owned(),
        ureq::Error::Timeout(_) => return Why::Late { within },
        ureq::Error::BodyExceedsLimit(limit) => {
            return Why::Unusable {
                problem: format!("it is longer than {limit} bytes"),
            };
        }
        // It would repeat the header.
        ureq::Error::Http(_) => "the key cannot be sent in a header".to_owned(),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        error => one_line(&error.to_string(), PROBLEM),
    };
    Why::Unreachable { problem }
}
