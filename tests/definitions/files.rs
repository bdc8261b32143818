//! Definitions on the command line: listed, written, examined, run.

use std::fs;

use serde_json::{Value, json};

use super::write;
use crate::support::Home;

#[tokio::test]
async fn a_new_definition_is_listed_at_once_and_never_overwritten_unasked() {
    let home = Home::new();
    let ours = home.project().join(".ostler/agents/helper.md");
    let mine = home.path("agents/helper.md");
    for (args, path) in [
        (&["agents", "new", "helper"][..], &ours),
        (&["agents", "new", "helper", "--user"], &mine),
    ] {
        let (code, out, err) = home.run(args).await;
        assert_eq!((code, err.as_str()), (0, ""));
        let real = path.canonicalize().unwrap();
        assert_eq!(out.trim(), real.to_str().unwrap());
        fs::write(path, "---\ndescription: precious\n---\n").unwrap();
        let (code, _, err) = home.run(args).await;
        assert_eq!(code, 4, "{err}");
        assert!(err.contains("is there already\n"), "{err}");
        assert!(fs::read_to_string(path).unwrap().contains("precious"));
    }
    let (code, out, _) = home.run(&["agents", "definitions"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("\nhelper   project "), "{out}");
    assert!(out.contains("\nhelper   user (shadowed)  "), "{out}");
    assert!(out.contains("\nexplore  built_in "), "{out}");
    assert!(
        out.contains(&format!("\nhelper: {}\n", mine.display())),
        "{out}"
    );
    let (code, _, _) = home.run(&["agents", "new", "helper", "--force"]).await;
    assert_eq!(code, 0);
    assert!(fs::read_to_string(&ours).unwrap().contains("name: helper"));
    for name in ["../up", "-x", "a b", ""] {
        let (code, _, err) = home.run(&["agents", "new", name]).await;
        assert_eq!(code, 2, "{name}: {err}");
    }
    assert!(!home.state().exists(), "the state is not needed for this");
}

#[tokio::test]
async fn broken_files_are_shown_with_their_reason() {
    let home = Home::new();
    let path = home.path("project/.ostler/agents/bad.md");
    write(
        &home,
        "project/.ostler/agents/bad.md",
        "---\nname: bad\ntools: [Read\n---\n",
    );
    write(
        &home,
        "project/.claude/agents/good.md",
        "---\nname: good\nhooks: {}\n---\n",
    );
    write(&home, "project/.claude/agents/README.md", "# Agents\n");

    let (code, out, _) = home.run(&["agents", "definitions", "--json"]).await;
    assert_eq!(code, 0);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let good = &listed["definitions"][0];
    assert_eq!(
        (&good["name"], &good["from"]),
        (&json!("good"), &json!("project_claude"))
    );
    assert_eq!(
        good["ignored"],
        json!(["hooks: hooks of a definition are not run"])
    );
    let broken = listed["broken"].as_array().unwrap();
    assert_eq!(broken.len(), 1, "{out}");
    let real = path.canonicalize().unwrap();
    assert_eq!(broken[0]["path"], real.to_str().unwrap());
    let reason = broken[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("line "), "{reason}");

    let (_, out, _) = home.run(&["agents", "definitions"]).await;
    assert!(
        out.contains(&format!("\nBROKEN {}: {reason}\n", real.display())),
        "{out}"
    );

    let (code, out, _) = home.run(&["doctor", "--json"]).await;
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["name"] == "definitions")
        .unwrap();
    assert_eq!(check["ok"], false);
    assert!(check["found"].as_str().unwrap().contains(reason), "{check}");
}

#[tokio::test]
async fn a_run_takes_a_definition_and_an_effort_and_says_what_is_ignored() {
    let home = Home::new()
        .config("[agents]\nprovider = \"echo\"")
        .script("echo", "cat");
    write(
        &home,
        "project/.ostler/agents/quiet.md",
        "---\neffort: low\nlocked: effort\nskills: [pdf]\n---\nBe quiet.\n",
    );
    let args = ["run", "say", "--agent", "quiet", "--effort", "max"];
    let (code, out, err) = home.run(&args).await;
    assert_eq!((code, out.contains("say")), (0, true), "{err}");
    assert!(err.contains("ostler: ignored: skills: "), "{err}");
    assert!(
        err.contains("ostler: ignored: effort: locked by the definition quiet\n"),
        "{err}"
    );
    assert!(
        err.contains("ostler: echo does not enforce effort\n"),
        "{err}"
    );
    let (code, _, err) = home.run(&["run", "say", "--agent", "quite"]).await;
    assert_eq!(code, 3);
    assert!(
        err.contains("there is no definition `quite`\ndid you mean quiet?"),
        "{err}"
    );
    let (code, _, err) = home.run(&["run", "say", "--effort", "extreme"]).await;
    assert_eq!(code, 2);
    assert!(
        err.contains("take low, medium, high, xhigh or max"),
        "{err}"
    );
}
