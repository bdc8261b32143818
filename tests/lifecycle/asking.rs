//! What agents ask for: shown to the session, answered once, refused when nobody answers.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// Asks for a command and ends with the line that answers it.
const ASK: &str = r#"
hear; turn; ask r1 "make install"; hear
printf '%s\n' "$line" >> answers
result answered
"#;

fn asking() -> Home {
    asking_with("")
}

/// With further settings of agents.
fn asking_with(settings: &str) -> Home {
    Home::new()
        .line_script("asking", ASK)
        .config(&format!("[agents]\nprovider = \"asking\"\n{settings}"))
}

/// The answer that the script got.
fn got(home: &Home) -> Value {
    let lines = home.lines_of("answers");
    serde_json::from_str(&lines[0]).unwrap()
}

#[tokio::test]
async fn a_request_ends_the_wait_and_is_shown_with_its_tool_and_content() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x", "label": "it" })).await;

    let arguments = json!({ "timeout_s": 100 });
    let waited = server.call("wait_agents", arguments).await.unwrap();

    assert_eq!(waited["done"], json!([]));
    assert_eq!(waited["timed_out"], Value::Null);
    let mut request = waited["waiting"][0].clone();
    let request_id = request["request_id"].as_str().unwrap().to_owned();
    let left = request["refused_in_s"].take().as_i64().unwrap();
    assert!((1..=300).contains(&left), "{left}");
    assert_eq!(
        request,
        json!({
            "id": id, "label": "it", "request_id": request_id, "kind": "permission",
            "tool": "Bash", "content": "make install", "to": "parent", "refused_in_s": null,
        })
    );
    let told = waited["next"].as_str().unwrap();
    assert!(told.starts_with("answer_agent"), "{told}");
    let shown = format!("{request_id} Bash");
    assert_eq!(waited["running"][0]["status"], "running");
    assert_eq!(waited["running"][0]["waiting"], shown);
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"][0]["waiting"], shown);
    let agent = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(agent["requests"][0]["content"], "make install");
    let open = server.call("catch_up", json!({})).await.unwrap();
    let line = open["live"][0].as_str().unwrap();
    assert!(
        line.ends_with(&format!("waits for an answer to {shown}")),
        "{line}"
    );
}

#[tokio::test]
async fn what_is_allowed_is_done_and_counted() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;

    let answered = server.answer(&asked, json!({ "decision": "allow" })).await;

    assert_eq!(answered["state"], "allowed");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &Value::Null)
    );
    assert_eq!(got(&home)["allow"], true);
    let evidence = server.evidence(&id).await;
    assert_eq!(
        evidence["allowed"],
        json!([{ "tool": "Bash", "by": "parent" }])
    );
    let kinds: Vec<Value> = server
        .transcript(&id)
        .await
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&json!("asked")) && kinds.contains(&json!("answered")),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn what_is_denied_is_told_with_the_words_and_counted() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;

    let answer = json!({ "decision": "deny", "text": "use make check" });
    let answered = server.answer(&asked, answer).await;

    assert_eq!(answered["state"], "denied");
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1))
    );
    let told = "refused by the parent: use make check; go on without it and say so in your answer";
    assert_eq!(
        got(&home),
        json!({ "ostler": "answer", "request": "r1", "allow": false, "reason": told })
    );
    let denied = server.evidence(&id).await["denied"].clone();
    assert_eq!(denied, json!([{ "tool": "Bash", "reason": told }]));
}

#[tokio::test]
async fn a_question_is_answered_with_words() {
    let home = Home::new().line_script(
        "curious",
        r#"hear; turn; question r1 "Which port?"; hear; result "$said""#,
    );
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "x", "provider": "curious", "permission": "read_only" }))
        .await;
    let asked = server.asked(&id).await;
    assert_eq!(
        (&asked["kind"], &asked["content"]),
        (&json!("question"), &json!("Which port?"))
    );
    let wrong = json!({ "id": id, "request_id": asked["request_id"], "decision": "allow" });
    let refusal = server.call("answer_agent", wrong).await.unwrap_err();
    assert!(
        refusal.starts_with("`decision` does not answer a question"),
        "{refusal}"
    );
    server.answer(&asked, json!({ "text": "8080" })).await;
    assert_eq!(server.wait(&[&id]).await[0]["result"], "8080");
}

#[tokio::test]
async fn what_nobody_answers_in_time_is_denied_and_cannot_be_answered_later() {
    let home = asking_with("ask_timeout_s = 1");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;
    server.until_logged(&id, "answered").await;

    let late = json!({ "id": id, "request_id": asked["request_id"], "decision": "allow" });
    let refusal = server.call("answer_agent", late).await.unwrap_err();

    assert!(
        refusal.contains("is settled already (expired)"),
        "{refusal}"
    );
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(
        got(&home)["reason"],
        "nobody answered within 1 s; go on without it and say so in your answer"
    );
}

/// A machine that sleeps stops the clock by which the agent's request waits, and not the one by
/// which others find it overdue.
#[tokio::test]
async fn a_request_that_others_found_overdue_is_denied_all_the_same() {
    let home = asking_with("ask_timeout_s = 4");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    server.asked(&id).await;
    let mut store = home.store().await;
    sqlx::Executor::execute(&mut store, "UPDATE ask SET deadline_ms = 1")
        .await
        .unwrap();
    server.until_logged(&id, "answered").await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1)),
        "{done:#}"
    );
    assert_eq!(got(&home)["allow"], false);
}

#[tokio::test]
async fn who_waits_for_an_answer_is_not_idle() {
    let home = asking_with("idle_s = 1\nask_timeout_s = 3");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    server.until_logged(&id, "answered").await;
    assert_eq!(server.wait(&[&id]).await[0]["status"], "completed");
}

#[tokio::test]
async fn any_session_may_answer_and_only_one_answer_holds() {
    let home = asking();
    let mut owner = home.server().await;
    let mut other = home.server().await;
    let id = owner.spawn(json!({ "prompt": "x" })).await;
    let asked = owner.asked(&id).await;
    let answer =
        |decision| json!({ "id": id, "request_id": asked["request_id"], "decision": decision });

    let (first, second) = tokio::join!(
        other.call("answer_agent", answer("deny")),
        owner.call("answer_agent", answer("allow")),
    );

    assert_eq!(
        usize::from(first.is_ok()) + usize::from(second.is_ok()),
        1,
        "{first:?} {second:?}"
    );
    let allowed = second.is_ok();
    owner.wait(&[&id]).await;
    assert_eq!(got(&home)["allow"], allowed);
}

#[tokio::test]
async fn wrong_answers_change_nothing() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;
    let request = asked["request_id"].clone();
    for (arguments, told) in [
        (
            json!({ "id": id, "request_id": "q-000000", "decision": "allow" }),
            format!(
                "{id} has no request q-000000\nit waits for an answer to {}",
                request.as_str().unwrap()
            ),
        ),
        (
            json!({ "id": id, "request_id": "x", "decision": "allow" }),
            "\"x\" is not a request id".to_owned(),
        ),
        (
            json!({ "id": id, "request_id": request }),
            "`decision` is missing".to_owned(),
        ),
        (
            json!({ "id": id, "request_id": request, "text": "yes" }),
            "`decision` is missing".to_owned(),
        ),
        (
            json!({ "id": id, "request_id": request, "decision": "allow", "text": "but" }),
            "`text` does not go with `allow`".to_owned(),
        ),
    ] {
        let refusal = server.call("answer_agent", arguments).await.unwrap_err();
        assert!(refusal.starts_with(&told), "{refusal}");
    }
    server.answer(&asked, json!({ "decision": "allow" })).await;
    server.wait(&[&id]).await;
    assert_eq!(got(&home)["allow"], true);
}

#[tokio::test]
async fn nobody_is_asked_where_the_configuration_says_so_or_nobody_is_there() {
    let home = asking();
    let (code, ..) = home.run(&["run", "x"]).await;
    assert_eq!(code, 0);
    assert_eq!(got(&home)["allow"], false);

    let home = asking_with("ask = \"deny\"");
    let mut server = home.server().await;
    let done = server.run(json!({ "prompt": "x" })).await;
    assert_eq!(
        (&done["status"], &done["denied"]),
        (&json!("completed"), &json!(1))
    );
}

#[tokio::test]
async fn a_stop_does_not_wait_for_answers_and_withdraws_the_request() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;
    let stopped = server
        .call("stop_agents", json!({ "ids": [id] }))
        .await
        .unwrap();
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    assert_eq!(stopped["agents"][0]["waiting"], Value::Null);
    let late = json!({ "id": id, "request_id": asked["request_id"], "decision": "allow" });
    let refusal = server.call("answer_agent", late).await.unwrap_err();
    assert!(refusal.contains("(withdrawn)"), "{refusal}");
}

#[tokio::test]
async fn the_request_of_a_lost_agent_is_withdrawn() {
    let home = asking();
    let mut first = home.server().await;
    let id = first.spawn(json!({ "prompt": "x" })).await;
    let asked = first.asked(&id).await;
    first.kill().await;
    let mut second = home.server().await;
    let late = json!({ "id": id, "request_id": asked["request_id"], "decision": "allow" });
    let refusal = second.call("answer_agent", late).await.unwrap_err();
    assert!(refusal.contains("(withdrawn)"), "{refusal}");
}

#[tokio::test]
async fn a_person_answers_from_the_command_line() {
    let home = asking();
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let asked = server.asked(&id).await;
    let request = asked["request_id"].as_str().unwrap();
    let (_, shown, _) = home.run(&["agents", "show", &id]).await;
    assert!(shown.contains("make install"), "{shown}");
    assert!(
        shown.contains(&format!("ostler agents answer {id} {request} allow|deny")),
        "{shown}"
    );
    let (_, listed, _) = home.run(&["agents", "list"]).await;
    assert!(listed.contains("running (asks)"), "{listed}");
    let (code, out, _) = home.run(&["agents", "answer", &id, request, "allow"]).await;
    assert_eq!((code, out), (0, format!("{request} allowed\n")));
    server.wait(&[&id]).await;
    let evidence = server.evidence(&id).await;
    assert_eq!(
        evidence["allowed"],
        json!([{ "tool": "Bash", "by": "person" }])
    );
}

/// A server whose client can show forms.
async fn with_person(home: &Home) -> McpClient {
    McpClient::start_able(home.ostler(), json!({ "elicitation": {} })).await
}

#[tokio::test]
async fn the_person_is_asked_where_the_client_can() {
    for (answer, allowed) in [
        (
            json!({ "action": "accept", "content": { "allow": true } }),
            true,
        ),
        (
            json!({ "action": "accept", "content": { "allow": false } }),
            false,
        ),
        (json!({ "action": "decline" }), false),
        (json!({ "action": "cancel" }), false),
    ] {
        let home = asking_with("ask = \"person\"");
        let mut server = with_person(&home).await;
        let id = server.spawn(json!({ "prompt": "x", "label": "it" })).await;

        let form = server
            .heard(|frame| frame["method"] == "elicitation/create")
            .await;
        let message = form["params"]["message"].as_str().unwrap();
        assert_eq!(
            message,
            format!("Agent {id} (it) wants to use Bash:\nmake install")
        );
        // The model has no say in it, and its wait goes on.
        let waited = server
            .call("wait_agents", json!({ "timeout_s": 0 }))
            .await
            .unwrap();
        assert_eq!(
            (&waited["timed_out"], &waited["waiting"][0]["to"]),
            (&json!(true), &json!("person"))
        );
        let request = waited["waiting"][0]["request_id"].clone();
        let arguments = json!({ "id": id, "request_id": request, "decision": "allow" });
        let refusal = server.call("answer_agent", arguments).await.unwrap_err();
        assert!(refusal.contains("is for the person"), "{refusal}");

        let reply = json!({ "jsonrpc": "2.0", "id": form["id"], "result": answer });
        server.write(&reply.to_string()).await;
        server.wait(&[&id]).await;
        assert_eq!(got(&home)["allow"], allowed, "{answer}");
        server.leave().await;
    }
}

#[tokio::test]
async fn where_the_person_cannot_be_asked_the_session_is() {
    let home = asking_with("ask = \"person\"");
    let mut server = home.server().await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    assert_eq!(server.asked(&id).await["to"], "parent");

    let mut server = with_person(&home).await;
    let id = server.spawn(json!({ "prompt": "x" })).await;
    let form = server
        .heard(|frame| frame["method"] == "elicitation/create")
        .await;
    let error = json!({ "code": -32603, "message": "no window" });
    let reply = json!({ "jsonrpc": "2.0", "id": form["id"], "error": error });
    server.write(&reply.to_string()).await;
    assert_eq!(server.asked(&id).await["to"], "parent");
}

#[tokio::test]
async fn the_form_of_an_ended_agent_keeps_no_other_waiting() {
    let home = asking_with("ask = \"person\"");
    let mut server = with_person(&home).await;
    let about = |id: &str| {
        let start = format!("Agent {id} ");
        move |frame: &Value| {
            let message = frame["params"]["message"].as_str();
            message.is_some_and(|message| message.starts_with(&start))
        }
    };
    let first = server.spawn(json!({ "prompt": "x" })).await;
    server.heard(about(&first)).await;
    let second = server.spawn(json!({ "prompt": "x" })).await;
    server
        .until(&second, |agent| agent["waiting"] != Value::Null)
        .await;
    server
        .call("stop_agents", json!({ "ids": [first] }))
        .await
        .unwrap();
    let form = server.heard(about(&second)).await;
    let answer = json!({ "action": "accept", "content": { "allow": true } });
    let reply = json!({ "jsonrpc": "2.0", "id": form["id"], "result": answer });
    server.write(&reply.to_string()).await;
    let done = server.wait(&[&second]).await.remove(0);
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(
        server.evidence(&second).await["allowed"],
        json!([{ "tool": "Bash", "by": "person" }])
    );
}
