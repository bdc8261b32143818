//! Reading what there is: lists, results and transcripts page by page, and the catch-up.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

fn labels(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|agent| agent["label"].as_str().unwrap().to_owned())
        .collect()
}

/// A world whose one place is taken by an agent that waits for the file `go`; all others queue.
async fn full(home: &Home) -> McpClient {
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "label": "busy", "provider": "busy" });
    server.spawn(arguments).await;
    home.written("up", 1).await;
    server
}

fn narrow() -> Home {
    Home::new()
        .config("[agents]\nmax_concurrent = 1\nmax_tree = 64\nprovider = \"echo\"")
        .script("busy", "echo up >> up; wait_for go; echo done")
        .script("echo", "cat")
}

#[tokio::test]
async fn a_list_comes_in_pages_newest_first() {
    let home = narrow();
    let mut server = full(&home).await;
    for number in 1..=6 {
        server
            .spawn(json!({ "prompt": "x", "label": format!("number {number}") }))
            .await;
    }
    let mut pages = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = server
            .call("list_agents", json!({ "limit": 3, "cursor": cursor }))
            .await
            .unwrap();
        pages.push(labels(&page));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let expected = [
        vec!["number 6", "number 5", "number 4"],
        vec!["number 3", "number 2", "number 1"],
        vec!["busy"],
    ];
    // Agents of the same millisecond have no order among them, but none is left out or repeated.
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let (mut listed, mut expected) = (pages.concat(), expected.concat());
    assert_eq!((listed[6].as_str(), listed.len()), ("busy", 7));
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    let refusal = server
        .call("list_agents", json!({ "cursor": "seven" }))
        .await
        .unwrap_err();
    assert!(
        refusal.contains("`cursor` is not one that list_agents gave"),
        "{refusal}"
    );
    let refusal = server
        .call("list_agents", json!({ "limit": 101 }))
        .await
        .unwrap_err();
    assert!(refusal.contains("`limit` is 101"), "{refusal}");
}

#[tokio::test]
async fn a_list_can_be_of_one_status() {
    let home = narrow().script("fail", "exit 1");
    let mut server = home.server().await;
    for (label, provider) in [("good", "echo"), ("bad", "fail")] {
        server
            .run(json!({ "prompt": "x", "label": label, "provider": provider }))
            .await;
    }
    server
        .spawn(json!({ "prompt": "x", "label": "busy", "provider": "busy" }))
        .await;
    home.written("up", 1).await;
    server
        .spawn(json!({ "prompt": "x", "label": "waits" }))
        .await;
    let cases = [
        ("completed", "good"),
        ("error", "bad"),
        ("running", "busy"),
        ("queued", "waits"),
    ];
    for (status, label) in cases {
        let listed = server
            .call("list_agents", json!({ "status": status }))
            .await
            .unwrap();
        assert_eq!(labels(&listed), [label], "{status}");
    }
    let listed = server
        .call("list_agents", json!({ "status": "steered" }))
        .await
        .unwrap();
    assert_eq!(labels(&listed), Vec::<String>::new());
    let refusal = server
        .call("list_agents", json!({ "status": "dead" }))
        .await
        .unwrap_err();
    assert!(
        refusal.contains("status") && refusal.contains("dead"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_list_is_of_this_project_unless_all_are_asked_for() {
    let home = narrow();
    let elsewhere = home.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut here = home.server().await;
    let mut command = home.ostler();
    command.current_dir(&elsewhere);
    let mut there = McpClient::start(command).await;
    here.run(json!({ "prompt": "x", "label": "here" })).await;
    there.run(json!({ "prompt": "x", "label": "there" })).await;
    let listed = there.call("list_agents", json!({})).await.unwrap();
    assert_eq!(labels(&listed), ["there"]);
    let listed = there
        .call("list_agents", json!({ "all_projects": true }))
        .await
        .unwrap();
    assert_eq!(labels(&listed), ["there", "here"]);
}

#[tokio::test]
async fn a_long_result_is_read_in_pages_that_never_cut_a_character() {
    let text = "naïve 馬 \u{1F40E}\u{1F3FD} – ".repeat(600);
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let prompt = format!("{text}.");
    let done = server
        .run(json!({ "prompt": prompt, "provider": "echo" }))
        .await;
    let shown = done["result"].as_str().unwrap();
    assert!(
        prompt.starts_with(shown) && shown.len() <= 6144,
        "{} bytes",
        shown.len()
    );
    assert_eq!(done["next_cursor"], shown.len().to_string());
    let id = done["id"].as_str().unwrap();
    for limit in [1_usize, 1001, 6144, 32768] {
        // Of the smallest pages a few are enough.
        let wanted = if limit == 1 {
            &prompt[..text.len() / 600]
        } else {
            prompt.as_str()
        };
        let (mut read, mut cursor, mut pages) = (String::new(), Value::Null, 0);
        while read.len() < wanted.len() {
            let arguments = json!({ "id": id, "limit": limit, "cursor": cursor });
            let page = server.call("get_agent", arguments).await.unwrap();
            let part = page["result"].as_str().unwrap();
            assert!(
                !part.is_empty() && part.len() <= limit.max(4),
                "{} bytes",
                part.len()
            );
            read.push_str(part);
            cursor = page["next_cursor"].clone();
            pages += 1;
        }
        assert!(
            prompt.starts_with(&read),
            "pages of {limit} bytes do not make up the text"
        );
        assert!(pages >= wanted.len() / limit.max(4), "{pages}");
        assert_eq!(cursor.is_null(), limit != 1);
    }
    for cursor in ["3", "999999999", "-1", "x"] {
        let arguments = json!({ "id": id, "cursor": cursor });
        let refusal = server.call("get_agent", arguments).await.unwrap_err();
        assert!(refusal.contains("`cursor`"), "{refusal}");
    }
}

#[tokio::test]
async fn a_transcript_comes_in_pages_in_its_order() {
    let home = Home::new().line_script(
        "talk",
        "hear; turn; for n in 1 2 3 4 5 6 7; do text \"word $n\"; done; tool t Read; result end",
    );
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "Talk.", "provider": "talk" }))
        .await;
    let id = done["id"].as_str().unwrap();
    let (mut entries, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let arguments = json!({ "id": id, "view": "transcript", "limit": 3, "cursor": cursor });
        let page = server.call("get_agent", arguments).await.unwrap();
        let items = page["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 3, "{page:#}");
        entries.extend(items.clone());
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let kinds: Vec<&str> = entries
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    let mut expected = vec!["state", "state", "started"];
    expected.extend(["text"; 7]);
    expected.extend(["tool", "tool_result", "turn_ended", "state"]);
    assert_eq!(kinds, expected);
    let numbers: Vec<i64> = entries
        .iter()
        .map(|entry| entry["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=14).collect::<Vec<i64>>());
    assert_eq!(entries, server.transcript(id).await);
    assert_eq!(entries[0]["body"]["prompt"], "Talk.");
}

#[tokio::test]
async fn a_catch_up_names_what_lives_and_what_nobody_has_read() {
    let home = narrow();
    let mut server = home.server().await;
    assert_eq!(
        server.call("catch_up", json!({})).await.unwrap(),
        json!({ "next": "nothing is open" })
    );
    server
        .run(json!({ "prompt": "x", "label": "was read" }))
        .await;
    let unread = server
        .spawn(json!({ "prompt": "x", "label": "is unread" }))
        .await;
    server
        .until(&unread, |brief| brief["status"] == "completed")
        .await;
    let live = server
        .spawn(json!({ "prompt": "x", "label": "lives", "provider": "busy" }))
        .await;
    home.written("up", 1).await;
    // A session that was started afresh knows as much.
    let mut afresh = home.server().await;
    let caught_up = afresh.call("catch_up", json!({})).await.unwrap();
    assert_eq!(
        caught_up["unread"],
        json!([format!("{unread} \"is unread\" completed")])
    );
    assert_eq!(
        caught_up["live"],
        json!([format!("{live} \"lives\" running, turn 0/50")])
    );
    assert_eq!(caught_up["more"], Value::Null);
    home.touch("go");
    server.wait(&[&live]).await;
}

/// The size of a catch-up with thirty agents of that label.
async fn size_of_catch_up(label: &str) -> usize {
    let home = narrow();
    let mut server = full(&home).await;
    for _ in 1..30 {
        server.spawn(json!({ "prompt": "x", "label": label })).await;
    }
    let caught_up = server.call("catch_up", json!({})).await.unwrap();
    let named = caught_up["live"].as_array().unwrap().len();
    assert_eq!(named + caught_up["more"].as_u64().unwrap() as usize, 30);
    caught_up.to_string().chars().count()
}

#[tokio::test]
async fn a_catch_up_stays_small_with_thirty_agents() {
    let size = size_of_catch_up(&"long label ".repeat(5)).await;
    assert!(size < 1200, "{size} characters");
}

#[tokio::test]
async fn a_catch_up_stays_small_whatever_the_labels_are_made_of() {
    let size = size_of_catch_up(&"\u{200B}\"\\".repeat(20)).await;
    assert!(size < 1200, "{size} characters");
}
