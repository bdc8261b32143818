use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

use super::document::setting_path;
use super::keys::keys_of;
use super::provider::ProviderTable;
use super::*;

mod keys;
mod layers;
mod places;
mod providers;
mod sample;
mod values;
mod variables;

/// Layers on a disk of their own.
struct Layers {
    dir: TempDir,
    env: Vec<(String, String)>,
}

impl Layers {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            env: Vec::new(),
        }
    }

    fn user(self, text: &str) -> Self {
        fs::write(self.dir.path().join("user.toml"), text).unwrap();
        self
    }

    fn project(self, text: &str) -> Self {
        let dir = self.dir.path().join("project/.ostler");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("config.toml"), text).unwrap();
        self
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn try_load(&self) -> Result<Config, ConfigError> {
        Config::load(&Sources {
            user_file: self.dir.path().join("user.toml"),
            project_dir: Some(self.dir.path().join("project")),
            env: self.env.clone(),
        })
    }

    #[track_caller]
    fn load(&self) -> Config {
        self.try_load().unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refuses(&self, message: &str) {
        let error = self.try_load().unwrap_err().to_string();
        assert_eq!(
            error.replace(self.dir.path().to_str().unwrap(), "~"),
            message
        );
    }

    #[track_caller]
    fn refuses_key(&self, key: &str, place: &str, reason: &str) {
        self.refuses(&format!(
            "`{key}` in {place}: {reason}\nCorrect it, or remove it to have the default."
        ));
    }
}

fn strings(strings: &[&str]) -> Vec<String> {
    strings.iter().map(|&s| s.to_owned()).collect()
}
