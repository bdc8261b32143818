//! The shape of a whole configuration file, and the way from a variable to its place in there.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::error::{ConfigError, Origin, on_one_line};
use super::keys::{keys_of, nearest};
use super::provider::{ProviderTable, is_provider_name};
use super::settings::{Agents, Memory, Retention, StoreConfig};
use super::workspaces::Workspaces;

/// What the layers say together, key by key in its range, not yet resolved.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Document {
    pub(super) agents: Agents,
    pub(super) providers: BTreeMap<String, ProviderTable>,
    pub(super) store: StoreConfig,
    pub(super) workspaces: Workspaces,
    pub(super) retention: Retention,
    pub(super) memory: Memory,
}

impl Document {
    /// Reads a whole table; an error is laid to `origin`.
    pub(super) fn read(origin: &Origin, table: &Table) -> Result<Self, ConfigError> {
        serde_path_to_error::deserialize(Value::Table(table.clone())).map_err(|error| {
            ConfigError::Invalid {
                key: on_one_line(&error.path().to_string()),
                origin: origin.clone(),
                reason: on_one_line(error.inner().message()),
            }
        })
    }

    /// Refuses the first key that no setting has.
    pub(super) fn check_keys(origin: &Origin, table: &Table) -> Result<(), ConfigError> {
        check_names(origin, "", table, keys_of::<Document>())?;
        for (section, value) in table {
            let Value::Table(table) = value else {
                continue; // Of the wrong type, which `read` reports.
            };
            match section.as_str() {
                "agents" => check_names(origin, "agents.", table, keys_of::<Agents>())?,
                "memory" => check_names(origin, "memory.", table, keys_of::<Memory>())?,
                "retention" => {
                    check_names(origin, "retention.", table, keys_of::<Retention>())?;
                }
                "store" => check_names(origin, "store.", table, keys_of::<StoreConfig>())?,
                "workspaces" => {
                    check_names(origin, "workspaces.", table, keys_of::<Workspaces>())?;
                }
                _ => check_providers(origin, table)?,
            }
        }
        Ok(())
    }
}

/// The key that a variable sets, or `None` if it is no setting of ours.
pub(super) fn setting_path(variable: &str) -> Option<Vec<String>> {
    let variable = variable.strip_prefix("OSTLER_")?.to_ascii_lowercase();
    let (section, key) = variable.split_once('_')?;
    if !keys_of::<Document>().contains(&section) {
        return None;
    }
    let mut path = vec![section.to_owned()];
    if section == "providers" {
        // Both names and keys may hold `_`, so a known key at the end decides.
        let split = keys_of::<ProviderTable>()
            .iter()
            .find_map(|known| Some((key.strip_suffix(known)?.strip_suffix('_')?, *known)))
            .or_else(|| key.rsplit_once('_'));
        match split {
            Some((name, key)) => path.extend([name.to_owned(), key.to_owned()]),
            None => path.push(key.to_owned()), // The whole provider, an inline table.
        }
    } else {
        path.push(key.to_owned());
    }
    Some(path)
}

fn check_providers(origin: &Origin, providers: &Table) -> Result<(), ConfigError> {
    for (name, value) in providers {
        let prefix = format!("providers.{name}.");
        if !is_provider_name(name) {
            return Err(ConfigError::Invalid {
                key: on_one_line(&format!("providers.{name}")),
                origin: origin.clone(),
                reason: "a provider's name is 1 to 32 of a-z, 0-9, _ and -".to_owned(),
            });
        }
        if let Value::Table(table) = value {
            check_names(origin, &prefix, table, keys_of::<ProviderTable>())?;
        }
    }
    Ok(())
}

fn check_names(
    origin: &Origin,
    prefix: &str,
    table: &Table,
    known: &[&str],
) -> Result<(), ConfigError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(ConfigError::UnknownKey {
            key: on_one_line(&format!("{prefix}{key}")),
            origin: origin.clone(),
            nearest: format!("{prefix}{}", nearest(key, known.iter().copied())),
        }),
        None => Ok(()),
    }
}
