//! The real Claude Code CLI against a loopback model.

mod asking;
mod bounds;
mod delivery;
mod endings;
mod faults;
mod groups;
mod limits;
mod overlaps;
mod pace;
mod results;
mod work;

use crate::support::Home;
use crate::support::clis;
use crate::support::model::Model;

/// A world in which `claude` is the real CLI. `None`, said loudly, without npm.
fn world() -> Option<Home> {
    let claude = clis::claude()?;
    let home = Home::new()
        .env("ANTHROPIC_API_KEY", "loopback-only-key")
        .config(&format!("[providers.claude]\ncommand = [{claude:?}]"));
    Some(home)
}

/// Lets the CLI of that world talk to `model`.
fn with(home: Home, model: &Model) -> Home {
    home.env("ANTHROPIC_BASE_URL", &model.url())
}

/// A shell command that ends when the file `name` appears in the project.
fn until_file(name: &str) -> serde_json::Value {
    serde_json::json!({ "command": format!("while [ ! -e {name} ]; do sleep 0.02; done") })
}

/// A shell command that outlives every test.
fn sleep_long() -> serde_json::Value {
    serde_json::json!({ "command": "sleep 300" })
}
