//! Memories to files and back, by the command line: other programs' files, kills, secrets.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Home;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/memory/");
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ostler(home: &Home, args: &[&str]) -> (i32, String, String) {
    home.run(&[&["memory"], args].concat()).await
}

async fn export(home: &Home) -> String {
    let (code, out, err) = ostler(home, &["export", "--user"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    out
}

async fn import(home: &Home, path: &Path, args: &[&str]) -> (i32, Value) {
    let path = path.to_str().unwrap();
    let args = [&["import", path, "--json"], args].concat();
    let (code, out, err) = ostler(home, &args).await;
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).unwrap())
}

/// Created, updated, unchanged, skipped.
fn counts(report: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "skipped"].map(|name| report[name].as_u64().unwrap())
}

async fn listed(home: &Home, args: &[&str]) -> Vec<Value> {
    let args = [&["list", "--all", "--json"], args].concat();
    let (code, out, err) = ostler(home, &args).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let page: Value = serde_json::from_str(&out).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// The one memory whose text begins so.
async fn that(home: &Home, text: &str) -> Value {
    let all = listed(home, &[]).await;
    let mut found = all
        .iter()
        .filter(|it| it["text"].as_str().unwrap().starts_with(text));
    let memory = found
        .next()
        .unwrap_or_else(|| panic!("no {text}: {all:#?}"));
    assert!(found.next().is_none(), "two of {text}");
    memory.clone()
}

fn written(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A file of so many memories.
fn many(count: u32) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let id = |number: u32| {
        let place = |at: u32| char::from(LETTERS[(number >> (5 * at) & 31) as usize]);
        let digits: String = (0..6).rev().map(place).collect();
        format!("m-{digits}")
    };
    let mut file = String::from("{\"ostler_memory\":1}\n");
    for number in 0..count {
        file += &format!(
            "{{\"id\":\"{}\",\"scope\":\"project\",\"text\":\"Crane {number} lifts {} tons\",\
             \"kind\":\"fact\",\"tags\":[\"crane\"],\"importance\":0.5,\"trust\":\"confirmed\",\
             \"source\":\"person\",\"at\":\"2026-01-01T00:00:00Z\",\
             \"created\":\"2026-01-01T00:00:00Z\",\"changed\":\"2026-01-01T00:00:00Z\"}}\n",
            id(number),
            number * 7,
        );
    }
    file
}

#[tokio::test]
async fn files_of_other_programs_come_in_once_with_where_they_are_from() {
    let home = Home::new();
    for (file, format, created, skipped, aside) in [
        (
            "CLAUDE.md",
            "bullets",
            5,
            0,
            json!({"code blocks": 1, "items that only lead to others": 1,
                "items with a box to tick": 1, "paragraphs": 1}),
        ),
        (
            "server-memory.jsonl",
            "server-memory",
            4,
            1,
            json!({"entities of which nothing was observed": 1, "observations that say nothing": 1}),
        ),
        (
            "notes",
            "basic-memory",
            5,
            0,
            json!({"items that are no observation": 1, "paragraphs": 1}),
        ),
        ("gobby.jsonl", "gobby", 2, 1, Value::Null),
        (
            "claude",
            "claude-memory",
            4,
            0,
            json!({"descriptions of a text": 1, "entries of an index": 2}),
        ),
    ] {
        let path = PathBuf::from(FIXTURES).join(file);
        let (_, foreseen) = import(&home, &path, &["--dry-run"]).await;
        assert_eq!(counts(&foreseen), [created, 0, 0, skipped], "{foreseen:#}");
        assert_eq!(foreseen["format"], format);
        assert_eq!(foreseen["aside"], aside, "{foreseen:#}");
        let (code, report) = import(&home, &path, &["--format", format]).await;
        assert_eq!(code, i32::from(skipped > 0));
        assert_eq!(counts(&report), [created, 0, 0, skipped], "{report:#}");
        let (_, again) = import(&home, &path, &[]).await;
        assert_eq!(counts(&again), [0, 0, created, skipped], "{again:#}");
    }
    let memory = that(&home, "Integration tests need a running Postgres: start").await;
    assert_eq!(
        memory["text"],
        "Integration tests need a running Postgres: start it with `just db-up`"
    );
    let nested = [
        &memory["source"],
        &memory["subject"],
        &memory["kind"],
        &memory["trust"],
    ];
    assert_eq!(
        nested,
        [
            "import CLAUDE.md:9",
            "Build and test",
            "convention",
            "confirmed"
        ]
    );
    let steps = that(&home, "1. Tag the release").await;
    assert_eq!(steps["kind"], "how_to");
    let relation = that(&home, "Mira_Holt maintains").await;
    assert_eq!(relation["text"], "Mira_Holt maintains tide_service");
    let lock = that(&home, "Berth locks: A berth").await;
    assert_eq!(
        (&lock["kind"], &lock["at"]),
        (&json!("decision"), &json!("2026-02-03T09:15:00Z"))
    );
    assert_eq!(
        lock["tags"],
        json!(["berths", "decision", "locking", "postgres"])
    );
    assert_eq!(lock["source"], "import decisions/berth-locks.md:17");
    assert_eq!(
        that(&home, "Berth locks: Advisory").await["kind"],
        "mistake"
    );
    let crane = that(&home, "The crane simulator").await;
    assert_eq!(
        (&crane["importance"], &crane["source"]),
        (&json!(0.8), &json!("import gobby.jsonl mm-3f9a0c11"))
    );
    let review = that(&home, "Reviews name the line").await;
    assert!(review["text"].as_str().unwrap().ends_with("were not read."));
    // All of it goes round the same to the byte.
    let first = home.path("memories.jsonl");
    let (code, _, err) = ostler(&home, &["export", first.to_str().unwrap()]).await;
    assert_eq!((code, err.as_str()), (0, "exported 20 memories\n"));
    let other = Home::new();
    let (code, report) = import(&other, &first, &[]).await;
    assert_eq!((code, counts(&report)), (0, [20, 0, 0, 0]), "{report:#}");
    assert_eq!(
        export(&other).await,
        std::fs::read_to_string(&first).unwrap()
    );
    let (_, found, _) = ostler(&other, &["search", "advisory locks pool"]).await;
    assert!(found.contains("Advisory locks are lost"), "{found}");
}

#[tokio::test]
async fn what_is_killed_in_the_middle_is_ended_by_the_next_import() {
    const COUNT: u32 = 4000;
    let home = Home::new();
    let file = many(COUNT);
    let path = written(&home, "many.jsonl", &file);
    // So that the state file is there.
    let (code, ..) = ostler(&home, &["list"]).await;
    assert_eq!(code, 0);
    let mut child = home
        .ostler()
        .args(["memory", "import", path.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut store = home.store().await;
    let begun = async {
        loop {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM memory")
                .fetch_one(&mut store)
                .await
                .unwrap();
            if count > 0 {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let count = tokio::time::timeout(PATIENCE, begun).await.unwrap();
    child.kill().await.unwrap();
    assert!(count < i64::from(COUNT), "it was too quick to be killed");
    let whole: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM memory) - (SELECT sum(memories) FROM memory_place)",
    )
    .fetch_one(&mut store)
    .await
    .unwrap();
    assert_eq!(whole, 0, "something is here that is not counted");
    let (code, report) = import(&home, &path, &[]).await;
    let [created, updated, unchanged, skipped] = counts(&report);
    assert_eq!((code, updated, skipped), (0, 0, 0));
    assert_eq!(created + unchanged, u64::from(COUNT));
    assert!(unchanged >= u64::try_from(count).unwrap());
    assert_eq!(export(&home).await.lines().count(), COUNT as usize + 1);
}

#[tokio::test]
async fn a_secret_in_a_file_is_passed_by_and_never_repeated() {
    let home = Home::new();
    let secret = ["AK", "IA", "Q3ZK7PLMVRT2W7XY"].concat();
    let rules = format!("- Deploys need the key {secret}\n- Deploys happen on Mondays\n");
    let path = written(&home, "AGENTS.md", &rules);
    let (code, out, err) = ostler(&home, &["import", path.to_str().unwrap()]).await;
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert!(
        out.starts_with("taken for bullets\nline 1 skipped: "),
        "{out}"
    );
    assert!(
        out.ends_with("1 created, 0 updated, 0 unchanged, 1 skipped\n"),
        "{out}"
    );
    assert!(!out.contains(&secret));
    assert!(!export(&home).await.contains(&secret));
}

#[tokio::test]
async fn what_is_taken_out_of_a_file_is_told_and_a_mixed_folder_is_refused() {
    let home = Home::new().env("HARBOUR_TOKEN", "blueharbour1234");
    let rules = "- Deploys name blueharbour1234 as their pilot\n- Deploys happen on Mondays\n";
    let path = written(&home, "AGENTS.md", rules);
    let (code, out, err) = ostler(&home, &["import", path.to_str().unwrap()]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("values of secret variables taken out of 1 statement\n"),
        "{out}"
    );
    let kept = export(&home).await;
    assert!(kept.contains("[redacted HARBOUR_TOKEN]") && !kept.contains("blueharbour"));
    let home = home.env("HARBOUR_TOKEN", "Mondays is secret");
    let (code, report) = import(&home, &written(&home, "all.jsonl", &kept), &[]).await;
    assert_eq!((code, counts(&report)), (0, [0, 0, 2, 0]), "{report:#}");
    let folder = home.path("mixed");
    std::fs::create_dir_all(folder.join("notes")).unwrap();
    std::fs::write(folder.join("CLAUDE.md"), "- Quays are wet\n").unwrap();
    let note = "---\npermalink: x\n---\n- [fact] Quays are long\n";
    std::fs::write(folder.join("notes/x.md"), note).unwrap();
    let (code, out, err) = ostler(&home, &["import", folder.to_str().unwrap()]).await;
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(
        err.contains("CLAUDE.md is taken for bullets, notes/x.md for basic-memory"),
        "{err}"
    );
    assert_eq!(export(&home).await, kept);
}

#[tokio::test]
async fn an_export_is_for_the_users_eyes_and_takes_the_place_of_the_old_one() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let path = home.path("out.jsonl");
    let (code, ..) = ostler(&home, &["export", path.to_str().unwrap()]).await;
    assert_eq!(code, 0);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "{\"ostler_memory\":1}\n"
    );
    let other = written(&home, "prose.txt", "only words\n");
    let (code, _, err) = ostler(&home, &["import", other.to_str().unwrap()]).await;
    assert_eq!(code, 2);
    assert!(err.contains("looks like no file of memories"), "{err}");
    let newer = written(&home, "newer.jsonl", "{\"ostler_memory\":2}\n");
    let (code, _, err) = ostler(&home, &["import", newer.to_str().unwrap()]).await;
    assert_eq!(code, 2);
    assert!(err.contains("written by a newer ostler"), "{err}");
}
