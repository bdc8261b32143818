//! Conversations with the real agents, played again.

use super::*;

pub(super) const GEMINI: &str = include_str!("../../../../../tests/fixtures/acp/gemini.jsonl");
pub(super) const GEMINI_CONTINUED: &str =
    include_str!("../../../../../tests/fixtures/acp/gemini-continued.jsonl");
pub(super) const OPENCODE: &str = include_str!("../../../../../tests/fixtures/acp/opencode.jsonl");
pub(super) const OPENCODE_CONTINUED: &str =
    include_str!("../../../../../tests/fixtures/acp/opencode-continued.jsonl");

/// Plays a recording: what the agent wrote comes in, and what its client wrote is what the codec
/// writes, ids and all, from the session's opening on.
fn play(acp: &mut Acp, recording: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut written = lines(acp.send(Command::Prompt("do it".to_owned())));
    for line in recording.lines() {
        let (from, line) = line.split_at(2);
        if from == "< " {
            events.extend(acp.receive(line));
            written.extend(lines(acp.replies()));
            continue;
        }
        let line: Value = serde_json::from_str(line).unwrap();
        let is = |method: &str| line["method"] == method;
        if is("initialize") || is("_ostler/settled") || line["error"].is_object() {
            written.remove(0);
            continue;
        }
        if is("session/prompt") && written.is_empty() {
            let (id, text, when) = ("s1".into(), "WAIT do it".to_owned(), When::NextStep);
            written = lines(acp.send(Command::Steer { id, text, when }));
        } else if is("session/cancel") {
            written = lines(acp.send(Command::Interrupt));
        } else if line["result"].is_object() {
            let option = line.pointer("/result/outcome/optionId").unwrap();
            let decision = match option.as_str().unwrap() {
                "cancel" | "reject" => Decision::Deny("no".to_owned()),
                _ => Decision::Allow,
            };
            let request = line["id"].to_string();
            written = lines(acp.send(Command::Answer { request, decision }));
        }
        let ours = written.remove(0);
        let mut line = line;
        if is_open(&line) {
            // The recordings were made without a server.
            line["params"]["mcpServers"] = ours["params"]["mcpServers"].clone();
        }
        if line["method"] == "session/prompt" {
            line["params"]["prompt"] = ours["params"]["prompt"].clone();
        }
        assert_eq!(ours, line);
    }
    assert_eq!(written, Vec::<Value>::new());
    events
}

fn is_open(line: &Value) -> bool {
    let method = line["method"].as_str().unwrap_or_default();
    ["session/new", "session/load", "session/resume"].contains(&method)
}

#[test]
fn a_conversation_with_gemini() {
    let events = play(&mut codec(Flavour::Gemini, None), GEMINI);
    assert_eq!(
        story(&events),
        [
            "started gemini-2.5-pro",
            "step",
            "thought",
            "text I will run",
            "call run_shell_command echo out; exit 3",
            "ask run_shell_command Acts ",
            "end true None",
            "step",
            "text and write",
            "call write_file -",
            "ask write_file Edits /w/n.txt",
            "changed /w/n.txt",
            "end true None",
            "step",
            "call run_shell_command touch no",
            "ask run_shell_command Acts ",
            // Nothing more is heard of what was refused.
            "end false None",
            "step",
            "call read_file -",
            "end true None",
            // The second call of the same step.
            "call run_shell_command echo hi",
            "end true None",
            "step",
            "text all done",
            "turn ended all done false",
            "usage 500 100 0 None true",
            "delivered s1 NewTurn",
            "step",
            "text waiting",
            "call run_shell_command sleep 300",
            "ask run_shell_command Acts ",
            "end false None",
            "interrupted false",
            "usage 500 100 0 None false",
        ]
    );
}

#[test]
fn a_conversation_with_opencode() {
    let events = play(&mut codec(Flavour::Opencode, None), OPENCODE);
    assert_eq!(
        story(&events),
        [
            "started mock/m1",
            "step",
            "thought",
            "text I will run",
            "call bash echo out; exit 3",
            "ask bash Acts ",
            "end false Some(3)",
            "step",
            "text and write",
            "call write -",
            "ask write Edits /w/n.txt",
            "changed /w/n.txt",
            "end true None",
            "step",
            "call bash touch no",
            "ask bash Acts ",
            "end false None",
            "step",
            "call read -",
            "call bash echo hi",
            "ask bash Acts ",
            "end true Some(0)",
            "end true None",
            "step",
            "text all done",
            "turn ended all done false",
            "usage 60 20 40 Some(0.0006000000000000001) true",
            "delivered s1 NewTurn",
            "step",
            "text waiting",
            "call bash sleep 300",
            "ask bash Acts ",
            "end false None",
            "interrupted false",
            "usage 60 20 40 Some(0.0006000000000000001) false",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn what_a_loaded_session_replays_is_no_news_however_late() {
    let session = "6564a9f9-61f6-4c22-acb4-6dcf887a8e8b";
    let events = play(&mut codec(Flavour::Gemini, Some(session)), GEMINI_CONTINUED);
    assert_eq!(
        story(&events),
        [
            "started gemini-2.5-pro",
            "step",
            "text answer after",
            "turn ended answer after false",
            "usage 100 20 0 None true",
        ]
    );
}

#[test]
fn the_cost_of_earlier_runs_is_not_that_of_this_one() {
    let recording = OPENCODE_CONTINUED.lines().next().unwrap();
    assert!(recording.contains("initialize"));
    let resume = OPENCODE_CONTINUED
        .lines()
        .find(|line| line.contains("session/resume"))
        .unwrap();
    let resume: Value = serde_json::from_str(resume.get(2..).unwrap()).unwrap();
    let session = resume["params"]["sessionId"].as_str();
    let events = play(&mut codec(Flavour::Opencode, session), OPENCODE_CONTINUED);
    assert_eq!(
        story(&events),
        [
            "started mock/m1",
            "step",
            "text answer after",
            "turn ended answer after false",
            "usage 60 20 40 None true",
        ]
    );
}
