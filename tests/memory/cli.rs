//! `ostler memory`, as a person uses it.

use serde_json::Value;

use crate::support::Home;

async fn ostler(home: &Home, args: &[&str]) -> (i32, String, String) {
    home.run(&[&["memory"], args].concat()).await
}

/// Runs `ostler memory` with `args`; it must succeed.
async fn printed(home: &Home, args: &[&str]) -> String {
    let (code, out, err) = ostler(home, args).await;
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
    out
}

async fn as_json(home: &Home, args: &[&str]) -> Value {
    let text = printed(home, &[args, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

/// Remembers a statement, and tells its id.
async fn add(home: &Home, args: &[&str]) -> String {
    let kept = as_json(home, &[&["add"], args].concat()).await;
    kept["id"].as_str().unwrap().to_owned()
}

async fn texts(home: &Home, args: &[&str]) -> Vec<String> {
    let page = as_json(home, &[&["list"], args].concat()).await;
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|it| it["text"].as_str().unwrap().to_owned())
        .collect()
}

async fn git(home: &Home, args: &[&str]) -> String {
    let mut command = home.command("git");
    command
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(args);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_memory_lives_from_its_writing_to_its_end() {
    let home = Home::new();
    git(&home, &["init", "-q"]).await;
    git(&home, &["commit", "-q", "--allow-empty", "-m", "x"]).await;
    let commit = git(&home, &["rev-parse", "HEAD"]).await;
    home.touch("there.rs");
    let old = add(&home, &["The gateway listens on port 8080"]).await;
    let there = format!("commit:{commit}");
    let new = add(
        &home,
        &[
            "The gateway listens on port 9090",
            "--tag",
            "ports,gateway",
            "--supersedes",
            &old,
            "--link",
            "file:there.rs",
            "--link",
            "file:gone.rs",
            "--link",
            &there,
            "--link",
            "commit:0123456789012345678901234567890123456789",
        ],
    )
    .await;
    assert_eq!(
        texts(&home, &[]).await,
        ["The gateway listens on port 9090"]
    );
    assert_eq!(
        texts(&home, &["--superseded"]).await,
        ["The gateway listens on port 8080"]
    );
    assert_eq!(texts(&home, &["--tag", "ports"]).await.len(), 1);
    assert!(texts(&home, &["--kind", "mistake"]).await.is_empty());
    let shown = as_json(&home, &["show", &new]).await;
    assert_eq!(shown["history"][0]["id"], old);
    let stale: Vec<(&str, bool)> = shown["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["target"].as_str().unwrap(), link["stale"] == true))
        .collect();
    let expected = [
        ("0123456789012345678901234567890123456789", true),
        (commit.as_str(), false),
        ("gone.rs", true),
        ("there.rs", false),
    ];
    let mut sorted = stale.clone();
    sorted.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(sorted, expected);
    let text = printed(&home, &["show", &old]).await;
    assert!(
        text.contains("Superseded by\n") && text.contains(&new),
        "{text}"
    );
    let found = printed(&home, &["search", "gateway port"]).await;
    assert!(
        found.contains("port 9090") && !found.contains("port 8080"),
        "{found}"
    );
    // The same again is known, and changes nothing.
    let (code, out, _) = ostler(&home, &["add", "The gateway listens on port 9090"]).await;
    assert_eq!(code, 4, "{out}");
    assert!(out.contains(&new), "{out}");
    let gone = printed(&home, &["forget", &new, "--why", "moved"]).await;
    assert!(gone.contains(&new), "{gone}");
    assert!(texts(&home, &[]).await.is_empty());
    let (code, _, err) = ostler(&home, &["purge", "--forgotten"]).await;
    assert_eq!(code, 6, "{err}");
    let purged = as_json(&home, &["purge", "--forgotten", "--yes"]).await;
    assert_eq!(
        (&purged["purged"][0], &purged["erased"]),
        (&new.clone().into(), &"everywhere".into())
    );
    let (code, _, err) = ostler(&home, &["show", &new]).await;
    assert_eq!(code, 3, "{err}");
}

#[tokio::test]
async fn a_page_goes_through_the_persons_editor() {
    let home = Home::new().env("EDITOR", "sh edit.sh --wait");
    let pages = home.path("home").to_string_lossy().into_owned();
    let home = home.env("TMPDIR", &pages);
    let keep = add(&home, &["Berths are numbered from the north"]).await;
    let change = add(&home, &["Tides are read at six"]).await;
    add(&home, &["Cranes are checked weekly"]).await;
    let script = |body: &str| {
        let path = home.project().join("edit.sh");
        std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    };
    script("exit 0");
    assert_eq!(printed(&home, &["edit"]).await, "nothing was changed\n");
    script(
        "sed -i -e 's/read at six/read at seven/' -e '/Cranes/d' -e 's/^## fact$/## fact\\n\\n- Buoys are red/' \"$2\"",
    );
    let told = printed(&home, &["edit"]).await;
    assert!(
        told.ends_with("1 superseded, 1 forgotten, 1 remembered\n"),
        "{told}"
    );
    assert!(
        told.contains("  - Tides are read at six\n  + Tides are read at seven\n"),
        "{told}"
    );
    let mut now = texts(&home, &[]).await;
    now.sort();
    assert_eq!(
        now,
        [
            "Berths are numbered from the north",
            "Buoys are red",
            "Tides are read at seven"
        ]
    );
    let old = as_json(&home, &["show", &change]).await;
    assert!(old["superseded_by"].is_string());
    // Somebody forgets a memory while the page is open.
    let binary = env!("CARGO_BIN_EXE_ostler");
    script(&format!(
        "{binary} memory forget {keep} > /dev/null\nsed -i -e 's/red/green/' -e 's/the north/the south/' \"$2\""
    ));
    let (code, out, err) = ostler(&home, &["edit"]).await;
    assert_eq!((code, out.as_str()), (4, ""), "{err}");
    assert!(err.contains(&keep), "{err}");
    let path = err
        .split("--from ")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.contains("Buoys are green"), "{page}");
    assert!(path.starts_with(&pages), "{path}");
    assert!(
        texts(&home, &[])
            .await
            .contains(&"Buoys are red".to_owned())
    );
    // Most of a page is not forgotten without a word.
    script("sed -i '/^- /d' \"$2\"");
    let (code, _, err) = ostler(&home, &["edit"]).await;
    assert_eq!(code, 6, "{err}");
    let told = printed(&home, &["edit", "--yes"]).await;
    assert!(told.ends_with("2 forgotten\n"), "{told}");
}

#[tokio::test]
async fn a_page_stays_until_all_that_was_written_on_it_is_done() {
    let home = Home::new().env("EDITOR", "sh edit.sh --wait");
    let pages = home.path("home").to_string_lossy().into_owned();
    let home = home.env("TMPDIR", &pages);
    let id = add(
        &home,
        &["Berths are numbered from the north", "--tag", "berths"],
    )
    .await;
    let project = home.project();
    let script = |body: &str| {
        let path = project.join("edit.sh");
        std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    };
    let left = || -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(&pages).unwrap();
        all.map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("ostler-memory-"))
            .collect()
    };
    for (body, told) in [
        ("sed -i 's/north/south/' \"$2\"; exit 3", "ended with"),
        ("printf '\\377' >> \"$2\"", "is no UTF-8 text"),
        ("sed -i 's/## fact/## mood/' \"$2\"", "is no kind"),
        ("sed -i 1d \"$2\"", "is no page of memories"),
        ("sed -i '/^- /d' \"$2\"", "would be forgotten"),
    ] {
        script(body);
        let (code, out, err) = ostler(&home, &["edit"]).await;
        assert!(code != 0 && out.is_empty(), "{body}: {out}");
        assert!(
            err.contains(told) && err.contains("nothing was changed"),
            "{err}"
        );
        assert!(!err.contains("--format"), "{err}");
        let pages = left();
        assert_eq!(pages.len(), 1, "{body}");
        let named = format!("--from {}`", pages[0].display());
        assert!(err.contains(&named), "{err}");
        assert_eq!(
            texts(&home, &[]).await,
            ["Berths are numbered from the north"]
        );
        std::fs::remove_file(&pages[0]).unwrap();
    }
    // Nothing was written, and so nothing is kept.
    for body in ["exit 3", "rm \"$2\""] {
        script(body);
        let (code, _, err) = ostler(&home, &["edit"]).await;
        assert!(code != 0 && !err.contains("--from"), "{err}");
        assert_eq!(left().len(), 0, "{body}");
    }
    script("printf '\\357\\273\\277' > x; cat \"$2\" >> x; cp x \"$2\"");
    assert_eq!(printed(&home, &["edit"]).await, "nothing was changed\n");
    script("sed -i '2s/^/My notes. /' \"$2\"");
    let told = printed(&home, &["edit"]).await;
    let kept = left();
    assert!(told.contains(&kept[0].display().to_string()), "{told}");
    // A file of the person's own is left alone.
    let page = std::fs::read_to_string(&kept[0]).unwrap();
    let own = home.path("own.md");
    std::fs::write(&own, page.replace(" #berths", "")).unwrap();
    let told = printed(&home, &["edit", "--from", own.to_str().unwrap()]).await;
    let difference = "  - tags berths, importance 0.5\n  + no tags, importance 0.5\n1 adjusted\n";
    assert_eq!(told, format!("{id}\n{difference}"));
    assert!(own.exists() && kept[0].exists());
    // What is not kept as it was written is told.
    let home = home.env("HARBOUR_TOKEN", "blueharbour1234");
    script("sed -i 's/the north/blueharbour1234/' \"$2\"");
    let told = printed(&home, &["edit"]).await;
    let end = "1 superseded, 1 without values of secret variables\n";
    assert!(told.ends_with(end), "{told}");
    let now = texts(&home, &[]).await;
    assert_eq!(now, ["Berths are numbered from [redacted HARBOUR_TOKEN]"]);
}

#[tokio::test]
async fn an_agent_with_a_shell_sees_and_changes_no_more_than_by_its_tools() {
    let home = Home::new()
        .line_script(
            "patient",
            "hear; echo up >> up; turn; listen_for END; result done",
        )
        .config("[agents]\nprovider = \"patient\"");
    let open = add(&home, &["Cranes lift nine tons"]).await;
    let others = add(
        &home,
        &["Cranes of the spy lift ten tons", "--scope", "agent:spy"],
    )
    .await;
    let file = home.path("file.jsonl");
    let file = file.to_str().unwrap();
    printed_to(&home, &["export", file]).await;
    let page = home.path("page.md");
    std::fs::write(&page, "x").unwrap();
    let page = page.to_str().unwrap();
    let mut server = home.server().await;
    let agent = server.spawn(serde_json::json!({"prompt": "x"})).await;
    home.written("up", 1).await;
    let home = home.env("OSTLER_LINEAGE", &format!("o-000000 {agent}"));
    for args in [
        &["list"][..],
        &["search", "cranes"],
        &["show", &open],
        &["export", "--user"],
        &["export", "--format", "markdown"],
    ] {
        let told = printed(&home, args).await;
        assert!(
            told.contains(&open) && told.contains("nine tons"),
            "{args:?}: {told}"
        );
        assert!(!told.contains("ten tons"), "{args:?}: {told}");
    }
    for (args, code, told) in [
        (&["show", &others][..], 3, "no memory here has the id"),
        (&["list", "--scope", "agent:spy"], 6, "is not this agent's"),
        (
            &["search", "cranes", "--scope", "agent:spy"],
            6,
            "not yours to read",
        ),
        (&["import", file], 6, "only a person can import"),
        (&["edit"], 6, "only a person edits"),
        (&["edit", "--from", page], 6, "only a person edits"),
        (&["confirm", &open], 6, "only a person confirms"),
        (&["purge", &open, "--yes"], 6, "only a person purges"),
        (&["purge", &others, "--yes"], 3, "no memory here has the id"),
    ] {
        let (found, out, err) = ostler(&home, args).await;
        assert_eq!(found, code, "{args:?}: {out}{err}");
        assert!(
            err.contains(told) && !err.contains("ten tons"),
            "{args:?}: {err}"
        );
    }
    let message = serde_json::json!({ "id": agent, "message": "END" });
    server.call("steer_agent", message).await.unwrap();
    server.wait(&[&agent]).await;
    server.leave().await;
}

/// What goes to a file is told of on the other way out.
async fn printed_to(home: &Home, args: &[&str]) {
    let (code, out, _) = ostler(home, args).await;
    assert_eq!((code, out.as_str()), (0, ""), "{args:?}");
}

#[tokio::test]
async fn who_only_looks_waits_for_nobody_who_writes() {
    let home = Home::new();
    let id = add(&home, &["The gateway listens on port 8080"]).await;
    let mut writer = home.store().await;
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut writer)
        .await
        .unwrap();
    // A write would be told after ten seconds that others are writing (exit code 5).
    let words = ["search", "where", "does", "the", "gateway", "listen"];
    let found = printed(&home, &words).await;
    assert!(found.contains("port 8080"), "{found}");
    assert_eq!(texts(&home, &[]).await.len(), 1);
    let shown = as_json(&home, &["show", &id]).await;
    assert_eq!(shown["uses"], 0);
    sqlx::query("ROLLBACK").execute(&mut writer).await.unwrap();
    printed(&home, &words).await;
    let shown = as_json(&home, &["show", &id]).await;
    assert_eq!(shown["uses"], 1);
}

#[tokio::test]
async fn a_search_takes_words_as_they_come_and_ids_as_short_as_elsewhere() {
    let home = Home::new();
    let gateway = add(
        &home,
        &["The gateway listens on 8080", "--kind", "decision"],
    )
    .await;
    add(&home, &["The gateway fell over", "--kind", "mistake"]).await;
    add(&home, &["Lamps are green"]).await;
    let hits = async |args: &[&str]| -> Vec<String> {
        let found = as_json(&home, &[&["search"], args].concat()).await;
        let hits = found["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["text"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(hits(&["gateway", "fell"]).await.len(), 2);
    let of_kind = hits(&["gateway", "--kind", "decision"]).await;
    assert_eq!(of_kind, ["The gateway listens on 8080"]);
    assert_eq!(
        hits(&["gateway", "--kind", "decision,mistake"]).await.len(),
        2
    );
    assert_eq!(hits(&[&gateway]).await, ["The gateway listens on 8080"]);
    let listed = texts(&home, &["--kind", "mistake,fact"]).await;
    assert_eq!(listed, ["Lamps are green", "The gateway fell over"]);
    for short in [
        &gateway[..5],
        &gateway[2..],
        gateway.to_uppercase().as_str(),
    ] {
        let shown = as_json(&home, &["show", short]).await;
        assert_eq!(shown["id"], gateway, "{short}");
    }
    // To find nothing is no error, and what was searched is said beside the answer.
    let (code, out, err) = ostler(&home, &["search", "squirrels"]).await;
    assert_eq!((code, out.as_str()), (0, "no memories\n"));
    assert!(err.starts_with("nothing found among 3 memories"), "{err}");
}
