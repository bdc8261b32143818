//! Where a changed file belongs, so that the same file in two working trees is known for the same,
//! and what has been changed in a working tree. Only looks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Git, GitError};
use crate::project::{Project, real_path};

/// A file, whatever working tree it was changed in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The git common directory; `None` for a file outside of any repository.
    pub repository: Option<PathBuf>,
    /// Relative to the top of its working tree; absolute outside of any repository.
    pub path: PathBuf,
}

impl Place {
    /// The place of the file at `path`, absolute, which may be gone by now. A link is followed to the
    /// file that a write through it changes. Blocks for a few looks at the file system.
    pub fn of(path: &Path) -> Self {
        let path = real_path(path);
        let directory = path.ancestors().skip(1).find(|above| above.is_dir());
        let project = directory.and_then(|directory| Project::discover(directory).ok());
        let inside = project.and_then(|project| {
            let is_repository = project.key != project.root;
            let inside = path.strip_prefix(&project.root).ok()?.to_owned();
            is_repository.then_some((project.key, inside))
        });
        match inside {
            Some((repository, path)) => Self {
                repository: Some(repository),
                path,
            },
            None => Self {
                repository: None,
                path,
            },
        }
    }
}

/// The files in which the working tree of `git` differs from the commit `base`: committed since, not
/// committed and new ones, but for ignored ones; relative to its top. `None` for `base`: from its
/// last commit.
///
/// # Errors
/// Where there is no working tree any more.
pub async fn changed(git: &Git, base: Option<&str>) -> Result<Vec<PathBuf>, GitError> {
    let status = [
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=all",
        "--no-renames",
    ];
    let status = git.bytes(&status).await?;
    let mut paths: Vec<PathBuf> = entries(&status)
        // Two letters and a space.
        .filter_map(|entry| entry.get(3..))
        .map(path)
        .collect();
    if let Some(base) = base {
        let diff = [
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            base,
            "HEAD",
            "--",
        ];
        paths.extend(entries(&git.bytes(&diff).await?).map(path));
    }
    Ok(paths)
}

fn entries(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::workspaces::scratch::Scratch;

    fn repository() -> Scratch {
        let repository = Scratch::new();
        repository.write("old", "old\n");
        repository.write("kept", "kept\n");
        repository.commit("first");
        repository
    }

    #[tokio::test]
    async fn what_was_committed_changed_deleted_and_added_is_found_and_what_is_ignored_is_not() {
        let repository = repository();
        let base = repository.git(&["rev-parse", "HEAD"]);
        let top = repository.top();
        fs::write(top.join("committed"), "x").unwrap();
        fs::write(top.join(".gitignore"), "build\n").unwrap();
        repository.commit("second");
        fs::remove_file(top.join("old")).unwrap();
        fs::create_dir(top.join("new dir")).unwrap();
        fs::write(top.join("new dir/a\nb"), "x").unwrap();
        fs::write(top.join("build"), "x").unwrap();
        let mut found = changed(&Git::at(&top), Some(&base)).await.unwrap();
        found.sort();
        let expected = [".gitignore", "committed", "new dir/a\nb", "old"].map(PathBuf::from);
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn one_file_in_two_working_trees_has_one_place() {
        let repository = repository();
        let top = repository.top();
        let elsewhere = tempfile::tempdir().unwrap();
        let tree = elsewhere.path().canonicalize().unwrap().join("tree");
        let add = ["worktree", "add", "-q", "--detach", tree.to_str().unwrap()];
        repository.git(&add);
        let here = Place::of(&top.join("kept"));
        assert_eq!(here.repository, Some(top.join(".git")));
        assert_eq!(here.path, Path::new("kept"));
        assert_eq!(Place::of(&tree.join("kept")), here);
        let gone = Place::of(&tree.join("sub/gone"));
        assert_eq!(gone.path, Path::new("sub/gone"));
        std::os::unix::fs::symlink("kept", top.join("link")).unwrap();
        assert_eq!(Place::of(&top.join("link")), here);
    }

    #[test]
    fn a_file_outside_of_any_repository_goes_by_its_absolute_path() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().canonicalize().unwrap();
        let place = Place::of(&top.join("x"));
        assert_eq!(place.repository, None);
        assert_eq!(place.path, top.join("x"));
    }
}
