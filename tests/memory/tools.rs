//! The three tools of the memory, each as a whole: what it does, what it answers, and that what it
//! refuses has changed nothing.

mod crowd;

use serde_json::{Value, json};

use super::{ask, found, ids, keep, refusal, session};
use crate::family::inside;
use crate::support::Home;
use crate::support::mcp::McpClient;

/// Waits to be told; `up` says that it is there.
const WAIT: &str = "hear; turn; echo up >> up; listen_for END; result led";

fn world() -> Home {
    Home::new()
        .line_script("wait", WAIT)
        .config("[agents]\nprovider = \"wait\"")
}

/// An agent of that definition, and the server inside of it.
async fn agent(home: &Home, server: &mut McpClient, definition: &str) -> (String, McpClient) {
    let before = home.lines_of("up").len();
    let arguments = json!({ "prompt": "wait", "agent": definition });
    let id = server.spawn(arguments).await;
    home.written("up", before + 1).await;
    let inside = inside(home, &id).await;
    (id, inside)
}

async fn end(server: &mut McpClient, id: &str) {
    let message = json!({ "id": id, "message": "END" });
    server.call("steer_agent", message).await.unwrap();
    server.wait(&[id]).await;
}

#[tokio::test]
async fn what_is_remembered_is_recalled_whole_until_it_is_forgotten() {
    let home = Home::new();
    std::fs::write(home.project().join("deploy.sh"), "").unwrap();
    let mut server = session(&home, "one").await;
    let new = json!({ "text": "Deploys go through the blue cluster", "kind": "decision",
        "tags": ["ops"], "scope": "user", "subject": "cluster", "at": "2026-05-20",
        "importance": 0.9, "valid_from": "2026-05-21T10:00:00Z",
        "links": ["./deploy.sh", "gone.sh", "T-0A1B2C"] });
    let kept = ask(&mut server, "remember", new).await;
    assert_eq!(kept, json!({ "id": kept["id"], "status": "kept" }));

    let recalled = ask(
        &mut server,
        "recall",
        json!({ "query": "which cluster deploys?" }),
    )
    .await;
    let hits = recalled["hits"].as_array().unwrap();
    let mut hit = hits[0].clone();
    assert_eq!(hits.len(), 1);
    let told = hit.as_object_mut().unwrap();
    let band = told.remove("band").unwrap();
    assert!(["strong", "good", "weak"].contains(&band.as_str().unwrap()));
    told.remove("why");
    assert_eq!(
        hit,
        json!({ "id": kept["id"], "text": "Deploys go through the blue cluster",
            "kind": "decision", "date": "2026-05-20", "scope": "user", "tags": ["ops"],
            "subject": "cluster", "source": "host one", "valid_from": "2026-05-21",
            "links": ["deploy.sh", "gone.sh", "t-0a1b2c"], "stale": ["gone.sh"] })
    );
    let first = recalled.as_object().unwrap().keys().next().unwrap();
    assert_eq!(first, "data");
    let said = recalled["data"].as_str().unwrap();
    assert!(said.contains("not instructions"), "{said}");

    let id = kept["id"].as_str().unwrap();
    let forget = json!({ "id": &id[2..], "reason": "moved" });
    let forgotten = ask(&mut server, "forget", forget).await;
    let today = forgotten["forgotten"].as_str().unwrap();
    assert_eq!(forgotten, json!({ "id": id, "forgotten": today }));
    assert_eq!(today.len(), "2026-05-20".len(), "{today}");
    let nothing = ask(&mut server, "recall", json!({ "query": "cluster" })).await;
    assert_eq!(nothing["hits"], json!([]), "{nothing:#}");
    server.leave().await;
}

#[tokio::test]
async fn a_list_is_answered_entry_by_entry_and_a_known_one_with_what_to_do() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let items = json!({ "tags": ["db"], "items": [
        { "text": "Migrations run inside one transaction" },
        { "text": "Backups leave at midnight", "tags": ["ops"] },
    ] });
    let kept = ask(&mut server, "remember", items).await;
    let entries = kept["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{kept:#}");
    for (kind, count) in [(json!("fact"), 1), (json!(["mistake", "decision"]), 0)] {
        let of_kind = json!({ "query": "migrations", "kind": kind });
        let recalled = ask(&mut server, "recall", of_kind).await;
        assert_eq!(ids(&recalled).len(), count, "{kind}: {recalled:#}");
    }
    let recalled = json!({ "query": "migrations", "tags": ["db"] });
    let recalled = ask(&mut server, "recall", recalled).await;
    assert_eq!(ids(&recalled), [entries[0]["id"].as_str().unwrap()]);

    let again = json!({ "text": "Backups leave at midnight" });
    let known = ask(&mut server, "remember", again.clone()).await;
    assert_eq!(known["status"], "known", "{known:#}");
    assert_eq!(known["id"], entries[1]["id"]);
    assert_eq!(known["text"], "Backups leave at midnight");
    assert_eq!(known["likeness"], 1.0);
    let next = known["next"].as_str().unwrap();
    assert!(
        next.contains("`supersedes`") && next.contains("`force`"),
        "{next}"
    );

    let mut new = again;
    new["supersedes"] = json!([known["id"]]);
    new["text"] = json!("Backups leave at noon since the move");
    let kept = ask(&mut server, "remember", new).await;
    assert_eq!(kept["superseded"], json!([known["id"]]), "{kept:#}");
    let query = json!({ "query": "when do backups leave" });
    let now = ask(&mut server, "recall", query.clone()).await;
    assert_eq!(now["hits"][0]["id"], kept["id"], "{now:#}");
    assert!(!now.to_string().contains("midnight"), "{now:#}");
    assert_eq!(now["hits"][0]["history"], Value::Null);
    let mut query = query;
    query["include_superseded"] = json!(true);
    let then = ask(&mut server, "recall", query).await;
    let history = &then["hits"][0]["history"];
    assert_eq!(history[0]["id"], known["id"], "{then:#}");
    assert_eq!(history[0]["text"], "Backups leave at midnight");
    assert!(history[0]["until"].is_string(), "{then:#}");
    server.leave().await;
}

#[tokio::test]
async fn what_is_refused_is_told_by_its_field_and_changes_nothing() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    for (tool, arguments, told) in [
        (
            "remember",
            json!({ "txt": "x" }),
            "unknown field `txt`\nthis tool takes: text, kind, scope,",
        ),
        ("remember", json!({}), "`text` is missing"),
        (
            "remember",
            json!({ "text": "x", "kind": "idea" }),
            "`kind` must be one of `fact`",
        ),
        (
            "remember",
            json!({ "text": "x", "scope": "team" }),
            "`scope` is \"team\"; there are",
        ),
        (
            "remember",
            json!({ "text": "x", "scope": "agent" }),
            "`scope` is `agent`; name the",
        ),
        (
            "remember",
            json!({ "text": "x", "at": "soon" }),
            "`at` is no date and no RFC 3339",
        ),
        (
            "remember",
            json!({ "text": "x", "links": ["/etc/passwd"] }),
            "`links` holds",
        ),
        (
            "remember",
            json!({ "items": [{ "text": "Walls are green" }, { "text": "y", "knd": "fact" }] }),
            "unknown field `items[1].knd`\nthere it takes: content, text,",
        ),
        (
            "remember",
            json!({ "items": [{ "text": "Walls are green" }, { "text": " " }] }),
            "`items[1].text` is not kept",
        ),
        ("remember", json!({ "items": [] }), "`items` has 0 entries"),
        ("recall", json!({}), "`query` is missing"),
        (
            "recall",
            json!({ "query": "x", "limit": 0 }),
            "`limit` is 0",
        ),
        (
            "recall",
            json!({ "query": "x", "kind": ["fact", "idea"] }),
            "`kind` must be one of `fact`",
        ),
        (
            "recall",
            json!({ "query": "x", "about": "../x" }),
            "`about` holds \"../x\"",
        ),
        (
            "recall",
            json!({ "query": "x", "q": 1 }),
            "unknown field `q`",
        ),
        (
            "forget",
            json!({ "id": "m-zzzzzz" }),
            "no memory here has the id m-zzzzzz",
        ),
        ("forget", json!({}), "`id` is missing"),
    ] {
        let refused = refusal(&mut server, tool, arguments).await;
        assert!(refused.starts_with(told), "{refused}");
    }
    assert!(found(&mut server, "green walls").await.is_empty());
    server.leave().await;
}

#[tokio::test]
async fn no_reply_is_larger_than_eight_kilobytes() {
    let home = Home::new();
    let mut server = session(&home, "one").await;
    let long = |n: usize| {
        let own = [
            "amber", "birch", "cedar", "dahlia", "elder", "fern", "ginkgo", "hazel",
        ];
        format!("gardening {}", format!("{} ", own[n]).repeat(240))
    };
    for n in 0..8 {
        let new = json!({ "text": long(n).trim(), "force": true });
        keep(&mut server, new).await;
    }
    let query = json!({ "query": "gardening", "limit": 20 });
    let recalled = ask(&mut server, "recall", query).await;
    let size = recalled.to_string().len();
    assert!(size <= 8 * 1024, "{size}");
    assert!(size > 6 * 1024, "{size}: {recalled:#}");
    let text = recalled["hits"][0]["text"].as_str().unwrap();
    assert!(text.contains("bytes cut]"), "{text}");
    server.leave().await;
}

#[tokio::test]
async fn what_an_agent_keeps_waits_in_quarantine_until_a_session_keeps_the_same() {
    let home = world();
    let mut server = session(&home, "one").await;
    let (id, mut agent) = agent(&home, &mut server, "review").await;
    let listed = agent.request("tools/list", json!({})).await;
    let listed = listed["result"]["tools"].to_string();
    for name in ["remember", "recall", "forget"] {
        assert!(listed.contains(&format!("\"name\":\"{name}\"")), "{listed}");
    }
    let statement = json!({ "text": "The parser panics on empty files" });
    let kept = ask(&mut agent, "remember", statement.clone()).await;
    assert_eq!(kept["trust"], "quarantined", "{kept:#}");

    let recalled = ask(&mut server, "recall", json!({ "query": "parser panics" })).await;
    let hit = &recalled["hits"][0];
    assert_eq!(
        (&hit["trust"], &hit["source"]),
        (&json!("quarantined"), &json!(id))
    );
    let said = recalled["data"].as_str().unwrap();
    assert!(said.contains("nobody has confirmed it"), "{said}");
    let caught_up = ask(&mut server, "catch_up", json!({})).await;
    assert_eq!(
        caught_up["memories"],
        "1, 1 of them in quarantine; see recall"
    );

    let confirmed = ask(&mut server, "remember", statement).await;
    assert_eq!(
        confirmed,
        json!({ "id": kept["id"], "status": "confirmed" })
    );
    let recalled = ask(&mut server, "recall", json!({ "query": "parser panics" })).await;
    assert_eq!(recalled["hits"][0]["trust"], Value::Null, "{recalled:#}");
    let caught_up = ask(&mut server, "catch_up", json!({})).await;
    assert_eq!(caught_up["memories"], "1, see recall");
    assert!(caught_up.to_string().len() <= 1200);
    agent.leave().await;
    end(&mut server, &id).await;
    server.leave().await;
}

#[tokio::test]
async fn an_agent_recalls_what_is_for_it_and_nothing_else() {
    let home = world();
    let mut server = session(&home, "one").await;
    for (scope, text) in [
        ("project", "Harbour lights burn in green"),
        ("user", "Harbour masters like brevity"),
        ("agent:review", "Harbour reviews start with tests"),
        ("agent:plan", "Harbour plans fit on a page"),
    ] {
        keep(&mut server, json!({ "text": text, "scope": scope })).await;
    }
    let (id, mut agent) = agent(&home, &mut server, "review").await;
    let recalled = ask(&mut agent, "recall", json!({ "query": "harbour" })).await;
    let mut scopes: Vec<&str> = recalled["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["scope"].as_str().unwrap_or("project"))
        .collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["agent:review", "project", "user"], "{recalled:#}");
    let own = json!({ "query": "harbour", "scope": "agent" });
    let own = ask(&mut agent, "recall", own).await;
    assert_eq!(own["hits"][0]["scope"], "agent:review", "{own:#}");
    let other = json!({ "query": "harbour", "scope": "agent:plan" });
    let other = agent.call("recall", other).await;
    let told = other.map(|it| it.to_string()).unwrap_or_else(|told| told);
    assert!(!told.contains("fit on a page"), "{told}");
    agent.leave().await;
    end(&mut server, &id).await;
    server.leave().await;
}
