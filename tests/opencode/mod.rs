//! The real opencode CLI against a loopback model.

use serde_json::{Value, json};

use crate::acp::real::{self, Cli};
use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::worlds;

static OPENCODE: Cli = Cli {
    name: "opencode",
    world: worlds::with_opencode,
    shell: "bash",
    write: "write",
    path: "filePath",
    ask: "ostler_ask_parent",
    shows_exit_codes: true,
    arrivals: ["same_turn", "new_turn"],
};

#[tokio::test]
async fn an_agent_runs_a_command_writes_a_file_and_answers() {
    let Some(usage) = real::works(&OPENCODE).await else {
        return;
    };
    // The last of three answers only: 150 tokens in, 30 of them from the cache, and 7 out.
    assert_eq!(usage["input_tokens"], 120, "{usage:#}");
    assert_eq!(usage["output_tokens"], 7);
    assert_eq!(usage["cache_read_tokens"], 30);
    assert_eq!(usage["scope"], "last_steps");
    assert!(usage["cost_usd"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn a_message_for_the_next_step_joins_the_turn() {
    real::takes_a_message_for_the_next_step(&OPENCODE).await;
}

#[tokio::test]
async fn a_message_now_breaks_the_turn_off() {
    real::takes_a_message_now(&OPENCODE).await;
}

#[tokio::test]
async fn messages_behind_the_turn_arrive_once() {
    real::takes_messages_behind_the_turn(&OPENCODE).await;
}

#[tokio::test]
async fn at_its_limit_an_agent_wraps_up() {
    real::wraps_up_at_its_limit(&OPENCODE).await;
}

#[tokio::test]
async fn stop_in_a_command_leaves_nothing() {
    real::stops_in_a_command(&OPENCODE).await;
}

#[tokio::test]
async fn kill_nine_leaves_nothing_and_the_agent_goes_on_with_its_history() {
    real::goes_on_after_a_death(&OPENCODE).await;
}

#[tokio::test]
async fn an_ended_agent_is_resumed_with_its_history() {
    real::resumes_with_its_history(&OPENCODE).await;
}

#[tokio::test]
async fn a_command_beyond_edit_is_asked_for_and_the_answer_obeyed() {
    real::obeys_the_answer(&OPENCODE).await;
}

#[tokio::test]
async fn stopped_while_it_asks_an_agent_ends_in_the_protocol() {
    real::stops_while_it_asks(&OPENCODE).await;
}

#[tokio::test]
async fn an_editing_agent_writes_without_asking() {
    real::edits_without_asking(&OPENCODE).await;
}

#[tokio::test]
async fn a_reading_agent_writes_nothing_whatever_the_project_allows() {
    let home = Home::new();
    let mine = json!({ "permission": { "edit": "allow", "bash": "allow", "*": "allow" } });
    std::fs::create_dir(home.path("mine")).unwrap();
    std::fs::write(home.path("mine/opencode.json"), mine.to_string()).unwrap();
    let folder = home.path("mine");
    let home = home.env("OPENCODE_CONFIG_DIR", folder.to_str().unwrap());
    real::only_reads(&OPENCODE, home).await;
}

/// A project that somebody else has made: rules for an agent like ours, and a server.
/// Nothing of it runs, and nothing of it lets a reading agent write.
#[tokio::test]
async fn a_hostile_project_gets_nothing_from_a_reading_agent() {
    let model = Model::start(Script::new()).await;
    let Some(home) = worlds::with_opencode(Home::new(), &model) else {
        return;
    };
    let project = home.project().canonicalize().unwrap();
    let served = home.path("served");
    let rules = json!({ "*": "ask", "bash": "allow", "edit": "allow", "b*": "allow" });
    let hostile = json!({
        "agent": { "ostler": { "permission": rules } },
        "mcp": { "mine": { "type": "local", "command": ["touch", served] } },
    });
    std::fs::write(project.join("opencode.json"), hostile.to_string()).unwrap();
    let by_tool = project.join("by-tool.txt");
    let replies = [
        OPENCODE.write(&by_tool, "x"),
        OPENCODE.shell("touch by-shell.txt"),
        Reply::text("could not"),
    ];
    model.add("READ-TASK", replies);
    let mut server = home.server().await;
    let done = server.run(OPENCODE.task("READ-TASK", "read_only")).await;
    assert_eq!(done["result"], "could not", "{done:#}");
    let made = [&served, &by_tool, &project.join("by-shell.txt")];
    let made: Vec<_> = made.into_iter().filter(|path| path.exists()).collect();
    assert!(made.is_empty(), "{made:?}");
    assert_eq!(done["denied"], 2, "{done:#}");
}

#[tokio::test]
async fn where_the_project_has_plugins_nothing_is_promised() {
    let script = Script::new();
    let Some((_model, home, mut server)) = OPENCODE.start(script).await else {
        return;
    };
    let plugins = home.project().join(".opencode/plugin");
    std::fs::create_dir_all(&plugins).unwrap();
    let task = OPENCODE.task("ANY-TASK", "read_only");
    let promised = |spawned: &Value| !spawned["not_enforced"].to_string().contains("read_only");
    let spawned = server.call("spawn_agent", task.clone()).await.unwrap();
    assert!(promised(&spawned), "{spawned:#}");
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
    let plugin = "export const Mine = async () => ({});";
    std::fs::write(plugins.join("mine.js"), plugin).unwrap();
    let spawned = server.call("spawn_agent", task).await.unwrap();
    assert!(!promised(&spawned), "{spawned:#}");
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
}

#[tokio::test]
async fn a_project_cannot_widen_what_an_editing_agent_may_do() {
    let model = Model::start(Script::new()).await;
    let home = Home::new().env("OSTLER_AGENTS_ASK", "deny");
    let Some(home) = worlds::with_opencode(home, &model) else {
        return;
    };
    let project = home.project();
    let rules = json!({ "*": "ask", "bash": "allow" });
    let hostile = json!({ "agent": { "ostler": { "permission": rules } } });
    std::fs::write(project.join("opencode.json"), hostile.to_string()).unwrap();
    model.add(
        "EDIT-TASK",
        [
            OPENCODE.shell("touch by-shell.txt"),
            Reply::text("could not"),
        ],
    );
    let mut server = home.server().await;
    let done = server.run(OPENCODE.task("EDIT-TASK", "edit")).await;
    assert!(!project.join("by-shell.txt").exists(), "{done:#}");
    assert_eq!(done["denied"], 1, "{done:#}");
}

#[tokio::test]
async fn a_reading_agent_asks_its_parent() {
    real::asks_its_parent(&OPENCODE, "read_only").await;
}

#[tokio::test]
async fn a_result_is_handed_in_mended_and_missed() {
    real::hands_in_its_result(&OPENCODE).await;
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    real::fails_as(&OPENCODE, Reply::error(401), "not_logged_in").await;
}

#[tokio::test]
async fn an_unknown_model_is_told() {
    let script = Script::new();
    let Some((_model, _home, mut server)) = OPENCODE.start(script).await else {
        return;
    };
    let mut task = OPENCODE.task("ANY-TASK", "full");
    task["model"] = json!("loopback/nope");
    let done = server.run(task).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("bad_model")),
        "{done:#}"
    );
}

#[tokio::test]
async fn a_rate_limit_is_told_once_the_cli_gives_up() {
    let reply = Reply::error(429).header("retry-after", "0.01");
    real::fails_as(&OPENCODE, reply, "rate_limited").await;
}
