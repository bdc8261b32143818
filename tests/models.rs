//! The scripted model and the worlds of the real CLIs, without ostler: each CLI runs a tool and
//! answers.

mod dialects;

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::model::{Model, Reply, Script, last_user_text};
use crate::support::worlds;

/// Runs the CLI of `provider` to its end; what it printed.
async fn run(home: &Home, provider: &str, args: &[&str]) -> String {
    let mut command = worlds::program(home, provider);
    command.args(args).stdin(std::process::Stdio::null());
    let output = command.output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{complained}");
    printed
}

/// A model that runs a shell command and then answers.
async fn working(tool: &str, input: Value) -> Model {
    let replies = [Reply::tool(tool, input), Reply::text("heard {{last_user}}")];
    Model::start(Script::new().on("ALPHA", replies)).await
}

/// That the tool ran, and that both requests were for the prompt.
fn check(home: &Home, model: &Model, printed: &str) {
    assert!(printed.contains("heard ALPHA"), "{printed}");
    assert!(home.project().join("made").exists(), "{printed}");
    let texts: Vec<_> = model.requests().iter().map(last_user_text).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    assert!(
        texts.iter().all(|text| text.contains("ALPHA")),
        "{texts:#?}"
    );
}

#[tokio::test]
async fn claude_works_for_the_scripted_model() {
    let model = working("Bash", json!({ "command": "touch made" })).await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    let printed = run(
        &home,
        "claude",
        &["-p", "--allowedTools", "Bash", "--", "ALPHA"],
    )
    .await;
    check(&home, &model, &printed);
}

#[tokio::test]
async fn codex_works_for_the_scripted_model() {
    let model = working("exec_command", json!({ "cmd": "touch made" })).await;
    let Some(home) = worlds::with_codex(Home::new(), &model) else {
        return;
    };
    let args = [
        "exec",
        "--json",
        "--skip-git-repo-check",
        "-s",
        "workspace-write",
        "ALPHA",
    ];
    let printed = run(&home, "codex", &args).await;
    check(&home, &model, &printed);
    assert!(printed.contains(r#""input_tokens":300"#), "{printed}");
}

#[tokio::test]
async fn gemini_works_for_the_scripted_model() {
    let model = working("run_shell_command", json!({ "command": "touch made" })).await;
    let Some(home) = worlds::with_gemini(Home::new(), &model) else {
        return;
    };
    let args = [
        "--skip-trust",
        "-m",
        "gemini-2.5-pro",
        "--approval-mode",
        "yolo",
        "-p",
        "ALPHA",
    ];
    let printed = run(&home, "gemini", &args).await;
    check(&home, &model, &printed);
}

#[tokio::test]
async fn opencode_works_for_the_scripted_model() {
    let input = json!({ "command": "touch made", "description": "make a file" });
    let model = working("bash", input).await;
    let Some(home) = worlds::with_opencode(Home::new(), &model) else {
        return;
    };
    let printed = run(&home, "opencode", &["run", "ALPHA"]).await;
    check(&home, &model, &printed);
}
