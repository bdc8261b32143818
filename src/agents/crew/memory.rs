//! What was learnt, in the hands of whoever asks here, and whether what it is linked with still is.

use std::collections::HashSet;
use std::path::{Component, Path};
use std::time::Duration;

use tokio::time::timeout;

use super::Crew;
use crate::agents::error::AgentError;
use crate::agents::record::{Line, mentions};
use crate::ids::AgentId;
use crate::memory::{Author, Link, LinkKind, Memories, Memory};
use crate::project::Project;
use crate::workspaces::git::Git;

/// Characters of a text that are looked for.
const TELLING: usize = 120;
/// How long is looked for what links lead to; what is not known by then counts as there.
const LOOK: Duration = Duration::from_secs(2);

impl Crew {
    /// The memories of this project, for the session or the running agent that this process is part of.
    ///
    /// # Errors
    /// [`AgentError::Ending`] for an agent that does not run, failures of the store.
    pub async fn memories(&self) -> Result<Memories<'_>, AgentError> {
        let caller = self.caller().await?;
        Ok(self.memories_of(self.author(caller.as_ref())))
    }

    /// The memories in the hands of the person at this command line.
    ///
    /// # Errors
    /// A process that an agent has started.
    pub async fn memories_of_person(&self) -> Result<Memories<'_>, AgentError> {
        match self.caller().await? {
            Some(line) => Ok(self.memories_of(self.author(Some(&line)))),
            None => Ok(self.memories_of(Author::Person)),
        }
    }

    /// The agents that had one of these memories in their prompts, logs, results or messages, which are
    /// theirs: purging a memory leaves them, and they go with their agents.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn agents_that_have(&self, memories: &[Memory]) -> Result<Vec<AgentId>, AgentError> {
        let mut agents = Vec::new();
        let telling = memories.iter().map(|memory| telling(&memory.text));
        for telling in telling.filter(|text| !text.is_empty()) {
            for agent in mentions::agents_with(&self.store, telling).await? {
                if !agents.contains(&agent) {
                    agents.push(agent);
                }
            }
        }
        Ok(agents)
    }

    /// Who writes where `caller`, or the session of this process, asks.
    fn author(&self, caller: Option<&Line>) -> Author {
        match caller {
            Some(line) => Author::Agent {
                id: line.id.clone(),
                definition: line.plan.agent.clone(),
            },
            None => Author::Session {
                id: self.host.session.clone(),
            },
        }
    }

    pub(in crate::agents) fn memories_of(&self, author: Author) -> Memories<'_> {
        Memories::new(
            &self.store,
            self.clock.as_ref(),
            self.ids.as_ref(),
            &self.project,
            author,
            &self.config.memory,
        )
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

/// The longest piece of a text that is written the same within JSON, however deep.
fn telling(text: &str) -> &str {
    let escaped = |c: char| c.is_control() || c == '"' || c == '\\';
    let pieces = text.split(escaped).map(str::trim);
    let longest = pieces.max_by_key(|piece| piece.len()).unwrap_or(text);
    let end = longest.char_indices().nth(TELLING).map(|(at, _)| at);
    end.and_then(|end| longest.get(..end)).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_never_escaped() {
        let text = "a \"quoted\" word\nand the longest line\tof it";
        assert_eq!(telling(text), "and the longest line");
        assert!(serde_json::json!(text).to_string().contains(telling(text)));
        assert_eq!(telling(&"é".repeat(200)).chars().count(), TELLING);
        assert_eq!(telling("\"\""), "");
    }
}
