//! Best of n: agents on one task as a group, from spawn to the ranking.

use serde_json::{Value, json};

use crate::support::Home;

fn world() -> Home {
    Home::new()
        .line_script("quick", "hear; turn; result quick")
        .line_script("slow", "hear; turn; turn; turn; result slow")
        .line_script("broken", "hear; exit 3")
        .line_script("patient", "hear; wait_for go; result patient")
        .config("[agents]\nprovider = \"quick\"\npermission = \"read_only\"")
}

fn ids_of(agents: &Value) -> Vec<String> {
    let agents = agents.as_array().unwrap().iter();
    agents
        .map(|agent| agent["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_group_of_several_providers_is_spawned_waited_for_and_ranked() {
    let home = world();
    let mut server = home.server().await;
    let wanted = json!({
        "prompt": "x", "label": "port", "providers": ["broken", "slow/large/one", "quick"],
    });
    let spawned = server.call("spawn_agent", wanted).await.unwrap();
    let group = spawned["group"].as_str().unwrap();
    assert!(group.starts_with("g-"), "{spawned:#}");
    let ids = ids_of(&spawned["agents"]);
    let of = |at: usize, key: &str| spawned["agents"][at][key].clone();
    assert_eq!(of(1, "provider"), "slow");
    assert_eq!(of(1, "model"), "large/one");
    assert_eq!(of(2, "status"), "queued");

    let waited = json!({ "ids": [group], "timeout_s": 100 });
    let waited = server.call("wait_agents", waited).await.unwrap();
    assert_eq!(ids_of(&waited["done"]), ids, "{waited:#}");
    let labels = ["port #1", "port #2", "port #3"];
    for (done, label) in waited["done"].as_array().unwrap().iter().zip(labels) {
        assert_eq!(done["label"], label);
    }
    let [outcome] = waited["groups"].as_array().unwrap().as_slice() else {
        panic!("{waited:#}");
    };
    assert_eq!(outcome["id"], group);
    let ranking = outcome["ranking"].as_array().unwrap();
    let order = [&ids[2], &ids[1], &ids[0]];
    for (one, id) in ranking.iter().zip(order) {
        assert_eq!(one["id"], json!(id), "{outcome:#}");
    }
    assert_eq!(outcome["best"], json!(ids[2]));
    assert_eq!(ranking[0]["why"], "completed, 1 turn");
    assert_eq!(ranking[2]["status"], "error");

    let listed = json!({ "group": group });
    let listed = server.call("list_agents", listed).await.unwrap();
    let mut listed = ids_of(&listed["items"]);
    listed.sort();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    assert_eq!(server.brief(&ids[0]).await["group"], group);
    let (code, shown, _) = home.run(&["agents", "show", group]).await;
    assert_eq!(code, 0);
    assert!(
        shown.contains(&format!("1. {}  completed, 1 turn\n", ids[2])),
        "{shown}"
    );
}

#[tokio::test]
async fn a_ranking_comes_with_the_last_of_the_group_and_not_before() {
    let home = world();
    let mut server = home.server().await;
    let wanted = json!({ "prompt": "x", "providers": ["quick", "patient"] });
    let spawned = server.call("spawn_agent", wanted).await.unwrap();
    let group = spawned["group"].as_str().unwrap();
    let any = json!({ "ids": [group], "mode": "any" });
    let first = server.call("wait_agents", any).await.unwrap();
    assert_eq!(first["groups"], Value::Null, "{first:#}");
    home.touch("go");
    // The other one alone, and the ranking is of both.
    let rest = server.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(rest["done"].as_array().unwrap().len(), 1, "{rest:#}");
    let ranking = rest["groups"][0]["ranking"].as_array().unwrap();
    assert_eq!(ranking.len(), 2, "{rest:#}");
}

#[tokio::test]
async fn n_of_the_same_are_told_apart_by_number_and_stopped_by_one_id() {
    let home = world();
    let mut server = home.server().await;
    let wanted = json!({ "prompt": "x", "provider": "patient", "n": 3 });
    let spawned = server.call("spawn_agent", wanted).await.unwrap();
    let group = spawned["group"].as_str().unwrap();
    let ids = ids_of(&spawned["agents"]);
    assert_eq!(ids.len(), 3);
    let second = server.call("get_agent", json!({ "id": "x #2" })).await;
    assert_eq!(second.unwrap()["id"], json!(ids[1]));
    let stop = json!({ "ids": [group, ids[0]] });
    let stopped = server.call("stop_agents", stop).await.unwrap();
    assert_eq!(ids_of(&stopped["agents"]), ids);
    let waited = server.call("wait_agents", json!({ "ids": [group] })).await;
    let outcome = &waited.unwrap()["groups"][0];
    assert_eq!(outcome["best"], Value::Null, "{outcome:#}");
}

#[tokio::test]
async fn a_group_is_written_whole_or_not_at_all() {
    let home = world().env("OSTLER_AGENTS_MAX_TREE", "3");
    let mut server = home.server().await;
    let one = json!({ "prompt": "x", "provider": "patient" });
    let id = server.spawn(one).await;
    let refusals = [
        (json!({ "n": 3 }), "no room for 3 more live agents"),
        (json!({ "n": 1 }), "`n` is 1; take 2 to 8"),
        (json!({ "n": 9 }), "`n` is 9; take 2 to 8"),
        (
            json!({ "providers": ["quick", "nobody"] }),
            "no provider `nobody`",
        ),
        (
            json!({ "providers": ["quick/--bad"] }),
            "`model` is no model name",
        ),
        (
            json!({ "n": 2, "permission": "edit", "isolation": "none" }),
            "`isolation` is none",
        ),
        (
            json!({ "providers": ["quick"], "model": "m" }),
            "`model` does not go with `providers`",
        ),
    ];
    for (mut wanted, told) in refusals {
        wanted["prompt"] = json!("x");
        let refusal = server.call("spawn_agent", wanted).await.unwrap_err();
        assert!(refusal.contains(told), "{refusal}");
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(ids_of(&listed["items"]), [id], "nothing was written");
    let two = json!({ "prompt": "x", "n": 2, "provider": "patient" });
    server.call("spawn_agent", two).await.unwrap();
    home.touch("go");
    server.call("wait_agents", json!({})).await.unwrap();
}

#[tokio::test]
async fn a_group_is_not_one_agent_and_an_unknown_one_is_none() {
    let home = world();
    let mut server = home.server().await;
    let wanted = json!({ "prompt": "x", "n": 2 });
    let spawned = server.call("spawn_agent", wanted).await.unwrap();
    let group = spawned["group"].as_str().unwrap();
    let refusal = server.call("get_agent", json!({ "id": group })).await;
    let ids = ids_of(&spawned["agents"]).join(", ");
    let told =
        format!("{group} is a group of agents, not one of them\nname one of its agents: {ids}");
    assert_eq!(refusal.unwrap_err(), told);
    for (tool, arguments) in [
        ("wait_agents", json!({ "ids": ["g-000000"] })),
        ("stop_agents", json!({ "ids": ["g-000000"] })),
        ("list_agents", json!({ "group": "g-000000" })),
    ] {
        let refusal = server.call(tool, arguments).await.unwrap_err();
        assert!(
            refusal.starts_with("no group has the id g-000000"),
            "{refusal}"
        );
    }
    server.call("wait_agents", json!({})).await.unwrap();
}

#[tokio::test]
async fn run_prints_the_ranking_and_the_best_result() {
    let home = world();
    let (code, out, err) = home
        .run(&["run", "--n", "3", "--providers", "slow,quick", "x"])
        .await;
    assert_eq!((code, out.as_str()), (0, "quick\n"), "{err}");
    let places: Vec<&str> = err
        .lines()
        .skip_while(|line| !line.starts_with("1. a-"))
        .collect();
    assert_eq!(places.len(), 3, "{err}");
    assert!(places[0].ends_with("completed, 1 turn"), "{err}");
    assert!(places[2].ends_with("completed, 3 turns"), "{err}");
    assert!(err.contains("ostler: group g-"), "{err}");
}

#[tokio::test]
async fn a_definition_that_keeps_its_agents_together_makes_no_group_that_writes() {
    let home = world();
    let folder = home.path("agents");
    std::fs::create_dir(&folder).unwrap();
    let text = "---\npermission: edit\nisolation: none\nlocked: [isolation]\n---\n";
    std::fs::write(folder.join("together.md"), text).unwrap();
    let mut server = home.server().await;
    let wanted = json!({ "prompt": "x", "agent": "together", "n": 2 });
    let refusal = server
        .call("spawn_agent", wanted.clone())
        .await
        .unwrap_err();
    assert!(
        refusal.contains("locks isolation to none"),
        "two would write in one directory: {refusal}"
    );
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]), "{listed:#}");
    let mut reading = wanted;
    reading["permission"] = json!("read_only");
    server.call("spawn_agent", reading).await.unwrap();
}
