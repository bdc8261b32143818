//! Agents that have agents: scripts whose part is played by a server inside of them, as their own CLI
//! would start it.

mod asking;
mod ending;
mod money;
mod reach;
mod real;

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with, until};

/// Waits to be told; `up` says that it is there, and so does a child in a session of its own.
const LEAD: &str = "hear; turn; setsid sleep 300 & echo up >> up; listen_for END; result led";
/// The same for those who work for it.
const WORK: &str = "hear; turn; setsid sleep 300 & echo at-work >> at-work; listen_for END; result worked";

/// A world in which agents may stand two deep. Who is prompted with LEAD may spawn anything.
fn world(settings: &str) -> Home {
    Home::new()
        .line_script("lead", LEAD)
        .line_script("work", WORK)
        .script("echo", "cat")
        .config(&format!(
            "[agents]\nprovider = \"work\"\nmax_depth = 2\n{settings}"
        ))
}

/// The server of a host session, in a world where agents prompted with LEAD have a definition that
/// lets them spawn anything.
async fn host(home: &Home) -> McpClient {
    let mut server = home.server().await;
    server.call("list_agents", json!({})).await.unwrap();
    let mut store = home.store().await;
    sqlx::raw_sql(
        "CREATE TRIGGER IF NOT EXISTS lead AFTER INSERT ON run WHEN NEW.prompt LIKE 'LEAD%' BEGIN
           UPDATE run SET launch = json_set(launch, '$.nesting.subagents', json('[\"*\"]'))
           WHERE agent_id = NEW.agent_id AND run_no = NEW.run_no;
         END",
    )
    .execute(&mut store)
    .await
    .unwrap();
    server
}

/// Spawns an agent that may spawn, and starts the server inside of it.
async fn lead(home: &Home, server: &mut McpClient, arguments: Value) -> (String, McpClient) {
    let mut all = json!({ "prompt": "LEAD", "provider": "lead" });
    for (name, value) in arguments.as_object().unwrap() {
        all[name] = value.clone();
    }
    let before = home.lines_of("up").len();
    let id = server.spawn(all).await;
    home.written("up", before + 1).await;
    let inside = inside(home, &id).await;
    (id, inside)
}

/// Another server inside of a running agent, started with the lineage of its processes.
async fn inside(home: &Home, id: &str) -> McpClient {
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", lineage(id));
    McpClient::start(command).await
}

/// What the processes of an agent carry.
fn lineage(id: &str) -> String {
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
