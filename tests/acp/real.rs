//! What every real CLI has to do, driven through ostler and answered by a loopback model. The
//! modules `gemini` and `opencode` say of which CLI.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Home;
use crate::support::home::processes_with;
use crate::support::mcp::McpClient;
use crate::support::model::{Gate, Model, Reply, Script};

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);

/// Words of the message that ends a run at a limit.
const WRAP_UP: &str = "Give your final answer now";

/// A CLI, and its names for things.
pub(crate) struct Cli {
    pub(crate) name: &'static str,
    pub(crate) world: fn(Home, &Model) -> Option<Home>,
    pub(crate) shell: &'static str,
    pub(crate) write: &'static str,
    pub(crate) path: &'static str,
    /// What it calls the tool with which an agent asks its parent.
    pub(crate) ask: &'static str,
    /// Whether it shows the exit code of a command.
    pub(crate) shows_exit_codes: bool,
    /// How steering messages come to its model: `next_step`, and `now`.
    pub(crate) arrivals: [&'static str; 2],
}

impl Cli {
    pub(crate) fn shell(&self, command: &str) -> Reply {
        Reply::tool(
            self.shell,
            json!({ "command": command, "description": "test" }),
        )
    }

    pub(crate) fn write(&self, path: &Path, content: &str) -> Reply {
        Reply::tool(self.write, json!({ self.path: path, "content": content }))
    }

    /// Arguments of `spawn_agent`.
    pub(crate) fn task(&self, prompt: &str, permission: &str) -> Value {
        json!({ "prompt": prompt, "provider": self.name, "permission": permission })
    }

    /// A world with this CLI in it, its model and a server; `None` without npm.
    pub(crate) async fn start(&self, script: Script) -> Option<(Model, Home, McpClient)> {
        let model = Model::start(script).await;
        let home = (self.world)(Home::new(), &model)?;
        let server = home.server().await;
        Some((model, home, server))
    }
}

/// At the limit of its turns it is told to wrap up, and does.
pub(crate) async fn wraps_up_at_its_limit(cli: &Cli) {
    let script = Script::new()
        .on(WRAP_UP, [Reply::text("wrapped up")])
        .on("LOOP-TASK", [cli.shell("true")]);
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    let mut task = cli.task("LOOP-TASK", "full");
    task["max_turns"] = json!(2);
    let done = server.run(task).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("steered"), &json!("wrapped up")),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap().to_string();
    assert!(last.contains("LOOP-TASK"), "{last}");
}

/// A command that ends when the file `name` appears in the project.
fn until_file(name: &str) -> String {
    format!("while [ ! -e {name} ]; do sleep 0.02; done")
}

/// Spawn, tool calls, the exact text, evidence and usage.
pub(crate) async fn works(cli: &Cli) -> Option<Value> {
    // The folder is there only with its world, so the script names the file by its place in it.
    let model = Model::start(Script::new()).await;
    let home = (cli.world)(Home::new(), &model)?;
    let file = home.project().canonicalize().unwrap().join("note.txt");
    model.add(
        "ALPHA-TASK",
        [
            cli.shell("echo out; exit 3"),
            cli.write(&file, "two\n").and_text(""),
            Reply::thought("hmm").and_text("The file says two."),
        ],
    );
    let mut server = home.server().await;
    let done = server.run(cli.task("ALPHA-TASK", "full")).await;

    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(done["result"], "The file says two.");
    assert_eq!(done["result_from"], "final");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\n");
    let evidence = server.evidence(done["id"].as_str().unwrap()).await;
    assert_eq!(
        evidence["tool_calls"],
        json!({ cli.shell: 1, cli.write: 1 }),
        "{evidence:#}"
    );
    let command = &evidence["commands"][0];
    assert_eq!(command["command"], "echo out; exit 3");
    if cli.shows_exit_codes {
        assert_eq!(
            (&command["exit_code"], &command["ok"]),
            (&json!(3), &json!(false))
        );
    }
    assert_eq!(evidence["files_written"], json!([file]));
    assert_eq!(evidence["turns"], 3, "one for each request of the model");
    assert_eq!(model.request_count(), 3);
    assert!(server.close().await.success());
    Some(evidence["usage"].clone())
}

/// A message for the next step, while a command runs.
pub(crate) async fn takes_a_message_for_the_next_step(cli: &Cli) {
    let script = Script::new()
        .on("TURN-LEFT", [Reply::text("turned left")])
        .on(
            "STEER-TASK",
            [cli.shell(&until_file("go")), Reply::text("straight on")],
        );
    let Some((model, home, mut server)) = cli.start(script).await else {
        return;
    };
    let id = server.spawn(cli.task("STEER-TASK", "full")).await;
    server
        .until(&id, |agent| agent["last_tool"] == cli.shell)
        .await;
    let arguments = json!({ "id": id, "message": "TURN-LEFT", "when": "next_step" });
    server.call("steer_agent", arguments).await.unwrap();
    server.until_logged(&id, "steer").await;
    home.touch("go");

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("turned left")),
        "{done:#}"
    );
    let steers = &server.evidence(&id).await["steers"];
    assert_eq!(
        (&steers["delivered"], &steers["lost"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(arrivals(&mut server, &id).await, [cli.arrivals[0]]);
    let seen = model.requests();
    let last = seen.last().unwrap().to_string();
    assert_eq!(last.matches("TURN-LEFT").count(), 1, "{last}");
}

/// A message that breaks off what the model is doing; the task is not forgotten.
pub(crate) async fn takes_a_message_now(cli: &Cli) {
    let script = Script::new()
        .on("TURN-LEFT", [Reply::text("turned left")])
        .on("STEER-TASK", [cli.shell("sleep 300")]);
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    let id = server.spawn(cli.task("STEER-TASK", "full")).await;
    sleeps(&id).await;
    let arguments = json!({ "id": id, "message": "TURN-LEFT", "when": "now" });
    server.call("steer_agent", arguments).await.unwrap();

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("turned left")),
        "{done:#}"
    );
    assert_eq!(arrivals(&mut server, &id).await, [cli.arrivals[1]]);
    let seen = model.requests();
    let last = seen.last().unwrap().to_string();
    assert!(last.contains("STEER-TASK"), "the task is forgotten: {last}");
    assert_eq!(last.matches("TURN-LEFT").count(), 1, "{last}");
}

/// Two messages behind the turn, written while the model thinks: both arrive, once.
pub(crate) async fn takes_messages_behind_the_turn(cli: &Cli) {
    let gate = Gate::new();
    let script = Script::new()
        .on("LATER-TWO", [Reply::text("both seen")])
        .on("LATER-ONE", [Reply::text("one seen")])
        .on("STEER-TASK", [Reply::text("first").gate(&gate)]);
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    let id = server.spawn(cli.task("STEER-TASK", "full")).await;
    model
        .wait_for(SOON, |body| body.to_string().contains("STEER-TASK"))
        .await;
    for message in ["LATER-ONE", "LATER-TWO"] {
        let arguments = json!({ "id": id, "message": message, "when": "after_turn" });
        server.call("steer_agent", arguments).await.unwrap();
    }
    let logged = async |server: &mut McpClient| {
        let log = server.transcript(&id).await;
        log.iter().filter(|entry| entry["kind"] == "steer").count()
    };
    while logged(&mut server).await < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gate.open();

    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("both seen")),
        "{done:#}"
    );
    assert_eq!(arrivals(&mut server, &id).await, ["new_turn", "new_turn"]);
    let last = model.requests().pop().unwrap().to_string();
    for message in ["LATER-ONE", "LATER-TWO"] {
        assert_eq!(last.matches(message).count(), 1, "{last}");
    }
}

/// How the messages came to the model, as logged.
async fn arrivals(server: &mut McpClient, id: &str) -> Vec<String> {
    let log = server.transcript(id).await;
    let delivered = log
        .iter()
        .filter(|entry| entry["kind"] == "steer_delivered");
    delivered
        .map(|entry| {
            let how = entry.pointer("/how").or_else(|| entry.pointer("/body/how"));
            how.unwrap_or_else(|| panic!("{entry:#}"))
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// An agent in the middle of a long command.
async fn sleeping(cli: &Cli) -> Option<(Model, Home, McpClient, String)> {
    let script = Script::new()
        .on("CARRY-ON", [Reply::text("carried on")])
        .on("SLEEP-TASK", [cli.shell("sleep 300")]);
    let (model, home, mut server) = cli.start(script).await?;
    let id = server.spawn(cli.task("SLEEP-TASK", "full")).await;
    sleeps(&id).await;
    Some((model, home, server, id))
}

async fn sleeps(id: &str) {
    let deadline = Instant::now() + SOON;
    let is_sleep = |process: &String| process.ends_with("sleep 300 ");
    while !processes_with(id).iter().any(is_sleep) {
        assert!(Instant::now() < deadline, "it never slept");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Stopped in the middle of a command, nothing is left.
pub(crate) async fn stops_in_a_command(cli: &Cli) {
    let Some((_model, _home, mut server, id)) = sleeping(cli).await else {
        return;
    };
    let arguments = json!({ "ids": [id], "reason": "enough" });
    let stopped = server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["commands"][0]["command"], "sleep 300");
}

/// The server is killed in the middle of a command: nothing is left.
pub(crate) async fn dies_with_the_server(cli: &Cli) -> Option<(Model, Home, String)> {
    let (model, home, mut server, id) = sleeping(cli).await?;
    server.kill().await;
    let deadline = Instant::now() + Duration::from_secs(15);
    while !processes_with(&id).is_empty() {
        let left = processes_with(&id);
        assert!(Instant::now() < deadline, "left behind: {left:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Some((model, home, id))
}

/// After such a death the agent goes on with its history.
pub(crate) async fn goes_on_after_a_death(cli: &Cli) {
    let Some((model, home, id)) = dies_with_the_server(cli).await else {
        return;
    };
    let mut server = home.server().await;
    let arguments = json!({ "id": id, "prompt": "CARRY-ON" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("carried on")),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap().to_string();
    assert!(last.contains("SLEEP-TASK"), "{last}");
}

/// Resumed, the model sees what was said before, and what was done before is not counted again.
pub(crate) async fn resumes_with_its_history(cli: &Cli) {
    let script = Script::new()
        .on("SECOND-TASK", [Reply::text("I remember")])
        .on(
            "FIRST-TASK",
            [cli.shell("echo one"), Reply::text("The word is MARKER-42")],
        );
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    let done = server.run(cli.task("FIRST-TASK", "full")).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    let id = done["id"].as_str().unwrap().to_owned();
    let arguments = json!({ "id": id, "prompt": "SECOND-TASK" });
    let resumed = server.call("resume_agent", arguments).await.unwrap();
    assert_eq!(resumed["run_no"], 2);
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("I remember")),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap().to_string();
    assert!(last.contains("MARKER-42"), "{last}");
    let evidence = server.evidence(&id).await;
    assert_eq!(evidence["turns"], 1, "{evidence:#}");
    assert_eq!(evidence["tool_calls"], json!({}), "{evidence:#}");
}

/// A command beyond `edit` is asked for, and obeys the answer.
pub(crate) async fn obeys_the_answer(cli: &Cli) {
    let replies = || [cli.shell("touch made"), Reply::text("tried")];
    let script = Script::new()
        .on("DENY-TASK", replies())
        .on("ALLOW-TASK", replies());
    let Some((_model, home, mut server)) = cli.start(script).await else {
        return;
    };
    let made = home.project().join("made");
    for (task, decision) in [("DENY-TASK", "deny"), ("ALLOW-TASK", "allow")] {
        let id = server.spawn(cli.task(task, "edit")).await;
        let asked = server.asked(&id).await;
        assert_eq!(asked["tool"], cli.shell, "{asked:#}");
        assert!(!made.exists());
        server.answer(&asked, json!({ "decision": decision })).await;
        let done = server.wait(&[&id]).await.remove(0);
        assert_eq!(
            (&done["status"], &done["result"]),
            (&json!("completed"), &json!("tried")),
            "{done:#}"
        );
        let evidence = server.evidence(&id).await;
        assert_eq!(evidence["tool_calls"], json!({ cli.shell: 1 }));
        let denied = (decision == "deny").then(|| json!(1));
        assert_eq!(done["denied"], denied.unwrap_or(Value::Null), "{done:#}");
    }
    assert!(made.exists());
}

/// Stopped while it waits for an answer, it ends in the protocol, and nothing is left.
pub(crate) async fn stops_while_it_asks(cli: &Cli) {
    let script = Script::new().on("ASK-TASK", [cli.shell("touch made"), Reply::text("tried")]);
    let Some((_model, home, mut server)) = cli.start(script).await else {
        return;
    };
    let id = server.spawn(cli.task("ASK-TASK", "edit")).await;
    server.asked(&id).await;
    let arguments = json!({ "ids": [id], "reason": "enough" });
    let stopped = server.call("stop_agents", arguments).await.unwrap();
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    assert_eq!(processes_with(&id), Vec::<String>::new());
    assert!(!home.project().join("made").exists());
    let log = server.transcript(&id).await;
    let ended = |entry: &&Value| entry["kind"] == "turn_interrupted";
    assert_eq!(log.iter().filter(ended).count(), 1, "{log:#?}");
}

/// An editing agent writes in its directory without asking anybody.
pub(crate) async fn edits_without_asking(cli: &Cli) {
    let model = Model::start(Script::new()).await;
    let Some(home) = (cli.world)(Home::new(), &model) else {
        return;
    };
    let file = home.project().canonicalize().unwrap().join("note.txt");
    model.add(
        "EDIT-TASK",
        [cli.write(&file, "new\n"), Reply::text("written")],
    );
    let mut server = home.server().await;
    let done = server.run(cli.task("EDIT-TASK", "edit")).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("written")),
        "{done:#}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new\n");
}

/// A reading agent's model tries to write, by tool and by shell, and cannot.
pub(crate) async fn only_reads(cli: &Cli, home: Home) {
    let model = Model::start(Script::new()).await;
    let Some(home) = (cli.world)(home, &model) else {
        return;
    };
    let project = home.project().canonicalize().unwrap();
    model.add(
        "READ-TASK",
        [
            cli.write(&project.join("by-tool.txt"), "x"),
            cli.shell("touch by-shell.txt"),
            Reply::text("could not"),
        ],
    );
    let mut server = home.server().await;
    let done = server.run(cli.task("READ-TASK", "read_only")).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("could not")),
        "{done:#}"
    );
    let files: Vec<_> = std::fs::read_dir(&project)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, Vec::<std::ffi::OsString>::new());
    assert_eq!(done["denied"], 2, "{done:#}");
    assert_eq!(done["not_enforced"], Value::Null, "{done:#}");
}

/// An agent asks its parent by the tool that ostler gives it, without asking for that.
pub(crate) async fn asks_its_parent(cli: &Cli, permission: &str) {
    let question = Reply::tool(cli.ask, json!({ "question": "Which port?" }));
    let script = Script::new().on("ASK-TASK", [question, Reply::text("thanks")]);
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    let id = server.spawn(cli.task("ASK-TASK", permission)).await;
    let asked = server.asked(&id).await;
    assert!(asked.to_string().contains("Which port?"), "{asked:#}");
    let answer = json!({ "text": "PORT-7" });
    server.answer(&asked, answer).await;
    let done = server.wait(&[&id]).await.remove(0);
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("thanks")),
        "{done:#}"
    );
    let last = model.requests().pop().unwrap().to_string();
    assert!(last.contains("PORT-7"), "{last}");
    assert_eq!(done["denied"], Value::Null, "{done:#}");
}

/// A result is handed in, mended, and missed.
pub(crate) async fn hands_in_its_result(cli: &Cli) {
    let submit = |port: Value| {
        let name = cli.ask.replace("ask_parent", "submit_result");
        Reply::tool(&name, json!({ "result": { "port": port } }))
    };
    let mended = [
        submit(json!("80")),
        submit(json!(80)),
        Reply::text("There."),
    ];
    let script = Script::new()
        .on("MENDED-TASK", mended)
        .on("NEVER-TASK", [Reply::text("I would rather not.")]);
    let Some((model, _home, mut server)) = cli.start(script).await else {
        return;
    };
    // One after the other: two first starts of opencode at once lock each other out of its database.
    let mut done = Vec::new();
    for prompt in ["MENDED-TASK", "NEVER-TASK"] {
        let mut task = cli.task(prompt, "edit");
        task["output_schema"] = json!({
            "type": "object", "properties": { "port": { "type": "integer" } }, "required": ["port"],
        });
        done.push(server.run(task).await);
    }
    assert_eq!(
        (&done[0]["status"], &done[0]["structured"]),
        (&json!("completed"), &json!({ "port": 80 })),
        "{:#}",
        done[0]
    );
    let told = model.requests();
    let told = told.iter().map(Value::to_string);
    let told: Vec<String> = told.filter(|it| it.contains("MENDED-TASK")).collect();
    assert!(told[1].contains("/port"), "{}", told[1]);
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
}

/// A refusal of the model's API ends the agent with its class.
pub(crate) async fn fails_as(cli: &Cli, reply: Reply, class: &str) {
    let model = Model::start(Script::new().on("FAIL-TASK", [reply])).await;
    // What stays away is to be told at once.
    let home = Home::new().env("OSTLER_AGENTS_MAX_RETRIES", "0");
    let Some(home) = (cli.world)(home, &model) else {
        return;
    };
    let mut server = home.server().await;
    let done = server.run(cli.task("FAIL-TASK", "full")).await;
    assert_eq!(
        (&done["status"], &done["reason"]),
        (&json!("error"), &json!(class)),
        "{done:#}"
    );
    let detail = done["detail"].as_str().unwrap();
    assert!(detail.contains("Next: "), "{detail}");
}
