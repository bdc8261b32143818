//! Who answers a nested agent: its parent a question, and a permission the nearest above that has it
//! all.

use serde_json::json;

use super::{lead, world};
use crate::support::Home;

fn asking() -> Home {
    world("")
        .line_script(
            "asks",
            "hear; turn; ask r1 'make test'; hear; echo \"$line\" >> answers; result ok",
        )
        .line_script(
            "wonders",
            "hear; turn; question r1 'Which port?'; hear; echo \"$line\" >> answers; result ok",
        )
}

#[tokio::test]
async fn a_question_goes_to_the_parent() {
    let home = asking();
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({})).await;
    let below = inner
        .spawn(json!({ "prompt": "x", "provider": "wonders" }))
        .await;
    let asked = inner.asked(&below).await;
    assert_eq!(asked["content"], "Which port?");
    inner.answer(&asked, json!({ "text": "8080" })).await;
    assert_eq!(inner.wait(&[&below]).await[0]["status"], "completed");
    assert!(home.lines_of("answers")[0].contains("8080"));
}

#[tokio::test]
async fn a_permission_is_given_by_a_parent_that_has_it_all() {
    let home = asking();
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({ "permission": "full" })).await;
    let spawn = json!({ "prompt": "x", "provider": "asks", "permission": "edit" });
    let below = inner.spawn(spawn).await;
    let asked = inner.asked(&below).await;
    inner.answer(&asked, json!({ "decision": "allow" })).await;
    assert_eq!(inner.wait(&[&below]).await[0]["status"], "completed");
    let evidence = server.evidence(&below).await;
    assert_eq!(
        evidence["allowed"],
        json!([{ "tool": "Bash", "by": "parent" }])
    );
}

#[tokio::test]
async fn a_permission_beyond_that_of_the_parent_is_for_the_host_to_give() {
    let home = asking();
    let mut server = home.server().await;
    let (top, mut inner) = lead(&home, &mut server, json!({ "permission": "edit" })).await;
    let below = inner
        .spawn(json!({ "prompt": "x", "provider": "asks" }))
        .await;
    // The host waits for its own agent, and hears of the one that works for it.
    let asked = server.asked(&top).await;
    assert_eq!(asked["id"], json!(below), "{asked:#}");
    let allow = json!({
        "id": below, "request_id": asked["request_id"], "decision": "allow",
    });
    let refusal = inner.call("answer_agent", allow).await.unwrap_err();
    assert!(
        refusal.contains("goes beyond your own permission"),
        "{refusal}"
    );
    server.answer(&asked, json!({ "decision": "deny" })).await;
    assert_eq!(inner.wait(&[&below]).await[0]["status"], "completed");
    assert_eq!(server.evidence(&below).await["denied"][0]["tool"], "Bash");
}
