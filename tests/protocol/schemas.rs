//! What a client is told of the tools: its size, its shape, and that the recorded list is it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::Home;

/// For the tools there are now; the contract for all that are planned is 9,000.
const MOST_BYTES: usize = 8428;

async fn tools() -> Vec<Value> {
    let home = Home::new();
    let mut server = home.server().await;
    let answer = server.request("tools/list", json!({})).await;
    server.leave().await;
    assert_eq!(answer["result"]["nextCursor"], Value::Null);
    answer["result"]["tools"].as_array().unwrap().clone()
}

fn name(tool: &Value) -> &str {
    tool["name"].as_str().unwrap()
}

#[tokio::test]
async fn the_list_costs_a_model_little() {
    let mut sum = 0;
    for tool in tools().await {
        let seen = json!({
            "name": tool["name"],
            "description": tool["description"],
            "inputSchema": tool["inputSchema"],
        });
        let bytes = seen.to_string().len();
        println!("{:<14} {bytes:>5} bytes", name(&tool));
        sum += bytes;
    }
    println!("{:<14} {sum:>5} bytes", "all");
    assert!(sum <= MOST_BYTES, "{sum} bytes, at most {MOST_BYTES}");
}

#[tokio::test]
async fn no_schema_holds_what_a_client_refuses() {
    let refused = [
        "\"$ref\"",
        "\"$schema\"",
        "\"$defs\"",
        "\"oneOf\"",
        "\"anyOf\"",
        "\"allOf\"",
        "\"const\"",
        "\"null\"",
        "\"format\"",
        "\"additionalProperties\"",
    ];
    for tool in tools().await {
        let schema = tool["inputSchema"].to_string();
        for word in refused {
            assert!(!schema.contains(word), "{} has {word}", name(&tool));
        }
    }
}

#[tokio::test]
async fn every_schema_is_an_object() {
    for tool in tools().await {
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{}", name(&tool));
        // Read in public issues: OpenAI's API refuses an object schema without this key.
        assert!(schema["properties"].is_object(), "{}", name(&tool));
    }
}

#[tokio::test]
async fn reading_tools_say_so_and_no_other_does() {
    let reading: Vec<String> = tools()
        .await
        .iter()
        .filter(|tool| tool["annotations"]["readOnlyHint"] == true)
        .map(|tool| name(tool).to_owned())
        .collect();
    assert_eq!(
        reading,
        [
            "catch_up",
            "get_agent",
            "get_task",
            "list_agents",
            "list_tasks",
            "recall",
            "wait_agents"
        ]
    );
}

#[tokio::test]
async fn every_tool_asks_to_be_loaded_at_once() {
    for tool in tools().await {
        assert_eq!(
            tool["_meta"]["anthropic/alwaysLoad"],
            true,
            "{}",
            name(&tool)
        );
    }
}

#[tokio::test]
async fn the_tools_come_in_the_order_of_their_names() {
    let tools = tools().await;
    let names: Vec<&str> = tools.iter().map(name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
}

#[tokio::test]
async fn the_recorded_list_is_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/tools.json");
    let now = serde_json::to_string_pretty(&tools().await).unwrap() + "\n";
    if std::env::var_os("OSTLER_BLESS").is_some_and(|bless| bless == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &now).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == now,
        "schemas/tools.json is not the list of tools; run with OSTLER_BLESS=1 to renew\n{now}"
    );
}
