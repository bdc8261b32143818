//! Which project a directory belongs to. All worktrees of a repository are one project.
//!
//! Owns the walk from a directory to its repository, done as git does it but without running git,
//! which need not be installed and would obey the repository's own configuration. Never writes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

#[cfg(test)]
mod tests;

const MAX_LINK_BYTES: u64 = 1 << 16;

/// A place to work in, and the identity it shares with its other worktrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The top of the worktree, else the directory itself; canonical.
    pub root: PathBuf,
    /// The git common directory, else the directory itself; canonical.
    pub key: PathBuf,
}

/// Why a directory has no project.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// The directory is not there or not accessible.
    #[error("cannot open {}: {source}\nName an existing directory.", dir.display())]
    Unreachable {
        /// The directory asked about.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path is a file.
    #[error("{} is not a directory\nName an existing directory.", dir.display())]
    NotADirectory {
        /// The path asked about.
        dir: PathBuf,
    },
}

impl Project {
    /// The project of `dir`, found by walking up to the nearest repository.
    ///
    /// A `.git` file that leads nowhere (a pruned worktree, a submodule whose parent is gone) still
    /// ends the walk: its directory is a project of its own, because the repository further up is
    /// a different one and the two must not share state. A `.git` directory that is no repository
    /// is passed by, as git does.
    ///
    /// # Errors
    ///
    /// Fails when `dir` is not there, not accessible or not a directory.
    pub fn discover(dir: &Path) -> Result<Self, ProjectError> {
        let dir = dir
            .canonicalize()
            .map_err(|source| ProjectError::Unreachable {
                dir: dir.to_owned(),
                source,
            })?;
        if !dir.is_dir() {
            return Err(ProjectError::NotADirectory { dir });
        }
        let found = dir.ancestors().find_map(|ancestor| {
            let dot_git = ancestor.join(".git");
            if dot_git.is_file() {
                let key = linked_git_dir(&dot_git).unwrap_or_else(|| ancestor.to_owned());
                Some((ancestor, key))
            } else if let Some(key) = common_dir(&dot_git) {
                Some((ancestor, key))
            } else {
                // A bare repository has no worktree, and neither has the inside of a `.git`.
                Some((dir.as_path(), common_dir(ancestor)?))
            }
        });
        let (root, key) = match found {
            Some((root, key)) => (root.to_owned(), key),
            None => (dir.clone(), dir),
        };
        Ok(Self { root, key })
    }
}

/// `path` without links and dots, as far as it is there.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => path.to_owned(),
    }
}

/// The common directory behind a `.git` file, `gitdir: <path>` relative to the file.
fn linked_git_dir(dot_git: &Path) -> Option<PathBuf> {
    let content = read_link_file(dot_git)?;
    let target = path_from(content.strip_prefix(b"gitdir: ")?);
    common_dir(&dot_git.parent()?.join(target))
}

/// The canonical common directory of `git_dir`, or `None` if that is no repository.
fn common_dir(git_dir: &Path) -> Option<PathBuf> {
    // A symbolic link counts although it points nowhere: so does an unborn branch's HEAD.
    fs::symlink_metadata(git_dir.join("HEAD")).ok()?;
    let common = match read_link_file(&git_dir.join("commondir")) {
        Some(content) => git_dir.join(path_from(&content)),
        None => git_dir.to_owned(),
    };
    let is_repository = common.join("objects").is_dir() && common.join("refs").is_dir();
    is_repository.then(|| common.canonicalize().ok()).flatten()
}

/// The content of a file that holds one path, without its line end.
fn read_link_file(path: &Path) -> Option<Vec<u8>> {
    if !path.is_file() {
        return None; // A pipe here would hang us.
    }
    let mut content = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_LINK_BYTES).read_to_end(&mut content).ok()?;
    let end = content.iter().rposition(|b| !matches!(b, b'\n' | b'\r'))?;
    content.truncate(end + 1);
    Some(content)
}

fn path_from(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
