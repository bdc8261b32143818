//! The branch on which the work of agents comes together, and on which others start. It is moved on by
//! compare-and-swap, so that two who merge at the same time cannot lose each other's work, and never
//! while somebody has it checked out.

use std::path::Path;

use super::IntegrateError;
use crate::workspaces::inspect::{checked_out, tip};
use crate::workspaces::{Git, GitError};

/// A branch that is ours to move.
#[derive(Debug, Clone)]
pub struct Trunk {
    git: Git,
    branch: String,
}

impl Trunk {
    /// The branch of that name in `repository`, a git common directory.
    pub fn of(repository: &Path, branch: &str) -> Self {
        Self {
            git: Git::at(repository),
            branch: branch.to_owned(),
        }
    }

    /// Its name.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Where it points; `None` when there is none.
    ///
    /// # Errors
    /// When git fails.
    pub async fn tip(&self) -> Result<Option<String>, GitError> {
        tip(&self.git, &self.branch).await
    }

    /// Makes the branch at `commit`, unless somebody else has made it meanwhile.
    ///
    /// # Errors
    /// When git fails.
    pub async fn begin(&self, commit: &str) -> Result<(), GitError> {
        self.swap(commit, "").await.map(|_| ())
    }

    /// Moves it from the commit `from` to `to`; `false` when it is no longer there.
    ///
    /// # Errors
    /// [`IntegrateError::CheckedOut`], or when git fails.
    pub async fn advance(&self, from: &str, to: &str) -> Result<bool, IntegrateError> {
        self.refuse_checked_out().await?;
        Ok(self.swap(to, from).await?)
    }

    /// Deletes the branch, which has nothing of its own, if it is still at `commit`.
    ///
    /// # Errors
    /// When git fails.
    pub async fn drop_at(&self, commit: &str) -> Result<(), GitError> {
        if checked_out(&self.git, &self.branch).await?.is_none() {
            let name = format!("refs/heads/{}", self.branch);
            let deleted = self.git.run(&["update-ref", "-d", &name, commit]).await;
            if let Err(error) = deleted {
                tracing::debug!(%error, "an empty branch stays");
            }
        }
        Ok(())
    }

    /// Refuses a branch on which somebody stands: it would be moved under their feet.
    ///
    /// # Errors
    /// [`IntegrateError::CheckedOut`], or when git fails.
    pub async fn refuse_checked_out(&self) -> Result<(), IntegrateError> {
        match checked_out(&self.git, &self.branch).await? {
            None => Ok(()),
            Some(place) => Err(IntegrateError::CheckedOut {
                branch: self.branch.clone(),
                place: place.into(),
            }),
        }
    }

    async fn swap(&self, to: &str, from: &str) -> Result<bool, GitError> {
        let name = format!("refs/heads/{}", self.branch);
        let update = ["update-ref", "--create-reflog", &name, to, from];
        // What git says of a branch that has moved looks like what it says of one that is locked.
        match self.git.run(&update).await {
            Ok(_) => return Ok(true),
            Err(GitError::Refused { .. }) if !self.stands_at(from).await? => return Ok(false),
            Err(GitError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.git.run_patiently(&update).await {
            Ok(_) => Ok(true),
            Err(GitError::Refused { .. }) if !self.stands_at(from).await? => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn stands_at(&self, commit: &str) -> Result<bool, GitError> {
        Ok(self.tip().await?.unwrap_or_default() == commit)
    }

    /// Whether `commit` is on it.
    ///
    /// # Errors
    /// When git fails.
    pub async fn has(&self, commit: &str) -> Result<bool, GitError> {
        let name = format!("refs/heads/{}", self.branch);
        is_in(&self.git, commit, &name).await
    }

    /// Whether everything on it is part of the history of `commit`.
    ///
    /// # Errors
    /// When git fails.
    pub async fn is_behind(&self, commit: &str) -> Result<bool, GitError> {
        let name = format!("refs/heads/{}", self.branch);
        is_in(&self.git, &name, commit).await
    }

    /// Whether `commit` is part of the history of `other`, wherever the branch is.
    ///
    /// # Errors
    /// When git fails.
    pub async fn is_in(&self, commit: &str, other: &str) -> Result<bool, GitError> {
        is_in(&self.git, commit, other).await
    }

    /// The merge that has brought `commit` onto it, looked for from the commit `since` on.
    ///
    /// # Errors
    /// When git fails.
    pub async fn merge_of(&self, commit: &str, since: &str) -> Result<Option<String>, GitError> {
        let range = format!("{since}..refs/heads/{}", self.branch);
        let log = ["log", "--first-parent", "--merges", "--format=%H %P"];
        let merges = self.git.run(&[&log[..], &[&range, "--"]].concat()).await?;
        Ok(merges.lines().find_map(|line| {
            let mut hashes = line.split(' ');
            let merge = hashes.next()?;
            // Behind the parent that was there before.
            hashes
                .skip(1)
                .any(|it| it == commit)
                .then(|| merge.to_owned())
        }))
    }

    /// Whether `commit` would bring a change to it.
    ///
    /// # Errors
    /// When git fails.
    pub async fn would_change(&self, commit: &str) -> Result<bool, GitError> {
        let range = format!("refs/heads/{}...{commit}", self.branch);
        let diff = ["diff", "--quiet", "--no-ext-diff", &range, "--"];
        match self.git.attempt(&diff).await? {
            told if told.code == Some(0) => Ok(false),
            told if told.code == Some(1) => Ok(true),
            told => Err(GitError::Refused {
                command: "diff".to_owned(),
                code: told.code,
                said: crate::workspaces::git::cut(&told.stderr),
            }),
        }
    }

    /// Where the branch `name` of the same repository points.
    ///
    /// # Errors
    /// When git fails.
    pub async fn tip_of(&self, name: &str) -> Result<Option<String>, GitError> {
        tip(&self.git, name).await
    }

    /// How many commits of `commit` are on top of `base`.
    ///
    /// # Errors
    /// When git fails.
    pub async fn count(&self, base: &str, commit: &str) -> Result<u32, GitError> {
        let range = format!("{base}..{commit}");
        let count = self.git.run(&["rev-list", "--count", &range, "--"]).await?;
        Ok(count.parse().unwrap_or_default())
    }
}

/// Whether `one` is part of the history of `other`.
pub(super) async fn is_in(git: &Git, one: &str, other: &str) -> Result<bool, GitError> {
    let ask = ["merge-base", "--is-ancestor", one, other];
    Ok(git.attempt(&ask).await?.code == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspaces::scratch::Scratch;

    fn head(scratch: &Scratch) -> String {
        scratch.git(&["rev-parse", "HEAD"])
    }

    #[tokio::test]
    async fn of_two_who_move_it_from_the_same_place_one_does() {
        let scratch = Scratch::with_a_commit();
        let trunk = Trunk::of(&scratch.top().join(".git"), "ostler/drain-x");
        assert_eq!(trunk.tip().await.unwrap(), None);
        let one = head(&scratch);
        trunk.begin(&one).await.unwrap();
        scratch.write("file", "two\n");
        scratch.commit("two");
        let two = head(&scratch);
        scratch.write("file", "three\n");
        scratch.commit("three");
        let three = head(&scratch);
        // Who comes late to make it leaves it as it is.
        trunk.begin(&two).await.unwrap();
        assert_eq!(trunk.tip().await.unwrap().as_ref(), Some(&one));
        assert!(trunk.advance(&one, &two).await.unwrap());
        assert!(!trunk.advance(&one, &three).await.unwrap());
        assert_eq!(trunk.tip().await.unwrap(), Some(two));
    }

    #[tokio::test]
    async fn it_is_not_moved_under_somebodys_feet() {
        let scratch = Scratch::with_a_commit();
        let one = head(&scratch);
        scratch.write("file", "two\n");
        scratch.commit("two");
        let two = head(&scratch);
        let trunk = Trunk::of(&scratch.top().join(".git"), "ostler/drain-x");
        trunk.begin(&one).await.unwrap();
        scratch.git(&["checkout", "-q", "ostler/drain-x"]);
        let refused = trunk.advance(&one, &two).await;
        assert!(
            matches!(refused, Err(IntegrateError::CheckedOut { .. })),
            "{refused:?}"
        );
        assert_eq!(trunk.tip().await.unwrap(), Some(one));
    }

    #[tokio::test]
    async fn what_was_merged_is_found_again_by_its_merge() {
        let scratch = Scratch::with_a_commit();
        let base = head(&scratch);
        scratch.git(&["checkout", "-q", "-b", "work"]);
        scratch.write("new", "new\n");
        scratch.commit("work");
        let work = head(&scratch);
        scratch.git(&["checkout", "-q", "-b", "ostler/drain-x", &base]);
        let trunk = Trunk::of(&scratch.top().join(".git"), "ostler/drain-x");
        assert!(trunk.would_change(&work).await.unwrap());
        assert_eq!(trunk.merge_of(&work, &base).await.unwrap(), None);
        scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "work"]);
        let merge = head(&scratch);
        assert_eq!(trunk.merge_of(&work, &base).await.unwrap(), Some(merge));
        assert!(!trunk.would_change(&work).await.unwrap());
        assert!(trunk.has(&work).await.unwrap());
        // A commit that changes nothing is no work.
        scratch.git(&["checkout", "-q", "work"]);
        scratch.git(&["commit", "-q", "--allow-empty", "-m", "done, I promise"]);
        assert!(!trunk.would_change(&head(&scratch)).await.unwrap());
    }
}
