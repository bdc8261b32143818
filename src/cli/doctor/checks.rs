//! What ostler itself needs: readable settings, a place for its state, a state file that opens, and
//! its own binary, which starts children and guards them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use serde::Serialize;
use tokio::process::Command;
use tokio::time::timeout;

use crate::agents::{Catalogue, Places};
use crate::config::{Config, ConfigError, Sources, state_dir};
use crate::edge::Failure;
use crate::host::{Surroundings, database};
use crate::ids::{OwnerId, RandomIds};
use crate::providers::guard::Guard;
use crate::providers::leash;
use crate::store::Store;

/// How long our own binary may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that was looked at.
#[derive(Serialize)]
pub(super) struct Check {
    /// What.
    pub(super) name: &'static str,
    /// Whether it is as it has to be.
    pub(super) ok: bool,
    /// What was found, and what to do if it is not well.
    pub(super) found: String,
}

impl Check {
    fn of(name: &'static str, found: Result<String, String>) -> Self {
        let ok = found.is_ok();
        let found = found.unwrap_or_else(|problem| problem);
        Check { name, ok, found }
    }
}

/// Looks at everything.
pub(super) async fn all(
    surroundings: &Surroundings,
    sources: &Sources,
    config: Result<&Config, &ConfigError>,
) -> Vec<Check> {
    let mut checks = vec![
        Check::of("program", Ok(program(surroundings))),
        Check::of("settings", settings(sources, config)),
    ];
    let home = state_dir(|name| std::env::var_os(name)).map_err(|error| error.to_string());
    checks.push(Check::of(
        "state directory",
        home.clone().and_then(|home| writable(&home)),
    ));
    if let (Ok(home), Ok(config)) = (home, config) {
        checks.push(Check::of(
            "state file",
            opens(&database(config, &home)).await,
        ));
    }
    checks.push(Check::of(
        "starting children",
        starts(&surroundings.program).await,
    ));
    checks.push(Check::of(
        "guarding children",
        guards(&surroundings.program),
    ));
    checks
}

/// Whether every file that is meant to be a definition can be used.
pub(super) fn definitions(places: &Places) -> Check {
    let listed = Catalogue::read(places).listed();
    let broken: Vec<String> = listed
        .broken
        .iter()
        .map(|broken| format!("{}: {}", broken.path, broken.reason))
        .collect();
    let found = match broken.as_slice() {
        [] => Ok(format!("{} that can be used", listed.definitions.len())),
        broken => Err(format!("broken: {}", broken.join("\n"))),
    };
    Check::of("definitions", found)
}

fn program(surroundings: &Surroundings) -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(&surroundings.program));
    format!("ostler {}, {}", env!("CARGO_PKG_VERSION"), path.display())
}

/// The files that count here, in the order in which later ones win, and the variables after them.
fn settings(sources: &Sources, config: Result<&Config, &ConfigError>) -> Result<String, String> {
    config.map_err(|error| error.to_string())?;
    let in_project = sources
        .project_dir
        .iter()
        .map(|dir| dir.join(".ostler/config.toml"));
    let files = [sources.user_file.clone()].into_iter().chain(in_project);
    let mut found: Vec<String> = files
        .map(|file| match file.exists() {
            true => file.display().to_string(),
            false => format!("{} (not there)", file.display()),
        })
        .collect();
    let variables = sources.env.iter().filter(|(_, value)| !value.is_empty());
    found.extend(variables.map(|(name, _)| name.clone()));
    Ok(found.join(", "))
}

/// Whether files can be made in `home`, or `home` itself where it is not there yet.
fn writable(home: &Path) -> Result<String, String> {
    let Some(there) = home.ancestors().find(|part| part.exists()) else {
        return Err(format!("{} cannot be made", home.display()));
    };
    if !there.is_dir() {
        return Err(format!("{} is not a directory", there.display()));
    }
    access(there, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|error| format!("{} cannot be written: {error}", there.display()))?;
    Ok(match there == home {
        true => home.display().to_string(),
        false => format!("{} (made when it is needed)", home.display()),
    })
}

/// Whether the state file opens; one that is not there yet is not made.
async fn opens(file: &Path) -> Result<String, String> {
    if !file.exists() {
        return Ok(format!("{} (made when it is needed)", file.display()));
    }
    let store = Store::open_at(file).await;
    let store = store.map_err(|error| Failure::from(error).to_string())?;
    store.close().await;
    Ok(file.display().to_string())
}

/// Whether this binary starts a child: itself, on the leash.
async fn starts(program: &OsStr) -> Result<String, String> {
    let mut command = Command::new(program);
    command
        .args([OsStr::new(leash::SUBCOMMAND), OsStr::new("--"), program])
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match timeout(PATIENCE, command.status()).await {
        Ok(Ok(status)) if status.success() => Ok("works".to_owned()),
        Ok(Ok(status)) => Err(format!("the leash ends with {status}")),
        Ok(Err(error)) => Err(format!("the ostler binary cannot be started: {error}")),
        Err(_) => Err("the ostler binary does not answer".to_owned()),
    }
}

/// Whether a guard comes up. It has nobody to look after and leaves when it is dropped.
fn guards(program: &OsString) -> Result<String, String> {
    let started = Guard::start(program, &OwnerId::new(&RandomIds));
    let mut guard = started.map_err(|error| format!("the guard cannot be started: {error}"))?;
    match guard.is_alive() {
        true => Ok("works".to_owned()),
        false => Err("the guard leaves at once".to_owned()),
    }
}
