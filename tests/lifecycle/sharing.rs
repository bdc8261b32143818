//! Several sessions, people and homes over one state.

use serde_json::{Value, json};

use crate::support::Home;

fn echo() -> Home {
    Home::new().script("echo", "cat")
}

#[tokio::test]
async fn a_look_from_the_command_line_leaves_the_result_to_the_session() {
    let home = echo();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "for the session", "provider": "echo" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    let (code, shown, _) = home.run(&["agents", "show", &id]).await;
    assert!(code == 0 && shown.contains("for the session"), "{shown}");
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(waited["done"][0]["result"], "for the session", "{waited:#}");
    assert_eq!(waited["done"][0]["delivered_before"], Value::Null);
}

#[tokio::test]
async fn another_live_session_may_read_and_does_not_take() {
    let home = echo();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "mine", "provider": "echo" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    let mut other = home.server().await;
    assert_eq!(other.wait(&[&id]).await[0]["result"], "mine");
    assert_eq!(server.wait(&[&id]).await[0]["result"], "mine");
    assert_eq!(server.wait(&[&id]).await[0]["delivered_before"], true);
}

#[tokio::test]
async fn what_a_gone_session_left_unread_is_read_once_by_the_next() {
    let home = echo();
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "left behind", "provider": "echo" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    assert!(server.close().await.success());
    let mut next = home.server().await;
    let open = next.call("catch_up", json!({})).await.unwrap();
    assert!(
        open["unread"][0].as_str().unwrap().contains(&id),
        "{open:#}"
    );
    let read = next.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(read["result"], "left behind");
    let open = next.call("catch_up", json!({})).await.unwrap();
    assert_eq!(open["unread"], Value::Null, "{open:#}");
}

#[tokio::test]
async fn a_resumed_agent_belongs_to_who_resumed_it() {
    let home = echo();
    let mut server = home.server().await;
    let id = server
        .run(json!({ "prompt": "one", "provider": "echo" }))
        .await["id"]
        .clone();
    assert!(server.close().await.success());
    let mut next = home.server().await;
    next.call("resume_agent", json!({ "id": id, "prompt": "two" }))
        .await
        .unwrap();
    let waited = next.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(waited["done"][0]["result"], "two", "{waited:#}");
}

#[tokio::test]
async fn two_homes_on_one_database_do_not_take_each_other_for_dead() {
    let home = Home::new().line_script("stay", "hear; echo up >> up; wait_for go; result stayed");
    let url = format!("sqlite:{}", home.path("shared.db").display());
    let home = home.env("OSTLER_STORE_URL", &url);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "stay" }))
        .await;
    home.written("up", 1).await;
    let mut elsewhere = home.ostler();
    elsewhere.env("OSTLER_HOME", home.path("another-state"));
    let listed = elsewhere.args(["agents", "list"]).output().await.unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("running"), "{listed}");
    home.touch("go");
    assert_eq!(server.wait(&[&id]).await[0]["result"], "stayed");
}

#[tokio::test]
async fn a_child_does_not_shed_its_lineage() {
    let home = echo();
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let config = home.path("config.toml");
    let state = home.state();
    let line = format!(
        "env -u OSTLER_LINEAGE OSTLER_HOME={} OSTLER_CONFIG={} {ostler} run --provider echo hi 2>&1; \
         echo \"exit code $?\"",
        state.display(),
        config.display()
    );
    let home = home.script("nest", &line);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "nest" }))
        .await;
    let result = done["result"].as_str().unwrap();
    assert!(result.contains("an agent cannot spawn"), "{result}");
    assert!(result.ends_with("exit code 6"), "{result}");
}

#[tokio::test]
async fn steady_output_is_a_sign_of_life() {
    let home = Home::new().script(
        "steady",
        "for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done",
    );
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "steady", "idle_s": 2 }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
}

#[tokio::test]
async fn a_guard_that_was_killed_is_replaced_while_an_agent_keeps_everybody_busy() {
    let home = Home::new().line_script(
        "busy",
        "hear; while [ ! -e go ]; do turn; sleep 0.05; done; result done",
    );
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "provider": "busy" });
    let id = server.spawn(arguments).await;
    server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    let guards = || -> Vec<String> {
        let all = home.processes().into_iter();
        all.filter(|process| process.contains(" guard o-"))
            .collect()
    };
    let before = guards();
    assert_eq!(before.len(), 1, "{before:?}");
    let pid = before[0].split(' ').next().unwrap();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", pid])
            .status()
            .unwrap()
            .success()
    );
    crate::support::home::until("there is a new guard", || {
        let now = guards();
        now.len() == 1 && now != before
    })
    .await;
    home.touch("go");
    server.wait(&[&id]).await;
}
