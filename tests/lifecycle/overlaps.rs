//! Two live agents that change one file are named to each other.

use serde_json::{Value, json};

use crate::support::{Home, git};

/// An agent that changes the files its prompt names, and stays until the file `go` is there.
const EDITOR: &str = r#"
hear
for file in $said; do printf '{"ostler":"file_changed","path":"%s"}\n' "$file"; done
tool 1 edit
wait_for "$OSTLER_TEST_GO"
result edited"#;

fn editors() -> Home {
    let home = Home::new();
    git(&home.project(), &["init", "-q"]);
    let go = home.path("go");
    let body = EDITOR.replace("$OSTLER_TEST_GO", go.to_str().unwrap());
    home.line_script("editor", &body)
}

#[tokio::test]
async fn agents_of_one_group_do_not_name_each_other_and_others_they_do() {
    let home = editors();
    git(
        &home.project(),
        &["commit", "-q", "--allow-empty", "-m", "one"],
    );
    let mut server = home.server().await;
    let both = json!({ "prompt": "shared.rs", "provider": "editor", "n": 2 });
    let group = server.call("spawn_agent", both).await.unwrap();
    let ids = [0, 1].map(|at| group["agents"][at]["id"].as_str().unwrap().to_owned());
    for id in &ids {
        server.until_logged(id, "file").await;
    }
    let stranger = server.spawn(agent("shared.rs")).await;
    for id in &ids {
        let seen = server.until(id, |agent| agent["overlaps"] == 1).await;
        let expected = json!([{ "agent": stranger, "files": ["shared.rs"] }]);
        assert_eq!(seen["evidence"]["overlaps"], expected);
    }
    std::fs::write(home.path("go"), "").unwrap();
    let done = server.wait(&[&ids[0], &ids[1]]).await;
    for one in done {
        assert_eq!(one["overlaps"], json!([format!("{stranger}: shared.rs")]));
    }
    server.leave().await;
}

fn agent(files: &str) -> Value {
    json!({ "prompt": files, "provider": "editor" })
}

#[tokio::test]
async fn both_learn_of_the_file_while_they_live_and_keep_it_in_their_evidence() {
    let home = editors();
    let mut server = home.server().await;
    let absolute = home.project().join("src/shared.rs");
    let one = server.spawn(agent("src/shared.rs one.rs")).await;
    let two = server
        .spawn(agent(&format!("{} two.rs", absolute.display())))
        .await;
    for (agent, other) in [(&one, &two), (&two, &one)] {
        let seen = server.until(agent, |agent| agent["overlaps"] == 1).await;
        let expected = json!([{ "agent": other, "files": ["src/shared.rs"] }]);
        assert_eq!(seen["status"], "running");
        assert_eq!(seen["evidence"]["overlaps"], expected);
        server.until_logged(agent, "overlap").await;
    }
    let open = server.call("catch_up", json!({})).await.unwrap();
    let (low, high) = if one < two {
        (&one, &two)
    } else {
        (&two, &one)
    };
    assert_eq!(
        open["overlaps"],
        json!([format!("{low} and {high}: src/shared.rs")])
    );
    std::fs::write(home.path("go"), "").unwrap();
    let done = server.wait(&[&one, &two]).await;
    assert_eq!(
        done[0]["overlaps"],
        json!([format!("{two}: src/shared.rs")])
    );
    let kept = server.evidence(&one).await;
    assert_eq!(kept["overlaps"][0]["agent"], json!(two));
    let (_, listed, _) = home.run(&["agents", "list"]).await;
    assert!(listed.contains("completed (overlaps)"), "{listed}");

    // Who comes later meets nobody, and what was only for live ones is gone.
    let mut store = home.store().await;
    let touched: i64 = sqlx::query_scalar("SELECT count(*) FROM touch")
        .fetch_one(&mut store)
        .await
        .unwrap();
    assert_eq!(touched, 0);
    let late = server.run(agent("src/shared.rs")).await;
    assert_eq!(late["overlaps"], Value::Null, "{late:#}");
    server.leave().await;
}

#[tokio::test]
async fn agents_of_two_ostler_processes_meet_as_well() {
    let home = editors();
    let (mut server, mut another) = (home.server().await, home.server().await);
    let one = server.spawn(agent("a b")).await;
    let two = another.spawn(agent("b c")).await;
    let seen = server.until(&one, |agent| agent["overlaps"] == 1).await;
    assert_eq!(
        seen["evidence"]["overlaps"],
        json!([{ "agent": two, "files": ["b"] }])
    );
    std::fs::write(home.path("go"), "").unwrap();
    server.wait(&[&one]).await;
    another.wait(&[&two]).await;
    assert_eq!(
        another.evidence(&two).await["overlaps"],
        json!([{ "agent": one, "files": ["b"] }])
    );
    server.leave().await;
    another.leave().await;
}
