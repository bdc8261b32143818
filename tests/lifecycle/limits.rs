//! Budgets: the wrap-up message, the grace after it, and the hard end.

use serde_json::{Value, json};

use crate::support::{Home, processes_with};

/// Spawns an agent with `limits` on a line script, and returns its end and its evidence.
async fn ended(script: &str, limits: Value) -> (Value, Value) {
    let home = Home::new()
        .line_script("worker", script)
        .config("[agents]\ngrace_turns = 2");
    let mut server = home.server().await;
    let mut arguments = json!({ "prompt": "Work.", "provider": "worker" });
    arguments
        .as_object_mut()
        .unwrap()
        .extend(limits.as_object().unwrap().clone());
    let done = server.run(arguments).await;
    let id = done["id"].as_str().unwrap();
    assert_eq!(processes_with(id), Vec::<String>::new());
    let evidence = server.evidence(id).await;
    (done, evidence)
}

#[tokio::test]
async fn an_agent_that_obeys_the_wrap_up_message_is_steered() {
    let script = r#"hear
        turn; tool 1 Read
        turn; tool 2 Read
        hear; delivered
        case $said in *max_turns*"at most 2 more turns"*) turn; result 'wrapped up' ;; esac"#;
    let (done, evidence) = ended(script, json!({ "max_turns": 2 })).await;
    assert_eq!(done["status"], "steered", "{done:#}");
    assert_eq!(done["reason"], "max_turns");
    assert_eq!(done["result"], "wrapped up");
    assert_eq!(done["turns"], 3);
    assert_eq!(evidence["limits_hit"], json!(["max_turns"]));
    assert_eq!(
        evidence["steers"],
        json!({ "delivered": 0, "lost": 0 }),
        "it is no caller's"
    );
}

#[tokio::test]
async fn an_agent_that_goes_on_is_aborted_and_its_text_is_kept() {
    let script = r#"hear
        for n in 1 2 3 4 5; do turn; tool "$n" Read; text "part $n"; done
        listen_for never"#;
    let (done, evidence) = ended(script, json!({ "max_turns": 2 })).await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "max_turns");
    assert_eq!(done["result"], "part 5");
    assert_eq!(done["result_from"], "last_text");
    assert_eq!(evidence["limits_hit"], json!(["max_turns"]));
    assert_eq!(
        evidence["turns"], 5,
        "two, two of grace, and the one that was too many"
    );
}

#[tokio::test]
async fn an_agent_that_uses_all_of_its_grace_is_not_yet_aborted() {
    let script = r#"hear
        for n in 1 2 3 4; do turn; tool "$n" Read; done
        hear; delivered; result 'just in time'"#;
    let (done, _) = ended(script, json!({ "max_turns": 2 })).await;
    assert_eq!(done["status"], "steered", "{done:#}");
    assert_eq!(done["turns"], 4);
}

#[tokio::test]
async fn an_agent_that_ends_with_its_last_turn_is_completed() {
    let script = "hear; turn; tool 1 Read; turn; result 'in two turns'";
    let (done, evidence) = ended(script, json!({ "max_turns": 2 })).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["turns"], 2);
    assert_eq!(evidence["limits_hit"], Value::Null);
}

#[tokio::test]
async fn a_plain_script_that_cannot_be_told_is_cut_off_at_the_limit() {
    let home = Home::new().script("plain", "turn; text early; turn; turn; exec sleep 300");
    let mut server = home.server().await;
    let done = server
        .run(json!({ "prompt": "x", "provider": "plain", "max_turns": 2 }))
        .await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "max_turns");
    assert_eq!(done["result"], "early");
}

#[tokio::test]
async fn the_last_tool_call_asks_to_wrap_up() {
    let script = r#"hear
        turn; tool 1 Read; tool 2 Edit
        hear; delivered
        case $said in *max_tool_calls*) result 'wrapped up' ;; esac"#;
    let (done, evidence) = ended(script, json!({ "max_tool_calls": 2 })).await;
    assert_eq!(done["status"], "steered", "{done:#}");
    assert_eq!(done["reason"], "max_tool_calls");
    assert_eq!(done["tool_calls"], 2);
    assert_eq!(evidence["tool_calls"], json!({ "Read": 1, "Edit": 1 }));
}

#[tokio::test]
async fn four_fifths_of_the_money_ask_to_wrap_up() {
    let script = r#"hear
        turn; usage 10 0.79; turn; usage 20 0.80
        hear; delivered
        case $said in *max_cost_usd*) usage 25 0.9; result 'wrapped up' ;; esac"#;
    let (done, evidence) = ended(script, json!({ "max_cost_usd": 1.0 })).await;
    assert_eq!(done["status"], "steered", "{done:#}");
    assert_eq!(done["reason"], "max_cost_usd");
    assert_eq!(done["cost_usd"], 0.9);
    assert_eq!(done["tokens"], 25);
    assert_eq!(evidence["limits_hit"], json!(["max_cost_usd"]));
}

#[tokio::test]
async fn all_of_the_money_ends_the_run() {
    let script = "hear; turn; text 'so far'; usage 10 0.5; usage 20 1.0; listen_for never";
    let (done, evidence) = ended(script, json!({ "max_cost_usd": 1.0 })).await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "max_cost_usd");
    assert_eq!(done["cost_usd"], 1.0);
    assert_eq!(done["result"], "so far");
    assert_eq!(evidence["limits_hit"], json!(["max_cost_usd"]));
}

#[tokio::test]
async fn time_ends_even_an_agent_that_keeps_talking() {
    let script = "hear; while :; do text tick; sleep 0.1; done";
    let (done, evidence) = ended(script, json!({ "timeout_s": 1 })).await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "timeout_s");
    assert_eq!(done["result"], "tick");
    assert_eq!(evidence["limits_hit"], json!(["timeout_s"]));
}

#[tokio::test]
async fn silence_ends_an_agent() {
    let (done, evidence) = ended("hear; turn; listen_for never", json!({ "idle_s": 1 })).await;
    assert_eq!(done["status"], "aborted", "{done:#}");
    assert_eq!(done["reason"], "idle_s");
    assert_eq!(done["result_from"], "digest");
    assert!(
        done["result"].as_str().unwrap().contains("1 turns"),
        "{done:#}"
    );
    assert_eq!(evidence["limits_hit"], json!(["idle_s"]));
}

#[tokio::test]
async fn an_agent_that_talks_is_not_idle() {
    let script = "hear; for n in 1 2 3 4 5 6; do sleep 0.5; text tick; done; result done";
    let (done, _) = ended(script, json!({ "idle_s": 2 })).await;
    assert_eq!(done["status"], "completed", "{done:#}");
}

#[tokio::test]
async fn zero_is_no_limit_and_is_refused() {
    let home = Home::new().script("echo", "cat");
    let mut server = home.server().await;
    for limit in [
        "max_turns",
        "max_tool_calls",
        "max_cost_usd",
        "timeout_s",
        "idle_s",
    ] {
        let arguments = json!({ "prompt": "x", "provider": "echo", limit: 0 });
        let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.starts_with(limit), "{refusal}");
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn a_question_for_permission_is_decided_by_the_permission_of_the_agent() {
    let script = r#"hear; turn
        echo '{"ostler":"ask","request":"r1","tool":"Bash","input":{"command":"rm -r /"}}'
        hear
        case $line in
          *'"allow":true'*) result allowed ;;
          *'"allow":false'*) result denied ;;
        esac"#;
    // Who asks with `edit` waits for an answer; see `asking`.
    for (permission, result) in [("full", "allowed"), ("read_only", "denied")] {
        let (done, evidence) = ended(script, json!({ "permission": permission })).await;
        assert_eq!(done["result"], result, "{permission}: {done:#}");
        let denied = evidence["denied"][0]["tool"].clone();
        assert_eq!(
            denied,
            if result == "denied" {
                json!("Bash")
            } else {
                Value::Null
            }
        );
    }
}
