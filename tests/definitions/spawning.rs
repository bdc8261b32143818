//! What an agent is that was spawned from a definition, and what is refused.

use serde_json::{Value, json};

use super::write;
use crate::support::Home;
use crate::support::mcp::McpClient;

/// Two scripts; agents are of the first unless they say otherwise.
fn world() -> Home {
    Home::new()
        .config("[agents]\nprovider = \"echo\"\nmax_turns = 20")
        .script("echo", "cat")
        .script("other", "cat")
}

/// Spawns, waits for the end, and returns what was said at spawn.
async fn spawned(server: &mut McpClient, arguments: Value) -> Value {
    let spawned = server.call("spawn_agent", arguments).await.unwrap();
    server.wait(&[spawned["id"].as_str().unwrap()]).await;
    spawned
}

#[tokio::test]
async fn the_reply_names_the_values_in_force_and_what_is_ignored() {
    let home = world();
    write(
        &home,
        "project/.ostler/agents/team/careful.md",
        "---\nname: careful\nprovider: other\neffort: high\npermission: full\ntools: Read, Grep\n\
         max_turns: 99\nallowed_subagents: [explore]\nlocked: [effort]\nmemory: user\n---\nYou are careful.\n",
    );
    let mut server = home.server().await;
    let reply = spawned(
        &mut server,
        json!({ "prompt": "x", "agent": "careful", "effort": "low" }),
    )
    .await;
    assert_eq!(reply["agent"], "careful");
    assert_eq!(reply["provider"], "other");
    assert_eq!(reply["effort"], "high");
    assert_eq!(reply["permission"], "edit");
    assert_eq!(reply["isolation"], Value::Null);
    assert_eq!(
        reply["ignored"],
        json!([
            "memory: agents keep no memory of their own",
            "effort: locked by the definition careful",
            "permission: full goes beyond the configured edit, which a definition of the project \
             cannot do",
            "max_turns: 99 goes beyond the configured 20, which a definition of the project cannot do",
            "allowed_subagents: at depth 1 it spawns none, agents.max_depth is 1",
        ])
    );
    let missing = reply["not_enforced"].as_array().unwrap();
    for unheld in ["effort", "tools", "permission edit"] {
        assert!(missing.contains(&json!(unheld)), "{reply:#}");
    }
    let brief = server.brief(reply["id"].as_str().unwrap()).await;
    assert_eq!(brief["turns"], "0/20", "{brief:#}");
    server.leave().await;
}

#[tokio::test]
async fn the_users_own_definition_may_raise_what_a_project_may_not() {
    let home = world();
    let front = "---\npermission: full\nmax_turns: 99\n---\n";
    write(&home, "agents/mine.md", front);
    write(&home, "home/.claude/agents/theirs.md", front);
    let mut server = home.server().await;
    for agent in ["mine", "theirs"] {
        let reply = spawned(&mut server, json!({ "prompt": "x", "agent": agent })).await;
        assert_eq!(reply["permission"], "full", "{reply:#}");
        assert_eq!(reply["ignored"], Value::Null, "{reply:#}");
        let brief = server.brief(reply["id"].as_str().unwrap()).await;
        assert_eq!(brief["turns"], "0/99");
    }
    server.leave().await;
}

#[tokio::test]
async fn an_edit_counts_with_the_next_spawn_and_a_run_keeps_what_it_began_with() {
    let home = world();
    let path = "project/.ostler/agents/role.md";
    write(&home, path, "---\npermission: read_only\n---\n");
    let mut server = home.server().await;
    let first = spawned(&mut server, json!({ "prompt": "x", "agent": "role" })).await;
    assert_eq!(first["permission"], "read_only");
    write(&home, path, "---\npermission: edit\n---\n");
    let second = spawned(&mut server, json!({ "prompt": "x", "agent": "role" })).await;
    assert_eq!(second["permission"], "edit");
    let resume = json!({ "id": first["id"], "prompt": "y" });
    let again = server.call("resume_agent", resume).await.unwrap();
    assert_eq!(again["agent"], "role");
    assert_eq!(again["permission"], "read_only");
    server.wait(&[first["id"].as_str().unwrap()]).await;
    server.leave().await;
}

#[tokio::test]
async fn a_definition_that_cannot_be_had_spawns_nothing() {
    let home = world();
    write(
        &home,
        "project/.ostler/agents/review.md",
        "---\nmax_turns: ten\n---\n",
    );
    write(
        &home,
        "project/.ostler/agents/flow.md",
        "---\nworkflow: tdd\n---\n",
    );
    write(
        &home,
        "project/.ostler/agents/lost.md",
        "---\nprovider: gpt\n---\n",
    );
    let mut server = home.server().await;
    for (agent, told) in [
        (
            "reveiw",
            "there is no definition `reveiw`\ndid you mean review",
        ),
        (
            "deploy",
            "there is no definition `deploy`\ndefinitions here: explore, flow, general",
        ),
        ("", "there is no definition ``\n"),
        (
            "review",
            "review.md) cannot be used: line 2: `max_turns` must be a whole number",
        ),
        ("flow", "flow.md) cannot be used: it names a `workflow`"),
        (
            "lost",
            "lost.md) cannot be used: there is no provider `gpt`",
        ),
    ] {
        let arguments = json!({ "prompt": "x", "agent": agent });
        let refusal = server.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.contains(told), "{agent}: {refusal}");
        assert!(refusal.lines().count() <= 3, "{refusal}");
    }
    let listed = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(listed["items"], json!([]));
    server.leave().await;
}

#[tokio::test]
async fn a_session_is_told_what_it_can_spawn_from() {
    let home = world();
    write(
        &home,
        "project/.claude/agents/code-reviewer.md",
        "---\nname: code-reviewer\ndescription: Reviews: everything.\ntools: Read\nmodel: sonnet\n---\nGo.",
    );
    write(
        &home,
        "project/.claude/agents/explore.md",
        "---\nname: explore\n---\n",
    );
    write(&home, "agents/broken.md", "---\nmodle: x\n---\n");
    let mut server = home.server().await;
    let plain = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(plain["definitions"], Value::Null);
    let arguments = json!({ "definitions": true });
    let listed = server.call("list_agents", arguments).await.unwrap();
    let names: Vec<&str> = listed["definitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|definition| definition["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "code-reviewer",
            "explore",
            "general",
            "plan",
            "review",
            "test"
        ]
    );
    assert_eq!(
        listed["definitions"][0],
        json!({
            "name": "code-reviewer",
            "description": "Reviews: everything.",
            "model": "sonnet",
            "permission": "read_only",
        })
    );
    let broken = &listed["broken_definitions"][0];
    let path = home.path("agents/broken.md");
    assert_eq!(broken["path"], path.to_str().unwrap());
    assert_eq!(
        broken["reason"],
        "line 2: unknown field `modle`; the nearest is `model`"
    );
    server.leave().await;
}

#[tokio::test]
async fn definitions_near_the_sessions_directory_come_first() {
    let home = world();
    std::fs::create_dir_all(home.project().join(".git/objects")).unwrap();
    std::fs::create_dir_all(home.project().join(".git/refs")).unwrap();
    std::fs::write(home.project().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    write(
        &home,
        "project/.ostler/agents/role.md",
        "---\npermission: edit\n---\n",
    );
    write(
        &home,
        "project/app/.claude/agents/role.md",
        "---\nname: role\npermissionMode: plan\n---\n",
    );
    std::fs::create_dir_all(home.project().join("app/src")).unwrap();
    for (cwd, permission) in [("app/src", "read_only"), (".", "edit")] {
        let mut command = home.ostler();
        command.current_dir(home.project().join(cwd));
        let mut server = McpClient::start(command).await;
        let reply = spawned(&mut server, json!({ "prompt": "x", "agent": "role" })).await;
        assert_eq!(reply["permission"], permission, "{cwd}: {reply:#}");
        server.leave().await;
    }
}
