//! Work on a copy of the index: that of the user is only read.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Git, GitError};

/// `git` with a copy of its index at `copy`. A tree whose every file was taken out of the index may
/// have none, and so has the copy then.
///
/// # Errors
/// [`GitError`] in git's own words where there is no repository.
pub(crate) async fn with_index_copied(git: Git, copy: &Path) -> Result<Git, GitError> {
    let asked = ["rev-parse", "--path-format=absolute", "--git-path", "index"];
    let index = git.run(&asked).await?;
    match copy_with_time(index.into(), copy.to_owned()).await {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(GitError::NotStarted(error)),
    }
    Ok(git.with("GIT_INDEX_FILE", copy))
}

/// Copies the index with its time. Git takes a file for unchanged that was touched no later than the
/// entry of it, unless that is as young as the index itself: a younger copy would hide a change of the
/// same second and size.
async fn copy_with_time(index: PathBuf, copy: PathBuf) -> io::Result<()> {
    let copying = move || {
        let modified = std::fs::metadata(&index)?.modified()?;
        std::fs::copy(&index, &copy)?;
        File::options()
            .write(true)
            .open(&copy)?
            .set_modified(modified)
    };
    match tokio::task::spawn_blocking(copying).await {
        Ok(copied) => copied,
        Err(error) => Err(io::Error::other(error)),
    }
}
