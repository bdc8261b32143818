//! What a working tree holds that would be lost with it. Only looks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::cut;
use super::plan::BRANCHES;
use super::{Git, GitError, Tree};

/// How many names are kept of each kind.
const NAMED: usize = 5;

/// Why most trees are kept.
pub(super) const UNMERGED: &str = "has commits that no other branch has";

/// What `git worktree lock` is for.
const LOCKED: &str = "it was locked with `git worktree lock`";

/// Files and folders by name, the first few of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) count: usize,
    pub(super) first: Vec<String>,
}

impl Named {
    fn add(&mut self, path: &[u8]) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(String::from_utf8_lossy(path).into_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A working tree as it is now.
#[derive(Debug, Clone, Default)]
pub(super) struct Inspection {
    /// The commit that is checked out.
    pub(super) head: String,
    /// The branch that is; `None` when it is none.
    pub(super) on: Option<String>,
    /// Where the tree's own branch points; `None` when it is gone.
    pub(super) tip: Option<String>,
    /// Changed, staged or untracked, and in conflict.
    pub(super) uncommitted: Named,
    /// Ignored by git.
    pub(super) ignored: Named,
    /// What git is in the middle of.
    pub(super) underway: Option<&'static str>,
    /// What git says of folders into which it cannot look.
    pub(super) unseen: String,
    /// Whether somebody has told git not to take it away.
    pub(super) is_locked: bool,
}

/// Looks at a tree.
pub(super) async fn inspect(tree: &Tree) -> Result<Inspection, GitError> {
    let mut found = look(tree, "--ignore-submodules=none").await?;
    found.tip = tip(&Git::at(&tree.path), &tree.branch).await?;
    Ok(found)
}

/// What is in a tree beside its commits that was not there when it was last looked at, now that it has
/// left its place; but for its submodules, which cannot be looked at elsewhere.
pub(super) async fn came_late(tree: &Tree, but_ignored: bool) -> Result<Option<String>, GitError> {
    let found = look(tree, "--ignore-submodules=all").await?;
    Ok(found.beside_commits(but_ignored))
}

async fn look(tree: &Tree, submodules: &str) -> Result<Inspection, GitError> {
    let folder = git_dir(tree)?;
    let git = Git::at(&tree.path).confined();
    let mut found = Inspection {
        underway: underway(&folder),
        is_locked: folder.join("locked").exists(),
        ..Inspection::default()
    };
    let asked = [
        "status",
        "--porcelain=v2",
        "--branch",
        "--ignored",
        "--untracked-files=normal",
        submodules,
        "--no-renames",
        "-z",
    ];
    let status = git.attempt(&asked).await?;
    if status.code != Some(0) {
        return Err(GitError::Refused {
            command: "status".to_owned(),
            code: status.code,
            said: cut(&status.stderr),
        });
    }
    for line in status.stdout.split(|byte| *byte == 0) {
        found.note_status(line);
    }
    found.unseen = unseen(&status.stderr);
    Ok(found)
}

/// Where a branch points; `None` when there is none.
pub(super) async fn tip(git: &Git, branch: &str) -> Result<Option<String>, GitError> {
    let branch = format!("refs/heads/{branch}");
    let shown = git
        .attempt(&["rev-parse", "--verify", "--quiet", &branch])
        .await?;
    let tip = String::from_utf8_lossy(&shown.stdout).trim().to_owned();
    Ok((shown.code == Some(0)).then_some(tip))
}

/// Which folders git could not look into, in its own words; it goes on without them.
fn unseen(said: &str) -> String {
    let mut lines = said.lines();
    let first = lines.find(|line| line.contains("could not open directory"));
    first.map(cut).unwrap_or_default()
}

/// Where somebody has checked a branch out; `None` when nobody has.
pub(super) async fn checked_out(git: &Git, branch: &str) -> Result<Option<String>, GitError> {
    let branch = format!("refs/heads/{branch}");
    let asked = ["for-each-ref", "--format=%(worktreepath)", &branch];
    let place = git.run(&asked).await?;
    Ok((!place.is_empty()).then_some(place))
}

/// The folder in which git keeps what belongs to this working tree alone.
///
/// # Errors
/// Where the tree does not lead to one of its own: an agent writes its `.git` file as it likes, and
/// without one git would take a repository further up for the one that is meant.
pub(super) fn git_dir(tree: &Tree) -> Result<PathBuf, GitError> {
    let own = || {
        let link = std::fs::read(tree.path.join(".git")).ok()?;
        let folder = OsStr::from_bytes(link.strip_prefix(b"gitdir: ")?.trim_ascii_end());
        let folder = tree.path.join(folder).canonicalize().ok()?;
        let entries = tree.repository.join("worktrees").canonicalize().ok()?;
        let is_own = folder.parent() == Some(&entries)
            && (folder.file_name() == Some(OsStr::new(tree.agent.as_str()))
                || leads_to(&folder, &tree.path));
        is_own.then_some(folder)
    };
    own().ok_or_else(|| GitError::Astray {
        path: tree.path.clone(),
    })
}

/// Whether what git keeps of a working tree says that it lies at `path`.
pub(super) fn leads_to(entry: &Path, path: &Path) -> bool {
    let link = std::fs::read(entry.join("gitdir")).unwrap_or_default();
    entry.join(OsStr::from_bytes(link.trim_ascii_end())) == path.join(".git")
}

fn underway(folder: &Path) -> Option<&'static str> {
    let signs = [
        ("MERGE_HEAD", "a merge"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
        ("REVERT_HEAD", "a revert"),
        ("rebase-merge", "a rebase"),
        ("rebase-apply", "a rebase"),
        ("BISECT_LOG", "a bisection"),
    ];
    let found = signs
        .into_iter()
        .find(|(sign, _)| folder.join(sign).exists());
    found.map(|(_, what)| what)
}

impl Inspection {
    fn note_status(&mut self, line: &[u8]) {
        let path = |fields: usize| line.splitn(fields + 1, |byte| *byte == b' ').last();
        match line.first() {
            Some(b'#') => {
                let line = String::from_utf8_lossy(line);
                match line
                    .split_once(' ')
                    .map(|(_, rest)| rest)
                    .and_then(|rest| rest.split_once(' '))
                {
                    Some(("branch.oid", head)) => head.clone_into(&mut self.head),
                    Some(("branch.head", "(detached)")) | None => {}
                    Some(("branch.head", on)) => self.on = Some(on.to_owned()),
                    Some(_) => {}
                }
            }
            Some(b'!') => self.ignored.add(path(1).unwrap_or_default()),
            Some(b'?') => self.uncommitted.add(path(1).unwrap_or_default()),
            Some(b'1') => self.uncommitted.add(path(8).unwrap_or_default()),
            Some(b'u') => self.uncommitted.add(path(10).unwrap_or_default()),
            Some(b'2') => self.uncommitted.add(path(9).unwrap_or_default()),
            // The former name of a renamed file, or the end.
            _ => {}
        }
    }

    /// Whether the tree is just as it was made.
    pub(super) async fn is_untouched(&self, tree: &Tree) -> Result<bool, GitError> {
        let moved =
            self.head != tree.base || self.tip.as_ref().is_some_and(|tip| *tip != tree.base);
        Ok(!moved && self.worth(tree, false).await?.is_none())
    }

    /// What is in no commit.
    fn beside_commits(&self, but_ignored: bool) -> Option<String> {
        if !self.uncommitted.is_empty() {
            return Some(format!("uncommitted: {}", self.uncommitted));
        }
        if !self.unseen.is_empty() {
            return Some(format!("git cannot see all of it: {}", self.unseen));
        }
        let counts = !self.ignored.is_empty() && !but_ignored;
        counts.then(|| format!("holds files that git ignores: {}", self.ignored))
    }

    /// Why the tree cannot go without a loss; `None` when it can. Files that git ignores do not count
    /// when `but_ignored`.
    pub(super) async fn worth(
        &self,
        tree: &Tree,
        but_ignored: bool,
    ) -> Result<Option<String>, GitError> {
        if let Some(what) = self.underway {
            return Ok(Some(format!("{what} is under way in it")));
        }
        if self.is_locked {
            return Ok(Some(LOCKED.to_owned()));
        }
        if let Some(why) = self.beside_commits(but_ignored) {
            return Ok(Some(why));
        }
        let entries = Entries::of(&tree.path).await?;
        if !entries.hidden.is_empty() {
            let hidden = format!("git was told not to look at {}", entries.hidden);
            return Ok(Some(hidden));
        }
        let moved = self.head != tree.base;
        for repository in &entries.repositories {
            if has_own_work(repository, moved).await? {
                let path = repository.display();
                return Ok(Some(format!("the repository {path} has work of its own")));
            }
        }
        let tips = [Some(self.head.as_str()), self.tip.as_deref()];
        for tip in tips.into_iter().flatten() {
            if tip != tree.base && !is_merged(&Git::at(&tree.path), tip).await? {
                return Ok(Some(UNMERGED.to_owned()));
            }
        }
        Ok(None)
    }
}

/// What the index of a tree tells beside what is changed.
#[derive(Default)]
struct Entries {
    /// Changes that git was told not to look for.
    hidden: Named,
    /// Repositories of their own within, as submodules or otherwise.
    repositories: Vec<PathBuf>,
}

impl Entries {
    async fn of(top: &Path) -> Result<Self, GitError> {
        let mut entries = Self::default();
        let listed = Git::at(top)
            .bytes(&["ls-files", "-v", "--stage", "-z"])
            .await?;
        for line in listed.split(|byte| *byte == 0) {
            entries.note(top, line);
        }
        Ok(entries)
    }

    /// One entry: its tag, mode, object and stage, and behind a tab its path.
    fn note(&mut self, top: &Path, line: &[u8]) {
        let Some(at) = line.iter().position(|byte| *byte == b'\t') else {
            return;
        };
        let (about, path) = line.split_at(at);
        let name = path.get(1..).unwrap_or_default();
        let path = top.join(OsStr::from_bytes(name));
        let is_hidden = match about.first() {
            // Assumed to be unchanged.
            Some(tag) if tag.is_ascii_lowercase() => true,
            // Not to be in the tree, and there all the same.
            Some(b'S') => path.symlink_metadata().is_ok(),
            _ => false,
        };
        if is_hidden {
            self.hidden.add(name);
        }
        let is_link = about.get(2..8) == Some(b"160000");
        if is_link && path.join(".git").symlink_metadata().is_ok() {
            self.repositories.push(path);
        }
    }
}

/// Whether a repository within a tree has what would be lost with it: commits that it has not
/// pushed, a stash. The commit that is checked out counts if it is not the one that came with the tree.
async fn has_own_work(repository: &Path, moved: bool) -> Result<bool, GitError> {
    if repository.join(".git").is_dir() {
        return Ok(true);
    }
    let git = Git::at(repository);
    let mut asked = vec!["rev-list", "--max-count=1", "--branches"];
    if moved {
        asked.push("HEAD");
    }
    asked.extend(["--not", "--remotes", "--"]);
    if !git.bytes(&asked).await?.is_empty() {
        return Ok(true);
    }
    let stash = ["rev-parse", "--verify", "--quiet", "refs/stash"];
    Ok(git.attempt(&stash).await?.code == Some(0))
}

/// Whether a branch that is not ours has the commit. Those of other agents do not count: they go
/// when they have nothing of their own, and would take it with them.
pub(super) async fn is_merged(git: &Git, commit: &str) -> Result<bool, GitError> {
    let contains = format!("--contains={commit}");
    let asked = [
        "for-each-ref",
        "--format=%(refname:short)",
        &contains,
        "refs/heads/",
    ];
    let ours = format!("{BRANCHES}/");
    let branches = git.run(&asked).await?;
    Ok(branches.lines().any(|branch| !branch.starts_with(&ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_git_cannot_look_into_count_as_something_that_would_be_lost() {
        let said =
            "warning: could not open directory 'locked/': Permission denied\nwarning: more\n";
        let found = Inspection {
            unseen: unseen(said),
            ..Inspection::default()
        };
        let why = "git cannot see all of it: warning: could not open directory 'locked/': Permission denied";
        assert_eq!(found.beside_commits(true).as_deref(), Some(why));
        assert_eq!(unseen("warning: something else"), "");
    }
}
