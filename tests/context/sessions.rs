//! What is drawn from the transcript of the session around ostler, written by hand.

use serde_json::{Value, json};

use super::{parts, world};
use crate::support::Home;
use crate::support::mcp::McpClient;

const SESSION: &str = "738ff11f-b70e-44ae-9461-7e925709be12";

/// The transcript of a session of Claude Code, and its environment.
fn in_claude(home: Home) -> Home {
    let said = |kind: &str, said: &str| json!({ "type": kind, "message": { "content": [{ "type": "text", "text": said }] } });
    let records = [
        said("user", "Please fix the port"),
        said("assistant", "It is 8080 now."),
    ];
    let text: Vec<String> = records.iter().map(Value::to_string).collect();
    let folder = home.path("home/.claude/projects/-somewhere");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{SESSION}.jsonl")), text.join("\n")).unwrap();
    home.env("CLAUDE_CODE_SESSION_ID", SESSION)
}

#[tokio::test]
async fn a_command_of_a_session_can_hand_its_transcript_on() {
    let home = in_claude(world());
    let (code, _, err) = home
        .run(&[
            "run",
            "x",
            "--context",
            "summary",
            "--context",
            "transcript:1",
        ])
        .await;
    assert_eq!(code, 0, "{err}");
    let prompt = std::fs::read_to_string(home.path("prompt")).unwrap();
    let (_, quotations, task) = parts(&prompt);
    assert_eq!(task, "x");
    assert_eq!(
        quotations,
        [
            (
                "summary (this session of Claude Code, drawn from its transcript)",
                "What the person asked for, oldest first:\n- Please fix the port\n\
                 \nWhat was said last:\nIt is 8080 now.\n\n"
            ),
            (
                "transcript:1 (the last 1 message of this session of Claude Code)",
                "The model:\nIt is 8080 now.\n"
            ),
        ]
    );
}

/// The environment is that of whoever started the client; its own name says what the client is.
#[tokio::test]
async fn a_client_inside_a_session_is_not_that_session() {
    let home = in_claude(world());
    let mut server = McpClient::start(home.ostler()).await;
    let asked = json!({ "prompt": "x", "context": ["summary"] });
    let said = server.call("spawn_agent", asked).await.unwrap_err();
    assert!(
        said.starts_with("context `summary`: the transcripts of \"test\" cannot"),
        "{said}"
    );
    server.leave().await;
}
