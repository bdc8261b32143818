//! `create_tasks`: all of them or none.

use serde_json::{Value, json};

use super::{ask, create, get, refusal, titles};
use crate::support::Home;

#[tokio::test]
async fn a_batch_is_created_with_all_that_was_said_of_it() {
    let home = Home::new();
    let mut server = home.server().await;
    let there = create(
        &mut server,
        json!([{ "ref": "there", "title": "was there" }]),
    )
    .await;
    let tasks = json!([
        {
            "ref": "whole", "title": "A task", "description": "What to do.", "acceptance": "It runs.",
            "kind": "feature", "priority": 1, "labels": ["ui", "api"], "parent": "top",
            "blocked_by": [there["there"], "first"], "edges": ["related:first", "validates:top"],
            "writes": false, "estimate_min": 90, "defer_until": "2999-12-24", "external_ref": "GH-7",
        },
        { "ref": "top", "title": "Top", "kind": "epic" },
        { "ref": "first", "title": "First" },
        { "title": "Without a name" },
    ]);
    let created = ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    let refs = &created["refs"];
    assert_eq!(refs.as_object().unwrap().len(), 3, "{created:#}");
    let nameless = created["ids"].as_array().unwrap();
    assert_eq!(nameless.len(), 1, "{created:#}");
    assert_eq!(created["ready"], json!([refs["first"], nameless[0]]));

    let task = get(&mut server, &refs["whole"]).await;
    for (field, expected) in [
        ("title", json!("A task")),
        ("description", json!("What to do.")),
        ("acceptance", json!("It runs.")),
        ("kind", json!("feature")),
        ("priority", json!(1)),
        ("labels", json!(["api", "ui"])),
        ("parent", refs["top"].clone()),
        ("status", json!("blocked")),
        ("writes", json!(false)),
        ("estimate_min", json!(90)),
        ("defer_until", json!("2999-12-24T00:00:00Z")),
        ("external_ref", json!("GH-7")),
    ] {
        assert_eq!(task[field], expected, "{field}");
    }
    let edges = task["edges"].as_array().unwrap();
    let mut edges: Vec<(&str, &Value)> = edges
        .iter()
        .map(|edge| (edge["kind"].as_str().unwrap(), &edge["task"]))
        .collect();
    edges.sort_by_key(|(kind, task)| (*kind, task.to_string()));
    let mut expected = vec![
        ("blocked_by", &there["there"]),
        ("blocked_by", &refs["first"]),
        ("related", &refs["first"]),
        ("validates", &refs["top"]),
    ];
    expected.sort_by_key(|(kind, task)| (*kind, task.to_string()));
    assert_eq!(edges, expected);
    server.leave().await;
}

#[tokio::test]
async fn a_batch_with_one_wrong_entry_creates_nothing() {
    let home = Home::new();
    let mut server = home.server().await;
    let good = || json!({ "ref": "good", "title": "good" });
    for (entry, told) in [
        (json!({ "title": " " }), "`tasks[1].title` is empty"),
        (
            json!({ "title": "x", "priority": 5 }),
            "`tasks[1].priority` is 5",
        ),
        (
            json!({ "title": "x", "labels": ["a b"] }),
            "`tasks[1].labels` holds \"a b\"",
        ),
        (
            json!({ "title": "x", "blocked_by": ["t-zzzzzz"] }),
            "`tasks[1].blocked_by` names \"t-zzzzzz\", which is no task and no `ref` here",
        ),
        (
            json!({ "title": "x", "parent": "top" }),
            "`tasks[1].parent` names \"top\"",
        ),
        (
            json!({ "title": "x", "edges": ["good"] }),
            "`tasks[1].edges` holds \"good\"",
        ),
        (
            json!({ "title": "x", "edges": ["likes:good"] }),
            "`tasks[1].edges` holds",
        ),
        (
            json!({ "title": "x", "ref": "good" }),
            "`tasks[1].ref` is \"good\", as that of",
        ),
        (
            json!({ "title": "x", "estimate_min": 0 }),
            "`tasks[1].estimate_min` is 0",
        ),
        (
            json!({ "title": "x", "defer_until": "tomorrow" }),
            "`tasks[1].defer_until` is no time: \"tomorrow\"\nwrite RFC 3339 or a date",
        ),
        (
            json!({ "ref": "x", "title": "x", "blocked_by": ["x"] }),
            "that would make tasks wait for each other: ",
        ),
    ] {
        let shown = entry.to_string();
        let batch = json!({ "tasks": [good(), entry] });
        let refused = refusal(&mut server, "create_tasks", batch).await;
        assert!(refused.starts_with(told), "{shown}: {refused}");
    }
    for (tasks, found) in [(Vec::new(), 0), (vec![good(); 501], 501)] {
        let batch = json!({ "tasks": tasks });
        let refused = refusal(&mut server, "create_tasks", batch).await;
        let told = format!("`tasks` has {found} entries; from 1 to 500 are taken");
        assert!(refused.starts_with(&told), "{refused}");
    }
    let all = titles(&mut server, json!({ "view": "all" })).await;
    assert_eq!(all, Vec::<String>::new(), "nothing was created");
    server.leave().await;
}

#[tokio::test]
async fn a_circle_is_refused_with_its_steps() {
    let home = Home::new();
    let mut server = home.server().await;
    let circle = json!({ "tasks": [
        { "ref": "a", "title": "A", "blocked_by": ["c"] },
        { "ref": "b", "title": "B", "blocked_by": ["a"] },
        { "ref": "c", "title": "C", "blocked_by": ["b"] },
    ] });
    let told = refusal(&mut server, "create_tasks", circle).await;
    for step in ["a waits for c", "c waits for b", "b waits for a"] {
        assert!(told.contains(step), "{told}");
    }
    let all = titles(&mut server, json!({ "view": "all" })).await;
    assert_eq!(all, Vec::<String>::new());
    server.leave().await;
}

#[tokio::test]
async fn five_hundred_tasks_are_created_in_one_call_and_told_in_little() {
    let home = Home::new();
    let mut server = home.server().await;
    let entry = |n: usize| {
        let mut entry = json!({ "ref": format!("r{n}"), "title": format!("task {n}") });
        if n > 0 {
            entry["blocked_by"] = json!([format!("r{}", n - 1)]);
        }
        entry
    };
    let tasks: Vec<Value> = (0..500).map(entry).collect();
    let created = ask(&mut server, "create_tasks", json!({ "tasks": tasks })).await;
    assert!(created.to_string().len() < 8 * 1024);
    // Too many names to repeat: the ids come in the order of the batch.
    let ids = created["ids"].as_array().unwrap();
    assert_eq!(ids.len(), 500);
    assert_eq!(created["ready"], json!([ids[0]]));
    assert_eq!(get(&mut server, &ids[321]).await["title"], "task 321");
    server.leave().await;
}
