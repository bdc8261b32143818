//! `ostler agents definitions` and `ostler agents new`: files alone, the state is not opened.

use clap::Subcommand;

use super::output::{as_json, print, table};
use crate::agents::{Catalogue, Definitions, KnownDefinition, Places, create_definition};
use crate::config::Sources;
use crate::edge::Failure;
use crate::host::{Surroundings, places};
use crate::project::Project;
use crate::text::one_line;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the definitions that agents can be made from, and the files that are broken
    Definitions {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a commented template of a definition into the project's .ostler/agents
    New {
        /// What it is called: letters, digits, - and _
        #[arg(allow_hyphen_values = true)]
        name: String,
        /// Into the user's configuration folder, for every project
        #[arg(long)]
        user: bool,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

impl Command {
    pub(super) fn run(self) -> anyhow::Result<u8> {
        let (project, places) = here()?;
        let text = match self {
            Command::Definitions { json } => {
                let listed = Catalogue::read(&places).listed();
                match json {
                    true => as_json(&listed)?,
                    false => as_text(&listed),
                }
            }
            Command::New { name, user, force } => {
                let path = create_definition(&places, &project.root, &name, user, force);
                format!("{}\n", path.map_err(Failure::from)?.display())
            }
        };
        print(&text)?;
        Ok(0)
    }
}

fn here() -> Result<(Project, Places), Failure> {
    let surroundings = Surroundings::of_process()?;
    let project = Project::discover(&surroundings.cwd)?;
    let sources = Sources::from_environment(Some(&project.root))?;
    let places = places(&surroundings.cwd, &project, &sources);
    Ok((project, places))
}

/// A table, then where each lies, what does not count of it, and what is broken.
fn as_text(listed: &Definitions<KnownDefinition>) -> String {
    let head = ["NAME", "FROM", "PERMISSION", "MODEL", "DESCRIPTION"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for known in &listed.definitions {
        let brief = &known.brief;
        let permission = brief.permission.map(|permission| permission.as_str());
        let model = match (&brief.provider, &brief.model) {
            (Some(provider), Some(model)) => format!("{provider}: {model}"),
            (provider, model) => provider.clone().or(model.clone()).unwrap_or_default(),
        };
        let from = match known.shadowed {
            true => format!("{} (shadowed)", known.origin.as_str()),
            false => known.origin.as_str().to_owned(),
        };
        rows.push(vec![
            brief.name.clone(),
            from,
            permission.unwrap_or_default().to_owned(),
            one_line(&model, 40),
            one_line(&brief.description, 80),
        ]);
    }
    let mut text = table(&rows);
    for known in listed.definitions.iter().filter(|known| known.has_file()) {
        text += &format!("\n{}: {}\n", known.brief.name, known.path);
        for note in &known.ignored {
            text += &format!("  ignored: {}\n", one_line(note, 200));
        }
    }
    for broken in &listed.broken {
        text += &format!("\nBROKEN {}: {}\n", broken.path, broken.reason);
    }
    text
}
