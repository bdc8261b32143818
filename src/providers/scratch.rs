//! A private directory for one child session: what it is given to read, and the temporary files of a
//! program that leaves them lying. It goes with the session. It is named after the process that runs
//! the agent, so that whoever looks after that one's remains finds it too.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::{CommandSpec, Lineage, PlacedFile, ToldBy};
use crate::ids::OwnerId;

/// Holds the directory of a session; dropping it removes the directory.
pub(super) struct Scratch {
    _directory: TempDir,
}

impl Scratch {
    /// Writes the files and tells the program their paths; `None` when it needs no directory.
    pub(super) fn fill(
        files: &[PlacedFile],
        keeps_temporaries: bool,
        lineage: &Lineage,
        spec: &mut CommandSpec,
    ) -> io::Result<Option<Self>> {
        if files.is_empty() && !keeps_temporaries {
            return Ok(None);
        }
        let owner = lineage.owner().unwrap_or_default();
        let directory = TempDir::with_prefix(prefix(owner))?;
        for file in files {
            let path = directory.path().join(file.name);
            fs::write(&path, &file.text)?;
            match file.told_by {
                ToldBy::Flag(flag) => spec.args.extend([flag.into(), path.into_os_string()]),
                ToldBy::Variable(name) => set(spec, name, &path),
            }
        }
        if keeps_temporaries {
            let temporaries = directory.path().join("tmp");
            fs::create_dir(&temporaries)?;
            set(spec, "TMPDIR", &temporaries);
        }
        Ok(Some(Self {
            _directory: directory,
        }))
    }
}

fn set(spec: &mut CommandSpec, name: &str, path: &Path) {
    let path = path.to_string_lossy().into_owned();
    spec.env.insert(name.to_owned(), path);
}

fn prefix(owner: &str) -> String {
    format!("ostler-{owner}-")
}

/// Removes the directories of sessions that `owner`, which is dead, could not remove itself.
pub fn sweep(owner: &OwnerId) {
    let prefix = prefix(owner.as_str());
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::debug!(path = ?entry.path(), %error, "a session's directory stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AgentId, SequentialIds};

    #[test]
    fn the_directory_goes_with_the_session_or_with_the_sweep_behind_its_owner() {
        let ids = SequentialIds::default();
        let agent = AgentId::new(&ids);
        // Other tests may use the same directory for temporary files.
        let owners = [0, 1].map(|_| OwnerId::new(&crate::ids::RandomIds));
        let file = PlacedFile {
            told_by: ToldBy::Variable("ROLE"),
            name: "role.md",
            text: "Be brief.".to_owned(),
        };
        let fill = |owner: &OwnerId| {
            let mut spec = CommandSpec {
                program: "x".into(),
                args: vec![],
                inherits: &[],
                withholds: &[],
                env: Default::default(),
                cwd: "/".into(),
            };
            let lineage = Lineage::default().child(owner, &agent);
            let scratch = Scratch::fill(&[file.clone()], true, &lineage, &mut spec).unwrap();
            (scratch.unwrap(), spec.env)
        };
        let (first, env) = fill(&owners[0]);
        assert_eq!(fs::read_to_string(&env["ROLE"]).unwrap(), "Be brief.");
        assert!(Path::new(&env["TMPDIR"]).is_dir());
        drop(first);
        assert!(!Path::new(&env["TMPDIR"]).exists());

        let (killed, its) = fill(&owners[0]);
        std::mem::forget(killed);
        let (lives, others) = fill(&owners[1]);
        sweep(&owners[0]);
        assert!(!Path::new(&its["ROLE"]).exists());
        assert!(Path::new(&others["ROLE"]).exists());
        drop(lives);
    }
}
