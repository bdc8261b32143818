//! Whatever a child writes: no panic, no success without the protocol's own end, no memory without
//! bound, and nobody is let through by it.

use proptest::prelude::*;

use super::*;

const RECORDED: [&str; 4] = [
    include_str!("../recorded/work.jsonl"),
    include_str!("../recorded/steer.jsonl"),
    include_str!("../recorded/ask.jsonl"),
    include_str!("../recorded/cut.jsonl"),
];

/// What was read in a recording, all of it but the ends of turns, about the thread and turn of
/// [`at_work`].
fn lines(recording: &str) -> Vec<String> {
    let read = recording.lines().filter_map(|line| line.strip_prefix("< "));
    let parsed = read.map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed
        .filter(|line| line["method"] != "turn/completed")
        .map(|mut line| {
            if let Some(params) = line["params"].as_object_mut() {
                for (name, id) in [("threadId", THREAD), ("turnId", TURN)] {
                    if params.contains_key(name) {
                        params.insert(name.to_owned(), json!(id));
                    }
                }
            }
            line.to_string()
        })
        .collect()
}

fn ends_well(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::TurnEnded { .. }))
}

/// Nothing that was written by itself lets a call through.
fn lets_nobody_through(inputs: &[Input]) -> bool {
    inputs.iter().all(|input| match input {
        Input::Line(line) => !line.contains("accept") && !line.contains(r#""scope""#),
        _ => true,
    })
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!(THREAD)),
        Just(json!(TURN)),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Names that mean something in the protocol, among others.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "threadId",
        "turnId",
        "item",
        "type",
        "id",
        "turn",
        "status",
        "items",
        "error",
        "message",
        "codexErrorInfo",
        "willRetry",
        "tokenUsage",
        "total",
        "last",
        "inputTokens",
        "changes",
        "path",
        "kind",
        "clientId",
        "result",
        "thread",
        "questions",
        "requestId",
        "_meta",
        "codex_approval_kind",
        "config",
        "mcp_servers",
        "text",
        "itemId",
        "permissions",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        ".{0,6}"
    ]
}

fn method() -> impl Strategy<Value = String> {
    let known = [
        "turn/started",
        "item/started",
        "item/completed",
        "thread/tokenUsage/updated",
        "error",
        "serverRequest/resolved",
        "item/commandExecution/requestApproval",
        "item/fileChange/requestApproval",
        "item/permissions/requestApproval",
        "mcpServer/elicitation/request",
        "item/tool/requestUserInput",
        "item/commandExecution/terminalInteraction",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        "[a-z/]{0,16}"
    ]
}

/// A line in the shape of the protocol with anything in it, but no end of a turn.
fn shaped() -> impl Strategy<Value = String> {
    let id = prop_oneof![
        (0..9_u64).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from)
    ];
    let kinds = prop::sample::select(vec![
        "userMessage",
        "agentMessage",
        "reasoning",
        "commandExecution",
        "fileChange",
        "mcpToolCall",
        "webSearch",
        "imageView",
        "new",
    ]);
    prop_oneof![
        (method(), json()).prop_map(|(m, p)| json!({ "method": m, "params": p })),
        (method(), kinds, json()).prop_map(|(m, kind, more)| {
            let mut item = json!({ "type": kind, "id": "c" });
            if let (Some(item), Value::Object(more)) = (item.as_object_mut(), more) {
                item.extend(more);
            }
            json!({ "method": m, "params": {
                "threadId": THREAD, "turnId": TURN, "item": item,
            }})
        }),
        (id.clone(), method(), json())
            .prop_map(|(id, m, p)| json!({ "id": id, "method": m, "params": p })),
        (id.clone(), json()).prop_map(|(id, r)| json!({ "id": id, "result": r })),
        (id, json()).prop_map(|(id, e)| json!({ "id": id, "error": e })),
    ]
    .prop_map(|line| line.to_string())
}

/// What a caller may ask in between.
fn asked() -> impl Strategy<Value = Command> {
    let when = prop::sample::select(vec![When::Now, When::NextStep, When::AfterTurn]);
    prop_oneof![
        when.prop_map(|when| steer("s", when)),
        (0..9_u64).prop_map(|request| Command::Answer {
            request: request.to_string(),
            decision: Decision::Deny("no".to_owned()),
        }),
        Just(Command::Interrupt),
        Just(Command::AskUsage),
    ]
}

proptest! {
    #[test]
    fn arbitrary_lines(lines in prop::collection::vec(".{0,80}", 0..20)) {
        for mut codex in [codex(Permission::Edit, None), at_work()] {
            for line in &lines {
                prop_assert!(!ends_well(&codex.receive(line)), "{}", line);
                prop_assert!(lets_nobody_through(&codex.replies()));
            }
        }
    }

    #[test]
    fn arbitrary_json_in_the_shape_of_the_protocol(
        steps in prop::collection::vec((shaped(), prop::option::weighted(0.2, asked())), 0..40),
    ) {
        let mut begun = codex(Permission::Edit, None);
        begun.send(Command::Prompt("hi".to_owned()));
        for mut codex in [begun, at_work()] {
            for (line, command) in &steps {
                prop_assert!(!ends_well(&codex.receive(line)), "{}", line);
                prop_assert!(lets_nobody_through(&codex.replies()));
                if let Some(command) = command {
                    prop_assert!(lets_nobody_through(&codex.send(command.clone())));
                }
            }
        }
    }

    #[test]
    fn recorded_lines_reordered_doubled_cut_and_changed(
        recording in prop::sample::select(&RECORDED[..]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4, any::<prop::sample::Index>(), any::<char>()), 0..30),
    ) {
        let mut lines = lines(recording);
        for (at, edit, place, new) in edits {
            let at = at.index(lines.len());
            match edit {
                0 => {
                    let other = place.index(lines.len());
                    lines.swap(at, other);
                }
                1 => lines.insert(at, lines[at].clone()),
                2 => {
                    let end = lines[at].char_indices().map(|(i, _)| i).nth(place.index(200)).unwrap_or(0);
                    lines[at].truncate(end);
                }
                _ => {
                    let mut chars: Vec<char> = lines[at].chars().collect();
                    if !chars.is_empty() {
                        let place = place.index(chars.len());
                        chars[place] = new;
                    }
                    lines[at] = chars.into_iter().collect();
                }
            }
        }
        let mut codex = at_work();
        for line in &lines {
            prop_assert!(!ends_well(&codex.receive(line)), "{}", line);
            prop_assert!(lets_nobody_through(&codex.replies()));
        }
        // The true end is still understood.
        let end = codex.receive(&completed("completed"));
        prop_assert!(ends_well(&end) || !codex.is_running(TURN));
    }
}

#[test]
fn a_flood_of_calls_and_requests_is_not_kept() {
    let mut codex = at_work();
    for number in 0..3 * MANY_CALLS {
        let call = json!({ "type": "webSearch", "id": number.to_string(), "query": "x" });
        codex.receive(&item("started", call));
        let ask =
            json!({ "id": number, "method": "item/fileChange/requestApproval", "params": {} });
        codex.receive(&ask.to_string());
        codex.replies();
    }
    assert_eq!(codex.calls.len(), MANY_CALLS);
    assert!(codex.asks.count() < MANY_CALLS);
    assert!(codex.refused.is_empty() && codex.sent.len() < 10);
}
