use super::*;
use crate::config::Permission;
use crate::providers::Conversation;

const SESSION: &str = "00000000-0000-4000-8000-000000000000";

fn claude() -> Claude {
    Claude::new(&launch())
}

fn launch() -> Launch {
    Launch {
        provider: "claude".to_owned(),
        model: None,
        permission: Permission::Edit,
        cwd: "/".into(),
        conversation: Conversation::Fresh {
            session: SESSION.to_owned(),
        },
        max_cost_usd: None,
        effort: None,
        instructions: String::new(),
        tools: crate::providers::ToolRules::default(),
    }
}

#[test]
fn the_role_goes_behind_the_programs_own_instructions() {
    let with_role = Claude::new(&Launch {
        instructions: "Be brief.".to_owned(),
        ..launch()
    });
    let role = |mut claude: Claude| {
        let inputs = written(&claude.send(Command::Prompt("hi".to_owned())));
        inputs[0]["request"].get("appendSystemPrompt").cloned()
    };
    assert_eq!(role(with_role), Some(json!("Be brief.")));
    assert_eq!(role(claude()), None);
}

#[test]
fn a_call_beyond_the_limits_is_refused_without_asking_anybody() {
    let mut claude = Claude::new(&Launch {
        tools: crate::providers::ToolRules {
            allowed: Some(vec!["Bash(git:*)".to_owned()]),
            denied: Vec::new(),
        },
        ..launch()
    });
    let hook = |id: &str, command: &str| {
        json!({
            "type": "control_request", "request_id": id,
            "request": { "subtype": "hook_callback", "callback_id": "ostler", "input": {
                "tool_name": "Bash", "tool_input": { "command": command }, "tool_use_id": id,
            }},
        })
        .to_string()
    };
    let denied = claude.receive(&hook("1", "make"));
    let (call, tool) = ("1".to_owned(), "Bash".to_owned());
    assert_eq!(denied, [Event::Denied { call, tool }]);
    let replies = written(&claude.replies());
    let told = &replies[0]["response"]["response"]["hookSpecificOutput"];
    assert_eq!(told["permissionDecision"], "deny");
    let again = json!({ "permission_denials": [{ "tool_name": "Bash", "tool_use_id": "1" }] });
    let end = claude.receive(&result(again));
    assert!(
        !end.iter().any(|e| matches!(e, Event::Denied { .. })),
        "{end:?}"
    );
    let asked = claude.receive(&hook("2", "git status"));
    assert!(
        matches!(asked[..], [Event::PermissionAsked { .. }]),
        "{asked:?}"
    );
}

/// A session whose prompt was sent and taken up.
fn at_work() -> Claude {
    let mut claude = claude();
    let inputs = claude.send(Command::Prompt("hi".to_owned()));
    assert_eq!(inputs.len(), 2, "initialize and the prompt");
    let prompt = claude.waiting.last().unwrap().uuid.clone();
    assert_eq!(claude.receive(&replay(&prompt)), []);
    claude
}

fn replay(uuid: &str) -> String {
    json!({
        "type": "user", "isReplay": true, "uuid": uuid, "parent_tool_use_id": null,
        "message": { "role": "user", "content": "…" },
    })
    .to_string()
}

fn result(more: Value) -> String {
    let mut line = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "All done.",
        "total_cost_usd": 0.5, "permission_denials": [],
        "modelUsage": { "m": {
            "inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3,
            "cacheCreationInputTokens": 4,
        }},
    });
    line.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    line.to_string()
}

fn assistant(id: &str, block: Value) -> String {
    json!({
        "type": "assistant", "parent_tool_use_id": null,
        "message": {
            "id": id, "model": "m", "content": [block],
            "usage": { "input_tokens": 100, "output_tokens": 1,
                       "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30 },
        },
    })
    .to_string()
}

fn tool_result(id: &str, content: &str, more: Value) -> String {
    let mut line = json!({
        "type": "user", "parent_tool_use_id": null,
        "message": { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": id, "content": content },
        ]},
    });
    line.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    line.to_string()
}

fn written(inputs: &[Input]) -> Vec<Value> {
    inputs
        .iter()
        .map(|input| match input {
            Input::Line(line) => serde_json::from_str(line).unwrap(),
            other => panic!("{other:?} is no line"),
        })
        .collect()
}

/// How a turn ends; the exact figures come behind it.
fn end(claude: &mut Claude, more: Value) -> Option<Event> {
    let mut events = claude.receive(&result(more));
    assert!(matches!(events.pop(), Some(Event::Usage(_))));
    events.pop()
}

#[test]
fn blocks_of_one_message_are_one_step_and_count_their_usage_once() {
    let mut claude = at_work();
    let text = assistant("msg_1", json!({ "type": "text", "text": "Let me look." }));
    let call = assistant(
        "msg_1",
        json!({ "type": "tool_use", "id": "t1", "name": "Bash", "input": { "command": "ls" } }),
    );
    let first = claude.receive(&text);
    assert_eq!(first.first(), Some(&Event::Stepped));
    assert_eq!(
        first.last(),
        Some(&Event::Text {
            text: "Let me look.".to_owned()
        })
    );
    let second = claude.receive(&call);
    assert!(
        matches!(second.as_slice(), [Event::ToolStarted { command: Some(c), .. }] if c == "ls"),
        "{second:?}"
    );
    assert_eq!(claude.usage.input_tokens, 100);
    assert_eq!(
        claude
            .receive(&assistant("msg_2", json!({ "type": "text", "text": "x" })))
            .len(),
        3
    );
    assert_eq!(claude.usage.input_tokens, 200);
}

#[test]
fn exit_codes_are_read_from_a_failed_shell_call() {
    let mut claude = at_work();
    for (id, command) in [("t1", "a"), ("t2", "b"), ("t3", "grep x y")] {
        let input = json!({ "command": command });
        let block = json!({ "type": "tool_use", "id": id, "name": "Bash", "input": input });
        claude.receive(&assistant("m", block));
    }
    let code = |claude: &mut Claude, line: String| match claude.receive(&line).as_slice() {
        [Event::ToolEnded { ok, exit_code, .. }] => (*ok, *exit_code),
        other => panic!("{other:?}"),
    };
    let failed = json!({ "tool_use_result": "Error: Exit code 3" });
    let mut line: Value =
        serde_json::from_str(&tool_result("t1", "Exit code 3\nout", failed)).unwrap();
    line["message"]["content"][0]["is_error"] = json!(true);
    assert_eq!(code(&mut claude, line.to_string()), (false, Some(3)));
    assert_eq!(
        code(&mut claude, tool_result("t2", "out", json!({}))),
        (true, Some(0))
    );
    let benign = json!({ "tool_use_result": { "returnCodeInterpretation": "No matches found" } });
    assert_eq!(
        code(&mut claude, tool_result("t3", "", benign)),
        (true, None)
    );
}

#[test]
fn a_written_file_is_named_once_the_tool_succeeded() {
    let mut claude = at_work();
    let input = json!({ "file_path": "/p/a.txt", "content": "x" });
    let block = json!({ "type": "tool_use", "id": "t1", "name": "Write", "input": input });
    claude.receive(&assistant("m", block));
    let events = claude.receive(&tool_result("t1", "ok", json!({})));
    assert_eq!(
        events.first(),
        Some(&Event::FileChanged {
            path: "/p/a.txt".to_owned()
        })
    );
}

#[test]
fn a_steer_is_delivered_when_its_line_is_replayed() {
    let mut claude = at_work();
    let id = "s-1".to_owned();
    let lines = written(&claude.send(Command::Steer {
        id: id.clone(),
        text: "left".to_owned(),
        when: When::NextStep,
    }));
    assert_eq!(lines[0]["priority"], "next");
    let uuid = lines[0]["uuid"].as_str().unwrap().to_owned();
    // A turn that ends before is followed by another one.
    assert!(matches!(
        end(&mut claude, json!({})).as_ref(),
        Some(Event::TurnEnded {
            more_follows: true,
            ..
        })
    ));
    assert_eq!(
        claude.receive(&replay(&uuid)),
        [Event::SteerDelivered {
            id,
            how: Arrival::SameTurn
        }]
    );
    assert!(matches!(
        end(&mut claude, json!({})).as_ref(),
        Some(Event::TurnEnded {
            more_follows: false,
            ..
        })
    ));
}

#[test]
fn a_message_now_breaks_the_turn_off_and_starts_the_next() {
    let mut claude = claude();
    claude.send(Command::Prompt("hi".to_owned()));
    let init = json!({ "type": "system", "subtype": "init", "session_id": SESSION, "model": "m" });
    assert!(matches!(
        claude.receive(&init.to_string()).as_slice(),
        [Event::Started { .. }]
    ));
    let steer = Command::Steer {
        id: "s".to_owned(),
        text: "x".to_owned(),
        when: When::Now,
    };
    claude.send(steer);
    let broken_off = json!({ "subtype": "error_during_execution", "is_error": true });
    assert_eq!(
        end(&mut claude, broken_off).as_ref(),
        Some(&Event::TurnInterrupted { more_follows: true })
    );
    // The prompt was taken up and will never be replayed: nothing waits for it.
    claude.receive(&init.to_string());
    let steer = claude.waiting.last().unwrap().uuid.clone();
    assert_eq!(
        claude.receive(&replay(&steer)),
        [Event::SteerDelivered {
            id: "s".to_owned(),
            how: Arrival::NewTurn
        }]
    );
    assert!(matches!(
        end(&mut claude, json!({})).as_ref(),
        Some(Event::TurnEnded {
            more_follows: false,
            ..
        })
    ));
}

#[test]
fn an_interrupt_withdraws_what_waits() {
    let mut claude = at_work();
    let steer = Command::Steer {
        id: "s".to_owned(),
        text: "x".to_owned(),
        when: When::AfterTurn,
    };
    claude.send(steer);
    let lines = written(&claude.send(Command::Interrupt));
    let subtypes: Vec<_> = lines
        .iter()
        .map(|line| line["request"]["subtype"].clone())
        .collect();
    assert_eq!(subtypes, ["cancel_async_message", "interrupt"]);
    let cancelled = json!({
        "type": "control_response",
        "response": { "subtype": "success", "request_id": lines[0]["request_id"],
                      "response": { "cancelled": true } },
    });
    assert_eq!(claude.receive(&cancelled.to_string()), []);
    let broken_off = json!({ "subtype": "error_during_execution", "is_error": true });
    assert_eq!(
        end(&mut claude, broken_off).as_ref(),
        Some(&Event::TurnInterrupted {
            more_follows: false
        })
    );
}

#[test]
fn permission_is_asked_twice_and_answered_in_kind() {
    let mut claude = at_work();
    let hook = json!({
        "type": "control_request", "request_id": "R1",
        "request": { "subtype": "hook_callback", "callback_id": "ostler", "input": {
            "tool_name": "Bash", "tool_input": { "command": "ls" }, "tool_use_id": "t1" } },
    });
    let prompt = json!({
        "type": "control_request", "request_id": "R2",
        "request": { "subtype": "can_use_tool", "tool_name": "Bash",
                     "input": { "command": "ls" }, "tool_use_id": "t1" },
    });
    for (line, gate) in [(&hook, Gate::Policy), (&prompt, Gate::Approval)] {
        let events = claude.receive(&line.to_string());
        assert!(
            matches!(events.as_slice(), [Event::PermissionAsked { gate: g, .. }] if *g == gate),
            "{events:?}"
        );
    }
    let answer = |claude: &mut Claude, request: &str, decision| {
        let inputs = claude.send(Command::Answer {
            request: request.to_owned(),
            decision,
        });
        written(&inputs)
            .first()
            .map(|line| line["response"]["response"].clone())
    };
    assert_eq!(answer(&mut claude, "R1", Decision::Allow), Some(json!({})));
    assert_eq!(
        answer(&mut claude, "R2", Decision::Deny("no".to_owned())),
        Some(json!({ "behavior": "deny", "message": "no" }))
    );
    assert_eq!(
        answer(&mut claude, "R2", Decision::Allow),
        None,
        "answered already"
    );
    // The CLI lists the denial again at the end; it is counted once.
    let denials = json!({ "permission_denials": [
        { "tool_name": "Bash", "tool_use_id": "t1" }, { "tool_name": "Write", "tool_use_id": "t2" },
    ]});
    let denied: Vec<_> = claude
        .receive(&result(denials))
        .into_iter()
        .filter(|event| matches!(event, Event::Denied { .. }))
        .collect();
    assert_eq!(
        denied,
        [Event::Denied {
            call: "t2".to_owned(),
            tool: "Write".to_owned()
        }]
    );
}

#[test]
fn the_end_has_exact_figures() {
    let mut claude = at_work();
    claude.receive(&assistant("m", json!({ "type": "text", "text": "x" })));
    let events = claude.receive(&result(json!({})));
    let Some(Event::Usage(usage)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(
        *usage,
        Usage {
            input_tokens: 1,
            output_tokens: 2,
            cache_read_tokens: 3,
            cache_write_tokens: 4,
            cost_usd: Some(0.5),
            is_final: true,
            ..Usage::default()
        }
    );
}

#[test]
fn the_running_cost_is_read_from_the_answer_in_words() {
    let mut claude = at_work();
    let lines = written(&claude.send(Command::AskUsage));
    let answer = json!({ "type": "control_response", "response": {
        "subtype": "success", "request_id": lines[0]["request_id"],
        "response": { "text": "Total cost:            $13.87\nTotal duration (API):  0s" } } });
    let events = claude.receive(&answer.to_string());
    assert!(
        matches!(events.as_slice(), [Event::Usage(Usage { cost_usd: Some(cost), .. })] if *cost == 13.87),
        "{events:?}"
    );
    assert_eq!(
        claude.receive(&answer.to_string()),
        [],
        "an echo means nothing"
    );
}

#[test]
fn a_refused_key_is_fatal_at_once_and_other_retries_are_not() {
    let mut claude = at_work();
    let retry = |status: u64| {
        json!({ "type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10,
                "retry_delay_ms": 615.148, "error_status": status, "error": "x" })
        .to_string()
    };
    assert!(matches!(
        claude.receive(&retry(529)).as_slice(),
        [Event::Retrying { attempt: 1, .. }]
    ));
    assert!(matches!(
        claude.receive(&retry(401)).as_slice(),
        [Event::Failed(Failure {
            class: FailureClass::NotLoggedIn,
            ..
        })]
    ));
}

#[test]
fn success_with_an_error_inside_is_a_failure() {
    let mut claude = at_work();
    let more = json!({ "is_error": true, "api_error_status": 429, "result": "API Error: 429" });
    assert!(matches!(
        end(&mut claude, more).as_ref(),
        Some(Event::Failed(Failure {
            class: FailureClass::RateLimited,
            ..
        }))
    ));
}

#[test]
fn an_end_without_a_result_is_a_crash_and_garbage_a_protocol_error() {
    let exit = Exit {
        code: Some(0),
        signal: None,
        stderr: "oops".to_owned(),
    };
    let class = |claude: &mut Claude| match claude.exited(&exit).as_slice() {
        [Event::Failed(failure)] => failure.class,
        other => panic!("{other:?}"),
    };
    assert_eq!(class(&mut at_work()), FailureClass::Crashed);
    let mut garbage = claude();
    assert!(matches!(
        garbage.receive("Welcome!").as_slice(),
        [Event::Noise { .. }]
    ));
    assert_eq!(class(&mut garbage), FailureClass::Protocol);
    let mut done = at_work();
    done.receive(&result(json!({})));
    assert_eq!(done.exited(&exit), []);
}

#[test]
fn a_null_where_a_number_belongs_is_nothing() {
    let mut claude = at_work();
    let mut line: Value =
        serde_json::from_str(&assistant("m", json!({ "type": "text", "text": "x" }))).unwrap();
    line["message"]["usage"]["cache_creation_input_tokens"] = Value::Null;
    let events = claude.receive(&line.to_string());
    assert_eq!(events.first(), Some(&Event::Stepped), "{events:?}");
    let nulls = json!({ "permission_denials": null, "errors": null, "total_cost_usd": null });
    assert!(matches!(
        end(&mut claude, nulls),
        Some(Event::TurnEnded { .. })
    ));
}

#[test]
fn a_line_with_a_slash_in_front_is_no_command_to_the_cli() {
    let mut claude = claude();
    let lines = written(&claude.send(Command::Prompt("/clear the cache".to_owned())));
    assert_eq!(lines[1]["message"]["content"], " /clear the cache");
}

#[test]
fn an_unknown_request_is_refused_and_not_left_waiting() {
    let mut claude = at_work();
    let request = json!({ "type": "control_request", "request_id": "R9",
                          "request": { "subtype": "sing" } });
    assert_eq!(claude.receive(&request.to_string()), []);
    let replies = written(&claude.replies());
    assert_eq!(replies[0]["response"]["subtype"], "error");
    assert_eq!(replies[0]["response"]["request_id"], "R9");
    assert_eq!(claude.replies(), []);
}

#[test]
fn traffic_of_its_own_sub_agents_is_a_step_and_no_text_and_its_calls_count() {
    let mut claude = at_work();
    let inner = |block: Value| {
        let mut line: Value = serde_json::from_str(&assistant("sub_1", block)).unwrap();
        line["parent_tool_use_id"] = json!("t0");
        line.to_string()
    };
    let said = claude.receive(&inner(json!({ "type": "text", "text": "inner" })));
    assert!(
        matches!(said.as_slice(), [Event::Stepped, Event::Usage(_)]),
        "{said:?}"
    );
    let call = json!({ "type": "tool_use", "id": "t1", "name": "Read", "input": {} });
    assert!(matches!(
        claude.receive(&inner(call)).as_slice(),
        [Event::ToolStarted { .. }]
    ));
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_panic_or_end_well(line in ".*", kind in "[a-z_]{0,12}", body in ".{0,40}") {
        let mut claude = at_work();
        let ends = |events: &[Event]| {
            events.iter().any(|event| matches!(event, Event::TurnEnded { .. }))
        };
        assert!(!ends(&claude.receive(&line)));
        let odd = json!({ "type": kind, "message": body, "response": body, "request": body });
        assert!(!ends(&claude.receive(&odd.to_string())));
        for kind in ["assistant", "user", "system", "control_request", "control_response"] {
            let odd = json!({ "type": kind, "message": { "content": [body] }, "subtype": body });
            assert!(!ends(&claude.receive(&odd.to_string())));
        }
    }
}
