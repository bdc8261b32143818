//! What an agent sees of others, and that nothing it does reaches further than it may.

use serde_json::{Value, json};

use super::{define, inside, lead, runs, world};
use crate::support::Home;

fn names(tools: &Value) -> Vec<String> {
    let tools = tools["result"]["tools"].as_array().unwrap();
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn an_agent_that_may_spawn_has_agents_of_its_own() {
    // The lead holds the only slot of the machine: an agent of its own needs none.
    let home = world("max_concurrent = 1");
    let mut server = home.server().await;
    let (top, mut inner) = lead(&home, &mut server, json!({})).await;
    let tools = inner.request("tools/list", json!({})).await;
    assert_eq!(
        names(&tools),
        [
            "answer_agent",
            "ask_parent",
            "claim_task",
            "close_task",
            "create_tasks",
            "forget",
            "get_agent",
            "get_task",
            "list_agents",
            "list_tasks",
            "recall",
            "remember",
            "resume_agent",
            "spawn_agent",
            "steer_agent",
            "stop_agents",
            "update_task",
            "wait_agents"
        ]
    );
    let spawn = json!({ "prompt": "hello", "provider": "echo" });
    let below = inner.spawn(spawn).await;
    let waited = inner.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(waited["done"][0]["result"], "hello", "{waited:#}");
    let brief = server.brief(&below).await;
    assert_eq!(brief["parent"], json!(top), "{brief:#}");

    // It may not spawn itself, and what it did was for its parent to collect.
    let again = json!({ "id": below, "prompt": "more" });
    let resumed = inner.call("resume_agent", again).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    assert_eq!(inner.wait(&[&below]).await[0]["status"], "completed");

    server
        .call("steer_agent", json!({ "id": top, "message": "END" }))
        .await
        .unwrap();
    let waited = server.call("wait_agents", json!({})).await.unwrap();
    let done = waited["done"].as_array().unwrap();
    assert_eq!((done.len(), &done[0]["id"]), (1, &json!(top)), "{waited:#}");
    let nested = &server.evidence(&top).await["nested"];
    assert_eq!(nested["agents"], 1, "{nested:#}");
    inner.exit().await;

    // A host may go on with it: it is its own from then on.
    let resumed = json!({ "id": below, "prompt": "for the host" });
    server.call("resume_agent", resumed).await.unwrap();
    assert_eq!(server.wait(&[&below]).await[0]["status"], "completed");
    assert_eq!(server.brief(&below).await["parent"], Value::Null);
}

#[tokio::test]
async fn an_agent_neither_sees_nor_touches_others_than_its_own() {
    let home = world("");
    let mut server = home.server().await;
    let other = json!({ "prompt": "x", "label": "the other" });
    let other = server.spawn(other).await;
    home.written("at-work", 1).await;
    let (top, mut inner) = lead(&home, &mut server, json!({})).await;
    let own = inner.spawn(json!({ "prompt": "x" })).await;
    home.written("at-work", 2).await;
    let mut innermost = inside(&home, &own).await;

    let listed = inner
        .call("list_agents", json!({ "all_projects": true }))
        .await
        .unwrap();
    let items = listed["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["id"]), (1, &json!(own)));
    for id in [&other, &top] {
        let unknown = format!("no agent has the id {id}");
        let ids = json!({ "ids": [id] });
        for (tool, arguments) in [
            ("get_agent", json!({ "id": id })),
            ("get_agent", json!({ "id": id, "view": "evidence" })),
            ("get_agent", json!({ "id": id, "view": "transcript" })),
            ("steer_agent", json!({ "id": id, "message": "do my work" })),
            (
                "answer_agent",
                json!({ "id": id, "request_id": "q-000000", "decision": "allow" }),
            ),
            ("resume_agent", json!({ "id": id, "prompt": "x" })),
            ("stop_agents", ids.clone()),
            ("wait_agents", ids),
        ] {
            let refusal = inner.call(tool, arguments).await.unwrap_err();
            assert!(refusal.starts_with(&unknown), "{tool}: {refusal}");
            assert!(!refusal.contains("did you mean"), "{tool}: {refusal}");
        }
        assert_eq!(server.brief(id).await["status"], "running");
    }
    for name in ["the other", "the othe"] {
        let refusal = inner.call("get_agent", json!({ "id": name })).await;
        let refusal = refusal.unwrap_err();
        assert!(
            !refusal.contains("a-"),
            "a label is no way around: {refusal}"
        );
    }
    // Two deep nobody spawns any more.
    let refusal = innermost
        .call("spawn_agent", json!({ "prompt": "x" }))
        .await
        .unwrap_err();
    assert!(
        refusal.contains("unknown tool") && refusal.contains("may have no agents of its own"),
        "{refusal}"
    );
}

/// A child that puts another agent behind its own lineage, and takes it off again for the server.
#[tokio::test]
async fn an_agent_that_claims_to_be_another_gets_nothing_of_its_agents() {
    let home = world("");
    let mut server = home.server().await;
    let (other, mut inner) = lead(&home, &mut server, json!({})).await;
    let spawn = json!({ "prompt": "a secret", "provider": "echo", "label": "hidden" });
    let hidden = inner.spawn(spawn).await;
    server
        .until(&hidden, |it| it["status"] == "completed")
        .await;
    let spy = server.spawn(json!({ "prompt": "x" })).await;
    home.written("at-work", 1).await;

    let mut command = home.command("sh");
    let serve = "env -u OSTLER_LINEAGE \"$0\" serve; true";
    command
        .args(["-c", serve, env!("CARGO_BIN_EXE_ostler")])
        .env(
            "OSTLER_LINEAGE",
            format!("{} o-000000 {other}", super::lineage(&spy)),
        );
    let mut spying = crate::support::mcp::McpClient::start(command).await;
    let any = json!({ "timeout_s": 1 });
    for (tool, arguments) in [
        ("wait_agents", any),
        ("catch_up", json!({})),
        ("list_agents", json!({ "all_projects": true })),
    ] {
        let told = spying.call(tool, arguments).await.unwrap().to_string();
        assert!(
            !told.contains("secret") && !told.contains(&hidden),
            "{tool}: {told}"
        );
    }
    spying.close().await;
    // Nobody has read it in the place of whom it is for.
    let waited = inner.call("wait_agents", json!({})).await.unwrap();
    assert_eq!(waited["done"][0]["result"], "a secret", "{waited:#}");
}

#[tokio::test]
async fn an_agent_hears_of_no_working_trees_but_those_of_its_own() {
    let home = world("");
    let git = |args: &[&str]| {
        let name = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let mut git = home.command("git");
        git.args(name).args(args);
        git
    };
    for args in [
        &["init", "-q"][..],
        &["commit", "-qm", "x", "--allow-empty"],
    ] {
        assert!(git(args).status().await.unwrap().success());
    }
    let mut server = home.server().await;
    let apart = || json!({ "prompt": "x", "isolation": "worktree" });
    let other = server.spawn(apart()).await;
    let (top, mut inner) = lead(&home, &mut server, json!({})).await;
    let own = inner.spawn(apart()).await;
    for id in [&other, &own] {
        server.until_logged(id, "workspace").await;
    }
    let mut listing = home.ostler();
    listing
        .args(["worktrees", "list", "--json", "--all-projects"])
        .env("OSTLER_LINEAGE", super::lineage(&top));
    let listed = listing.output().await.unwrap().stdout;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let agents: Vec<&Value> = listed["trees"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tree| &tree["agent"])
        .collect();
    assert_eq!(agents, [&json!(own)], "{listed:#}");
}

#[tokio::test]
async fn an_agent_passes_on_no_more_than_it_has() {
    let home = world("");
    let own = home.project().join("own");
    std::fs::create_dir(&own).unwrap();
    let all = "permission: full\nmax_turns: 1000\nallowed_subagents: \"*\"";
    define(&own, "strong", all);
    std::os::unix::fs::symlink(home.project(), home.project().join("own/out")).unwrap();
    let mut server = home.server().await;
    let (_, mut inner) = {
        let arguments = json!({
            "permission": "read_only", "cwd": "own", "max_turns": 10, "max_cost_usd": 2.0,
        });
        // It says that it is up where it works.
        let id = server.spawn(super::leading(arguments)).await;
        home.written("own/up", 1).await;
        let mut command = home.ostler();
        command
            .env("OSTLER_LINEAGE", super::lineage(&id))
            .current_dir(home.project().join("own"))
            // What an agent says of itself and its limits counts for nothing.
            .env("OSTLER_AGENTS_MAX_DEPTH", "8")
            .env("OSTLER_AGENTS_PERMISSION", "full")
            .env("OSTLER_AGENTS_MAX_COST_USD", "unlimited")
            .env("OSTLER_AGENTS_MAX_TURNS", "unlimited");
        (id, crate::support::mcp::McpClient::start(command).await)
    };
    let before = runs(&home).await;
    for (extra, told) in [
        (json!({ "permission": "edit" }), "`permission` edit is more"),
        (json!({ "max_turns": 11 }), "`max_turns` 11 is more"),
        (json!({ "timeout_s": 4000 }), "`timeout_s` 4000 is more"),
        (json!({ "max_cost_usd": 2.5 }), "more than what is left"),
        (json!({ "cwd": ".." }), "is outside of this agent's own"),
        (json!({ "cwd": "out" }), "is outside of this agent's own"),
        (json!({ "cwd": "/" }), "is outside of this agent's own"),
        (
            json!({ "expect": { "command": "true" } }),
            "`expect.command`",
        ),
    ] {
        let mut arguments = json!({ "prompt": "x", "provider": "echo" });
        for (name, value) in extra.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        let refusal = inner.call("spawn_agent", arguments).await.unwrap_err();
        assert!(refusal.contains(told), "{extra}: {refusal}");
    }
    assert_eq!(runs(&home).await, before, "nothing was changed");

    let spawn = json!({ "prompt": "x", "provider": "echo" });
    let spawned = inner.call("spawn_agent", spawn).await.unwrap();
    assert_eq!(spawned["permission"], "read_only", "{spawned:#}");
    assert_eq!(spawned["granted"]["max_cost_usd"], 1.0, "{spawned:#}");
    // A file of the project, which it may have written itself, is no way around that.
    let spawn = json!({ "prompt": "x", "provider": "echo", "agent": "strong" });
    let strong = inner.call("spawn_agent", spawn).await.unwrap();
    assert_eq!(strong["permission"], "read_only", "{strong:#}");
    let id = spawned["id"].as_str().unwrap();
    let evidence = server.brief(id).await;
    assert_eq!(evidence["budget"]["max_turns"], 10, "{evidence:#}");
}

/// A line of a script that runs ostler in the same world.
fn ostler_in(home: &Home, variables: &str) -> String {
    let (state, config) = (home.state(), home.path("config.toml"));
    let program = env!("CARGO_BIN_EXE_ostler");
    format!(
        "env {variables} OSTLER_HOME={state:?} OSTLER_CONFIG={config:?} {program:?} run --provider \
         echo hello 2>&1; echo \"exit code $?\""
    )
}

#[tokio::test]
async fn a_child_gets_no_further_by_its_environment() {
    let home = world("");
    let lines = [
        ostler_in(&home, "OSTLER_AGENTS_MAX_DEPTH=8"),
        ostler_in(&home, "-u OSTLER_LINEAGE OSTLER_AGENTS_MAX_DEPTH=8"),
        // It puts on the lineage of one that may.
        ostler_in(&home, "OSTLER_LINEAGE=\"o-000000 $(cat other)\""),
        ostler_in(&home, "OSTLER_LINEAGE=nonsense"),
    ];
    let home = home.script("nest", &lines.join("\n"));
    let mut server = home.server().await;
    let (other, _inner) = lead(&home, &mut server, json!({})).await;
    std::fs::write(home.project().join("other"), other).unwrap();
    let before = runs(&home).await;
    let mut command = home.ostler();
    let output = command
        .args(["run", "--provider", "nest", "x"])
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let refused = told.matches("this agent may not spawn agents").count();
    assert_eq!(
        (refused, told.matches("exit code 6").count()),
        (4, 4),
        "{told}"
    );
    assert_eq!(runs(&home).await, before + 1);
}

#[tokio::test]
async fn an_agent_spawns_from_the_definitions_that_its_own_names() {
    let home = world("");
    define(&home.project(), "boss", "allowed_subagents: [worker]");
    define(&home.project(), "worker", "permission: read_only");
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({ "agent": "boss" })).await;
    let spawn = json!({ "prompt": "hello", "provider": "echo" });
    let with = |name: &str| {
        let mut arguments = spawn.clone();
        arguments["agent"] = json!(name);
        arguments
    };
    for arguments in [spawn.clone(), with("lead")] {
        let refusal = inner.call("spawn_agent", arguments).await.unwrap_err();
        assert!(
            refusal.ends_with("name one of them as `agent`: worker"),
            "{refusal}"
        );
    }
    let done = inner.run(with("worker")).await;
    assert_eq!(done["status"], "completed", "{done:#}");
}

#[tokio::test]
async fn the_agents_of_a_family_are_counted_together() {
    let home = world("max_tree = 2");
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({})).await;
    inner.spawn(json!({ "prompt": "x" })).await;
    for asking in [&mut inner, &mut server] {
        let refusal = asking
            .call("spawn_agent", json!({ "prompt": "x" }))
            .await
            .unwrap_err();
        let told = "already has 2 live agents (`agents.max_tree`)";
        assert!(refusal.contains(told), "{refusal}");
    }
}

#[tokio::test]
async fn a_family_starts_only_so_many_agents_in_a_minute() {
    let home = world("max_spawns_per_minute = 3");
    let mut server = home.server().await;
    let (_, mut inner) = lead(&home, &mut server, json!({})).await;
    let spawn = json!({ "prompt": "x", "provider": "echo" });
    let first = inner.run(spawn.clone()).await;
    let again = json!({ "id": first["id"], "prompt": "x" });
    inner.call("resume_agent", again.clone()).await.unwrap();
    for (tool, arguments) in [("spawn_agent", spawn.clone()), ("resume_agent", again)] {
        inner.wait(&[first["id"].as_str().unwrap()]).await;
        let refusal = inner.call(tool, arguments).await.unwrap_err();
        let told = "has started 3 agents within a minute (`agents.max_spawns_per_minute`)";
        assert!(refusal.contains(told), "{tool}: {refusal}");
    }
    let refusal = server.call("spawn_agent", spawn).await.unwrap_err();
    assert!(refusal.contains("within a minute"), "{refusal}");
}
