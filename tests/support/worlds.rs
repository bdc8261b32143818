//! Worlds in which a provider is the real CLI and talks to a scripted model. Each function adds one
//! CLI to a world, so that they can be combined; `None`, said loudly, where it cannot be installed.
//!
//! What a CLI needs is set in its provider's `env`, which is also how [`program`] starts a CLI
//! without ostler.

use std::fs;
use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::clis;
use super::home::Home;
use super::model::Model;

/// The model that Codex asks for. Later ones wrap every tool in a tool that takes JavaScript.
const CODEX_MODEL: &str = "gpt-5.5";
const KEY: &str = "loopback-only-key";

/// `claude` is the real Claude Code CLI.
pub(crate) fn with_claude(home: Home, model: &Model) -> Option<Home> {
    let claude = clis::claude()?;
    let env = [
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", &model.url()),
    ];
    Some(provider(home, "claude", &claude, &[], &env))
}

/// `codex` is the real Codex CLI, with its configuration in the folder `codex` of the world.
pub(crate) fn with_codex(home: Home, model: &Model) -> Option<Home> {
    let codex = clis::codex()?;
    let folder = home.path("codex");
    fs::create_dir(&folder).unwrap();
    let url = model.url();
    let config = format!(
        r#"model = "{CODEX_MODEL}"
model_provider = "loopback"
check_for_update_on_startup = false

# These two ask github.com and chatgpt.com.
[features]
plugins = false
apps = false

[analytics]
enabled = false

[model_providers.loopback]
name = "loopback"
base_url = "{url}/v1"
env_key = "LOOPBACK_KEY"
wire_api = "responses"
"#
    );
    fs::write(folder.join("config.toml"), config).unwrap();
    let env = [
        ("CODEX_HOME", folder.to_str().unwrap()),
        ("LOOPBACK_KEY", KEY),
    ];
    Some(provider(home, "codex", &codex, &[], &env))
}

/// `gemini` is the real Gemini CLI.
pub(crate) fn with_gemini(home: Home, model: &Model) -> Option<Home> {
    let gemini = clis::gemini()?;
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false},
    });
    let folder = home.path("home/.gemini");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    let env = [
        ("GEMINI_API_KEY", KEY),
        ("GOOGLE_GEMINI_BASE_URL", &model.url()),
    ];
    Some(provider(home, "gemini", &gemini, &["--acp"], &env))
}

/// `opencode` is the real opencode CLI.
pub(crate) fn with_opencode(home: Home, model: &Model) -> Option<Home> {
    let opencode = clis::opencode()?;
    let config = json!({
        "model": "loopback/scripted",
        "small_model": "loopback/scripted",
        "autoupdate": false,
        "share": "disabled",
        "provider": {"loopback": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "loopback",
            "options": {"baseURL": format!("{}/v1", model.url()), "apiKey": KEY},
            "models": {"scripted": {
                "name": "scripted",
                "tool_call": true,
                "limit": {"context": 100_000, "output": 4_000},
                "cost": {"input": 1, "output": 1},
            }},
        }},
    });
    let folder = home.path("home/.config/opencode");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("opencode.json"), config.to_string()).unwrap();
    // With these two it takes its plugin interface for installed, and asks no registry for it.
    let lock = json!({"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}});
    fs::write(folder.join("package-lock.json"), lock.to_string()).unwrap();
    fs::create_dir(folder.join("node_modules")).unwrap();
    let env = [
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ];
    Some(provider(home, "opencode", &opencode, &["acp"], &env))
}

fn provider(home: Home, name: &str, program: &Path, args: &[&str], env: &[(&str, &str)]) -> Home {
    let mut command = vec![program.to_str().unwrap()];
    command.extend(args);
    let variables: Vec<_> = env
        .iter()
        .map(|(name, value)| format!("{name} = {value:?}"))
        .collect();
    let variables = variables.join(", ");
    home.config(&format!(
        "[providers.{name}]\ncommand = {command:?}\nenv = {{ {variables} }}"
    ))
}

/// The CLI of that provider without arguments, in its environment, to be run without ostler.
pub(crate) fn program(home: &Home, name: &str) -> Command {
    let config = fs::read_to_string(home.path("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let provider = &config["providers"][name];
    let mut command = home.command(provider["command"][0].as_str().unwrap());
    for (name, value) in provider["env"].as_table().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    command
}
