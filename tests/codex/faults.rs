//! Failures of the model API and of the CLI.

use serde_json::{Value, json};

use super::world;
use crate::support::model::{Model, Reply, Script};

/// Runs one agent against a model that answers everything with `reply`; the end of the agent, and how
/// often the model was asked.
async fn end_with(reply: Reply) -> Option<(Value, usize)> {
    let model = Model::start(Script::new().otherwise(reply)).await;
    let home = world(&model)?.env("OSTLER_AGENTS_MAX_RETRIES", "0");
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "anything" })).await;
    Some((done, model.request_count()))
}

#[track_caller]
fn is_error(done: &Value, reason: &str, next: &str) {
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!(reason)),
        "{done:#}"
    );
    let detail = done["detail"].as_str().unwrap();
    assert!(detail.contains(next), "{detail}");
}

#[tokio::test]
async fn a_refused_key_ends_long_before_the_cli_gives_up() {
    let Some((done, asked)) = end_with(Reply::error(401)).await else {
        return;
    };
    is_error(&done, "not_logged_in", "codex login");
    assert!(asked < 6, "asked {asked} times");
}

#[tokio::test]
async fn an_account_that_is_not_there_ends_before_the_model_is_asked() {
    let model = Model::start(Script::new()).await;
    let Some(home) = world(&model) else { return };
    // The CLI's own service, at which one has to log in.
    let url = format!("openai_base_url = \"{}/v1\"\n", model.url());
    std::fs::write(home.path("codex/config.toml"), url).unwrap();
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "anything" })).await;
    is_error(&done, "not_logged_in", "codex login");
    assert_eq!(model.request_count(), 0);
}

#[tokio::test]
async fn a_rate_limit_that_stays_is_named() {
    let Some((done, _)) = end_with(Reply::error(429)).await else {
        return;
    };
    is_error(&done, "rate_limited", "resume the agent later");
}

#[tokio::test]
async fn a_rate_limit_that_passes_is_waited_for() {
    let replies = [
        Reply::error(429).header("retry-after", "1"),
        Reply::text("at last"),
    ];
    let model = Model::start(Script::new().on("PATIENT-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "PATIENT-TASK" })).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("at last")),
        "{done:#}"
    );
    assert_eq!(model.request_count(), 2);
    let id = done["id"].as_str().unwrap();
    let entries = server.transcript(id).await;
    let retry = entries
        .iter()
        .find(|entry| entry["kind"] == "retry")
        .unwrap();
    let reason = retry["body"]["reason"].as_str().unwrap();
    assert!(reason.contains("429"), "{retry:#}");
    let evidence = server.evidence(id).await;
    assert_eq!(
        (&evidence["turns"], &evidence["retries"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn used_up_means_are_named() {
    let body = json!({ "error": {
        "message": "You exceeded your current quota", "type": "insufficient_quota",
        "param": null, "code": "insufficient_quota",
    }});
    let Some((done, asked)) = end_with(Reply::error_body(429, body)).await else {
        return;
    };
    is_error(&done, "quota", "used up");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn an_overloaded_service_is_named() {
    let Some((done, _)) = end_with(Reply::error(500)).await else {
        return;
    };
    is_error(&done, "overloaded", "resume the agent later");
}

#[tokio::test]
async fn a_full_context_is_named() {
    let body = json!({ "error": {
        "message": "Your input exceeds the context window of this model.",
        "type": "invalid_request_error", "param": "input", "code": "context_length_exceeded",
    }});
    let Some((done, _)) = end_with(Reply::error_body(400, body)).await else {
        return;
    };
    is_error(&done, "context_full", "shorter prompt");
}

#[tokio::test]
async fn a_model_that_does_not_exist_is_named() {
    let Some((done, _)) = end_with(Reply::error(404)).await else {
        return;
    };
    is_error(&done, "bad_model", "another model");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_once_is_one_model_step() {
    let replies = [Reply::cut().and_text("half"), Reply::text("whole")];
    let model = Model::start(Script::new().on("CUT-TASK", replies)).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "CUT-TASK" })).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("whole")),
        "{done:#}"
    );
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        (&evidence["turns"], &evidence["retries"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_given_up() {
    let model = Model::start(Script::new()).await;
    let Some(home) = world(&model) else { return };
    // Its port is closed from here on.
    drop(model);
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "anything" })).await;
    is_error(&done, "network", "check the connection");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let model = Model::start(Script::new()).await;
    let Some(home) = world(&model) else { return };
    std::fs::write(home.path("codex/config.toml"), "model = [\n").unwrap();
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "anything" })).await;
    is_error(&done, "other", "config.toml");
}

#[tokio::test]
async fn a_program_that_is_not_codex_is_named() {
    let model = Model::start(Script::new()).await;
    let Some(home) = world(&model) else { return };
    let home = home.config("[providers.other]\nkind = \"codex\"\ncommand = [\"echo\", \"hello\"]");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "anything", "provider": "other" }))
        .await;
    is_error(&done, "protocol", "providers.other.command");
}
