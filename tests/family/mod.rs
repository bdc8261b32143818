//! Agents that have agents: scripts whose part is played by a server inside of them, as their own CLI
//! would start it.

mod asking;
mod ending;
mod money;
mod reach;
mod real;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with, until};

/// Waits to be told; `up` says that it is there, and so does a child in a session of its own.
const LEAD: &str = "hear; turn; setsid sleep 300 & echo up >> up; listen_for END; result led";
/// The same for those who work for it.
const WORK: &str =
    "hear; turn; setsid sleep 300 & echo at-work >> at-work; listen_for END; result worked";

/// A world in which agents may stand two deep, and the definition `lead` may spawn anything.
fn world(settings: &str) -> Home {
    let home = Home::new()
        .line_script("lead", LEAD)
        .line_script("work", WORK)
        .script("echo", "cat")
        .config(&format!(
            "[agents]\nprovider = \"work\"\nmax_depth = 2\n{settings}"
        ));
    define(&home.project(), "lead", "allowed_subagents: \"*\"");
    home
}

/// Adds a definition to the project in the folder `project`.
fn define(project: &Path, name: &str, fields: &str) {
    let folder = project.join(".ostler/agents");
    std::fs::create_dir_all(&folder).unwrap();
    let text = format!("---\nname: {name}\n{fields}\n---\nYou are the {name}.\n");
    std::fs::write(folder.join(format!("{name}.md")), text).unwrap();
}

/// Spawns an agent that may spawn, and starts the server inside of it.
async fn lead(home: &Home, server: &mut McpClient, arguments: Value) -> (String, McpClient) {
    let before = home.lines_of("up").len();
    let id = server.spawn(leading(arguments)).await;
    home.written("up", before + 1).await;
    let inside = inside(home, &id).await;
    (id, inside)
}

/// The arguments of an agent that may spawn.
fn leading(arguments: Value) -> Value {
    let mut all = json!({ "prompt": "x", "agent": "lead", "provider": "lead" });
    for (name, value) in arguments.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// Another server inside of a running agent, started with the lineage of its processes.
pub(crate) async fn inside(home: &Home, id: &str) -> McpClient {
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", lineage(id));
    McpClient::start(command).await
}

/// What the processes of an agent carry.
pub(crate) fn lineage(id: &str) -> String {
    let mut found = None;
    for process in processes_with(id) {
        let pid = process.split(' ').next().unwrap();
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let lineage = environment
            .split('\0')
            .find_map(|it| it.strip_prefix("OSTLER_LINEAGE="));
        found = found.or_else(|| lineage.filter(|it| it.ends_with(id)).map(str::to_owned));
    }
    found.unwrap_or_else(|| panic!("no process of {id}"))
}

async fn gone(id: &str) {
    until("its processes are gone", || processes_with(id).is_empty()).await;
}

/// How many runs there are on record.
async fn runs(home: &Home) -> i64 {
    let mut store = home.store().await;
    sqlx::query_scalar("SELECT count(*) FROM run")
        .fetch_one(&mut store)
        .await
        .unwrap()
}
