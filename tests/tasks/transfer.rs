//! Tasks to files and back, by the command line: kills, crowds, disks that do not take it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::Home;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/transfer/");
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ostler(home: &Home, args: &[&str]) -> (i32, String, String) {
    home.run(&[&["tasks"], args].concat()).await
}

async fn export(home: &Home) -> String {
    let (code, out, err) = ostler(home, &["export"]).await;
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

/// A file of so many tasks in trees of ten, each of which waits for the one before it.
fn many(count: u32) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let id = |number: u32| {
        let place = |at: u32| char::from(LETTERS[(number >> (5 * at) & 31) as usize]);
        let digits: String = (0..6).rev().map(place).collect();
        format!("t-{digits}")
    };
    let at = "2026-01-01T00:00:00Z";
    let mut file = String::from("{\"ostler_tasks\":1}\n");
    for number in 0..count {
        let (mut parent, mut edges) = (String::new(), String::new());
        if number % 10 > 0 {
            parent = format!(r#""parent":"{}","#, id(number - number % 10));
        }
        if number % 10 > 1 {
            let other = id(number - 1);
            edges = format!(r#""edges":[{{"kind":"blocked_by","task":"{other}","at":"{at}"}}],"#);
        }
        file += &format!(
            "{{\"id\":\"{}\",\"title\":\"task {number}\",\"kind\":\"task\",\"priority\":2,\
             \"status\":\"open\",{parent}\"description\":\"{}\",\"writes\":true,{edges}\
             \"created\":\"{at}\",\"created_by\":\"person\",\"updated\":\"{at}\",\"notes\":[{{\
             \"id\":\"n-000000\",\"at\":\"{at}\",\"kind\":\"note\",\"by\":\"person\",\
             \"text\":\"said\"}}]}}\n",
            id(number),
            "words".repeat(10)
        );
    }
    file
}

async fn number(home: &Home, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(&mut home.store().await)
        .await
        .unwrap()
}

fn written(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn files_of_other_trackers_come_in_and_go_round_the_same_to_the_byte() {
    let home = Home::new();
    for (file, format, created, skipped) in [
        ("beads.jsonl", "beads", 5, 2),
        ("gobby.jsonl", "gobby", 4, 0),
        ("taskmaster.json", "taskmaster", 8, 1),
        ("github.json", "github", 4, 1),
    ] {
        let path = PathBuf::from(FIXTURES).join(file);
        let (code, foreseen) = import(&home, &path, &["--dry-run"]).await;
        assert_eq!(counts(&foreseen), [created, 0, 0, skipped], "{foreseen:#}");
        assert_eq!(foreseen["format"], format);
        assert_eq!(code, i32::from(skipped > 0));
        let (_, report) = import(&home, &path, &["--from", format]).await;
        assert_eq!(counts(&report), [created, 0, 0, skipped], "{report:#}");
        let (_, again) = import(&home, &path, &[]).await;
        assert_eq!(counts(&again), [0, 0, created, skipped], "{again:#}");
    }
    let first = home.path("tasks.jsonl");
    let (code, out, err) = ostler(&home, &["export", first.to_str().unwrap()]).await;
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "", "exported 21 tasks\n")
    );
    let other = Home::new();
    let (code, report) = import(&other, &first, &[]).await;
    assert_eq!((code, counts(&report)), (0, [21, 0, 0, 0]), "{report:#}");
    assert_eq!(
        export(&other).await,
        std::fs::read_to_string(&first).unwrap()
    );
    let (code, out, _) = ostler(&other, &["doctor"]).await;
    assert_eq!(code, 0, "{out}");
}

#[tokio::test]
async fn a_person_reads_which_lines_were_skipped_and_why() {
    let home = Home::new();
    let good = many(2);
    let mut file = good.into_bytes();
    file.extend(b"{\"id\":\"t-000002\",\"title\":\"x\",\"priority\":99}\n\xff\xfe\n=======\n");
    let path = home.path("tasks.jsonl");
    std::fs::write(&path, file).unwrap();
    let (code, out, err) = ostler(&home, &["import", path.to_str().unwrap()]).await;
    assert_eq!((code, err.as_str()), (1, ""));
    assert_eq!(
        out,
        "line 4 skipped: missing field `kind` (column 43)\n\
         line 5 skipped: it is no UTF-8 text (byte 1)\n\
         line 6 skipped: it marks a conflict of git; the lines of both sides were merged\n\
         2 created, 0 updated, 0 deleted, 0 unchanged, 3 skipped\n"
    );
    for (args, code, message) in [
        (["import", "none.jsonl"], 3, "none.jsonl cannot be read: "),
        (["import", "."], 2, ". is no file\n"),
        (["import", "/dev/zero"], 2, "/dev/zero is no file\n"),
        (["export", "."], 2, ". is a directory; name a file in it\n"),
        (["export", "/dev/full"], 2, "/dev/full is no ordinary file;"),
        (
            ["export", "no/where.jsonl"],
            2,
            "no/where.jsonl cannot be written to: ",
        ),
    ] {
        let (found, out, err) = ostler(&home, &args).await;
        assert_eq!((found, out.as_str()), (code, ""), "{args:?}: {err}");
        assert!(
            err.starts_with(&format!("ostler: {message}")),
            "{args:?}: {err}"
        );
    }
}

#[tokio::test]
async fn standard_input_is_read_and_one_line_of_100_mb_is_passed_by() {
    let home = Home::new();
    let mut command = home.ostler();
    command.args(["tasks", "import", "-", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(many(1).as_bytes()).await.unwrap();
    input.write_all(b"{\"id\":\"").await.unwrap();
    let part = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        input.write_all(&part).await.unwrap();
    }
    input.write_all(b"\"}\n").await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 1]);
    let problem = &report["problems"][0];
    assert_eq!(problem["line"], 3);
    let told = problem["problem"].as_str().unwrap();
    assert!(
        told.starts_with("it has 104857609 bytes; at most "),
        "{told}"
    );
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_whole_tasks_and_the_next_import_ends_it() {
    let home = Home::new();
    let text = many(20_000);
    let path = written(&home, "tasks.jsonl", &text);
    assert_eq!(export(&home).await.lines().count(), 1);
    let mut import_one = home.ostler();
    import_one.args(["tasks", "import"]).arg(&path);
    let mut child = import_one.stdout(Stdio::null()).spawn().unwrap();
    let begun = async { while number(&home, "SELECT count(*) FROM task").await < 2_000 {} };
    tokio::time::timeout(PATIENCE, begun)
        .await
        .expect("it has not begun");
    child.kill().await.unwrap();
    let left = number(&home, "SELECT count(*) FROM task").await;
    assert!(left < 20_000, "that was the end already");
    let (code, out, _) = ostler(&home, &["doctor"]).await;
    assert_eq!(code, 0, "{out}");
    // Each task that is there is there with its edges, its parent and its note.
    let torn = "SELECT count(*) FROM task WHERE NOT EXISTS
          (SELECT 1 FROM task_note n WHERE n.task_id = task.id)
        OR (parent IS NOT NULL AND title NOT LIKE '%1' AND NOT EXISTS
          (SELECT 1 FROM task_edge e WHERE e.task_id = task.id))";
    assert_eq!(number(&home, torn).await, 0);
    let (code, report) = import(&home, &path, &[]).await;
    assert_eq!(code, 0);
    let missing = 20_000 - u64::try_from(left).unwrap();
    assert_eq!(counts(&report), [missing, 0, 20_000 - missing, 0]);
    assert_eq!(export(&home).await, text);
    let (code, out, _) = ostler(&home, &["doctor"]).await;
    assert_eq!(code, 0, "{out}");
}

#[tokio::test]
async fn an_export_is_of_one_moment_whoever_writes_meanwhile() {
    let home = Home::new();
    let path = written(&home, "tasks.jsonl", &many(3_000));
    import(&home, &path, &[]).await;
    // Two tasks far apart are always changed together.
    let both = "UPDATE task SET estimate_min = estimate_min + 1
        WHERE id = (SELECT min(id) FROM task) OR id = (SELECT max(id) FROM task)";
    let stop = tokio_util::sync::CancellationToken::new();
    let writing = async {
        let mut store = home.store().await;
        let mut times = 0;
        while !stop.is_cancelled() {
            if sqlx::query(both).execute(&mut store).await.is_ok() {
                times += 1;
            }
            tokio::task::yield_now().await;
        }
        times
    };
    let reading = async {
        let mut seen = Vec::new();
        for _ in 0..4 {
            let out = export(&home).await;
            let lines: Vec<&str> = out.lines().collect();
            assert_eq!(lines.len(), 3_001);
            let told = [lines[1], lines[3_000]].map(|line| {
                let task: Value = serde_json::from_str(line).unwrap();
                task["estimate_min"].as_u64().unwrap_or_default()
            });
            assert_eq!(told[0], told[1], "it is of two moments");
            seen.push(told[0]);
        }
        stop.cancel();
        seen
    };
    let (times, seen) = tokio::join!(writing, reading);
    assert!(times > 4 && seen.first() < seen.last(), "{times} {seen:?}");
}

#[tokio::test]
async fn a_file_that_does_not_fit_leaves_the_old_one_whole() {
    let home = Home::new();
    let path = written(&home, "tasks.jsonl", &many(5_000));
    import(&home, &path, &[]).await;
    let old = written(&home, "project/old.jsonl", "what was there\n");
    // Files may have 200 kB, and who writes more is told so and not killed.
    let script = "trap '' XFSZ; ulimit -f 400; exec \"$0\" tasks export old.jsonl";
    let mut shell = home.command("sh");
    let output = shell
        .args(["-c", script, env!("CARGO_BIN_EXE_ostler")])
        .output()
        .await
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.starts_with("ostler: it could not be written: "),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(70));
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "what was there\n");
    let left = std::fs::read_dir(home.project()).unwrap().count();
    assert_eq!(left, 1, "something is left behind");
}

#[tokio::test]
async fn an_agent_imports_nothing() {
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let home = Home::new().script(
        "importer",
        &format!("{ostler} tasks import tasks.jsonl 2>&1; echo \"exit code $?\""),
    );
    let home = home.config("[agents]\nenv_allow = [\"OSTLER_*\"]");
    written(&home, "project/tasks.jsonl", &many(1));
    let (_, out, _) = home.run(&["run", "--provider", "importer", "x"]).await;
    assert!(out.contains("only a person can import tasks"), "{out}");
    assert!(out.contains("exit code 6"), "{out}");
    assert_eq!(number(&home, "SELECT count(*) FROM task").await, 0);
}
