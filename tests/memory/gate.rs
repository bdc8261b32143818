//! What the gate takes as it was meant, what it leaves out and says so, and what it refuses with the
//! way on; by the tool and on the command line.

use serde_json::{Value, json};

use super::{ask, refusal, session};
use crate::support::Home;

#[tokio::test]
async fn a_call_that_is_nearly_right_is_taken_as_it_was_meant() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let new = json!({ "content": "Logs are kept for 30 days", "kind": "How-To", "tags": "Log files",
        "importance": "0.8", "force": "false", "at": "yesterday",
        "links": "[\"file:src/a.rs\", \"commit:0123ABC\", \"task:t-0a1b2c\"]" });
    let kept = ask(&mut server, "remember", new).await;
    let recalled = ask(&mut server, "recall", json!({ "query": "logs" })).await;
    let hit = &recalled["hits"][0];
    assert_eq!(hit["id"], kept["id"], "{recalled:#}");
    assert_eq!(
        (&hit["kind"], &hit["tags"]),
        (&json!("how_to"), &json!(["log-files"]))
    );
    let mut links: Vec<&str> = hit["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    links.sort_unstable();
    assert_eq!(links, ["0123abc", "src/a.rs", "t-0a1b2c"]);
    let items = json!({ "items": ["Backups leave at noon", { "content": "Builds run on Linux" }],
        "tags": ["ops", 2026] });
    let several = ask(&mut server, "remember", items).await;
    assert_eq!(
        several["entries"].as_array().unwrap().len(),
        2,
        "{several:#}"
    );
    for about in [
        "src/a.rs",
        "file:src",
        "0123abc",
        "commit:0123abcdef",
        "t-0a1b2c",
        "task:T-0A1B2C",
    ] {
        let query = json!({ "query": "", "about": about });
        let recalled = ask(&mut server, "recall", query).await;
        assert_eq!(
            recalled["hits"][0]["id"], kept["id"],
            "{about}: {recalled:#}"
        );
    }
    let nearly = json!({ "query": "logs", "also": "files", "kind": ["How-To", "mistake"], "tags": "log-files",
        "limit": "3", "include_superseded": "yes" });
    let recalled = ask(&mut server, "recall", nearly).await;
    assert_eq!(recalled["hits"][0]["id"], kept["id"], "{recalled:#}");
    let forget = json!({ "id": [kept["id"]], "why": "no longer so" });
    let forgotten = ask(&mut server, "forget", forget).await;
    assert_eq!(forgotten["id"], kept["id"]);
    server.leave().await;
}

#[tokio::test]
async fn a_refusal_names_what_is_wrong_and_the_way_on() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let saying = |text: &str| json!({ "text": text });
    for (arguments, parts) in [
        (
            saying("right now the tests fail"),
            ["`text` is not kept", "use a task"],
        ),
        (
            saying("TODO: rename the module"),
            ["`text` is not kept", "use a task"],
        ),
        (saying("done"), ["`text` is not kept", "use a task"]),
        (
            saying("| password | hunter2 |"),
            ["a password", "say where that is kept"],
        ),
        (
            json!({ "text": "x", "links": ["https://ann:pw@example.com/x?token=abc"] }),
            [
                "`links` holds \"https://example.com/…\", which is an address",
                "a link is a path",
            ],
        ),
        (
            json!({ "text": "x", "scope": "global" }),
            ["`scope` is \"global\"", "project, user or agent:"],
        ),
        (
            json!({ "text": "x", "importance": "high" }),
            ["`importance` must be a number", "not \"high\""],
        ),
        (
            json!({ "items": ["Walls are green", { "text": "y", "importance": "2" }] }),
            ["`items[1].importance` is 2", "from 0 to 1"],
        ),
    ] {
        let refused = refusal(&mut server, "remember", arguments).await;
        for part in parts {
            assert!(refused.contains(part), "{refused}");
        }
        assert!(refused.lines().count() <= 3, "{refused}");
        assert!(
            !refused.contains("hunter2") && !refused.contains("token=abc"),
            "{refused}"
        );
    }
    let recalled = ask(&mut server, "recall", json!({ "query": "green walls" })).await;
    assert_eq!(recalled["hits"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn what_was_left_out_of_a_text_is_told() {
    let home = Home::new().env("SHOP_API_KEY", "correct horse battery");
    let mut server = session(&home, "one").await;
    let new = json!({ "items": ["The vault answers correct horse battery", "The door is blue"] });
    let kept = ask(&mut server, "remember", new).await;
    let note = kept["entries"][0]["note"].as_str().unwrap();
    assert!(
        note.contains("SHOP_API_KEY") && !note.contains("horse"),
        "{note}"
    );
    assert_eq!(kept["entries"][1]["note"], Value::Null);
    let add = [
        "memory",
        "add",
        "The safe answers correct horse battery",
        "--link",
        "file:src",
    ];
    let (code, out, _) = home.run(&add).await;
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("SHOP_API_KEY") && !out.contains("horse"),
        "{out}"
    );
    let (code, _, err) = home
        .run(&["memory", "add", "x", "--link", "http://a.b/c"])
        .await;
    assert_ne!(code, 0);
    assert!(
        err.contains("`links` holds \"http://a.b/…\", which is an address"),
        "{err}"
    );
    server.leave().await;
}
