//! What a working tree holds that would be lost with it. Only looks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::plan::BRANCHES;
use super::{Git, GitError, Tree};

/// How many names are kept of each kind.
const NAMED: usize = 5;

/// Why most trees are kept.
pub(super) const UNMERGED: &str = "has commits that no other branch has";

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
}

/// Looks at a tree.
pub(super) async fn inspect(tree: &Tree) -> Result<Inspection, GitError> {
    let git = Git::at(&tree.path);
    let mut found = Inspection {
        tip: tip(&git, &tree.branch).await?,
        underway: underway(&tree.path),
        ..Inspection::default()
    };
    let asked = [
        "status",
        "--porcelain=v2",
        "--branch",
        "--ignored",
        "--untracked-files=normal",
        "--ignore-submodules=none",
        "--no-renames",
        "-z",
    ];
    for line in git.bytes(&asked).await?.split(|byte| *byte == 0) {
        found.note_status(line);
    }
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

/// The folder in which git keeps what belongs to this working tree alone.
pub(super) fn git_dir(path: &Path) -> Option<PathBuf> {
    let link = std::fs::read_to_string(path.join(".git")).ok()?;
    Some(path.join(link.strip_prefix("gitdir: ")?.trim_end()))
}

fn underway(path: &Path) -> Option<&'static str> {
    let folder = git_dir(path)?;
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
        if !self.uncommitted.is_empty() {
            return Ok(Some(format!("uncommitted: {}", self.uncommitted)));
        }
        let entries = Entries::of(&tree.path).await?;
        if !entries.hidden.is_empty() {
            let hidden = format!("git was told not to look at {}", entries.hidden);
            return Ok(Some(hidden));
        }
        if !self.ignored.is_empty() && !but_ignored {
            return Ok(Some(format!(
                "holds files that git ignores: {}",
                self.ignored
            )));
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
