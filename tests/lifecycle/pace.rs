//! A model service that turns agents away: its provider slows down and nothing is lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// Says that the service is over its rate limit and to be asked again in $1 seconds, and leaves.
const REFUSE: &str = r#"
refuse() {
  date +%s%3N >> refused
  printf '{"ostler":"error","message":"slow down","class":"rate_limited","retry_after_s":%s}\n' "$1"
  exit 0
}
"#;

fn limited(name: &str, body: &str) -> Home {
    with_limited(Home::new(), name, body)
}

fn with_limited(home: Home, name: &str, body: &str) -> Home {
    home.line_script(name, &format!("{REFUSE}\n{body}"))
}

/// Turns the first session away for so many seconds.
fn refused_once(seconds: u32) -> String {
    format!(
        "hear; date +%s%3N >> began; if mkdir first 2>/dev/null; then refuse {seconds}; fi; result done"
    )
}

async fn until_turned_away(server: &mut McpClient, id: &str) {
    server.until_logged(id, "backoff").await;
}

async fn statuses(server: &mut McpClient, ids: &[&str]) -> Vec<Value> {
    let mut statuses = Vec::new();
    for id in ids {
        statuses.push(server.brief(id).await["status"].clone());
    }
    statuses
}

fn moments(home: &Home, name: &str) -> Vec<i64> {
    let lines = home.lines_of(name).into_iter();
    lines.map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_fan_out_that_is_turned_away_finishes_later_and_nothing_is_lost() {
    let home = limited(
        "busy",
        r#"hear; echo "$said" >> sessions
        for place in 1 2 3 4; do if mkdir "refused-$place" 2>/dev/null; then refuse 1; fi; done
        turn; result "$said is done""#,
    )
    .config("[agents]\nprovider = \"busy\"");
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for name in 1..=8 {
        ids.push(
            server
                .spawn(json!({ "prompt": format!("task {name}") }))
                .await,
        );
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (done, name) in server.wait(&ids).await.iter().zip(1..) {
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(done["result"], format!("task {name} is done"));
    }
    // Each task once, and the four that were turned away once more.
    let sessions = home.lines_of("sessions");
    assert_eq!(sessions.len(), 12, "{sessions:#?}");
    assert_eq!(sessions.iter().collect::<BTreeSet<_>>().len(), 8);
    let mut backoffs = 0;
    for id in &ids {
        let evidence = server.evidence(id).await;
        assert_eq!(evidence["turns"], 1);
        backoffs += evidence["backoffs"].as_i64().unwrap_or(0);
    }
    assert_eq!(backoffs, 4);
}

#[tokio::test]
async fn a_slow_provider_holds_up_nobody_else_and_its_agents_stop_at_once() {
    let home = limited("slow", &refused_once(600))
        .script("quick", "cat")
        .config("[agents]\nmax_concurrent = 1");
    let mut server = home.server().await;
    let first = server
        .spawn(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    let waits = server
        .until(&first, |agent| agent["backing_off"] != Value::Null)
        .await;
    assert_eq!(waits["status"], "running");
    let words = waits["backing_off"].as_str().unwrap();
    assert!(
        words.starts_with("the model service turns it away; tries again in ")
            && words.ends_with(" s (1 of 6)"),
        "{words}"
    );
    let second = server
        .spawn(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    let words = server.brief(&second).await["backing_off"].clone();
    assert!(words.as_str().unwrap().contains("; starts in "), "{words}");
    for prompt in ["one", "two"] {
        let done = server
            .run(json!({ "prompt": prompt, "provider": "quick" }))
            .await;
        assert_eq!(done["result"], prompt, "{done:#}");
    }
    assert_eq!(
        statuses(&mut server, &[&first, &second]).await,
        ["running", "queued"]
    );
    let arguments = json!({ "ids": [first, second], "reason": "enough" });
    server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(
        statuses(&mut server, &[&first, &second]).await,
        ["stopped", "stopped"]
    );
    assert_eq!(home.lines_of("began").len(), 1);
}

#[tokio::test]
async fn two_servers_share_the_pace() {
    let home = limited("slow", &refused_once(1));
    let (mut one, mut two) = (home.server().await, home.server().await);
    let first = one
        .spawn(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    until_turned_away(&mut one, &first).await;
    let done = two.run(json!({ "prompt": "x", "provider": "slow" })).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(one.wait(&[&first]).await[0]["status"], "completed");
    let refused = moments(&home, "refused")[0];
    let later = moments(&home, "began").into_iter().skip(1);
    let gaps: Vec<i64> = later.map(|began| began - refused).collect();
    assert!(
        gaps.len() == 2 && gaps.iter().all(|gap| *gap >= 1000),
        "{gaps:?}"
    );
}

#[tokio::test]
async fn a_server_that_dies_while_its_agent_waits_leaves_nothing_stuck() {
    let home = limited("slow", &refused_once(5)).config("[agents]\nmax_concurrent = 1");
    let mut server = home.server().await;
    let first = server
        .spawn(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    until_turned_away(&mut server, &first).await;
    server.kill().await;
    let mut next = home.server().await;
    let done = next.run(json!({ "prompt": "x", "provider": "slow" })).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let lost = next.brief(&first).await;
    assert_eq!(
        (&lost["status"], &lost["reason"], &lost["backing_off"]),
        (&json!("error"), &json!("owner_lost"), &Value::Null)
    );
    assert_eq!(lost["evidence"]["backoffs"], 1, "{lost:#}");
}

#[tokio::test]
async fn the_time_limit_holds_while_an_agent_waits_for_a_place() {
    let home = limited("slow", &refused_once(3))
        .script("stay", "echo up >> up; wait_for go; echo stayed")
        .config("[agents]\nmax_concurrent = 1");
    let mut server = home.server().await;
    let arguments = json!({ "prompt": "x", "provider": "slow", "timeout_s": 6 });
    let first = server.spawn(arguments).await;
    until_turned_away(&mut server, &first).await;
    let other = server
        .spawn(json!({ "prompt": "x", "provider": "stay" }))
        .await;
    home.written("up", 1).await;
    let done = server.wait(&[&first]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("aborted"), &json!("timeout_s")),
        "{done:#}"
    );
    home.touch("go");
    assert_eq!(server.wait(&[&other]).await[0]["result"], "stayed");
    assert_eq!(home.lines_of("began").len(), 1);
}

#[tokio::test]
async fn a_rest_that_time_does_not_allow_is_not_begun() {
    for (seconds, why) in [(600, "`timeout_s` leaves less"), (3600, "asks for 3600 s")] {
        let home = limited("slow", &refused_once(seconds));
        let mut server = home.server().await;
        let arguments = json!({ "prompt": "x", "provider": "slow", "timeout_s": 60 });
        let done = server.run(arguments).await;
        assert_eq!(
            (&done["status"], &done["reason"]),
            (&json!("error"), &json!("rate_limited")),
            "{done:#}"
        );
        let detail = done["detail"].as_str().unwrap();
        assert!(
            detail.contains(why) && detail.contains("Next: "),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn messages_that_did_not_arrive_are_sent_again_once() {
    let home = limited(
        "listen",
        r#"hear; echo up >> up
        if mkdir first 2>/dev/null; then hear; refuse 1; fi
        listen_for END; result heard"#,
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "listen" }))
        .await;
    home.written("up", 1).await;
    for message in ["before", "END"] {
        let arguments = json!({ "id": id, "message": message });
        server.call("steer_agent", arguments).await.unwrap();
        until_turned_away(&mut server, &id).await;
    }
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(home.lines_of("heard"), ["before", "END"]);
    assert_eq!(
        server.evidence(&id).await["steers"],
        json!({ "delivered": 2, "lost": 0 })
    );
}

#[tokio::test]
async fn a_session_that_begins_anew_knows_what_was_told_and_all_is_added_up() {
    let home = limited(
        "forget",
        r#"hear; printf '%s\n' "$said" >> prompts
        if mkdir first 2>/dev/null; then
          hear; delivered; turn; tool 1 look; usage 100 0.5; refuse 1
        fi
        turn; usage 10 0.25; result done"#,
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "Look.", "provider": "forget" }))
        .await;
    home.written("prompts", 1).await;
    let arguments = json!({ "id": id, "message": "And behind you." });
    server.call("steer_agent", arguments).await.unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["turns"], &done["tool_calls"]),
        (&json!("completed"), &json!(2), &json!(1)),
        "{done:#}"
    );
    assert_eq!(
        (&done["tokens"], &done["cost_usd"]),
        (&json!(110), &json!(0.75))
    );
    let prompts = home.lines_of("prompts");
    assert_eq!(prompts.len(), 2, "{prompts:#?}");
    assert_eq!(prompts[0], "Look.");
    assert!(
        prompts[1].starts_with("Look.") && prompts[1].ends_with("And behind you."),
        "{prompts:#?}"
    );
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["steers"], json!({ "delivered": 1, "lost": 0 }));
}

#[tokio::test]
async fn a_wrap_up_message_that_did_not_arrive_is_sent_again() {
    let home = limited(
        "wrap",
        r#"hear; if mkdir first 2>/dev/null; then turn; tool 1 look; hear; refuse 1; fi
        hear; printf '%s\n' "$said" >> heard; delivered; turn; result wrapped"#,
    );
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "wrap", "max_turns": 1 }))
        .await;
    assert_eq!(
        (&done["status"], &done["result"], &done["turns"]),
        (&json!("steered"), &json!("wrapped"), &json!(2)),
        "{done:#}"
    );
    let heard = home.lines_of("heard");
    assert!(
        heard.len() == 1 && heard[0].contains("limit `max_turns`"),
        "{heard:#?}"
    );
}

#[tokio::test]
async fn the_place_of_a_server_that_died_goes_to_who_waits_to_go_on() {
    let home = limited("slow", &refused_once(3))
        .script("stay", "echo up >> up; wait_for go; echo stayed")
        .config("[agents]\nmax_concurrent = 1");
    let (mut server, mut doomed) = (home.server().await, home.server().await);
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    until_turned_away(&mut server, &id).await;
    doomed
        .spawn(json!({ "prompt": "x", "provider": "stay" }))
        .await;
    home.written("up", 1).await;
    doomed.kill().await;
    assert_eq!(server.wait(&[&id]).await[0]["status"], "completed");
}

#[tokio::test]
async fn tries_are_counted_and_the_agent_can_be_resumed_after_the_last() {
    let home = limited(
        "never",
        "hear; echo \"$said\" >> sessions; if [ ! -e go ]; then refuse 1; fi; result 'at last'",
    )
    .config("[agents]\nmax_retries = 1");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "never" }))
        .await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!("rate_limited")),
        "{done:#}"
    );
    assert_eq!(
        done["detail"],
        "slow down. Tried again 1 times in vain. Next: resume_agent carries it on later."
    );
    assert_eq!(home.lines_of("sessions"), ["x", "x"]);
    let id = done["id"].as_str().unwrap();
    let entries = server.transcript(id).await;
    let kinds: Vec<&Value> = entries.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "backoff").count(),
        1,
        "{kinds:?}"
    );
    home.touch("go");
    server
        .call("resume_agent", json!({ "id": id, "prompt": "again" }))
        .await
        .unwrap();
    assert_eq!(server.wait(&[id]).await[0]["result"], "at last");
}

#[tokio::test]
async fn without_tries_the_first_refusal_is_the_end() {
    let home = limited("slow", &refused_once(1)).config("[agents]\nmax_retries = 0");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "slow" }))
        .await;
    assert_eq!(
        (&done["reason"], &done["detail"]),
        (
            &json!("rate_limited"),
            &json!("slow down. Next: resume_agent carries it on later.")
        )
    );
    assert_eq!(home.lines_of("began").len(), 1);
}

#[tokio::test]
async fn a_cli_that_tries_again_by_itself_slows_new_starts_and_goes_on() {
    let home = Home::new().line_script(
        "patient",
        r#"hear
        if mkdir first 2>/dev/null; then
          date +%s%3N >> retried
          echo '{"ostler":"retrying","reason":"529","class":"overloaded"}'
          wait_for go
        else
          date +%s%3N >> began
        fi
        result done"#,
    );
    let mut server = home.server().await;
    let first = server
        .spawn(json!({ "prompt": "x", "provider": "patient" }))
        .await;
    server.until_logged(&first, "retry").await;
    let second = server
        .spawn(json!({ "prompt": "x", "provider": "patient" }))
        .await;
    home.touch("go");
    for done in server.wait(&[&first, &second]).await {
        assert_eq!(done["status"], "completed", "{done:#}");
    }
    let gap = moments(&home, "began")[0] - moments(&home, "retried")[0];
    assert!(gap >= 4000, "it started {gap} ms after the failure");
}
