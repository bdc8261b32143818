//! Where settings and state are looked for on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

use super::document::setting_path;
use super::error::ConfigError;

/// Everything that [`Config::load`](super::Config::load) reads.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The user's `config.toml`; it need not exist.
    pub user_file: PathBuf,
    /// The project whose `.ostler/config.toml` counts; it need not have one.
    pub project_dir: Option<PathBuf>,
    /// Environment variables; those that are no settings are ignored.
    pub env: Vec<(String, String)>,
}

impl Sources {
    /// The sources this process has: `$OSTLER_CONFIG` or the platform's configuration directory,
    /// the project given, and the `OSTLER_*` variables.
    ///
    /// # Errors
    ///
    /// Fails when the home directory is unknown or a setting is not Unicode.
    pub fn from_environment(project_dir: Option<&Path>) -> Result<Self, ConfigError> {
        Self::from_variables(project_dir, std::env::vars_os())
    }

    pub(super) fn from_variables(
        project_dir: Option<&Path>,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut user_file = None;
        let mut env = Vec::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if name == "OSTLER_CONFIG" && !value.is_empty() {
                user_file = Some(PathBuf::from(value));
            } else if setting_path(&name).is_some() {
                match value.into_string() {
                    Ok(value) => env.push((name, value)),
                    Err(_) => return Err(ConfigError::NotUnicode { name }),
                }
            }
        }
        Ok(Self {
            user_file: match user_file {
                Some(file) => file,
                None => home()?.config_dir().join("ostler").join("config.toml"),
            },
            project_dir: project_dir.map(Path::to_owned),
            env,
        })
    }
}

/// The directory of the state: `$OSTLER_HOME`, else `ostler` in the platform's data directory.
/// Nothing is created.
///
/// # Errors
///
/// Fails when the home directory is unknown or the result is not an absolute path.
pub fn state_dir(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, ConfigError> {
    let path = match env("OSTLER_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => home()?.data_dir().join("ostler"),
    };
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(ConfigError::RelativeStateDir { path })
    }
}

fn home() -> Result<impl BaseStrategy, ConfigError> {
    choose_base_strategy()
        .ok()
        // HOME="" is a home directory to the standard library, and would mean the working one.
        .filter(|strategy| strategy.home_dir().is_absolute())
        .ok_or(ConfigError::NoHome)
}
