use std::fs;
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use serde_json::json;

use super::*;

const SESSION: &str = "738ff11f-b70e-44ae-9461-7e925709be12";
const OTHER: &str = "00000000-b70e-44ae-9461-7e925709be12";

/// Folders of all three CLIs, and a session in `/work-place`.
struct World {
    folder: tempfile::TempDir,
    asking: Asking,
}

impl World {
    fn new(client: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| Some(folder.path().join(name));
        let traces = Traces {
            claude: of("claude"),
            claude_session: Some(SESSION.to_owned()),
            codex: of("codex"),
            codex_thread: None,
            gemini: of("gemini"),
            in_gemini: false,
            since: SystemTime::UNIX_EPOCH,
        };
        let caller = Caller {
            client: Some(client.to_owned()),
            thread: Some(SESSION.to_owned()),
            tool_use: None,
        };
        let asking = Asking {
            caller,
            traces,
            cwd: "/work-place".into(),
            agents: Vec::new(),
        };
        Self { folder, asking }
    }

    fn write(&self, name: &str, records: &[Value]) -> PathBuf {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        self.write_text(name, &(lines.join("\n") + "\n"))
    }

    fn write_text(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn claude(&self, session: &str, records: &[Value]) -> PathBuf {
        self.write(
            &format!("claude/projects/-work-place/{session}.jsonl"),
            records,
        )
    }

    fn codex(&self, records: &[Value]) {
        let path = format!("codex/sessions/2026/11/21/rollout-2026-11-21T14-36-19-{SESSION}.jsonl");
        self.write(&path, records);
    }

    fn gemini(&self, session: &str, records: &[Value]) -> PathBuf {
        let projects = json!({ "projects": { "/elsewhere": "e", "/work-place": "w" } });
        self.write("gemini/projects.json", &[projects]);
        let mut all = vec![json!({ "sessionId": session, "kind": "main" })];
        all.extend_from_slice(records);
        self.write(&format!("gemini/tmp/w/chats/session-{session}.jsonl"), &all)
    }

    fn last(&self, count: usize) -> Told {
        find(&self.asking).unwrap().last(count).unwrap()
    }

    fn summary(&self) -> String {
        find(&self.asking).unwrap().summary().unwrap().text
    }

    fn refusal(&self) -> String {
        find(&self.asking).unwrap_err().to_string()
    }
}

fn user(content: Value) -> Value {
    json!({ "type": "user", "message": { "role": "user", "content": content } })
}

fn assistant(part: Value) -> Value {
    json!({ "type": "assistant", "message": { "role": "assistant", "content": [part] } })
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn write_call(id: &str, path: &str) -> Value {
    let input = json!({ "file_path": path, "content": "x" });
    assistant(json!({ "type": "tool_use", "id": id, "name": "Write", "input": input }))
}

fn result(id: &str, said: &str, failed: bool) -> Value {
    user(json!([{
        "type": "tool_result", "tool_use_id": id, "content": said, "is_error": failed,
    }]))
}

fn claude_session() -> Vec<Value> {
    let hidden = |key: &str, said: &str| {
        let mut record = user(json!(said));
        record[key] = json!(true);
        record
    };
    vec![
        json!({ "type": "queue-operation", "content": "not said" }),
        user(json!("Do the thing")),
        hidden("isMeta", "a caveat of the CLI"),
        hidden("isSidechain", "a subagent's task"),
        assistant(json!({ "type": "thinking", "thinking": "a secret thought" })),
        assistant(text("I will write.")),
        write_call("t1", "/work-place/src/a.rs"),
        result("t1", "created\nwith more lines", false),
        write_call("t2", "/elsewhere/b.rs"),
        result("t2", "no permission", true),
        user(json!([
            { "type": "text", "text": "<system-reminder>of the CLI</system-reminder>" },
            { "type": "text", "text": "And now?" },
        ])),
        user(json!(
            "<command-message>review</command-message>\n<command-name>/review</command-name>\n<command-args>all of it</command-args>"
        )),
        assistant(text("All done.\u{1b}[31m")),
        write_call("t3", "/work-place/never.rs"),
    ]
}

#[test]
fn the_last_messages_of_claude_come_with_their_tool_calls() {
    let world = World::new("claude-code");
    let path = world.claude(SESSION, &claude_session());
    let half = fs::read_to_string(&path).unwrap() + "{\"type\":\"assis";
    fs::write(&path, half).unwrap();
    let Told { about, text } = world.last(4);
    assert_eq!(about, "the last 4 messages of this session of Claude Code");
    assert_eq!(
        text,
        "The model:\nI will write.\n\
         [tool Write {\"file_path\":\"/work-place/src/a.rs\",\"content\":\"x\"} -> created with more lines]\n\
         [changed src/a.rs]\n\
         [tool Write {\"file_path\":\"/elsewhere/b.rs\",\"content\":\"x\"} -> failed: no permission]\n\
         \nThe person:\nAnd now?\n\
         \nThe person:\n/review all of it\n\
         \nThe model:\nAll done.\n\
         [tool Write {\"file_path\":\"/work-place/never.rs\",\"content\":\"x\"} -> (no result yet)]\n"
    );
    let Told { about, text } = world.last(200);
    assert_eq!(about, "all 5 messages of this session of Claude Code");
    assert!(text.starts_with("The person:\nDo the thing\n"), "{text}");
    for hidden in ["caveat", "subagent", "thought", "reminder", "not said"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

#[test]
fn a_session_is_summed_up() {
    let world = World::new("claude-code");
    let mut records = claude_session();
    let mut compaction = user(json!("The story so far."));
    compaction["isCompactSummary"] = json!(true);
    records.insert(2, compaction);
    records.extend((1..=12).map(|number| user(json!(format!("Request {number}")))));
    world.claude(SESSION, &records);
    assert_eq!(
        world.summary(),
        "What came before, as the session itself summed it up:\nThe story so far.\n\n\
         What the person asked for, oldest first:\n\
         - Do the thing\n- And now?\n- /review all of it\n\
         - [5 others left out]\n\
         - Request 6\n- Request 7\n- Request 8\n- Request 9\n- Request 10\n- Request 11\n- Request 12\n\
         \nWhat was said last:\nAll done.\n\n\
         \nFiles that were changed, the last one first:\n- src/a.rs\n"
    );
}

#[test]
fn of_a_transcript_too_large_to_read_the_beginning_is_told_all_the_same() {
    let world = World::new("claude-code");
    let first = user(json!("How it began")).to_string();
    let last = user(json!("How it goes on")).to_string();
    let filler = format!("{}\n", "x".repeat(1 << 20)).repeat(34);
    let name = format!("claude/projects/p/{SESSION}.jsonl");
    world.write_text(&name, &format!("{first}\n{filler}{last}\n"));
    assert_eq!(
        world.summary(),
        "What the person asked for, oldest first:\n\
         - How it began\n- [others left out]\n- How it goes on\n"
    );
    let Told { about, text } = world.last(5);
    assert_eq!(about, "the last 1 message of this session of Claude Code");
    assert_eq!(text, "The person:\nHow it goes on\n");
}

#[test]
fn after_a_clear_the_session_is_the_one_with_the_call() {
    let mut world = World::new("claude-code");
    world.claude(SESSION, &[user(json!("before the clear"))]);
    let called =
        assistant(json!({ "type": "tool_use", "id": "toolu_9", "name": "x", "input": {} }));
    world.claude(OTHER, &[user(json!("after the clear")), called]);
    assert!(world.last(1).text.contains("before the clear"));
    world.asking.caller.tool_use = Some("toolu_9".to_owned());
    assert!(world.last(1).text.contains("after the clear"));
    // A subagent of the CLI calls, which writes elsewhere.
    world.asking.caller.tool_use = Some("toolu_7".to_owned());
    assert!(world.last(1).text.contains("before the clear"));
}

#[test]
fn another_session_of_claude_is_not_read() {
    let mut world = World::new("claude-code");
    let other = world.claude(OTHER, &[user(json!("of another session"))]);
    let told = world.refusal();
    assert!(
        told.starts_with("Claude Code has no transcript of this session in /"),
        "{told}"
    );
    symlink(&other, other.with_file_name(format!("{SESSION}.jsonl"))).unwrap();
    assert_eq!(world.refusal(), "was replaced while it was read");
    world.asking.traces.claude_session = Some("../../../etc/passwd".to_owned());
    let told = world.refusal();
    assert_eq!(told, "Claude Code has not told which session this is");
    world.asking.traces.claude_session = None;
    assert_eq!(world.refusal(), told);
}

#[test]
fn an_empty_transcript_is_refused() {
    let world = World::new("claude-code");
    world.claude(SESSION, &[json!({ "type": "mode" })]);
    let transcript = find(&world.asking).unwrap();
    let told = "the transcript of this session holds no message yet";
    assert_eq!(transcript.last(3).unwrap_err().to_string(), told);
    assert_eq!(transcript.summary().unwrap_err().to_string(), told);
}

fn event(payload: Value) -> Value {
    json!({ "type": "event_msg", "payload": payload })
}

fn completed(item: Value) -> Value {
    event(json!({ "type": "item_completed", "item": item }))
}

fn item(payload: Value) -> Value {
    json!({ "type": "response_item", "payload": payload })
}

fn codex_session() -> Vec<Value> {
    let person = |said: &str| {
        completed(json!({ "type": "UserMessage", "content": [{ "type": "text", "text": said }] }))
    };
    let model = |said: &str| {
        completed(json!({ "type": "AgentMessage", "content": [{ "type": "Text", "text": said }] }))
    };
    vec![
        json!({ "type": "session_meta", "payload": { "id": SESSION } }),
        item(json!({ "type": "message", "role": "user", "content": [{ "text": "AGENTS.md" }] })),
        person("Do the thing"),
        item(json!({ "type": "reasoning", "summary": [{ "text": "a secret thought" }] })),
        model("I will look."),
        item(json!({
            "type": "function_call", "name": "exec_command",
            "arguments": "{\"cmd\":\"echo hi\"}", "call_id": "c1",
        })),
        item(json!({
            "type": "function_call_output", "call_id": "c1",
            "output": "Chunk ID: 1\nWall time: 0 seconds\nOutput:\nhi\n",
        })),
        item(json!({
            "type": "custom_tool_call", "name": "apply_patch", "call_id": "c2",
            "input": "*** Begin Patch\n*** Add File: a.rs\n",
        })),
        completed(json!({
            "type": "FileChange", "status": "completed",
            "changes": { "/work-place/a.rs": { "type": "add" } },
        })),
        person("A wrong turn"),
        model("Taken."),
        event(json!({ "type": "thread_rolled_back", "num_turns": 1 })),
        json!({ "type": "compacted", "payload": { "message": "The story so far." } }),
        model("All done."),
        // As an older version says the same.
        event(json!({ "type": "agent_message", "message": "All done." })),
    ]
}

#[test]
fn a_thread_of_codex_is_read() {
    let world = World::new("codex-mcp-client");
    world.codex(&codex_session());
    assert_eq!(
        world.last(9),
        Told {
            about: "all 4 messages of this session of Codex".to_owned(),
            text: "The person:\nDo the thing\n\
                   \nThe model:\nI will look.\n\
                   [tool exec_command {\"cmd\":\"echo hi\"} -> hi]\n\
                   [tool apply_patch *** Begin Patch *** Add File: a.rs -> (no result yet)]\n\
                   [changed a.rs]\n\
                   \nSummary of all before:\nThe story so far.\n\
                   \nThe model:\nAll done.\n"
                .to_owned(),
        }
    );
    let summary = world.summary();
    assert!(summary.contains("\nThe story so far.\n"), "{summary}");
    assert!(summary.contains("\n- a.rs\n"), "{summary}");
}

#[test]
fn another_thread_of_codex_is_not_read() {
    let mut world = World::new("codex-mcp-client");
    let mut records = codex_session();
    records[0] = json!({ "type": "session_meta", "payload": { "id": OTHER } });
    world.codex(&records);
    let told = world.refusal();
    assert!(
        told.starts_with("Codex has no transcript of this session in /"),
        "{told}"
    );
    for unknown in [None, Some("../x".to_owned()), Some(String::new())] {
        world.asking.caller.thread = unknown;
        assert_eq!(world.refusal(), "Codex has not told which thread this is");
    }
}

fn gemini_message(id: &str, kind: &str, said: &str) -> Value {
    json!({ "id": id, "type": kind, "content": [{ "text": said }] })
}

#[test]
fn a_session_of_gemini_is_read_in_its_last_form() {
    let world = World::new("gemini-cli-mcp-client-ostler");
    let call = json!({
        "id": "3", "type": "gemini", "content": "I will write.",
        "thoughts": [{ "description": "a secret thought" }],
        "toolCalls": [{
            "name": "write_file", "args": { "file_path": "/work-place/a.rs" },
            "status": "success", "resultDisplay": { "fileDiff": "…" },
        }],
    });
    world.gemini(
        SESSION,
        &[
            gemini_message("0", "user", "replaced as a whole"),
            json!({ "$set": { "messages": [
                gemini_message("1", "user", "<session_context>of the CLI</session_context>"),
                gemini_message("2", "user", "Do the thing"),
            ] } }),
            json!({ "id": "3", "type": "gemini", "content": "I will write." }),
            call,
            json!({ "$set": { "lastUpdated": "later" } }),
            gemini_message("4", "user", "A wrong turn"),
            gemini_message("5", "gemini", "Taken."),
            json!({ "$rewindTo": "4" }),
            gemini_message("6", "user", "The right turn"),
            gemini_message("7", "info", "not said"),
        ],
    );
    assert_eq!(
        world.last(9),
        Told {
            about: "all 3 messages of this session of Gemini CLI".to_owned(),
            text: "The person:\nDo the thing\n\
                   \nThe model:\nI will write.\n\
                   [tool write_file {\"file_path\":\"/work-place/a.rs\"} -> (nothing)]\n\
                   [changed a.rs]\n\
                   \nThe person:\nThe right turn\n"
                .to_owned(),
        }
    );
}

#[test]
fn between_two_sessions_of_gemini_nobody_guesses() {
    let mut world = World::new("gemini-cli-mcp-client");
    let said = |said: &str| vec![gemini_message("1", "user", said)];
    world.gemini(SESSION, &said("mine"));
    assert!(world.last(1).text.contains("mine"));
    world.gemini(OTHER, &said("another's"));
    let told = world.refusal();
    assert!(
        told.starts_with("several sessions of Gemini CLI are at work"),
        "{told}"
    );
    // Each process that only speaks with editors begins one that it never uses.
    let unused = gemini_message("1", "user", "<session_context>of the CLI</session_context>");
    world.gemini(OTHER, &[json!({ "$set": { "messages": [unused] } })]);
    assert!(world.last(1).text.contains("mine"));
    world.gemini(OTHER, &said("another's"));
    // Unless one of them is known to be an agent's.
    world.asking.agents = vec![OTHER.to_owned()];
    assert!(world.last(1).text.contains("mine"));
    world.asking.traces.since = SystemTime::now() + Duration::from_secs(60);
    let told = world.refusal();
    assert!(
        told.starts_with("Gemini CLI has no transcript of this session"),
        "{told}"
    );
}

#[test]
fn who_has_no_transcript_that_we_know_is_told_why() {
    let mut world = World::new("cursor-vscode");
    assert_eq!(
        world.refusal(),
        "the transcripts of \"cursor-vscode\" cannot be read, only those of Claude Code, Codex and \
         Gemini CLI"
    );
    world.asking.caller.client = None;
    world.claude(SESSION, &claude_session());
    assert!(find(&world.asking).is_ok(), "a command of Claude Code");
    world.asking.traces.in_gemini = true;
    assert_eq!(
        world.refusal(),
        "more than one session is around this command"
    );
    world.asking.traces.claude_session = None;
    assert_eq!(
        world.refusal(),
        "Gemini CLI does not tell its commands which session they are from"
    );
    world.asking.traces.in_gemini = false;
    assert_eq!(world.refusal(), "no session is around this command");
    world.asking.traces.codex_thread = Some(SESSION.to_owned());
    world.codex(&codex_session());
    assert!(find(&world.asking).is_ok(), "a command of Codex");
}
