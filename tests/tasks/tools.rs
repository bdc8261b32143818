//! The six tools of the tracker, each as a whole: what it does, what it answers, and that what it
//! refuses has changed nothing.

mod agents;
mod batches;
mod changes;
mod closing;
mod sizes;

use serde_json::{Value, json};

use super::{ask, create_one, session};
use crate::support::Home;
use crate::support::mcp::McpClient;

/// What is said of a call that must be refused, in at most three lines.
async fn refusal(server: &mut McpClient, tool: &str, arguments: Value) -> String {
    let shown = arguments.to_string();
    match server.call(tool, arguments).await {
        Ok(answer) => panic!("{tool} {shown} was taken: {answer:#}"),
        Err(told) => {
            assert!(told.lines().count() <= 3, "{tool} {shown}: {told}");
            told
        }
    }
}

/// Creates tasks and returns the answer's `refs`.
async fn create(server: &mut McpClient, tasks: Value) -> Value {
    ask(server, "create_tasks", json!({ "tasks": tasks })).await["refs"].clone()
}

/// A task as a whole.
async fn get(server: &mut McpClient, id: &Value) -> Value {
    ask(server, "get_task", json!({ "id": id, "whole": true })).await
}

/// The titles of a list.
async fn titles(server: &mut McpClient, listing: Value) -> Vec<String> {
    let listed = ask(server, "list_tasks", listing).await;
    let lines = listed["items"].as_array().unwrap().iter();
    lines
        .map(|line| line["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that is known of every task.
async fn everything(server: &mut McpClient) -> Vec<Value> {
    let listing = json!({ "view": "all", "limit": 100 });
    let listed = ask(server, "list_tasks", listing).await;
    let mut all = Vec::new();
    for line in listed["items"].as_array().unwrap() {
        all.push(get(server, &line["id"]).await);
    }
    all
}

#[tokio::test]
async fn an_id_may_be_shortened_and_a_mistyped_one_is_helped() {
    let home = Home::new();
    let mut server = home.server().await;
    let id = create_one(&mut server, "the one").await;
    for short in [&id[..6], &id[2..6], &id.to_uppercase()] {
        assert_eq!(get(&mut server, &json!(short)).await["id"], *id, "{short}");
    }
    let last = if id.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &id[..7]);
    let expected = format!("no task here has the id {mistyped}\ndid you mean {id} \"the one\"?");
    for (tool, arguments) in [
        ("get_task", json!({})),
        ("claim_task", json!({})),
        ("update_task", json!({ "note": "x" })),
        ("update_task", json!({ "status": "open" })),
        ("close_task", json!({})),
    ] {
        let mut arguments = arguments;
        arguments["id"] = json!(mistyped);
        assert_eq!(refusal(&mut server, tool, arguments).await, expected);
    }
    for nothing in ["", "t-", "%", "t-zzzzzz", &"x".repeat(5000)] {
        let told = refusal(&mut server, "get_task", json!({ "id": nothing })).await;
        assert!(told.starts_with("no task here has the id"), "{told}");
        assert!(told.len() < 200, "{told}");
    }
    server.leave().await;
}

#[tokio::test]
async fn the_best_ready_task_is_claimed_and_told_with_its_fence() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "usual", "title": "usual" },
            { "ref": "urgent", "title": "urgent", "priority": 0, "description": "All of it." },
            { "ref": "waits", "title": "waits", "priority": 0, "blocked_by": ["urgent"] },
            { "ref": "bug", "title": "a bug", "kind": "bug", "labels": ["ui"], "parent": "epic" },
            { "ref": "epic", "title": "an epic", "kind": "epic" },
        ]),
    )
    .await;
    let claimed = ask(&mut server, "claim_task", json!({})).await;
    assert_eq!(claimed["id"], refs["urgent"]);
    assert_eq!(claimed["fence"], 1);
    assert!(claimed["until"].is_string(), "{claimed:#}");
    assert_eq!(claimed["description"], "All of it.");
    assert_eq!(claimed["status"], "in_progress");
    assert_eq!(claimed["holder"], "session:one");

    for filter in [
        json!({ "label": "ui" }),
        json!({ "kind": "bug" }),
        json!({ "parent": refs["epic"] }),
    ] {
        let claimed = ask(&mut server, "claim_task", filter).await;
        assert_eq!(claimed["id"], refs["bug"]);
        let release = json!({ "id": refs["bug"], "status": "open" });
        ask(&mut server, "update_task", release).await;
    }
    let told = refusal(&mut server, "claim_task", json!({ "label": "api" })).await;
    assert!(
        told.starts_with("no task is ready with the label \"api\"\nlist_tasks"),
        "{told}"
    );
    let both = json!({ "id": refs["bug"], "label": "ui" });
    let told = refusal(&mut server, "claim_task", both).await;
    assert!(told.starts_with("`id` names the task;"), "{told}");
    for (id, why) in [
        ("waits", "it is blocked; get_task names what holds it"),
        ("epic", "its children are open"),
    ] {
        let told = refusal(&mut server, "claim_task", json!({ "id": refs[id] })).await;
        assert!(told.contains(why), "{told}");
    }
    for lease_s in [0, 86_401] {
        let claim = json!({ "lease_s": lease_s });
        let told = refusal(&mut server, "claim_task", claim).await;
        assert!(told.starts_with("`lease_s` is"), "{told}");
    }
    let mine = titles(&mut server, json!({ "view": "mine" })).await;
    assert_eq!(mine, ["urgent"]);
    server.leave().await;
}

#[tokio::test]
async fn a_session_hears_who_holds_a_task_and_may_claim_its_own_again() {
    let home = Home::new();
    let mut one = session(&home, "one").await;
    let mut two = session(&home, "two").await;
    let id = create_one(&mut one, "the only one").await;
    let first = ask(&mut one, "claim_task", json!({ "id": id })).await;
    let again = ask(&mut one, "claim_task", json!({ "id": id })).await;
    assert_eq!(first["fence"], again["fence"]);
    let told = refusal(&mut two, "claim_task", json!({ "id": id })).await;
    assert!(
        told.starts_with(&format!(
            "{id} is held by session:one\nclaim_task without an id"
        )),
        "{told}"
    );
    for (tool, arguments) in [
        ("close_task", json!({ "id": id })),
        ("update_task", json!({ "id": id, "status": "open" })),
    ] {
        let told = refusal(&mut two, tool, arguments).await;
        assert!(told.contains("is held by session:one"), "{told}");
    }
    let note = json!({ "id": id, "note": "I have seen this before" });
    ask(&mut two, "update_task", note).await;
    let notes = get(&mut one, &json!(id)).await["notes"].clone();
    let said = notes.as_array().unwrap().iter();
    let said = said.filter(|note| note["by"] == "session:two").count();
    assert_eq!(said, 1, "{notes:#}");
    one.leave().await;
    two.leave().await;
}

#[tokio::test]
async fn tasks_are_listed_by_view_filter_and_words() {
    let home = Home::new();
    let mut server = home.server().await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "a", "title": "Parse the header", "labels": ["parser"] },
            { "ref": "b", "title": "Write the docs", "blocked_by": ["a"], "kind": "chore" },
            { "ref": "c", "title": "Umbrella", "kind": "epic" },
            { "ref": "d", "title": "Below", "parent": "c", "defer_until": "2999-01-01" },
        ]),
    )
    .await;
    let gone = json!({ "id": refs["a"], "reason": "wont_do", "note": "not needed" });
    for (listing, expected) in [
        (json!({ "view": "ready" }), vec!["Parse the header"]),
        (json!({ "view": "blocked" }), vec!["Write the docs"]),
        (json!({ "view": "closed" }), vec![]),
        (json!({ "label": "parser" }), vec!["Parse the header"]),
        (json!({ "kind": "chore" }), vec!["Write the docs"]),
        (json!({ "parent": refs["c"] }), vec!["Below"]),
        (
            json!({ "query": "parsing headers" }),
            vec!["Parse the header"],
        ),
        (json!({ "limit": 1 }), vec!["Parse the header"]),
    ] {
        let shown = listing.to_string();
        assert_eq!(titles(&mut server, listing).await, expected, "{shown}");
    }
    ask(&mut server, "close_task", gone).await;
    let ready = titles(&mut server, json!({ "view": "ready" })).await;
    assert_eq!(ready, ["Write the docs"]);
    let open = titles(&mut server, json!({})).await;
    assert_eq!(open.len(), 3, "closed ones are not in the way: {open:?}");
    for (listing, told) in [
        (json!({ "limit": 0 }), "`limit` is 0"),
        (json!({ "limit": 101 }), "`limit` is 101"),
        (json!({ "cursor": "x" }), "`cursor`"),
        (json!({ "parent": "t-zzzzzz" }), "no task here has the id"),
        (json!({ "view": "done" }), "`view` must be one of `ready`"),
    ] {
        let refused = refusal(&mut server, "list_tasks", listing).await;
        assert!(refused.starts_with(told), "{refused}");
    }
    server.leave().await;
}

#[tokio::test]
async fn a_catch_up_tells_what_is_claimed_and_what_is_next() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let tasks: Vec<Value> = (0..6)
        .map(|n| json!({ "title": format!("task {n}") }))
        .collect();
    let created = ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    let next = ask(&mut server, "catch_up", json!({})).await;
    assert_eq!(next["ready"].as_array().unwrap().len(), 3, "{next:#}");
    assert_eq!(next["next"], "claim_task takes the best ready task");
    let id = created["ids"][2].as_str().unwrap();
    ask(&mut server, "claim_task", json!({ "id": id })).await;
    server.leave().await;

    let mut again = session(&home, "one").await;
    let open = ask(&mut again, "catch_up", json!({})).await;
    assert_eq!(open["claims"], json!([format!("{id} \"task 2\" fence 1")]));
    assert_eq!(open["next"], "get_task shows a task that you hold");
    let mut other = session(&home, "two").await;
    let open = ask(&mut other, "catch_up", json!({})).await;
    assert_eq!(open["claims"], Value::Null, "{open:#}");
    again.leave().await;
    other.leave().await;
}
