//! MCP servers that a child is given, and those of the user that it must not have.

use std::collections::BTreeMap;

use ostler::config::{CodexProvider, Permission, ProviderConfig};
use ostler::ids::AgentId;
use ostler::providers::{
    self, Command, Conversation, Event, Launch, Lineage, McpServer, Session, ToolRules,
};

use super::{configuration, conversation, world};
use crate::support::clis;
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn a_child_sees_the_servers_that_it_is_given_and_not_the_users() {
    let model = Model::start(Script::new().otherwise(Reply::text("done"))).await;
    let Some(home) = world(&model) else { return };
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let config = home.path("codex/config.toml");
    let server = |name: &str| {
        format!("\n[mcp_servers.{name:?}]\ncommand = {ostler:?}\nargs = [\"serve\"]\n")
    };
    let trust = format!("[projects.{:?}]\ntrust_level = \"trusted\"", home.project());
    let given = "[mcp_servers.given]\ncommand = \"not-there\"\n";
    let users = format!("{}{given}{trust}\n", server("of.the-user"));
    let projects = home.project().join(".codex");
    std::fs::create_dir(&projects).unwrap();
    std::fs::write(projects.join("config.toml"), server("of-the-project")).unwrap();
    let text = std::fs::read_to_string(&config).unwrap() + &users;
    std::fs::write(&config, text).unwrap();
    let before = configuration(&home);

    let own: BTreeMap<String, String> = home.environment().into_iter().collect();
    let mut env = own.clone();
    env.insert(
        "CODEX_HOME".to_owned(),
        home.path("codex").to_str().unwrap().to_owned(),
    );
    env.insert("LOOPBACK_KEY".to_owned(), "loopback-only-key".to_owned());
    let config = ProviderConfig::Codex(CodexProvider {
        command: vec![clis::codex().unwrap().to_str().unwrap().to_owned()],
        model: None,
        env,
    });
    let launch = Launch {
        provider: "codex".to_owned(),
        model: None,
        permission: Permission::ReadOnly,
        cwd: home.project(),
        conversation: Conversation::Fresh {
            session: "00000000-0000-4000-8000-000000000000".to_owned(),
        },
        max_cost_usd: None,
        effort: None,
        instructions: String::new(),
        tools: ToolRules::default(),
    };
    let given = McpServer {
        name: "given".to_owned(),
        command: ostler.to_owned(),
        args: vec!["serve".to_owned()],
        env: own,
    };
    let provider = providers::prepare(&config, &launch, &[given]);
    let agent = AgentId::parse("a-234567").unwrap();
    let lineage = Lineage::default();
    let mut session = Session::start(provider, &agent, &lineage, &[], ostler.as_ref()).unwrap();
    session.send(Command::Prompt("LOOK-AROUND".to_owned()));
    let end = loop {
        match session.next().await {
            Some(Event::TurnEnded { text, .. }) => break text,
            Some(Event::Failed(failure)) => panic!("{failure:?}"),
            Some(_) => {}
            None => panic!("no end"),
        }
    };
    let left = session.close(&mut |_| {}).await;
    assert_eq!((end.as_str(), left.len()), ("done", 0));

    let seen = conversation(&model.requests()[0]);
    assert!(seen.contains("mcp__given"), "{seen}");
    assert!(!seen.contains("mcp__of_the"), "{seen}");
    assert_eq!(
        configuration(&home),
        before,
        "the user's configuration changed"
    );
}
