//! Memories, through the real binary and on a real file.

mod agents;
mod cli;
mod gate;
mod real;
mod tools;
mod transfer;
mod vectors;

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// A server of the session of that name, which outlives it.
async fn session(home: &Home, name: &str) -> McpClient {
    let mut command = home.ostler();
    command.env("OSTLER_SESSION", name);
    McpClient::start(command).await
}

/// The answer of a call that must be taken.
async fn ask(server: &mut McpClient, tool: &str, arguments: Value) -> Value {
    let shown = arguments.to_string();
    let answer = server.call(tool, arguments).await;
    answer.unwrap_or_else(|told| panic!("{tool} {shown}: {told}"))
}

/// What is said of a call that must be refused, in at most three lines.
async fn refusal(server: &mut McpClient, tool: &str, arguments: Value) -> String {
    let shown = arguments.to_string();
    match server.call(tool, arguments).await {
        Ok(answer) => panic!("{tool} {shown} was taken: {answer:#}"),
        Err(told) => {
            assert!(told.lines().count() <= 3, "{tool} {shown}: {told}");
            told
        }
    }
}

/// Keeps one statement and returns its id.
async fn keep(server: &mut McpClient, new: Value) -> String {
    let kept = ask(server, "remember", new).await;
    assert_eq!(kept["status"], "kept", "{kept:#}");
    kept["id"].as_str().unwrap().to_owned()
}

/// The ids that a question finds, the best first.
async fn found(server: &mut McpClient, query: &str) -> Vec<String> {
    let recalled = ask(server, "recall", json!({ "query": query })).await;
    ids(&recalled)
}

fn ids(recalled: &Value) -> Vec<String> {
    let hits = recalled["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["id"].as_str().unwrap().to_owned())
        .collect()
}
