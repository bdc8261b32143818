//! Changes and history of the repository around a directory, told by git without anything that the
//! repository could make it run: no hooks, no drivers of diffs, no filters, no fetching of what is
//! missing.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::error::Problem;
use super::{ENTRY_LIMIT, MARGIN};
use crate::workspaces::{Git, GitError, with_index_copied};

/// How long git may take; a caller waits for the answer.
const PATIENCE: Duration = Duration::from_secs(30);
const HEAD: &str = "HEAD";
/// New files that are named beside a diff.
const UNTRACKED: usize = 50;
/// Always before the subcommand. Missing objects stay missing, and nobody is asked to sign for them.
const ALONE: [&str; 2] = ["-c", "protocol.allow=never"];
/// What diffs look like, whatever the configuration says.
const PLAIN: [&str; 6] = [
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--submodule=short",
    "--ignore-submodules=dirty",
    "--no-relative",
];

/// The beginning of what git has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agents) struct Said {
    pub(in crate::agents) about: String,
    pub(in crate::agents) text: String,
    /// Bytes behind it.
    pub(in crate::agents) unread: u64,
}

/// The changes of `revision` (or a range of them), or those that are not committed.
///
/// # Errors
/// [`Problem::Git`] in git's own words.
pub(in crate::agents) async fn diff(
    directory: &Path,
    revision: Option<&str>,
) -> Result<Said, Problem> {
    let look = Look::at(directory).await?;
    let against = match revision {
        Some(revision) => revision.to_owned(),
        None => look.head().await?,
    };
    let mut args = vec!["diff"];
    args.extend(PLAIN);
    args.extend(["--end-of-options", against.as_str(), "--"]);
    let mut said = look.beginning(&args).await?;
    match revision {
        Some(revision) if said.text.is_empty() => said.text = format!("no changes in {revision}\n"),
        Some(_) => {}
        None => {
            said.about = "what is not committed, against HEAD".to_owned();
            if said.text.is_empty() {
                said.text = "no uncommitted changes\n".to_owned();
            }
            let new = look.untracked().await?;
            if !new.is_empty() {
                // In front, where no cut takes it away.
                said.text = format!("{new}\n{}", said.text);
            }
        }
    }
    Ok(said)
}

/// The last `count` commits.
///
/// # Errors
/// [`Problem::Git`] in git's own words.
pub(in crate::agents) async fn log(directory: &Path, count: u32) -> Result<Said, Problem> {
    let look = Look::at(directory).await?;
    if look.head().await? != HEAD {
        return Err(Problem::Git("git: there is no commit yet".to_owned()));
    }
    let count = format!("--max-count={count}");
    let mut args = vec!["log", &count, "--no-show-signature", "--date=iso-strict"];
    args.extend(["--no-color", "--no-ext-diff", "--no-textconv", "--no-patch"]);
    args.extend([
        "--format=commit %h%nAuthor: %an%nDate: %ad%n%n%w(0,4,4)%B",
        "--end-of-options",
        HEAD,
        "--",
    ]);
    look.beginning(&args).await
}

/// git in a repository whose own programs are switched off.
struct Look {
    git: Git,
    /// In front of every command.
    options: Vec<String>,
    /// Holds a copy of the index: a diff writes anew the one it works on, whatever it is told about
    /// locks, and that is not to be the user's.
    _scratch: TempDir,
}

impl Look {
    async fn at(directory: &Path) -> Result<Self, Problem> {
        let git = Git::at(directory).with("GIT_NO_LAZY_FETCH", "1");
        let scratch = tempfile::tempdir()?;
        let mut look = Self {
            git: within(with_index_copied(git, &scratch.path().join("index"))).await?,
            options: ALONE.map(str::to_owned).to_vec(),
            _scratch: scratch,
        };
        for filter in look.filters().await? {
            for (key, value) in [("clean", ""), ("process", ""), ("required", "false")] {
                look.options
                    .extend(["-c".to_owned(), format!("filter.{filter}.{key}={value}")]);
            }
        }
        Ok(look)
    }

    /// Filters that the repository itself configures; those of the user are the user's own choice.
    async fn filters(&self) -> Result<Vec<String>, Problem> {
        let args = [
            "config",
            "--null",
            "--show-scope",
            "--name-only",
            "--get-regexp",
            r"^filter\.",
        ];
        let finished = within(self.git.attempt(&args)).await?;
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        let mut parts = said.split('\0');
        let mut filters = Vec::new();
        while let (Some(scope), Some(key)) = (parts.next(), parts.next()) {
            let name = key
                .strip_prefix("filter.")
                .and_then(|key| key.rsplit_once('.'))
                .map(|(name, _)| name.to_owned());
            if !matches!(scope, "local" | "worktree") {
                continue;
            }
            match name {
                // Could not be switched off: what is behind the first `=` would be the value.
                Some(name) if name.contains('=') => {
                    let told = format!("the repository has a filter with the name {name:?}");
                    return Err(Problem::Git(told));
                }
                Some(name) if !filters.contains(&name) => filters.push(name),
                _ => {}
            }
        }
        Ok(filters)
    }

    /// The commit to compare with: before the first one, the empty tree.
    async fn head(&self) -> Result<String, Problem> {
        let args = ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"];
        match within(self.git.attempt(&args)).await?.code {
            Some(0) => Ok(HEAD.to_owned()),
            _ => self.run(&["hash-object", "-t", "tree", "/dev/null"]).await,
        }
    }

    /// The names of new files, as a line; empty when there are none.
    async fn untracked(&self) -> Result<String, Problem> {
        let args = [
            "ls-files",
            "--others",
            "--exclude-standard",
            "--directory",
            "--no-empty-directory",
        ];
        let listed = self.run(&args).await?;
        let names: Vec<&str> = listed.lines().collect();
        let mut line = match names.as_slice() {
            [] => return Ok(String::new()),
            names => names
                .iter()
                .take(UNTRACKED)
                .copied()
                .collect::<Vec<_>>()
                .join(", "),
        };
        if names.len() > UNTRACKED {
            line.push_str(&format!(" and {} more", names.len() - UNTRACKED));
        }
        Ok(format!("New and not in this diff: {line}\n"))
    }

    async fn run(&self, args: &[&str]) -> Result<String, Problem> {
        within(self.git.run(&self.with_options(args))).await
    }

    /// The beginning of what a command prints, which may be more than fits into memory.
    async fn beginning(&self, args: &[&str]) -> Result<Said, Problem> {
        let file = tempfile::NamedTempFile::new()?;
        let output = format!("--output={}", file.path().display());
        let (subcommand, rest) = args
            .split_first()
            .map_or(("", args), |(it, rest)| (*it, rest));
        let mut with_output = vec![subcommand, output.as_str()];
        with_output.extend(rest);
        self.run(&with_output).await?;
        let length = file.as_file().metadata()?.len();
        let limit = (ENTRY_LIMIT + MARGIN) as u64;
        let mut bytes = Vec::new();
        file.reopen()?.take(limit).read_to_end(&mut bytes)?;
        Ok(Said {
            about: String::new(),
            unread: length.saturating_sub(bytes.len() as u64),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    fn with_options(&self, args: &[&str]) -> Vec<String> {
        let args = args.iter().map(|arg| (*arg).to_owned());
        self.options.iter().cloned().chain(args).collect()
    }
}

async fn within<T>(command: impl Future<Output = Result<T, GitError>>) -> Result<T, Problem> {
    match timeout(PATIENCE, command).await {
        Ok(finished) => finished.map_err(|error| Problem::Git(told(&error))),
        Err(_) => Err(Problem::Git(format!(
            "git did not answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// An error in one line. The first argument that git was given is not the subcommand here.
fn told(error: &GitError) -> String {
    let text = match error {
        GitError::Refused { said, .. } => said.clone(),
        other => other.to_string(),
    };
    let fatal = text.lines().find_map(|line| line.strip_prefix("fatal: "));
    let line = fatal.or(text.lines().next()).unwrap_or_default();
    format!("git: {line}")
}

#[cfg(test)]
mod tests;
