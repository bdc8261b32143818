//! The results of real agents: found again, handed out once, and gone when their time is over.

use serde_json::{Value, json};
use sqlx::Executor;

use super::{with, world};
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn a_result_survives_a_restart_is_found_by_its_label_and_read_once() {
    let Some(home) = world() else { return };
    let words = "It listens on port 80. ".repeat(600);
    let model = Model::start(Script::new().on("KEPT-TASK", [Reply::text(&words)])).await;
    let home = with(home, &model)
        .env("OSTLER_SESSION", "compacted")
        .env("OSTLER_RETENTION_AUTO", "false");
    let mut server = home.server().await;
    let id = server
        .spawn(json!({ "prompt": "KEPT-TASK", "label": "which port" }))
        .await;
    server
        .until(&id, |agent| agent["status"] == "completed")
        .await;
    server.kill().await;

    let mut server = home.server().await;
    let open = server.call("catch_up", json!({})).await.unwrap();
    let unread = json!([format!("{id} \"which port\" completed")]);
    assert_eq!(open["unread"], unread, "{open:#}");

    let by_label = json!({ "ids": ["which port"] });
    let waited = server.call("wait_agents", by_label.clone()).await.unwrap();
    assert!(waited.to_string().len() <= 8 * 1024, "{waited:#}");
    let mut whole = waited["done"][0]["result"].as_str().unwrap().to_owned();
    let mut cursor = waited["done"][0]["next_cursor"].clone();
    while !cursor.is_null() {
        let page = json!({ "id": "which port", "cursor": cursor });
        let page = server.call("get_agent", page).await.unwrap();
        assert!(page.to_string().len() <= 8 * 1024, "{page:#}");
        whole.push_str(page["result"].as_str().unwrap());
        cursor = page["next_cursor"].clone();
    }
    assert_eq!(whole.trim_end(), words.trim_end());

    let again = server.call("wait_agents", by_label).await.unwrap();
    assert_eq!(again["done"][0]["delivered_before"], true, "{again:#}");
    let open = server.call("catch_up", json!({})).await.unwrap();
    assert_eq!(open["unread"], Value::Null, "{open:#}");

    let aged = "UPDATE run SET ended_ms = ended_ms - 3 * 86400000";
    home.store().await.execute(aged).await.unwrap();
    let (code, out, err) = home.run(&["gc", "--older-than", "2", "--json"]).await;
    assert_eq!(code, 0, "{err}");
    let swept: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(swept["agents"][0]["label"], "which port", "{swept:#}");
    let gone = server.call("get_agent", json!({ "id": id })).await;
    assert!(gone.unwrap_err().starts_with("no agent has the id"));
    assert!(server.close().await.success());
}
