//! The generation of 2026-07-28 by raw lines: no handshake, everything in `_meta`.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

const VERSION: &str = "2026-07-28";

fn with_meta(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
    });
    params
}

async fn call(server: &mut McpClient, tool: &str, arguments: Value) -> Value {
    let params = with_meta(json!({ "name": tool, "arguments": arguments }));
    let answer = server.request("tools/call", params).await;
    let result = &answer["result"];
    assert_eq!(result["resultType"], "complete", "{answer:#}");
    assert_ne!(result["isError"], true, "{answer:#}");
    result["structuredContent"].clone()
}

#[tokio::test]
async fn discover_tells_the_versions_and_the_instructions() {
    let home = Home::new();
    let mut server = McpClient::start_silent(home.ostler());
    let answer = server
        .request("server/discover", with_meta(json!({})))
        .await;
    let told = &answer["result"];
    let versions = told["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!(VERSION)), "{answer:#}");
    assert!(told["capabilities"]["tools"].is_object(), "{answer:#}");
    let instructions = told["instructions"].as_str().unwrap();
    assert!(instructions.starts_with("ostler runs child coding agents"));
    server.leave().await;
}

#[tokio::test]
async fn an_agent_is_run_without_a_handshake() {
    let home = Home::new().script("echo", "cat");
    let mut server = McpClient::start_silent(home.ostler());
    let listed = server.request("tools/list", with_meta(json!({}))).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "spawn_agent"));

    let arguments = json!({ "prompt": "without a handshake", "provider": "echo" });
    let spawned = call(&mut server, "spawn_agent", arguments).await;
    let waited = call(&mut server, "wait_agents", json!({})).await;
    assert_eq!(waited["done"][0]["id"], spawned["id"], "{waited:#}");
    assert_eq!(waited["done"][0]["result"], "without a handshake");
    server.leave().await;
}

#[tokio::test]
async fn both_generations_are_told_of_the_same_tools() {
    let home = Home::new();
    let mut classic = home.server().await;
    let mut modern = McpClient::start_silent(home.ostler());
    let told_classic = classic.request("tools/list", json!({})).await;
    let told_modern = modern.request("tools/list", with_meta(json!({}))).await;
    assert!(told_classic["result"]["tools"].is_array());
    assert_eq!(
        told_classic["result"]["tools"],
        told_modern["result"]["tools"]
    );
    classic.leave().await;
    modern.leave().await;
}
