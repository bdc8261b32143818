mod anything;
mod recorded;

use super::*;
use crate::config::{Effort, Flavour, Permission};
use crate::providers::acp::quirks;
use crate::providers::{Arrival, Decision, Reach, Usage, UsageScope, When};

fn codec(flavour: Flavour, from: Option<&str>) -> Acp {
    codec_with(flavour, from, "", None)
}

fn codec_with(flavour: Flavour, from: Option<&str>, role: &str, effort: Option<Effort>) -> Acp {
    let session = "00000000-0000-4000-8000-000000000000".to_owned();
    let conversation = match from {
        None => Conversation::Fresh { session },
        Some(from) => Conversation::Continued {
            from: from.to_owned(),
            session,
            begun_ms: 0,
        },
    };
    let launch = Launch {
        provider: "mine".to_owned(),
        model: None,
        permission: Permission::Edit,
        cwd: "/w".into(),
        conversation,
        max_cost_usd: None,
        effort,
        instructions: role.to_owned(),
        tools: crate::providers::ToolRules::default(),
    };
    let config = AcpProvider {
        flavour,
        command: vec!["agent".to_owned()],
        model: None,
        env: std::collections::BTreeMap::new(),
    };
    let server = McpServer {
        name: "ostler".to_owned(),
        command: "ostler".to_owned(),
        args: vec![],
        env: std::collections::BTreeMap::new(),
    };
    Acp::new(quirks::of(flavour), &config, &launch, &[server])
}

/// What a session that comes up writes behind its opening, which the agent answers with `opened`.
fn comes_up(mut acp: Acp, replay: &[String], opened: Value) -> Vec<Value> {
    acp.send(Command::Prompt("do it".to_owned()));
    let can = json!({ "protocolVersion": 1, "agentCapabilities": { "loadSession": true } });
    acp.receive(&response(1, can));
    for line in replay {
        acp.receive(line);
    }
    acp.replies();
    acp.receive(&response(2, opened));
    lines(acp.replies())
}

fn first_prompt(written: &[Value]) -> &str {
    let prompt = written
        .iter()
        .find(|line| line["method"] == "session/prompt");
    let text = prompt.unwrap().pointer("/params/prompt/0/text");
    text.unwrap().as_str().unwrap()
}

#[test]
fn the_role_stands_in_front_of_the_first_prompt_and_is_told_once() {
    let plain = |from| codec_with(Flavour::Plain, from, "Be brief.\n", None);
    let opened = json!({ "sessionId": "s" });
    let fresh = comes_up(plain(None), &[], opened.clone());
    let told = first_prompt(&fresh).to_owned();
    assert!(
        told.contains("Be brief.") && told.ends_with("do it"),
        "{told}"
    );

    let user = |text: &str| {
        let content = json!({ "type": "text", "text": text });
        update(json!({ "sessionUpdate": "user_message_chunk", "content": content }))
    };
    let (beginning, rest) = told.split_at(told.find("brief").unwrap());
    let kept = [user(beginning), user(rest)];
    let carried_on = comes_up(plain(Some("s")), &kept, opened.clone());
    assert_eq!(first_prompt(&carried_on), "do it");

    // Its first turn was broken off before anything was written down.
    let lost = comes_up(plain(Some("s")), &[user("hello")], opened.clone());
    assert_eq!(first_prompt(&lost), told);

    let by_file = codec_with(Flavour::Opencode, None, "Be brief.", None);
    assert_eq!(first_prompt(&comes_up(by_file, &[], opened)), "do it");
}

#[test]
fn the_effort_is_chosen_before_the_first_prompt_where_there_is_a_choice() {
    let asked = || codec_with(Flavour::Opencode, None, "", Some(Effort::Max));
    let levels = json!([{ "value": "low" }, { "value": "high" }]);
    let option = json!({ "id": "effort", "category": "thought_level", "options": levels });
    let written = comes_up(
        asked(),
        &[],
        json!({ "sessionId": "s", "configOptions": [option] }),
    );
    assert_eq!(written.len(), 1, "{written:?}");
    let params = json!({ "sessionId": "s", "configId": "effort", "value": "high" });
    assert_eq!(written[0]["method"], "session/set_config_option");
    assert_eq!(written[0]["params"], params);
    let without = comes_up(asked(), &[], json!({ "sessionId": "s" }));
    assert_eq!(first_prompt(&without), "do it");
}

fn lines(inputs: Vec<Input>) -> Vec<Value> {
    let mut lines = Vec::new();
    for input in inputs {
        match input {
            Input::Line(line) => lines.push(serde_json::from_str(&line).unwrap()),
            other => panic!("{other:?}"),
        }
    }
    lines
}

/// The events in short.
fn story(events: &[Event]) -> Vec<String> {
    let mut story = Vec::new();
    for event in events {
        story.push(match event {
            Event::Started { model, .. } => format!("started {model}"),
            Event::Stepped => "step".to_owned(),
            Event::Text { text } => format!("text {text}"),
            Event::Thought { .. } => "thought".to_owned(),
            Event::ToolStarted { name, command, .. } => {
                format!("call {name} {}", command.as_deref().unwrap_or("-"))
            }
            Event::PermissionAsked {
                tool, reach, files, ..
            } => format!("ask {tool} {reach:?} {}", files.join(" ")),
            Event::FileChanged { path } => format!("changed {path}"),
            Event::ToolEnded { ok, exit_code, .. } => format!("end {ok} {exit_code:?}"),
            Event::SteerDelivered { id, how } => format!("delivered {id} {how:?}"),
            Event::TurnEnded { text, more_follows } => format!("turn ended {text} {more_follows}"),
            Event::TurnInterrupted { more_follows } => format!("interrupted {more_follows}"),
            Event::Usage(usage) => format!(
                "usage {} {} {} {:?} {}",
                usage.input_tokens,
                usage.output_tokens,
                usage.cache_read_tokens,
                usage.cost_usd,
                usage.is_final
            ),
            other => format!("{other:?}"),
        });
    }
    story
}

/// A session whose prompt was sent; the prompt is request 3.
fn at_work(flavour: Flavour) -> Acp {
    let mut acp = codec(flavour, None);
    acp.send(Command::Prompt("FIRST".to_owned()));
    acp.receive(&response(1, json!({ "protocolVersion": 1 })));
    acp.receive(&response(2, json!({ "sessionId": "s" })));
    let prompt = lines(acp.replies()).pop().unwrap();
    assert_eq!(
        (&prompt["method"], &prompt["id"]),
        (&json!("session/prompt"), &json!(3))
    );
    acp
}

fn response(id: u64, result: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

fn ended(id: u64) -> String {
    response(id, json!({ "stopReason": "end_turn" }))
}

fn stopped(id: u64) -> String {
    response(id, json!({ "stopReason": "cancelled" }))
}

fn update(update: Value) -> String {
    let params = json!({ "sessionId": "s", "update": update });
    json!({ "jsonrpc": "2.0", "method": "session/update", "params": params }).to_string()
}

fn said(text: &str, message: &str) -> String {
    update(json!({
        "sessionUpdate": "agent_message_chunk", "messageId": message,
        "content": { "type": "text", "text": text },
    }))
}

fn call(id: &str, status: &str) -> String {
    update(json!({
        "sessionUpdate": "tool_call_update", "toolCallId": id, "status": status,
        "title": "ls", "kind": "execute",
    }))
}

fn permission(id: u64, call: &str) -> String {
    let params = json!({
        "sessionId": "s", "toolCall": { "toolCallId": call, "title": "t", "kind": "execute" },
        "options": [{ "optionId": "x", "kind": "allow_once" }],
    });
    let method = "session/request_permission";
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn steer(acp: &mut Acp, id: &str, when: When) -> Vec<String> {
    let text = id.to_uppercase();
    let id = id.to_owned();
    methods(acp.send(Command::Steer { id, text, when }))
}

/// What was written, in short: a method with the text of a prompt, or an answer.
fn methods(inputs: Vec<Input>) -> Vec<String> {
    lines(inputs)
        .iter()
        .map(|line| match line["method"].as_str() {
            Some("session/prompt") => {
                let blocks = line["params"]["prompt"].as_array().unwrap();
                let texts: Vec<&str> = blocks.iter().map(|b| b["text"].as_str().unwrap()).collect();
                format!("{} {}", line["id"], texts.join("+"))
            }
            Some(method) => method.to_owned(),
            None => line["result"]["outcome"]["outcome"].to_string(),
        })
        .collect()
}

#[test]
fn who_does_not_join_gets_messages_behind_the_turn() {
    let mut acp = at_work(Flavour::Gemini);
    acp.receive(&said("working", ""));
    assert_eq!(steer(&mut acp, "a", When::NextStep), [""; 0]);
    assert_eq!(steer(&mut acp, "b", When::AfterTurn), [""; 0]);
    assert_eq!(
        story(&acp.receive(&ended(3))),
        ["text working", "turn ended working true"]
    );
    assert_eq!(methods(acp.replies()), ["4 A+B"]);
    assert_eq!(
        story(&acp.receive(&said("ok", ""))),
        ["delivered a NewTurn", "delivered b NewTurn", "step"]
    );
    assert_eq!(
        story(&acp.receive(&ended(4))),
        ["text ok", "turn ended ok false"]
    );
}

#[test]
fn who_forgets_is_told_again_what_was_broken_off() {
    let mut acp = at_work(Flavour::Gemini);
    assert_eq!(steer(&mut acp, "a", When::AfterTurn), [""; 0]);
    acp.receive(&permission(9, "c"));
    // What waits is answered before the cancel, and another message does not cancel twice.
    assert_eq!(
        steer(&mut acp, "b", When::Now),
        ["\"cancelled\"", "session/cancel"]
    );
    assert_eq!(steer(&mut acp, "c", When::Now), [""; 0]);
    // Tools that were to follow still ask.
    acp.receive(&permission(10, "d"));
    assert_eq!(methods(acp.replies()), ["\"cancelled\""]);
    let events = acp.receive(&stopped(3));
    assert_eq!(story(&events).last().unwrap(), "interrupted true");
    let written = methods(acp.replies()).pop().unwrap();
    for part in ["4 You were broken off", "FIRST", "B\n\nC"] {
        assert!(written.contains(part), "{written}");
    }
    assert_eq!(
        story(&acp.receive(&said("ok", ""))),
        ["delivered b Restarted", "delivered c Restarted", "step"]
    );
    acp.receive(&ended(4));
    assert_eq!(methods(acp.replies()), ["5 A"]);
}

#[test]
fn a_message_that_was_broken_off_itself_is_told_again_and_delivered_once() {
    let mut acp = at_work(Flavour::Gemini);
    steer(&mut acp, "a", When::Now);
    acp.receive(&stopped(3));
    acp.replies();
    steer(&mut acp, "b", When::Now);
    acp.receive(&stopped(4));
    let written = methods(acp.replies()).pop().unwrap();
    assert_eq!(written.matches("FIRST").count(), 1, "{written}");
    assert_eq!(written.matches("A\n\n").count(), 1, "{written}");
    assert_eq!(
        story(&acp.receive(&said("ok", ""))),
        ["delivered a Restarted", "delivered b Restarted", "step"]
    );
    assert_eq!(
        story(&acp.receive(&ended(5))),
        ["text ok", "turn ended ok false"]
    );
}

#[test]
fn a_turn_that_ends_before_the_cancel_arrives_is_not_told_again() {
    let mut acp = at_work(Flavour::Gemini);
    acp.receive(&said("done", ""));
    steer(&mut acp, "a", When::Now);
    assert_eq!(
        story(&acp.receive(&ended(3))),
        ["text done", "turn ended done true"]
    );
    assert_eq!(methods(acp.replies()), ["4 A"]);
    assert_eq!(
        story(&acp.receive(&said("ok", ""))),
        ["delivered a NewTurn", "step"]
    );
}

#[test]
fn who_joins_gets_messages_at_once_and_says_so_with_the_step_that_knows_them() {
    let mut acp = at_work(Flavour::Opencode);
    // The model was asked before this one, so its first words do not know of it.
    assert_eq!(steer(&mut acp, "a", When::NextStep), ["4 A"]);
    assert_eq!(story(&acp.receive(&said("hm", "m1"))), ["step"]);
    acp.receive(&call("c", "in_progress"));
    assert_eq!(steer(&mut acp, "b", When::NextStep), ["5 B"]);
    acp.receive(&call("c", "completed"));
    assert_eq!(
        story(&acp.receive(&said("both", "m2"))),
        ["delivered a SameTurn", "delivered b SameTurn", "step"]
    );
    // All are answered together, the text once.
    let mut all = acp.receive(&ended(3));
    all.extend(acp.receive(&ended(4)));
    all.extend(acp.receive(&ended(5)));
    assert_eq!(
        story(&all),
        [
            "text both",
            "turn ended both true",
            "turn ended  true",
            "turn ended  false"
        ]
    );
}

#[test]
fn an_interrupt_drops_what_is_held() {
    let mut acp = at_work(Flavour::Gemini);
    steer(&mut acp, "a", When::AfterTurn);
    assert_eq!(methods(acp.send(Command::Interrupt)), ["session/cancel"]);
    assert_eq!(story(&acp.receive(&stopped(3))), ["interrupted false"]);
    assert_eq!(methods(acp.replies()), [""; 0]);
}

#[test]
fn messages_before_the_session_is_up_follow_the_prompt() {
    let mut acp = codec(Flavour::Gemini, None);
    acp.send(Command::Prompt("/FIRST".to_owned()));
    assert_eq!(steer(&mut acp, "a", When::Now), [""; 0]);
    acp.receive(&response(1, json!({ "protocolVersion": 1 })));
    acp.receive(&response(2, json!({ "sessionId": "s" })));
    let written = methods(acp.replies());
    assert_eq!(
        written,
        ["session/new", "3 The message is: /FIRST", "session/cancel"]
    );
}

#[test]
fn a_tool_of_our_own_server_is_allowed_and_a_change_of_mode_is_not() {
    let mut acp = at_work(Flavour::Gemini);
    acp.receive(&permission(
        7,
        "mcp_ostler_submit_result__mcp_ostler_submit_result_1_0",
    ));
    assert_eq!(methods(acp.replies()), ["\"selected\""]);
    let events = acp.receive(&permission(8, "exit_plan_mode__exit_plan_mode_1_0"));
    // It offers no refusal.
    assert_eq!(methods(acp.replies()), ["\"cancelled\""]);
    assert!(matches!(events.last(), Some(Event::Denied { tool, .. }) if tool == "exit_plan_mode"));
}

#[test]
fn what_is_not_the_models_word_is_dropped() {
    let mut acp = at_work(Flavour::Gemini);
    assert_eq!(acp.receive(&said("[MODE_UPDATE] yolo", "")), []);
    let other = said("x", "").replace(r#""sessionId":"s""#, r#""sessionId":"t""#);
    assert_eq!(acp.receive(&other), []);
}

#[test]
fn a_good_end_without_a_token_hides_a_broken_stream_unless_it_never_tells_tokens() {
    let quota = json!({ "token_count": { "input_tokens": 0, "output_tokens": 0 } });
    let result = json!({ "stopReason": "end_turn", "_meta": { "quota": quota } });
    for (pieces, lost) in [
        (&["ab", "cd", "ab", "cd", "ab", "cd"][..], true),
        (&[], true),
        (&["a whole answer"], false),
    ] {
        let mut acp = at_work(Flavour::Gemini);
        for piece in pieces {
            acp.receive(&said(piece, ""));
        }
        let events = acp.receive(&response(3, result.clone()));
        let failed = events.iter().any(|event| {
            matches!(event, Event::Failed(failure) if failure.class == FailureClass::Overloaded)
        });
        assert_eq!(failed, lost, "{pieces:?}: {events:?}");
    }
}

#[test]
fn the_figures_of_prompts_that_joined_count_once() {
    let mut acp = at_work(Flavour::Opencode);
    acp.receive(&said("hm", "m1"));
    steer(&mut acp, "a", When::NextStep);
    let usage = json!({ "inputTokens": 60, "outputTokens": 20 });
    let result = json!({ "stopReason": "end_turn", "usage": usage });
    let mut events = acp.receive(&response(3, result.clone()));
    events.extend(acp.receive(&response(4, result)));
    let figures = events.iter().filter_map(|event| match event {
        Event::Usage(usage) => Some(usage.input_tokens),
        _ => None,
    });
    assert_eq!(figures.collect::<Vec<_>>(), [60]);
}

#[test]
fn what_was_asked_in_a_turn_that_is_over_waits_for_nobody() {
    let mut acp = at_work(Flavour::Plain);
    acp.receive(&permission(7, "c"));
    assert_eq!(
        steer(&mut acp, "a", When::Now),
        ["\"cancelled\"", "session/cancel"]
    );
    let events = acp.receive(&stopped(3));
    let request = "7".to_owned();
    assert!(events.contains(&Event::PermissionWithdrawn { request }));
}

#[test]
fn no_end_but_its_own_is_a_success() {
    let exit = Exit {
        code: Some(0),
        signal: None,
        stderr: String::new(),
    };
    let class = |acp: &mut Acp| match acp.exited(&exit).as_slice() {
        [Event::Failed(failure)] => failure.class,
        other => panic!("{other:?}"),
    };
    assert_eq!(class(&mut at_work(Flavour::Plain)), FailureClass::Crashed);
    let mut mute = codec(Flavour::Plain, None);
    mute.send(Command::Prompt("x".to_owned()));
    mute.receive("Welcome!");
    assert_eq!(class(&mut mute), FailureClass::Protocol);
    let mut done = at_work(Flavour::Plain);
    done.receive(&ended(3));
    assert_eq!(done.exited(&exit), []);
}

#[test]
fn a_program_that_is_no_agent_is_told_apart() {
    let opening = || {
        let mut acp = codec(Flavour::Plain, None);
        let written = lines(acp.send(Command::Prompt("x".to_owned())));
        (acp, written)
    };
    let protocol = |events: &[Event]| match events {
        [Event::Failed(failure)] => assert_eq!(failure.class, FailureClass::Protocol),
        other => panic!("{other:?}"),
    };
    let (mut gone, _) = opening();
    protocol(&gone.exited(&Exit {
        code: Some(1),
        signal: None,
        stderr: String::new(),
    }));
    let (mut cat, written) = opening();
    protocol(&cat.receive(&written[0].to_string()));
}

#[test]
fn a_command_that_was_killed_is_not_ok() {
    let ends = |metadata: Value, breaks: bool| {
        let mut acp = at_work(Flavour::Plain);
        acp.receive(&call("c1", "in_progress"));
        if breaks {
            acp.send(Command::Interrupt);
        }
        let update = json!({
            "sessionUpdate": "tool_call_update", "toolCallId": "c1", "status": "completed",
            "kind": "execute", "rawOutput": { "metadata": metadata },
        });
        let params = json!({ "sessionId": acp.session, "update": update });
        let line = json!({ "jsonrpc": "2.0", "method": "session/update", "params": params });
        let events = acp.receive(&line.to_string());
        events.iter().find_map(|event| match event {
            Event::ToolEnded { ok, .. } => Some(*ok),
            _ => None,
        })
    };
    assert_eq!(ends(json!({}), false), Some(true));
    assert_eq!(ends(json!({}), true), Some(false));
    assert_eq!(ends(json!({ "exit": null }), false), Some(false));
    assert_eq!(ends(json!({ "exit": 0 }), true), Some(true));
}

#[test]
fn a_session_that_is_gone_is_told_apart() {
    for (code, class) in [
        (-32603, FailureClass::SessionLost),
        (-32000, FailureClass::NotLoggedIn),
    ] {
        let mut acp = codec(Flavour::Gemini, Some("gone"));
        acp.send(Command::Prompt("x".to_owned()));
        let can = json!({ "protocolVersion": 1, "agentCapabilities": { "loadSession": true } });
        acp.receive(&response(1, can));
        let error = json!({ "code": code, "message": "Internal error" });
        let line = json!({ "jsonrpc": "2.0", "id": 2, "error": error }).to_string();
        let events = acp.receive(&line);
        assert!(
            matches!(events.as_slice(), [Event::Failed(failure)] if failure.class == class),
            "{events:?}"
        );
    }
}

#[test]
fn a_line_that_was_cut_off_is_refused_if_it_wanted_an_answer() {
    let mut acp = at_work(Flavour::Plain);
    let beginning = r#"{"jsonrpc":"2.0","id":12,"method":"session/request_permission","params":{"#;
    acp.receive_cut(beginning, 99);
    let refused = lines(acp.replies()).remove(0);
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(12), &json!(-32600))
    );
    acp.receive_cut(
        r#"{"jsonrpc":"2.0","method":"session/update","params":{"#,
        99,
    );
    assert_eq!(acp.replies(), []);
}

#[test]
fn a_usage_without_figures_is_none() {
    let mut acp = at_work(Flavour::Plain);
    let events = acp.receive(&ended(3));
    assert!(!events.iter().any(|event| matches!(event, Event::Usage(_))));
    let mut acp = at_work(Flavour::Plain);
    let usage = json!({ "inputTokens": 5, "outputTokens": 1, "cachedWriteTokens": 2 });
    let result = json!({ "stopReason": "end_turn", "usage": usage });
    let expected = Usage {
        input_tokens: 5,
        output_tokens: 1,
        cache_write_tokens: 2,
        is_final: true,
        scope: UsageScope::OwnSteps,
        ..Usage::default()
    };
    assert_eq!(
        acp.receive(&response(3, result)).last(),
        Some(&Event::Usage(expected))
    );
}

#[test]
fn only_looking_and_naming_files_count_as_less_than_acting() {
    for (kind, locations, reach) in [
        ("read", json!([]), Reach::Reads),
        ("edit", json!([{ "path": "a" }]), Reach::Edits),
        ("edit", json!([]), Reach::Acts),
        ("delete", json!([{ "path": "a" }]), Reach::Acts),
        ("fetch", json!([]), Reach::Acts),
        ("other", json!([]), Reach::Acts),
    ] {
        let call = json!({ "toolCallId": "c", "title": "t", "kind": kind, "locations": locations });
        let params = json!({ "sessionId": "s", "toolCall": call, "options": [] });
        let method = "session/request_permission";
        let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let events = at_work(Flavour::Plain).receive(&line.to_string());
        assert!(
            events.iter().any(|event| matches!(
                event,
                Event::PermissionAsked { reach: found, .. } if *found == reach
            )),
            "{kind}: {events:?}"
        );
    }
}

#[test]
fn arrivals_are_what_the_capabilities_say() {
    // A message that breaks off a turn of who does not forget starts another, no more.
    let mut acp = at_work(Flavour::Opencode);
    acp.receive(&said("hm", "m1"));
    assert_eq!(steer(&mut acp, "a", When::Now), ["session/cancel"]);
    acp.receive(&stopped(3));
    assert_eq!(methods(acp.replies()), ["4 A"]);
    let events = acp.receive(&said("ok", "m2"));
    let how = Arrival::NewTurn;
    let id = "a".to_owned();
    assert_eq!(events.first(), Some(&Event::SteerDelivered { id, how }));
}

#[test]
fn an_agent_that_never_ends_anything_is_not_kept_whole() {
    let mut acp = at_work(Flavour::Plain);
    for n in 0..3000 {
        acp.receive(&call(&format!("c{n}"), "in_progress"));
        acp.receive(&permission(n, &format!("p{n}")));
    }
    let chunk = "x".repeat(100_000);
    for _ in 0..100 {
        acp.receive(&said(&chunk, ""));
    }
    let events = acp.receive(&ended(3));
    let ends = events
        .iter()
        .filter(|event| matches!(event, Event::ToolEnded { .. }));
    assert_eq!(ends.count(), 1024);
    let longest = events.iter().map(|event| match event {
        Event::Text { text } | Event::TurnEnded { text, .. } => text.len(),
        _ => 0,
    });
    assert_eq!(longest.max(), Some(4 * 1024 * 1024));
}
