//! Programs that cannot be started, or do not do what a provider should.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::home::executable;
use crate::support::{Home, processes_with};

/// The end of an agent of the provider `it`.
async fn ended(home: &Home, prompt: &str) -> Value {
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": prompt, "provider": "it" }))
        .await;
    assert_eq!(
        processes_with(done["id"].as_str().unwrap()),
        Vec::<String>::new()
    );
    assert_eq!(server.not_json(), Vec::<String>::new());
    done
}

fn assert_error(done: &Value, reason: &str, detail: &str) {
    assert_eq!(done["status"], "error", "{done:#}");
    assert_eq!(done["reason"], reason, "{done:#}");
    assert!(
        done["detail"].as_str().unwrap().contains(detail),
        "{done:#}"
    );
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    for program in ["/no/such/program", "no-such-program-anywhere"] {
        let home = Home::new().program("it", "text", Path::new(program));
        let detail = format!("{program} is not installed");
        assert_error(&ended(&home, "x").await, "not_installed", &detail);
    }
}

#[tokio::test]
async fn a_file_that_may_not_be_executed_is_named() {
    let home = Home::new();
    let path = home.path("scripts/plain");
    std::fs::write(&path, "#!/bin/sh\necho hello\n").unwrap();
    let home = home.program("it", "text", &path);
    assert_error(
        &ended(&home, "x").await,
        "not_installed",
        "cannot be executed",
    );
}

#[tokio::test]
async fn a_directory_is_no_program() {
    let home = Home::new();
    let path = home.path("scripts");
    let home = home.program("it", "text", &path);
    assert_error(
        &ended(&home, "x").await,
        "not_installed",
        "cannot be executed",
    );
}

#[tokio::test]
async fn a_script_whose_interpreter_is_not_there_fails() {
    let home = Home::new();
    let path = home.path("scripts/odd");
    std::fs::write(&path, "#!/no/such/interpreter\n").unwrap();
    executable(&path);
    let home = home.program("it", "text", &path);
    assert_error(&ended(&home, "x").await, "not_installed", "odd");
}

#[tokio::test]
async fn a_file_of_garbage_fails_and_says_why() {
    let home = Home::new();
    let path = home.path("scripts/garbage");
    std::fs::write(
        &path,
        [0x7f, b'E', b'L', b'F', 0, 1, 2, 3, b'\n', 0xff, 0xfe],
    )
    .unwrap();
    executable(&path);
    let home = home.program("it", "text", &path);
    let done = ended(&home, "x").await;
    assert_eq!(done["status"], "error", "{done:#}");
    assert!(!done["detail"].as_str().unwrap().is_empty(), "{done:#}");
}

#[tokio::test]
async fn an_exit_code_comes_with_what_the_script_complained_of() {
    let home = Home::new().script("it", "echo 'no such model' >&2; exit 3");
    let mut server = home.server().await;
    // Its last words must not be lost in the haste of its end, so once is not enough.
    for _ in 0..10 {
        let done = server.run(json!({ "prompt": "x", "provider": "it" })).await;
        assert_error(&done, "crashed", "exit code 3; it wrote: no such model");
        assert_eq!(done["result_from"], "none");
    }
}

#[tokio::test]
async fn a_script_that_is_killed_names_the_signal() {
    let home = Home::new().script("it", "echo half; kill -9 $$");
    assert_error(&ended(&home, "x").await, "crashed", "signal 9");
}

#[tokio::test]
async fn garbage_is_no_result_in_lines_mode() {
    let home = Home::new().line_script(
        "it",
        r#"echo hello; echo '{"ostler":"sing"}'; echo '{"ostler":'; echo '[]'; exit 0"#,
    );
    let done = ended(&home, "x").await;
    assert_error(&done, "protocol", "without a result line");
    let mut server = home.server().await;
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        evidence["noise_lines"], 4,
        "each of the four lines: {evidence:#}"
    );
}

#[tokio::test]
async fn silence_and_exit_code_zero_are_no_result_in_lines_mode() {
    let home = Home::new().line_script("it", "exit 0");
    assert_error(
        &ended(&home, "x").await,
        "protocol",
        "without a result line",
    );
}

#[tokio::test]
async fn a_result_line_counts_even_if_the_script_fails_afterwards() {
    let home = Home::new().line_script("it", "hear; result 'all done'; exit 9");
    let done = ended(&home, "x").await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "all done");
}

#[tokio::test]
async fn a_script_that_never_answers_is_cut_off() {
    let home = Home::new()
        .script("it", "exec sleep 300")
        .config("[agents]\nidle_s = 1");
    let done = ended(&home, "x").await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "idle_s");
}

#[tokio::test]
async fn a_long_prompt_that_nobody_reads_does_no_harm() {
    let home = Home::new().script("it", "echo 'did not read it'");
    let done = ended(&home, &"x".repeat(900_000)).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "did not read it");
}

#[tokio::test]
async fn an_agent_that_does_not_read_its_long_prompt_can_be_stopped() {
    let home = Home::new().script("it", "echo up >> up; exec sleep 300");
    let mut server = home.server().await;
    let prompt = "x".repeat(900_000);
    let id = server
        .spawn(json!({ "prompt": prompt, "provider": "it" }))
        .await;
    home.written("up", 1).await;
    let stopped = server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert_eq!(stopped["agents"][0]["status"], "stopped", "{stopped:#}");
    assert_eq!(processes_with(&id), Vec::<String>::new());
}

#[tokio::test]
async fn a_long_prompt_arrives_whole() {
    let home = Home::new()
        .script("plain", "wc -c")
        .line_script("lines", "result \"$(head -n 1 | wc -c)\"");
    let mut server = home.server().await;
    let prompt = "x".repeat(900_000);
    let around = "{\"ostler\":\"prompt\",\"text\":\"\"}\n".len();
    for (provider, bytes) in [("plain", 900_000), ("lines", 900_000 + around)] {
        let done = server
            .run(json!({ "prompt": prompt, "provider": provider }))
            .await;
        assert_eq!(done["result"], bytes.to_string(), "{provider}: {done:#}");
    }
}

#[tokio::test]
async fn prompts_that_are_empty_or_over_long_are_refused() {
    let home = Home::new().script("it", "cat");
    let mut server = home.server().await;
    let cases = [
        (String::new(), "`prompt` is empty"),
        (" \n\t".to_owned(), "`prompt` is empty"),
        (
            "x".repeat(10_000_000),
            "`prompt` has 10000000 bytes, at most 1048576 are taken",
        ),
    ];
    for (prompt, message) in cases {
        let arguments = json!({ "prompt": prompt, "provider": "it" });
        let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.starts_with(message), "{refusal}");
        assert!(refusal.len() < 1000);
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_working_directory_that_has_gone_meanwhile_is_named() {
    let home = Home::new()
        .config("[agents]\nmax_concurrent = 1")
        .script("busy", "echo up >> up; wait_for go; echo done")
        .script("it", "cat");
    let mut server = home.server().await;
    let busy = server
        .spawn(json!({ "prompt": "x", "provider": "busy" }))
        .await;
    home.written("up", 1).await;
    let place = home.project().join("place");
    std::fs::create_dir(&place).unwrap();
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "it", "cwd": "place" }))
        .await;
    std::fs::remove_dir(&place).unwrap();
    home.touch("go");
    let done = server.wait(&[&busy, &id]).await.remove(1);
    assert_eq!(done["status"], "error", "{done:#}");
    assert!(
        done["detail"]
            .as_str()
            .unwrap()
            .contains("place is not there"),
        "{done:#}"
    );
}

#[tokio::test]
async fn a_provider_that_the_configuration_does_not_have_is_refused_with_those_there_are() {
    let home = Home::new().script("it", "cat");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "provider": "its" });
    let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
    assert_eq!(
        refusal,
        "there is no provider `its`\nproviders here: claude, codex, gemini, it, opencode"
    );
}

#[tokio::test]
async fn a_cli_that_never_comes_up_is_hung_and_leaves_nothing() {
    for kind in ["claude", "codex", "acp"] {
        let home = Home::new();
        let path = home.path("scripts/hang");
        std::fs::write(&path, "#!/bin/sh\nexec sleep 300\n").unwrap();
        executable(&path);
        let home = home.config(&format!(
            "[agents]\nstart_timeout_s = 1\n[providers.it]\nkind = {kind:?}\ncommand = [{path:?}]"
        ));
        let done = ended(&home, "x").await;
        assert_error(&done, "hung", "did not come up within 1 s");
    }
}
