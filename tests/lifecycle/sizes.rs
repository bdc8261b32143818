//! Nothing large is handed out unasked, and nothing of it is lost.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// What a reply may take, as compact JSON.
const REPLY: usize = 8 * 1024;

#[track_caller]
fn small(reply: &Value) {
    let bytes = reply.to_string().len();
    assert!(bytes <= REPLY, "{bytes} bytes: {reply:#.300}");
}

/// Answers with 6000 bytes that begin with its prompt.
const LONG: &str = "cat; printf ' %05999d' 0";

async fn spawned(server: &mut McpClient, count: usize, provider: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let prompt = format!("agent {number}");
        ids.push(
            server
                .spawn(json!({ "prompt": prompt, "provider": provider }))
                .await,
        );
    }
    for id in &ids {
        server
            .until(id, |agent| agent["status"] == "completed")
            .await;
    }
    ids
}

#[tokio::test]
async fn sixteen_long_results_share_one_reply() {
    let home = Home::new().script("long", LONG);
    let mut server = home.server().await;
    let ids = spawned(&mut server, 16, "long").await;
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    small(&waited);
    let done = waited["done"].as_array().unwrap();
    assert!(done.len() >= 8, "{}", done.len());
    for done in done {
        let result = done["result"].as_str().unwrap();
        assert!(result.starts_with("agent "), "{result}");
        let arguments = json!({ "id": done["id"], "cursor": done["next_cursor"] });
        let rest = server.call("get_agent", arguments).await.unwrap();
        let whole = format!("{result}{}", rest["result"].as_str().unwrap());
        let prompt = done["label"].as_str().unwrap();
        assert_eq!(whole, format!("{prompt} {}", "0".repeat(5999)));
    }
    let mut seen = done.len();
    while seen < ids.len() {
        let waited = server.call("wait_agents", json!({})).await.unwrap();
        small(&waited);
        let done = waited["done"].as_array().unwrap();
        assert!(!done.is_empty() && done.iter().all(|it| it["result"].is_string()));
        seen += done.len();
    }
    assert_eq!(seen, 16, "each was handed out once");
}

#[tokio::test]
async fn a_short_result_beside_a_long_one_is_whole() {
    let home = Home::new().script("long", LONG).script("echo", "cat");
    let mut server = home.server().await;
    let long = spawned(&mut server, 2, "long").await;
    let short = spawned(&mut server, 1, "echo").await;
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    small(&waited);
    let done = waited["done"].as_array().unwrap();
    let of = |id: &str| done.iter().find(|done| done["id"] == *id).unwrap();
    assert_eq!(of(&short[0])["result"], "agent 0");
    assert_eq!(of(&short[0])["next_cursor"], Value::Null);
    assert!(of(&long[0])["result"].as_str().unwrap().len() > 2500);
}

#[tokio::test]
async fn a_large_structured_result_is_paged_as_text() {
    let home = Home::new().script(
        "lists",
        "n=$(head -n 1); echo \"[\\\"$(printf %0${n}d 0)\\\"]\"",
    );
    let mut server = home.server().await;
    let task = |bytes: &str| {
        let schema = json!({ "type": "array", "items": { "type": "string" } });
        json!({ "prompt": format!("{bytes}\n"), "provider": "lists", "output_schema": schema })
    };
    let done = server.run(task("3000")).await;
    small(&done);
    assert_eq!(done["structured"], json!(["0".repeat(3000)]));
    let done = server.run(task("20000")).await;
    small(&done);
    assert_eq!(
        (&done["structured"], &done["structured_bytes"]),
        (&Value::Null, &json!(20004)),
        "{done:#}"
    );
    let id = done["id"].as_str().unwrap();
    let shown = server.call("get_agent", json!({ "id": id })).await.unwrap();
    small(&shown);
    assert_eq!(shown["structured_bytes"], 20004);
    let (mut text, mut cursor) = (String::new(), Value::Null);
    loop {
        let arguments = json!({ "id": id, "view": "structured", "cursor": cursor });
        let page = server.call("get_agent", arguments).await.unwrap();
        small(&page);
        text.push_str(page["result"].as_str().unwrap());
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, json!(["0".repeat(20000)]));
}

#[tokio::test]
async fn transcripts_and_evidence_stay_within_a_reply() {
    let home = Home::new().line_script(
        "talk",
        r#"hear; turn; long=$(printf %03000d 0)
           for n in 1 2 3 4 5 6 7 8 9; do text "$n $long"; done
           for n in $(seq 120); do
             echo "{\"ostler\":\"tool_start\",\"id\":\"$n\",\"name\":\"sh\",\"command\":\"echo $n $long\"}"
           done
           result end"#,
    );
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "Talk.", "provider": "talk" }))
        .await;
    let id = done["id"].as_str().unwrap();
    let evidence = json!({ "id": id, "view": "evidence" });
    let evidence = server.call("get_agent", evidence).await.unwrap();
    small(&evidence);
    let evidence = &evidence["evidence"];
    let commands = evidence["commands"].as_array().unwrap();
    let left_out = evidence["entries_left_out"].as_u64().unwrap() as usize;
    assert_eq!(commands.len() + left_out, 120);
    let last = commands.last().unwrap()["command"].as_str().unwrap();
    assert!(last.starts_with("echo 120 "), "{last}");

    let (mut numbers, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let arguments = json!({ "id": id, "view": "transcript", "cursor": cursor });
        let page = server.call("get_agent", arguments).await.unwrap();
        small(&page);
        numbers.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["seq"].as_u64().unwrap()),
        );
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    // One alone is whole: after queued, running and started comes the first text.
    let alone = json!({ "id": id, "view": "transcript", "cursor": "3", "limit": 1 });
    let alone = server.call("get_agent", alone).await.unwrap();
    let text = alone["items"][0]["body"]["text"].as_str().unwrap();
    assert_eq!(text.len(), 3002, "{alone:#.300}");
}

#[tokio::test]
async fn many_long_requests_share_one_reply() {
    let home = Home::new().line_script(
        "asks",
        "hear; turn; long=$(printf %03000d 0)
         for n in $(seq 16); do ask $n \"$n $long\"; done
         listen_for END; result end",
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "asks", "permission": "edit" }))
        .await;
    loop {
        let waited = server.call("wait_agents", json!({})).await.unwrap();
        small(&waited);
        let waiting = waited["waiting"].as_array().unwrap();
        let shown = waiting.len() + waited["more_waiting"].as_u64().unwrap_or(0) as usize;
        if shown == 16 {
            let content = waiting[0]["content"].as_str().unwrap();
            assert!(waiting.len() > 8, "{}", waiting.len());
            assert!(content.starts_with("1 000") && content.ends_with(" bytes cut]"));
            break;
        }
    }
    let shown = server.call("get_agent", json!({ "id": id })).await.unwrap();
    small(&shown);
    assert!(!shown["requests"].as_array().unwrap().is_empty());
    let stop = json!({ "ids": [id] });
    server.call("stop_agents", stop).await.unwrap();
}
