//! How the program is started: its arguments, its environment, and the rules that hold `permission`
//! in the program itself, without a word in anybody's settings.

use std::ffi::OsString;

use serde_json::{Map, Value, json};

use super::{quirks, rules};
use crate::config::{AcpProvider, Flavour, Permission};
use crate::providers::{CommandSpec, Environment, Launch, McpServer, PlacedFile, ToldBy};

/// The variable that opencode reads the last of its configurations from.
const OPENCODE_CONTENT: &str = "OPENCODE_CONFIG_CONTENT";
/// The variable that names the file with the role of an opencode.
const OPENCODE_ROLE: &str = "OSTLER_INSTRUCTIONS_FILE";
/// What makes opencode leave the project's configuration and instructions alone. Plugins in the
/// project's folder are run all the same; see [`super::project`].
const OPENCODE_READING: [&str; 2] = ["OPENCODE_DISABLE_PROJECT_CONFIG", "OPENCODE_PURE"];

/// How long opencode waits for a tool of a server: a day.
const OPENCODE_PATIENCE_MS: u32 = 24 * 3600 * 1000;

/// A name that no server of anybody has.
const NO_SERVER: &str = "no-server-at-all";

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
            // A child has no use for the user's other servers.
            args.push("--allowed-mcp-server-names".into());
            args.extend(servers.iter().map(|server| server.name.clone().into()));
            if servers.is_empty() {
                args.push(NO_SERVER.into());
            }
            // In a folder without trust it starts no servers, ours neither, edits nothing unasked,
            // and leaves the project's settings and hooks alone: hooks are commands, which a reader
            // must not run.
            if launch.permission != Permission::ReadOnly {
                env.insert("GEMINI_CLI_TRUST_WORKSPACE".to_owned(), "true".to_owned());
            }
        }
        Flavour::Opencode => {
            let given = env.get(OPENCODE_CONTENT).map(String::as_str);
            let content = opencode_content(given, launch, servers);
            env.insert(OPENCODE_CONTENT.to_owned(), content);
            if launch.permission == Permission::ReadOnly {
                // What a project configures runs when the program starts, whatever the rules.
                for name in OPENCODE_READING {
                    env.insert(name.to_owned(), "1".to_owned());
                }
            }
        }
    }
    CommandSpec {
        program,
        args,
        inherits: quirks.inherits,
        withholds: quirks.withholds,
        env,
        cwd: launch.cwd.clone(),
    }
}

/// The files that the program is pointed to.
pub(super) fn files(flavour: Flavour, launch: &Launch, servers: &[McpServer]) -> Vec<PlacedFile> {
    let file = match flavour {
        Flavour::Gemini => rules::gemini(launch.permission, &launch.tools, servers)
            .map(|text| (ToldBy::Flag("--admin-policy"), "rules.toml", text)),
        Flavour::Opencode if !launch.instructions.is_empty() => {
            let text = launch.instructions.clone();
            Some((ToldBy::Variable(OPENCODE_ROLE), "role.md", text))
        }
        _ => None,
    };
    let file = file.map(|(told_by, name, text)| PlacedFile {
        told_by,
        name,
        text,
    });
    file.into_iter().collect()
}

/// The user's own content of the variable, with our agent in it.
fn opencode_content(given: Option<&str>, launch: &Launch, servers: &[McpServer]) -> String {
    let given = given.and_then(|text| serde_json::from_str(text).ok());
    let mut content: Map<String, Value> = given.unwrap_or_default();
    let rules = rules::opencode(launch.permission, &launch.tools, servers);
    let agent = json!({ "mode": "primary", "permission": rules });
    // Rules of an agent come last. Whoever knew its name could mix rules into it by the project's
    // configuration, so each run has one that nobody can know.
    let name = format!("ostler-{}", launch.conversation.session());
    insert(&mut content, "agent", &name, agent);
    content.insert("default_agent".to_owned(), name.into());
    if !launch.instructions.is_empty() {
        // A prompt of the agent's own would stand in place of the program's instructions; files of
        // instructions stand behind them.
        let files = content.entry("instructions").or_insert_with(|| json!([]));
        if let Value::Array(files) = files {
            files.push(format!("{{env:{OPENCODE_ROLE}}}").into());
        }
    }
    // Else a refused call ends the turn without a word of the model.
    insert(
        &mut content,
        "experimental",
        "continue_loop_on_deny",
        true.into(),
    );
    if !servers.is_empty() {
        // It gives up after a minute otherwise, and an answer of a parent may take longer.
        insert(
            &mut content,
            "experimental",
            "mcp_timeout",
            OPENCODE_PATIENCE_MS.into(),
        );
    }
    Value::Object(content).to_string()
}

fn insert(content: &mut Map<String, Value>, table: &str, key: &str, value: Value) {
    let table = content.entry(table).or_insert_with(|| json!({}));
    if let Value::Object(table) = table {
        table.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ProviderConfig};
    use crate::providers::Conversation;
    use crate::providers::ToolRules;

    fn spec(name: &str, permission: Permission, env: &[(&str, &str)]) -> CommandSpec {
        let config = Config::default();
        let Some(ProviderConfig::Acp(config)) = config.providers.get(name) else {
            panic!("{name} is built in")
        };
        let mut config = config.clone();
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        config.env.extend(env);
        let server = McpServer {
            name: "ours".to_owned(),
            command: "x".to_owned(),
            args: vec![],
            env: Environment::new(),
        };
        let servers = match permission {
            Permission::ReadOnly => vec![],
            _ => vec![server],
        };
        command(&config, &launch(permission), &servers)
    }

    fn launch(permission: Permission) -> Launch {
        Launch {
            provider: "p".to_owned(),
            model: Some("bright".to_owned()),
            permission,
            cwd: "/".into(),
            conversation: Conversation::Fresh {
                session: "s".to_owned(),
            },
            max_cost_usd: None,
            effort: None,
            instructions: String::new(),
            tools: ToolRules::default(),
        }
    }

    #[test]
    fn gemini_is_held_by_its_mode_and_by_rules_above_the_users() {
        for (permission, mode, server, trusts) in [
            (Permission::ReadOnly, "default", NO_SERVER, false),
            (Permission::Edit, "auto_edit", "ours", true),
            (Permission::Full, "yolo", "ours", true),
        ] {
            let spec = spec("gemini", permission, &[]);
            let args = spec.args.join(" ".as_ref());
            assert_eq!(
                args.to_string_lossy(),
                format!(
                    "--acp -m bright --approval-mode {mode} --allowed-mcp-server-names {server}"
                )
            );
            assert_eq!(spec.env.contains_key("GEMINI_CLI_TRUST_WORKSPACE"), trusts);
            assert_eq!(spec.env["GEMINI_CLI_NO_RELAUNCH"], "true");
            let files = files(Flavour::Gemini, &launch(permission), &[]);
            let told: Vec<ToldBy> = files.iter().map(|file| file.told_by).collect();
            match permission {
                Permission::ReadOnly => assert_eq!(told, [ToldBy::Flag("--admin-policy")]),
                _ => assert_eq!(told, []),
            }
        }
    }

    #[test]
    fn opencode_gets_an_agent_of_ours_beside_what_the_user_gave() {
        let given = r#"{"share":"disabled","agent":{"mine":{}},"permission":{"edit":"allow"}}"#;
        let spec = spec("opencode", Permission::Edit, &[(OPENCODE_CONTENT, given)]);
        let content: Value = serde_json::from_str(&spec.env[OPENCODE_CONTENT]).unwrap();
        assert_eq!(content["share"], "disabled");
        assert_eq!(content["agent"]["mine"], json!({}));
        assert_eq!(content["default_agent"], "ostler-s", "nobody can know it");
        assert!(!spec.env.contains_key("OPENCODE_PURE"));
        assert_eq!(content["experimental"]["mcp_timeout"], 86_400_000);
        assert_eq!(content["experimental"]["continue_loop_on_deny"], true);
        let rules = content["agent"]["ostler-s"]["permission"]
            .as_object()
            .unwrap();
        let first = rules.iter().next().unwrap();
        assert_eq!(
            first,
            (&"*".to_owned(), &json!("ask")),
            "the last that matches decides"
        );
        assert_eq!(
            (&rules["edit"], &rules["task"], &rules["ours_*"]),
            (&json!("allow"), &json!("deny"), &json!("allow"))
        );
    }

    #[test]
    fn the_role_of_an_opencode_stands_in_a_file_beside_the_users_instructions() {
        let mut launch = launch(Permission::Edit);
        assert_eq!(files(Flavour::Opencode, &launch, &[]), []);
        launch.instructions = "Be brief.".to_owned();
        let given = Some(r#"{"instructions":["mine.md"]}"#);
        let content: Value = serde_json::from_str(&opencode_content(given, &launch, &[])).unwrap();
        assert_eq!(
            content["instructions"],
            json!(["mine.md", "{env:OSTLER_INSTRUCTIONS_FILE}"])
        );
        let role = PlacedFile {
            told_by: ToldBy::Variable("OSTLER_INSTRUCTIONS_FILE"),
            name: "role.md",
            text: "Be brief.".to_owned(),
        };
        assert_eq!(files(Flavour::Opencode, &launch, &[]), [role]);
        assert!(
            !content.to_string().contains("Be brief."),
            "the environment is open"
        );
    }

    #[test]
    fn no_prompt_and_no_file_shows_in_the_arguments_of_an_agent_that_nobody_knows() {
        let config = AcpProvider {
            flavour: Flavour::Plain,
            command: vec!["agent".to_owned(), "--acp".to_owned()],
            model: None,
            env: Environment::new(),
        };
        let spec = command(&config, &launch(Permission::Edit), &[]);
        assert_eq!(
            (spec.program.to_str(), spec.args),
            (Some("agent"), vec!["--acp".into()])
        );
        assert_eq!(spec.env, Environment::new());
    }
}
