//! A state file that cannot be used: the server stays up, says what is wrong, and changes nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Executor;

use crate::support::Home;
use crate::support::mcp::McpClient;

/// Opens the state of a world once.
async fn opened(home: &Home) {
    let mut server = home.server().await;
    server.call("list_agents", json!({})).await.unwrap();
    assert!(server.close().await.success());
}

/// What cannot be mended by waiting is said at once; this is generous.
const AT_ONCE: Duration = Duration::from_secs(20);

/// The server answers what needs no state, and the error of a call that does.
async fn refusal(home: &Home) -> String {
    tokio::time::timeout(AT_ONCE, refused(home))
        .await
        .expect("no answer in time")
}

async fn refused(home: &Home) -> String {
    let mut server = home.server().await;
    assert_eq!(server.initialized["serverInfo"]["name"], "ostler");
    let tools = server.request("tools/list", json!({})).await;
    assert!(!tools["result"]["tools"].as_array().unwrap().is_empty());
    let refusal = server.call("list_agents", json!({})).await.unwrap_err();
    let spawn = json!({ "prompt": "x", "provider": "echo" });
    assert_eq!(
        server.call("spawn_agent", spawn).await.unwrap_err(),
        refusal
    );
    assert!(refusal.lines().count() <= 3, "{refusal}");
    assert_eq!(server.not_json(), Vec::<String>::new());
    assert!(server.close().await.success());
    refusal
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_made_is_named() {
    let home = Home::new();
    // Permissions do not bind the superuser; a file in the way does.
    let path = home.path("config.toml").join("state");
    let home = home
        .env("OSTLER_HOME", &path.to_string_lossy())
        .script("echo", "cat");
    let refusal = refusal(&home).await;
    assert!(refusal.contains(&*path.to_string_lossy()), "{refusal}");
    assert!(refusal.contains("set OSTLER_HOME"), "{refusal}");
    let (code, out, err) = home.run(&["agents", "list"]).await;
    assert_eq!((code, out.as_str()), (70, ""), "{err}");
    assert!(err.contains("set OSTLER_HOME"), "{err}");
}

#[tokio::test]
async fn a_state_directory_in_dev_null_is_refused() {
    let home = Home::new()
        .env("OSTLER_HOME", "/dev/null/x")
        .script("echo", "cat");
    let refusal = refusal(&home).await;
    assert!(refusal.contains("/dev/null/x cannot be used"), "{refusal}");
}

#[tokio::test]
async fn a_state_that_can_be_used_later_is_used_by_the_next_call() {
    let home = Home::new();
    let path = home.path("in-the-way");
    std::fs::write(&path, "").unwrap();
    let state = path.join("state");
    let home = home
        .env("OSTLER_HOME", &state.to_string_lossy())
        .script("echo", "cat");
    let mut server = home.server().await;
    server.call("list_agents", json!({})).await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let done = server
        .run(json!({ "prompt": "works", "provider": "echo" }))
        .await;
    assert_eq!(done["result"], "works");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let home = Home::new().script("echo", "cat");
    opened(&home).await;
    let mut connection = home.store().await;
    connection
        .execute(
            "INSERT INTO _sqlx_migrations(version, description, success, checksum, execution_time) \
             VALUES (9999, 'from the future', 1, x'00', 0)",
        )
        .await
        .unwrap();
    drop(connection);
    let refusal = refusal(&home).await;
    assert!(
        refusal.contains("written by a newer ostler (schema 9999"),
        "{refusal}"
    );
    assert!(refusal.contains("nothing was changed"), "{refusal}");
}

#[tokio::test]
async fn a_file_of_garbage_is_no_database_and_is_left_alone() {
    let home = Home::new().script("echo", "cat");
    std::fs::create_dir(home.state()).unwrap();
    let path = home.state().join("ostler.db");
    let garbage = "this is not a database\n".repeat(500);
    std::fs::write(&path, &garbage).unwrap();
    let refusal = refusal(&home).await;
    assert!(refusal.contains("the database is damaged"), "{refusal}");
    assert!(refusal.contains("move ostler.db aside"), "{refusal}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);
}

#[tokio::test]
async fn a_database_that_is_a_directory_is_refused() {
    let home = Home::new().script("echo", "cat");
    std::fs::create_dir_all(home.state().join("ostler.db")).unwrap();
    let refusal = refusal(&home).await;
    assert!(
        refusal.contains("database") || refusal.contains("ostler.db"),
        "{refusal}"
    );
}

#[tokio::test]
async fn state_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    server
        .run(json!({ "prompt": "x", "provider": "echo" }))
        .await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.state()), 0o700);
    let mut open = vec![home.state()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                assert_eq!(mode(&path), 0o700, "{}", path.display());
                open.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

/// How long another program keeps the database to itself.
const LOCKED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn calls_outlast_a_database_that_is_locked_for_five_seconds() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    server.call("list_agents", json!({})).await.unwrap();
    let mut connection = home.store().await;
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    let since = Instant::now();
    let arguments = json!({ "prompt": "patience", "provider": "echo" });
    let spawn = server.call_later("spawn_agent", arguments).await;
    // A second server opens the state at the same time.
    let mut late = home.server().await;
    let list = late.call_later("list_agents", json!({})).await;
    tokio::time::sleep(LOCKED.saturating_sub(since.elapsed())).await;
    connection.execute("COMMIT").await.unwrap();
    let spawned = spawn.outcome().await.unwrap();
    assert!(since.elapsed() >= LOCKED, "the lock was no lock");
    list.outcome().await.unwrap();
    let done = server
        .wait(&[spawned["id"].as_str().unwrap()])
        .await
        .remove(0);
    assert_eq!(done["result"], "patience", "{done:#}");
}

#[tokio::test]
async fn an_agent_that_ends_while_the_database_is_locked_gets_its_end() {
    let home = Home::new().line_script(
        "talk",
        "hear; echo up >> up; wait_for go; text one; result two",
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "talk" }))
        .await;
    home.written("up", 1).await;
    let mut connection = home.store().await;
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    home.touch("go");
    let waited = server
        .call("wait_agents", json!({ "timeout_s": 2 }))
        .await
        .unwrap();
    assert_eq!(waited["timed_out"], true, "{waited:#}");
    connection.execute("COMMIT").await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["result"], "two", "{done:#}");
    let transcript = server.transcript(&id).await;
    assert!(
        transcript
            .iter()
            .any(|entry| entry["body"]["text"] == "one"),
        "{transcript:#?}"
    );
}

/// A server whose state lies on a disk of 8 MB, seen by it alone. `None` where none can be mounted.
async fn on_a_small_disk(home: &Home) -> Option<McpClient> {
    let disk = home.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let script = r#"mount -t tmpfs -o size=8m tmpfs "$0" && exec "$1""#;
    let namespace = ["--user", "--map-root-user", "--mount"];
    let wrapped = |last: &str| {
        let mut command = tokio::process::Command::new("unshare");
        command
            .args(namespace)
            .args(["sh", "-c", script])
            .arg(&disk)
            .arg(last);
        command
            .env_clear()
            .envs(home.environment())
            .current_dir(home.project());
        command
            .env("OSTLER_HOME", disk.join("state"))
            .kill_on_drop(true);
        command
    };
    let mounted = wrapped("true").status().await;
    if !mounted.is_ok_and(|status| status.success()) {
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: a full disk needs user namespaces"
        );
        return None;
    }
    Some(McpClient::start(wrapped(env!("CARGO_BIN_EXE_ostler"))).await)
}

#[tokio::test]
async fn a_full_disk_is_named_and_all_is_well_once_there_is_room() {
    let home = Home::new().script("echo", "cat");
    let Some(mut server) = on_a_small_disk(&home).await else {
        return;
    };
    let before = server
        .run(json!({ "prompt": "before", "provider": "echo" }))
        .await;
    assert_eq!(before["result"], "before");
    // The disk as the server sees it.
    let seen = format!("/proc/{}/root{}", server.pid(), home.path("disk").display());
    let filler = Path::new(&seen).join("filler");
    let full = std::fs::write(&filler, vec![0_u8; 16 * 1024 * 1024]);
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let arguments = json!({ "prompt": "x".repeat(500_000), "provider": "echo" });
    let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
    assert!(
        refusal.contains("disk") && refusal.contains("full"),
        "{refusal}"
    );
    let tools = server.request("tools/list", json!({})).await;
    assert!(!tools["result"]["tools"].as_array().unwrap().is_empty());
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed:#}");
    std::fs::remove_file(&filler).unwrap();
    let after = server
        .run(json!({ "prompt": "after", "provider": "echo" }))
        .await;
    assert_eq!(after["result"], "after", "{after:#}");
    assert_eq!(
        server.brief(before["id"].as_str().unwrap()).await["reason"],
        Value::Null
    );
    assert!(server.close().await.success());
}
