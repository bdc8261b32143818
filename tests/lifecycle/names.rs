//! Agents by their label, wherever an id is taken.

use serde_json::{Value, json};

use crate::support::Home;

fn world() -> Home {
    Home::new()
        .script("echo", "cat")
        .line_script(
            "patient",
            "hear; echo up >> up; listen_for enough; result \"$said\"",
        )
        .config("[agents]\nprovider = \"echo\"")
}

#[tokio::test]
async fn a_label_stands_for_its_agent_in_every_tool() {
    let home = world();
    let mut server = home.server().await;
    let spawned = json!({ "prompt": "x", "label": "fix the tests", "provider": "patient" });
    let id = server.spawn(spawned).await;
    home.written("up", 1).await;
    let name = " fix the tests ";
    let steer = json!({ "id": name, "message": "enough" });
    let receipt = server.call("steer_agent", steer).await.unwrap();
    assert_eq!(receipt["state"], "queued");
    let waited = json!({ "ids": [name, id], "timeout_s": 100 });
    let waited = server.call("wait_agents", waited).await.unwrap();
    assert_eq!(waited["done"].as_array().unwrap().len(), 1, "{waited:#}");
    assert_eq!(waited["done"][0]["id"], json!(id));
    for view in ["result", "evidence", "transcript"] {
        let shown = json!({ "id": name, "view": view });
        let shown = server.call("get_agent", shown).await.unwrap();
        assert_eq!(shown["id"], json!(id), "{view}");
    }
    let resume = json!({ "id": name, "prompt": "again" });
    let resumed = server.call("resume_agent", resume).await.unwrap();
    assert_eq!(
        (&resumed["id"], &resumed["run_no"]),
        (&json!(id), &json!(2))
    );
    let answer = json!({ "id": name, "request_id": "q-000000", "decision": "allow" });
    let refusal = server.call("answer_agent", answer).await.unwrap_err();
    assert!(
        refusal.contains(&format!("{id} has no request")),
        "{refusal}"
    );
    let stopped = server.call("stop_agents", json!({ "ids": [name] })).await;
    assert_eq!(stopped.unwrap()["agents"][0]["id"], json!(id));
    let (code, shown, _) = home.run(&["agents", "show", "fix the tests"]).await;
    assert!(code == 0 && shown.contains(&id), "{shown}");
}

#[tokio::test]
async fn a_label_of_several_names_them_all_and_changes_nothing() {
    let home = world();
    let mut server = home.server().await;
    let one = server
        .spawn(json!({ "prompt": "x", "label": "twin" }))
        .await;
    server.wait(&[&one]).await;
    let patient = json!({ "prompt": "x", "label": "twin", "provider": "patient" });
    let two = server.spawn(patient).await;
    server
        .until(&two, |agent| agent["status"] == "running")
        .await;
    let stop = json!({ "ids": [one, "twin"] });
    let refusal = server.call("stop_agents", stop).await.unwrap_err();
    let told = format!("2 agents are called \"twin\"\nname one by its id: {two} (running), ");
    assert_eq!(refusal, format!("{told}{one} (completed)"));
    assert_eq!(server.brief(&two).await["status"], "running");
    server
        .call("stop_agents", json!({ "ids": [two] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_label_of_this_session_comes_before_that_of_another() {
    let home = world();
    let (mut server, mut other) = (home.server().await, home.server().await);
    let foreign = json!({ "prompt": "foreign", "label": "review" });
    let foreign = other.run(foreign).await["id"].clone();
    let read = |shown: Value| shown["id"].clone();
    let get = json!({ "id": "review" });
    let shown = server.call("get_agent", get.clone()).await.unwrap();
    assert_eq!(read(shown), foreign, "the only one of the project");
    let own = server
        .run(json!({ "prompt": "own", "label": "review" }))
        .await;
    let shown = server.call("get_agent", get.clone()).await.unwrap();
    assert_eq!(read(shown), own["id"]);
    let shown = other.call("get_agent", get).await.unwrap();
    assert_eq!(read(shown), foreign, "each session has its own");
}

#[tokio::test]
async fn what_looks_like_an_id_is_one() {
    let home = world();
    let mut server = home.server().await;
    server
        .run(json!({ "prompt": "x", "label": "a-zzzzzz" }))
        .await;
    let get = json!({ "id": "a-zzzzzz" });
    let refusal = server.call("get_agent", get).await.unwrap_err();
    assert!(
        refusal.starts_with("no agent has the id a-zzzzzz"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_slip_is_told_the_nearest_id_and_label() {
    let home = world();
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "label": "fix the tests" }))
        .await;
    let id = done["id"].as_str().unwrap();
    for slip in ["fix teh tests", "Fix the tests", &id[2..]] {
        let get = json!({ "id": slip });
        let refusal = server.call("get_agent", get).await.unwrap_err();
        let told =
            format!("no agent here is called {slip:?}\ndid you mean {id} \"fix the tests\"?");
        assert_eq!(refusal, told);
    }
}
