//! Results of a certain shape: asked for with a schema, checked when they are handed in, and asked
//! for again where they are missing.

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::mcp::McpClient;

/// What every agent here is asked for.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "answer": { "type": "integer" } },
        "required": ["answer"],
        "additionalProperties": false,
    })
}

fn task(provider: &str) -> Value {
    json!({ "prompt": "Reckon.", "provider": provider, "output_schema": schema() })
}

/// A running agent, and the server inside of it.
async fn inside(home: &Home, server: &mut McpClient, task: Value) -> (String, McpClient) {
    let id = server.spawn(task).await;
    server
        .until(&id, |agent| agent["status"] == "running")
        .await;
    let mut command = home.ostler();
    command.env("OSTLER_LINEAGE", format!("o-000000 {id}"));
    (id, McpClient::start(command).await)
}

fn patient() -> Home {
    Home::new()
        .line_script("patient", "hear; turn; listen_for END; result done")
        .config("[agents]\nprovider = \"patient\"")
}

async fn end(server: &mut McpClient, id: &str) -> Value {
    let arguments = json!({ "id": id, "message": "END" });
    server.call("steer_agent", arguments).await.unwrap();
    server.wait(&[id]).await.remove(0)
}

/// The tool `submit_result`, where it is offered.
async fn for_results(child: &mut McpClient) -> Option<Value> {
    let tools = child.request("tools/list", json!({})).await["result"]["tools"].take();
    let mut tools = tools.as_array().unwrap().iter();
    tools.find(|it| it["name"] == "submit_result").cloned()
}

#[tokio::test]
async fn an_agent_that_owes_a_result_is_offered_the_tool_with_its_shape() {
    let home = patient();
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server, task("patient")).await;
    let tool = for_results(&mut child).await.unwrap();
    assert_eq!(
        tool["inputSchema"],
        json!({
            "type": "object", "properties": { "result": schema() },
            "required": ["result"], "additionalProperties": false,
        })
    );
    let refusal = child
        .call("submit_result", json!({ "result": { "answer": "x" } }))
        .await;
    assert_eq!(
        refusal.unwrap_err(),
        "the result does not fit: /answer: this value is not of type \"integer\"\n\
         mend what is named and call submit_result again"
    );
    for answer in [41, 42] {
        let accepted = child
            .call("submit_result", json!({ "result": { "answer": answer } }))
            .await;
        assert_eq!(accepted, Ok(json!({ "accepted": true })));
    }
    let done = end(&mut server, &id).await;
    assert_eq!(
        (&done["status"], &done["result"], &done["structured"]),
        (
            &json!("completed"),
            &json!("done"),
            &json!({ "answer": 42 })
        ),
        "{done:#}"
    );
    let late = json!({ "result": { "answer": 43 } });
    let refusal = {
        let mut command = home.ostler();
        command.env("OSTLER_LINEAGE", format!("o-000000 {id}"));
        let mut late_server = McpClient::start(command).await;
        late_server.call("submit_result", late).await.unwrap_err()
    };
    assert!(
        refusal.starts_with("there is no session above"),
        "{refusal}"
    );
    let result = server.call("get_agent", json!({ "id": id })).await.unwrap();
    assert_eq!(result["structured"], json!({ "answer": 42 }), "{result:#}");
}

#[tokio::test]
async fn a_shape_that_clients_refuse_stands_in_the_prompt_instead() {
    let home = Home::new()
        .line_script(
            "patient",
            "hear; echo \"$said\" >> prompts; turn; listen_for END; result done",
        )
        .config("[agents]\nprovider = \"patient\"");
    let mut server = home.server().await;
    let mut task = task("patient");
    task["output_schema"] = json!({ "$defs": { "n": { "type": "integer" } },
        "type": "array", "items": { "$ref": "#/$defs/n" } });
    let (id, mut child) = inside(&home, &mut server, task).await;
    let tool = for_results(&mut child).await.unwrap();
    assert_eq!(
        tool["inputSchema"]["properties"]["result"],
        json!({ "type": "array", "items": {} })
    );
    let accepted = child
        .call("submit_result", json!({ "result": [1, 2] }))
        .await;
    assert_eq!(accepted, Ok(json!({ "accepted": true })));
    let done = end(&mut server, &id).await;
    assert_eq!(done["structured"], json!([1, 2]), "{done:#}");
    // A script has no servers: it is told the schema and answers with JSON itself.
    let prompt = home.lines_of("prompts").join("");
    assert!(
        prompt.starts_with("Reckon.") && prompt.contains("#/$defs/n"),
        "{prompt}"
    );
}

#[tokio::test]
async fn after_ten_results_that_do_not_fit_an_agent_is_told_to_stop_trying() {
    let home = patient();
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server, task("patient")).await;
    let mut refusal = String::new();
    for _ in 0..10 {
        let wrong = json!({ "result": { "answer": null } });
        refusal = child.call("submit_result", wrong).await.unwrap_err();
    }
    assert!(
        refusal.ends_with("give your final answer in words"),
        "{refusal}"
    );
    let done = end(&mut server, &id).await;
    assert_eq!(
        (&done["status"], &done["reason"], &done["result"]),
        (&json!("error"), &json!("invalid_result"), &json!("done")),
        "it is not asked again: {done:#}"
    );
}

#[tokio::test]
async fn who_owes_nothing_is_not_offered_the_tool_and_cannot_use_it() {
    let home = patient();
    let mut server = home.server().await;
    let (id, mut child) = inside(&home, &mut server, json!({ "prompt": "x" })).await;
    assert_eq!(for_results(&mut child).await, None);
    let refusal = child.call("submit_result", json!({ "result": {} })).await;
    assert_eq!(
        refusal.unwrap_err(),
        "no result of a certain shape is asked of you\ngive your answer in words"
    );
    let done = end(&mut server, &id).await;
    assert_eq!(done["structured"], Value::Null, "{done:#}");
}

/// What it answers, turn after turn: the words of the file `answers`, line by line.
const ANSWERS: &str = r#"
while hear; do
  printf '%s\n' "$said" >> heard
  [ "$kind" = steer ] && delivered
  turn
  answer=$(sed -n "$(wc -l < heard)p" answers)
  result "$answer"
done
"#;

/// The end of an agent that answers so, and what it was told.
async fn answering(answers: &[&str]) -> (Value, Vec<String>) {
    let home = Home::new().line_script("answers", ANSWERS);
    std::fs::write(home.project().join("answers"), answers.join("\n") + "\n").unwrap();
    let mut server = home.server().await;
    let done = server.run(task("answers")).await;
    let heard = home.lines_of("heard");
    (done, heard)
}

#[tokio::test]
async fn without_the_tool_an_answer_that_is_the_json_is_taken() {
    let (done, heard) = answering(&[r#"{\"answer\": 7}"#]).await;
    assert_eq!(
        (&done["status"], &done["structured"]),
        (&json!("completed"), &json!({ "answer": 7 })),
        "{done:#}"
    );
    assert_eq!(done["steers_lost"], Value::Null, "{done:#}");
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("exactly one JSON value"), "{heard:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_again_with_what_is_wrong() {
    let (done, heard) =
        answering(&["Seven.", r#"{\"answer\": \"7\"}"#, r#"{\"answer\": 7}"#]).await;
    assert_eq!(
        (&done["status"], &done["structured"]),
        (&json!("completed"), &json!({ "answer": 7 })),
        "{done:#}"
    );
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(
        heard[1].contains("the answer is no JSON value"),
        "{heard:?}"
    );
    assert!(
        heard[2].contains("/answer: this value is not of type"),
        "{heard:?}"
    );
}

#[tokio::test]
async fn an_agent_that_never_answers_so_fails_with_its_words_kept() {
    let (done, heard) = answering(&["one", "two", "three", "four", "five"]).await;
    assert_eq!(
        (&done["status"], &done["reason"], &done["result"]),
        (&json!("error"), &json!("invalid_result"), &json!("four")),
        "{done:#}"
    );
    assert_eq!(done["structured"], Value::Null);
    let detail = done["detail"].as_str().unwrap();
    assert!(detail.contains("the answer is no JSON value"), "{detail}");
    assert_eq!(
        heard.len(),
        4,
        "the prompt, and three times again: {heard:?}"
    );
}

#[tokio::test]
async fn who_takes_no_messages_has_one_try() {
    let home = Home::new()
        .script("good", "cat >> prompts; echo '{\"answer\": 1}'")
        .script("bad", "cat > /dev/null; echo 'I do not know.'");
    let mut server = home.server().await;
    let done = server.run(task("good")).await;
    assert_eq!(done["structured"], json!({ "answer": 1 }), "{done:#}");
    let prompt = home.lines_of("prompts").join("\n");
    assert!(prompt.contains(&schema().to_string()), "{prompt}");
    let done = server.run(task("bad")).await;
    assert_eq!(
        (&done["reason"], &done["result"]),
        (&json!("invalid_result"), &json!("I do not know.")),
        "{done:#}"
    );
}

#[tokio::test]
async fn a_schema_that_is_none_is_refused_and_nothing_is_spawned() {
    let home = patient();
    let mut server = home.server().await;
    for (schema, expected) in [
        (
            json!({ "type": "strin" }),
            "`output_schema` is no JSON schema: at /type: ",
        ),
        (
            json!({ "$ref": "http://127.0.0.1:9/x.json" }),
            "`output_schema` is no JSON schema: ",
        ),
        (
            json!({ "description": "x".repeat(40_000) }),
            "`output_schema` has 40018 bytes, at most 32768 are taken",
        ),
    ] {
        let arguments = json!({ "prompt": "x", "output_schema": schema });
        let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.starts_with(expected), "{refusal}");
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn on_the_command_line_the_result_alone_is_printed() {
    let home = Home::new()
        .script("good", "cat > /dev/null; echo; echo '{\"answer\":  1}'")
        .script("bad", "cat > /dev/null; echo 'I do not know.'");
    let file = home.path("schema.json");
    std::fs::write(&file, schema().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let run = |provider| ["run", "x", "--provider", provider, "--output-schema", file];
    let (code, out, err) = home.run(&run("good")).await;
    assert_eq!((code, out.as_str()), (0, "{\"answer\":1}\n"), "{err}");
    let (code, out, err) = home.run(&run("bad")).await;
    assert_eq!((code, out.as_str()), (13, ""), "{err}");
    assert!(err.contains("the answer is no JSON value"), "{err}");
    let (_, list, _) = home.run(&["agents", "list", "--json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let good = list["items"][1]["id"].as_str().unwrap();
    let (_, shown, _) = home.run(&["agents", "show", good]).await;
    assert!(
        shown.contains("\nresult {\n  \"answer\": 1\n}\n"),
        "{shown}"
    );
    std::fs::write(home.path("schema.json"), "{").unwrap();
    let (code, _, err) = home.run(&run("good")).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is no JSON"), "{err}");
}
