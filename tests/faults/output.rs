//! Output that is too long, too much, not text, or not where it should be.

use serde_json::{Value, json};

use crate::support::mcp::McpClient;
use crate::support::{Home, processes_with};

/// The most memory that the server has used so far, in megabytes.
fn peak_memory(server: &McpClient) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// 100 MB of `x` without a line end.
const ENDLESS: &str = "head -c 100000000 /dev/zero | tr '\\0' x";

#[tokio::test]
async fn a_line_of_100_mb_is_noise_and_the_result_after_it_counts() {
    let script = format!("hear; {ENDLESS}; echo; result 'after all'");
    let home = Home::new().line_script("long", &script);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "long" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "after all");
    assert_eq!(
        server.evidence(done["id"].as_str().unwrap()).await["noise_lines"],
        1
    );
    let peak = peak_memory(&server);
    assert!(peak < 150, "{peak} MB");
}

#[tokio::test]
async fn a_result_line_of_100_mb_is_no_result() {
    let script =
        format!("hear; printf '{{\"ostler\":\"result\",\"text\":\"'; {ENDLESS}; echo '\"}}'");
    let home = Home::new().line_script("long", &script);
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "long" }))
        .await;
    assert_eq!(done["status"], "error", "{done:#}");
    assert_eq!(done["reason"], "protocol");
    let peak = peak_memory(&server);
    assert!(peak < 150, "{peak} MB");
}

#[tokio::test]
async fn plain_output_in_one_line_of_100_mb_is_cut_and_says_so() {
    let home = Home::new().script("long", &format!("{ENDLESS}; echo"));
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "long" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result_from"], "final", "it wrote a lot: {done:#}");
    assert!(
        done["result"].as_str().unwrap().starts_with("xxx"),
        "{done:#}"
    );
    let peak = peak_memory(&server);
    assert!(peak < 150, "{peak} MB");
}

#[tokio::test]
async fn a_flood_of_lines_is_cut_and_says_so() {
    let home = Home::new().script("flood", "yes 'the same again' | head -n 300000");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "flood" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let mut cursor = done["next_cursor"].clone();
    let mut end = Value::Null;
    let mut bytes = 6144;
    while cursor.is_string() {
        let arguments = json!({ "id": done["id"], "cursor": cursor, "limit": 32768 });
        end = server.call("get_agent", arguments).await.unwrap();
        bytes += end["result"].as_str().unwrap().len();
        cursor = end["next_cursor"].clone();
    }
    assert!(bytes < 1_100_000, "{bytes}");
    assert!(
        end["result"]
            .as_str()
            .unwrap()
            .ends_with("more bytes were cut off]"),
        "{end:#}"
    );
    let peak = peak_memory(&server);
    assert!(peak < 150, "{peak} MB");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced() {
    let home = Home::new()
        .script("plain", r"printf 'a\377b\nc\000d'")
        .line_script(
            "lines",
            r#"hear; printf '{"ostler":"result","text":"a\377b"}\n'"#,
        );
    let mut server = home.server().await;
    for (provider, result) in [("plain", "a\u{FFFD}b\nc\0d"), ("lines", "a\u{FFFD}b")] {
        let done = server
            .run(json!({ "prompt": "x", "provider": provider }))
            .await;
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(done["result"], result);
        let read = server
            .call("get_agent", json!({ "id": done["id"] }))
            .await
            .unwrap();
        assert_eq!(read["result"], result);
    }
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_open_does_not_hold_up_the_end() {
    let home = Home::new().script("parent", "setsid sleep 300 & echo done");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "parent" }))
        .await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "done");
    assert_eq!(
        processes_with(done["id"].as_str().unwrap()),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn output_that_is_closed_early_is_not_the_end() {
    let home = Home::new().script("early", "echo early; exec >&-; echo up >> up; wait_for go");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "early" }))
        .await;
    home.written("up", 1).await;
    let waited = server
        .call("wait_agents", json!({ "timeout_s": 1 }))
        .await
        .unwrap();
    assert_eq!(waited["timed_out"], true, "{waited:#}");
    home.touch("go");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "early");
}

#[tokio::test]
async fn text_on_standard_error_is_no_result() {
    let home = Home::new().script("chatty", "yes warning | head -n 100000 >&2; echo result");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "chatty" }))
        .await;
    assert_eq!(done["result"], "result", "{done:#}");
    assert_eq!(done["detail"], Value::Null);
}

#[tokio::test]
async fn the_last_text_or_a_digest_stands_in_for_an_empty_result() {
    let home = Home::new()
        .line_script(
            "talks",
            "hear; turn; text 'this is it'; tool 1 Read; turn; result ''",
        )
        .line_script("works", "hear; turn; tool 1 Edit; tool 2 Edit; result ''")
        .script("silent", "exit 0");
    let mut server = home.server().await;
    let cases = [
        ("talks", "last_text", "this is it"),
        ("works", "digest", "1 turns and called Edit x2."),
        ("silent", "digest", "called no tool."),
    ];
    for (provider, from, text) in cases {
        let done = server
            .run(json!({ "prompt": "x", "provider": provider }))
            .await;
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(done["result_from"], from, "{done:#}");
        assert!(done["result"].as_str().unwrap().ends_with(text), "{done:#}");
    }
}
