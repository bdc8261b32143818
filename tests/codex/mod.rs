//! The real Codex CLI against a loopback model.

mod asking;
mod endings;
mod faults;
mod pace;
mod permissions;
mod results;
mod servers;
mod steering;
mod work;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::model::{Model, Reply};
use crate::support::worlds;

/// A world in which `codex` is the real CLI and talks to `model`. `None`, said loudly, without npm.
fn world(model: &Model) -> Option<Home> {
    let home = Home::new().config("[agents]\nprovider = \"codex\"");
    worlds::with_codex(home, model)
}

/// The user's own configuration of the CLI.
fn configuration(home: &Home) -> Vec<u8> {
    std::fs::read(home.path("codex/config.toml")).unwrap()
}

/// A shell call.
fn shell(line: &str) -> Reply {
    Reply::tool("exec_command", json!({ "cmd": line }))
}

/// A shell call that wants to run outside the sandbox.
fn escalated(line: &str) -> Reply {
    let arguments = json!({
        "cmd": line,
        "sandbox_permissions": "require_escalated",
        "justification": "May I write there?",
    });
    Reply::tool("exec_command", arguments)
}

/// A shell call that ends when the file `name` appears in the project.
fn until_file(name: &str) -> Reply {
    shell(&format!("while [ ! -e {name} ]; do sleep 0.02; done"))
}

/// A patch that adds a file.
fn add_file(path: &Path, text: &str) -> Reply {
    let path = path.display();
    let patch = format!("*** Begin Patch\n*** Add File: {path}\n+{text}\n*** End Patch");
    Reply::tool("apply_patch", json!(patch))
}

/// What a request carried of the conversation, as text.
fn conversation(request: &Value) -> String {
    request["input"].to_string()
}

/// How often each kind of entry is in a log.
fn count(entries: &[Value], kind: &str) -> usize {
    entries.iter().filter(|entry| entry["kind"] == kind).count()
}
