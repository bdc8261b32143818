//! What nested agents spend is taken from those above, before and while they spend it.

use serde_json::{Value, json};

use super::{inside, lead, world};
use crate::support::Home;

/// Spends what its prompt says, in dollars, when the file `pay` is there, and stays.
const SPEND: &str = "hear; turn; amount=$said; echo there >> there; wait_for pay; usage 1000 $amount; \
                     turn; listen_for END; result spent";

fn with_spenders(settings: &str) -> Home {
    world(settings).line_script("spend", SPEND)
}

fn spender(amount: &str, max_cost_usd: Option<f64>) -> Value {
    let mut arguments = json!({ "prompt": amount, "provider": "spend" });
    if let Some(usd) = max_cost_usd {
        arguments["max_cost_usd"] = json!(usd);
    }
    arguments
}

#[tokio::test]
async fn what_is_left_is_claimed_before_it_is_spent() {
    let home = with_spenders("");
    let mut server = home.server().await;
    let (top, mut inner) = lead(&home, &mut server, json!({ "max_cost_usd": 1.0 })).await;
    let granted = |spawned: Value| spawned["granted"]["max_cost_usd"].as_f64().unwrap();
    let spawned = inner.call("spawn_agent", spender("0.1", None)).await;
    assert_eq!(granted(spawned.unwrap()), 0.5);
    let refusal = inner
        .call("spawn_agent", spender("0.1", Some(0.6)))
        .await
        .unwrap_err();
    assert!(
        refusal.starts_with("`max_cost_usd` 0.6 is more than what is left")
            && refusal.contains("(0.5)"),
        "{refusal}"
    );
    // Two that insist on all of it, at once and in two processes.
    let mut other = inside(&home, &top).await;
    let last = spender("0.1", Some(0.5));
    let one = inner.call_later("spawn_agent", last.clone()).await;
    let two = other.call_later("spawn_agent", last).await;
    let outcomes = [one.outcome().await, two.outcome().await];
    let got = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(got, 1, "{outcomes:#?}");
    let refusal = inner
        .call("spawn_agent", spender("0.1", None))
        .await
        .unwrap_err();
    assert!(
        refusal.starts_with("nothing is left of `max_cost_usd`"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_group_shares_what_is_left_evenly() {
    let home = with_spenders("");
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({ "max_cost_usd": 1.0 })).await;
    let group = json!({ "prompt": "x", "provider": "echo", "permission": "read_only", "n": 3 });
    let spawned = inner.call("spawn_agent", group).await.unwrap();
    let agents = spawned["agents"].as_array().unwrap();
    let granted: Vec<&Value> = agents
        .iter()
        .map(|agent| &agent["granted"]["max_cost_usd"])
        .collect();
    assert_eq!(granted, [0.25, 0.25, 0.25], "{spawned:#}");
    let ids = json!({ "ids": [spawned["group"]] });
    let refusal = server.call("wait_agents", ids.clone()).await;
    assert!(refusal.is_ok(), "the host sees all: {refusal:?}");
    inner.call("wait_agents", ids).await.unwrap();
}

#[tokio::test]
async fn a_parent_is_cut_off_by_what_its_agents_spend() {
    let home = with_spenders("");
    let mut server = home.server().await;
    let (top, mut inner) = lead(&home, &mut server, json!({ "max_cost_usd": 1.0 })).await;
    // A script holds no limit by itself until ostler sees what it has spent.
    let below = inner.spawn(spender("1.2", Some(1.0))).await;
    home.written("there", 1).await;
    home.touch("pay");
    let done = server.wait(&[&top]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("max_cost_usd")),
        "{done:#}"
    );
    assert_eq!(done["cost_usd"], Value::Null, "its own usage stays its own");
    let nested = &server.evidence(&top).await["nested"];
    assert_eq!(
        nested,
        &json!({ "agents": 1, "tokens": 1000, "cost_usd": 1.2 })
    );
    let below = server.brief(&below).await;
    assert!(
        matches!(below["status"].as_str(), Some("aborted" | "stopped")),
        "{below:#}"
    );
}

#[tokio::test]
async fn a_parent_is_told_to_wrap_up_when_its_agents_have_spent_most_of_it() {
    let home = with_spenders("");
    let mut server = home.server().await;
    let (top, mut inner) = lead(&home, &mut server, json!({ "max_cost_usd": 1.0 })).await;
    inner.spawn(spender("0.85", Some(1.0))).await;
    home.written("there", 1).await;
    home.touch("pay");
    let told = home.written("heard", 1).await;
    assert!(told[0].contains("`max_cost_usd`"), "{told:?}");
    server
        .call("steer_agent", json!({ "id": top, "message": "END" }))
        .await
        .unwrap();
    let done = server.wait(&[&top]).await.remove(0);
    assert_eq!(done["status"], "steered", "{done:#}");
}
