//! `ostler tasks`, as a person uses it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::Home;

/// Runs `ostler tasks` with `args`; it must succeed.
async fn printed(home: &Home, args: &[&str]) -> String {
    let (code, out, err) = home.run(&[&["tasks"], args].concat()).await;
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

async fn as_json(home: &Home, args: &[&str]) -> Value {
    let text = printed(home, &[args, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

/// Runs `ostler tasks` with `args`; it must fail with `code`, and change nothing.
async fn refused(home: &Home, code: i32, args: &[&str]) -> String {
    let before = as_json(home, &["list", "--all", "--view", "all"]).await;
    let (found, out, err) = home.run(&[&["tasks"], args].concat()).await;
    assert_eq!((found, out.as_str()), (code, ""), "{args:?}: {err}");
    let after = as_json(home, &["list", "--all", "--view", "all"]).await;
    assert_eq!(before, after, "{args:?}");
    err
}

/// Creates a task, and tells its id.
async fn create(home: &Home, args: &[&str]) -> String {
    let created = as_json(home, &[&["create"], args].concat()).await;
    created[0]["id"].as_str().unwrap().to_owned()
}

async fn titles(home: &Home, args: &[&str]) -> Vec<String> {
    let page = as_json(home, &[&["list"], args].concat()).await;
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|line| line["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs `ostler tasks` with something on its standard input.
async fn fed(home: &Home, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = home.ostler();
    command.arg("tasks").args(args);
    finished(command, input).await
}

/// Runs `ostler tasks` at a terminal of its own, where `input` is typed.
async fn at_terminal(home: &Home, args: &[&str], input: &str) -> (i32, String) {
    const SPAWN: &str =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = home.command("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_ostler"), "tasks"]);
    command.args(args).env("TERM", "xterm");
    let (code, out, _) = finished(command, input).await;
    (code, out)
}

async fn finished(mut command: tokio::process::Command, input: &str) -> (i32, String, String) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_task_is_created_listed_shown_changed_and_closed() {
    let home = Home::new();
    assert_eq!(printed(&home, &["list"]).await, "no tasks\n");
    let first = create(
        &home,
        &["Write the parser", "--label", "io,core", "-p", "1"],
    )
    .await;
    let second = create(
        &home,
        &[
            "Use it",
            "--kind",
            "bug",
            "--blocked-by",
            &first,
            "--description",
            "Everywhere.\nReally.",
            "--estimate",
            "30",
        ],
    )
    .await;
    assert_eq!(
        printed(&home, &["list"]).await,
        format!(
            "ID        STATUS   P  KIND  WAITS FOR  TITLE\n\
             {first}  ready    1                   Write the parser #core #io\n\
             {second}  blocked     bug   {first}   Use it\n"
        )
    );
    assert_eq!(
        titles(&home, &["--view", "ready"]).await,
        ["Write the parser"]
    );
    assert_eq!(
        titles(&home, &["--label", "core"]).await,
        ["Write the parser"]
    );
    assert_eq!(titles(&home, &["--kind", "bug"]).await, ["Use it"]);
    assert_eq!(titles(&home, &["--query", "really"]).await, ["Use it"]);

    let shown = printed(&home, &["show", &second[2..]]).await;
    for part in [
        "Use it",
        "\nstatus      blocked\n",
        "Everywhere.\nReally.\n",
        "-> blocked_by (holds)",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let changes = [
        "update",
        &second,
        "--title",
        "Use it twice",
        "--priority",
        "0",
        "--add-label",
        "x",
    ];
    let line = as_json(&home, &changes).await;
    assert_eq!(
        line,
        json!({"id": second, "title": "Use it twice", "status": "blocked", "priority": 0,
            "kind": "bug", "labels": ["x"], "waits_for": [first]})
    );
    printed(&home, &["note", &second, "said"]).await;
    let closed = as_json(&home, &["close", &first]).await;
    assert_eq!(
        closed,
        json!({"id": first, "unblocked": [{"id": second, "title": "Use it twice"}]})
    );
    assert_eq!(
        titles(&home, &["--view", "closed"]).await,
        ["Write the parser"]
    );
    printed(&home, &["reopen", &first, "--note", "not yet"]).await;
    let shown = as_json(&home, &["show", &second]).await;
    assert_eq!(shown["status"], "blocked");
    let last = shown["notes"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["text"], &last["by"]),
        (&json!("said"), &json!("person"))
    );
    assert_eq!(printed(&home, &["doctor"]).await, "every count is right\n");
}

#[tokio::test]
async fn a_file_creates_many_or_none() {
    let home = Home::new();
    let tasks = json!({"tasks": [
        {"title": "all of it", "kind": "epic", "ref": "e"},
        {"title": "part", "parent": "e", "ref": "p", "defer_until": "2999-01-01"},
        {"title": "other part", "parent": "e", "blocked_by": ["p"]},
    ]});
    let (code, out, err) = fed(&home, &["create", "--file", "-"], &tasks.to_string()).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(out.lines().count(), 3);
    let path = home.path("tasks.json");
    std::fs::write(&path, tasks["tasks"].to_string()).unwrap();
    printed(&home, &["create", "--file", path.to_str().unwrap()]).await;
    assert_eq!(titles(&home, &["--all"]).await.len(), 6);

    let tree = printed(&home, &["tree"]).await;
    let lines: Vec<&str> = tree.lines().collect();
    assert!(lines[0].contains("waits  all of it  [epic, 0/2]"), "{tree}");
    assert!(lines[1].starts_with("├─ t-"), "{tree}");
    assert!(lines[2].starts_with("└─ t-"), "{tree}");
    for (bad, told) in [
        (
            "{\"tasks\": [{\"title\": \"x\", \"statsu\": 1}]}",
            "`tasks[0].statsu`",
        ),
        (
            "[{\"title\": \"x\"}, {\"title\": \"\"}]",
            "`tasks[1].title` is empty",
        ),
        (
            "[{\"title\": \"x\", \"defer_until\": \"soon\"}]",
            "`tasks[0].defer_until` is no time",
        ),
        ("[{\"title\": \"x\"}] x", "trailing characters"),
        ("nothing", "these are no tasks"),
    ] {
        let (code, out, err) = fed(&home, &["create", "--file", "-"], bad).await;
        assert_eq!((code, out.as_str()), (2, ""), "{bad}: {err}");
        assert!(err.contains(told), "{bad}: {err}");
    }
    assert_eq!(titles(&home, &["--all"]).await.len(), 6);
    refused(&home, 2, &["create", "--file", "/nowhere/at/all"]).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let home = Home::new();
    let task = create(&home, &["one", "--acceptance", "it works"]).await;
    let other = create(&home, &["two", "--blocked-by", &task]).await;
    let task = task.as_str();
    for (code, args, told) in [
        (2, vec!["create", " "], "`title` is empty"),
        (2, vec!["create", "x", "-p", "9"], "`priority` is 9"),
        (
            2,
            vec!["create", "x", "--parent", "t-zzzzzz"],
            "`parent` names",
        ),
        (
            2,
            vec!["create", "x", "--kind", "idea"],
            "take one of task, bug",
        ),
        (
            2,
            vec!["list", "--view", "done"],
            "take one of ready, blocked",
        ),
        (2, vec!["list", "--query", "?!"], "holds no word"),
        (2, vec!["list", "--cursor", "7"], "`cursor` is none"),
        (3, vec!["show", "t-zzzzzz"], "no task here has the id"),
        (2, vec!["update", task], "nothing is to be changed"),
        (
            4,
            vec!["update", task, "--add-blocked-by", &other],
            "wait for each other",
        ),
        (6, vec!["close", task], "no evidence was given"),
        (6, vec!["close", task, "--command", "exit 3"], "exit code 3"),
        (
            2,
            vec!["close", task, "--reason", "wont_do"],
            "needs a word why",
        ),
        (
            6,
            vec!["close", task, "--seen", "it works"],
            "a person at a terminal",
        ),
        (
            6,
            vec!["delete", task, "--note", "x"],
            "a person at a terminal",
        ),
        (6, vec!["release", task], "a person at a terminal"),
        (4, vec!["reopen", task, "--note", "x"], "cannot be reopened"),
    ] {
        let err = refused(&home, code, &args).await;
        assert!(err.contains(told), "{args:?}: {err}");
    }
    printed(&home, &["close", task, "--command", "true"]).await;
}

#[tokio::test]
async fn at_a_terminal_a_person_may_attest_and_delete() {
    let home = Home::new();
    let seen = create(&home, &["seen", "--acceptance", "it works"]).await;
    let (code, out) = at_terminal(&home, &["close", &seen, "--seen", "it works"], "").await;
    assert_eq!(code, 0, "{out}");
    let shown = as_json(&home, &["show", &seen]).await;
    assert_eq!(shown["evidence"], json!({"seen": "it works"}));

    let gone = create(&home, &["gone"]).await;
    let delete = ["delete", &gone, "--note", "a slip"];
    let (code, out) = at_terminal(&home, &delete, "n\n").await;
    assert_eq!(code, 6, "{out}");
    assert_eq!(titles(&home, &[]).await, ["gone"]);
    let (code, out) = at_terminal(&home, &delete, "y\n").await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(&format!("{gone}  deleted")), "{out}");
    assert_eq!(titles(&home, &[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_claim_is_taken_away_at_a_terminal_only() {
    let home = Home::new();
    let task = create(&home, &["held"]).await;
    let mut server = home.server().await;
    server
        .call("claim_task", json!({"id": task}))
        .await
        .unwrap();
    let err = refused(&home, 4, &["close", &task]).await;
    assert!(err.contains("is held by session:"), "{err}");
    refused(&home, 6, &["release", &task]).await;
    let (code, out) = at_terminal(&home, &["release", &task, "--note", "mine now"], "").await;
    assert_eq!(code, 0, "{out}");
    assert_eq!(titles(&home, &["--view", "ready"]).await, ["held"]);
    server.leave().await;
}

#[tokio::test]
async fn colour_is_for_terminals_and_nothing_in_a_task_steers_one() {
    let home = Home::new();
    let wide = "宽".repeat(60) + "\u{202e}gnp.exe";
    let task = create(&home, &[&wide, "-d", "a\u{1b}[2Jb\nc\u{7}"]).await;
    let (code, out) = at_terminal(&home, &["list"], "").await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("\u{1b}[32mready\u{1b}[0m"), "{out:?}");
    let plain = Home::run(&home, &["tasks", "list"]).await.1;
    assert!(!plain.contains(['\u{1b}', '\u{202e}']), "{plain:?}");
    let home = home.env("NO_COLOR", "1");
    let (_, out) = at_terminal(&home, &["list"], "").await;
    assert!(!out.contains('\u{1b}'), "{out:?}");
    for args in [
        vec!["show", &task],
        vec!["tree"],
        vec!["graph"],
        vec!["graph", "--format", "dot"],
    ] {
        let text = printed(&home, &args).await;
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(steers), "{args:?}: {text:?}");
    }
    assert!(printed(&home, &["show", &task]).await.contains("a [2Jb\nc"));
}

#[tokio::test]
async fn graphs_are_drawn_of_everything_or_below_a_task() {
    let home = Home::new();
    let top = create(&home, &["top"]).await;
    let part = create(&home, &["a \"quoted\"] end", "--parent", &top]).await;
    let outside = create(&home, &["outside"]).await;
    let changes = ["update", &part, "--add-blocked-by", &outside];
    printed(&home, &changes).await;
    let node = |id: &str| id.replace('-', "_");
    let edge = format!("  {} --> {}\n", node(&outside), node(&part));
    let mermaid = printed(&home, &["graph", &top, "--format", "mermaid"]).await;
    assert!(
        mermaid.starts_with("flowchart TD\n") && mermaid.contains(&edge),
        "{mermaid}"
    );
    assert!(
        mermaid.contains("a #34;quoted#34;#93; end (blocked)\"]:::waiting"),
        "{mermaid}"
    );
    let dot = printed(&home, &["graph", "--format", "dot"]).await;
    assert!(dot.contains("a \\\"quoted\\\"] end"), "{dot}");
    let network = as_json(&home, &["graph", &top]).await;
    assert_eq!(network["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(network["outside"][0]["id"], json!(outside));
    printed(&home, &["close", &outside]).await;
    let open = printed(&home, &["graph"]).await;
    assert!(!open.contains("outside"), "{open}");
    assert!(
        printed(&home, &["graph", "--all"])
            .await
            .contains("outside")
    );
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let home = Home::new();
    let tasks: Vec<Value> = (0..130)
        .map(|at| json!({"title": format!("task {at}")}))
        .collect();
    let (code, _, err) = fed(&home, &["create", "--file", "-"], &json!(tasks).to_string()).await;
    assert_eq!(code, 0, "{err}");
    let page = as_json(&home, &["list", "--limit", "100"]).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = titles(&home, &["--limit", "100", "--cursor", cursor]).await;
    assert_eq!(rest.len(), 30);
    let all = titles(&home, &["--all"]).await;
    assert_eq!((all.len(), &all[100..]), (130, rest.as_slice()));
    let (_, out, err) = home.run(&["tasks", "list"]).await;
    assert_eq!(
        (out.lines().count(), err.as_str()),
        (21, "there are more; --all shows them\n")
    );
    refused(&home, 2, &["list", "--view", "all", "--cursor", cursor]).await;
}

#[tokio::test]
async fn the_doctor_names_wrong_counts_and_mends_them() {
    let home = Home::new();
    let task = create(&home, &["one"]).await;
    sqlx::query("UPDATE task SET held = 3, children = 1")
        .execute(&mut home.store().await)
        .await
        .unwrap();
    let (code, out, _) = home.run(&["tasks", "doctor"]).await;
    assert_eq!(code, 1);
    assert!(
        out.contains(&format!("{task}  held      3          0")),
        "{out}"
    );
    let (code, out, _) = home.run(&["tasks", "doctor", "--json"]).await;
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, found["differences"].as_array().unwrap().len()),
        (1, 2)
    );
    let mended = printed(&home, &["doctor", "--mend"]).await;
    assert!(mended.ends_with("2 rows were put right\n"), "{mended}");
    assert_eq!(printed(&home, &["doctor"]).await, "every count is right\n");
}

#[tokio::test]
async fn what_an_agent_starts_acts_as_that_agent() {
    let home = Home::new()
        .line_script(
            "patient",
            "hear; echo up >> up; turn; listen_for END; result done",
        )
        .config("[agents]\nprovider = \"patient\"");
    let task = create(&home, &["one", "--acceptance", "it works"]).await;
    let mut server = home.server().await;
    let agent = server
        .spawn(json!({"prompt": "x", "permission": "edit"}))
        .await;
    home.written("up", 1).await;
    let home = home.env("OSTLER_LINEAGE", &format!("o-000000 {agent}"));
    let found = create(&home, &["found on the way"]).await;
    let shown = as_json(&home, &["show", &found]).await;
    assert_eq!(shown["created_by"], json!(agent));
    // Not even at a terminal.
    for (args, told) in [
        (
            vec!["delete", &task, "--note", "x"],
            "only a person can delete",
        ),
        (
            vec!["close", &found, "--seen", "it works"],
            "only a person can have seen it",
        ),
        (
            vec!["close", &task, "--reason", "wont_do", "--note", "x"],
            "is not yours to close: claim it first",
        ),
        (vec!["update", &task, "--acceptance", ""], "acceptance"),
        (
            vec!["doctor", "--mend"],
            "only a person can have the counts put right",
        ),
    ] {
        let (code, out) = at_terminal(&home, &args, "y\n").await;
        assert_eq!(code, 6, "{args:?}: {out}");
        assert!(out.contains(told), "{args:?}: {out}");
    }
    server
        .call("stop_agents", json!({"ids": [agent]}))
        .await
        .unwrap();
    server.leave().await;
}
