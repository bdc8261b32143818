//! Claims over several server processes: each task goes to one session, and comes back when that
//! session is gone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ask, create_one, session};
use crate::support::Home;
use crate::support::mcp::{McpClient, Pending};

const SERVERS: usize = 4;
/// Calls of a server that are under way at the same time.
const CALLERS: usize = 8;
const TASKS: usize = 2000;
/// Nothing that is waited for here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Claims until nothing is ready, with eight calls under way; what was claimed.
async fn claim_all(mut server: McpClient) -> (McpClient, Vec<(String, i64)>) {
    let mut claimed = Vec::new();
    let mut open: Vec<Pending> = Vec::new();
    let mut is_over = false;
    loop {
        while !is_over && open.len() < CALLERS {
            open.push(server.call_later("claim_task", json!({})).await);
        }
        if open.is_empty() {
            return (server, claimed);
        }
        match open.remove(0).outcome().await {
            Ok(task) => {
                let id = task["id"].as_str().unwrap().to_owned();
                claimed.push((id, task["fence"].as_i64().unwrap()));
            }
            Err(told) => {
                assert!(told.starts_with("no task is ready"), "{told}");
                is_over = true;
            }
        }
    }
}

/// Asks a server for a task until it satisfies `predicate`.
async fn until(server: &mut McpClient, id: &str, predicate: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let listing = json!({ "view": "all", "query": id });
        let listed = ask(server, "list_tasks", listing).await;
        let line = &listed["items"][0];
        assert_eq!(line["id"], id, "{listed:#}");
        if predicate(line) {
            return line.clone();
        }
        assert!(Instant::now() < deadline, "never came true: {line:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn four_servers_claim_every_task_once() {
    let home = Home::new();
    let mut first = session(&home, "s0").await;
    for batch in 0..TASKS / 500 {
        let tasks: Vec<Value> = (0..500)
            .map(|n| json!({ "title": format!("task {batch}-{n}"), "priority": n % 5 }))
            .collect();
        ask(&mut first, "create_tasks", json!({ "tasks": tasks })).await;
    }
    let mut claiming = vec![tokio::spawn(claim_all(first))];
    for n in 1..SERVERS {
        let server = session(&home, &format!("s{n}")).await;
        claiming.push(tokio::spawn(claim_all(server)));
    }
    let (mut servers, mut claimed) = (Vec::new(), HashMap::new());
    for (n, claims) in claiming.into_iter().enumerate() {
        let (server, claims) = claims.await.unwrap();
        for (id, fence) in claims {
            assert_eq!(fence, 1, "{id} was claimed before");
            let before = claimed.insert(id.clone(), n);
            assert_eq!(before, None, "{id} was claimed by {n} as well");
        }
        servers.push(server);
    }
    assert_eq!(claimed.len(), TASKS, "none is lost");
    let holders: HashMap<String, i64> = held(&home).await;
    assert_eq!(holders.values().sum::<i64>(), TASKS as i64);
    for n in 0..SERVERS {
        let count = claimed.values().filter(|holder| **holder == n).count();
        let held = holders.get(&format!("session:s{n}")).copied();
        assert_eq!(held.unwrap_or_default(), count as i64, "s{n}");
    }
    for server in servers {
        server.leave().await;
    }
}

/// How many tasks each holder has, as the state has it.
async fn held(home: &Home) -> HashMap<String, i64> {
    let mut store = home.store().await;
    let sql = "SELECT holder, count(*) FROM task WHERE status = 'in_progress' GROUP BY holder";
    let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut store).await.unwrap();
    rows.into_iter().collect()
}

#[tokio::test]
async fn a_session_that_was_nothing_but_a_process_leaves_its_claims_when_that_is_killed() {
    let home = Home::new();
    let mut lost = home.server().await;
    let mut other = home.server().await;
    let id = create_one(&mut lost, "the only one").await;
    let claimed = ask(&mut lost, "claim_task", json!({})).await;
    assert_eq!(claimed["id"], *id);
    lost.kill().await;

    // The lease would have run for half an hour.
    until(&mut other, &id, |line| line["status"] == "ready").await;
    let task = ask(&mut other, "get_task", json!({ "id": id })).await;
    let last = task["notes"].as_array().unwrap().last().unwrap();
    assert_eq!(last["kind"], "released", "{task:#}");
    assert!(
        last["text"].as_str().unwrap().ends_with(" is over"),
        "{last:#}"
    );
    let claimed = ask(&mut other, "claim_task", json!({})).await;
    assert_eq!((&claimed["id"], &claimed["fence"]), (&json!(id), &json!(2)));
    other.leave().await;
}

#[tokio::test]
async fn a_session_that_comes_back_has_its_claims_still() {
    let home = Home::new();
    let mut lasting = session(&home, "lasting").await;
    let id = create_one(&mut lasting, "the only one").await;
    let fence = ask(&mut lasting, "claim_task", json!({})).await["fence"].clone();
    lasting.kill().await;

    let mut other = session(&home, "other").await;
    let told = other.call("claim_task", json!({ "id": id })).await;
    let told = told.unwrap_err();
    assert!(
        told.starts_with(&format!("{id} is held by session:lasting")),
        "{told}"
    );

    let mut back = session(&home, "lasting").await;
    let open = ask(&mut back, "catch_up", json!({})).await;
    let line = format!("{id} \"the only one\" fence {fence}");
    assert_eq!(open["claims"], json!([line]));
    let close = json!({ "id": id, "fence": fence });
    ask(&mut back, "close_task", close).await;
    back.leave().await;
    other.leave().await;
}

#[tokio::test]
async fn a_lease_that_nobody_renews_runs_out_and_its_fence_is_refused() {
    let home = Home::new();
    let mut slow = session(&home, "slow").await;
    let mut other = session(&home, "other").await;
    let id = create_one(&mut slow, "the only one").await;
    let claim = json!({ "id": id, "lease_s": 1 });
    let first = ask(&mut slow, "claim_task", claim).await;
    until(&mut other, &id, |line| line["status"] == "ready").await;
    let second = ask(&mut other, "claim_task", json!({ "id": id })).await;
    assert_eq!((&first["fence"], &second["fence"]), (&json!(1), &json!(2)));

    let expected = format!(
        "the claim 1 of {id} is over; it is held by session:other now\n\
         claim the task again before you go on with it"
    );
    for (tool, arguments) in [
        ("update_task", json!({ "title": "mine" })),
        ("update_task", json!({ "status": "open" })),
        ("close_task", json!({})),
    ] {
        let mut arguments = arguments;
        arguments["id"] = json!(id);
        arguments["fence"] = first["fence"].clone();
        assert_eq!(slow.call(tool, arguments).await.unwrap_err(), expected);
    }
    let close = json!({ "id": id, "fence": second["fence"] });
    ask(&mut other, "close_task", close).await;
    slow.leave().await;
    other.leave().await;
}

/// A script that works until it is stopped.
const SLEEPER: &str = "exec sleep 600";

/// Until when a task is held, once that is no longer `before`.
async fn renewed(server: &mut McpClient, id: &str, before: &Value) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let task = ask(server, "get_task", json!({ "id": id })).await;
        let until = &task["claim"]["until"];
        if until != before {
            return until.clone();
        }
        assert!(Instant::now() < deadline, "never renewed: {task:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_call_renews_a_lease_and_so_does_one_that_lasts() {
    let home = Home::new().script("sleeper", SLEEPER);
    let mut server = session(&home, "one").await;
    let mut other = session(&home, "two").await;
    let id = create_one(&mut server, "the only one").await;
    let claim = json!({ "id": id, "lease_s": 8 });
    let until = ask(&mut server, "claim_task", claim).await["until"].clone();
    // A quarter of a lease goes before it is worth a change.
    let agent = json!({ "prompt": "x", "provider": "sleeper" });
    let agent = server.spawn(agent).await;
    server
        .until(&agent, |agent| agent["elapsed_s"].as_i64() >= Some(2))
        .await;
    let until = renewed(&mut other, &id, &until).await;
    assert!(until.is_string(), "it is held: {until}");

    let waiting = json!({ "ids": [agent], "timeout_s": 100 });
    let mut waiting = server.call_later("wait_agents", waiting).await;
    let until = renewed(&mut other, &id, &until).await;
    assert!(until.is_string(), "it is held: {until}");
    assert!(waiting.is_open(), "the wait was over");
    ask(&mut server, "stop_agents", json!({ "ids": [agent] })).await;
    waiting.outcome().await.unwrap();
    server.leave().await;
    other.leave().await;
}
