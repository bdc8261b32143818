//! The prompt `plan_tasks`: what it asks a model for is what the server takes.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// The text of the prompt.
async fn planned(server: &mut McpClient, arguments: Value) -> String {
    let params = json!({ "name": "plan_tasks", "arguments": arguments });
    let answer = server.request("prompts/get", params).await;
    text(&answer)
}

fn text(answer: &Value) -> String {
    let message = &answer["result"]["messages"][0];
    assert_eq!(message["role"], "user", "{answer:#}");
    message["content"]["text"].as_str().unwrap().to_owned()
}

/// The JSON that the prompt tells to send.
fn example(text: &str) -> Value {
    let (_, behind) = text.split_once("```json\n").unwrap();
    let (json, _) = behind.split_once("\n```").unwrap();
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[tokio::test]
async fn the_prompt_is_listed_with_its_arguments() {
    let home = Home::new();
    let mut server = home.server().await;
    assert!(server.initialized["capabilities"]["prompts"].is_object());
    let listed = server.request("prompts/list", json!({})).await;
    let prompts = listed["result"]["prompts"].as_array().unwrap();
    assert_eq!(prompts.len(), 1, "{listed:#}");
    assert_eq!(prompts[0]["name"], "plan_tasks");
    let arguments = prompts[0]["arguments"].as_array().unwrap().iter();
    let arguments: Vec<(&Value, &Value)> =
        arguments.map(|it| (&it["name"], &it["required"])).collect();
    assert_eq!(
        arguments,
        [
            (&json!("goal"), &json!(true)),
            (&json!("label"), &json!(false))
        ]
    );
    server.leave().await;
}

#[tokio::test]
async fn the_example_of_the_prompt_is_taken_as_it_stands() {
    let home = Home::new();
    let mut server = home.server().await;
    let goal = "Import orders {labels} from `CSV`";
    let text = planned(&mut server, json!({ "goal": goal })).await;
    assert!(text.contains(&format!("Goal: {goal}\n")), "{text}");
    let tasks = example(&text);
    let created = server.call("create_tasks", tasks.clone()).await.unwrap();
    let count = tasks["tasks"].as_array().unwrap().len();
    assert_eq!(created["refs"].as_object().unwrap().len(), count);
    assert_eq!(created["ready"].as_array().unwrap().len(), 1, "{created:#}");

    let labelled = json!({ "goal": goal, "label": "csv" });
    let text = planned(&mut server, labelled).await;
    let tasks = example(&text);
    for task in tasks["tasks"].as_array().unwrap() {
        assert_eq!(task["labels"], json!(["csv"]), "{task:#}");
    }
    server.call("create_tasks", tasks).await.unwrap();
    let listing = json!({ "label": "csv", "view": "all" });
    let listed = server.call("list_tasks", listing).await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), count);
    server.leave().await;
}

/// Clients that hand over one word for each argument.
#[tokio::test]
async fn what_can_be_no_label_belongs_to_the_goal() {
    let home = Home::new();
    let mut server = home.server().await;
    let words = json!({ "goal": "import", "label": "orders, all" });
    let text = planned(&mut server, words).await;
    assert!(text.contains("Goal: import orders, all\n"), "{text}");
    let tasks = example(&text);
    assert_eq!(tasks["tasks"][0]["labels"], Value::Null, "{tasks:#}");
    server.leave().await;
}

#[tokio::test]
async fn what_the_prompt_cannot_be_asked_for_is_told() {
    let home = Home::new();
    let mut server = home.server().await;
    for (name, arguments, told) in [
        (
            "plan",
            json!({}),
            "unknown prompt \"plan\"; there is `plan_tasks`",
        ),
        (
            "plan_tasks",
            json!({}),
            "`goal` is missing: say what is to be reached",
        ),
        ("plan_tasks", json!({ "goal": " " }), "`goal` is missing"),
        (
            "plan_tasks",
            json!({ "goal": 7 }),
            "`goal` must be a string",
        ),
        (
            "plan_tasks",
            json!({ "goal": "x".repeat(65_537) }),
            "`goal` is longer than",
        ),
        (
            "plan_tasks",
            json!({ "goal": "x", "size": "small" }),
            "unknown argument `size`; plan_tasks takes: goal, label",
        ),
    ] {
        let params = json!({ "name": name, "arguments": arguments });
        let answer = server.request("prompts/get", params).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer:#}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(told), "{message}");
    }
    server.leave().await;
}

/// Without a handshake, by the generation of 2026-07-28.
#[tokio::test]
async fn both_generations_have_the_prompt() {
    let home = Home::new();
    let mut server = McpClient::start_silent(home.ostler());
    let with_meta = |mut params: Value| {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "0" },
        });
        params
    };
    let told = server
        .request("server/discover", with_meta(json!({})))
        .await;
    assert!(
        told["result"]["capabilities"]["prompts"].is_object(),
        "{told:#}"
    );
    let listed = server.request("prompts/list", with_meta(json!({}))).await;
    assert_eq!(
        listed["result"]["prompts"][0]["name"], "plan_tasks",
        "{listed:#}"
    );
    let params = json!({ "name": "plan_tasks", "arguments": { "goal": "x" } });
    let got = server.request("prompts/get", with_meta(params)).await;
    assert_eq!(got["result"]["resultType"], "complete", "{got:#}");
    assert!(text(&got).contains("Goal: x"));
    server.leave().await;
}
