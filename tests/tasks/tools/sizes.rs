//! Replies stay small whatever was written into tasks, and nothing is out of reach.

use serde_json::{Value, json};

use super::{ask, create_one, get};
use crate::support::Home;

/// The size of a reply, as a model pays for it.
fn size(reply: &Value) -> usize {
    reply.to_string().len()
}

#[tokio::test]
async fn a_task_with_everything_at_its_longest_is_shown_in_a_small_reply() {
    let home = Home::new();
    let mut server = home.server().await;
    let long = |n: usize, text: &str| text.repeat(n / text.len());
    let title = long(200, "0123456789");
    let parts = |n: usize| json!({ "title": format!("{n:03}{}", &title[3..]), "parent": "it" });
    let mut tasks = vec![json!({
        "ref": "it", "title": title, "description": long(64 * 1024, "line\n"),
        "acceptance": long(16 * 1024, "\"quoted\" "), "external_ref": title,
        "labels": (0..20).map(|n| format!("{n:02}{}", "x".repeat(38))).collect::<Vec<_>>(),
    })];
    tasks.extend((0..60).map(parts));
    tasks
        .extend((0..60).map(
            |n| json!({ "title": format!("{n:03}{}", &title[3..]), "edges": ["related:it"] }),
        ));
    let created = ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    let id = &created["refs"]["it"];
    for n in 0..30 {
        let note = json!({ "id": id, "note": format!("note {n} {}", long(15_000, "word ")) });
        ask(&mut server, "update_task", note).await;
    }
    let shown = ask(&mut server, "get_task", json!({ "id": id })).await;
    assert!(size(&shown) <= 8 * 1024, "{}", size(&shown));
    let cut = shown["cut"].to_string();
    for field in [
        "description: the first ",
        "acceptance: the first ",
        "parts: the first ",
    ] {
        assert!(cut.contains(field), "{cut}");
    }
    let edges = shown["edges"].as_array().unwrap().len() as u64;
    assert_eq!(edges + shown["more_edges"].as_u64().unwrap(), 60);
    let notes = shown["notes"].as_array().unwrap();
    let last = notes.last().unwrap()["text"].as_str().unwrap();
    assert!(last.starts_with("note 29 word"), "{last}");
    let more = shown["more_notes"].as_u64().unwrap();
    assert_eq!(more + notes.len() as u64, 30);

    let whole = get(&mut server, id).await;
    assert_eq!(whole["description"].as_str().unwrap().len(), 64 * 1024 - 2);
    let acceptance = whole["acceptance"].as_str().unwrap();
    assert!(acceptance.ends_with("\"quoted\""), "{}", acceptance.len());
    assert!(size(&whole) <= 128 * 1024, "{}", size(&whole));

    let line = ask(&mut server, "update_task", json!({ "id": id, "note": "x" })).await;
    assert!(size(&line) < 2000, "{}", size(&line));
    server.leave().await;
}

#[tokio::test]
async fn a_long_list_comes_in_small_pages_that_lose_nothing() {
    let home = Home::new();
    let mut server = home.server().await;
    let tasks: Vec<Value> = (0..100)
        .map(|n| json!({ "title": format!("{n:03} {}", "é".repeat(190)), "labels": ["a", "b"] }))
        .collect();
    ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = json!({ "view": "all", "limit": 100, "cursor": cursor });
        let page = ask(&mut server, "list_tasks", page).await;
        assert!(size(&page) <= 8 * 1024, "{}", size(&page));
        for line in page["items"].as_array().unwrap() {
            seen.push(line["title"].as_str().unwrap()[..3].to_owned());
        }
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    seen.sort();
    let expected: Vec<String> = (0..100).map(|n| format!("{n:03}")).collect();
    assert_eq!(seen, expected);
    server.leave().await;
}

#[tokio::test]
async fn a_small_task_is_told_in_few_words() {
    let home = Home::new();
    let mut server = home.server().await;
    let id = create_one(&mut server, "Rename the flag").await;
    let listed = ask(&mut server, "list_tasks", json!({})).await;
    let line = &listed["items"][0];
    assert_eq!(
        *line,
        json!({ "id": id, "title": "Rename the flag", "status": "ready" })
    );
    server.leave().await;
}

#[tokio::test]
async fn a_catch_up_stays_small_with_many_claims_and_long_titles() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let tasks: Vec<Value> = (0..30)
        .map(|n| json!({ "title": format!("{n} {}", "\"馬\"".repeat(50)) }))
        .collect();
    ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    for _ in 0..12 {
        ask(&mut server, "claim_task", json!({})).await;
    }
    for n in 0..12 {
        let label = format!("{n} {}", "long label ".repeat(4));
        let spawn = json!({ "prompt": "x", "provider": "echo", "label": label });
        server.spawn(spawn).await;
    }
    let open = ask(&mut server, "catch_up", json!({})).await;
    assert!(open.to_string().chars().count() < 1200, "{open:#}");
    let claims = open["claims"].as_array().unwrap().len() as u64;
    assert_eq!(
        claims + open["more_claims"].as_u64().unwrap(),
        12,
        "{open:#}"
    );
    let named = ["live", "unread"].map(|key| open[key].as_array().map_or(0, Vec::len) as u64);
    let named: u64 = named.iter().sum();
    assert_eq!(named + open["more"].as_u64().unwrap(), 12, "{open:#}");
    assert_eq!(open["ready"].as_array().unwrap().len(), 3, "{open:#}");
    server.leave().await;
}
