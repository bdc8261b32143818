//! Agents of the real CLIs and the tasks that they are spawned for.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::task;
use crate::support::mcp::McpClient;
use crate::support::model::{Model, Reply, Script};
use crate::support::{Home, git, worlds};

const IDENTITY: &str = "-c user.name=t -c user.email=t@example.com";

fn repository(home: &Home) {
    let project = home.project();
    git(&project, &["init", "-q"]);
    git(&project, &["commit", "-q", "--allow-empty", "-m", "start"]);
}

/// Two tasks, the second of which waits for the first; their ids.
async fn two(server: &mut McpClient) -> [String; 2] {
    let tasks = json!({ "tasks": [
        { "ref": "a", "title": "Make the file", "description": "FILE-TASK: call it made.txt.",
          "acceptance": "made.txt is committed" },
        { "ref": "b", "title": "Use the file", "blocked_by": ["a"] },
    ] });
    let created = server.call("create_tasks", tasks).await.unwrap();
    ["a", "b"].map(|name| created["refs"][name].as_str().unwrap().to_owned())
}

/// The commit that `command` makes of made.txt in a copy of the project, and will make in it.
fn foreseen(home: &Home, command: &str) -> String {
    let copy = home.path("copy");
    git(&home.path(""), &["clone", "-q", "project", "copy"]);
    std::fs::write(copy.join("made.txt"), "made\n").unwrap();
    let made = std::process::Command::new("sh")
        .args(["-c", command])
        .current_dir(&copy)
        .status();
    assert!(made.unwrap().success());
    head(&copy)
}

fn head(dir: &Path) -> String {
    git(dir, &["rev-parse", "HEAD"]).trim().to_owned()
}

#[tokio::test]
async fn claude_takes_the_next_task_does_it_and_closes_it_with_its_commit() {
    let model = Model::start(Script::new()).await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    repository(&home);
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    let note = json!({ "id": first, "note": "The name is lower case." });
    server.call("update_task", note).await.unwrap();
    // A commit is the same wherever it is made, if the time is.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let at = format!("@{} +0000", now.as_secs() + 60);
    let commit = format!(
        "git add made.txt && GIT_AUTHOR_DATE='{at}' GIT_COMMITTER_DATE='{at}' \
         git {IDENTITY} commit -qm 'Make it'"
    );
    let hash = foreseen(&home, &commit);
    let file = home.project().join("made.txt");
    let close = |evidence: Value| {
        Reply::tool(
            "mcp__ostler__close_task",
            json!({ "id": first, "evidence": evidence }),
        )
    };
    model.add(
        "FILE-TASK",
        [
            close(json!({})),
            Reply::tool("Write", json!({ "file_path": file, "content": "made\n" })),
            close(json!({ "commits": [hash] })),
            Reply::tool("Bash", json!({ "command": commit })),
            close(json!({ "commits": [hash[..10]] })),
            Reply::text("It is made."),
        ],
    );
    let arguments = json!({ "task": "next", "permission": "full" });
    let done = server.run(arguments).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        done["task"],
        json!({ "id": first, "status": "done",
            "unblocked": [{ "id": second, "title": "Use the file" }] }),
        "{done:#}"
    );
    let requests = model.requests();
    let asked = requests[0].to_string();
    for told in [
        "FILE-TASK: call it made.txt.",
        "made.txt is committed",
        "The name is lower case.",
        "What waits for it",
        "mcp__ostler__close_task",
        "mcp__ostler__update_task",
    ] {
        assert!(asked.contains(told), "{told} in {asked}");
    }
    let answers = requests.last().unwrap()["messages"].to_string();
    for told in [
        "no evidence was given",
        "is no commit of the repository",
        "Use the file",
    ] {
        assert!(answers.contains(told), "{told} in {answers}");
    }
    let seen = task(&mut server, &first).await;
    assert_eq!(seen["evidence"], json!({ "commits": [hash] }), "{seen:#}");
    assert_eq!(
        (&seen["status"], &seen["closed_by"]),
        (&json!("done"), &done["id"])
    );
    let links = seen["links"].as_array().unwrap();
    assert!(
        links.contains(&json!({ "kind": "worker", "target": done["id"] })),
        "{links:?}"
    );
    assert!(
        links.contains(&json!({ "kind": "commit", "target": hash })),
        "{links:?}"
    );
    assert_eq!(task(&mut server, &second).await["status"], "ready");
}

#[tokio::test]
async fn claude_that_only_says_done_closes_nothing_and_what_was_expected_does() {
    let model = Model::start(Script::new()).await;
    let Some(home) = worlds::with_claude(Home::new(), &model) else {
        return;
    };
    repository(&home);
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    let make = format!("echo made > made.txt; git add .; git {IDENTITY} commit -qm 'Make it'");
    let close = json!({ "id": first, "reason": "done", "evidence": { "command": "true" } });
    model.add(
        "FILE-TASK",
        [
            Reply::text("All done, the file is there and committed."),
            Reply::tool("mcp__ostler__close_task", close),
            Reply::tool("Bash", json!({ "command": make })),
            Reply::text("It is made."),
        ],
    );
    let done = server.run(json!({ "task": first })).await;
    assert_eq!(
        (&done["status"], &done["task"]["status"]),
        (&json!("completed"), &json!("open"))
    );
    let seen = task(&mut server, &first).await;
    assert_eq!(
        (&seen["status"], &seen["claim"]),
        (&json!("ready"), &Value::Null)
    );
    let expect = json!({ "command": "grep -q made made.txt", "commits": true });
    let arguments = json!({ "task": "next", "permission": "full", "isolation": "worktree",
        "expect": expect });
    let done = server.run(arguments).await;
    assert_eq!(
        (&done["verified"], &done["task"]["status"]),
        (&json!(true), &json!("done"))
    );
    assert_eq!(
        done["task"]["unblocked"][0]["id"],
        json!(second),
        "{done:#}"
    );
    let answers = model.requests().last().unwrap()["messages"].to_string();
    assert!(
        answers.contains("ostler checks what is expected of you"),
        "{answers}"
    );
    assert!(
        answers.contains("All done, the file is there"),
        "what the first one said: {answers}"
    );
    let seen = task(&mut server, &first).await;
    let branch = done["workspace"]["branch"].as_str().unwrap();
    let made = git(&home.project(), &["rev-parse", branch]);
    assert_eq!(
        seen["evidence"]["commits"],
        json!([made.trim()]),
        "{seen:#}"
    );
    let links = seen["links"].as_array().unwrap();
    assert!(
        links.contains(&json!({ "kind": "branch", "target": branch })),
        "{links:?}"
    );
}

/// An agent reads its task and adds a note to it, by tools whose names begin with `tool`.
async fn reads_and_notes(
    world: fn(Home, &Model) -> Option<Home>,
    (provider, permission): (&str, &str),
    tool: &str,
) {
    let model = Model::start(Script::new()).await;
    let Some(home) = world(Home::new(), &model) else {
        return;
    };
    let mut server = home.server().await;
    let question = json!({ "tasks": [{ "title": "ASKED-TASK: which port?", "kind": "question" }] });
    let created = server.call("create_tasks", question).await.unwrap();
    let id = created["ids"][0].as_str().unwrap();
    let named = |name: &str| format!("{tool}{name}");
    let search = json!({ "query": "get_task and update_task of the tracker" });
    let mut replies = vec![
        Reply::tool(&named("get_task"), json!({ "id": id })),
        Reply::tool(
            &named("update_task"),
            json!({ "id": id, "note": "It is port 80." }),
        ),
        Reply::text("It is port 80."),
    ];
    if provider == "codex" {
        replies.insert(0, Reply::tool("tool_search", search));
    }
    model.add("ASKED-TASK", replies);
    let arguments = json!({ "task": id, "provider": provider, "permission": permission });
    let done = server.run(arguments).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let seen = task(&mut server, id).await;
    let notes = seen["notes"].as_array().unwrap();
    let noted = notes.iter().find(|note| note["kind"] == "note");
    let noted = noted.unwrap_or_else(|| panic!("{seen:#}"));
    assert_eq!(
        (&noted["text"], &noted["by"]),
        (&json!("It is port 80."), &done["id"])
    );
    assert_eq!(
        seen["status"], "ready",
        "a question without criteria is not closed by words"
    );
}

#[tokio::test]
async fn a_codex_that_may_only_read_has_the_tracker_all_the_same() {
    reads_and_notes(worlds::with_codex, ("codex", "read_only"), "").await;
}

#[tokio::test]
async fn gemini_has_the_tracker_in_reach() {
    // One that may only read starts no servers, and is told so.
    reads_and_notes(worlds::with_gemini, ("gemini", "edit"), "mcp_ostler_").await;
}
