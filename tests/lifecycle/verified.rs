//! What a caller expects of a run, checked by ostler when the run has ended.

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, git};

/// Does what its prompt says, as a shell.
fn world() -> Home {
    Home::new()
        .script("shell", "sh -c \"$(cat)\"; echo did it")
        .config("[agents]\nprovider = \"shell\"")
}

async fn run(server: &mut McpClient, prompt: &str, expect: Value) -> Value {
    server
        .run(json!({ "prompt": prompt, "expect": expect }))
        .await
}

/// What failed, each as `what: why`.
fn failed(done: &Value) -> Vec<String> {
    let failed = done["failed"].as_array().unwrap().iter();
    failed
        .map(|unmet| {
            let (what, why) = (unmet["what"].as_str(), unmet["why"].as_str());
            format!("{}: {}", what.unwrap(), why.unwrap())
        })
        .collect()
}

#[tokio::test]
async fn what_holds_is_verified_and_what_does_not_is_named() {
    let home = world();
    let mut server = home.server().await;
    let expect = json!({ "files": ["a.txt", "sub/b.txt"], "command": "grep -q one a.txt" });
    let prompt = "mkdir sub; echo one > a.txt; echo two > sub/b.txt";
    let done = run(&mut server, prompt, expect.clone()).await;
    assert_eq!(
        (&done["status"], &done["verified"], &done["failed"]),
        (&json!("completed"), &json!(true), &Value::Null),
        "{done:#}"
    );
    let done = run(
        &mut server,
        "rm sub/b.txt; ln -s /etc/passwd sub/b.txt; echo two > a.txt",
        json!({ "files": ["a.txt", "sub/b.txt", "c.txt", "sub"],
                "command": "echo out; echo err >&2; exit 3" }),
    )
    .await;
    assert_eq!(
        (&done["status"], &done["verified"]),
        (&json!("completed"), &json!(false))
    );
    let id = done["id"].as_str().unwrap();
    let evidence = server.evidence(id).await;
    assert_eq!(
        failed(&evidence),
        [
            "file sub/b.txt: is a link that leads out of the workspace",
            "file c.txt: is not there",
            "file sub: is no regular file",
            "command: exit code 3; the end of its output:\nout\nerr",
        ]
    );
    let result = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(result["verified"], false, "{result:#}");
    assert_eq!(failed(&result), failed(&done));
    server.until_logged(id, "verified").await;
}

#[tokio::test]
async fn commits_and_a_clean_tree_are_seen() {
    let home = world()
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.com")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.com");
    git(&home.project(), &["init", "-q"]);
    let mut server = home.server().await;
    let expect = || json!({ "commits": true, "clean": true });
    let done = run(&mut server, "echo x > a.txt", expect()).await;
    assert_eq!(
        failed(&done),
        [
            "commits: nothing was committed",
            "clean: not committed: ?? a.txt"
        ],
        "{done:#}"
    );
    let done = run(&mut server, "git add a.txt; git commit -qm one", expect()).await;
    assert_eq!(done["verified"], true, "the first commit of all: {done:#}");
    let done = run(&mut server, "true", expect()).await;
    assert_eq!(failed(&done), ["commits: nothing was committed"]);
    let done = run(&mut server, "git commit -q --allow-empty -m two", expect()).await;
    assert_eq!(done["verified"], true, "{done:#}");
}

#[tokio::test]
async fn nothing_of_a_command_stays_behind() {
    let home = world();
    let mut server = home.server().await;
    let command = "setsid sleep 300 & echo $OSTLER_SECRET > seen; test -z \"$OSTLER_SECRET\"";
    let done = run(&mut server, "true", json!({ "command": command })).await;
    assert_eq!(done["verified"], true, "{done:#}");
    let left: Vec<String> = home.processes();
    assert!(!left.iter().any(|it| it.contains("sleep")), "{left:?}");
}

#[tokio::test]
async fn a_stop_cuts_the_check_and_the_work_stays_done() {
    let home = world();
    let mut server = home.server().await;
    let command = "echo up > up; exec setsid sleep 300";
    let id = server
        .spawn(json!({ "prompt": "true", "expect": { "command": command } }))
        .await;
    home.written("up", 1).await;
    let arguments = json!({ "ids": [id], "reason": "enough" });
    server.call("stop_agents", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["verified"]),
        (&json!("completed"), &json!(false)),
        "{done:#}"
    );
    assert_eq!(failed(&done), ["command: the check was cut off: enough"]);
    let left: Vec<String> = home.processes();
    assert!(!left.iter().any(|it| it.contains("sleep")), "{left:?}");
}

#[tokio::test]
async fn the_end_of_the_server_cuts_the_check() {
    let home = world();
    let mut server = home.server().await;
    let command = "echo up >> up; exec setsid sleep 300";
    server
        .spawn(json!({ "prompt": "true", "expect": { "command": command } }))
        .await;
    home.written("up", 1).await;
    // What would be left behind fails every test here.
    server.leave().await;
    let mut server = home.server().await;
    server
        .spawn(json!({ "prompt": "true", "expect": { "command": command } }))
        .await;
    home.written("up", 2).await;
    server.kill().await;
}

#[tokio::test]
async fn a_check_has_no_more_time_than_the_run() {
    let home = world();
    let mut server = home.server().await;
    let arguments =
        json!({ "prompt": "true", "timeout_s": 2, "expect": { "command": "sleep 300" } });
    let done = server.run(arguments).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let why = failed(&done).remove(0);
    assert!(why.starts_with("command: it did not end within "), "{why}");
}

#[tokio::test]
async fn what_was_cut_off_is_checked_and_what_failed_is_not() {
    let home = world().script("fails", "exit 1");
    let mut server = home.server().await;
    let mut arguments = json!({ "prompt": "echo x > a.txt; sleep 300", "timeout_s": 2,
        "expect": { "files": ["a.txt"] } });
    let done = server.run(arguments.clone()).await;
    assert_eq!(
        (&done["status"], &done["verified"]),
        (&json!("aborted"), &json!(true)),
        "{done:#}"
    );
    arguments["provider"] = json!("fails");
    let done = server.run(arguments).await;
    assert_eq!(
        (&done["status"], &done["verified"]),
        (&json!("error"), &Value::Null),
        "{done:#}"
    );
}

#[tokio::test]
async fn what_cannot_be_checked_is_refused_and_nothing_is_spawned() {
    let home = world();
    let mut server = home.server().await;
    for (expect, expected) in [
        (json!({}), "expects nothing"),
        (json!({ "files": ["../x"] }), "names the file \"../x\""),
        (json!({ "files": ["/etc/passwd"] }), "names the file"),
        (json!({ "command": " " }), "has an empty command"),
        (json!({ "commits": true }), "is in no git repository"),
        (json!({ "clean": true }), "is in no git repository"),
    ] {
        let arguments = json!({ "prompt": "x", "expect": expect });
        let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.starts_with("`expect` "), "{refusal}");
        assert!(refusal.contains(expected), "{refusal}");
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn words_that_do_not_go_with_the_account_are_flagged() {
    let home = Home::new().line_script(
        "talk",
        "hear; turn; case $said in *WORK*) tool 1 Edit;; esac; result 'I have fixed the parser.'",
    );
    let mut server = home.server().await;
    let task = |prompt: &str| json!({ "prompt": prompt, "provider": "talk" });
    let done = server.run(task("Fix it.")).await;
    assert_eq!(
        done["flags"],
        json!(["claims work, but made no tool calls"]),
        "{done:#}"
    );
    let id = done["id"].as_str().unwrap();
    assert_eq!(server.evidence(id).await["flags"], done["flags"]);
    let again = json!({ "id": id, "prompt": "What did you do?" });
    server.call("resume_agent", again).await.unwrap();
    let done = server.wait(&[id]).await.remove(0);
    assert_eq!(
        done["flags"],
        Value::Null,
        "it may speak of run 1: {done:#}"
    );
    let done = server.run(task("WORK")).await;
    assert_eq!(
        done["flags"],
        json!(["claims changed files, but wrote none and ran no command"]),
        "{done:#}"
    );
}

#[tokio::test]
async fn on_the_command_line_what_does_not_hold_is_an_exit_code() {
    let home = world();
    let args = ["run", "echo x > a.txt", "--expect-file", "a.txt"];
    let (code, _, err) = home.run(&args).await;
    assert_eq!(code, 0, "{err}");
    let args = [&args[..], &["--expect-command", "echo no; exit 1"]].concat();
    let (code, out, err) = home.run(&args).await;
    assert_eq!((code, out.as_str()), (14, "did it\n"), "{err}");
    assert!(
        err.contains("not as expected: command: exit code 1"),
        "{err}"
    );
}
