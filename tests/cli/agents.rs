//! `ostler agents`: a second process that looks at, and ends, what a server runs.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{echo, listed};
use crate::support::Home;

/// Runs `ostler` with `args`; it must succeed.
async fn printed(home: &Home, args: &[&str]) -> String {
    let (code, out, err) = home.run(args).await;
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

#[tokio::test]
async fn an_empty_list_says_so() {
    let home = Home::new();
    assert_eq!(printed(&home, &["agents", "list"]).await, "no agents\n");
    assert_eq!(listed(&home).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_list_is_a_table_newest_first() {
    let home = echo();
    for label in ["first one", "second one"] {
        let run = ["run", "--provider", "echo", "--label", label, "x"];
        let (code, _, err) = home.run(&run).await;
        assert_eq!(code, 0, "{err}");
    }
    let table = printed(&home, &["agents", "list"]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("ID "), "{table}");
    assert!(lines[1].ends_with("  echo      second one"), "{table}");
    assert!(lines[2].ends_with("  echo      first one"), "{table}");

    let items = listed(&home).await;
    assert_eq!(items[0]["label"], "second one");
    assert!(lines[1].starts_with(items[0]["id"].as_str().unwrap()));

    let newest = ["agents", "list", "--json", "--limit", "1"];
    let newest: Value = serde_json::from_str(&printed(&home, &newest).await).unwrap();
    assert_eq!(newest["items"].as_array().unwrap().len(), 1);
    for limit in ["0", "101"] {
        let (code, _, err) = home.run(&["agents", "list", "--limit", limit]).await;
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("1..=100"), "{err}");
    }
    let failed = ["agents", "list", "--status", "error"];
    assert_eq!(printed(&home, &failed).await, "no agents\n");
}

#[tokio::test]
async fn a_list_is_of_this_project_unless_all_are_asked_for() {
    let home = echo();
    fs::create_dir(home.path("elsewhere")).unwrap();
    let mut elsewhere = home.ostler();
    elsewhere.current_dir(home.path("elsewhere"));
    elsewhere.args(["run", "--provider", "echo", "x"]);
    assert!(elsewhere.output().await.unwrap().status.success());

    assert_eq!(printed(&home, &["agents", "list"]).await, "no agents\n");
    let all = ["agents", "list", "--all-projects", "--json"];
    let all: Value = serde_json::from_str(&printed(&home, &all).await).unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all:#}");
}

#[tokio::test]
async fn an_agent_is_shown_with_result_and_evidence() {
    let home = echo();
    home.run(&["run", "--provider", "echo", "its own words"])
        .await;
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();

    let shown = printed(&home, &["agents", "show", &id]).await;
    assert!(shown.contains("\n\nits own words\n\nevidence {"), "{shown}");
    let shown = printed(&home, &["agents", "show", "--json", &id]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["result"]["id"], json!(id));
    assert_eq!(shown["result"]["result"], "its own words");
    assert_eq!(shown["evidence"]["evidence"]["turns"], 0);
}

#[tokio::test]
async fn a_long_result_is_shown_whole() {
    let home = echo();
    let long: String = (0..5000).map(|n| format!("{n}\n")).collect();
    home.run(&["run", "--provider", "echo", &long]).await;
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();
    let shown = printed(&home, &["agents", "show", &id]).await;
    assert!(shown.contains("\n4998\n4999\n"), "{} bytes", shown.len());
}

#[tokio::test]
async fn an_id_or_label_of_nobody_is_not_found() {
    let home = Home::new();
    for command in ["show", "stop", "logs"] {
        let (code, out, err) = home.run(&["agents", command, "a-000000"]).await;
        assert_eq!((code, out.as_str()), (3, ""), "{command}");
        assert!(
            err.starts_with("ostler: no agent has the id a-000000\n"),
            "{err}"
        );
        let (code, out, err) = home.run(&["agents", command, "seven"]).await;
        assert_eq!((code, out.as_str()), (3, ""), "{command}");
        assert!(err.contains("no agent here is called \"seven\""), "{err}");
        assert!(
            err.contains("\n`ostler agents list --all-projects` shows"),
            "{err}"
        );
    }
}

#[tokio::test]
async fn stop_ends_an_agent_of_another_process_and_returns_when_it_is_gone() {
    let home = Home::new().script("sleeper", "exec sleep 600");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "sleeper" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    let stop = ["agents", "stop", &id, "--reason", "seen enough"];
    let stopped = printed(&home, &stop).await;
    let left: Vec<String> = home.processes();
    assert!(
        !left.iter().any(|line| line.contains("sleep 600")),
        "{left:?}"
    );
    assert!(stopped.contains(&id), "{stopped}");
    assert!(stopped.contains("  stopped "), "{stopped}");

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "stopped");
    let detail = done["detail"].as_str().unwrap();
    assert!(detail.contains("seen enough"), "{detail}");
    server.leave().await;
}

#[tokio::test]
async fn logs_are_lines_for_people_and_for_programs() {
    let body = r#"
read -r prompt
echo '{"ostler":"turn"}'
printf '%s\n' '{"ostler":"text","text":"looking\naround \u001b[31mred"}'
echo '{"ostler":"tool_start","id":"1","name":"shell","command":"make all"}'
echo '{"ostler":"tool_end","id":"1","ok":false,"exit_code":2,"output":"no rule"}'
echo '{"ostler":"result","text":"seen"}'"#;
    let home = Home::new().line_script("looker", body);
    home.run(&["run", "--provider", "looker", "look around"])
        .await;
    let id = listed(&home).await[0]["id"].as_str().unwrap().to_owned();

    let log = printed(&home, &["agents", "logs", &id]).await;
    let words: Vec<&str> = log
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(time, words)| {
            assert!(time.starts_with("0:"), "{log}");
            words
        })
        .collect();
    let expected = [
        "queued  look around",
        "running",
        "session up",
        "looking around  [31mred",
        "shell  make all",
        "-> exit 2  no rule",
        "turn ended  seen",
        "completed",
    ];
    assert_eq!(words, expected);
    assert!(!log.contains('\u{1b}'), "no control characters: {log:?}");

    let lines = printed(&home, &["agents", "logs", "--json", &id]).await;
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), log.lines().count());
    for (at, entry) in entries.iter().enumerate() {
        assert_eq!(entry["seq"], at + 1, "{entry}");
    }
    let said = entries.iter().find(|entry| entry["kind"] == "text");
    let said = said.unwrap_or_else(|| panic!("{entries:#?}"));
    assert_eq!(said["body"]["text"], "looking\naround \u{1b}[31mred");
}

#[tokio::test]
async fn followed_logs_end_with_the_agent() {
    let home = Home::new();
    let body = format!(
        "read -r prompt\n\
         echo '{{\"ostler\":\"text\",\"text\":\"before\"}}'\n\
         while [ ! -e {:?} ]; do sleep 0.02; done\n\
         echo '{{\"ostler\":\"text\",\"text\":\"after\"}}'\n\
         echo '{{\"ostler\":\"result\",\"text\":\"over\"}}'",
        home.path("gate")
    );
    let home = home.line_script("gated", &body);
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "gated" }))
        .await;
    let mut logs = home
        .ostler()
        .args(["agents", "logs", "-f", "--json", &id])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(logs.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let entry: Value = serde_json::from_str(&line).unwrap();
        if entry["body"]["text"] == "before" {
            fs::write(home.path("gate"), "").unwrap();
        }
        seen.push(entry);
    }
    assert!(logs.wait().await.unwrap().success());
    let texts: Vec<&Value> = seen
        .iter()
        .filter(|entry| entry["kind"] == "text")
        .map(|entry| &entry["body"]["text"])
        .collect();
    assert_eq!(texts, ["before", "after"], "{seen:#?}");
    let whole = server.transcript(&id).await;
    assert_eq!(seen, whole, "followed to the end, nothing twice");
    server.leave().await;
}
