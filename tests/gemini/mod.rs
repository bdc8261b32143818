//! The real Gemini CLI against a loopback model.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::acp::real::{self, Cli};
use crate::support::Home;
use crate::support::model::{Model, Reply, Script};
use crate::support::{clis, worlds};

static GEMINI: Cli = Cli {
    name: "gemini",
    world: worlds::with_gemini,
    shell: "run_shell_command",
    write: "write_file",
    path: "file_path",
    ask: "mcp_ostler_ask_parent",
    shows_exit_codes: false,
    arrivals: ["new_turn", "restarted"],
};

#[tokio::test]
async fn an_agent_runs_a_command_writes_a_file_and_answers() {
    let Some(usage) = real::works(&GEMINI).await else {
        return;
    };
    // Three answers of 150 tokens in, the cached ones among them, and 7 out.
    assert_eq!(
        usage,
        json!({
            "input_tokens": 450, "output_tokens": 21, "cache_read_tokens": 0,
            "cache_write_tokens": 0, "final": true, "scope": "own_steps",
        })
    );
}

#[tokio::test]
async fn a_message_for_the_next_step_waits_for_the_end_of_the_turn() {
    real::takes_a_message_for_the_next_step(&GEMINI).await;
}

#[tokio::test]
async fn a_message_now_breaks_the_turn_off_and_states_its_task_again() {
    real::takes_a_message_now(&GEMINI).await;
}

#[tokio::test]
async fn messages_behind_the_turn_arrive_once() {
    real::takes_messages_behind_the_turn(&GEMINI).await;
}

#[tokio::test]
async fn at_its_limit_an_agent_wraps_up() {
    real::wraps_up_at_its_limit(&GEMINI).await;
}

#[tokio::test]
async fn stop_in_a_command_leaves_nothing() {
    real::stops_in_a_command(&GEMINI).await;
}

#[tokio::test]
async fn kill_nine_of_the_server_leaves_nothing() {
    real::dies_with_the_server(&GEMINI).await;
}

/// Takes more than a minute: Gemini wipes a session that is loaded within the minute in which it was
/// made, so ostler waits.
#[tokio::test]
async fn an_ended_agent_is_resumed_with_its_history() {
    real::resumes_with_its_history(&GEMINI).await;
}

#[tokio::test]
async fn a_command_beyond_edit_is_asked_for_and_the_answer_obeyed() {
    real::obeys_the_answer(&GEMINI).await;
}

#[tokio::test]
async fn stopped_while_it_asks_an_agent_ends_in_the_protocol() {
    real::stops_while_it_asks(&GEMINI).await;
}

#[tokio::test]
async fn an_editing_agent_writes_without_asking() {
    real::edits_without_asking(&GEMINI).await;
}

#[tokio::test]
async fn a_reading_agent_writes_nothing_whatever_the_user_allows() {
    let home = Home::new();
    let policies = home.path("home/.gemini/policies");
    std::fs::create_dir_all(&policies).unwrap();
    let allowed = r#"
        [[rule]]
        toolName = ["write_file", "run_shell_command"]
        decision = "allow"
        priority = 999
    "#;
    std::fs::write(policies.join("mine.toml"), allowed).unwrap();
    real::only_reads(&GEMINI, home).await;
}

/// A project that somebody else has made: hooks, and a command that finds tools. Neither runs for a
/// reading agent.
#[tokio::test]
async fn a_hostile_project_runs_nothing_by_a_reading_agent() {
    let model = Model::start(Script::new()).await;
    let Some(home) = worlds::with_gemini(Home::new(), &model) else {
        return;
    };
    let folder = home.project().join(".gemini");
    std::fs::create_dir(&folder).unwrap();
    let (hooked, found) = (home.path("hooked"), home.path("found"));
    let hook = json!([{ "matcher": "*", "hooks": [{
        "type": "command", "name": "mine", "command": format!("touch {}", hooked.display()),
    }] }]);
    let settings = json!({
        "hooksConfig": { "enabled": true },
        "hooks": { "SessionStart": hook, "BeforeAgent": hook, "BeforeTool": hook },
        "tools": { "discoveryCommand": format!("touch {}", found.display()) },
    });
    std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    let mut server = home.server().await;
    let done = server.run(GEMINI.task("ANY-TASK", "read_only")).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let ran: Vec<_> = [&hooked, &found]
        .into_iter()
        .filter(|it| it.exists())
        .collect();
    assert!(ran.is_empty(), "{ran:?}");
}

#[tokio::test]
async fn an_editing_agent_asks_its_parent() {
    real::asks_its_parent(&GEMINI, "edit").await;
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    real::fails_as(&GEMINI, Reply::error(401), "not_logged_in").await;
}

#[tokio::test]
async fn an_unknown_model_is_told() {
    let body = json!({ "error": {
        "code": 404, "status": "NOT_FOUND",
        "message": "models/nope is not found for API version v1beta",
    }});
    real::fails_as(&GEMINI, Reply::error_body(404, body), "bad_model").await;
}

#[tokio::test]
async fn servers_of_the_user_are_not_started() {
    let model = Model::start(Script::new()).await;
    let Some(home) = worlds::with_gemini(Home::new(), &model) else {
        return;
    };
    let path = home.path("home/.gemini/settings.json");
    let settings = std::fs::read_to_string(&path).unwrap();
    let mut settings: Value = serde_json::from_str(&settings).unwrap();
    let started = home.path("started");
    settings["mcpServers"]["mine"] = json!({ "command": "touch", "args": [started] });
    std::fs::write(&path, settings.to_string()).unwrap();
    let mut server = home.server().await;
    let done = server.run(GEMINI.task("ANY-TASK", "full")).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert!(!started.exists());
    let asked = model.requests().pop().unwrap().to_string();
    assert!(asked.contains("mcp_ostler_ask_parent"), "{asked}");
}

/// The CLI tries again by itself, for minutes and without a word; its user can have that shorter.
#[tokio::test]
async fn a_rate_limit_is_told_once_the_cli_gives_up() {
    let home = Home::new().env("OSTLER_AGENTS_MAX_RETRIES", "0");
    let model = Model::start(Script::new().on("FAIL-TASK", [Reply::error(429)])).await;
    let Some(home) = worlds::with_gemini(home, &model) else {
        return;
    };
    let path = home.path("home/.gemini/settings.json");
    let settings = std::fs::read_to_string(&path).unwrap();
    let mut settings: Value = serde_json::from_str(&settings).unwrap();
    settings["general"]["maxAttempts"] = json!(1);
    std::fs::write(&path, settings.to_string()).unwrap();
    let mut server = home.server().await;
    let done = server.run(GEMINI.task("FAIL-TASK", "full")).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("rate_limited")),
        "{done:#}"
    );
    let after = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        after,
        settings.to_string(),
        "the user's settings were touched"
    );
}

#[tokio::test]
async fn without_a_login_it_says_so() {
    let Some(gemini) = clis::gemini() else { return };
    let home = Home::new().config(&format!(
        "[providers.gemini]\ncommand = [{gemini:?}, \"--acp\"]"
    ));
    let mut server = home.server().await;
    let done = server.run(GEMINI.task("ANY-TASK", "full")).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("not_logged_in")),
        "{done:#}"
    );
    let detail = done["detail"].as_str().unwrap();
    assert!(detail.contains("run `gemini` once"), "{detail}");
}

/// It writes a report of each failure among the temporary files and leaves it there.
#[tokio::test]
async fn its_temporary_files_go_with_the_agent_and_with_a_killed_server() {
    let script = Script::new()
        .on("FAIL-TASK", [Reply::error(400)])
        .on("HANG-TASK", [Reply::hang()]);
    let model = Model::start(script).await;
    let home = Home::new();
    let temporaries = home.path("temporaries");
    std::fs::create_dir(&temporaries).unwrap();
    let home = home.env("TMPDIR", temporaries.to_str().unwrap());
    let Some(home) = worlds::with_gemini(home, &model) else {
        return;
    };
    let lying = || std::fs::read_dir(&temporaries).unwrap().count();
    let mut server = home.server().await;
    let done = server.run(GEMINI.task("FAIL-TASK", "full")).await;
    assert_eq!(done["status"], "error", "{done:#}");
    assert_eq!(lying(), 0);

    let id = server.spawn(GEMINI.task("HANG-TASK", "read_only")).await;
    let limit = Duration::from_secs(30);
    let asks = |body: &Value| body.to_string().contains("HANG-TASK");
    model.wait_for(limit, asks).await;
    assert_eq!(lying(), 1, "of {id}");
    server.kill().await;
    let deadline = Instant::now() + limit;
    while lying() > 0 {
        assert!(Instant::now() < deadline, "left behind");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
