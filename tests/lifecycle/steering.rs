//! Messages into agents: delivered, lost, refused, and from wherever they come.

use serde_json::{Value, json};

use crate::support::Home;

/// Says that it is up, acknowledges messages and ends when it is told to.
const LISTEN: &str = r#"
hear
printf 'prompt %s\n' "$said" >> heard
turn
listen_for END
result "heard all"
"#;

fn listener() -> Home {
    Home::new()
        .line_script("listen", LISTEN)
        .config("[agents]\nprovider = \"listen\"")
}

#[tokio::test]
async fn a_message_reaches_a_running_agent_and_is_counted() {
    let home = listener();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "Listen." })).await;
    home.written("heard", 1).await;
    let arguments = json!({ "id": id, "message": "look left" });
    let receipt = server.call("steer_agent", arguments).await.unwrap();
    assert_eq!(receipt["state"], "queued", "{receipt:#}");
    assert!(
        receipt["steer_id"].as_str().unwrap().starts_with("s-"),
        "{receipt:#}"
    );
    assert_eq!(
        home.written("heard", 2).await,
        ["prompt Listen.", "look left"]
    );
    server
        .call("steer_agent", json!({ "id": id, "message": "END" }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        done["status"], "completed",
        "a caller's message is no limit: {done:#}"
    );
    assert_eq!(done["result"], "heard all");
    assert_eq!(done["steers_lost"], Value::Null);
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["steers"], json!({ "delivered": 2, "lost": 0 }));
}

#[tokio::test]
async fn the_wished_moment_is_passed_on() {
    let home = Home::new().line_script(
        "moments",
        r#"hear; echo up >> up
        for n in 1 2 3 4; do hear; delivered; echo "$line" >> lines; done; result done"#,
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "moments" }))
        .await;
    home.written("up", 1).await;
    for when in ["now", "next_step", "after_turn"] {
        let arguments = json!({ "id": id, "message": when, "when": when });
        server.call("steer_agent", arguments).await.unwrap();
    }
    server
        .call("steer_agent", json!({ "id": id, "message": "none named" }))
        .await
        .unwrap();
    server.wait(&[&id]).await;
    let whens: Vec<String> = home
        .lines_of("lines")
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| format!("{} {}", line["text"], line["when"]))
        .collect();
    let expected = [
        r#""now" "now""#,
        r#""next_step" "next_step""#,
        r#""after_turn" "after_turn""#,
        r#""none named" "next_step""#,
    ];
    assert_eq!(whens, expected);
}

#[tokio::test]
async fn a_message_that_is_never_acknowledged_counts_as_lost() {
    let home = Home::new().line_script("deaf", "hear; echo up >> up; hear; result 'heard nothing'");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "deaf" }))
        .await;
    home.written("up", 1).await;
    server
        .call("steer_agent", json!({ "id": id, "message": "hello" }))
        .await
        .unwrap();
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["steers_lost"], 1);
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["steers"], json!({ "delivered": 0, "lost": 1 }));
}

#[tokio::test]
async fn a_message_that_comes_as_the_script_leaves_does_not_spoil_its_result() {
    let home = Home::new().line_script(
        "leave",
        "hear; echo up >> up; wait_for \"$said\"; result finished",
    );
    let (mut owner, mut other) = (home.server().await, home.server().await);
    // The owner notices messages of other processes a little later, and mostly meets the end first.
    for number in 1..=4 {
        let name = format!("go-{number}");
        let id = owner
            .spawn(json!({ "prompt": name, "provider": "leave" }))
            .await;
        home.written("up", number).await;
        let arguments = json!({ "id": id, "message": "one more" });
        other.call("steer_agent", arguments).await.unwrap();
        home.touch(&name);
        let done = owner.wait(&[&id]).await.remove(0);
        assert_eq!(done["status"], "completed", "{done:#}");
        assert_eq!(done["result"], "finished");
        assert_eq!(done["steers_lost"], 1);
    }
}

#[tokio::test]
async fn a_message_to_a_plain_script_is_unsupported() {
    let home = Home::new().script("plain", "echo up >> up; wait_for go; echo done");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "plain" }))
        .await;
    home.written("up", 1).await;
    let arguments = json!({ "id": id, "message": "hello" });
    let receipt = server.call("steer_agent", arguments).await.unwrap();
    assert_eq!(receipt["state"], "unsupported", "{receipt:#}");
    assert!(
        receipt["note"].as_str().unwrap().contains("resume_agent"),
        "{receipt:#}"
    );
    home.touch("go");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        done["steers_lost"],
        Value::Null,
        "it was never taken: {done:#}"
    );
}

#[tokio::test]
async fn a_message_to_a_queued_agent_follows_its_prompt() {
    let home = listener()
        .config("max_concurrent = 1")
        .script("first", "echo up >> up; wait_for go; echo done");
    let mut server = home.server().await;
    let first = server
        .spawn(json!({ "prompt": "x", "provider": "first" }))
        .await;
    home.written("up", 1).await;
    let id = server.spawn(json!({ "prompt": "Listen." })).await;
    for message in ["early", "END"] {
        let arguments = json!({ "id": id, "message": message });
        let receipt = server.call("steer_agent", arguments).await.unwrap();
        assert_eq!(receipt["state"], "queued");
    }
    assert_eq!(server.brief(&id).await["status"], "queued");
    home.touch("go");
    let done = server.wait(&[&first, &id]).await.remove(1);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(home.lines_of("heard"), ["prompt Listen.", "early", "END"]);
    assert_eq!(
        server.evidence(&id).await["steers"],
        json!({ "delivered": 2, "lost": 0 })
    );
}

#[tokio::test]
async fn a_message_from_another_server_arrives() {
    let home = listener();
    let (mut owner, mut other) = (home.server().await, home.server().await);
    let id = owner.spawn(json!({ "prompt": "Listen." })).await;
    home.written("heard", 1).await;
    other
        .call("steer_agent", json!({ "id": id, "message": "from afar" }))
        .await
        .unwrap();
    assert_eq!(home.written("heard", 2).await[1], "from afar");
    other
        .call("steer_agent", json!({ "id": id, "message": "END" }))
        .await
        .unwrap();
    let done = owner.wait(&[&id]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        owner.evidence(&id).await["steers"],
        json!({ "delivered": 2, "lost": 0 })
    );
}

#[tokio::test]
async fn a_message_of_several_lines_and_quotes_stays_one_message() {
    let home = listener();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "Listen." })).await;
    let message = "one \"quoted\"\nline two \\ and a tab\tand \u{1F40E}";
    server
        .call("steer_agent", json!({ "id": id, "message": message }))
        .await
        .unwrap();
    let heard = home.written("heard", 2).await;
    let heard: String = serde_json::from_str(&format!("\"{}\"", heard[1])).unwrap();
    assert_eq!(heard, message);
    server
        .call("steer_agent", json!({ "id": id, "message": "END" }))
        .await
        .unwrap();
    server.wait(&[&id]).await;
}

#[tokio::test]
async fn an_ended_agent_takes_no_message_and_says_what_to_do() {
    let home = listener();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "Listen." })).await;
    server
        .call("steer_agent", json!({ "id": id, "message": "END" }))
        .await
        .unwrap();
    server.wait(&[&id]).await;
    let arguments = json!({ "id": id, "message": "too late" });
    let refusal = server.call("steer_agent", arguments).await.unwrap_err();
    assert!(
        refusal.contains("has ended (`completed`) and cannot be steered"),
        "{refusal}"
    );
    assert!(refusal.contains("resume_agent"), "{refusal}");
    let refusal = server
        .call("steer_agent", json!({ "id": id, "message": " " }))
        .await
        .unwrap_err();
    assert!(refusal.contains("`message` is empty"), "{refusal}");
}
