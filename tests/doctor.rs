//! `ostler doctor` on made-up machines: what it finds of programs, versions and logins, what it
//! says of ostler's own needs, and what it must not do.

use std::fs;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::home::executable;
use crate::support::model::{Model, Script};
use crate::support::{Home, worlds};

const SECRET: &str = "sk-do-not-print-this";

/// A machine on which nothing is installed.
fn bare() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("bin")).unwrap();
    let path = home.path("bin");
    home.env("PATH", path.to_str().unwrap())
}

/// Installs a program: a shell script.
fn install(home: &Home, name: &str, body: &str) {
    let path = home.path("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n")).unwrap();
    executable(&path);
}

/// A program that tells its version and, asked for the login, ends with `status`.
fn cli(version: &str, status: u8) -> String {
    format!("case \"$*\" in *--version) echo '{version}';; *) exit {status};; esac")
}

/// What the doctor reports, and its exit code.
async fn examined(home: &Home) -> (Value, i32) {
    let (code, out, err) = home.run(&["doctor", "--json"]).await;
    let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}"));
    (report, code)
}

/// What it reports of one provider.
async fn found(home: &Home, name: &str) -> Value {
    let (report, _) = examined(home).await;
    entry(&report["providers"], name)
}

fn entry(list: &Value, name: &str) -> Value {
    let mut entries = list.as_array().unwrap().iter();
    let found = entries.find(|entry| entry["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {list:#}"))
        .clone()
}

#[tokio::test]
async fn what_is_missing_is_told_how_to_install() {
    let home = bare();
    let (code, out, err) = home.run(&["doctor", "--providers"]).await;
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with("PROVIDER "), "{out}");
    assert_eq!(out.matches("not installed  -").count(), 4, "{out}");
    for package in [
        "@anthropic-ai/claude-code",
        "@openai/codex",
        "@google/gemini-cli",
        "opencode-ai",
    ] {
        let line = format!("  next: npm install -g {package}\n");
        assert!(out.contains(&line), "{package}: {out}");
    }
    assert!(out.contains("claude (default)"), "{out}");
}

#[tokio::test]
async fn a_tested_version_with_a_key_is_well() {
    let home = bare().env("ANTHROPIC_API_KEY", SECRET);
    install(&home, "claude", &cli("2.1.197 (Claude Code)", 1));
    let (report, code) = examined(&home).await;
    assert_eq!((&report["ok"], code), (&json!(true), 0), "{report:#}");
    let claude = entry(&report["providers"], "claude");
    assert_eq!(claude["program"], json!(home.path("bin/claude")));
    assert_eq!(claude["version"], "2.1.197");
    assert_eq!(
        claude["login"],
        json!({ "standing": "yes", "why": "ANTHROPIC_API_KEY is set" })
    );
    assert_eq!(
        (&claude["notes"], &claude["next"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(claude["can"]["steer"], "injected");
}

#[tokio::test]
async fn newer_and_older_versions_work_with_a_note() {
    for (version, word) in [("2.10.0", "newer"), ("1.0.5", "older")] {
        let home = bare().env("ANTHROPIC_API_KEY", SECRET);
        install(&home, "claude", &cli(version, 1));
        let (report, code) = examined(&home).await;
        assert_eq!(code, 0, "{report:#}");
        let claude = entry(&report["providers"], "claude");
        assert_eq!(claude["version"], version);
        let note = format!("{word} than 2.1.197");
        let told = claude["notes"][0].as_str().unwrap();
        assert!(told.starts_with(&note), "{told}");
    }
}

#[tokio::test]
async fn garbage_is_no_version_and_does_not_count_against_it() {
    let home = bare().env("ANTHROPIC_API_KEY", SECRET);
    install(&home, "claude", "head -c 200000 /dev/urandom");
    let (report, code) = examined(&home).await;
    assert_eq!(code, 0, "{report:#}");
    let claude = entry(&report["providers"], "claude");
    assert_eq!(claude["version"], Value::Null);
    assert_eq!(claude["notes"], json!(["it tells no version"]));
}

#[tokio::test]
async fn a_program_that_fails_or_cannot_be_executed_is_not_usable() {
    let home = bare().env("ANTHROPIC_API_KEY", SECRET);
    install(&home, "claude", "exit 127");
    fs::write(home.path("bin/codex"), "#!/nowhere/node\n").unwrap();
    executable(&home.path("bin/codex"));
    fs::create_dir(home.path("bin/gemini")).unwrap();
    let (report, code) = examined(&home).await;
    assert_eq!(code, 1);
    let claude = entry(&report["providers"], "claude");
    assert_eq!(
        claude["notes"],
        json!(["`--version` ends with exit code 127"])
    );
    let codex = entry(&report["providers"], "codex");
    let note = codex["notes"][0].as_str().unwrap();
    assert!(note.starts_with("`--version` cannot be run: "), "{note}");
    for name in ["claude", "codex", "gemini"] {
        let entry = entry(&report["providers"], name);
        assert_eq!(entry["usable"], false, "{entry:#}");
        assert!(entry["next"].is_string(), "{entry:#}");
    }
}

/// The home's own check finds what a hanging program has left behind.
#[tokio::test]
async fn a_program_that_hangs_is_given_up_and_ended() {
    let home = bare().env("ANTHROPIC_API_KEY", SECRET);
    install(&home, "claude", "sleep 300 & sleep 300");
    let args = ["doctor", "--providers", "--json", "--timeout-s", "1"];
    let (code, out, _) = home.run(&args).await;
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    let claude = entry(&report["providers"], "claude");
    assert_eq!(claude["usable"], false);
    assert_eq!(
        claude["notes"],
        json!(["`--version` does not answer within 1 s"])
    );
}

#[tokio::test]
async fn who_breaks_it_off_leaves_no_program_behind() {
    let home = bare();
    let mark = home.path("asked");
    install(&home, "claude", &format!(": > {mark:?}; sleep 300"));
    let mut doctor = home
        .ostler()
        .arg("doctor")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    home.appears("asked").await;
    let pid = Pid::from_raw(doctor.id().unwrap().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(doctor.wait().await.unwrap().code(), Some(130));
}

#[tokio::test]
async fn no_secret_is_printed() {
    let home = bare().env("ANTHROPIC_API_KEY", SECRET).config(&format!(
        "[providers.codex]\nenv = {{ MY_TOKEN = {SECRET:?} }}"
    ));
    // They print what they should not, and fail with it.
    install(
        &home,
        "claude",
        &format!("env; env >&2; echo {SECRET} 2.1.197"),
    );
    let status = format!("echo {SECRET}; echo {SECRET} >&2; env; exit 1");
    let codex = format!("case \"$*\" in *--version) echo 0.169.0;; *) {status};; esac");
    install(&home, "codex", &codex);
    install(&home, "gemini", &format!("env; echo {SECRET} >&2; exit 3"));
    let stored = home.path("home/.local/share/opencode");
    fs::create_dir_all(&stored).unwrap();
    fs::write(
        stored.join("auth.json"),
        format!("{{\"key\":\"{SECRET}\"}}"),
    )
    .unwrap();
    install(&home, "opencode", &cli("1.18.33", 0));
    for args in [
        &["doctor"][..],
        &["doctor", "--json"],
        &["doctor", "--providers"],
    ] {
        let (_, out, err) = home.run(args).await;
        assert!(out.contains("ANTHROPIC_API_KEY is set"), "{out}");
        assert!(out.contains("auth.json is there"), "{out}");
        assert!(
            !out.contains(SECRET) && !err.contains(SECRET),
            "{out}\n{err}"
        );
    }
}

#[tokio::test]
async fn a_login_of_claude_is_a_file_or_what_its_status_says() {
    let home = bare();
    install(&home, "claude", &cli("2.1.197", 1));
    let claude = found(&home, "claude").await;
    assert_eq!(
        claude["login"],
        json!({ "standing": "no", "why": "`claude auth status` says so" })
    );
    assert!(
        claude["next"]
            .as_str()
            .unwrap()
            .starts_with("claude auth login")
    );

    install(&home, "claude", &cli("2.1.197", 0));
    assert_eq!(found(&home, "claude").await["login"]["standing"], "yes");

    let folder = home.path("home/.claude");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(".credentials.json"), SECRET).unwrap();
    install(&home, "claude", &cli("2.1.197", 1));
    assert_eq!(found(&home, "claude").await["login"]["standing"], "yes");
}

#[tokio::test]
async fn a_version_that_may_not_know_the_question_is_not_asked_it() {
    let home = bare();
    let asked = home.path("asked");
    let body = format!("case \"$*\" in *--version) echo 1.0.0;; *) : > {asked:?};; esac");
    install(&home, "claude", &body);
    let claude = found(&home, "claude").await;
    assert_eq!(claude["login"]["standing"], "unknown");
    assert_eq!(claude["usable"], true);
    assert!(!asked.exists(), "it was asked for its login");
}

#[tokio::test]
async fn a_model_provider_of_ones_own_needs_no_login_of_codex() {
    let folder = tempfile::tempdir().unwrap();
    let home = bare().config(&format!(
        "[agents]\nprovider = \"codex\"\n[providers.codex]\nenv = {{ CODEX_HOME = {:?} }}",
        folder.path()
    ));
    install(&home, "codex", &cli("codex-cli 0.169.0", 1));
    let (report, code) = examined(&home).await;
    let codex = &report["providers"][0];
    assert_eq!(
        (&codex["name"], &codex["default"]),
        (&json!("codex"), &json!(true))
    );
    assert_eq!((&codex["login"]["standing"], code), (&json!("no"), 1));

    let settings = format!("model_provider = \"mine\"\nkey = \"{SECRET}\"\n");
    fs::write(folder.path().join("config.toml"), settings).unwrap();
    let (report, code) = examined(&home).await;
    let login = &report["providers"][0]["login"];
    assert_eq!(
        (&login["standing"], code),
        (&json!("unknown"), 0),
        "{login}"
    );
}

#[tokio::test]
async fn a_login_of_gemini_is_a_key_a_file_or_a_choice_made() {
    let home = bare();
    install(&home, "gemini", &cli("0.61.0", 0));
    assert_eq!(found(&home, "gemini").await["login"]["standing"], "no");

    let folder = home.path("home/.gemini");
    fs::create_dir(&folder).unwrap();
    let settings = json!({ "security": { "auth": { "selectedType": "gemini-api-key" } } });
    fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    assert_eq!(found(&home, "gemini").await["login"]["standing"], "unknown");

    fs::write(folder.join("oauth_creds.json"), SECRET).unwrap();
    assert_eq!(found(&home, "gemini").await["login"]["standing"], "yes");

    let home = bare().config(&format!(
        "[providers.gemini]\nenv = {{ GEMINI_API_KEY = {SECRET:?} }}"
    ));
    install(&home, "gemini", &cli("0.61.0", 0));
    assert_eq!(
        found(&home, "gemini").await["login"]["why"],
        "GEMINI_API_KEY is set"
    );
}

#[tokio::test]
async fn programs_that_nobody_knows_are_not_run() {
    let home = bare();
    let ran = home.path("ran");
    let body = format!(": > {ran:?}");
    install(&home, "stranger", &body);
    let home = home.script("mine", &body).config(
        "[providers.stranger]\nkind = \"acp\"\ncommand = [\"stranger\"]\n\
         [providers.lost]\nkind = \"acp\"\ncommand = [\"lost\"]",
    );
    let (report, _) = examined(&home).await;
    for name in ["mine", "stranger"] {
        let entry = entry(&report["providers"], name);
        assert_eq!(
            (&entry["usable"], &entry["version"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(entry["login"]["standing"], "unknown");
    }
    assert_eq!(
        entry(&report["providers"], "lost")["next"],
        "install it, or correct `command`"
    );
    assert!(!ran.exists(), "one was run");
}

#[tokio::test]
async fn it_says_where_things_are_and_makes_nothing() {
    let home = bare().env("OSTLER_AGENTS_MAX_TURNS", "7");
    let (_, out, err) = home.run(&["doctor"]).await;
    assert_eq!(err, "");
    let settings = format!(
        "{}, {} (not there), OSTLER_AGENTS_MAX_TURNS\n",
        home.path("config.toml").display(),
        home.project()
            .canonicalize()
            .unwrap()
            .join(".ostler/config.toml")
            .display()
    );
    assert!(out.contains(&settings), "{settings} in {out}");
    let state = format!("{} (made when it is needed)", home.state().display());
    assert!(out.contains(&state), "{out}");
    assert!(!out.contains("PROBLEM"), "{out}");
    assert!(!home.state().exists(), "it was made");
}

#[tokio::test]
async fn a_state_that_is_there_is_opened() {
    let home = bare().script("echo", "cat");
    let home = home.env("ANTHROPIC_API_KEY", SECRET);
    install(&home, "claude", &cli("2.1.197", 1));
    let (code, _, err) = home.run(&["agents", "list"]).await;
    assert_eq!(code, 0, "{err}");
    let (report, code) = examined(&home).await;
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(
        entry(&report["checks"], "state file")["found"],
        json!(home.state().join("ostler.db"))
    );

    fs::write(
        home.state().join("ostler.db"),
        "this is no database".repeat(100),
    )
    .unwrap();
    let (report, code) = examined(&home).await;
    assert_eq!((&report["ok"], code), (&json!(false), 1));
    assert_eq!(entry(&report["checks"], "state file")["ok"], false);
}

#[tokio::test]
async fn wrong_settings_are_a_problem_among_others() {
    let home = bare().config("[agents]\nmax_tuns = 3");
    let (code, out, _) = home.run(&["doctor"]).await;
    assert_eq!(code, 1, "{out}");
    let line = out
        .lines()
        .find(|line| line.starts_with("PROBLEM"))
        .unwrap();
    assert!(
        line.contains("settings") && line.contains("max_turns"),
        "{line}"
    );
    assert!(out.contains("guarding children"), "{out}");
    let (code, _, err) = home.run(&["doctor", "--providers"]).await;
    assert!(code == 2 && err.contains("max_turns"), "{code}: {err}");
}

#[tokio::test]
async fn a_file_where_the_state_should_be_is_a_problem() {
    let home = bare();
    fs::write(home.state(), "").unwrap();
    let (report, code) = examined(&home).await;
    assert_eq!(code, 1);
    let check = entry(&report["checks"], "state directory");
    assert_eq!(check["ok"], false);
    assert!(
        check["found"]
            .as_str()
            .unwrap()
            .ends_with("is not a directory")
    );
}

#[tokio::test]
async fn the_real_clis_are_found_as_they_are() {
    let model = Model::start(Script::new()).await;
    let home = worlds::with_claude(Home::new(), &model)
        .and_then(|home| worlds::with_codex(home, &model))
        .and_then(|home| worlds::with_gemini(home, &model))
        .and_then(|home| worlds::with_opencode(home, &model));
    let Some(home) = home else { return };
    let (report, code) = examined(&home).await;
    assert_eq!(code, 0, "{report:#}");
    for (name, standing) in [
        ("claude", "yes"),
        ("codex", "unknown"),
        ("gemini", "yes"),
        ("opencode", "unknown"),
    ] {
        let entry = entry(&report["providers"], name);
        assert_eq!(entry["version"], entry["tested"], "{entry:#}");
        assert_eq!(entry["login"]["standing"], standing, "{entry:#}");
        assert_eq!(entry["notes"], Value::Null, "{entry:#}");
    }
    assert_eq!(model.request_count(), 0);
}

#[tokio::test]
async fn a_session_is_told_of_the_providers_when_it_asks() {
    let home = bare().script("echo", "cat");
    let mut server = home.server().await;
    let plain = server.call("list_agents", json!({})).await.unwrap();
    assert_eq!(plain, json!({ "items": [] }));
    let arguments = json!({ "providers": true });
    let told = server.call("list_agents", arguments).await.unwrap();
    let claude = entry(&told["providers"], "claude");
    assert_eq!(claude["default"], true);
    assert_eq!(claude["resume"], "history");
    assert!(claude["models"].as_str().unwrap().contains("opus"));
    let echo = entry(&told["providers"], "echo");
    assert_eq!(
        (&echo["default"], &echo["steer"]),
        (&Value::Null, &json!("none"))
    );
    let bytes = told["providers"].to_string().len();
    assert!(bytes < 1500, "{bytes} bytes");
}
