//! `ostler doctor`: what is installed, who is logged in, and whether ostler can work here. It says
//! what it found and what to do; it mends nothing.

mod checks;
mod report;

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::output::{as_json, print};
use super::signals::Signals;
use crate::config::{Config, Sources};
use crate::edge::Failure;
use crate::host::{Surroundings, places};
use crate::project::Project;
use crate::providers::detect::{Detection, View, detect};
use crate::providers::{Description, describe};
use checks::Check;

/// Something needs attention.
const UNWELL: u8 = 1;
/// Broken off by a signal.
const BROKEN_OFF: u8 = 130;

#[derive(Args)]
pub(super) struct Doctor {
    /// Only the providers: installed, version, login, what each can do
    #[arg(long)]
    providers: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// How many seconds a program may take to tell its version, and again for its login
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout_s: u64,
}

/// All that was found.
#[derive(Serialize)]
struct Report {
    /// Whether the default provider can be used and every check is passed.
    ok: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
    providers: Vec<Provided>,
}

/// A provider as it is here, and what it can do.
#[derive(Serialize)]
struct Provided {
    #[serde(flatten)]
    found: Detection,
    can: Description,
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let mut signals = Signals::listen()?;
        let report = tokio::select! {
            report = self.examine() => report?,
            // What is being asked ends when it is dropped.
            () = signals.next() => return Ok(BROKEN_OFF),
        };
        let text = match self.json {
            true => as_json(&report)?,
            false => report::as_text(&report),
        };
        print(&text)?;
        Ok(if report.ok { 0 } else { UNWELL })
    }

    async fn examine(&self) -> Result<Report, Failure> {
        let surroundings = Surroundings::of_process()?;
        let project = Project::discover(&surroundings.cwd)?;
        let sources = Sources::from_environment(Some(&project.root))?;
        let config = Config::load(&sources);
        let mut checks = Vec::new();
        if !self.providers {
            checks = checks::all(&surroundings, &sources, config.as_ref()).await;
            checks.push(checks::definitions(&places(
                &surroundings.cwd,
                &project,
                &sources,
            )));
        }
        let config = match config {
            Ok(config) => config,
            Err(error) if self.providers => return Err(error.into()),
            // Told by the checks; without it there are no providers to look for.
            Err(_) => {
                return Ok(Report {
                    ok: false,
                    checks,
                    providers: Vec::new(),
                });
            }
        };
        let ours: Vec<_> = std::env::vars_os().collect();
        let view = View {
            ours: &ours,
            cwd: &surroundings.cwd,
            patience: Duration::from_secs(self.timeout_s),
        };
        let found = detect(&config, view).await;
        let usable = found.iter().any(|found| found.default && found.usable);
        let providers = found.into_iter().filter_map(|found| {
            let can = describe(config.providers.get(&found.name)?);
            Some(Provided { found, can })
        });
        Ok(Report {
            ok: usable && checks.iter().all(|check| check.ok),
            providers: providers.collect(),
            checks,
        })
    }
}
