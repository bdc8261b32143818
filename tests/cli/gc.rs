//! `ostler gc`, and the same done by a server now and then: what goes, what stays, and what a kill
//! leaves.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Executor};

use super::{PATIENCE, echo, listed};
use crate::support::{Home, mcp::McpClient};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Runs `ostler gc` with `args`, which must succeed.
async fn gc(home: &Home, args: &[&str]) -> Value {
    let args = [&["gc", "--json"], args].concat();
    let (code, out, err) = home.run(&args).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

async fn execute(home: &Home, sql: String) {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    home.store().await.execute(sql).await.unwrap();
}

/// Lets everything that has ended so far have ended that many days earlier.
async fn age(home: &Home, days: i64) {
    let ms = days * DAY_MS + 1_000;
    execute(home, format!("UPDATE run SET ended_ms = ended_ms - {ms}")).await;
}

async fn run(home: &Home, label: &str) -> String {
    let (code, _, err) = home.run(&["run", "--label", label, "x"]).await;
    assert_eq!(code, 0, "{err}");
    listed(home).await[0]["id"].as_str().unwrap().to_owned()
}

async fn labels(home: &Home) -> Vec<String> {
    let listed = listed(home).await;
    let labels = listed.iter().map(|agent| agent["label"].as_str().unwrap());
    labels.map(str::to_owned).collect()
}

fn removed(swept: &Value) -> Vec<&str> {
    let agents = swept["agents"].as_array().unwrap().iter();
    agents.map(|gone| gone["label"].as_str().unwrap()).collect()
}

/// The only number that a query gives.
async fn number(store: &mut AnyConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(store).await.unwrap()
}

/// A world in which servers remove nothing by themselves.
fn world() -> Home {
    tidy_world().env("OSTLER_RETENTION_AUTO", "false")
}

fn tidy_world() -> Home {
    echo().env("OSTLER_AGENTS_PROVIDER", "echo")
}

#[tokio::test]
async fn what_ended_long_ago_goes_with_all_that_only_it_referred_to() {
    let home = world();
    run(&home, "old").await;
    std::fs::create_dir(home.path("elsewhere")).unwrap();
    let mut elsewhere = home.ostler();
    elsewhere.current_dir(home.path("elsewhere"));
    elsewhere.args(["run", "--label", "old elsewhere", "x"]);
    assert!(elsewhere.output().await.unwrap().status.success());
    age(&home, 30).await;
    run(&home, "young").await;
    let lock = home.state().join("owners/o-zzzzzz.lock");
    std::fs::write(&lock, "").unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    let made = std::fs::File::options().append(true).open(&lock).unwrap();
    made.set_modified(yesterday).unwrap();

    let mut foreseen = gc(&home, &["--dry-run"]).await;
    assert_eq!(foreseen["dry_run"], true);
    assert_eq!(labels(&home).await, ["young", "old"], "nothing was removed");
    let mut swept = gc(&home, &[]).await;
    for either in [&mut foreseen, &mut swept] {
        assert!(either["freed_bytes"].is_u64(), "{either:#}");
        either["freed_bytes"] = json!(0);
        either["dry_run"] = json!(false);
    }
    assert_eq!(foreseen, swept, "it is what was foreseen");
    let mut gone = removed(&swept);
    gone.sort_unstable();
    assert_eq!(gone, ["old", "old elsewhere"]);
    assert_eq!(swept["agents"][0]["days"], 30);
    assert_eq!(swept["agents"][0]["why"], "age");
    let of = |key: &str| swept[key].as_u64().unwrap();
    assert_eq!((of("runs"), of("owners")), (2, 2), "{swept:#}");
    assert_eq!((of("projects"), of("lock_files")), (1, 1), "{swept:#}");
    assert!(of("log_entries") >= 4, "{swept:#}");

    assert_eq!(labels(&home).await, ["young"]);
    let mut store = home.store().await;
    for (query, left) in [
        ("SELECT count(*) FROM agent", 1),
        ("SELECT count(*) FROM run", 1),
        ("SELECT count(DISTINCT agent_id) FROM event", 1),
        ("SELECT count(*) FROM project", 1),
        ("SELECT count(*) FROM owner", 1),
    ] {
        assert_eq!(number(&mut store, query).await, left, "{query}");
    }
    drop(store);
    let (code, told, _) = home.run(&["gc"]).await;
    assert_eq!((code, told.as_str()), (0, "nothing to remove\n"));
}

#[tokio::test]
async fn the_age_can_be_given_and_the_count_configured() {
    let home = world();
    for label in ["one", "two", "three"] {
        run(&home, label).await;
        age(&home, 3).await;
    }
    assert_eq!(
        removed(&gc(&home, &["--dry-run"]).await),
        Vec::<&str>::new()
    );
    let swept = gc(&home, &["--older-than", "7", "--dry-run"]).await;
    assert_eq!(removed(&swept), ["one"]);
    let home = home.env("OSTLER_RETENTION_KEEP_AGENTS", "2");
    let swept = gc(&home, &[]).await;
    assert_eq!(removed(&swept), ["one"]);
    assert_eq!(swept["agents"][0]["why"], "count");
    let (code, told, _) = home.run(&["gc", "--older-than", "2"]).await;
    assert_eq!(code, 0);
    assert!(told.contains("  ended 6 days ago  two\n"), "{told}");
    assert!(told.contains("\nremoved 2 agents, 2 runs, "), "{told}");
    for days in ["0", "3651"] {
        let (code, _, err) = home.run(&["gc", "--older-than", days]).await;
        assert_eq!(code, 2, "{err}");
    }
}

#[tokio::test]
async fn the_live_the_unread_and_those_with_a_worktree_stay() {
    let home = world().line_script("patient", "hear; echo up >> up; wait_for go; result x");
    let home = home.env("OSTLER_RETENTION_KEEP_AGENTS", "1");
    let with_worktree = run(&home, "with worktree").await;
    let removed_worktree = run(&home, "worktree removed").await;
    let parent = run(&home, "parent").await;
    let nested = run(&home, "nested").await;
    let mut server = home.server().await;
    let unread = server
        .spawn(json!({ "prompt": "x", "label": "unread" }))
        .await;
    server
        .until(&unread, |agent| agent["status"] == "completed")
        .await;
    let tree = |id: &str, state: &str| {
        format!(
            "INSERT INTO worktree(agent_id, project_id, repository, path, branch, state, created_ms,
               changed_ms) SELECT '{id}', project_id, '/r', '/w/{id}', 'b', '{state}', 0, 0
               FROM agent WHERE id = '{id}';"
        )
    };
    let nest = format!(
        "UPDATE agent SET parent = '{parent}', path = '/{parent}/{nested}/' WHERE id = '{nested}';"
    );
    let trees = tree(&with_worktree, "kept") + &tree(&removed_worktree, "removed");
    execute(&home, trees + &nest).await;
    age(&home, 20).await;
    // Of a family only one is too old.
    let old =
        format!("UPDATE run SET ended_ms = ended_ms - {DAY_MS} * 20 WHERE agent_id = '{parent}'");
    execute(&home, old).await;
    let live = json!({ "prompt": "x", "label": "live", "provider": "patient" });
    let live = server.spawn(live).await;
    home.written("up", 1).await;
    execute(
        &home,
        format!("UPDATE run SET changed_ms = 0 WHERE agent_id = '{live}'"),
    )
    .await;

    let swept = gc(&home, &["--older-than", "30"]).await;
    assert_eq!(removed(&swept), ["parent", "nested", "worktree removed"]);
    assert!(
        swept["agents"]
            .as_array()
            .unwrap()
            .iter()
            .all(|gone| gone["why"] == "count")
    );
    assert_eq!(labels(&home).await, ["live", "unread", "with worktree"]);
    let open = server.call("catch_up", json!({})).await.unwrap();
    assert!(open["unread"][0].as_str().unwrap().contains(&unread));

    let swept = gc(&home, &["--older-than", "10"]).await;
    assert_eq!(
        removed(&swept),
        ["unread"],
        "too old, whoever has not read it"
    );
    home.touch("go");
    let waited = server.call("wait_agents", json!({ "ids": [live] })).await;
    assert_eq!(waited.unwrap()["done"][0]["status"], "completed");
}

/// So many agents that ended long ago, with logs of 16 kB each, and a young one.
async fn crowd(home: &Home, number: usize) {
    run(home, "young").await;
    execute(
        home,
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
             INSERT INTO agent(id, project_id, session, label, run_no, created_ms, path)
             SELECT printf('a-%06d', i), (SELECT id FROM project), 'gone', 'old', 1, i,
               printf('/a-%06d/', i) FROM n;
             INSERT INTO run(agent_id, run_no, status, owner_id, ticket, slot, prompt, launch,
               queued_ms, ended_ms, changed_ms, delivered)
             SELECT agent.id, 1, 'completed', owner_id, 1, 1, 'x', launch, 1, 1, 1, 1
               FROM agent, (SELECT owner_id, launch FROM run LIMIT 1) WHERE agent.label = 'old';
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8)
             INSERT INTO event(agent_id, seq, run_no, at_ms, kind, body)
             SELECT agent.id, i, 1, 1, 'text', '\"' || hex(zeroblob(1000)) || '\"'
               FROM agent, n WHERE agent.label = 'old';"
        ),
    )
    .await;
}

/// Whether everything in the state belongs to something.
async fn is_whole(home: &Home) {
    let mut store = home.store().await;
    for query in [
        "SELECT count(*) FROM pragma_foreign_key_check()",
        "SELECT count(*) FROM agent WHERE label = 'old' AND
           (SELECT count(*) FROM event WHERE agent_id = agent.id) <> 8",
        "SELECT count(*) FROM agent WHERE NOT EXISTS (SELECT 1 FROM run WHERE agent_id = agent.id)",
    ] {
        assert_eq!(number(&mut store, query).await, 0, "{query}");
    }
    let whole: String = sqlx::query_scalar("SELECT integrity_check FROM pragma_integrity_check()")
        .fetch_one(&mut store)
        .await
        .unwrap();
    assert_eq!(whole, "ok");
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_whole_agents_and_the_next_one_ends_it() {
    let home = world();
    crowd(&home, 600).await;
    let agents = "SELECT count(*) FROM agent";
    let mut left = 601;
    for _ in 0..3 {
        let mut gc = home.ostler().arg("gc").spawn().unwrap();
        let mut store = home.store().await;
        let begun = async { while number(&mut store, agents).await == left {} };
        tokio::time::timeout(PATIENCE, begun)
            .await
            .expect("it has not begun");
        gc.kill().await.unwrap();
        is_whole(&home).await;
        left = number(&mut store, agents).await;
        assert!(left > 1, "that was the end already");
    }
    let size = || {
        std::fs::metadata(home.state().join("ostler.db"))
            .unwrap()
            .len()
    };
    assert_eq!(
        gc(&home, &[]).await["agents"].as_array().unwrap().len() as i64,
        left - 1
    );
    is_whole(&home).await;
    assert_eq!(labels(&home).await, ["young"]);
    assert!(size() < 1_000_000, "the file has {} bytes", size());
}

#[tokio::test]
async fn a_session_goes_on_while_much_is_removed() {
    // As many runs as fit in the time that it takes, on a slow machine more than are allowed otherwise.
    let home = world().env("OSTLER_AGENTS_MAX_SPAWNS_PER_MINUTE", "1000");
    crowd(&home, 600).await;
    let long_log = "WITH RECURSIVE n(i) AS (SELECT 9 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
        INSERT INTO event(agent_id, seq, run_no, at_ms, kind, body)
        SELECT 'a-000007', i, 1, 1, 'text', '\"x\"' FROM n";
    execute(&home, long_log.to_owned()).await;
    let mut server = home.server().await;
    let removing = home.ostler().args(["gc", "--json"]).output();
    let working = async {
        let mut done = 0;
        while number(
            &mut home.store().await,
            "SELECT count(*) FROM agent WHERE label = 'old'",
        )
        .await
            > 0
        {
            assert_eq!(
                server.run(json!({ "prompt": "x" })).await["status"],
                "completed"
            );
            done += 1;
        }
        done
    };
    let (swept, done) = tokio::join!(removing, working);
    let swept: Value = serde_json::from_slice(&swept.unwrap().stdout).unwrap();
    assert_eq!(removed(&swept).len(), 600);
    assert_eq!(swept["log_entries"], 599 * 8 + 25_000);
    assert!(done > 0);
    assert!(
        swept["freed_bytes"].as_u64().unwrap() > 5_000_000,
        "{}",
        swept["freed_bytes"]
    );
}

#[tokio::test]
async fn a_server_removes_what_is_over_once_a_day_unless_told_otherwise() {
    let home = tidy_world();
    let begun = "SELECT coalesce(max(begun_ms), 0) FROM upkeep";
    run(&home, "old").await;
    age(&home, 31).await;
    let mut told_otherwise = home.ostler();
    told_otherwise.env("OSTLER_RETENTION_AUTO", "false");
    let mut server = McpClient::start(told_otherwise).await;
    server.call("list_agents", json!({})).await.unwrap();
    server.leave().await;
    assert_eq!(number(&mut home.store().await, begun).await, 0);
    assert_eq!(labels(&home).await, ["old"]);

    let server = home.server().await;
    all_gone(&home).await;
    server.leave().await;
    let first = number(&mut home.store().await, begun).await;

    run(&home, "old again").await;
    age(&home, 31).await;
    let mut server = home.server().await;
    server.call("list_agents", json!({})).await.unwrap();
    server.leave().await;
    assert_eq!(number(&mut home.store().await, begun).await, first);
    assert_eq!(labels(&home).await, ["old again"]);
    execute(
        &home,
        format!("UPDATE upkeep SET begun_ms = begun_ms - {DAY_MS}"),
    )
    .await;
    let server = home.server().await;
    all_gone(&home).await;
    server.leave().await;
}

/// Waits until there is no agent any more.
async fn all_gone(home: &Home) {
    let mut store = home.store().await;
    let gone = async {
        while number(&mut store, "SELECT count(*) FROM agent").await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    gone.expect("they are not removed");
}

#[tokio::test]
async fn an_agent_removes_nothing() {
    let ostler = env!("CARGO_BIN_EXE_ostler");
    let home = Home::new().script("nest", &format!("{ostler} gc 2>&1; echo \"exit code $?\""));
    let home = home.config("[agents]\nenv_allow = [\"OSTLER_*\"]");
    let (_, out, _) = home.run(&["run", "--provider", "nest", "x"]).await;
    assert!(
        out.contains("an agent cannot remove agents for good"),
        "{out}"
    );
    assert!(out.contains("exit code 6"), "{out}");
}
