//! Conversations with codex-cli 0.169.0, recorded and trimmed: `!` is what was asked of the codec,
//! `>` what it wrote and `<` what it read.

use super::*;

/// Plays a recording: the codec has to write what it wrote then. Returns its events.
fn play(recording: &str, mut codex: Codex) -> Vec<Event> {
    let mut written = std::collections::VecDeque::new();
    let mut events = Vec::new();
    for line in recording.lines() {
        let (mark, text) = line.split_at(2);
        match mark {
            "! " => written.extend(codex.send(command_of(text))),
            "< " => {
                events.extend(codex.receive(text));
                written.extend(codex.replies());
            }
            _ => {
                let text = text.replace("VERSION", env!("CARGO_PKG_VERSION"));
                let Some(Input::Line(line)) = written.pop_front() else {
                    panic!("nothing was written for {text}")
                };
                let [line, text]: [Value; 2] =
                    [&line, &text].map(|text| serde_json::from_str(text).unwrap());
                assert_eq!(line, text);
            }
        }
    }
    assert!(written.is_empty(), "written as well: {written:?}");
    events
}

fn command_of(text: &str) -> Command {
    let value: Value = serde_json::from_str(text).unwrap();
    let (name, value) = value.as_object().unwrap().iter().next().unwrap();
    let word = |at: usize| value[at].as_str().unwrap().to_owned();
    match name.as_str() {
        "prompt" => Command::Prompt(value.as_str().unwrap().to_owned()),
        "steer" => Command::Steer {
            id: word(0),
            text: word(1),
            when: serde_json::from_value(value[2].clone()).unwrap(),
        },
        _ => Command::Answer {
            request: word(0),
            decision: Decision::Deny(word(2)),
        },
    }
}

/// The events as text, with what matters of each.
fn told(events: &[Event]) -> Vec<String> {
    let tell = |event: &Event| match event {
        Event::Started { model, .. } => Some(format!("started {model}")),
        Event::Stepped => Some("step".to_owned()),
        Event::Text { text } => Some(format!("text {text}")),
        Event::Thought { text } => Some(format!("thought {text}")),
        Event::ToolStarted { name, command, .. } => Some(format!(
            "call {name} {}",
            command.clone().unwrap_or_default()
        )),
        Event::FileChanged { path } => Some(format!("file {path}")),
        Event::ToolEnded { ok, exit_code, .. } => Some(format!("back {ok} {exit_code:?}")),
        Event::PermissionAsked {
            request,
            tool,
            files,
            ..
        } => Some(format!("asks {request} {tool} {files:?}")),
        Event::SteerDelivered { id, how } => Some(format!("delivered {id} {how:?}")),
        Event::Retrying { attempt, class, .. } => Some(format!("retry {attempt} {class:?}")),
        Event::TurnEnded { text, more_follows } => Some(format!("end {more_follows} {text}")),
        Event::Failed(failure) => Some(format!("failed {:?}", failure.class)),
        Event::Usage(usage) if usage.is_final => Some(format!(
            "used {} {} {}",
            usage.input_tokens, usage.cache_read_tokens, usage.output_tokens
        )),
        Event::Usage(_) => None,
        other => Some(format!("{other:?}")),
    };
    events.iter().filter_map(tell).collect()
}

#[test]
fn work() {
    let codex = codex(Permission::Full, None);
    assert_eq!(
        told(&play(include_str!("../recorded/work.jsonl"), codex)),
        [
            "started gpt-5.5",
            "step",
            "thought thinking",
            "text Looking first.",
            "call exec_command echo out; exit 3",
            "back false Some(3)",
            "step",
            "call apply_patch ",
            "file /project/new.txt",
            "file /project/old.txt",
            "back true None",
            "step",
            "text All done.",
            "end false All done.",
            "used 240 60 30",
        ]
    );
}

#[test]
fn resume() {
    let recording = include_str!("../recorded/resume.jsonl");
    let (_, thread) = recording.split_once(r#""threadId":""#).unwrap();
    let codex = codex(Permission::Full, thread.split('"').next());
    assert_eq!(
        told(&play(recording, codex)),
        [
            "started gpt-5.5",
            "step",
            "text I remember.",
            "end false I remember.",
            "used 80 20 10",
        ]
    );
}

#[test]
fn steer() {
    let codex = codex(Permission::Edit, None);
    assert_eq!(
        told(&play(include_str!("../recorded/steer.jsonl"), codex)),
        [
            "started gpt-5.5",
            "step",
            "call exec_command while [ ! -e go ]; do sleep 0.02; done",
            "back true Some(0)",
            "delivered s-1 SameTurn",
            "step",
            "text Turned left.",
            "end true Turned left.",
            "used 160 40 20",
            "delivered s-2 NewTurn",
            "step",
            "text One more.",
            "end false One more.",
            "used 240 60 30",
        ]
    );
}

#[test]
fn ask() {
    let codex = codex(Permission::Edit, None);
    assert_eq!(
        told(&play(include_str!("../recorded/ask.jsonl"), codex)),
        [
            "started gpt-5.5",
            "step",
            "call exec_command touch /etc/no",
            "asks 0 exec_command []",
            "back false None",
            "step",
            "call apply_patch ",
            r#"asks 1 apply_patch ["/opt/no.txt"]"#,
            "back false None",
            "step",
            "text Not written.",
            "end false Not written.",
            "used 240 60 30",
        ]
    );
}

#[test]
fn failures() {
    let play = |recording| told(&play(recording, codex(Permission::ReadOnly, None)));
    assert_eq!(
        play(include_str!("../recorded/cut.jsonl")),
        [
            "started gpt-5.5",
            "step",
            "text half of it",
            "retry 1 Some(Network)",
            "text whole",
            "end false whole",
            "used 80 20 10",
        ]
    );
    assert_eq!(
        play(include_str!("../recorded/key.jsonl")),
        [
            "started gpt-5.5",
            "retry 1 Some(NotLoggedIn)",
            "failed NotLoggedIn",
        ]
    );
    assert_eq!(
        play(include_str!("../recorded/quota.jsonl")),
        ["started gpt-5.5", "failed Quota", "used 0 0 0"]
    );
}
