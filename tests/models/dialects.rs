//! What the scripted model puts on the wire, API by API.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::model::{Model, Reply, Script};

const ANTHROPIC: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";
const ALL: [&str; 4] = [ANTHROPIC, RESPONSES, CHAT, GEMINI];

/// Sends one main request with the words "ALPHA" and returns the whole response as text.
async fn ask(model: &Model, path: &str) -> String {
    let words = json!([
        { "role": "user", "content": "ALPHA", "parts": [{ "text": "ALPHA" }] },
    ]);
    let body = json!({
        "model": "m", "stream": true, "messages": words, "input": words, "contents": words,
        "tools": [{ "type": "namespace", "name": "mcp__ours", "tools": [{ "name": "look" }] }],
    });
    let body = body.to_string();
    let address = model.url().replace("http://", "");
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}");
    socket
        .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
        .await
        .unwrap();
    // The model reads the next request until here, and then closes too.
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The JSON of each event in a streamed answer.
fn events(answer: &str) -> Vec<Value> {
    let data = answer
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Asks once in each API for the same reply.
async fn everywhere(reply: Reply) -> Vec<(&'static str, String)> {
    let model = Model::start(Script::new().on("ALPHA", [reply])).await;
    let mut answers = Vec::new();
    for path in ALL {
        answers.push((path, ask(&model, path).await));
    }
    assert_eq!(model.request_count(), ALL.len());
    answers
}

#[tokio::test]
async fn a_thought_a_text_and_a_call_are_said_in_every_api() {
    let reply = Reply::thought("hmm")
        .and_text("hello")
        .and_tool("look", json!({ "at": 1 }));
    for (path, answer) in everywhere(reply.usage(40, 2)).await {
        let events = events(&answer);
        let all = serde_json::to_string(&events).unwrap();
        for part in ["hmm", "he", "llo", "look"] {
            assert!(all.contains(part), "{path}: no {part:?} in {all}");
        }
        let last = events.last().unwrap();
        match path {
            ANTHROPIC => {
                assert_eq!(last["type"], "message_stop");
                assert!(all.contains(r#""stop_reason":"tool_use""#), "{all}");
            }
            RESPONSES => {
                let response = &last["response"];
                assert_eq!(response["usage"]["total_tokens"], 42);
                assert_eq!(response["output"][1]["content"][0]["text"], "hello");
                assert_eq!(response["output"][2]["namespace"], "mcp__ours");
            }
            CHAT => assert_eq!(last["usage"]["total_tokens"], 42),
            _ => {
                assert_eq!(last["candidates"][0]["finishReason"], "STOP");
                assert_eq!(last["usageMetadata"]["totalTokenCount"], 42);
            }
        }
    }
}

#[tokio::test]
async fn an_error_has_the_body_of_its_api() {
    let reply = Reply::error(429).header("retry-after", "3");
    for (path, answer) in everywhere(reply).await {
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("retry-after: 3\r\n"), "{answer}");
        let words = match path {
            ANTHROPIC => "rate_limit_error",
            RESPONSES | CHAT => "rate_limit_exceeded",
            _ => r#""retryDelay":"3s""#,
        };
        assert!(answer.contains(words), "{answer}");
    }
}

#[tokio::test]
async fn an_error_body_is_sent_as_it_is() {
    let body = json!({ "error": { "code": "insufficient_quota" } });
    for (_, answer) in everywhere(Reply::error_body(429, body.clone())).await {
        assert!(answer.ends_with(&body.to_string()), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_may_end_with_an_error() {
    let error = json!({ "code": "server_error", "message": "no more" });
    for (path, answer) in everywhere(Reply::failed(error.clone()).and_text("so far")).await {
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let last = events(&answer).pop().unwrap();
        let found = match path {
            RESPONSES => &last["response"]["error"],
            _ => &last["error"],
        };
        assert_eq!(*found, error, "{path}");
    }
}

#[tokio::test]
async fn a_stream_that_hangs_or_is_cut_is_begun_and_not_finished() {
    for reply in [Reply::hang(), Reply::cut()] {
        for (path, answer) in everywhere(reply.and_text("so far")).await {
            assert!(answer.contains("so "), "{path}: {answer}");
            let end = match path {
                ANTHROPIC => "message_stop",
                RESPONSES => "response.completed",
                CHAT => "[DONE]",
                _ => "finishReason",
            };
            assert!(!answer.contains(end), "{path}: {answer}");
        }
    }
}
