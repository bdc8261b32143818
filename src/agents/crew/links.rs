//! Whether what memories are linked with is still there.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::Crew;
use crate::memory::{Link, LinkKind};
use crate::project::Project;
use crate::workspaces::git::Git;

/// How long is looked for what links lead to; what is not known by then counts as there.
const LOOK: Duration = Duration::from_secs(2);

impl Crew {
    /// The top of the working tree around this process, where paths start from.
    pub fn top(&self) -> PathBuf {
        let cwd = &self.host.cwd;
        Project::discover(cwd).map_or_else(|_| cwd.clone(), |project| project.root)
    }

    /// Those of `links` that lead to a file or a commit that is not there any more, in this working
    /// tree and its repository. What cannot be found out counts as there.
    pub async fn stale_links(&self, links: &[Link]) -> Vec<Link> {
        let of_kind = |kind: LinkKind| links.iter().filter(move |link| link.kind == kind);
        let Ok(project) = Project::discover(&self.host.cwd) else {
            return Vec::new();
        };
        let mut stale: HashSet<&Link> = HashSet::new();
        let files = async {
            let mut gone = Vec::new();
            for link in of_kind(LinkKind::File) {
                if is_gone(&project.root, &link.target).await {
                    gone.push(link);
                }
            }
            gone
        };
        stale.extend(timeout(LOOK, files).await.unwrap_or_default());
        let commits: Vec<&Link> = of_kind(LinkKind::Commit).collect();
        if project.key != project.root && !commits.is_empty() {
            stale.extend(missing(&project.root, commits).await);
        }
        let is_stale = |link: &&Link| stale.contains(*link);
        links.iter().filter(is_stale).cloned().collect()
    }
}

async fn is_gone(root: &Path, target: &str) -> bool {
    let target = Path::new(target);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    // Nothing outside is looked at, whoever has written the link.
    if !target.components().all(inside) {
        return true;
    }
    let found = tokio::fs::symlink_metadata(root.join(target)).await;
    found.is_err_and(|error| {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        matches!(error.kind(), NotFound | NotADirectory)
    })
}

/// Those of `commits` that the repository does not have. One git answers for all of them.
async fn missing<'a>(root: &Path, commits: Vec<&'a Link>) -> Vec<&'a Link> {
    let is_hash = |link: &&Link| {
        let target = &link.target;
        (4..=64).contains(&target.len()) && target.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let (hashes, mut stale): (Vec<_>, Vec<_>) = commits.into_iter().partition(is_hash);
    let asked: String = hashes
        .iter()
        .map(|link| format!("{}^{{commit}}\n", link.target.to_ascii_lowercase()))
        .collect();
    let git = Git::at(root)
        .with("GIT_NO_LAZY_FETCH", "1")
        .within(LOOK)
        .reading(asked);
    let Ok(answers) = git.run(&["cat-file", "--batch-check"]).await else {
        return stale;
    };
    for (link, answer) in hashes.into_iter().zip(answers.lines()) {
        // A branch may be called like a hash.
        let is_it = answer.starts_with(&link.target.to_ascii_lowercase());
        if !is_it || answer.ends_with(" missing") {
            stale.push(link);
        }
    }
    stale
}
