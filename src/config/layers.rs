//! Reads the layers one by one into a growing table. Each is checked as it is added, so an error
//! can say where it stands, and a bad value is found even where a later layer hides it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::document::{Document, setting_path};
use super::error::{ConfigError, Origin, on_one_line};
use super::file::read_file;
use super::keys::nearest;
use super::provider::Misfit;
use super::settings::Config;
use super::sources::Sources;

/// What decides which programs run, what they may do, what they get to see and what is kept. A cloned repository
/// has no say in it.
const ONLY_THE_USER_SETS: &[&[&str]] = &[
    &["providers"],
    &["store"],
    &["workspaces"],
    &["retention"],
    &["memory"],
    &["agents", "isolation"],
    &["agents", "permission"],
    &["agents", "ask"],
    &["agents", "env_allow"],
];

impl Config {
    /// The configuration that all layers give together: defaults, the user's file, the project's
    /// file, variables; a later one wins key by key, and tables are merged.
    ///
    /// # Errors
    ///
    /// Fails on a file that is there but cannot be read, an unknown key, a value of the wrong type
    /// or out of range, and on what only the user may set in the
    /// project's file.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        if let Some(table) = read_file(&sources.user_file)? {
            layers.add(Origin::File(sources.user_file.clone()), table)?;
        }
        if let Some(dir) = &sources.project_dir {
            let file = dir.join(".ostler").join("config.toml");
            if let Some(table) = read_file(&file)? {
                for path in ONLY_THE_USER_SETS {
                    if sets(&table, path) {
                        return Err(ConfigError::NotInProject {
                            key: path.join("."),
                            file,
                            user_file: sources.user_file.clone(),
                        });
                    }
                }
                layers.add_tightening(Origin::File(file), table)?;
            }
        }
        let settings: BTreeMap<_, _> = sources.env.iter().map(|(k, v)| (k, v)).collect();
        for (name, text) in settings {
            // Shells and CI systems cannot always unset: empty is unset.
            if let Some(path) = setting_path(name).filter(|_| !text.is_empty()) {
                layers.add_variable(name, &path, text)?;
            }
        }
        layers.into_config()
    }
}

#[derive(Clone, Default)]
struct Layers {
    merged: Table,
    document: Document,
    added: Vec<(Origin, Table)>,
}

impl Layers {
    fn add(&mut self, origin: Origin, table: Table) -> Result<(), ConfigError> {
        Document::check_keys(&origin, &table)?;
        let mut merged = self.merged.clone();
        merge(&mut merged, table.clone());
        self.document = Document::read(&origin, &merged)?;
        self.merged = merged;
        self.added.push((origin, table));
        Ok(())
    }

    /// Adds a file that may lower limits; what would raise one is left out.
    fn add_tightening(&mut self, origin: Origin, mut table: Table) -> Result<(), ConfigError> {
        let before = self.document.agents.clone();
        let mut with_it = self.clone();
        with_it.add(origin.clone(), table.clone())?;
        if let Some(Value::Table(agents)) = table.get_mut("agents") {
            for key in before.raised_by(&with_it.document.agents) {
                agents.remove(key);
            }
        }
        self.add(origin, table)
    }

    /// Adds one variable: as a TOML value where such a one fits the key, else as a string.
    fn add_variable(&mut self, name: &str, path: &[String], text: &str) -> Result<(), ConfigError> {
        let origin = || Origin::Variable(name.to_owned());
        let string = nested(path, Value::String(text.to_owned()));
        let Ok(value) = text.parse::<Value>() else {
            return self.add(origin(), string);
        };
        self.add(origin(), nested(path, value))
            // What fits in neither form is explained as the value it looks like.
            .or_else(|error| self.add(origin(), string).map_err(|_| error))
    }

    fn into_config(self) -> Result<Config, ConfigError> {
        let mut config = Config {
            agents: self.document.agents.clone(),
            store: self.document.store.clone(),
            workspaces: self.document.workspaces.clone(),
            retention: self.document.retention.clone(),
            memory: self.document.memory.clone(),
            ..Config::default()
        };
        for (name, table) in &self.document.providers {
            let provider = table
                .clone()
                .resolve(name)
                .map_err(|misfit| self.misfit(name, &misfit))?;
            config.providers.insert(name.clone(), provider);
        }
        let wanted = &config.agents.provider;
        if !config.providers.contains_key(wanted) {
            let known = nearest(wanted, config.providers.keys().map(String::as_str));
            return Err(ConfigError::Invalid {
                key: "agents.provider".to_owned(),
                origin: self.origin_of(&["agents", "provider"]),
                reason: on_one_line(&format!(
                    "there is no provider `{wanted}`, the nearest is `{known}`"
                )),
            });
        }
        if config.memory.embeddings_url.is_some() && config.memory.embeddings_model.is_none() {
            return Err(ConfigError::Missing {
                key: "memory.embeddings_model".to_owned(),
                origin: self.origin_of(&["memory", "embeddings_url"]),
                example: "embeddings_model = \"nomic-embed-text\"",
            });
        }
        Ok(config)
    }

    fn misfit(&self, name: &str, misfit: &Misfit) -> ConfigError {
        match misfit {
            Misfit::Missing(key, example) => ConfigError::Missing {
                key: format!("providers.{name}.{key}"),
                origin: self.origin_of(&["providers", name]),
                example,
            },
            Misfit::Foreign(key, reason) => ConfigError::Invalid {
                key: format!("providers.{name}.{key}"),
                origin: self.origin_of(&["providers", name, key]),
                reason: (*reason).to_owned(),
            },
        }
    }

    fn origin_of(&self, path: &[&str]) -> Origin {
        self.added
            .iter()
            .rev()
            .find(|(_, table)| sets(table, path))
            .map_or(Origin::Defaults, |(origin, _)| origin.clone())
    }
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

fn nested(path: &[String], value: Value) -> Table {
    match path {
        [] => Table::new(),
        [key] => Table::from_iter([(key.clone(), value)]),
        [key, rest @ ..] => Table::from_iter([(key.clone(), Value::Table(nested(rest, value)))]),
    }
}

fn sets(table: &Table, path: &[&str]) -> bool {
    match path {
        [] => true,
        [key, rest @ ..] => match table.get(*key) {
            Some(Value::Table(table)) => sets(table, rest),
            Some(_) => rest.is_empty(),
            None => false,
        },
    }
}
