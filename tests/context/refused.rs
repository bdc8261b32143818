//! Entries that cannot be had: nothing is started, and the caller is told why and what to do.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::{asking, world};
use crate::support::mcp::McpClient;

async fn refusal(server: &mut McpClient, context: &[&str]) -> String {
    let told = server.call("spawn_agent", asking(context)).await;
    told.unwrap_err()
}

/// No agent was written down.
async fn nothing_there(server: &mut McpClient) {
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]), "{listed:#}");
}

#[tokio::test]
async fn a_source_that_cannot_be_had_refuses_the_spawn_and_says_why() {
    let home = world();
    let project = home.project();
    std::fs::write(home.path("outside"), "secret").unwrap();
    std::fs::write(project.join("empty"), "").unwrap();
    std::fs::write(project.join("binary"), [0xff, 0xfe]).unwrap();
    symlink("../outside", project.join("link")).unwrap();
    symlink("..", project.join("up")).unwrap();
    let mut server = home.server().await;
    let outside = "lies outside of the project\n\
                   copy what is needed into the prompt; nothing was started";
    let no_text = "name a readable text file, or leave it out; nothing was started";
    for (entry, told) in [
        ("file:../../etc/passwd", outside.to_owned()),
        ("file:/etc/passwd", outside.to_owned()),
        ("file:../outside", outside.to_owned()),
        ("file:link", outside.to_owned()),
        ("file:up/outside", outside.to_owned()),
        ("file:/dev/zero", outside.to_owned()),
        (
            "file:missing.md",
            "there is no such file\n\
             a path starts from `cwd` or the top of the project; nothing was started"
                .to_owned(),
        ),
        ("file:empty", format!("is empty\n{no_text}")),
        ("file:binary", format!("is no UTF-8 text\n{no_text}")),
        ("file:.", format!("is a directory, not a file\n{no_text}")),
        ("agent:a-000000", String::new()),
        (
            "git:diff:no-such",
            "git: bad revision 'no-such'\n\
             name a commit, a branch or a range in a repository; nothing was started"
                .to_owned(),
        ),
        ("task:t-000000", String::new()),
        (
            "memory:",
            "asks nothing\n\
             there are summary, transcript:<n>, file:<path>, agent:<id>, task:<id>, \
             memory:<question>, git:diff, git:diff:<revision>, git:log and git:log:<n>"
                .to_owned(),
        ),
        (
            "summary",
            "the transcripts of \"test\" cannot be read, only those of Claude Code, Codex and \
             Gemini CLI\n\
             write what the agent must know into the prompt; nothing was started"
                .to_owned(),
        ),
        (
            "wiki:ports",
            "there is no such kind of entry\n\
             there are summary, transcript:<n>, file:<path>, agent:<id>, task:<id>, \
             memory:<question>, git:diff, git:diff:<revision>, git:log and git:log:<n>"
                .to_owned(),
        ),
    ] {
        // One that can be had, in front, helps nothing.
        let said = refusal(&mut server, &["file:notes.md", entry]).await;
        match entry.split_once(':') {
            Some(("agent", id)) => {
                assert!(
                    said.starts_with(&format!("no agent has the id {id}\n")),
                    "{said}"
                );
            }
            Some(("task", id)) => {
                assert!(
                    said.starts_with(&format!("no task here has the id {id}\n")),
                    "{said}"
                );
            }
            _ => assert_eq!(said, format!("context `{entry}`: {told}")),
        }
    }
    nothing_there(&mut server).await;
    assert!(!home.path("prompt").exists());
    server.leave().await;
}

#[tokio::test]
async fn a_pipe_in_the_project_holds_nobody_up() {
    let home = world();
    let pipe = home.project().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(pipe).status();
    assert!(made.unwrap().success());
    let mut server = home.server().await;
    let said = refusal(&mut server, &["file:pipe"]).await;
    assert!(
        said.starts_with("context `file:pipe`: is a pipe, not a file\n"),
        "{said}"
    );
    nothing_there(&mut server).await;
    server.leave().await;
}

/// The directory of the agent is the caller's to choose, and opens nothing.
#[tokio::test]
async fn another_directory_brings_no_other_files() {
    let home = world();
    let other = home.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("x.md"), "x").unwrap();
    let mut server = home.server().await;
    let mut asked = asking(&["file:x.md"]);
    asked["cwd"] = json!(other);
    let said = server.call("spawn_agent", asked).await.unwrap_err();
    assert!(
        said.starts_with("context `file:x.md`: lies outside of the project\n"),
        "{said}"
    );
    nothing_there(&mut server).await;
    server.leave().await;
}

#[tokio::test]
async fn an_agent_must_have_ended_with_a_result_and_be_of_the_same_project() {
    let home = world()
        .script("silent", "exit 3")
        .line_script("patient", "hear; turn; listen_for END; result done");
    let mut server = home.server().await;
    let silent = server
        .run(json!({ "prompt": "x", "provider": "silent" }))
        .await;
    let silent = silent["id"].as_str().unwrap();
    let said = refusal(&mut server, &[&format!("agent:{silent}")]).await;
    assert_eq!(
        said,
        format!(
            "context `agent:{silent}`: the agent has ended (`error`) without a result\n\
             leave it out; nothing was started"
        )
    );
    let running = server
        .spawn(json!({ "prompt": "x", "provider": "patient" }))
        .await;
    server
        .until(&running, |agent| agent["status"] == "running")
        .await;
    let said = refusal(&mut server, &[&format!("agent:{running}")]).await;
    assert_eq!(
        said,
        format!(
            "context `agent:{running}`: the agent is running and has no result yet\n\
             wait_agents first; nothing was started"
        )
    );
    server
        .call("stop_agents", json!({ "ids": [running] }))
        .await
        .unwrap();

    let elsewhere = home.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut command = home.ostler();
    command.current_dir(&elsewhere);
    let mut other = McpClient::start(command).await;
    let done = other
        .run(json!({ "prompt": "theirs", "provider": "echo" }))
        .await;
    let theirs = done["id"].as_str().unwrap();
    let said = refusal(&mut server, &[&format!("agent:{theirs}")]).await;
    assert_eq!(
        said,
        format!(
            "context `agent:{theirs}`: there is no such agent in this project\n\
             list_agents shows those of this project"
        )
    );
    other.leave().await;
    server.leave().await;
}

#[tokio::test]
async fn a_person_is_told_of_commands() {
    let home = world();
    let (code, _, err) = home.run(&["run", "x", "--context", "transcript:5"]).await;
    assert_eq!(code, 3, "{err}");
    assert!(
        err.contains("context `transcript:5`: no session is around this command\n"),
        "{err}"
    );
    let (code, _, err) = home.run(&["run", "x", "--context", "file:../x"]).await;
    assert_eq!(code, 6, "{err}");
}
