//! Three agents at once, from spawn to result, through the real server.
//!
//! ```text
//! cargo run --release --example quickstart                        # no key, no account
//! cargo run --release --example quickstart -- --provider claude   # the real Claude Code CLI
//! ```
//!
//! The example is an MCP client. The server it starts is this very program, run as `serve`, which is
//! what the `ostler` binary does; all state goes into a temporary folder.

#![allow(
    clippy::indexing_slicing,
    reason = "indexing a JSON value gives null, never a panic"
)]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::{ConfigureCommandExt, TokioChildProcess};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    // The server, its guard and the leash of its children are this program too.
    if matches!(
        std::env::args().nth(1).as_deref(),
        Some("serve" | "guard" | "leash")
    ) {
        return ostler::cli::main();
    }
    match tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(quickstart())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&*error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "quickstart: {error}");
    ExitCode::FAILURE
}

async fn quickstart() -> Outcome<()> {
    let provider = provider()?;
    let folder = tempfile::tempdir()?;
    let host = start_server(folder.path(), &provider).await?;
    say("1. Spawn three agents; each call returns at once.");
    let mut ids = Vec::new();
    for file in ["Cargo.toml", "README.md", "LICENSE"] {
        let prompt = format!("Count the lines of the file {file}");
        let arguments =
            json!({ "prompt": prompt, "provider": provider, "permission": "read_only" });
        let spawned = call(&host, "spawn_agent", arguments).await?;
        say(&format!("   {spawned}"));
        ids.push(spawned["id"].as_str().ok_or("no id")?.to_owned());
    }

    say("\n2. They run side by side.");
    let running = until_all_run(&host, ids.len()).await?;
    for agent in &running {
        say(&format!(
            "   {}",
            line(agent, &["id", "status", "turns", "label"])
        ));
    }

    say("\n3. Steer one of them while it works.");
    let arguments = json!({ "id": ids.first(), "message": "be brief, the others are waiting" });
    say(&format!(
        "   {}",
        call(&host, "steer_agent", arguments).await?
    ));

    say("\n4. Wait for all and collect the results.");
    let waited = call(
        &host,
        "wait_agents",
        json!({ "ids": ids, "timeout_s": 280 }),
    )
    .await?;
    let mut completed = 0;
    for done in waited["done"].as_array().into_iter().flatten() {
        say(&format!("   {}", line(done, &["id", "status", "result"])));
        completed += usize::from(done["status"] == "completed");
    }

    say("\n5. Evidence: what ostler saw the first one do.");
    let arguments = json!({ "id": ids.first(), "view": "evidence" });
    let evidence = call(&host, "get_agent", arguments).await?;
    say(&format!("{:#}", evidence["evidence"]));

    host.cancel().await?;
    if completed == ids.len() {
        say("\nAll three completed.");
        Ok(())
    } else {
        Err(format!("{completed} of {} completed: {waited:#}", ids.len()).into())
    }
}

/// The provider named on the command line, else the scripted one.
fn provider() -> Outcome<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => Ok("scripted".to_owned()),
        [flag, name] if flag == "--provider" => Ok(name.clone()),
        _ => Err("usage: quickstart [--provider claude]".into()),
    }
}

/// Starts the server over stdio, as an AI coding session would.
async fn start_server(folder: &Path, provider: &str) -> Outcome<RunningService<RoleClient, ()>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command = command.configure(|command| {
        command
            .arg("serve")
            .current_dir(source)
            .env("OSTLER_HOME", folder.join("state"));
    });
    if provider == "scripted" {
        let config = folder.join("config.toml");
        let script = source.join("examples/scripts/agent.sh");
        let provider = format!(
            "[providers.scripted]\nkind = \"script\"\ninput = \"lines\"\ncommand = [{script:?}]\n"
        );
        std::fs::write(&config, provider)?;
        command = command.configure(|command| {
            command.env("OSTLER_CONFIG", config);
        });
    }
    Ok(().serve(TokioChildProcess::new(command)?).await?)
}

/// Calls a tool: its structured result, or its error text as an error.
async fn call(
    host: &RunningService<RoleClient, ()>,
    tool: &str,
    arguments: Value,
) -> Outcome<Value> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = host.call_tool(params).await?;
    match result.structured_content {
        Some(value) if result.is_error != Some(true) => Ok(value),
        _ => Err(format!("{tool}: {:?}", result.content).into()),
    }
}

/// Looks until that many agents are running and have begun a turn.
async fn until_all_run(host: &RunningService<RoleClient, ()>, count: usize) -> Outcome<Vec<Value>> {
    loop {
        let listed = call(host, "list_agents", json!({})).await?;
        let agents = listed["items"].as_array().cloned().unwrap_or_default();
        let ended = agents
            .iter()
            .any(|a| a["status"] != "running" && a["status"] != "queued");
        let at_work = |a: &&Value| a["status"] == "running" && a["turns"] != "0/50";
        if agents.iter().filter(at_work).count() == count || ended {
            return Ok(agents);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Some fields of an object, side by side.
fn line(object: &Value, fields: &[&str]) -> String {
    let texts = fields.iter().filter_map(|field| object[*field].as_str());
    texts.collect::<Vec<_>>().join("  ")
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
