//! Best of n with real agents.

use serde_json::json;

use super::{with, world};
use crate::support::model::{Model, Reply, Script};
use crate::support::{Home, git};

/// Makes the project a repository with one commit, which agents that write take their trees from.
fn repository(home: &Home) {
    let top = home.project();
    git(&top, &["init", "-q"]);
    git(&top, &["commit", "-q", "--allow-empty", "-m", "one"]);
}

#[tokio::test]
async fn of_three_agents_on_one_task_the_one_that_did_best_is_named() {
    let Some(home) = world() else { return };
    repository(&home);
    // Whoever asks first answers at once, the next one takes a step more, and the last is refused.
    let command = json!({ "command": "echo ONE-STEP-MORE" });
    let model = Model::start(
        Script::new()
            .on("ONE-STEP-MORE", [Reply::text("in two steps")])
            .on(
                "BEST-OF-THREE",
                [
                    Reply::text("at once"),
                    Reply::tool("Bash", command),
                    Reply::error(401),
                ],
            ),
    )
    .await;
    let home = with(home, &model);
    let mut server = home.server().await;

    let wanted = json!({ "prompt": "BEST-OF-THREE", "n": 3, "permission": "full" });
    let spawned = server.call("spawn_agent", wanted).await.unwrap();
    let group = spawned["group"].as_str().unwrap();
    let waited = json!({ "ids": [group], "timeout_s": 100 });
    let waited = server.call("wait_agents", waited).await.unwrap();

    let done = waited["done"].as_array().unwrap();
    let id_of = |result: &str| {
        let found = done.iter().find(|done| done["result"] == result);
        found.unwrap_or_else(|| panic!("{waited:#}"))["id"].clone()
    };
    let outcome = &waited["groups"][0];
    let ranking = outcome["ranking"].as_array().unwrap();
    assert_eq!(ranking.len(), 3, "{waited:#}");
    assert_eq!(ranking[0]["id"], id_of("at once"), "{outcome:#}");
    assert_eq!(ranking[1]["id"], id_of("in two steps"), "{outcome:#}");
    assert_eq!(ranking[2]["status"], "error", "{outcome:#}");
    assert_eq!(outcome["best"], ranking[0]["id"]);
    let why = ranking[0]["why"].as_str().unwrap();
    assert!(why.starts_with("completed, 1 turn, $0."), "{why}");
    assert!(server.close().await.success());
}
