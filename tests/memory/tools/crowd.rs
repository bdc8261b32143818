//! Two servers that write at once, one of which is killed in the middle.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::Row;

use crate::memory::{found, session};
use crate::support::Home;
use crate::support::mcp::McpClient;

/// Calls of one server that are under way at once.
const CALLERS: usize = 16;
/// Statements that each of the two begins with, and after how many one is killed.
const EACH: usize = 250;
const UNTIL: usize = 112;

/// A word that is in no other statement and has no other form.
fn word(n: usize, place: usize) -> String {
    const SYLLABLES: [&str; 10] = [
        "bak", "dep", "fog", "gub", "kiz", "lom", "mub", "nop", "rik", "zag",
    ];
    let digits = format!("{place}{n:03}");
    let digits = digits.bytes().map(|digit| usize::from(digit - b'0'));
    digits.map(|digit| SYLLABLES[digit]).collect()
}

fn statement(n: usize) -> String {
    let words: Vec<String> = (0..5).map(|place| word(n, place)).collect();
    words.join(" ")
}

/// Has these kept, many at a time: the ids of those that were acknowledged. The server is killed when
/// `until` of them are on their way.
async fn write(
    server: &mut McpClient,
    numbers: std::ops::Range<usize>,
    until: Option<usize>,
) -> BTreeMap<usize, String> {
    let numbers: Vec<usize> = numbers.collect();
    let mut acknowledged = BTreeMap::new();
    let mut sent = 0;
    for calls in numbers.chunks(CALLERS) {
        let mut answers = Vec::new();
        for n in calls {
            let arguments = json!({ "text": statement(*n), "tags": ["crowd"] });
            let call = json!({ "name": "remember", "arguments": arguments });
            answers.push((*n, server.send("tools/call", call).await.1));
        }
        sent += calls.len();
        let is_last = until.is_some_and(|until| sent >= until);
        if is_last {
            // One has been answered: the others are at work.
            let (n, first) = answers.remove(0);
            let first = first.await.unwrap();
            acknowledged.insert(n, id(&first));
            server.kill().await;
        }
        for (n, answer) in answers {
            match answer.await {
                Ok(answer) => drop(acknowledged.insert(n, id(&answer))),
                Err(_) => assert!(is_last, "the server has gone"),
            }
        }
        if is_last {
            break;
        }
    }
    acknowledged
}

fn id(answer: &serde_json::Value) -> String {
    let kept = &answer["result"]["structuredContent"];
    assert_eq!(kept["status"], "kept", "{answer:#}");
    kept["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_servers_that_write_at_once_lose_nothing_when_one_is_killed() {
    let home = Home::new();
    let (mut one, mut two) = (session(&home, "one").await, session(&home, "two").await);
    let (kept, mut cut) = tokio::join!(
        write(&mut one, 0..EACH, None),
        write(&mut two, EACH..2 * EACH, Some(UNTIL)),
    );
    assert_eq!(kept.len(), EACH);
    assert!(
        (UNTIL - CALLERS..EACH).contains(&cut.len()),
        "{}",
        cut.len()
    );
    let mut again = session(&home, "two").await;
    let from = EACH + UNTIL;
    let (rest, last) = tokio::join!(
        write(&mut again, from..2 * EACH, None),
        write(&mut one, 2 * EACH..2 * EACH + 20, None),
    );
    cut.extend(kept.into_iter().chain(rest).chain(last));

    let mut store = home.store().await;
    let rows = sqlx::query(
        "SELECT memory.id, memory.text,
           (SELECT count(*) FROM memory_index WHERE rowid = memory.n) AS times
         FROM memory",
    );
    let rows = rows.fetch_all(&mut store).await.unwrap();
    let on_file: BTreeMap<String, String> = rows
        .iter()
        .map(|row| (row.get("id"), row.get("text")))
        .collect();
    for (n, id) in &cut {
        assert_eq!(on_file.get(id), Some(&statement(*n)), "{id}");
    }
    assert!(rows.iter().all(|row| row.get::<i64, _>("times") == 1));
    // What was not acknowledged is there or is not, and never by half.
    let indexed: i64 = sqlx::query_scalar("SELECT count(*) FROM memory_index")
        .fetch_one(&mut store)
        .await
        .unwrap();
    let counted: i64 = sqlx::query_scalar("SELECT sum(memories) FROM memory_place")
        .fetch_one(&mut store)
        .await
        .unwrap();
    let all = rows.len() as i64;
    assert_eq!((indexed, counted), (all, all));
    for (n, id) in cut.iter().step_by(7) {
        assert_eq!(&found(&mut one, &word(*n, 3)).await[0], id, "{n}");
    }
    again.leave().await;
    one.leave().await;
}
