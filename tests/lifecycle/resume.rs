//! Continuing agents that have ended, however they did.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// Does what the prompt says, and says which prompt it got.
const OBEDIENT: &str = r#"
hear
printf '%s\n' "$said" >> prompts
turn
case $said in
  *DO-FINISH*) result "finished: $said" ;;
  *DO-WRAP-UP*) tool 1 Read; hear; delivered; result 'wrapped up' ;;
  *DO-FAIL*) echo '{"ostler":"error","message":"it went wrong"}' ;;
  *DO-HANG*) echo up >> up; listen_for never ;;
esac
"#;

fn world() -> Home {
    Home::new()
        .line_script("obedient", OBEDIENT)
        .config("[agents]\nprovider = \"obedient\"\nmax_concurrent = 1")
}

/// Resumes an ended agent and returns the end of its second run.
async fn resumed(server: &mut McpClient, id: &str) -> Value {
    let arguments = json!({ "id": id, "prompt": "DO-FINISH now" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["status"], "queued", "{resumed:#}");
    assert_eq!(resumed["run_no"], 2);
    assert_eq!(resumed["id"], id);
    let done = server.wait(&[id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["run_no"], 2);
    assert_eq!(done["delivered_before"], Value::Null);
    done
}

#[tokio::test]
async fn completed_and_steered_agents_get_the_new_prompt_as_it_is() {
    let home = world();
    let mut server = home.server().await;
    for (prompt, status) in [("DO-FINISH first", "completed"), ("DO-WRAP-UP", "steered")] {
        let done = server
            .run(json!({ "prompt": prompt, "max_turns": 1 }))
            .await;
        assert_eq!(done["status"], status, "{done:#}");
        let done = resumed(&mut server, done["id"].as_str().unwrap()).await;
        assert_eq!(done["result"], "finished: DO-FINISH now");
    }
}

#[tokio::test]
async fn aborted_and_failed_agents_are_told_that_they_were_cut_off() {
    let home = world();
    let mut server = home.server().await;
    let cases = [
        ("DO-HANG", "aborted", "`aborted` (timeout_s)"),
        ("DO-FAIL", "error", "`error` (other)"),
    ];
    for (prompt, status, note) in cases {
        let done = server
            .run(json!({ "prompt": prompt, "timeout_s": 1 }))
            .await;
        assert_eq!(done["status"], status, "{done:#}");
        let done = resumed(&mut server, done["id"].as_str().unwrap()).await;
        let result = done["result"].as_str().unwrap();
        assert!(result.contains(note), "{result}");
        assert!(result.contains("may have been cut off"), "{result}");
        assert!(result.ends_with("DO-FINISH now"), "{result}");
    }
}

#[tokio::test]
async fn stopped_agents_are_resumed_whether_they_had_started_or_not() {
    let home = world();
    let mut server = home.server().await;
    let running = server.spawn(json!({ "prompt": "DO-HANG" })).await;
    home.written("up", 1).await;
    let queued = server
        .spawn(json!({ "prompt": "DO-HANG never seen" }))
        .await;
    for id in [&queued, &running] {
        server
            .call("stop_agents", json!({ "ids": [id] }))
            .await
            .unwrap();
    }
    for id in [&queued, &running] {
        let done = resumed(&mut server, id).await;
        let result = done["result"].as_str().unwrap();
        assert!(result.contains("ended as `stopped`"), "{result}");
    }
    assert_eq!(
        home.lines_of("prompts").len(),
        3,
        "the queued one never started its first run"
    );
}

#[tokio::test]
async fn a_live_agent_is_not_resumed_and_the_refusal_names_its_state() {
    let home = world();
    let mut server = home.server().await;
    let running = server.spawn(json!({ "prompt": "DO-HANG" })).await;
    home.written("up", 1).await;
    let queued = server.spawn(json!({ "prompt": "DO-HANG" })).await;
    for (id, state) in [(&running, "running"), (&queued, "queued")] {
        let arguments = json!({ "id": id, "prompt": "DO-FINISH" });
        let refusal = server.call("resume_agent", arguments).await.unwrap_err();
        assert!(
            refusal.contains(&format!("{id} is {state} and cannot be resumed")),
            "{refusal}"
        );
        assert_eq!(server.brief(id).await["run_no"], 1);
    }
    server
        .call("stop_agents", json!({ "ids": [queued, running] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_limits_of_a_resumed_run_are_its_own() {
    let home = world();
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "DO-FINISH", "max_turns": 7 }))
        .await;
    let id = done["id"].as_str().unwrap();
    let arguments = json!({ "id": id, "prompt": "DO-HANG", "timeout_s": 1, "max_turns": 3 });
    server.call("resume_agent", arguments).await.unwrap();
    let done = server.wait(&[id]).await.remove(0);
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(server.brief(id).await["turns"], "1/3");
}

#[tokio::test]
async fn a_result_of_the_first_run_that_nobody_read_stays_in_the_transcript() {
    let home = world();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "DO-FINISH one" })).await;
    server
        .until(&id, |brief| brief["status"] == "completed")
        .await;
    resumed(&mut server, &id).await;
    let transcript = server.transcript(&id).await;
    let texts: Vec<(i64, &str)> = transcript
        .iter()
        .filter(|entry| entry["kind"] == "turn_ended")
        .map(|entry| {
            (
                entry["run_no"].as_i64().unwrap(),
                entry["body"]["text"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "finished: DO-FINISH one"),
        (2, "finished: DO-FINISH now"),
    ];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn of_two_resumes_at_once_one_wins_and_one_is_told() {
    let home = world();
    let (mut one, mut two) = (home.server().await, home.server().await);
    let done = one.run(json!({ "prompt": "DO-FINISH" })).await;
    let id = done["id"].as_str().unwrap();
    let arguments = json!({ "id": id, "prompt": "DO-HANG" });
    let first = one.call_later("resume_agent", arguments.clone()).await;
    let second = two.call_later("resume_agent", arguments).await;
    let outcomes = [first.outcome().await, second.outcome().await];
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    let refusal = outcomes
        .iter()
        .find_map(|outcome| outcome.as_ref().err())
        .unwrap();
    assert!(
        refusal.contains("cannot be resumed") || refusal.contains("was changed"),
        "{refusal}"
    );
    home.written("up", 1).await;
    one.call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert_eq!(home.lines_of("up").len(), 1);
}

/// What the first release wrote down of a run: it knew of no definitions, trees, schemas or families.
#[tokio::test]
async fn an_agent_of_an_earlier_release_is_shown_and_resumed() {
    let home = world();
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "DO-FINISH first" })).await;
    let id = done["id"].as_str().unwrap();
    let mut store = home.store().await;
    let plan: String = sqlx::query_scalar("SELECT launch FROM run")
        .fetch_one(&mut store)
        .await
        .unwrap();
    let mut plan: Value = serde_json::from_str(&plan).unwrap();
    let keep = |value: &mut Value, known: &[&str]| {
        let fields = value.as_object_mut().unwrap();
        fields.retain(|name, _| known.contains(&name.as_str()));
        assert_eq!(fields.len(), known.len(), "{fields:#?}");
    };
    keep(&mut plan, &["launch", "budget", "max_tree"]);
    keep(
        &mut plan["launch"],
        &[
            "provider",
            "model",
            "permission",
            "cwd",
            "conversation",
            "max_cost_usd",
        ],
    );
    sqlx::query("UPDATE run SET launch = $1")
        .bind(plan.to_string())
        .execute(&mut store)
        .await
        .unwrap();
    assert_eq!(server.brief(id).await["status"], "completed");
    resumed(&mut server, id).await;
}
