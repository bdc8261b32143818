//! The end of a run in a working tree of its own: an untouched tree goes, anything else is committed
//! on its branch and kept. Nothing uncommitted is deleted.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commit::{add_all, commit, in_the_name_of};
use super::hooks;
use super::inspect::{Inspection, git_dir, inspect};
use super::lock::Lock;
use super::rows::{self, Tree, TreeState};
use super::worktree::{WorkspaceError, Workspaces, clear_locks};
use super::{Git, GitError};
use crate::ids::AgentId;

/// Files that are named; more are counted.
const NAMED: usize = 100;
/// How long a git that was killed may take to be gone.
const BROKEN_OFF: Duration = Duration::from_secs(2);

/// What an agent's own working tree has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Harvest {
    /// The branch.
    pub branch: String,
    /// The commit it started from.
    pub base: String,
    /// Commits on top of that, ours at the end counted.
    pub commits: u32,
    /// Files that differ from the start, each with git's letter in front, as in `M src/lib.rs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Further ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub files_left_out: usize,
    /// How much differs, in git's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub diff_stat: String,
    /// The tree; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Harvest {
    /// What is known of a tree without a look at it.
    pub(crate) fn on_record(tree: &Tree, note: &str) -> Self {
        Self {
            branch: tree.branch.clone(),
            base: tree.base.clone(),
            path: (tree.state != TreeState::Removed).then(|| tree.path.clone()),
            note: note.to_owned(),
            ..Self::default()
        }
    }

    /// The same with at most `limit` files.
    #[must_use]
    pub fn naming(mut self, limit: usize) -> Self {
        self.files_left_out += self.files.len().saturating_sub(limit);
        self.files.truncate(limit);
        self
    }
}

impl Workspaces<'_> {
    /// Settles the tree of an agent whose processes are gone; `None` when it has none. `label` is for
    /// people.
    ///
    /// # Errors
    /// Failures of the store and of the file system; then the tree is as it was, for the reaper.
    pub(crate) async fn settle(
        &self,
        agent: &AgentId,
        label: &str,
    ) -> Result<Option<Harvest>, WorkspaceError> {
        let Some(tree) = rows::of_agent(self.store, agent).await? else {
            return Ok(None);
        };
        let lock = self.lock(&tree.path).await?;
        // What was read without the lock may be old.
        let Some(mut tree) = rows::of_agent(self.store, agent).await? else {
            return Ok(None);
        };
        match tree.state {
            TreeState::Making | TreeState::Removing => {
                if self.take_away(&lock, &mut tree, false).await? {
                    lock.discard();
                    return Ok(None);
                }
                Ok(Some(self.harvest(&tree).await))
            }
            TreeState::Live => self.settle_live(lock, tree, label).await.map(Some),
            TreeState::Kept => Ok(Some(self.harvest(&tree).await)),
            TreeState::Removed => Ok(None),
        }
    }

    async fn settle_live(
        &self,
        lock: Lock,
        mut tree: Tree,
        label: &str,
    ) -> Result<Harvest, WorkspaceError> {
        let before = tree.note.clone();
        clear_locks(&tree).await?;
        let note = match inspect(&tree).await {
            Ok(found) if found.is_untouched(&tree).await.unwrap_or_default() => {
                if self.remove(&lock, &mut tree, false).await? {
                    lock.discard();
                    let note = "nothing was changed; tree and branch are gone";
                    return Ok(Harvest::on_record(&tree, note));
                }
                tree.note.clone()
            }
            Ok(found) => match self.commit(&lock, &tree, &found, label).await {
                Ok(note) => note,
                Err(error) => not_committed(&error),
            },
            Err(error) => format!("it could not be looked at: {error}"),
        };
        let notes = [before, note].into_iter().filter(|note| !note.is_empty());
        let note = notes.collect::<Vec<_>>().join("; ");
        if tree.state == TreeState::Live {
            self.advance(&mut tree, TreeState::Kept, &note).await?;
        }
        Ok(self.harvest(&tree).await)
    }

    /// Keeps the tree of an agent as it is.
    ///
    /// # Errors
    /// As [`Workspaces::settle`].
    pub(crate) async fn keep(
        &self,
        agent: &AgentId,
        why: &str,
    ) -> Result<Option<Harvest>, WorkspaceError> {
        let Some(mut tree) = rows::of_agent(self.store, agent).await? else {
            return Ok(None);
        };
        let lock = Lock::of_tree_within(&tree.path, BROKEN_OFF).await;
        if tree.state == TreeState::Live {
            // A commit that was broken off has left its lock, and has let go of ours.
            if let Ok(Some(_)) = &lock {
                clear_locks(&tree).await?;
            }
            self.advance(&mut tree, TreeState::Kept, why).await?;
        }
        Ok((tree.state == TreeState::Kept).then(|| Harvest::on_record(&tree, why)))
    }

    /// Commits everything on the tree's branch; what there is to say about what was not.
    async fn commit(
        &self,
        lock: &Lock,
        tree: &Tree,
        found: &Inspection,
        label: &str,
    ) -> Result<String, GitError> {
        let git = Git::at(&tree.path).confined().holding(lock);
        if let Some(why) = self.unfit(&git, tree, found).await? {
            return Ok(why);
        }
        if found.uncommitted.is_empty() {
            return Ok(remark(found));
        }
        if self.settings.hooks
            && let Some(folder) = hooks::changed(&git, tree).await?
        {
            return Ok(format!(
                "not committed, it is all in the tree: the agent has changed `{folder}`, where the \
                 repository's hooks are, and a commit would run them"
            ));
        }
        let nested = add_all(&git).await?;
        let staged = git
            .attempt(&["diff", "--cached", "--quiet", "--no-ext-diff"])
            .await?;
        if staged.code != Some(0) {
            let git = in_the_name_of(git, self.settings.author.as_ref()).await?;
            let git = if self.settings.hooks {
                git.with_hooks()
            } else {
                git
            };
            let subject = match label.trim() {
                "" => "Work of an agent",
                label => label,
            };
            let body = format!("Committed by ostler when agent {} ended.", tree.agent);
            commit(&git, subject, &body).await?;
        }
        let mut notes = vec![remark(&inspect(tree).await?)];
        if !nested.is_empty() {
            let list = nested.join(", ");
            notes.push(format!(
                "not committed, being repositories of their own: {list}"
            ));
        }
        notes.retain(|note| !note.is_empty());
        Ok(notes.join("; "))
    }

    /// Why nothing can be committed on the tree's branch. A tree that is on no branch is put back on
    /// its own if that only moves it forward.
    async fn unfit(
        &self,
        git: &Git,
        tree: &Tree,
        found: &Inspection,
    ) -> Result<Option<String>, GitError> {
        let left = |why: String| match found.uncommitted.is_empty() {
            true => why,
            false => format!("{why}; what is uncommitted is in the tree"),
        };
        if let Some(what) = found.underway {
            return Ok(Some(left(format!("{what} is under way in it"))));
        }
        match &found.on {
            // A commit would be the first of a history of its own.
            Some(on) if *on == tree.branch && found.tip.is_none() => {
                Ok(Some(left("its branch was deleted".to_owned())))
            }
            Some(on) if *on == tree.branch => Ok(None),
            Some(on) => Ok(Some(left(format!(
                "the agent has switched to the branch `{on}`"
            )))),
            None => {
                let tip = found.tip.as_deref().unwrap_or(&tree.base);
                let onward = ["merge-base", "--is-ancestor", tip, &found.head];
                if git.attempt(&onward).await?.code != Some(0) {
                    return Ok(Some(left("it is on no branch".to_owned())));
                }
                let branch = format!("refs/heads/{}", tree.branch);
                let from = found.tip.as_deref().unwrap_or_default();
                git.run_patiently(&["update-ref", &branch, &found.head, from])
                    .await?;
                git.run_patiently(&["symbolic-ref", "HEAD", &branch])
                    .await?;
                Ok(None)
            }
        }
    }

    /// The account of a tree that is there. What cannot be told is left out.
    async fn harvest(&self, tree: &Tree) -> Harvest {
        let mut harvest = Harvest::on_record(tree, &tree.note);
        if let Err(error) = fill_in(&mut harvest, tree).await {
            tracing::warn!(%error, agent = %tree.agent, "a working tree cannot be reckoned");
        }
        harvest
    }
}

async fn fill_in(harvest: &mut Harvest, tree: &Tree) -> Result<(), GitError> {
    git_dir(tree)?;
    let git = Git::at(&tree.path).confined();
    let own = format!("{}..HEAD", tree.base);
    let count = git.run(&["rev-list", "--count", &own]).await?;
    harvest.commits = count.parse().unwrap_or_default();
    // The index and not the commit: what could not be committed counts as well.
    let diff = ["diff", "--cached", "--no-ext-diff", "--no-renames"];
    let stat = git
        .run(&[&diff[..], &["--shortstat", &tree.base, "--"]].concat())
        .await?;
    stat.trim().clone_into(&mut harvest.diff_stat);
    let names = git
        .bytes(&[&diff[..], &["--name-status", "-z", &tree.base, "--"]].concat())
        .await?;
    let names = String::from_utf8_lossy(&names);
    let mut words = names.split('\0');
    while let (Some(letter), Some(path)) = (words.next(), words.next()) {
        match harvest.files.len() {
            ..NAMED => harvest.files.push(format!("{letter} {path}")),
            _ => harvest.files_left_out += 1,
        }
    }
    Ok(())
}

/// What is in a tree beside its commits.
fn remark(found: &Inspection) -> String {
    let mut notes = Vec::new();
    if !found.uncommitted.is_empty() {
        notes.push(format!("uncommitted: {}", found.uncommitted));
    }
    if !found.ignored.is_empty() {
        notes.push(format!(
            "files that git ignores are only in the tree: {}",
            found.ignored
        ));
    }
    if !found.unseen.is_empty() {
        notes.push(format!("git cannot see all of it: {}", found.unseen));
    }
    notes.join("; ")
}

fn not_committed(error: &GitError) -> String {
    format!("not committed, it is all in the tree: {error}")
}
