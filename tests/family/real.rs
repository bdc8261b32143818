//! The real CLIs as parents and as children, each with a server of its own.

use std::time::Duration;

use serde_json::json;

use super::define;
use crate::support::model::{Gate, Model, Reply, Script, last_user_text};
use crate::support::{Home, clis, processes_with, worlds};

/// A world in which `claude` is the real CLI and agents may stand two deep. `None` without npm.
fn world(model: &Model) -> Option<Home> {
    let claude = clis::claude()?;
    let home = Home::new()
        .env("ANTHROPIC_API_KEY", "loopback-only-key")
        .env("ANTHROPIC_BASE_URL", &model.url())
        .config(&format!(
            "[agents]\nmax_depth = 2\nmax_concurrent = 1\n[providers.claude]\ncommand = [{claude:?}]"
        ));
    define(&home.project(), "lead", "allowed_subagents: \"*\"");
    Some(home)
}

fn spawns() -> Reply {
    let arguments = json!({ "prompt": "WORK-TASK", "max_cost_usd": 0.5 });
    Reply::tool("mcp__ostler__spawn_agent", arguments)
}

fn waits() -> Reply {
    Reply::tool("mcp__ostler__wait_agents", json!({}))
}

#[tokio::test]
async fn claude_has_claude_work_for_it_and_pays_for_both() {
    let script = Script::new()
        .on("LEAD-TASK", [spawns(), waits(), Reply::text("led")])
        .on("WORK-TASK", [Reply::text("WORKED-WELL")]);
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let top = server
        .run(json!({
            "prompt": "LEAD-TASK", "agent": "lead", "permission": "read_only", "max_cost_usd": 2.0,
        }))
        .await;
    assert_eq!(
        (&top["status"], &top["result"]),
        (&json!("completed"), &json!("led")),
        "{top:#}"
    );
    let told = model.requests().pop().unwrap()["messages"].to_string();
    assert!(told.contains("WORKED-WELL"), "{told}");

    let listed = server.call("list_agents", json!({})).await.unwrap();
    let below = &listed["items"][0];
    assert_eq!(below["parent"], top["id"], "{below:#}");
    assert_eq!(below["status"], "completed", "{below:#}");
    let brief = server.brief(below["id"].as_str().unwrap()).await;
    assert_eq!(brief["permission"], "read_only");
    assert_eq!(brief["budget"]["max_cost_usd"], 0.5);
    let nested = &server.evidence(top["id"].as_str().unwrap()).await["nested"];
    assert_eq!(
        (&nested["agents"], &nested["cost_usd"]),
        (&json!(1), &below["cost_usd"]),
        "{nested:#}"
    );
    // Who stands at the bottom is not offered what it may not use.
    let bottom = model
        .wait_for(Duration::ZERO, |body| {
            last_user_text(body).contains("WORK-TASK")
        })
        .await;
    let offered = bottom["tools"].to_string();
    assert!(offered.contains("mcp__ostler__ask_parent"), "{offered}");
    assert!(!offered.contains("mcp__ostler__spawn_agent"), "{offered}");
}

#[tokio::test]
async fn stopping_claude_stops_the_claude_that_works_for_it() {
    let gate = Gate::new();
    let script = Script::new()
        .on("LEAD-TASK", [spawns(), waits()])
        .on("WORK-TASK", [Reply::text("never").gate(&gate)]);
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let top = server
        .spawn(json!({ "prompt": "LEAD-TASK", "agent": "lead" }))
        .await;
    model
        .wait_for(Duration::from_secs(60), |body| {
            !body["messages"].to_string().contains("LEAD-TASK")
        })
        .await;
    let listed = server.call("list_agents", json!({})).await.unwrap();
    let below = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let stopped = server
        .call("stop_agents", json!({ "ids": [top] }))
        .await
        .unwrap();
    assert_eq!(stopped["agents"][0]["status"], "stopped", "{stopped:#}");
    for id in [&top, &below] {
        assert_eq!(processes_with(id), Vec::<String>::new());
    }
    let below = server
        .call("get_agent", json!({ "id": below }))
        .await
        .unwrap();
    assert_eq!(below["status"], "stopped", "{below:#}");
    let detail = below["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("its parent {top} was stopped")),
        "{detail}"
    );
}

#[tokio::test]
async fn codex_has_codex_work_for_it() {
    let spawn = json!({ "prompt": "WORK-TASK" });
    let script = Script::new()
        .on(
            "LEAD-TASK",
            [
                Reply::tool("tool_search", json!({ "query": "spawn_agent wait_agents" })),
                Reply::tool("spawn_agent", spawn),
                Reply::tool("wait_agents", json!({})),
                Reply::text("led"),
            ],
        )
        .on("WORK-TASK", [Reply::text("WORKED-WELL")]);
    let model = Model::start(script).await;
    let home = Home::new().config("[agents]\nmax_depth = 2\nprovider = \"codex\"");
    let Some(home) = worlds::with_codex(home, &model) else {
        return;
    };
    define(&home.project(), "lead", "allowed_subagents: \"*\"");
    let mut server = home.server().await;
    let lead = json!({ "prompt": "LEAD-TASK", "agent": "lead", "permission": "read_only" });
    let top = server.run(lead).await;
    assert_eq!(
        (&top["status"], &top["result"]),
        (&json!("completed"), &json!("led")),
        "{top:#}"
    );
    let told = model.requests().pop().unwrap()["input"].to_string();
    assert!(told.contains("WORKED-WELL"), "{told}");
    let nested = &server.evidence(top["id"].as_str().unwrap()).await["nested"];
    assert_eq!(nested["agents"], 1, "{nested:#}");
}
