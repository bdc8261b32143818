//! Limits against the real CLI.

use serde_json::json;

use super::{with, world};
use crate::support::model::{Model, Reply, Script};

fn step() -> Reply {
    Reply::tool("Bash", json!({ "command": "true" })).and_text("still at it")
}

#[tokio::test]
async fn who_obeys_the_wrap_up_message_ends_steered() {
    let Some(home) = world() else { return };
    let model =
        Model::start(Script::new().on("TURNS", [step(), step(), Reply::text("wrapped up")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "TURNS", "max_turns": 2 }))
        .await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("steered"), &json!("wrapped up"))
    );
    let last = model.requests().pop().unwrap()["messages"].to_string();
    assert!(
        last.contains("You have reached the limit `max_turns`"),
        "{last}"
    );
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(evidence["limits_hit"], json!(["max_turns"]));
    assert_eq!(evidence["steers"], json!({ "delivered": 0, "lost": 0 }));
}

#[tokio::test]
async fn who_goes_on_is_aborted_after_the_grace_with_partial_text() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on("TURNS", [step()])).await;
    let home = with(home, &model).config("[agents]\ngrace_turns = 2");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "TURNS", "max_turns": 2 }))
        .await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("max_turns")),
        "{done:#}"
    );
    assert_eq!(
        (&done["result"], &done["result_from"]),
        (&json!("still at it"), &json!("last_text")),
        "{done:#}"
    );
    // Two turns, two of grace, and the one that was cut off.
    assert!(done["turns"].as_u64().unwrap() <= 5, "{done:#}");
}

#[tokio::test]
async fn who_is_done_within_its_turns_is_completed() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on("TURNS", [step(), Reply::text("done")])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "TURNS", "max_turns": 2 }))
        .await;
    assert_eq!(
        (&done["status"], &done["turns"]),
        (&json!("completed"), &json!(2)),
        "{done:#}"
    );
}

#[tokio::test]
async fn tool_calls_over_the_limit_are_refused_in_band() {
    let Some(home) = world() else { return };
    let touch = |name: &str| Reply::tool("Bash", json!({ "command": format!("touch {name}") }));
    let replies = [touch("first"), touch("second"), Reply::text("that was all")];
    let model = Model::start(Script::new().on("CALLS", replies)).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "CALLS", "permission": "full", "max_tool_calls": 1 });
    let done = server.run(arguments).await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("steered"), &json!(1)),
        "{done:#}"
    );
    assert!(home.project().join("first").exists());
    assert!(!home.project().join("second").exists());
}

#[tokio::test]
async fn money_is_not_spent_past_the_ceiling() {
    let Some(home) = world() else { return };
    // Each step costs more than a dollar at any price.
    let dear = || step().usage(1_000_000, 1_000_000);
    let model = Model::start(Script::new().on("DEAR", [dear()])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "DEAR", "max_cost_usd": 0.5, "model": "sonnet" });
    let done = server.run(arguments).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("max_cost_usd"))
    );
    assert!(done["cost_usd"].as_f64().unwrap() >= 0.5, "{done:#}");
    assert!(
        model.request_count() <= 2,
        "{} requests",
        model.request_count()
    );
}

#[tokio::test]
async fn a_silent_model_is_cut_off_by_the_idle_watchdog() {
    let Some(home) = world() else { return };
    let model = Model::start(Script::new().on("SILENCE", [Reply::hang()])).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "SILENCE", "idle_s": 2 }))
        .await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("idle_s"))
    );
}
