//! What an agent hands in, checked.

use serde_json::{Value, json};

use super::{conversation, world};
use crate::support::model::{Model, Reply, Script};

fn submit(result: Value) -> Reply {
    Reply::tool("submit_result", json!({ "result": result }))
}

#[tokio::test]
async fn a_result_is_handed_in_mended_and_missed() {
    let search = json!({ "query": "submit_result hand in the result" });
    let script = Script::new()
        .on(
            "MENDED-TASK",
            [
                Reply::tool("tool_search", search),
                submit(json!({ "port": "80" })),
                submit(json!({ "port": 80 })),
                Reply::text("It is port 80."),
            ],
        )
        .on("NEVER-TASK", [Reply::text("I would rather not.")]);
    let model = Model::start(script).await;
    let Some(home) = world(&model) else { return };
    let mut server = home.server().await;
    let mut ids = Vec::new();
    for prompt in ["MENDED-TASK", "NEVER-TASK"] {
        let task = json!({ "prompt": prompt, "permission": "read_only", "output_schema": {
            "type": "object", "properties": { "port": { "type": "integer" } }, "required": ["port"],
        } });
        ids.push(server.spawn(task).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let done = server.wait(&ids).await;
    assert_eq!(
        (&done[0]["status"], &done[0]["structured"]),
        (&json!("completed"), &json!({ "port": 80 })),
        "{:#}",
        done[0]
    );
    let requests = model.requests();
    let of = |task: &str| {
        let all = requests.iter().map(conversation);
        all.filter(|it| it.contains(task)).collect::<Vec<_>>()
    };
    let told = &of("MENDED-TASK")[2];
    assert!(told.contains("/port: this value is not of type"), "{told}");
    assert_eq!(
        (&done[1]["status"], &done[1]["reason"], &done[1]["result"]),
        (
            &json!("error"),
            &json!("invalid_result"),
            &json!("I would rather not.")
        ),
        "{:#}",
        done[1]
    );
    assert_eq!(of("NEVER-TASK").len(), 4, "asked, and three times again");
}
