use super::*;
use crate::config::{CodexProvider, Effort, Permission};
use crate::providers::codex::launch;
use crate::providers::{Arrival, Conversation, Environment, Launch, ToolRules};

mod fuzz;
mod recorded;

const THREAD: &str = "T";
const TURN: &str = "U";

fn codex(permission: Permission, resumes: Option<&str>) -> Codex {
    codex_with(permission, resumes, None)
}

fn codex_with(permission: Permission, resumes: Option<&str>, effort: Option<Effort>) -> Codex {
    let config = CodexProvider {
        command: vec!["codex".to_owned()],
        model: None,
        env: Environment::new(),
    };
    let session = "NEW".to_owned();
    let launch = Launch {
        provider: "codex".to_owned(),
        model: None,
        permission,
        cwd: "/project".into(),
        conversation: match resumes {
            None => Conversation::Fresh { session },
            Some(from) => Conversation::Continued {
                from: from.to_owned(),
                session,
                begun_ms: 0,
            },
        },
        max_cost_usd: None,
        effort,
        instructions: String::new(),
        tools: ToolRules::default(),
    };
    Codex::new(launch::plan(&config, &launch, &[]))
}

/// A session whose first turn runs.
fn at_work() -> Codex {
    let mut codex = codex(Permission::Edit, None);
    codex.send(Command::Prompt("hi".to_owned()));
    for (id, result) in [
        (1, json!({})),
        (2, json!({ "config": {} })),
        (3, json!({ "account": null, "requiresOpenaiAuth": false })),
        (4, json!({ "thread": { "id": THREAD }, "model": "m" })),
        (5, json!({ "turn": { "id": TURN } })),
    ] {
        codex.receive(&json!({ "id": id, "result": result }).to_string());
    }
    codex.replies();
    codex
}

#[test]
fn each_turn_is_told_the_effort_that_the_model_takes() {
    let mut codex = codex_with(Permission::Edit, None, Some(Effort::Max));
    codex.send(Command::Prompt("hi".to_owned()));
    let levels = json!([{ "reasoningEffort": "low" }, { "reasoningEffort": "high" }]);
    for (id, result) in [
        (1, json!({})),
        (2, json!({ "config": {} })),
        (3, json!({ "account": null, "requiresOpenaiAuth": false })),
        (
            4,
            json!({ "data": [{ "model": "m", "supportedReasoningEfforts": levels }] }),
        ),
        (5, json!({ "thread": { "id": THREAD }, "model": "m" })),
    ] {
        codex.receive(&json!({ "id": id, "result": result }).to_string());
    }
    let written: Vec<Value> = codex
        .replies()
        .into_iter()
        .filter_map(|input| match input {
            Input::Line(line) => serde_json::from_str(&line).ok(),
            _ => None,
        })
        .collect();
    let methods: Vec<_> = written
        .iter()
        .map(|line| line["method"].as_str().unwrap())
        .collect();
    assert_eq!(
        methods[methods.len() - 3..],
        ["model/list", "thread/start", "turn/start"]
    );
    assert_eq!(written.last().unwrap()["params"]["effort"], "high");
}

/// A notification about the running turn.
fn note(method: &str, more: Value) -> String {
    let mut params = json!({ "threadId": THREAD, "turnId": TURN });
    let members = params.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    json!({ "method": method, "params": params }).to_string()
}

fn item(state: &str, item: Value) -> String {
    note(&format!("item/{state}"), json!({ "item": item }))
}

fn message(state: &str) -> String {
    item(
        state,
        json!({ "type": "agentMessage", "id": "m", "text": "All done." }),
    )
}

fn command(state: &str, status: &str) -> String {
    let call = json!({
        "type": "commandExecution", "id": "c", "command": "/bin/bash -lc 'ls'", "cwd": "/project",
        "status": status, "exitCode": null, "aggregatedOutput": null,
    });
    item(state, call)
}

fn used(total: u64) -> String {
    let tokens = json!({ "inputTokens": total, "cachedInputTokens": 0, "outputTokens": 1 });
    let usage = json!({ "total": tokens, "last": tokens });
    note("thread/tokenUsage/updated", json!({ "tokenUsage": usage }))
}

fn completed(status: &str) -> String {
    let turn = json!({ "id": TURN, "status": status, "items": [], "error": null });
    note("turn/completed", json!({ "turn": turn }))
}

fn steer(id: &str, when: When) -> Command {
    Command::Steer {
        id: id.to_owned(),
        text: format!("text of {id}"),
        when,
    }
}

/// The methods of requests among `inputs`.
fn methods(inputs: &[Input]) -> Vec<String> {
    let lines = inputs.iter().map(|input| match input {
        Input::Line(line) => serde_json::from_str::<Value>(line).unwrap(),
        other => panic!("{other:?}"),
    });
    let methods = lines.map(|line| line["method"].as_str().unwrap_or("-").to_owned());
    methods.collect()
}

fn steps(events: &[Event]) -> usize {
    let stepped = events.iter().filter(|event| **event == Event::Stepped);
    stepped.count()
}

#[test]
fn a_step_is_counted_once_whatever_it_brings_forth() {
    let mut codex = at_work();
    let mut count = |line: &str| steps(&codex.receive(line));
    assert_eq!(count(&message("started")), 1);
    assert_eq!(count(&message("completed")), 0);
    assert_eq!(count(&command("started", "inProgress")), 0);
    assert_eq!(count(&command("completed", "completed")), 0);
    assert_eq!(count(&used(10)), 0);
    // A call without an item, such as one that was refused: only the tokens tell of it.
    assert_eq!(count(&used(20)), 1);
    assert_eq!(count(&used(20)), 0);
    // The next one comes to its end although no tokens are told.
    assert_eq!(count(&message("started")), 1);
    assert_eq!(count(&used(20)), 0);
    assert_eq!(count(&message("started")), 1);
}

#[test]
fn a_step_that_the_cli_repeats_is_counted_once() {
    let mut codex = at_work();
    let mut count = |line: &str| steps(&codex.receive(line));
    assert_eq!(count(&used(10)), 1);
    assert_eq!(count(&message("started")), 1);
    assert_eq!(count(&used(10)), 0);
    let again = json!({ "error": { "message": "Reconnecting... 1/5" }, "willRetry": true });
    assert_eq!(count(&note("error", again.clone())), 0);
    assert_eq!(count(&message("started")), 0);
    assert_eq!(count(&used(20)), 0);
    // What a message has cut off is not repeated.
    assert_eq!(count(&message("started")), 1);
    assert_eq!(count(&used(20)), 0);
    assert_eq!(count(&item("started", json!({ "type": "userMessage" }))), 0);
    assert_eq!(count(&note("error", again)), 0);
    assert_eq!(count(&message("started")), 1);
}

#[test]
fn a_message_for_the_next_step_waits_for_a_tool_and_one_for_now_does_not() {
    let mut codex = at_work();
    codex.receive(&message("started"));
    assert_eq!(codex.send(steer("s1", When::NextStep)), []);
    assert_eq!(methods(&codex.send(steer("s2", When::Now))), ["turn/steer"]);
    codex.receive(&command("started", "inProgress"));
    assert_eq!(methods(&codex.replies()), ["turn/steer"]);
    assert_eq!(
        methods(&codex.send(steer("s3", When::NextStep))),
        ["turn/steer"]
    );
    assert_eq!(codex.send(steer("s4", When::AfterTurn)), []);
    let arrived = json!({ "type": "userMessage", "clientId": "ostler-3" });
    assert_eq!(
        codex.receive(&item("started", arrived)),
        [Event::SteerDelivered {
            id: "s1".to_owned(),
            how: Arrival::SameTurn
        }]
    );
}

#[test]
fn a_message_that_comes_too_late_begins_another_turn_in_either_order_of_the_news() {
    let late = json!({ "id": 6, "error": { "message": "no active turn to steer" } }).to_string();
    for refused_first in [true, false] {
        let mut codex = at_work();
        assert_eq!(methods(&codex.send(steer("s", When::Now))), ["turn/steer"]);
        let end = if refused_first {
            assert_eq!(codex.receive(&late), []);
            assert_eq!(codex.replies(), [], "the turn has not ended yet");
            codex.receive(&completed("completed"))
        } else {
            let end = codex.receive(&completed("completed"));
            assert_eq!(codex.replies(), [], "the answer is still to come");
            codex.receive(&late);
            end
        };
        let text = String::new();
        assert_eq!(
            end.first(),
            Some(&Event::TurnEnded {
                text,
                more_follows: true
            })
        );
        assert_eq!(methods(&codex.replies()), ["turn/start"]);
        codex.receive(&json!({ "id": 7, "result": { "turn": { "id": "V" } } }).to_string());
        let arrived = json!({ "type": "userMessage", "clientId": "ostler-3" });
        assert_eq!(
            codex.receive(&item("started", arrived)),
            [Event::SteerDelivered {
                id: "s".to_owned(),
                how: Arrival::NewTurn
            }]
        );
    }
}

#[test]
fn an_interrupt_withdraws_what_has_not_arrived_and_ends_commands_too() {
    let mut codex = at_work();
    codex.send(steer("s", When::AfterTurn));
    assert_eq!(
        methods(&codex.send(Command::Interrupt)),
        ["turn/interrupt", "thread/backgroundTerminals/clean"]
    );
    let more_follows = false;
    assert_eq!(
        codex.receive(&completed("interrupted")).first(),
        Some(&Event::TurnInterrupted { more_follows })
    );
    assert_eq!(codex.replies(), []);
}

#[test]
fn a_turn_of_another_name_ends_nothing() {
    let mut codex = at_work();
    let other = json!({ "id": "V", "status": "completed", "items": [] });
    let other = note("turn/completed", json!({ "turn": other }));
    assert_eq!(codex.receive(&other), []);
    let elsewhere = completed("completed").replace(r#""T""#, r#""other thread""#);
    assert_eq!(codex.receive(&elsewhere), []);
    assert_eq!(codex.receive(&completed("inProgress?")).len(), 2);
}

#[test]
fn a_resumed_thread_counts_only_the_tokens_of_the_run() {
    let mut codex = codex(Permission::Edit, Some("T"));
    let methods = |codex: &mut Codex| methods(&codex.replies());
    codex.send(Command::Prompt("hi".to_owned()));
    codex.receive(r#"{"id":1,"result":{}}"#);
    codex.receive(r#"{"id":2,"result":{}}"#);
    codex.receive(r#"{"id":3,"error":{"message":"unknown"}}"#);
    assert_eq!(methods(&mut codex).last().unwrap(), "thread/resume");
    codex.receive(r#"{"id":4,"result":{"thread":{"id":"T"},"model":"m"}}"#);
    let before = used(100).replace(r#""U""#, r#""an earlier turn""#);
    assert_eq!(codex.receive(&before), []);
    codex.receive(r#"{"id":5,"result":{"turn":{"id":"U"}}}"#);
    let events = codex.receive(&used(130));
    let Some(Event::Usage(usage)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((usage.input_tokens, usage.output_tokens), (30, 0));
}

#[test]
fn a_thread_that_is_not_there_is_lost() {
    let mut codex = codex(Permission::Edit, Some("T"));
    codex.send(Command::Prompt("hi".to_owned()));
    for id in 1..=3 {
        codex.receive(&json!({ "id": id, "result": {} }).to_string());
    }
    let gone = r#"{"id":4,"error":{"code":-32600,"message":"no rollout found for thread id T"}}"#;
    let events = codex.receive(gone);
    assert!(
        matches!(&events[..], [Event::Failed(failure)] if failure.class == FailureClass::SessionLost),
        "{events:?}"
    );
}

#[test]
fn requests_that_nobody_can_answer_are_answered_at_once() {
    let mut codex = at_work();
    for (method, answer) in [
        (
            "mcpServer/elicitation/request",
            json!({ "action": "decline" }),
        ),
        ("item/tool/call", Value::Null),
        ("something/new", Value::Null),
    ] {
        let line = json!({ "id": "r", "method": method, "params": {} }).to_string();
        assert_eq!(codex.receive(&line), []);
        let replies = codex.replies();
        let [Input::Line(reply)] = &replies[..] else {
            panic!("{replies:?}")
        };
        let reply: Value = serde_json::from_str(reply).unwrap();
        assert_eq!((&reply["id"], &reply["result"]), (&json!("r"), &answer));
    }
}

#[test]
fn questions_take_words_and_approvals_take_nothing_for_a_yes_but_allow() {
    let mut codex = at_work();
    let ask = json!({ "id": 7, "method": "item/tool/requestUserInput", "params": {
        "questions": [{ "id": "q", "question": "Which?", "options": [{ "label": "A" }] }],
    }});
    assert_eq!(
        codex.receive(&ask.to_string()),
        [Event::QuestionAsked {
            request: "7".to_owned(),
            question: "Which?\n- A".to_owned()
        }]
    );
    let answer = |codex: &mut Codex, request: &str, decision: Decision| {
        let request = request.to_owned();
        let inputs = codex.send(Command::Answer { request, decision });
        match inputs.last() {
            Some(Input::Line(line)) => {
                serde_json::from_str::<Value>(line).unwrap()["result"].clone()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        answer(&mut codex, "7", Decision::Reply("B".to_owned())),
        json!({ "answers": { "q": { "answers": ["B"] } } })
    );
    let asked = json!({ "network": { "enabled": true } });
    let request = json!({ "method": "item/permissions/requestApproval", "params": {
        "itemId": "c", "permissions": asked,
    }});
    for (id, decision, expected) in [
        (8, Decision::Allow, asked.clone()),
        (9, Decision::Deny(String::new()), json!({})),
        (10, Decision::Reply("yes".to_owned()), json!({})),
    ] {
        let mut request = request.clone();
        request["id"] = json!(id);
        codex.receive(&request.to_string());
        let answer = answer(&mut codex, &id.to_string(), decision);
        assert_eq!(answer["permissions"], expected);
    }
    // Once answered, twice not.
    let request = "9".to_owned();
    let decision = Decision::Allow;
    assert_eq!(codex.send(Command::Answer { request, decision }), []);
}

#[test]
fn a_refusal_of_the_cli_itself_is_told_and_one_of_ours_not_twice() {
    let mut codex = at_work();
    let denied = |events: &[Event]| {
        events
            .iter()
            .any(|event| matches!(event, Event::Denied { call, .. } if call == "c"))
    };
    codex.receive(&command("started", "inProgress"));
    assert!(denied(&codex.receive(&command("completed", "declined"))));

    codex.receive(&command("started", "inProgress"));
    let ask = json!({ "id": 0, "method": "item/commandExecution/requestApproval",
        "params": { "itemId": "c" } });
    codex.receive(&ask.to_string());
    codex.send(Command::Answer {
        request: "0".to_owned(),
        decision: Decision::Deny("no".to_owned()),
    });
    assert!(!denied(&codex.receive(&command("completed", "declined"))));
}

#[test]
fn a_process_that_ends_before_its_turn_is_a_failure_and_one_that_was_closed_is_not() {
    let exit = Exit {
        code: Some(0),
        signal: None,
        stderr: String::new(),
    };
    assert!(matches!(at_work().exited(&exit)[..], [Event::Failed(_)]));
    let mut codex = at_work();
    assert_eq!(codex.send(Command::Close), [Input::Close]);
    assert_eq!(codex.exited(&exit), []);
    let mut codex = at_work();
    codex.receive(&completed("completed"));
    assert_eq!(codex.exited(&exit), []);
}

#[test]
fn a_late_answer_to_the_start_of_a_turn_is_not_taken_for_that_of_the_next() {
    let mut codex = codex(Permission::Edit, None);
    codex.send(Command::Prompt("hi".to_owned()));
    for (id, result) in [
        (1, json!({})),
        (2, json!({ "config": {} })),
        (3, json!({ "account": null, "requiresOpenaiAuth": false })),
        (4, json!({ "thread": { "id": THREAD }, "model": "m" })),
    ] {
        codex.receive(&json!({ "id": id, "result": result }).to_string());
    }
    let started = |id: &str| note("turn/started", json!({ "turn": { "id": id } }));
    codex.receive(&started(TURN));
    codex.send(steer("s", When::AfterTurn));
    codex.receive(&completed("completed"));
    codex.receive(&json!({ "id": 5, "result": { "turn": { "id": TURN } } }).to_string());
    codex.receive(&started("V"));
    let turn = json!({ "id": "V", "status": "completed", "items": [], "error": null });
    let ended = codex.receive(&note("turn/completed", json!({ "turn": turn })));
    assert!(
        ended.iter().any(|it| matches!(
            it,
            Event::TurnEnded {
                more_follows: false,
                ..
            }
        )),
        "{ended:?}"
    );
}

#[test]
fn a_request_that_is_too_long_to_be_read_is_answered_all_the_same() {
    let mut codex = at_work();
    let beginning = r#"{"method":"item/fileChange/requestApproval","id":7,"params":{"reason":"xx"#;
    assert_eq!(codex.receive_cut(beginning, 99), []);
    let answers = codex.replies();
    let [Input::Line(answer)] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["id"], 7);
    assert!(answer["error"]["message"].is_string(), "{answer}");
    codex.receive_cut(
        r#"{"method":"item/completed","params":{"item":{"id":"x"#,
        99,
    );
    assert_eq!(codex.replies(), []);
}
