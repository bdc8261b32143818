//! Anything at all: arbitrary lines, lines shaped like the protocol's, and recorded lines out of
//! order, cut off and written over.

use std::collections::HashSet;

use proptest::prelude::*;

use super::recorded::{GEMINI, GEMINI_CONTINUED, OPENCODE, OPENCODE_CONTINUED};
use super::*;

/// JSON of any shape, with the protocol's words in it more often than chance has it.
fn value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "s",
        "end_turn",
        "cancelled",
        "max_tokens",
        "completed",
        "failed",
        "pending",
        "c1",
        "execute",
        "edit",
        "diff",
        "allow_once",
        "USD",
        "text",
        "agent_message_chunk",
        "tool_call",
        "tool_call_update",
        "usage_update",
        "user_message_chunk",
    ]);
    let key = prop::sample::select(vec![
        "sessionId",
        "update",
        "sessionUpdate",
        "content",
        "text",
        "toolCallId",
        "toolCall",
        "status",
        "kind",
        "title",
        "locations",
        "path",
        "rawInput",
        "rawOutput",
        "options",
        "optionId",
        "stopReason",
        "usage",
        "inputTokens",
        "cost",
        "amount",
        "currency",
        "messageId",
        "protocolVersion",
        "agentCapabilities",
        "loadSession",
        "configOptions",
        "category",
        "models",
        "command",
        "requestId",
        "_meta",
        "quota",
        "token_count",
        "type",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..6).prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(members.map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

/// A line shaped like one of the protocol.
fn shaped() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec![
        "session/update",
        "session/request_permission",
        "fs/write_text_file",
        "$/cancel_request",
        "terminal/create",
        "odd",
    ]);
    let id = prop_oneof![(0u64..8).prop_map(Value::from), value()];
    let reason = prop::sample::select(vec!["cancelled", "max_tokens", "refusal", "end", ""]);
    prop_oneof![
        (id.clone(), method.clone(), value()).prop_map(|(id, method, params)| {
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
        }),
        (method, value()).prop_map(|(method, params)| {
            json!({ "jsonrpc": "2.0", "method": method, "params": params })
        }),
        value().prop_map(|update| {
            let params = json!({ "sessionId": "s", "update": update });
            json!({ "jsonrpc": "2.0", "method": "session/update", "params": params })
        }),
        (id.clone(), value()).prop_map(|(id, result)| json!({ "id": id, "result": result })),
        (id.clone(), reason)
            .prop_map(|(id, reason)| { json!({ "id": id, "result": { "stopReason": reason } }) }),
        (id, value()).prop_map(|(id, error)| json!({ "id": id, "error": error })),
    ]
    .prop_map(|line| line.to_string())
}

/// Lines that the real agents wrote, in any order, some of them cut off or written over.
fn mangled() -> impl Strategy<Value = String> {
    let recorded: Vec<&str> = [GEMINI, GEMINI_CONTINUED, OPENCODE, OPENCODE_CONTINUED]
        .iter()
        .flat_map(|recording| recording.lines())
        .filter_map(|line| line.strip_prefix("< "))
        .collect();
    let line = prop::sample::select(recorded);
    (line, any::<prop::sample::Index>(), ".{0,3}", 0u8..4).prop_map(|(line, at, more, how)| {
        let at = at.index(line.len() + 1);
        let at = (0..=at)
            .rev()
            .find(|at| line.is_char_boundary(*at))
            .unwrap_or(0);
        let (before, behind) = line.split_at(at);
        match how {
            0 => line.to_owned(),
            1 => before.to_owned(),
            2 => format!("{before}{more}{behind}"),
            _ => {
                let behind: String = behind.chars().skip(1).collect();
                format!("{before}{more}{behind}")
            }
        }
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => ".*",
        4 => shaped(),
        4 => mangled(),
        2 => (0u64..8).prop_map(ended),
    ]
}

#[derive(Clone, Debug)]
enum Move {
    Line(String),
    Steer(When),
    Interrupt,
    Answer(bool),
}

fn a_move() -> impl Strategy<Value = Move> {
    let when = prop::sample::select(vec![When::Now, When::NextStep, When::AfterTurn]);
    prop_oneof![
        12 => line().prop_map(Move::Line),
        2 => when.prop_map(Move::Steer),
        1 => Just(Move::Interrupt),
        2 => any::<bool>().prop_map(Move::Answer),
    ]
}

/// Whether a line is a good end of one of the prompts in `open`, which it then leaves.
fn ends_well(line: &str, open: &mut HashSet<u64>) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        return false;
    };
    let answers = line["method"].is_null() && line["error"].is_null() && !line["result"].is_null();
    let ours = answers && line["id"].as_u64().is_some_and(|id| open.remove(&id));
    ours && line["result"]["stopReason"] == "end_turn"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_comes_it_stands_and_only_a_good_end_is_one(
        flavour in prop::sample::select(vec![Flavour::Plain, Flavour::Gemini, Flavour::Opencode]),
        continued in any::<bool>(),
        up in any::<bool>(),
        moves in prop::collection::vec(a_move(), 0..60),
    ) {
        let mut acp = if up {
            at_work(flavour)
        } else {
            let mut acp = codec(flavour, continued.then_some("s"));
            acp.send(Command::Prompt("x".to_owned()));
            acp
        };
        let mut open = HashSet::from_iter(up.then_some(3));
        let mut asked = Vec::new();
        let (mut steers, mut delivered) = (0, HashSet::new());
        for a_move in moves {
            let mut written = match a_move {
                Move::Line(line) => {
                    let good = ends_well(&line, &mut open);
                    let events = acp.receive(&line);
                    for event in events {
                        match event {
                            Event::TurnEnded { .. } => prop_assert!(good, "a success for {line}"),
                            Event::PermissionAsked { request, .. } => asked.push(request),
                            Event::SteerDelivered { id, .. } => {
                                prop_assert!(delivered.insert(id), "delivered twice");
                            }
                            _ => {}
                        }
                    }
                    acp.replies()
                }
                Move::Steer(when) => {
                    steers += 1;
                    let id = steers.to_string();
                    acp.send(Command::Steer { id, text: "t".to_owned(), when })
                }
                Move::Interrupt => acp.send(Command::Interrupt),
                Move::Answer(allowed) => {
                    let Some(request) = asked.pop() else { continue };
                    let decision = match allowed {
                        true => Decision::Allow,
                        false => Decision::Deny("no".to_owned()),
                    };
                    acp.send(Command::Answer { request, decision })
                }
            };
            written.extend(acp.replies());
            for line in lines(written) {
                if line["method"] == "session/prompt" {
                    open.insert(line["id"].as_u64().unwrap());
                }
            }
        }
        prop_assert!(delivered.len() <= steers);
    }
}
