//! Waiting for agents: who is waited for, when it is over, and that each result is handed out once.

use serde_json::{Value, json};

use crate::support::Home;

/// Ends when the file that its prompt names is there.
const PATIENT: &str = "name=$(cat); echo \"$name\" >> started; wait_for \"$name\"; echo \"$name\"";

fn world() -> Home {
    Home::new()
        .script("patient", PATIENT)
        .config("[agents]\nprovider = \"patient\"")
}

fn ids_of(agents: &Value) -> Vec<&str> {
    agents
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn any_returns_with_the_first_and_all_with_the_last() {
    let home = world();
    let mut server = home.server().await;
    let one = server.spawn(json!({ "prompt": "one" })).await;
    let two = server.spawn(json!({ "prompt": "two" })).await;
    let ids = [one.as_str(), two.as_str()];
    let any = server
        .call_later("wait_agents", json!({ "ids": ids, "mode": "any" }))
        .await;
    home.touch("two");
    let waited = any.outcome().await.unwrap();
    assert_eq!(ids_of(&waited["done"]), [two.as_str()]);
    assert_eq!(ids_of(&waited["running"]), [one.as_str()]);
    assert_eq!(waited["timed_out"], Value::Null);
    let all = server
        .call_later("wait_agents", json!({ "ids": ids, "mode": "all" }))
        .await;
    home.touch("one");
    let waited = all.outcome().await.unwrap();
    assert_eq!(ids_of(&waited["done"]), [one.as_str(), two.as_str()]);
    assert_eq!(waited["done"][0]["result"], "one");
    assert_eq!(waited["running"], json!([]));
}

#[tokio::test]
async fn each_result_is_handed_out_once() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "one" })).await;
    home.touch("one");
    let first = server.wait(&[&id]).await.remove(0);
    assert_eq!(first["result"], "one");
    assert_eq!(first["delivered_before"], Value::Null);
    let second = server.wait(&[&id]).await.remove(0);
    assert_eq!(second["delivered_before"], true, "{second:#}");
    assert_eq!(second["result"], Value::Null);
    assert_eq!(second["status"], "completed");
}

#[tokio::test]
async fn any_does_not_return_at_once_for_a_result_that_was_handed_out_before() {
    let home = world();
    let mut server = home.server().await;
    let one = server.spawn(json!({ "prompt": "one" })).await;
    let two = server.spawn(json!({ "prompt": "two" })).await;
    home.touch("one");
    server.wait(&[&one]).await;
    let any = json!({ "ids": [one, two], "mode": "any", "timeout_s": 1 });
    let waited = server.call("wait_agents", any.clone()).await.unwrap();
    assert_eq!(waited["timed_out"], true, "{waited:#}");
    home.touch("two");
    let waited = server.call("wait_agents", any).await.unwrap();
    assert_eq!(waited["timed_out"], Value::Null);
    assert!(
        ids_of(&waited["done"]).contains(&two.as_str()),
        "{waited:#}"
    );
}

#[tokio::test]
async fn without_ids_the_live_and_the_unread_of_this_session_are_waited_for() {
    let home = world();
    let (mut server, mut other) = (home.server().await, home.server().await);
    let foreign = other.spawn(json!({ "prompt": "foreign" })).await;
    let read = server.spawn(json!({ "prompt": "read" })).await;
    home.touch("read");
    server.wait(&[&read]).await;
    let unread = server.spawn(json!({ "prompt": "unread" })).await;
    home.touch("unread");
    server
        .until(&unread, |brief| brief["status"] == "completed")
        .await;
    let live = server.spawn(json!({ "prompt": "live" })).await;
    home.touch("live");
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(ids_of(&waited["done"]), [unread.as_str(), live.as_str()]);
    assert_eq!(waited["running"], json!([]));
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(waited["done"], json!([]));
    assert!(
        waited["next"].as_str().unwrap().contains("no agents"),
        "{waited:#}"
    );
    home.touch("foreign");
    other.wait(&[&foreign]).await;
}

#[tokio::test]
async fn when_time_is_up_it_says_who_still_runs() {
    let home = world();
    let mut server = home.server().await;
    let one = server.spawn(json!({ "prompt": "one" })).await;
    let two = server.spawn(json!({ "prompt": "two" })).await;
    home.touch("one");
    server
        .until(&one, |brief| brief["status"] == "completed")
        .await;
    let waited = server
        .call("wait_agents", json!({ "timeout_s": 1 }))
        .await
        .unwrap();
    assert_eq!(waited["timed_out"], true, "{waited:#}");
    assert_eq!(ids_of(&waited["done"]), [one.as_str()]);
    assert_eq!(ids_of(&waited["running"]), [two.as_str()]);
    assert!(
        waited["next"]
            .as_str()
            .unwrap()
            .contains("wait_agents again")
    );
    home.touch("two");
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(
        ids_of(&waited["done"]),
        [two.as_str()],
        "the first was handed out"
    );
}

#[tokio::test]
async fn a_wait_of_no_time_only_looks() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "one" })).await;
    let waited = server
        .call("wait_agents", json!({ "timeout_s": 0 }))
        .await
        .unwrap();
    assert_eq!(waited["timed_out"], true);
    assert_eq!(ids_of(&waited["running"]), [id.as_str()]);
    let refusal = server
        .call("wait_agents", json!({ "timeout_s": 281 }))
        .await
        .unwrap_err();
    assert!(refusal.contains("`timeout_s` is 281"), "{refusal}");
    home.touch("one");
    server.wait(&[&id]).await;
}

#[tokio::test]
async fn a_cancelled_wait_leaves_the_agent_running_and_its_result_unread() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "one" })).await;
    home.written("started", 1).await;
    let wait = server
        .call_later("wait_agents", json!({ "ids": [id] }))
        .await;
    let cancel = json!({ "requestId": wait.id, "reason": "changed my mind" });
    server.notify("notifications/cancelled", cancel).await;
    // The server has seen the cancellation when it answers what came after it.
    assert_eq!(server.brief(&id).await["status"], "running");
    home.touch("one");
    let brief = server
        .until(&id, |brief| brief["status"] == "completed")
        .await;
    assert_eq!(brief["unread"], true, "{brief:#}");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["result"], "one");
    assert_eq!(done["delivered_before"], Value::Null);
}

#[tokio::test]
async fn two_waits_at_once_hand_out_the_text_once() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "one" })).await;
    let first = server
        .call_later("wait_agents", json!({ "ids": [id] }))
        .await;
    let second = server
        .call_later("wait_agents", json!({ "ids": [id] }))
        .await;
    home.touch("one");
    let texts: Vec<Value> = [
        first.outcome().await.unwrap(),
        second.outcome().await.unwrap(),
    ]
    .iter()
    .map(|waited| waited["done"][0]["result"].clone())
    .collect();
    assert_eq!(
        texts.iter().filter(|text| **text == "one").count(),
        1,
        "{texts:?}"
    );
}

#[tokio::test]
async fn an_agent_of_another_server_can_be_waited_for() {
    let home = world();
    let (mut owner, mut other) = (home.server().await, home.server().await);
    let id = owner.spawn(json!({ "prompt": "one" })).await;
    let wait = other
        .call_later("wait_agents", json!({ "ids": [id] }))
        .await;
    home.touch("one");
    let waited = wait.outcome().await.unwrap();
    assert_eq!(waited["done"][0]["result"], "one", "{waited:#}");
}

#[tokio::test]
async fn ids_that_cannot_be_are_named() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "one" })).await;
    let refusal = server
        .call("wait_agents", json!({ "ids": ["nonsense"] }))
        .await
        .unwrap_err();
    assert!(refusal.contains("nonsense"), "{refusal}");
    let mut mistyped = id.clone();
    mistyped.pop();
    mistyped.push(if id.ends_with('a') { 'b' } else { 'a' });
    let refusal = server
        .call("wait_agents", json!({ "ids": [mistyped] }))
        .await
        .unwrap_err();
    assert!(refusal.contains(&format!("did you mean {id}")), "{refusal}");
    home.touch("one");
    server.wait(&[&id]).await;
}
