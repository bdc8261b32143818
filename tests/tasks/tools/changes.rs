//! `update_task`: every field, the way back of a claim and of a close, and nothing else.

use serde_json::{Value, json};

use super::{ask, create, create_one, everything, get, refusal, session};
use crate::support::Home;

#[tokio::test]
async fn every_field_can_be_changed_and_what_is_left_out_stays() {
    let home = Home::new();
    let mut server = home.server().await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "it", "title": "It", "labels": ["old"], "description": "Stays." },
            { "ref": "top", "title": "Top", "kind": "epic" },
            { "ref": "other", "title": "Other" },
        ]),
    )
    .await;
    let changed = ask(
        &mut server,
        "update_task",
        json!({
            "id": refs["it"], "title": "New", "acceptance": "It runs.", "kind": "bug",
            "priority": 0, "parent": refs["top"], "writes": false, "estimate_min": 30,
            "defer_until": "2999-01-01T00:00:00+01:00", "external_ref": "X-1",
            "add_labels": ["new"], "remove_labels": ["old"], "add_blocked_by": [refs["other"]],
            "add_edges": [format!("related:{}", refs["other"].as_str().unwrap())],
            "note": "Said on the way.",
        }),
    )
    .await;
    assert_eq!(changed["title"], "New");
    assert_eq!(changed["status"], "blocked");
    assert_eq!(changed["waits_for"], json!([refs["other"]]), "{changed:#}");
    assert_eq!(changed["description"], Value::Null, "a line is answered");
    let task = get(&mut server, &refs["it"]).await;
    for (field, expected) in [
        ("title", json!("New")),
        ("description", json!("Stays.")),
        ("acceptance", json!("It runs.")),
        ("kind", json!("bug")),
        ("priority", json!(0)),
        ("parent", refs["top"].clone()),
        ("labels", json!(["new"])),
        ("writes", json!(false)),
        ("estimate_min", json!(30)),
        ("defer_until", json!("2998-12-31T23:00:00Z")),
        ("external_ref", json!("X-1")),
    ] {
        assert_eq!(task[field], expected, "{field}");
    }
    let notes = task["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note["text"] == "Said on the way."),
        "{notes:#?}"
    );

    let back = json!({
        "id": refs["it"], "parent": "", "defer_until": "", "external_ref": "",
        "remove_blocked_by": [refs["other"]],
        "remove_edges": [format!("related:{}", refs["other"].as_str().unwrap())],
    });
    let changed = ask(&mut server, "update_task", back).await;
    assert_eq!(changed["status"], "ready", "{changed:#}");
    let task = get(&mut server, &refs["it"]).await;
    for field in ["parent", "edges", "defer_until", "external_ref"] {
        assert_eq!(task[field], Value::Null, "{field}");
    }
    server.leave().await;
}

#[tokio::test]
async fn a_change_that_is_refused_has_changed_nothing() {
    let home = Home::new();
    let mut server = home.server().await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "a", "title": "A" },
            { "ref": "b", "title": "B", "blocked_by": ["a"], "parent": "c" },
            { "ref": "c", "title": "C" },
        ]),
    )
    .await;
    let before = everything(&mut server).await;
    for (change, told) in [
        (json!({ "title": "" }), "`title` is empty"),
        (json!({ "priority": 9 }), "`priority` is 9"),
        (json!({ "kind": "story" }), "`kind` must be one of"),
        (json!({ "add_labels": ["a,b"] }), "`labels` holds \"a,b\""),
        (
            json!({ "add_blocked_by": [refs["b"]] }),
            "that would make tasks wait",
        ),
        (json!({ "add_blocked_by": [refs["a"]] }), ""),
        (json!({ "parent": refs["a"] }), ""),
        (json!({ "parent": "t-zzzzzz" }), "no task here has the id"),
        (json!({ "add_edges": ["t-1"] }), "`edges` holds \"t-1\""),
        (json!({ "defer_until": "soon" }), "`defer_until` is no time"),
        (json!({ "note": " " }), "`note` is empty"),
        (json!({ "fence": 1 }), "the claim 1 of"),
        (
            json!({ "status": "closed" }),
            "`status` can be set to `open` only\nclaim_task begins a task, close_task closes it",
        ),
        (
            json!({ "status": "in_progress" }),
            "`status` can be set to `open` only",
        ),
        (
            json!({ "status": "open", "title": "New" }),
            "`status` goes with `note` and `fence` only",
        ),
        (json!({ "status": "open" }), ""),
    ] {
        // A right change beside the wrong one is not made either.
        let mut change = change;
        change["id"] = refs["a"].clone();
        if change["status"].is_null() && change["title"].is_null() {
            change["title"] = json!("Another title");
        }
        let shown = change.to_string();
        let refused = refusal(&mut server, "update_task", change).await;
        assert!(refused.starts_with(told), "{shown}: {refused}");
    }
    assert_eq!(everything(&mut server).await, before);
    server.leave().await;
}

#[tokio::test]
async fn open_gives_a_claim_back_or_opens_what_was_closed() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let id = create_one(&mut server, "to and fro").await;
    let claimed = ask(&mut server, "claim_task", json!({ "id": id })).await;
    let release =
        json!({ "id": id, "status": "open", "note": "I am stuck", "fence": claimed["fence"] });
    let line = ask(&mut server, "update_task", release.clone()).await;
    assert_eq!(line["status"], "ready");
    assert_eq!(line["holder"], Value::Null);
    let told = refusal(&mut server, "update_task", release).await;
    assert!(
        told.starts_with(&format!("the claim 1 of {id} is over\n")),
        "{told}"
    );

    ask(&mut server, "close_task", json!({ "id": id })).await;
    let told = refusal(
        &mut server,
        "update_task",
        json!({ "id": id, "status": "open" }),
    )
    .await;
    assert!(
        told.starts_with("`note` is needed: say why it is reopened"),
        "{told}"
    );
    let reopen = json!({ "id": id, "status": "open", "note": "it came back" });
    assert_eq!(
        ask(&mut server, "update_task", reopen).await["status"],
        "ready"
    );
    let notes = get(&mut server, &json!(id)).await["notes"].clone();
    let told: Vec<(&str, &str)> = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| {
            (
                note["kind"].as_str().unwrap(),
                note["text"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(told.contains(&("released", "I am stuck")), "{notes:#}");
    assert!(told.contains(&("reopened", "it came back")), "{notes:#}");
    server.leave().await;
}
