//! A model service that turns the CLI away, and then no longer.

use serde_json::json;

use super::{shell, world};
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn who_is_turned_away_in_the_middle_goes_on_with_its_history_and_adds_up() {
    let replies = [
        shell("echo MIDDLE-OUTPUT").usage(1000, 10),
        // Without a `retry-after` the CLI gives up at once.
        Reply::error(429),
        Reply::text("after all").usage(2000, 20),
    ];
    let model = Model::start(Script::new().on("TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "TASK" })).await;
    assert_eq!(
        (&done["status"], &done["result"], &done["turns"]),
        (&json!("completed"), &json!("after all"), &json!(2)),
        "{done:#}"
    );
    assert_eq!(done["tokens"], 3030, "{done:#}");
    let last = model.requests().pop().unwrap().to_string();
    for part in ["TASK", "MIDDLE-OUTPUT", "Go on with your task"] {
        assert!(last.contains(part), "no {part} in {last}");
    }
    assert_eq!(model.request_count(), 3);
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(evidence["backoffs"], 1);
}
