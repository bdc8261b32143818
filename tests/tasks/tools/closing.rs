//! `close_task`: what it needs, what it sets free, and what it leaves alone.

use serde_json::json;

use super::{ask, create, create_one, everything, get, refusal, session};
use crate::support::Home;

#[tokio::test]
async fn a_close_tells_what_is_ready_now_and_what_is_moot() {
    let home = Home::new();
    let mut server = home.server().await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "a", "title": "A" },
            { "ref": "b", "title": "B", "blocked_by": ["a"] },
            { "ref": "c", "title": "C", "blocked_by": ["a", "b"] },
            { "ref": "else", "title": "Or else", "edges": ["on_failure:a"] },
        ]),
    )
    .await;
    let closed = ask(&mut server, "close_task", json!({ "id": refs["a"] })).await;
    assert_eq!(
        closed,
        json!({
            "id": refs["a"],
            "unblocked": [{ "id": refs["b"], "title": "B" }],
            "moot": [{ "id": refs["else"], "title": "Or else" }],
            "next": "what is moot was for the case that this one is given up: close it as wont_do",
        })
    );
    let given_up = json!({ "id": refs["b"], "reason": "wont_do", "note": "no need" });
    let closed = ask(&mut server, "close_task", given_up).await;
    assert_eq!(
        closed,
        json!({ "id": refs["b"], "unblocked": [{ "id": refs["c"], "title": "C" }] })
    );
    let b = get(&mut server, &refs["b"]).await;
    assert_eq!(
        (&b["status"], &b["why"]),
        (&json!("wont_do"), &json!("no need"))
    );
    server.leave().await;
}

#[tokio::test]
async fn a_close_that_is_refused_has_changed_nothing() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let refs = create(
        &mut server,
        json!([
            { "ref": "checked", "title": "Checked", "acceptance": "`test -e done` exits 0" },
            { "ref": "top", "title": "Top", "kind": "epic" },
            { "ref": "part", "title": "Part", "parent": "top" },
            { "ref": "plain", "title": "Plain" },
            { "ref": "closed", "title": "Closed" },
        ]),
    )
    .await;
    ask(&mut server, "close_task", json!({ "id": refs["closed"] })).await;
    let before = everything(&mut server).await;
    for (id, close, told) in [
        ("checked", json!({}), "is not shown to be done"),
        (
            "checked",
            json!({ "evidence": {} }),
            "is not shown to be done",
        ),
        (
            "checked",
            json!({ "note": "I did it" }),
            "is not shown to be done",
        ),
        (
            "checked",
            json!({ "evidence": { "command": "test -e done" } }),
            "exit code 1",
        ),
        (
            "checked",
            json!({ "evidence": { "commits": ["abcdef1"] } }),
            "abcdef1",
        ),
        (
            "checked",
            json!({ "evidence": { "agent": "a-000000" } }),
            "a-000000",
        ),
        ("top", json!({}), "has open children: t-"),
        (
            "plain",
            json!({ "reason": "wont_do" }),
            "closing as wont_do needs a word why\n",
        ),
        (
            "plain",
            json!({ "reason": "duplicate", "note": " " }),
            "needs a word why",
        ),
        (
            "plain",
            json!({ "reason": "finished" }),
            "`reason` must be one of `done`",
        ),
        ("plain", json!({ "fence": 3 }), "the claim 3 of"),
        ("closed", json!({}), "is closed; it cannot be closed"),
    ] {
        let mut close = close;
        close["id"] = refs[id].clone();
        let shown = close.to_string();
        let refused = refusal(&mut server, "close_task", close).await;
        assert!(refused.contains(told), "{shown}: {refused}");
    }
    assert_eq!(everything(&mut server).await, before);

    home.touch("done");
    let close = json!({ "id": refs["checked"], "evidence": { "command": "test -e done" } });
    ask(&mut server, "close_task", close).await;
    let checked = get(&mut server, &refs["checked"]).await;
    assert_eq!(checked["status"], "done");
    assert!(
        checked["evidence"].to_string().contains("test -e done"),
        "{checked:#}"
    );
    server.leave().await;
}

#[tokio::test]
async fn of_two_who_close_the_same_task_one_does() {
    let home = Home::new();
    let mut one = session(&home, "one").await;
    let mut two = session(&home, "two").await;
    for round in 0..10 {
        let id = create_one(&mut one, &format!("round {round}")).await;
        let first = one.call_later("close_task", json!({ "id": id })).await;
        let second = two.call_later("close_task", json!({ "id": id })).await;
        let (first, second) = (first.outcome().await, second.outcome().await);
        let told = match (first, second) {
            (Ok(_), Err(told)) | (Err(told), Ok(_)) => told,
            both => panic!("{both:?}"),
        };
        assert!(
            told.starts_with(&format!("{id} is closed; it cannot be closed")),
            "{told}"
        );
    }
    one.leave().await;
    two.leave().await;
}
