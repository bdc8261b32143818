//! What is uncommitted in the user's working tree, as a commit. The work is done on a copy of the
//! index: the user's index, stash and files are only read.

use std::path::Path;

use super::commit::{add_all, in_the_name_of};
use super::index::with_index_copied;
use super::{Git, GitError};
use crate::config::Author;

/// Whether a merge stopped half-way in the tree.
pub(super) async fn conflicts(git: &Git) -> Result<bool, GitError> {
    Ok(!git
        .bytes(&["ls-files", "--unmerged", "-z"])
        .await?
        .is_empty())
}

/// A commit on top of `head` of everything that is changed, staged or untracked in the tree of
/// `git`, or `head` itself where there is nothing. `scratch` is a file for the copy of the index;
/// it is left behind.
pub(super) async fn snapshot(
    git: &Git,
    head: &str,
    scratch: &Path,
    author: Option<&Author>,
) -> Result<String, GitError> {
    let copy = with_index_copied(git.clone(), scratch).await?;
    add_all(&copy).await?;
    let tree = copy.run(&["write-tree"]).await?;
    if tree == git.run(&["rev-parse", &format!("{head}^{{tree}}")]).await? {
        return Ok(head.to_owned());
    }
    let message = format!("What was uncommitted in {}", git.dir().display());
    let git = in_the_name_of(git.clone(), author).await?;
    git.run(&["commit-tree", "-p", head, "-m", &message, &tree])
        .await
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::workspaces::scratch::{Scratch, git};

    async fn taken(scratch: &Scratch) -> String {
        let head = scratch.git(&["rev-parse", "HEAD"]);
        let copy = scratch.beside("copy.index");
        snapshot(&Git::at(scratch.top()), &head, &copy, None)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn everything_uncommitted_is_in_the_commit_and_the_users_tree_is_as_it_was() {
        let scratch = Scratch::new();
        for name in ["staged", "unstaged", "deleted", "both"] {
            scratch.write(name, "old\n");
        }
        scratch.write(".gitignore", "secret\n");
        scratch.commit("one");
        scratch.write("staged", "new\n");
        scratch.write("both", "staged\n");
        scratch.git(&["add", "staged", "both"]);
        scratch.write("both", "unstaged\n");
        scratch.write("unstaged", "new\n");
        scratch.write("folder/untracked", "new\n");
        scratch.write("secret", "ignored\n");
        std::fs::remove_file(scratch.top().join("deleted")).unwrap();
        let index = || std::fs::read(scratch.top().join(".git/index")).unwrap();
        let status = || scratch.git(&["--no-optional-locks", "status", "--porcelain", "--ignored"]);
        let before = (index(), status());

        let commit = taken(&scratch).await;

        assert_eq!((index(), status()), before);
        assert_eq!(scratch.git(&["stash", "list"]), "");
        let files = scratch.git(&["ls-tree", "-r", "--name-only", &commit]);
        assert_eq!(
            files,
            ".gitignore\nboth\nfolder/untracked\nstaged\nunstaged"
        );
        let of = |name: &str| scratch.git(&["show", &format!("{commit}:{name}")]);
        assert_eq!(
            (of("both"), of("staged"), of("unstaged")),
            ("unstaged".into(), "new".into(), "new".into())
        );
        let parent = scratch.git(&["rev-parse", &format!("{commit}^")]);
        assert_eq!(parent, scratch.git(&["rev-parse", "HEAD"]));
    }

    #[tokio::test]
    async fn a_change_of_the_same_size_and_second_as_the_index_is_seen() {
        let scratch = Scratch::new();
        // A second that is over, at which the file and the index were written and changed.
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let at = |path: &Path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(then).unwrap();
        };
        scratch.git(&["config", "core.trustctime", "false"]);
        scratch.write("file", "old\n");
        at(&scratch.top().join("file"));
        scratch.commit("one");
        scratch.write("file", "new\n");
        at(&scratch.top().join("file"));
        at(&scratch.top().join(".git/index"));
        let commit = taken(&scratch).await;
        assert_eq!(scratch.git(&["show", &format!("{commit}:file")]), "new");
    }

    #[tokio::test]
    async fn a_clean_tree_needs_no_commit_and_a_repository_within_is_left_out() {
        let scratch = Scratch::new();
        scratch.write("f", "1");
        scratch.commit("one");
        let head = scratch.git(&["rev-parse", "HEAD"]);
        assert_eq!(taken(&scratch).await, head);
        scratch.git(&["init", "-q", "own"]);
        scratch.write("own/file", "1");
        assert_eq!(taken(&scratch).await, head);
        git(&scratch.top().join("own"), &["add", "-A"]);
        let named = [
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@y",
            "commit",
            "-qm",
            "x",
        ];
        git(&scratch.top().join("own"), &named);
        assert_eq!(taken(&scratch).await, head);
    }
}
