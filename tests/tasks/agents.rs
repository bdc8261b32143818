//! Agents that are spawned for tasks: the claim lives and dies with the run, the prompt has the task,
//! and nothing but what ostler has found closes it.

use serde_json::{Value, json};
use sqlx::Executor;

use super::task;
use crate::family::{inside, lineage};
use crate::support::mcp::McpClient;
use crate::support::{Home, git};

/// Keeps its prompt, and says that it is done.
const TALK: &str = "cat > prompt; echo 'All done, the task is complete.'";
/// The same with a file and a commit.
const WORK: &str = "cat > prompt; echo made > made.txt; git add made.txt; \
                    git commit -qm 'Make it'; echo 'I made it.'";
/// Waits to be told; `up` says that it is there.
const WAIT: &str = "hear; turn; echo up >> up; listen_for END; result led";

fn world() -> Home {
    let home = Home::new()
        .script("talk", TALK)
        .script("work", WORK)
        .script("fail", "echo 'I give up'; exit 3")
        .line_script("wait", WAIT)
        .config("[agents]\nprovider = \"work\"")
        .env("GIT_AUTHOR_NAME", "t")
        .env("GIT_AUTHOR_EMAIL", "t@example.com")
        .env("GIT_COMMITTER_NAME", "t")
        .env("GIT_COMMITTER_EMAIL", "t@example.com")
        .env("OSTLER_SESSION", "one");
    let project = home.project();
    git(&project, &["init", "-q"]);
    std::fs::write(project.join(".gitignore"), "/prompt\n/up\n").unwrap();
    git(&project, &["add", "."]);
    git(&project, &["commit", "-q", "--allow-empty", "-m", "start"]);
    home
}

/// Two tasks, of which the second waits for the first, which has criteria: their ids.
async fn two(server: &mut McpClient) -> [String; 2] {
    let tasks = json!([
        { "ref": "a", "title": "Make the file", "description": "It is called made.txt.",
          "acceptance": "made.txt is committed" },
        { "title": "Use the file", "blocked_by": ["a"] },
    ]);
    let created = server.call("create_tasks", json!({ "tasks": tasks })).await;
    ids(&created.unwrap()).try_into().unwrap()
}

/// Those with a name first.
fn ids(created: &Value) -> Vec<String> {
    let named = created["refs"].as_object().into_iter().flatten();
    let named = named.map(|(_, id)| id);
    let others = created["ids"].as_array().into_iter().flatten();
    let all = named.chain(others);
    all.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// The texts of a task's history of one kind.
fn notes<'a>(task: &'a Value, kind: &str) -> Vec<&'a str> {
    let notes = task["notes"].as_array().unwrap().iter();
    notes
        .filter(|note| note["kind"] == kind)
        .map(|note| note["text"].as_str().unwrap())
        .collect()
}

/// The targets of a task's links of one kind.
fn links<'a>(task: &'a Value, kind: &str) -> Vec<&'a str> {
    let links = task["links"].as_array().into_iter().flatten();
    links
        .filter(|link| link["kind"] == kind)
        .map(|link| link["target"].as_str().unwrap())
        .collect()
}

async fn refused(server: &mut McpClient, tool: &str, arguments: Value) -> String {
    match server.call(tool, arguments).await {
        Ok(done) => panic!("it is not refused: {done:#}"),
        Err(told) => told,
    }
}

fn head(home: &Home) -> String {
    git(&home.project(), &["rev-parse", "HEAD"])
        .trim()
        .to_owned()
}

#[tokio::test]
async fn what_was_expected_closes_the_task_and_frees_what_waited() {
    let home = world();
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    let arguments = json!({ "task": "next", "prompt": "Be brief.",
        "expect": { "command": "grep -q made made.txt", "commits": true } });
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    assert_eq!(
        spawned["task"],
        json!({ "id": first, "title": "Make the file" }),
        "{spawned:#}"
    );
    let id = spawned["id"].as_str().unwrap();
    let done = server.wait(&[id]).await.remove(0);
    assert_eq!(
        done["task"],
        json!({ "id": first, "status": "done",
            "unblocked": [{ "id": second, "title": "Use the file" }] }),
        "{done:#}"
    );
    let prompt = home.lines_of("prompt").join("\n");
    for told in [
        "Title: Make the file",
        "It is called made.txt.",
        "It is done when:\nmade.txt is",
        "What waits for it:",
        "says besides:\n\nBe brief.",
        "kept with",
    ] {
        assert!(prompt.contains(told), "{told} in {prompt}");
    }
    let seen = task(&mut server, &first).await;
    let commit = head(&home);
    assert_eq!(seen["status"], "done", "{seen:#}");
    assert_eq!(
        seen["evidence"],
        json!({ "commits": [commit], "commands": ["grep -q made made.txt"], "agents": [id] })
    );
    assert_eq!(
        (links(&seen, "worker"), links(&seen, "commit")),
        (vec![id], vec![&*commit])
    );
    let result = notes(&seen, "result").remove(0);
    assert!(
        result.starts_with(&format!(
            "{id} ended as completed; what was expected of it holds; 1 commit\n"
        )),
        "{result}"
    );
    assert!(
        result.ends_with("which nobody has checked: I made it."),
        "{result}"
    );
    // Its evidence has it as well, and so has its page.
    assert_eq!(server.evidence(id).await["task"]["status"], "done");
    let page = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(
        (&page["task"]["status"], &page["task_id"]),
        (&json!("done"), &json!(first))
    );
}

#[tokio::test]
async fn words_alone_and_unmet_expectations_leave_it_open_with_what_was_found() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let done = server
        .run(json!({ "task": first, "provider": "talk" }))
        .await;
    assert_eq!(done["status"], "completed");
    assert_eq!(
        done["task"],
        json!({ "id": first, "status": "open", "why": "nothing has shown that it is done" })
    );
    let expect = json!({ "files": ["made.txt"] });
    let arguments = json!({ "task": first, "provider": "talk", "expect": expect });
    let done = server.run(arguments).await;
    assert_eq!(
        done["task"]["why"],
        "what was expected of the agent does not hold"
    );
    let seen = task(&mut server, &first).await;
    assert_eq!(
        (&seen["status"], &seen["claim"]),
        (&json!("ready"), &Value::Null)
    );
    let results = notes(&seen, "result");
    assert!(
        results[1].contains("not as expected: file made.txt: is not there"),
        "{results:?}"
    );
    assert_eq!(links(&seen, "worker").len(), 2);
    let released = notes(&seen, "released");
    assert!(released[0].ends_with("ended as completed"), "{released:?}");
}

#[tokio::test]
async fn a_task_with_open_parts_is_not_closed_and_one_without_commits_in_a_tree_names_its_branch() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let arguments = json!({ "task": first, "isolation": "worktree", "provider": "wait",
        "expect": { "files": ["made.txt"] } });
    let id = server.spawn(arguments).await;
    let tree = server
        .until(&id, |brief| brief["status"] == "running")
        .await;
    let tree = std::path::PathBuf::from(tree["cwd"].as_str().unwrap());
    crate::support::until("it is up", || tree.join("up").exists()).await;
    std::fs::write(tree.join("made.txt"), "made").unwrap();
    let part = json!({ "tasks": [{ "title": "A part", "parent": first }] });
    let part = ids(&server.call("create_tasks", part).await.unwrap()).remove(0);
    let message = json!({ "id": id, "message": "END" });
    server.call("steer_agent", message).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["verified"], true, "{done:#}");
    let why = format!("{first} has open children: {part}");
    assert_eq!(
        done["task"],
        json!({ "id": first, "status": "open", "why": why })
    );
    let seen = task(&mut server, &first).await;
    assert_eq!(
        links(&seen, "branch"),
        [done["workspace"]["branch"].as_str().unwrap()]
    );
    assert_eq!(
        links(&seen, "commit").len(),
        1,
        "ostler has committed what was left"
    );
}

#[tokio::test]
async fn whatever_ends_a_run_gives_its_claim_back() {
    let home = world().env("OSTLER_AGENTS_MAX_CONCURRENT", "1");
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let done = server
        .run(json!({ "task": first, "provider": "fail" }))
        .await;
    assert_eq!(
        (&done["status"], &done["task"]["status"]),
        (&json!("error"), &json!("open"))
    );
    // It runs, and is stopped.
    let running = server
        .spawn(json!({ "task": first, "provider": "wait" }))
        .await;
    home.written("up", 1).await;
    let held = refused(&mut server, "spawn_agent", json!({ "task": first })).await;
    assert!(
        held.starts_with(&format!("{first} is held by {running}")),
        "{held}"
    );
    let free = json!({ "tasks": [{ "title": "Another" }] });
    let other = ids(&server.call("create_tasks", free).await.unwrap()).remove(0);
    // It waits for its turn, and is stopped.
    let queued = server.spawn(json!({ "task": "next" })).await;
    let seen = task(&mut server, &other).await;
    assert_eq!(seen["claim"]["holder"], json!(queued), "{seen:#}");
    server
        .call("stop_agents", json!({ "ids": [queued] }))
        .await
        .unwrap();
    let seen = task(&mut server, &other).await;
    assert_eq!(
        (&seen["status"], &seen["claim"]),
        (&json!("ready"), &Value::Null)
    );
    assert_eq!(
        notes(&seen, "released"),
        [format!("{queued} ended as stopped")]
    );
    let empty = refused(&mut server, "spawn_agent", json!({ "task": "t-zzzzzz" })).await;
    assert!(
        empty.starts_with("no task here has the id t-zzzzzz"),
        "{empty}"
    );
    server
        .call("stop_agents", json!({ "ids": [running] }))
        .await
        .unwrap();
    assert_eq!(task(&mut server, &first).await["status"], "ready");
}

#[tokio::test]
async fn a_dead_server_takes_no_claim_along_and_its_agent_closes_nothing_any_more() {
    let home = world();
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    let id = server
        .spawn(json!({ "task": first, "provider": "wait" }))
        .await;
    home.written("up", 1).await;
    let mut agent = inside(&home, &id).await;
    let seen = task(&mut agent, &first).await;
    let fence = seen["claim"]["fence"].clone();
    assert_eq!(seen["claim"]["holder"], json!(id));
    let lineage = lineage(&id);
    server.kill().await;
    let mut server = home.server().await;
    let seen = task(&mut server, &first).await;
    assert_eq!(
        (&seen["status"], &seen["claim"]),
        (&json!("ready"), &Value::Null),
        "{seen:#}"
    );
    assert_eq!(
        notes(&seen, "released"),
        [format!("{id} ended as error (owner_lost)")]
    );
    // Whoever still speaks for that run is not heard: neither with the old claim nor without one.
    let mut late = home.ostler();
    late.env("OSTLER_LINEAGE", lineage);
    let mut agent = McpClient::start(late).await;
    for (task, fence) in [(&first, fence), (&second, Value::Null)] {
        let mut close = json!({ "id": task, "reason": "wont_do", "note": "x" });
        if !fence.is_null() {
            close["fence"] = fence;
        }
        let told = refused(&mut agent, "close_task", close).await;
        assert!(told.contains("does not run any more"), "{told}");
    }
    let told = refused(&mut agent, "claim_task", json!({ "id": first })).await;
    assert!(told.contains("does not run any more"), "{told}");
    assert_eq!(task(&mut server, &first).await["status"], "ready");
}

#[tokio::test]
async fn an_agent_that_goes_on_has_its_task_again_if_it_can() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let failed = server
        .run(json!({ "task": first, "provider": "fail" }))
        .await;
    let id = failed["id"].as_str().unwrap();
    let again = json!({ "id": id, "prompt": "once more" });
    let resumed = server.call("resume_agent", again.clone()).await.unwrap();
    assert_eq!(resumed["task"]["id"], json!(first), "{resumed:#}");
    server.wait(&[id]).await;
    let seen = task(&mut server, &first).await;
    assert_eq!(notes(&seen, "claimed"), ["claim 1", "claim 2"]);
    // Held by another session.
    let mut other = home.ostler();
    other.env("OSTLER_SESSION", "two");
    let mut other = McpClient::start(other).await;
    other
        .call("claim_task", json!({ "id": first }))
        .await
        .unwrap();
    let told = refused(&mut server, "resume_agent", again.clone()).await;
    assert!(
        told.starts_with(&format!("{first} is held by session:two")),
        "{told}"
    );
    let close = json!({ "id": first, "reason": "wont_do", "note": "nobody needs it" });
    other.call("close_task", close).await.unwrap();
    let resumed = server.call("resume_agent", again).await.unwrap();
    assert_eq!(
        resumed["ignored"],
        json!([format!(
            "task: {first} is closed (wont_do); this run goes on without it"
        )])
    );
    assert_eq!(server.wait(&[id]).await[0]["task"], Value::Null);
}

#[tokio::test]
async fn a_session_hands_its_own_claim_on() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    server
        .call("claim_task", json!({ "id": first }))
        .await
        .unwrap();
    let id = server
        .spawn(json!({ "task": first, "provider": "wait" }))
        .await;
    let seen = task(&mut server, &first).await;
    assert_eq!(seen["claim"]["holder"], json!(id));
    assert_eq!(notes(&seen, "released"), [format!("handed on to {id}")]);
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn commits_and_commands_of_a_session_are_looked_at() {
    let home = world();
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    // Git counts in seconds.
    let past = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@e",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    ];
    let made = std::process::Command::new("git")
        .args(past)
        .current_dir(home.project())
        .env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
        .status();
    assert!(made.unwrap().success());
    let older = head(&home);
    for (evidence, told) in [
        (
            json!({}),
            "it has acceptance criteria and no evidence was given",
        ),
        (
            json!({ "commits": ["main"] }),
            "\"main\" is no hash of a commit",
        ),
        (
            json!({ "commits": ["--all"] }),
            "\"--all\" is no hash of a commit",
        ),
        (
            json!({ "commits": ["abcdef12"] }),
            "abcdef12 is no commit of the repository in",
        ),
        (json!({ "commits": [older] }), "is older than the task"),
        (
            json!({ "command": "echo out; echo err >&2; exit 4" }),
            "the command had exit code 4; the end of its output: out err",
        ),
        (json!({ "command": "  " }), "`command` is empty"),
        (
            json!({ "agent": "a-000000" }),
            "no agent has the id a-000000",
        ),
    ] {
        let close = json!({ "id": first, "evidence": evidence });
        let answer = refused(&mut server, "close_task", close).await;
        assert!(answer.contains(told), "{told}: {answer}");
        assert!(answer.lines().count() <= 3, "{answer}");
    }
    assert_eq!(task(&mut server, &first).await["status"], "ready");
    git(
        &home.project(),
        &[
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@e",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "now",
        ],
    );
    let now = head(&home);
    let command = "setsid sleep 300 & test -d .git";
    let evidence = json!({ "commits": [&now[..9]], "command": command });
    let close = json!({ "id": first, "evidence": evidence });
    let closed = server.call("close_task", close).await.unwrap();
    assert_eq!(closed["unblocked"][0]["id"], json!(second), "{closed:#}");
    let seen = task(&mut server, &first).await;
    assert_eq!(
        seen["evidence"],
        json!({ "commits": [now], "commands": [command] })
    );
    let left = home.processes();
    assert!(!left.iter().any(|it| it.contains("sleep")), "{left:?}");
}

#[tokio::test]
async fn an_agent_that_was_verified_or_has_approved_is_believed_and_no_other() {
    let home = world().line_script(
        "judge",
        "hear; turn; case $said in *YESYES*) a=true ;; *) a=false ;; esac; \
         printf '{\"ostler\":\"result\",\"text\":\"{\\\\\"approved\\\\\":%s}\"}\\n' $a",
    );
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let worked = server.run(json!({ "task": first })).await;
    let worker = worked["id"].as_str().unwrap();
    let schema = json!({ "type": "object", "properties": { "approved": { "type": "boolean" } },
        "required": ["approved"] });
    let review = |prompt: &str, context: Value| {
        json!({ "prompt": prompt, "provider": "judge", "context": context,
            "output_schema": schema })
    };
    let entry = json!([format!("task:{first}")]);
    let stranger = server.run(review("YESYES", json!([]))).await["id"].clone();
    let unhappy = server.run(review("look", entry.clone())).await["id"].clone();
    let plain = json!({ "prompt": "x", "provider": "talk", "context": entry });
    let silent = server.run(plain).await["id"].clone();
    for (agent, told) in [
        (
            json!(worker),
            "nothing that was expected of that run was found by ostler",
        ),
        (
            stranger,
            "has neither worked on it nor was it given it to read",
        ),
        (unhappy, "has not approved it"),
        (silent, "has handed in no result with `approved`"),
    ] {
        let close = json!({ "id": first, "evidence": { "agent": agent } });
        let answer = refused(&mut server, "close_task", close).await;
        assert!(answer.contains(told), "{told}: {answer}");
    }
    let happy = server.run(review("YESYES", entry.clone())).await["id"].clone();
    // Whatever came after the review was not reviewed.
    let again = json!({ "id": worker, "prompt": "a last change" });
    server.call("resume_agent", again).await.unwrap();
    server.wait(&[worker]).await;
    let close = json!({ "id": first, "evidence": { "agent": happy } });
    let answer = refused(&mut server, "close_task", close).await;
    assert!(
        answer.contains("was spawned before the work on it had ended"),
        "{answer}"
    );
    let happy = server.run(review("YESYES", entry)).await["id"].clone();
    let close = json!({ "id": first, "evidence": { "agent": happy } });
    server.call("close_task", close).await.unwrap();
    let seen = task(&mut server, &first).await;
    assert_eq!(seen["evidence"], json!({ "agents": [happy] }));
    assert_eq!(links(&seen, "reader").len(), 4);
    // One whose work was verified is believed as well, if its task could not be closed then.
    let parts = json!({ "tasks": [{ "ref": "p", "title": "Whole", "acceptance": "it is" },
        { "title": "Part", "parent": "p" }] });
    let made = ids(&server.call("create_tasks", parts).await.unwrap());
    let close = json!({ "id": made[0], "evidence": { "agent": worker } });
    let answer = refused(&mut server, "close_task", close).await;
    assert!(answer.contains("has neither worked on it"), "{answer}");
}

#[tokio::test]
async fn an_agent_shows_its_own_work_and_vouches_neither_for_itself_nor_before_it_ends() {
    let home = world();
    let mut server = home.server().await;
    let [first, second] = two(&mut server).await;
    let before = head(&home);
    let id = server
        .spawn(json!({ "task": first, "provider": "wait" }))
        .await;
    home.written("up", 1).await;
    let mut agent = inside(&home, &id).await;
    for (evidence, told) in [
        (json!({ "agent": id }), "an agent cannot vouch for itself"),
        (json!({ "commits": [before] }), "made before your run began"),
        (
            json!({ "command": "test -d .git" }),
            "you have not run exactly that command",
        ),
    ] {
        // A commit of the same second cannot be told from one of the run.
        if told.contains("before your run") {
            continue;
        }
        let close = json!({ "id": first, "evidence": evidence });
        let answer = refused(&mut agent, "close_task", close).await;
        assert!(answer.contains(told), "{told}: {answer}");
    }
    let commit = |message: &str| {
        git(
            &home.project(),
            &[
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@e",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                message,
            ],
        );
        head(&home)
    };
    let elsewhere = commit("elsewhere");
    git(&home.project(), &["reset", "-q", "--hard", "HEAD~1"]);
    let close = json!({ "id": first, "evidence": { "commits": [elsewhere] } });
    let answer = refused(&mut agent, "close_task", close).await;
    assert!(
        answer.contains("is not part of what you have checked out"),
        "{answer}"
    );
    let made = commit("made");
    let close = json!({ "id": first, "evidence": { "commits": [made] } });
    let closed = agent.call("close_task", close).await.unwrap();
    assert_eq!(closed["unblocked"][0]["id"], json!(second));
    server
        .call("steer_agent", json!({ "id": id, "message": "END" }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        done["task"],
        json!({ "id": first, "status": "done",
            "unblocked": [{ "id": second, "title": "Use the file" }] })
    );
}

#[tokio::test]
async fn a_command_of_an_agent_counts_by_its_last_run() {
    let home = world().line_script(
        "shell",
        "hear; turn
         ran() { printf '{\"ostler\":\"tool_start\",\"id\":\"%s\",\"name\":\"Bash\",\"command\":\"%s\"}\\n' $1 \"$2\"
           printf '{\"ostler\":\"tool_end\",\"id\":\"%s\",\"ok\":true,\"exit_code\":%s}\\n' $1 $3; }
         ran 1 'make bad' 0; ran 2 'make good' 1; ran 3 'make good' 0; ran 4 'make bad' 2
         echo up >> up; listen_for END; result led",
    );
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let id = server
        .spawn(json!({ "task": first, "provider": "shell" }))
        .await;
    home.written("up", 1).await;
    let mut agent = inside(&home, &id).await;
    let close = |command: &str| json!({ "id": first, "evidence": { "command": command } });
    let answer = refused(&mut agent, "close_task", close("make bad")).await;
    assert!(
        answer.contains("the command had exit code 2 when you ran it last"),
        "{answer}"
    );
    agent.call("close_task", close("make good")).await.unwrap();
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn one_with_an_expectation_does_not_close_its_own_task() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let expect = json!({ "files": ["made.txt"] });
    let arguments = json!({ "task": first, "provider": "wait", "expect": expect });
    let id = server.spawn(arguments).await;
    home.written("up", 1).await;
    let mut agent = inside(&home, &id).await;
    let close = json!({ "id": first, "reason": "wont_do", "note": "too hard" });
    let answer = refused(&mut agent, "close_task", close).await;
    assert!(
        answer.contains("ostler checks what is expected of you when you have ended")
            || answer.contains("ostler checks what is expected of you when you end"),
        "{answer}"
    );
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn who_may_only_read_gets_what_changes_nothing() {
    let home = world();
    let mut server = home.server().await;
    let tasks = json!({ "tasks": [{ "title": "Write", "priority": 0 },
        { "title": "Which port?", "kind": "question", "priority": 4 }] });
    let made = ids(&server.call("create_tasks", tasks).await.unwrap());
    let reading =
        |task: &str| json!({ "task": task, "provider": "talk", "permission": "read_only" });
    let answer = refused(&mut server, "spawn_agent", reading(&made[0])).await;
    assert!(
        answer.contains("it changes files, and this agent may only read"),
        "{answer}"
    );
    let spawned = server.call("spawn_agent", reading("next")).await.unwrap();
    assert_eq!(spawned["task"]["id"], json!(made[1]), "{spawned:#}");
    let answer = refused(&mut server, "spawn_agent", reading("next")).await;
    assert!(
        answer.starts_with("no task is ready that changes no files"),
        "{answer}"
    );
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
    assert!(
        home.lines_of("prompt")
            .join("\n")
            .contains("You may only read")
    );
}

#[tokio::test]
async fn a_spawn_needs_something_to_do_and_a_task_one_agent() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let answer = refused(&mut server, "spawn_agent", json!({})).await;
    assert!(answer.starts_with("`prompt` is missing"), "{answer}");
    let group = json!({ "task": first, "n": 2, "isolation": "worktree" });
    let answer = refused(&mut server, "spawn_agent", group).await;
    assert!(
        answer.contains("`task` is claimed by one agent"),
        "{answer}"
    );
    let context = json!({ "prompt": "x", "context": ["task:t-zzzzzz"] });
    let answer = refused(&mut server, "spawn_agent", context).await;
    assert!(
        answer.starts_with("no task here has the id t-zzzzzz"),
        "{answer}"
    );
    let context =
        json!({ "prompt": "x", "provider": "talk", "context": [format!("task:{first}")] });
    let done = server.run(context).await;
    let prompt = home.lines_of("prompt").join("\n");
    assert!(
        prompt.contains("Title: Make the file") && !prompt.contains("close_task"),
        "{prompt}"
    );
    let seen = task(&mut server, &first).await;
    assert_eq!(links(&seen, "reader"), [done["id"].as_str().unwrap()]);
    assert_eq!(seen["status"], "ready");
    let (code, out, told) = home
        .run(&["run", "--task", "next", "--provider", "talk"])
        .await;
    assert_eq!(
        (code, out.as_str()),
        (0, "All done, the task is complete.\n"),
        "{told}"
    );
    assert!(
        told.contains(&format!("task {first} is open: nothing has shown that")),
        "{told}"
    );
}

#[tokio::test]
async fn tasks_of_agents_below_come_back_with_those_above() {
    let home = world().env("OSTLER_AGENTS_MAX_DEPTH", "2");
    let folder = home.project().join(".ostler/agents");
    std::fs::create_dir_all(&folder).unwrap();
    let lead = "---\nname: lead\nallowed_subagents: \"*\"\n---\nYou lead.\n";
    std::fs::write(folder.join("lead.md"), lead).unwrap();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    let arguments = json!({ "task": first, "provider": "wait", "agent": "lead" });
    let id = server.spawn(arguments).await;
    home.written("up", 1).await;
    let mut agent = inside(&home, &id).await;
    let part = json!({ "tasks": [{ "title": "A part", "parent": first }] });
    let part = ids(&agent.call("create_tasks", part).await.unwrap()).remove(0);
    let below = agent
        .spawn(json!({ "task": part, "provider": "wait" }))
        .await;
    home.written("up", 2).await;
    assert_eq!(
        task(&mut agent, &part).await["claim"]["holder"],
        json!(below)
    );
    let told = refused(&mut agent, "spawn_agent", json!({ "task": first })).await;
    assert!(told.contains(&format!("is held by {id}")), "{told}");
    server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    for id in [&first, &part] {
        let seen = task(&mut server, id).await;
        assert_eq!(seen["claim"], Value::Null, "{seen:#}");
        assert_eq!(notes(&seen, "released").len(), 1);
    }
    agent.kill().await;
}

#[tokio::test]
async fn a_plan_outlives_those_who_worked_on_it() {
    let home = world();
    let mut server = home.server().await;
    let [first, _] = two(&mut server).await;
    server
        .run(json!({ "task": first, "provider": "talk" }))
        .await;
    server.leave().await;
    let aged = "UPDATE run SET ended_ms = ended_ms - 3000000000, delivered = 1";
    home.store()
        .await
        .execute(sqlx::raw_sql(aged))
        .await
        .unwrap();
    let (code, out, told) = home.run(&["gc", "--older-than", "1"]).await;
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("1 agent"), "{out}");
    let mut server = home.server().await;
    let seen = task(&mut server, &first).await;
    assert_eq!(
        (links(&seen, "worker").len(), notes(&seen, "result").len()),
        (1, 1)
    );
}
