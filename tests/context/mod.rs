//! What agents are given to read with their prompt.

mod hosts;
mod refused;
mod scripted;
mod sessions;

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{self, Home};

/// Behind the last quotation of a prompt.
const END: &str = "End of the reference material. Your task:";

/// A project that is a repository with one commit, and an agent that keeps each of its prompts.
fn world() -> Home {
    let home = Home::new()
        .script("keeper", "cat > ../prompt; echo kept")
        .script("echo", "cat")
        .config("[agents]\nprovider = \"keeper\"");
    std::fs::write(home.project().join("notes.md"), "Port 8080.\n").unwrap();
    git(&home, &["init", "-q", "-b", "main"]);
    git(&home, &["add", "."]);
    git(&home, &["commit", "-q", "-m", "Notes on ports"]);
    home
}

fn git(home: &Home, args: &[&str]) {
    support::git(&home.project(), args);
}

/// Runs an agent to its end, and returns the reply to its spawn and the prompt that it got.
pub(crate) async fn prompted(
    home: &Home,
    server: &mut McpClient,
    arguments: Value,
) -> (Value, String) {
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    let done = server.wait(&[spawned["id"].as_str().unwrap()]).await;
    assert_eq!(done[0]["status"], "completed", "{done:#?}");
    let prompt = std::fs::read_to_string(home.path("prompt")).unwrap();
    (spawned, prompt)
}

/// The parts of a prompt: what stands in front, each quotation with its first line, and the task.
pub(crate) fn parts(prompt: &str) -> (&str, Vec<(&str, &str)>, &str) {
    let (preamble, rest) = prompt.split_once("\n\n").unwrap();
    let (_, mark) = preamble.split_once("marked ").unwrap();
    let mark = mark.split(' ').next().unwrap();
    let (mut rest, task) = rest
        .split_once(&format!("[{mark}] {END}\n\n"))
        .unwrap_or_else(|| panic!("{prompt}"));
    let mut quotations = Vec::new();
    while let Some((_, begun)) = rest.split_once(&format!("[{mark}] Begin ")) {
        let (title, text) = begun.split_once('\n').unwrap();
        let (text, behind) = text.split_once(&format!("[{mark}] End ")).unwrap();
        quotations.push((title, text));
        rest = behind;
    }
    (preamble, quotations, task)
}

/// Arguments of `spawn_agent`.
fn asking(context: &[&str]) -> Value {
    json!({ "prompt": "THE-TASK itself", "context": context })
}
