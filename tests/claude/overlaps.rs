//! Two agents that change one file: named to each other while both live, and stopped at the conflict
//! when their branches are brought together.

use serde_json::{Value, json};

use super::{with, world};
use crate::support::git;
use crate::support::model::{Model, Reply, Script};

#[tokio::test]
async fn two_agents_in_two_worktrees_learn_of_their_conflict_before_and_when_they_are_merged() {
    let Some(home) = world() else { return };
    let top = home.project();
    let git = |args: &[&str]| git(&top, args);
    std::fs::write(home.project().join("list"), "one\ntwo\nthree\n").unwrap();
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "first"]);
    let go = home.path("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.02; done", go.display());
    // Through the shell: no tool names the file.
    let edit = |to: &str| {
        [
            Reply::tool(
                "Bash",
                json!({ "command": format!("sed -i s/two/{to}/ list") }),
            ),
            Reply::tool("Bash", json!({ "command": wait })),
            Reply::text("done"),
        ]
    };
    let script = Script::new()
        .on("ALPHA-TASK", edit("2"))
        .on("BETA-TASK", edit("TWO"));
    let model = Model::start(script).await;
    let home = with(home, &model);
    let mut server = home.server().await;
    let agent =
        |prompt: &str| json!({ "prompt": prompt, "permission": "full", "isolation": "worktree" });
    let alpha = server.spawn(agent("ALPHA-TASK")).await;
    let beta = server.spawn(agent("BETA-TASK")).await;
    for (one, other) in [(&alpha, &beta), (&beta, &alpha)] {
        let seen = server.until(one, |agent| agent["overlaps"] == 1).await;
        assert_eq!(seen["status"], "running");
        let expected = json!([{ "agent": other, "files": ["list"] }]);
        assert_eq!(seen["evidence"]["overlaps"], expected);
    }
    let open = server.call("catch_up", json!({})).await.unwrap();
    let pair = open["overlaps"][0].as_str().unwrap();
    assert!(
        pair.contains(&alpha) && pair.contains(&beta) && pair.ends_with(": list"),
        "{pair}"
    );
    std::fs::write(&go, "").unwrap();
    server.wait(&[&alpha, &beta]).await;
    let ids = json!({ "ids": [alpha, beta] });
    let report = server.call("merge_agents", ids).await.unwrap();
    assert_eq!(report["merged"][0]["agent"], json!(alpha), "{report:#}");
    assert_eq!(report["conflict"]["agent"], json!(beta));
    assert_eq!(report["conflict"]["with"], json!([alpha]));
    let place = &report["conflict"]["files"][0];
    let told: Vec<&Value> = ["path", "ours", "theirs"].map(|key| &place[key]).into();
    assert_eq!(told, ["list", "line 2", "line 2"]);
    assert!(server.close().await.success());
}
