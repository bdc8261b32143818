//! What a child cannot get: more agents, the secrets of its host, agents of its own.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

#[tokio::test]
async fn a_session_has_no_more_live_agents_than_it_may() {
    let home = Home::new()
        .config("[agents]\nmax_concurrent = 1\nmax_tree = 2\nprovider = \"wait\"")
        .env("OSTLER_SESSION", "the-same-session")
        .script("wait", "name=$(cat); wait_for \"$name\"; echo \"$name\"");
    let (mut one, mut two) = (home.server().await, home.server().await);
    let first = one.spawn(json!({ "prompt": "first" })).await;
    let second = two.spawn(json!({ "prompt": "second" })).await;
    for server in [&mut one, &mut two] {
        let refusal = server
            .call("spawn_agent", json!({ "prompt": "x" }))
            .await
            .unwrap_err();
        assert!(
            refusal.contains("already has 2 live agents (`agents.max_tree`)"),
            "{refusal}"
        );
        assert!(refusal.contains("wait_agents"), "{refusal}");
    }
    let listed = one.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    home.touch("first");
    one.wait(&[&first]).await;
    let third = one.spawn(json!({ "prompt": "third" })).await;
    let again = json!({ "id": first, "prompt": "x" });
    let refusal = one.call("resume_agent", again).await.unwrap_err();
    assert!(
        refusal.contains("already has 2 live agents"),
        "a resume counts as well: {refusal}"
    );
    home.touch("second");
    home.touch("third");
    two.wait(&[&second, &third]).await;
}

#[tokio::test]
async fn a_child_gets_the_listed_variables_and_no_others() {
    let home = Home::new()
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
        .env("ANTHROPIC_API_KEY", "sk-ant-0123456789")
        .env("MY_OWN", "not listed")
        .env("LC_TIME", "de_DE.UTF-8")
        .env("CI", "true")
        .env("EXTRA_ONE", "by its name")
        .env("FAMILY_A", "by its beginning")
        .config("[agents]\nenv_allow = [\"EXTRA_ONE\", \"FAMILY_*\"]")
        .script("env", "env")
        .config("env = { GIVEN = \"by the provider\" }");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "env", "model": "m1" }))
        .await;
    let result = done["result"].as_str().unwrap();
    let value = |name: &str| {
        let lines = result.lines().filter_map(|line| line.strip_prefix(name));
        lines.filter_map(|rest| rest.strip_prefix('=')).next()
    };
    assert_eq!(value("AWS_SECRET_ACCESS_KEY"), None);
    assert_eq!(value("ANTHROPIC_API_KEY"), None);
    assert_eq!(value("MY_OWN"), None);
    assert_eq!(value("OSTLER_HOME"), None);
    assert_eq!(value("LC_TIME"), Some("de_DE.UTF-8"));
    assert_eq!(value("CI"), Some("true"));
    assert_eq!(value("EXTRA_ONE"), Some("by its name"));
    assert_eq!(value("FAMILY_A"), Some("by its beginning"));
    assert_eq!(value("GIVEN"), Some("by the provider"));
    assert_eq!(value("OSTLER_MODEL"), Some("m1"));
    assert_eq!(value("OSTLER_PERMISSION"), Some("edit"));
    assert!(
        value("OSTLER_LINEAGE")
            .unwrap()
            .ends_with(done["id"].as_str().unwrap())
    );
}

/// Everything in the state directory, as one text.
fn stored(home: &Home) -> String {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(home.state()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

const SECRET: &str = "sk-ant-0123456789";

#[tokio::test]
async fn a_secret_that_a_child_prints_is_not_stored() {
    let home = Home::new()
        .env("ANTHROPIC_API_KEY", SECRET)
        .config("[agents]\nenv_allow = [\"ANTHROPIC_API_KEY\"]")
        .line_script(
            "leak",
            r#"hear
            k=$ANTHROPIC_API_KEY
            turn; text "text $k"
            printf '{"ostler":"thought","text":"thought %s"}\n' "$k"
            printf '{"ostler":"tool_start","id":"1","name":"Bash","command":"echo %s"}\n' "$k"
            printf '{"ostler":"tool_end","id":"1","output":"%s"}\n' "$k"
            printf '{"ostler":"tool_start","id":"2","name":"tool-%s","input":{"a":"%s"}}\n' "$k" "$k"
            printf '{"ostler":"file_changed","path":"/tmp/%s"}\n' "$k"
            printf '{"ostler":"ask","request":"r","tool":"Bash","input":"%s"}\n' "$k"
            echo "noise $k"
            hear
            result "result $k""#,
        )
        .script("fail", "echo \"bad key $ANTHROPIC_API_KEY\" >&2; exit 1");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "leak" }))
        .await;
    let asked = server.asked(&id).await;
    assert!(!asked.to_string().contains(SECRET), "{asked:#}");
    server.answer(&asked, json!({ "decision": "deny" })).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        done["result"], "result [redacted ANTHROPIC_API_KEY]",
        "{done:#}"
    );
    let failed = server
        .run(json!({ "prompt": "x", "provider": "fail" }))
        .await;
    let detail = failed["detail"].as_str().unwrap();
    assert!(
        detail.contains("bad key [redacted ANTHROPIC_API_KEY]"),
        "{detail}"
    );
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        evidence["commands"][0]["command"],
        "echo [redacted ANTHROPIC_API_KEY]"
    );
    assert!(
        !stored(&home).contains(SECRET),
        "it is in the files of the state directory"
    );
    assert!(server.close().await.success());
    assert!(
        !stored(&home).contains(SECRET),
        "it is in the files after the server has left"
    );
}

#[tokio::test]
async fn a_secret_with_quotes_and_backslashes_is_not_stored_either() {
    let secret = r#"pa"ss\word-123"#;
    let home = Home::new()
        .env("DB_PASSWORD", secret)
        .config("[agents]\nenv_allow = [\"DB_PASSWORD\"]")
        .script("leak", "printf '%s' \"$DB_PASSWORD\"");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "leak" }))
        .await;
    assert_eq!(done["result"], "[redacted DB_PASSWORD]", "{done:#}");
    let transcript = server.transcript(done["id"].as_str().unwrap()).await;
    let ended = transcript
        .iter()
        .find(|entry| entry["kind"] == "turn_ended")
        .unwrap();
    assert_eq!(ended["body"]["text"], "[redacted DB_PASSWORD]");
}

#[tokio::test]
async fn a_secret_that_is_a_number_does_not_spoil_the_record() {
    let home = Home::new()
        .env("LOGIN_TOKEN", "12345678")
        .line_script("count", "hear; turn; usage 12345678 0.1; result 'counted'");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "count" }))
        .await;
    let waited = server
        .call("wait_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert_eq!(waited["done"][0]["result"], "counted", "{waited:#}");
    assert_eq!(
        server.evidence(&id).await["usage"]["output_tokens"],
        12_345_678
    );
}

/// A line of a script that runs ostler in the same world.
fn ostler_in(home: &Home, arguments: &str) -> String {
    let (state, config) = (home.state(), home.path("config.toml"));
    let program = env!("CARGO_BIN_EXE_ostler");
    format!("OSTLER_HOME={state:?} OSTLER_CONFIG={config:?} {program:?} {arguments} 2>&1")
}

#[tokio::test]
async fn an_agent_cannot_run_agents_of_its_own() {
    let home = Home::new().script("echo", "cat");
    let line = ostler_in(&home, "run --provider echo hello");
    let home = home.script("nest", &format!("{line}\necho \"exit code $?\""));
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "nest" }))
        .await;
    let result = done["result"].as_str().unwrap();
    assert!(
        result.contains("an agent cannot spawn agents of its own"),
        "{result}"
    );
    assert!(result.ends_with("exit code 6"), "refused: {result}");
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

/// A server that runs inside an agent, as one of its MCP servers.
async fn server_inside(home: &Home, agent: &str) -> McpClient {
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", format!("o-000000 {agent}"));
    McpClient::start(command).await
}

#[tokio::test]
async fn an_agent_is_refused_to_spawn_and_to_resume_by_server_and_command_line() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let ended = server
        .run(json!({ "prompt": "x", "provider": "echo" }))
        .await;
    let mut inside = server_inside(&home, "a-000000").await;
    let spawn = json!({ "prompt": "x", "provider": "echo" });
    let refusal = inside.call("spawn_agent", spawn).await.unwrap_err();
    assert!(refusal.contains("unknown tool"), "{refusal}");
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", "o-000000 a-000000");
    let run = command.args(["run", "x", "--provider", "echo"]).output();
    let told = String::from_utf8(run.await.unwrap().stderr).unwrap();
    assert!(told.contains("does not run any more"), "{told}");
    let resume = json!({ "id": ended["id"], "prompt": "x" });
    let resumed = inside.call("resume_agent", resume).await;
    assert!(
        resumed.is_err(),
        "a resume is a start as well: {resumed:#?}"
    );
}

#[tokio::test]
async fn a_server_inside_an_agent_cannot_touch_agents_of_its_host() {
    let home = Home::new().line_script("listen", "hear; echo up >> up; listen_for END; result ok");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "listen" }))
        .await;
    home.written("up", 1).await;
    let mut inside = server_inside(&home, "a-000000").await;
    let steered = inside
        .call("steer_agent", json!({ "id": id, "message": "do my work" }))
        .await;
    let stopped = inside.call("stop_agents", json!({ "ids": [id] })).await;
    let ended: Value = server.brief(&id).await["status"].clone();
    assert!(steered.is_err(), "{steered:?}");
    assert!(stopped.is_err(), "{stopped:?}");
    assert_eq!(ended, "running");
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
}
