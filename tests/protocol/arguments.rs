//! Arguments that a model gets wrong: each is answered in band, names the field, and says what to
//! do, in at most three lines.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// The refusal of a call, as the model reads it.
async fn refused(server: &mut McpClient, tool: &str, arguments: Value) -> String {
    let shown = arguments.to_string();
    let told = match server.call(tool, arguments).await {
        Err(told) => told,
        Ok(answer) => panic!("{tool} {shown} was taken: {answer:#}"),
    };
    assert!(
        !told.starts_with("protocol error"),
        "{tool} {shown}: {told}"
    );
    assert!(told.lines().count() <= 3, "{tool} {shown}: {told}");
    assert!(!told.contains("deserialize"), "{tool} {shown}: {told}");
    told
}

/// Checks that each call is refused with a text that holds every one of the parts.
async fn refusals(calls: Vec<(&str, Value, &[&str])>) {
    let home = Home::new();
    let mut server = home.server().await;
    for (tool, arguments, parts) in calls {
        let shown = arguments.to_string();
        let told = refused(&mut server, tool, arguments).await;
        for part in parts {
            assert!(told.contains(part), "{tool} {shown}: {told}");
        }
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]), "nothing was changed");
    server.leave().await;
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error_that_names_the_nearest() {
    let home = Home::new();
    let mut server = home.server().await;
    for (asked, nearest) in [
        ("spawn_agnt", "spawn_agent"),
        ("waitagents", "wait_agents"),
        ("catchup", "catch_up"),
    ] {
        let params = json!({ "name": asked, "arguments": {} });
        let answer = server.request("tools/call", params).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer:#}");
        assert_eq!(
            answer["error"]["message"],
            format!("unknown tool {asked:?}; the nearest is `{nearest}`")
        );
    }
    server.leave().await;
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    refusals(vec![
        (
            "spawn_agent",
            json!({ "prompt": "x", "promt": "y" }),
            &["unknown field `promt`\nthis tool takes: prompt, task, label, "],
        ),
        (
            "catch_up",
            json!({ "verbose": true }),
            &["unknown field `verbose`\ncatch_up takes no arguments"],
        ),
    ])
    .await;
}

/// No schema says that a tool takes no other fields; the calls do.
#[tokio::test]
async fn every_tool_names_a_field_that_it_does_not_take() {
    let home = Home::new();
    let mut server = home.server().await;
    let tools = server.request("tools/list", json!({})).await;
    for tool in tools["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let told = refused(&mut server, name, json!({ "colour": "blue" })).await;
        assert!(
            told.starts_with("unknown field `colour`\n"),
            "{name}: {told}"
        );
    }
    server.leave().await;
}

#[tokio::test]
async fn a_field_inside_an_object_is_named_by_its_path() {
    let title = json!({ "title": "x" });
    refusals(vec![
        (
            "create_tasks",
            json!({ "tasks": [title, { "titel": "x" }] }),
            &["unknown field `tasks[1].titel`\nthere it takes: title, description, "],
        ),
        (
            "create_tasks",
            json!({ "tasks": [title, {}] }),
            &["`tasks[1].title` is missing"],
        ),
        (
            "create_tasks",
            json!({ "tasks": [{ "title": "x", "kind": "story" }] }),
            &[
                "`tasks[0].kind` must be one of `task`, `bug`",
                "not `story`",
            ],
        ),
        (
            "close_task",
            json!({ "id": "t-000000", "evidence": { "commit": "x" } }),
            &["unknown field `evidence.commit`\nthere it takes: commits, command, agent"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": "x", "expect": { "file": "x" } }),
            &["unknown field `expect.file`\nthere it takes: files, command, commits, clean"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_named_by_its_path() {
    refusals(vec![
        (
            "wait_agents",
            json!({ "timeout_s": "5" }),
            &["`timeout_s` must be a whole number from 0, not \"5\""],
        ),
        ("wait_agents", json!({ "timeout_s": 1.5 }), &["`timeout_s`"]),
        ("wait_agents", json!({ "timeout_s": -1 }), &["`timeout_s`"]),
        (
            "stop_agents",
            json!({ "ids": ["a-000000", 7] }),
            &["`ids[1]` must be a string"],
        ),
        (
            "stop_agents",
            json!({ "ids": "a-000000" }),
            &["`ids` must be a list"],
        ),
        ("spawn_agent", json!({ "prompt": 7 }), &["`prompt`"]),
        ("spawn_agent", json!({ "prompt": null }), &["`prompt`"]),
        (
            "wait_agents",
            json!({ "mode": "some" }),
            &["`mode`", "`any`", "`all`"],
        ),
        (
            "list_agents",
            json!({ "status": "done" }),
            &["`status`", "`completed`"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_missing_field_is_named() {
    refusals(vec![
        ("spawn_agent", json!({}), &["`prompt` is missing"]),
        (
            "steer_agent",
            json!({ "id": "a-000000" }),
            &["`message` is missing"],
        ),
        ("stop_agents", json!({}), &["`ids` is missing"]),
    ])
    .await;
}

#[tokio::test]
async fn a_number_out_of_its_range_is_refused_with_the_range() {
    refusals(vec![
        (
            "wait_agents",
            json!({ "timeout_s": 281 }),
            &["`timeout_s` is 281", "280"],
        ),
        (
            "list_agents",
            json!({ "limit": 0 }),
            &["`limit` is 0", "1 to 100"],
        ),
        (
            "list_agents",
            json!({ "limit": 101 }),
            &["`limit` is 101", "1 to 100"],
        ),
        (
            "get_agent",
            json!({ "id": "a-000000", "limit": 32769 }),
            &["`limit`", "1 to 32768"],
        ),
        (
            "get_agent",
            json!({ "id": "a-000000", "view": "transcript", "limit": 101 }),
            &["`limit` is 101", "1 to 100"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": "x", "timeout_s": 0 }),
            &["timeout_s", "at least 1"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": "x", "timeout_s": 86401 }),
            &["timeout_s", "86400"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": "x", "max_turns": 0 }),
            &["max_turns", "at least 1"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": "x", "max_cost_usd": -0.5 }),
            &["max_cost_usd", "above 0"],
        ),
        (
            "spawn_agent",
            json!({ "prompt": " \n" }),
            &["`prompt` is empty"],
        ),
        ("stop_agents", json!({ "ids": [] }), &["`ids` is empty"]),
        (
            "stop_agents",
            json!({ "ids": vec!["a-000000"; 101] }),
            &["`ids` has 101 entries", "at most 100"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_text_that_is_neither_id_nor_label_is_told_where_those_are() {
    let hint = "list_agents shows the ids there are";
    refusals(vec![
        (
            "get_agent",
            json!({ "id": "agent 1" }),
            &["no agent here is called \"agent 1\"", hint],
        ),
        ("get_agent", json!({ "id": " " }), &["`id` is empty"]),
        (
            "wait_agents",
            json!({ "ids": ["a-000000", "s-000000"] }),
            &["no agent here is called \"s-000000\"", hint],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_id_of_nobody_names_the_nearest_there_are() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let nobody = refused(&mut server, "get_agent", json!({ "id": "a-000000" })).await;
    assert_eq!(
        nobody,
        "no agent has the id a-000000\nlist_agents shows the ids there are"
    );

    let done = server
        .run(json!({ "prompt": "x", "provider": "echo" }))
        .await;
    let id = done["id"].as_str().unwrap();
    let last = if id.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &id[..id.len() - 1]);
    let expected = format!("no agent has the id {mistyped}\ndid you mean {id}?");
    for (tool, arguments) in [
        ("get_agent", json!({ "id": mistyped })),
        ("wait_agents", json!({ "ids": [id, mistyped] })),
        ("stop_agents", json!({ "ids": [mistyped] })),
        ("steer_agent", json!({ "id": mistyped, "message": "x" })),
        ("resume_agent", json!({ "id": mistyped, "prompt": "x" })),
    ] {
        assert_eq!(refused(&mut server, tool, arguments).await, expected);
    }
    server.leave().await;
}

#[tokio::test]
async fn arguments_that_are_no_object_are_told_so() {
    let home = Home::new();
    let mut server = home.server().await;
    for arguments in [json!("x"), json!(["x"]), json!(7)] {
        let params = json!({ "name": "list_agents", "arguments": arguments });
        let answer = server.request("tools/call", params).await;
        let told = answer["error"]["message"]
            .as_str()
            .or(answer["result"]["content"][0]["text"].as_str())
            .unwrap();
        assert!(
            told.contains("arguments") && told.contains("object"),
            "{arguments}: {answer}"
        );
    }
    server.leave().await;
}

#[tokio::test]
async fn a_call_without_arguments_is_one_with_none() {
    let home = Home::new();
    let mut server = home.server().await;
    let answer = server
        .request("tools/call", json!({ "name": "list_agents" }))
        .await;
    let items = &answer["result"]["structuredContent"]["items"];
    assert_eq!(*items, json!([]), "{answer:#}");
    server.leave().await;
}

/// Many models write `null` for what they do not want to say. One field at a time, so that a
/// failure names every field that does not take it.
#[tokio::test]
async fn every_optional_field_may_be_null() {
    let home = Home::new()
        .script("echo", "cat")
        .config("[agents]\nprovider = \"echo\"");
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "x" })).await;
    let id = done["id"].clone();
    let tools = server.request("tools/list", json!({})).await;
    let mut refused = Vec::new();
    let created = json!({ "tasks": [{ "title": "x" }] });
    let created = server.call("create_tasks", created).await.unwrap();
    let task = created["ids"][0].clone();
    let entry = tools["result"]["tools"].as_array().unwrap().iter();
    let entry = entry
        .clone()
        .find(|it| it["name"] == "create_tasks")
        .unwrap();
    let entry = &entry["inputSchema"]["properties"]["tasks"]["items"];
    for field in entry["properties"].as_object().unwrap().keys() {
        let mut entry = json!({ "title": "x" });
        if field != "title" {
            entry[field] = Value::Null;
        }
        let created = json!({ "tasks": [entry] });
        server.call("create_tasks", created).await.unwrap();
    }
    for tool in tools["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        let optional = properties
            .keys()
            .filter(|field| !required.contains(&field.as_str()));
        for field in optional {
            let mut arguments = json!({ field: null });
            // It takes a prompt, a task or both.
            match (name, field.as_str()) {
                ("spawn_agent", "prompt") => arguments["task"] = json!("next"),
                ("spawn_agent", _) => arguments["prompt"] = json!("x"),
                ("remember", "text") => arguments["items"] = json!([{ "text": "x" }]),
                ("remember", _) => arguments["text"] = json!("x"),
                _ => {}
            }
            for needed in &required {
                arguments[needed] = match *needed {
                    "id" if name.ends_with("_task") => task.clone(),
                    "id" => id.clone(),
                    "ids" => json!([id]),
                    _ => json!("x"),
                };
            }
            // What the tool then makes of an ended agent does not matter here.
            match server.call(name, arguments).await {
                Err(told) if told.contains(&format!("`{field}`")) => {
                    refused.push(format!("{name}.{field}: {told}"));
                }
                _ => {}
            }
            server.call("wait_agents", json!({})).await.unwrap();
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    server.leave().await;
}
