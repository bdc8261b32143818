//! Where an agent's own working tree is going to be, decided when it is asked for. Looks at the
//! repository and changes nothing.

use std::path::{Path, PathBuf};

use super::carry;
use super::{Git, GitError, WorkspacePlan};
use crate::ids::{AgentId, ProjectId};

/// Characters of a label that go into the name of a branch.
const SLUG: usize = 40;
/// The folder of all branches of ours.
pub(super) const BRANCHES: &str = "ostler";

/// Why an agent cannot have a working tree of its own; displayed it says what and why.
#[derive(Debug, thiserror::Error)]
pub enum NoWorkspace {
    /// The directory is in no repository.
    #[error("{} is in no git repository, so `isolation` has nothing to make a worktree of", dir.display())]
    NoRepository {
        /// The directory.
        dir: PathBuf,
    },
    /// The repository has no working tree there.
    #[error("{} has no working tree: a bare repository, or the inside of one", dir.display())]
    Bare {
        /// The directory.
        dir: PathBuf,
    },
    /// There is nothing to start from.
    #[error("{} has no commit yet that a worktree could start from", top.display())]
    NoCommit {
        /// Top of the working tree.
        top: PathBuf,
    },
    /// A merge stopped half-way.
    #[error("{} has unresolved conflicts, which cannot be carried over", top.display())]
    Conflicts {
        /// Top of the working tree.
        top: PathBuf,
    },
    /// A branch stands where the folder of ours would be.
    #[error("the branch `{BRANCHES}` is in the way of branches named `{BRANCHES}/…`")]
    BranchInTheWay,
    /// The state would be part of what it describes.
    #[error("the state directory {} lies inside the repository {}", home.display(), top.display())]
    StateInside {
        /// The state directory.
        home: PathBuf,
        /// Top of the working tree.
        top: PathBuf,
    },
    /// git cannot be started.
    #[error("git, which `isolation` needs, cannot be started: {0}")]
    NoGit(std::io::Error),
    /// git refused.
    #[error("git does not take {} for a repository: {said}", dir.display())]
    Git {
        /// The directory.
        dir: PathBuf,
        /// Its words.
        said: String,
    },
}

/// The working tree of `agent`, made from the one that `cwd` is in, below the state directory
/// `home`.
///
/// # Errors
/// [`NoWorkspace`] where there can be none.
pub(crate) async fn plan(
    home: &Path,
    project: &ProjectId,
    agent: &AgentId,
    label: &str,
    cwd: &Path,
    with_changes: bool,
) -> Result<WorkspacePlan, NoWorkspace> {
    let (repository, top) = places(cwd).await?;
    let git = Git::at(&top);
    let said = |error: GitError| refused(cwd, error);
    let commit = ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"];
    if git.attempt(&commit).await.map_err(said)?.code != Some(0) {
        return Err(NoWorkspace::NoCommit { top });
    }
    let in_the_way = format!("refs/heads/{BRANCHES}");
    let shown = ["show-ref", "--verify", "--quiet", &in_the_way];
    if git.attempt(&shown).await.map_err(said)?.code == Some(0) {
        return Err(NoWorkspace::BranchInTheWay);
    }
    if with_changes && carry::conflicts(&git).await.map_err(said)? {
        return Err(NoWorkspace::Conflicts { top });
    }
    // The paths of git and of a plan have no links in them.
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    if home.starts_with(&top) {
        return Err(NoWorkspace::StateInside { home, top });
    }
    Ok(WorkspacePlan {
        path: folder(&home).join(project.as_str()).join(agent.as_str()),
        inside: cwd.strip_prefix(&top).unwrap_or(Path::new("")).to_owned(),
        branch: branch(label, agent),
        repository,
        from: top,
        with_changes,
        base: None,
    })
}

/// The folder of all working trees below the state directory.
pub(super) fn folder(home: &Path) -> PathBuf {
    home.join("worktrees")
}

/// The common directory of the repository that `dir` is in, and the top of the working tree.
async fn places(dir: &Path) -> Result<(PathBuf, PathBuf), NoWorkspace> {
    let dir = dir.to_owned();
    let asked = [
        "rev-parse",
        "--path-format=absolute",
        "--git-common-dir",
        "--is-inside-work-tree",
    ];
    let git = Git::at(&dir);
    let told = match git.run(&asked).await {
        Ok(told) => told,
        Err(GitError::Refused { said, .. }) if said.contains("not a git repository") => {
            return Err(NoWorkspace::NoRepository { dir });
        }
        Err(error) => return Err(refused(&dir, error)),
    };
    let (Some(common), true) = (told.lines().next(), told.ends_with("true")) else {
        return Err(NoWorkspace::Bare { dir });
    };
    let top = git.run(&["rev-parse", "--show-toplevel"]).await;
    let top = top.map_err(|error| refused(&dir, error))?;
    let real = |path: &str| Path::new(path).canonicalize();
    match (real(common), real(&top)) {
        (Ok(common), Ok(top)) => Ok((common, top)),
        (Err(error), _) | (_, Err(error)) => Err(NoWorkspace::Git {
            dir,
            said: error.to_string(),
        }),
    }
}

fn refused(dir: &Path, error: GitError) -> NoWorkspace {
    match error {
        GitError::NotStarted(error) => NoWorkspace::NoGit(error),
        GitError::Refused { said, .. } => NoWorkspace::Git {
            dir: dir.to_owned(),
            said,
        },
        other => NoWorkspace::Git {
            dir: dir.to_owned(),
            said: other.to_string(),
        },
    }
}

/// A name that git takes and a person recognises.
fn branch(label: &str, agent: &AgentId) -> String {
    let mut slug = String::new();
    for character in label.chars() {
        if slug.len() == SLUG {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    match slug.trim_end_matches('-') {
        "" => format!("{BRANCHES}/{agent}"),
        slug => format!("{BRANCHES}/{slug}-{agent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SequentialIds;
    use crate::workspaces::scratch::Scratch;

    async fn planned(cwd: &Path, with_changes: bool) -> Result<WorkspacePlan, NoWorkspace> {
        let ids = SequentialIds::default();
        let (project, agent) = (ProjectId::new(&ids), AgentId::new(&ids));
        let cwd = cwd.canonicalize().unwrap();
        plan(
            Path::new("/s"),
            &project,
            &agent,
            "Fix it",
            &cwd,
            with_changes,
        )
        .await
    }

    #[test]
    fn a_branch_is_named_after_the_label() {
        let agent = AgentId::stored("a-000001".to_owned());
        for (label, expected) in [
            ("Fix the parser!", "ostler/fix-the-parser-a-000001"),
            ("  ../..~^:.lock", "ostler/lock-a-000001"),
            ("日本語", "ostler/a-000001"),
        ] {
            assert_eq!(branch(label, &agent), expected);
        }
        assert!(branch(&"x".repeat(60), &agent).len() <= 60);
    }

    #[tokio::test]
    async fn a_tree_lies_in_the_state_directory_and_the_agent_where_it_was_asked_to() {
        let scratch = Scratch::new();
        scratch.write("a/b/c", "1");
        scratch.commit("one");
        let plan = planned(&scratch.top().join("a/b"), false).await.unwrap();
        let top = scratch.top().canonicalize().unwrap();
        assert_eq!(plan.from, top);
        assert_eq!(plan.repository, top.join(".git"));
        assert_eq!(plan.inside, Path::new("a/b"));
        assert_eq!(plan.path, Path::new("/s/worktrees/p-100000/a-200000"));
        assert_eq!(plan.branch, "ostler/fix-it-a-200000");
    }

    #[tokio::test]
    async fn where_there_can_be_none_the_reason_is_told() {
        let bare = Scratch::new();
        assert!(matches!(
            planned(&bare.top(), false).await,
            Err(NoWorkspace::NoCommit { .. })
        ));
        bare.write("f", "1");
        bare.commit("one");
        let inside = planned(&bare.top().join(".git"), false).await;
        assert!(
            matches!(inside, Err(NoWorkspace::Bare { .. })),
            "{inside:?}"
        );
        bare.git(&["branch", "ostler"]);
        assert!(matches!(
            planned(&bare.top(), false).await,
            Err(NoWorkspace::BranchInTheWay)
        ));
        bare.git(&["config", "core.bare", "true"]);
        assert!(matches!(
            planned(&bare.top(), false).await,
            Err(NoWorkspace::Bare { .. })
        ));
        let plain = tempfile::tempdir().unwrap();
        assert!(matches!(
            planned(plain.path(), false).await,
            Err(NoWorkspace::NoRepository { .. })
        ));
    }

    #[tokio::test]
    async fn conflicts_are_not_carried_over() {
        let scratch = Scratch::new();
        scratch.write("f", "1");
        scratch.commit("one");
        scratch.git(&["checkout", "-q", "-b", "other"]);
        scratch.write("f", "2");
        scratch.commit("two");
        scratch.git(&["checkout", "-q", "main"]);
        scratch.write("f", "3");
        scratch.commit("three");
        scratch.may_fail(&["merge", "other"]);
        let refused = planned(&scratch.top(), true).await;
        assert!(
            matches!(refused, Err(NoWorkspace::Conflicts { .. })),
            "{refused:?}"
        );
        assert!(planned(&scratch.top(), false).await.is_ok());
    }
}
