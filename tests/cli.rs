//! The command line as a person or a script uses it: what is printed where, and the exit codes.

mod agents;
mod gc;
mod interrupt;

use std::fs;
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

use crate::support::Home;

const OSTLER: &str = env!("CARGO_BIN_EXE_ostler");
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

fn echo() -> Home {
    Home::new().script("echo", "cat")
}

/// The agents there are, newest first.
async fn listed(home: &Home) -> Vec<Value> {
    let (code, out, err) = home.run(&["agents", "list", "--json"]).await;
    assert_eq!(code, 0, "{err}");
    let list: Value = serde_json::from_str(&out).unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn help_names_the_commands_a_person_has() {
    let home = Home::new();
    let (code, out, err) = home.run(&["--help"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("Looks after child coding agents for an AI coding session."),
        "{out}"
    );
    for command in ["  serve ", "  run ", "  agents ", "  gc "] {
        assert!(out.contains(command), "{command:?} in {out}");
    }
    assert!(out.contains("OSTLER_HOME") && out.contains("Exit codes:"));
    assert!(
        out.contains("13 error; 14 not as expected; 130 killed"),
        "{out}"
    );
    assert!(!out.contains("  guard "), "that one is ours: {out}");
}

#[tokio::test]
async fn version_is_one_line() {
    let home = Home::new();
    let (code, out, err) = home.run(&["--version"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, format!("ostler {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn on_a_terminal_without_arguments_it_prints_help() {
    let home = Home::new();
    let mut terminal = home.command("script");
    terminal.args(["-qec", OSTLER, "/dev/null"]);
    let output = match terminal.stdin(Stdio::null()).output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: there is no `script` from util-linux");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {out}", output.status);
    assert!(out.contains("Usage: ostler [COMMAND]"), "{out}");
    assert!(!home.state().exists(), "help needs no state");
}

/// Runs `ostler` on a terminal until it has shown `text`; `None` where there is no such terminal.
async fn shown_on_a_terminal(home: &Home, args: &str, text: &str) -> Option<Child> {
    let mut terminal = home.command("script");
    terminal.args(["-qec", &format!("{OSTLER} {args}"), "/dev/null"]);
    let started = terminal
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut terminal = match started {
        Ok(terminal) => terminal,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("SKIPPED: there is no `script` from util-linux");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let (mut shown, mut buffer) = (String::new(), [0_u8; 4096]);
    let screen = terminal.stdout.as_mut().unwrap();
    while !shown.contains(text) {
        let read = timeout(PATIENCE, screen.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("no {text:?}: {shown:?}"));
        let read = read.unwrap();
        assert!(read > 0, "it ended without {text:?}: {shown:?}");
        shown += &String::from_utf8_lossy(&buffer[..read]);
    }
    Some(terminal)
}

#[tokio::test]
async fn on_a_terminal_a_run_shows_a_clock_that_goes_on() {
    let home = Home::new();
    let gate = home.path("gate");
    let body = format!("while [ ! -e {gate:?} ]; do sleep 0.05; done");
    let home = home.script("silent", &body);
    let Some(mut terminal) = shown_on_a_terminal(&home, "run --provider silent x", "0:02").await
    else {
        return;
    };
    fs::write(gate, "").unwrap();
    let ended = timeout(PATIENCE, terminal.wait()).await;
    assert!(ended.expect("it does not end").unwrap().success());
}

/// Runs `ostler` with `stdout`: exit code and standard error.
async fn run_into(home: &Home, stdout: impl Into<Stdio>, args: &[&str]) -> (Option<i32>, String) {
    // `output` would put a pipe of its own there.
    let run = home
        .ostler()
        .args(args)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = run.wait_with_output().await.unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_a_failure_that_says_where_it_is() {
    let home = echo();
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("SKIPPED: there is no /dev/full");
        return;
    };
    let run = ["run", "--provider", "echo", "words"];
    let (code, err) = run_into(&home, full.try_clone().unwrap(), &run).await;
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(code, Some(70), "{err}");
    assert!(err.contains("the result could not be written: "), "{err}");
    assert!(err.contains(&format!("`ostler agents show {id}`")), "{err}");
    let (_, shown, _) = home.run(&["agents", "show", &id]).await;
    assert!(shown.contains("\nwords\n"), "{shown}");

    let (code, err) = run_into(&home, full, &["agents", "list"]).await;
    assert_eq!(code, Some(70), "{err}");
    assert!(err.contains("standard output cannot be written"), "{err}");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let home = echo();
    for args in [&["run", "--provider", "echo", "x"][..], &["agents", "list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, err) = run_into(&home, writer, args).await;
        assert_eq!(code, Some(0), "{args:?}: {err}");
        assert!(!err.contains("written"), "{args:?}: {err}");
    }
}

#[tokio::test]
async fn run_prints_the_result_and_nothing_else_on_standard_output() {
    let home = echo();
    let (code, out, err) = home
        .run(&["run", "--provider", "echo", "two\n lines "])
        .await;
    assert_eq!((code, out.as_str()), (0, "two\n lines \n"), "{err}");
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();
    let last = err.lines().last().unwrap();
    assert_eq!(
        last,
        format!("ostler: {id} completed: 0 turns, 0 tool calls, 0 tokens")
    );
}

#[tokio::test]
async fn run_prints_a_long_result_whole() {
    let home = echo();
    let long: String = (0..5000).map(|n| format!("{n} é€😀\n")).collect();
    let long = long.trim_end();
    let (code, out, err) = home.run(&["run", "--provider", "echo", long]).await;
    assert_eq!(code, 0, "{err}");
    assert!(out == format!("{long}\n"), "{} bytes", out.len());
}

#[tokio::test]
async fn run_reads_the_prompt_from_standard_input() {
    let home = echo();
    let mut run = home
        .ostler()
        .args(["run", "--provider", "echo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = run.stdin.take().unwrap();
    input.write_all(b"from a pipe").await.unwrap();
    drop(input);
    let output = run.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "from a pipe\n");
}

#[tokio::test]
async fn run_refuses_an_empty_prompt() {
    let home = echo();
    let (code, out, err) = home.run(&["run", "--provider", "echo", ""]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, "ostler: `prompt` is empty\n");
}

#[tokio::test]
async fn run_ends_with_10_when_a_limit_made_it_wrap_up() {
    // It calls a tool in its last turn, so the wrap-up message is due with the tool's result.
    let body = r#"
read -r prompt
echo '{"ostler":"turn"}'
echo '{"ostler":"tool_start","id":"1","name":"look"}'
read -r wrap_up
echo '{"ostler":"tool_end","id":"1"}'
echo '{"ostler":"turn"}'
echo '{"ostler":"result","text":"in short"}'"#;
    let home = Home::new().line_script("wordy", body);
    let (code, out, err) = home
        .run(&["run", "--provider", "wordy", "--max-turns", "1", "x"])
        .await;
    assert_eq!((code, out.as_str()), (10, "in short\n"), "{err}");
    assert!(err.contains(" steered: 2 turns, 1 tool calls"), "{err}");
}

#[tokio::test]
async fn run_ends_with_11_when_it_was_cut_off() {
    let home = Home::new().script("sleeper", "exec sleep 600");
    let (code, _, err) = home
        .run(&["run", "--provider", "sleeper", "--timeout-s", "1", "x"])
        .await;
    assert_eq!(code, 11, "{err}");
    assert!(err.contains(" aborted: "), "{err}");
    assert!(err.contains("timeout_s"), "the limit is named: {err}");
}

#[tokio::test]
async fn run_ends_with_12_when_somebody_else_stops_the_agent() {
    let home = Home::new();
    let body = format!("touch {:?}; exec sleep 600", home.path("works"));
    let home = home.script("sleeper", &body);
    let run = home
        .ostler()
        .args(["run", "--provider", "sleeper", "x"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    home.appears("works").await;
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();
    let stop = ["agents", "stop", "--reason", "enough of it", &id];
    let (code, out, err) = home.run(&stop).await;
    assert_eq!(code, 0, "{out}{err}");

    let output = run.wait_with_output().await.unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(12), "{err}");
    assert!(err.contains(&format!("{id} stopped: ")), "{err}");
    assert!(err.contains("enough of it"), "{err}");
}

#[tokio::test]
async fn run_ends_with_13_when_the_agent_failed() {
    let home = Home::new().script("broken", "exit 3");
    let (code, _, err) = home.run(&["run", "--provider", "broken", "x"]).await;
    assert_eq!(code, 13, "{err}");
    assert!(err.contains(" error: "), "{err}");
    assert!(err.contains("the script ended with exit code 3"), "{err}");
}

/// Standard error has a reader of its own, and the process may be gone before it is done.
#[tokio::test]
async fn the_last_words_of_a_failing_script_are_never_lost() {
    let home = Home::new()
        .env("OSTLER_AGENTS_MAX_SPAWNS_PER_MINUTE", "1000")
        .script("broken", "echo because >&2; exit 3");
    let mut server = home.server().await;
    for round in 0..50 {
        let done = server
            .run(json!({ "prompt": "x", "provider": "broken" }))
            .await;
        assert_eq!(
            done["detail"], "the script ended with exit code 3; it wrote: because",
            "round {round}"
        );
    }
    server.leave().await;
}

#[tokio::test]
async fn an_unknown_provider_is_answered_with_the_nearest_or_those_there_are() {
    let home = echo();
    let (code, out, err) = home.run(&["run", "--provider", "claud", "x"]).await;
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(
        err,
        "ostler: there is no provider `claud`\ndid you mean `claude`?\n"
    );
    let (code, out, err) = home.run(&["run", "--provider", "gpt", "x"]).await;
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(
        err,
        "ostler: there is no provider `gpt`\nproviders here: claude, codex, echo, gemini, opencode\n"
    );
}

#[tokio::test]
async fn a_mistyped_flag_is_wrong_input() {
    let home = echo();
    let (code, out, err) = home.run(&["run", "--modell", "m", "x"]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("'--modell'") && err.contains("'--model'"),
        "{err}"
    );

    let (code, out, err) = home.run(&["run", "--permission", "all", "x"]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("take read_only, edit or full"), "{err}");

    let (code, out, err) = home.run(&["spawn"]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("'spawn'"), "{err}");
    assert!(!home.state().exists(), "nothing was opened");
}

#[tokio::test]
async fn a_broken_configuration_names_file_and_key() {
    let home = Home::new();
    let file = home.path("config.toml");
    let broken = [
        (
            "[agents]\nmax_turn = 3\n",
            format!(
                "ostler: unknown key `agents.max_turn` in {}\n\
                 Did you mean `agents.max_turns`? Correct or remove it.\n",
                file.display()
            ),
        ),
        (
            "[agents]\nmax_starting = 0\n",
            format!("ostler: `agents.max_starting` in {}: ", file.display()),
        ),
        (
            "[agents]\nmax_turns = \n",
            format!("ostler: {} is not TOML, line 2: ", file.display()),
        ),
    ];
    for (text, expected) in broken {
        fs::write(&file, text).unwrap();
        let (code, out, err) = home.run(&["agents", "list"]).await;
        assert_eq!((code, out.as_str()), (2, ""), "{text}");
        assert!(err.starts_with(&expected), "{text}: {err}");
        assert!(!home.state().exists(), "nothing was opened");
    }
}

#[tokio::test]
async fn a_broken_variable_is_named() {
    let home = Home::new().env("OSTLER_AGENTS_MAX_CONCURRENT", "many");
    let (code, _, err) = home.run(&["agents", "list"]).await;
    assert_eq!(code, 2);
    let expected = "ostler: `agents.max_concurrent` in the variable OSTLER_AGENTS_MAX_CONCURRENT: ";
    assert!(err.starts_with(expected), "{err}");
}

#[tokio::test]
async fn a_project_file_counts_but_may_not_choose_what_runs() {
    let home = echo();
    fs::create_dir(home.project().join(".ostler")).unwrap();
    let file = home.project().join(".ostler/config.toml");
    fs::write(&file, "[agents]\nmax_turns = 7\n").unwrap();
    let (code, _, err) = home.run(&["run", "--provider", "echo", "x"]).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(listed(&home).await[0]["turns"], json!("0/7"));

    fs::write(&file, "[providers.mine]\nkind = \"script\"\n").unwrap();
    let (code, _, err) = home.run(&["run", "--provider", "mine", "x"]).await;
    assert_eq!(code, 2);
    assert!(
        err.starts_with("ostler: `providers` may not be set in "),
        "{err}"
    );
    assert!(err.contains(&file.display().to_string()), "{err}");
}
