//! What an agent definition gives a child, by each real CLI's own means: a role, an effort, and
//! which tools it has. Looked at in what reaches the model.

use std::collections::{BTreeMap, BTreeSet};

use ostler::config::{
    AcpProvider, ClaudeProvider, CodexProvider, Effort, Flavour, Permission, ProviderConfig,
};
use ostler::ids::AgentId;
use ostler::providers::{
    self, Command, Conversation, Decision, Event, Launch, Lineage, McpServer, Session, ToolRules,
};
use serde_json::{Value, json};

use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds;

const ROLE: &str = "ROLE-OF-A-REVIEWER: look twice.";

#[tokio::test]
async fn claude_has_its_role_its_effort_and_the_tools_it_may_have() {
    let bash = |line: &str| Reply::tool("Bash", json!({ "command": line }));
    let write = json!({ "file_path": "made", "content": "x" });
    let script = Script::new().on(
        "BEGIN",
        [
            Reply::tool("Write", write),
            bash("touch made"),
            bash("git --version"),
            Reply::text("done"),
        ],
    );
    let model = Model::start(script.otherwise(Reply::text("done"))).await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    let allowed = ["Read", "Bash(git:*)", "Grep"];
    let denied = ["Grep", "mcp__ostler", "mcp__*", "WebFetch"];
    let mut launch = launch("claude", &home, &allowed, &denied);
    let (session, events) = run(&home, &launch, "BEGIN").await;

    let first = &model.requests()[0];
    assert_eq!(count(&first["system"]), 1, "beside its own instructions");
    assert!(first["system"].to_string().len() > 5_000);
    assert_eq!(count(&first["messages"]), 0);
    assert_eq!(first["output_config"]["effort"], "high");
    let tools = names(&first["tools"], "/name");
    let (ours, its): (Vec<_>, Vec<_>) = tools.iter().partition(|t| t.starts_with("mcp__ostler__"));
    assert_eq!(its, ["Bash", "Read"]);
    assert!(!ours.is_empty(), "{tools:?}");

    let denied: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Denied { tool, .. } => Some(tool.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(denied, ["Write", "Bash"]);
    assert!(!home.project().join("made").exists());
    let asked = events.iter().filter_map(|event| match event {
        Event::PermissionAsked { input, .. } => input["command"].as_str(),
        _ => None,
    });
    let asked: BTreeSet<&str> = asked.collect();
    assert_eq!(
        asked,
        BTreeSet::from(["git --version"]),
        "the rest is no question"
    );

    launch.conversation = continued(session);
    run(&home, &launch, "CARRY-ON").await;
    let last = model.requests().pop().unwrap();
    assert!(
        last["messages"].to_string().contains("BEGIN"),
        "its history"
    );
    assert_eq!(count(&last), 1);
}

#[tokio::test]
async fn codex_has_its_role_and_as_much_effort_as_its_model_takes() {
    let model = Model::start(Script::new().otherwise(Reply::text("done"))).await;
    let Some(home) = worlds::with_codex(Home::new(), &model) else {
        return;
    };
    let mut launch = launch("codex", &home, &[], &[]);
    launch.effort = Some(Effort::Max);
    let (session, _) = run(&home, &launch, "BEGIN").await;
    let first = &model.requests()[0];
    let of = |role: &str| {
        let messages = first["input"].as_array().unwrap().iter();
        let messages: Value = messages.filter(|m| m["role"] == role).cloned().collect();
        count(&messages)
    };
    assert_eq!((of("developer"), of("user")), (1, 0));
    assert_eq!(
        first["reasoning"]["effort"], "xhigh",
        "gpt-5.5 takes no more"
    );

    launch.conversation = continued(session);
    run(&home, &launch, "CARRY-ON").await;
    let last = model.requests().pop().unwrap();
    assert!(last["input"].to_string().contains("BEGIN"), "its history");
    assert_eq!(count(&last), 1);
    assert_eq!(last["reasoning"]["effort"], "xhigh");
}

#[tokio::test]
async fn gemini_has_its_role_in_its_first_prompt_and_the_tools_it_may_have() {
    let model = Model::start(Script::new().otherwise(Reply::text("done"))).await;
    let Some(home) = worlds::with_gemini(Home::new(), &model) else {
        return;
    };
    let mut launch = launch("gemini", &home, &["Read", "run_shell_command"], &["Bash"]);
    launch.model = Some("gemini-2.5-flash".to_owned());
    let (session, _) = run(&home, &launch, "BEGIN").await;
    let first = &model.requests()[0];
    assert_eq!(count(&first["systemInstruction"]), 0);
    assert_eq!(count(&first["contents"]), 1);
    let tools = first["tools"].as_array().unwrap();
    let tools = tools.iter().map(|t| &t["functionDeclarations"]);
    let tools: Vec<String> = tools.flat_map(|t| names(t, "/name")).collect();
    let its: Vec<_> = tools
        .iter()
        .filter(|t| !t.starts_with("mcp_ostler_"))
        .collect();
    assert_eq!(its, ["read_file"], "{tools:?}");
    assert!(its.len() < tools.len(), "ours stay");

    age(&home);
    launch.conversation = continued(session);
    run(&home, &launch, "CARRY-ON").await;
    let last = model.requests().pop().unwrap();
    assert!(
        last["contents"].to_string().contains("BEGIN"),
        "its history"
    );
    assert_eq!(count(&last), 1);
}

#[tokio::test]
async fn opencode_has_its_role_its_effort_and_the_tools_it_may_have() {
    let model = Model::start(Script::new().otherwise(Reply::text("done"))).await;
    let Some(home) = worlds::with_opencode(Home::new(), &model) else {
        return;
    };
    let path = home.path("home/.config/opencode/opencode.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["provider"]["loopback"]["models"]["scripted"]["reasoning"] = true.into();
    std::fs::write(&path, config.to_string()).unwrap();
    let mut launch = launch("opencode", &home, &["Read", "Bash(git:*)"], &[]);
    let (session, _) = run(&home, &launch, "BEGIN").await;
    let check = |request: &Value| {
        let messages = request["messages"].as_array().unwrap().iter();
        let system: Value = messages
            .filter(|m| m["role"] == "system")
            .cloned()
            .collect();
        assert_eq!((count(&system), count(request)), (1, 1));
        assert!(
            system.to_string().len() > 5_000,
            "beside its own instructions"
        );
        assert_eq!(request["reasoning_effort"], "high");
    };
    let first = &model.requests()[0];
    check(first);
    let tools = names(&first["tools"], "/function/name");
    let its: Vec<_> = tools.iter().filter(|t| !t.starts_with("ostler_")).collect();
    assert_eq!(its, ["bash", "read"]);
    assert!(its.len() < tools.len(), "ours stay");

    launch.conversation = continued(session);
    run(&home, &launch, "CARRY-ON").await;
    let last = model.requests().pop().unwrap();
    assert!(
        last["messages"].to_string().contains("BEGIN"),
        "its history"
    );
    check(&last);
}

/// How often the role stands in that part of a request.
fn count(part: &Value) -> usize {
    part.to_string().matches("ROLE-OF-A-REVIEWER").count()
}

fn names(tools: &Value, pointer: &str) -> Vec<String> {
    let tools = tools.as_array().into_iter().flatten();
    let names = tools.filter_map(|tool| tool.pointer(pointer)?.as_str());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names
}

fn launch(provider: &str, home: &Home, allowed: &[&str], denied: &[&str]) -> Launch {
    let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
    Launch {
        provider: provider.to_owned(),
        model: None,
        permission: Permission::Full,
        cwd: home.project(),
        conversation: Conversation::Fresh {
            session: "00000000-0000-4000-8000-000000000000".to_owned(),
        },
        max_cost_usd: None,
        effort: Some(Effort::High),
        instructions: ROLE.to_owned(),
        tools: ToolRules {
            allowed: (!allowed.is_empty()).then(|| owned(allowed)),
            denied: owned(denied),
        },
    }
}

fn continued(from: String) -> Conversation {
    Conversation::Continued {
        from,
        session: "00000000-0000-4000-8000-000000000001".to_owned(),
        begun_ms: 0,
    }
}

/// Runs a session to the end of its turn, and allows what it asks for; its id, and what it said.
async fn run(home: &Home, launch: &Launch, prompt: &str) -> (String, Vec<Event>) {
    let own: BTreeMap<String, String> = home.environment().into_iter().collect();
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let server = McpServer {
        name: "ostler".to_owned(),
        command: ostler.to_owned(),
        args: vec!["serve".to_owned()],
        env: own.clone(),
    };
    let provider = providers::prepare(&configured(home, launch, own), launch, &[server]);
    let shown = format!("{:?} {:?}", provider.command.args, provider.command.env);
    assert!(!shown.contains(ROLE), "for all the machine to see");
    let agent = AgentId::parse("a-234567").unwrap();
    let lineage = Lineage::default();
    let mut session = Session::start(provider, &agent, &lineage, &[], ostler.as_ref()).unwrap();
    session.send(Command::Prompt(prompt.to_owned()));
    let (mut id, mut events) = (String::new(), Vec::new());
    loop {
        let event = session.next().await.expect("an end of the turn");
        match &event {
            Event::Started { session, .. } => id.clone_from(session),
            Event::PermissionAsked { request, .. } => session.send(Command::Answer {
                request: request.clone(),
                decision: Decision::Allow,
            }),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
        events.push(event);
        if matches!(events.last(), Some(Event::TurnEnded { .. })) {
            break;
        }
    }
    let left = session.close(&mut |event| events.push(event)).await;
    assert!(left.is_empty(), "{left:?}");
    (id, events)
}

/// The provider of that world, with the world's own environment.
fn configured(home: &Home, launch: &Launch, mut env: BTreeMap<String, String>) -> ProviderConfig {
    let config = std::fs::read_to_string(home.path("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let provider = &config["providers"][&launch.provider];
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let command = provider["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    let variables = provider["env"].as_table().unwrap().iter();
    env.extend(variables.map(|(name, value)| (name.clone(), text(value))));
    let model = None;
    let acp = |flavour| {
        move |command, env| AcpProvider {
            flavour,
            command,
            model: None,
            env,
        }
    };
    match launch.provider.as_str() {
        "claude" => ProviderConfig::Claude(ClaudeProvider {
            command,
            env,
            ..ClaudeProvider::default()
        }),
        "codex" => ProviderConfig::Codex(CodexProvider {
            command,
            model,
            env,
        }),
        "gemini" => ProviderConfig::Acp(acp(Flavour::Gemini)(command, env)),
        _ => ProviderConfig::Acp(acp(Flavour::Opencode)(command, env)),
    }
}

/// Makes the sessions of Gemini older than the minute within which it wipes what it loads.
fn age(home: &Home) {
    let mut folders = vec![home.path("home/.gemini/tmp")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if let Some((_, id)) = name.rsplit_once('-')
                && name.starts_with("session-")
            {
                let old = path.with_file_name(format!("session-2020-01-01T00-00-{id}"));
                std::fs::rename(&path, old).unwrap();
            }
        }
    }
}
