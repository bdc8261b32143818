//! A new definition: a commented template, written whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::Builder;

use super::{Places, checked_name};
use crate::agents::error::AgentError;

const TEMPLATE: &str = include_str!("template.md");

/// Writes a template for the definition `name` into the project at `root`, or into the user's folder.
/// A file that is there already stays, unless `replace`. Returns the path of the file.
///
/// # Errors
/// A name that cannot be one, a file that is there, a folder that cannot be written.
pub fn create(
    places: &Places,
    root: &Path,
    name: &str,
    user: bool,
    replace: bool,
) -> Result<PathBuf, AgentError> {
    let name = file_name(name)?;
    let folder = places.writable(root, user);
    let folder = folder.ok_or_else(|| AgentError::Unwritable {
        path: PathBuf::from("agents"),
        source: io::Error::new(io::ErrorKind::NotFound, "no configuration folder is known"),
    })?;
    let path = folder.join(format!("{name}.md"));
    let unwritable = |source| AgentError::Unwritable {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let real = folder.canonicalize().map_err(unwritable)?;
    if !user && !real.starts_with(root) {
        let outside = io::Error::new(
            io::ErrorKind::InvalidInput,
            "the folder leads out of the project",
        );
        return Err(unwritable(outside));
    }
    let mut file = Builder::new()
        .prefix(".new-")
        .permissions(readable())
        .tempfile_in(&real)
        .map_err(unwritable)?;
    let text = TEMPLATE.replacen("NAME", &name, 1);
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    if replace {
        file.persist(&path)
            .map_err(|error| unwritable(error.error))?;
        return Ok(path);
    }
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(AgentError::DefinitionExists { path })
        }
        Err(error) => Err(unwritable(error.error)),
    }
}

/// As any other file of a repository.
fn readable() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}

/// A name that is also the plain name of a file everywhere.
fn file_name(name: &str) -> Result<String, AgentError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let fits = checked_name(name).is_ok() && name.chars().all(plain) && !name.starts_with('-');
    match fits {
        true => Ok(name.to_owned()),
        false => Err(AgentError::BadValue {
            field: "name",
            problem: "must be 1 to 64 of a-z, A-Z, 0-9, - and _, and not begin with -".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::agents::definition::Catalogue;

    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = World(tempfile::tempdir().unwrap());
            fs::create_dir_all(world.root()).unwrap();
            world
        }

        fn root(&self) -> PathBuf {
            self.0.path().canonicalize().unwrap().join("repo")
        }

        fn places(&self) -> Places {
            let config = self.0.path().join("config");
            Places::new(&self.root(), &self.root(), Some(&config), None)
        }

        fn create(&self, name: &str, user: bool, replace: bool) -> Result<PathBuf, AgentError> {
            create(&self.places(), &self.root(), name, user, replace)
        }
    }

    #[test]
    fn the_template_is_a_definition_that_can_be_read() {
        let world = World::new();
        for (name, user) in [("mine", true), ("ours", false)] {
            let path = world.create(name, user, false).unwrap();
            let catalogue = Catalogue::read(&world.places());
            let definition = catalogue.find(name).unwrap();
            assert_eq!(definition.path, path);
            assert_eq!(definition.ignored, Vec::<String>::new());
            assert!(definition.instructions.starts_with("You WHAT"));
        }
    }

    #[test]
    fn every_commented_field_of_the_template_is_one() {
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(field) if is_field(field) => format!("{field}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        // Both spellings of a model are shown.
        let uncommented = uncommented.replacen("model: sonnet\n", "", 1);
        let path = Path::new("all.md");
        let entry =
            super::super::catalogue::Entry::read(super::super::Origin::User, path, &uncommented);
        let definition = entry.unwrap().outcome.unwrap();
        assert_eq!(definition.budget.idle_s, Some(600));
        assert_eq!(definition.subagents, ["explore"]);
    }

    fn is_field(line: &str) -> bool {
        let name = line.trim_start().split(':').next().unwrap_or_default();
        let known = crate::config::keys_of::<super::super::fields::Fields>();
        line.contains(':') && (known.contains(&name) || name == "claude")
    }

    #[test]
    fn what_is_there_stays_unless_it_is_to_be_replaced() {
        let world = World::new();
        let path = world.create("mine", false, false).unwrap();
        fs::write(&path, "precious").unwrap();
        let error = world.create("mine", false, false).unwrap_err();
        assert!(matches!(error, AgentError::DefinitionExists { .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        world.create("mine", false, true).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("name: mine"));
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing half written is left");
    }

    #[test]
    fn a_name_that_is_a_path_and_a_folder_that_leads_outside_are_refused() {
        let world = World::new();
        for name in ["", "../x", "a/b", "-x", "a b", ".hidden", &"x".repeat(65)] {
            let error = world.create(name, false, true).unwrap_err();
            assert!(
                matches!(error, AgentError::BadValue { field: "name", .. }),
                "{name}"
            );
        }
        let elsewhere = world.0.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::create_dir(world.root().join(".ostler")).unwrap();
        symlink(&elsewhere, world.root().join(".ostler/agents")).unwrap();
        let error = world.create("x", false, false).unwrap_err();
        assert!(
            error.to_string().contains("leads out of the project"),
            "{error}"
        );
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
