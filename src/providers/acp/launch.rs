//! How the program is started: its arguments, its environment, and the rules that hold `permission`
//! in the program itself, without a word in anybody's settings.

use std::ffi::OsString;

use serde_json::{Map, Value, json};

use super::quirks;
use crate::config::{AcpProvider, Flavour, Permission};
use crate::providers::{CommandSpec, Environment, Launch, McpServer, PlacedFile};

/// The variable that opencode reads the last of its configurations from.
const OPENCODE_CONTENT: &str = "OPENCODE_CONFIG_CONTENT";
/// The name of our own agent in opencode. Rules of an agent come last, and nobody else has one of
/// this name.
const OPENCODE_AGENT: &str = "ostler";

/// Rules for a reading Gemini. They stand above what the user's own rules allow: everything has to
/// be asked for but looking. Shell commands that the program knows to be harmless run all the same.
const GEMINI_READING: &str = r#"
[[rule]]
toolName = "*"
decision = "ask_user"
priority = 1

[[rule]]
toolName = [
  "glob", "grep_search", "list_directory", "read_file", "read_many_files", "google_web_search",
  "list_mcp_resources", "read_mcp_resource", "update_topic", "write_todos",
]
decision = "allow"
priority = 2
"#;

pub(super) fn command(config: &AcpProvider, launch: &Launch, servers: &[McpServer]) -> CommandSpec {
    let quirks = quirks::of(config.flavour);
    let mut words = config.command.iter().map(OsString::from);
    let program = words.next().unwrap_or_default();
    let mut args: Vec<OsString> = words.collect();
    let mut env: Environment = config.env.clone();
    for (name, value) in quirks.env {
        env.insert((*name).to_owned(), (*value).to_owned());
    }
    match config.flavour {
        Flavour::Plain => {}
        Flavour::Gemini => {
            if let Some(model) = launch.model.as_ref().or(config.model.as_ref()) {
                args.extend(["-m".into(), model.into()]);
            }
            let mode = match launch.permission {
                Permission::ReadOnly => "default",
                Permission::Edit => "auto_edit",
                Permission::Full => "yolo",
            };
            args.extend(["--approval-mode".into(), mode.into()]);
            // In a folder without trust it starts no servers, edits nothing unasked, and leaves the
            // project's settings and hooks alone, which is all right for a reader.
            if launch.permission != Permission::ReadOnly || !servers.is_empty() {
                env.insert("GEMINI_CLI_TRUST_WORKSPACE".to_owned(), "true".to_owned());
            }
        }
        Flavour::Opencode => {
            let given = env.get(OPENCODE_CONTENT).map(String::as_str);
            let content = opencode_content(given, launch.permission, servers);
            env.insert(OPENCODE_CONTENT.to_owned(), content);
        }
    }
    CommandSpec {
        program,
        args,
        inherits: quirks.inherits,
        withholds: &[],
        env,
        cwd: launch.cwd.clone(),
    }
}

/// The files that the program is pointed to.
pub(super) fn files(flavour: Flavour, launch: &Launch) -> Vec<PlacedFile> {
    match (flavour, launch.permission) {
        (Flavour::Gemini, Permission::ReadOnly) => vec![PlacedFile {
            flag: "--admin-policy",
            name: "reading.toml",
            text: GEMINI_READING.to_owned(),
        }],
        _ => Vec::new(),
    }
}

/// The user's own content of the variable, with our agent in it.
fn opencode_content(given: Option<&str>, permission: Permission, servers: &[McpServer]) -> String {
    let given = given.and_then(|text| serde_json::from_str(text).ok());
    let mut content: Map<String, Value> = given.unwrap_or_default();
    let agent = json!({ "mode": "primary", "permission": opencode_rules(permission, servers) });
    content.insert("default_agent".to_owned(), OPENCODE_AGENT.into());
    insert(&mut content, "agent", OPENCODE_AGENT, agent);
    // Else a refused call ends the turn without a word of the model.
    insert(
        &mut content,
        "experimental",
        "continue_loop_on_deny",
        true.into(),
    );
    Value::Object(content).to_string()
}

fn insert(content: &mut Map<String, Value>, table: &str, key: &str, value: Value) {
    let table = content.entry(table).or_insert_with(|| json!({}));
    if let Value::Object(table) = table {
        table.insert(key.to_owned(), value);
    }
}

/// The last rule that matches a call decides, so the general ones come first.
fn opencode_rules(permission: Permission, servers: &[McpServer]) -> Value {
    let secrets =
        json!({ "*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow" });
    let mut rules: Vec<(String, Value)> = Vec::new();
    let mut rule = |name: &str, value: Value| rules.push((name.to_owned(), value));
    match permission {
        Permission::Full => {
            rule("*", "allow".into());
            rule("external_directory", "allow".into());
            rule("doom_loop", "allow".into());
        }
        Permission::ReadOnly | Permission::Edit => {
            rule("*", "ask".into());
            rule("read", secrets);
            for tool in ["glob", "grep", "list", "lsp", "skill", "todowrite"] {
                rule(tool, "allow".into());
            }
            rule("external_directory", "ask".into());
            // What its sub-agents ask for reaches nobody, and nothing of this binds them.
            rule("task", "deny".into());
            if permission == Permission::Edit {
                rule("edit", "allow".into());
            }
        }
    }
    // Nobody is there to answer it.
    rule("question", "deny".into());
    for server in servers {
        rule(&format!("{}_*", server.name), "allow".into());
    }
    Value::Object(rules.into_iter().collect())
}
