//! From spawn to start: the limiter, its order, and that it holds over processes.

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, until};

/// Takes one of two places, says so, and works until the test lets it go.
const WORK: &str = r#"
name=$(cat)
if mkdir place-1 2>/dev/null; then place=place-1
elif mkdir place-2 2>/dev/null; then place=place-2
else place=none; echo "$name" >> without-place
fi
echo "$name" >> started
wait_for "go-$name"
rmdir "$place"
echo "$name" >> ended
echo "$name is done"
"#;

fn workshop() -> Home {
    Home::new()
        .config("[agents]\nmax_concurrent = 2\nprovider = \"work\"")
        .script("work", WORK)
}

async fn with_status(server: &mut McpClient, status: &str) -> Vec<String> {
    let listed = server
        .call("list_agents", json!({ "status": status }))
        .await
        .unwrap();
    let mut labels: Vec<String> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["label"].as_str().unwrap().to_owned())
        .collect();
    labels.sort();
    labels
}

#[tokio::test]
async fn an_agent_is_spawned_waited_for_and_read() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "Say this.", "provider": "echo", "label": "parrot" });
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    let id = spawned["id"].as_str().unwrap().to_owned();
    assert_eq!(spawned["status"], "queued");
    assert_eq!(spawned["run_no"], 1);
    assert_eq!(spawned["provider"], "echo");
    assert_eq!(spawned["queued_behind"], Value::Null);
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["label"], "parrot");
    assert_eq!(done["result"], "Say this.");
    assert_eq!(done["result_from"], "final");
    let read = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(read["result"], "Say this.");
    assert_eq!(read["unread"], Value::Null);
    assert_eq!(server.not_json(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_script_cannot_enforce_is_told_at_spawn() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "provider": "echo", "permission": "read_only" });
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    let held_by_nobody = [
        "permission read_only",
        "max_turns",
        "max_tool_calls",
        "max_cost_usd",
    ];
    assert_eq!(spawned["not_enforced"], json!(held_by_nobody));
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
}

#[tokio::test]
async fn six_agents_at_limit_two_start_in_their_order_and_all_complete() {
    let home = workshop();
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for name in ["1", "2"] {
        ids.push(server.spawn(json!({ "prompt": name })).await);
    }
    home.written("started", 2).await;
    for (name, ahead) in [
        ("3", Value::Null),
        ("4", json!(1)),
        ("5", json!(2)),
        ("6", json!(3)),
    ] {
        let spawned = server
            .call("spawn_agent", json!({ "prompt": name }))
            .await
            .unwrap();
        assert_eq!(spawned["queued_behind"], ahead, "{spawned:#}");
        ids.push(spawned["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(with_status(&mut server, "running").await, ["1", "2"]);
    assert_eq!(
        with_status(&mut server, "queued").await,
        ["3", "4", "5", "6"]
    );
    // One is let go at a time, and each time the one that waited longest takes its place.
    for (ends, starts) in [("1", "3"), ("2", "4"), ("3", "5"), ("4", "6")] {
        let before = home.lines_of("started").len();
        home.touch(&format!("go-{ends}"));
        assert_eq!(
            home.written("started", before + 1).await[before..],
            [starts.to_owned()]
        );
    }
    home.touch("go-6");
    home.touch("go-5");
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (done, name) in server.wait(&ids).await.iter().zip(1..) {
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(done["result"], format!("{name} is done"));
    }
    assert_eq!(home.lines_of("without-place"), Vec::<String>::new());
}

#[tokio::test]
async fn the_limit_and_the_order_hold_over_two_servers() {
    let home = workshop();
    let (mut one, mut two) = (home.server().await, home.server().await);
    let mut of_one = Vec::new();
    for name in ["1", "2"] {
        of_one.push(one.spawn(json!({ "prompt": name })).await);
    }
    home.written("started", 2).await;
    let of_two = two.spawn(json!({ "prompt": "3" })).await;
    of_one.push(one.spawn(json!({ "prompt": "4" })).await);
    let last = two
        .call("spawn_agent", json!({ "prompt": "5" }))
        .await
        .unwrap();
    assert_eq!(last["queued_behind"], 2, "{last:#}");
    assert_eq!(with_status(&mut two, "running").await, ["1", "2"]);
    for (ends, starts) in [("2", "3"), ("1", "4"), ("3", "5")] {
        let before = home.lines_of("started").len();
        home.touch(&format!("go-{ends}"));
        assert_eq!(
            home.written("started", before + 1).await[before..],
            [starts.to_owned()]
        );
    }
    home.touch("go-4");
    home.touch("go-5");
    let ids: Vec<&str> = of_one.iter().map(String::as_str).collect();
    for done in one.wait(&ids).await {
        assert_eq!(done["status"], "completed", "{done:#}");
    }
    for done in two.wait(&[&of_two, last["id"].as_str().unwrap()]).await {
        assert_eq!(done["status"], "completed", "{done:#}");
    }
    assert_eq!(home.lines_of("without-place"), Vec::<String>::new());
}

#[tokio::test]
async fn the_place_of_a_stopped_agent_goes_to_the_next() {
    let home = workshop();
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for name in ["1", "2", "3"] {
        ids.push(server.spawn(json!({ "prompt": name })).await);
    }
    home.written("started", 2).await;
    server
        .call("stop_agents", json!({ "ids": [ids[0]] }))
        .await
        .unwrap();
    std::fs::remove_dir(home.project().join("place-1"))
        .or_else(|_| {
            // The two of them may have come in either order.
            std::fs::remove_dir(home.project().join("place-2"))
        })
        .unwrap();
    assert_eq!(home.written("started", 3).await[2], "3");
    home.touch("go-2");
    home.touch("go-3");
    until("both have ended", || home.lines_of("ended").len() == 2).await;
    for done in server.wait(&[&ids[1], &ids[2]]).await {
        assert_eq!(done["status"], "completed", "{done:#}");
    }
}
