//! What is installed on this machine: where each provider's program is, which version, and whether
//! somebody is logged in. Programs are run in the environment that agents get, for a bounded time,
//! and nothing they print is passed on but a version number. Secrets are not read: a variable counts
//! by its name, a file by being there, a status command by its exit code.

mod known;
mod login;
mod probe;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;

use super::session::resolve;
use super::{Conversation, Launch, ToolRules, leash, prepare};
use crate::config::{Config, Permission, ProviderConfig};
use known::{Known, known};
use probe::{Place, Told};

pub use login::{Login, Standing};

/// What was found of one provider.
#[derive(Debug, Clone, Serialize)]
pub struct Detection {
    /// Its name in the configuration.
    pub name: String,
    /// Whether agents that name no provider are of this one.
    pub default: bool,
    /// Whether an agent of it could be started, as far as it shows.
    pub usable: bool,
    /// The program that would be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<PathBuf>,
    /// The version that it told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version that ostler was tested with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested: Option<&'static str>,
    /// Whether somebody is logged in.
    pub login: Login,
    /// What is out of the ordinary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do so that it can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// From where it is looked.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The environment of this process.
    pub ours: &'a [(OsString, OsString)],
    /// The directory that agents would work in.
    pub cwd: &'a Path,
    /// How long a program may take to answer one question; a cold start of a CLI takes 6 s.
    pub patience: Duration,
}

/// Looks at every configured provider at once; the default one comes first.
pub async fn detect(config: &Config, view: View<'_>) -> Vec<Detection> {
    let looks = config.providers.iter().map(|(name, provider)| async {
        let mut found = look(provider, &place(config, name, provider, view)).await;
        found.name.clone_from(name);
        found.default = *name == config.agents.provider;
        found
    });
    let mut all = join_all(looks).await;
    all.sort_by_key(|found| !found.default);
    all
}

/// Where and how an agent of this provider would be started.
fn place(config: &Config, name: &str, provider: &ProviderConfig, view: View) -> Place {
    let launch = Launch {
        provider: name.to_owned(),
        model: None,
        permission: Permission::ReadOnly,
        cwd: view.cwd.to_owned(),
        conversation: Conversation::Fresh {
            session: String::new(),
        },
        max_cost_usd: None,
        effort: None,
        instructions: String::new(),
        tools: ToolRules::default(),
    };
    let spec = prepare(provider, &launch, &[]).command;
    let environment = spec.environment(view.ours.iter().cloned(), &config.agents.env_allow);
    Place {
        program: view.cwd.join(resolve(&spec.program, &environment)),
        words: provider.command().iter().skip(1).cloned().collect(),
        environment,
        cwd: view.cwd.to_owned(),
        patience: view.patience,
    }
}

async fn look(provider: &ProviderConfig, place: &Place) -> Detection {
    let known = known(provider);
    let mut found = Detection {
        name: String::new(),
        default: false,
        usable: true,
        program: None,
        version: None,
        tested: known.as_ref().map(|known| known.tested),
        login: Login::unknown("not looked for"),
        notes: Vec::new(),
        next: None,
    };
    if let Err(error) = leash::check(&place.program) {
        found.usable = false;
        found.notes.push(match error.kind() {
            std::io::ErrorKind::NotFound => "not installed, or not in PATH".to_owned(),
            _ => format!("{} cannot be executed", place.program.display()),
        });
        found.next = Some(match &known {
            Some(known) => known.install.to_owned(),
            None => "install it, or correct `command`".to_owned(),
        });
        return found;
    }
    found.program = Some(place.program.clone());
    // What nobody knows is not run: it may do anything when asked for its version.
    let Some(known) = known else {
        return found;
    };
    read_version(&mut found, &known, place.ask(&["--version"]).await);
    if found.usable {
        found.login = login::look(provider, place, &found).await;
        if found.login.standing == Standing::No {
            found.usable = false;
            found.next = Some(known.login.to_owned());
        }
    }
    found
}

/// Takes down the version, and what follows from it.
fn read_version(found: &mut Detection, known: &Known, told: Told) {
    let told = match told {
        Told::Ended {
            code: Some(0),
            output,
        } => version::find(&output),
        Told::Ended { code, .. } => {
            found.usable = false;
            found.notes.push(match code {
                Some(code) => format!("`--version` ends with exit code {code}"),
                None => "`--version` ends by a signal".to_owned(),
            });
            None
        }
        Told::Nothing(why) => {
            found.usable = false;
            found.notes.push(format!("`--version` {why}"));
            None
        }
    };
    let Some(told) = told else {
        if found.usable {
            found.notes.push("it tells no version".to_owned());
        } else {
            found.next = Some(known.install.to_owned());
        }
        return;
    };
    let than = format!("than {}, which was tested", known.tested);
    match version::compare(&told, known.tested) {
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => found.notes.push(format!("newer {than}; it should work")),
        std::cmp::Ordering::Less => {
            let note = format!("older {than}; if it fails: {}", known.install);
            found.notes.push(note);
        }
    }
    found.version = Some(told);
}
