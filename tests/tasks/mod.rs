//! The tracker through the real binary.

mod agents;
mod claims;
mod cli;
mod drain;
mod prompts;
mod real;
mod tools;
mod transfer;

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

/// Creates a task of that title and returns its id.
async fn create_one(server: &mut McpClient, title: &str) -> String {
    let created = json!({ "tasks": [{ "title": title }] });
    let created = ask(server, "create_tasks", created).await;
    created["ids"][0].as_str().unwrap().to_owned()
}

/// A task as an agent or a session is shown it.
async fn task(server: &mut McpClient, id: &str) -> Value {
    ask(server, "get_task", json!({ "id": id })).await
}
