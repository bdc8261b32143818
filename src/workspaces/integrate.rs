//! Merges branches of agents one after the other, in a working tree that is there for nothing else,
//! and keeps what went well on a new branch. Never resolves a conflict, never touches the user's own
//! working tree, index or branch.

mod conflict;
mod order;
mod tree;
mod trunk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::commit::in_the_name_of;
use super::git::cut;
use super::{Git, GitError};
use crate::config::Author;
use crate::ids::AgentId;

pub use conflict::{Conflict, ConflictFile};
pub use order::in_order;
pub use tree::{MergeTree, clear};
pub use trunk::Trunk;

/// Who changed what an agent's change runs into, when it was no agent that is merged with it.
const BASE: &str = "base";

/// What git is told for every merge, whatever the repository is configured with: nothing that
/// resolves a conflict by itself, nothing that asks.
const SETTINGS: &[&str] = &[
    "rerere.enabled=false",
    "merge.default=text",
    "merge.directoryRenames=conflict",
    "merge.renames=true",
    "submodule.recurse=false",
    "blame.ignoreRevsFile=",
];

/// Why integrating went wrong, other than by a conflict.
#[derive(Debug, thiserror::Error)]
pub enum IntegrateError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The working tree for the merges cannot be made.
    #[error("{path} cannot be used: {source}")]
    Place {
        /// What could not be used.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The branch to be moved is somebody's place to stand.
    #[error("the branch {branch} is checked out in {} and cannot be moved on", place.display())]
    CheckedOut {
        /// The branch.
        branch: String,
        /// The working tree.
        place: PathBuf,
    },
}

/// A branch to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Whose it is.
    pub agent: AgentId,
    /// Its name.
    pub branch: String,
    /// The commit it points at.
    pub commit: String,
    /// The agents above its own, as `/a-1/`.
    pub above: String,
}

/// A branch that was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Whose it is.
    pub agent: AgentId,
    /// Its name.
    pub branch: String,
    /// The merge; absent when an earlier one had brought everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What became of a merge.
#[derive(Debug)]
pub enum Outcome {
    /// It is in.
    Merged(Merged),
    /// It is not, and nothing of it is.
    Conflict(Conflict),
}

/// Merges under way.
pub struct Integration {
    git: Git,
    tree: MergeTree,
    base: String,
    /// The last state that is to be kept.
    kept: String,
    /// With the last merge, which may still be taken back.
    tip: String,
    /// Which agent made a commit; those of nobody here were there before.
    makers: HashMap<String, AgentId>,
}

impl Integration {
    /// Begins at the commit `base`; `author` stands in where git does not know the user's name.
    ///
    /// # Errors
    /// When git fails.
    pub async fn begin(
        tree: MergeTree,
        base: &str,
        author: Option<&Author>,
    ) -> Result<Self, IntegrateError> {
        let mut git = tree
            .git()
            // Who is merged must not decide how it is merged.
            .with("GIT_ATTR_SOURCE", base);
        for setting in SETTINGS {
            git = git.set(*setting);
        }
        for driver in drivers(&git).await? {
            // A program that resolves what git does not. This one always leaves a conflict.
            git = git.set(format!("{driver}=false"));
        }
        Ok(Self {
            git: in_the_name_of(git, author).await?,
            tree,
            base: base.to_owned(),
            kept: base.to_owned(),
            tip: base.to_owned(),
            makers: HashMap::new(),
        })
    }

    /// Where the merges are made, for a check of the last one.
    pub fn tree(&self) -> &Path {
        self.tree.top()
    }

    /// Merges one branch. Afterwards the tree holds everything that was merged so far.
    ///
    /// # Errors
    /// When git fails for another reason than a conflict.
    pub async fn merge(&mut self, side: &Side) -> Result<Outcome, IntegrateError> {
        let own = ["rev-list", &side.commit, "--not", &self.base];
        for commit in self.git.run(&own).await?.lines() {
            let maker = self.makers.entry(commit.to_owned());
            maker.or_insert_with(|| side.agent.clone());
        }
        let message = format!("Merge branch '{}' of agent {}", side.branch, side.agent);
        let merge = [
            "merge",
            "--quiet",
            "--no-ff",
            "--no-edit",
            "--no-stat",
            "--no-log",
            "--no-autostash",
            "--no-gpg-sign",
            "--no-verify-signatures",
            "--strategy=ort",
            "-m",
            &message,
            &side.commit,
        ];
        let finished = self.git.attempt(&merge).await?;
        if finished.code == Some(0) {
            let tip = self.git.run(&["rev-parse", "HEAD"]).await?;
            let commit = (tip != self.tip).then(|| tip.clone());
            self.makers.insert(tip.clone(), side.agent.clone());
            self.tip = tip;
            return Ok(Outcome::Merged(Merged {
                agent: side.agent.clone(),
                branch: side.branch.clone(),
                commit,
            }));
        }
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        let stand = conflict::Stand {
            git: &self.git,
            ours: &self.tip,
            theirs: &side.commit,
            makers: &self.makers,
        };
        let conflict = stand.conflict(side, &said).await?;
        self.reset().await?;
        match conflict {
            Some(conflict) => Ok(Outcome::Conflict(conflict)),
            None => Err(GitError::Refused {
                command: format!("merge {}", side.branch),
                code: finished.code,
                said: cut(&format!("{}{}", finished.stderr, said)),
            }
            .into()),
        }
    }

    /// The last merge stays. What a check has left in the tree does not, but for ignored files: builds
    /// go on from them.
    ///
    /// # Errors
    /// When git fails.
    pub async fn keep(&mut self) -> Result<(), IntegrateError> {
        self.kept.clone_from(&self.tip);
        self.reset().await
    }

    /// The state that is kept.
    pub fn kept(&self) -> &str {
        &self.kept
    }

    /// Goes on from `commit`, and forgets a merge that was not kept.
    ///
    /// # Errors
    /// When git fails.
    pub async fn go_on_from(&mut self, commit: &str) -> Result<(), IntegrateError> {
        commit.clone_into(&mut self.kept);
        commit.clone_into(&mut self.tip);
        self.reset().await
    }

    /// Ends the merges: the branch `name` leads to what was kept, or is not made when that is nothing.
    /// Returns whether there is one; the working tree is gone.
    ///
    /// # Errors
    /// When the branch cannot be made.
    pub async fn finish(self, name: &str) -> Result<bool, IntegrateError> {
        let made = if self.kept == self.base {
            Ok(false)
        } else {
            let branch = ["branch", "--no-track", name, &self.kept];
            self.git.run_patiently(&branch).await.map(|_| true)
        };
        self.tree.remove().await;
        Ok(made?)
    }

    /// Ends the merges and keeps nothing.
    pub async fn abandon(self) {
        self.tree.remove().await;
    }

    async fn reset(&self) -> Result<(), IntegrateError> {
        let reset = ["checkout", "--quiet", "--force", "--detach", &self.tip];
        self.git.run(&["reset", "--quiet", "--hard"]).await?;
        self.git.run(&reset).await?;
        self.git.run(&["clean", "-ffdq"]).await?;
        Ok(())
    }
}

/// The configured merge drivers, by the names of their settings.
async fn drivers(git: &Git) -> Result<Vec<String>, GitError> {
    let list = [
        "config",
        "--null",
        "--name-only",
        "--get-regexp",
        r"^merge\..*\.driver$",
    ];
    // Exit code 1: there are none.
    let listed = git.attempt(&list).await?.stdout;
    let names = listed.split(|byte| *byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

#[cfg(test)]
mod tests;
