//! Failures of the model API and of the CLI.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{with, world};
use crate::support::model::{Model, Reply, Script};

/// Runs one agent against a model that gives `reply`; `retries` is how often the CLI tries again.
async fn end_with(reply: Reply, retries: Option<&str>) -> Option<serde_json::Value> {
    let home = world()?;
    let model = Model::start(Script::new().otherwise(reply)).await;
    let mut home = with(home, &model).config("[agents]\nmax_retries = 0");
    if let Some(retries) = retries {
        home = home.env("CLAUDE_CODE_MAX_RETRIES", retries);
    }
    let mut server = home.server().await;
    Some(server.run(json!({ "prompt": "anything" })).await)
}

#[tokio::test]
async fn a_refused_key_ends_at_once_with_what_to_do() {
    let began = Instant::now();
    let Some(done) = end_with(Reply::error(401), None).await else {
        return;
    };
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("not_logged_in"))
    );
    assert!(
        done["detail"].as_str().unwrap().contains("/login"),
        "{done:#}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_rate_limit_that_stays_is_named() {
    let Some(done) = end_with(Reply::error(429), Some("1")).await else {
        return;
    };
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("rate_limited"))
    );
    assert!(
        done["detail"]
            .as_str()
            .unwrap()
            .contains("resume the agent later"),
        "{done:#}"
    );
}

#[tokio::test]
async fn an_overloaded_service_is_named() {
    let Some(done) = end_with(Reply::error(529), Some("1")).await else {
        return;
    };
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("overloaded"))
    );
}

#[tokio::test]
async fn a_model_that_does_not_exist_is_named() {
    let Some(done) = end_with(Reply::error(404), Some("1")).await else {
        return;
    };
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("bad_model"))
    );
}

#[tokio::test]
async fn a_cut_stream_is_tried_again_and_survived() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on("CUT", [Reply::cut(), Reply::text("whole")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "CUT" })).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("whole"))
    );
}

#[tokio::test]
async fn a_rate_limit_that_passes_is_waited_out_by_the_cli() {
    let Some(home) = world() else { return };
    let replies = [
        Reply::error(429).header("retry-after", "1"),
        Reply::text("after all"),
    ];
    let model = Model::start(Script::new().on("LIMITED", replies)).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "LIMITED" })).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("after all"))
    );
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(evidence["retries"], 1);
}

#[tokio::test]
async fn a_bad_option_shows_what_the_cli_says() {
    let Some(home) = world() else { return };
    let claude = crate::support::clis::claude().unwrap();
    let home = home.config(&format!(
        "[providers.broken]\nkind = \"claude\"\ncommand = [{claude:?}, \"--no-such-option\"]"
    ));
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "broken" }))
        .await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("crashed"))
    );
    assert!(
        done["detail"]
            .as_str()
            .unwrap()
            .contains("--no-such-option"),
        "{done:#}"
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_while_the_cli_tries_again() {
    let Some(home) = world() else { return };
    // Nobody listens there.
    let home = home.env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "anything" })).await;
    let agent = server
        .until(&id, |agent| !agent["backing_off"].is_null())
        .await;
    let told = agent["backing_off"].as_str().unwrap();
    assert!(
        told.starts_with("the CLI tries again by itself: "),
        "{told}"
    );
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
}
