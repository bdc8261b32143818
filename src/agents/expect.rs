//! What a caller expects of a run, to be checked by us when it has ended, and what became of that.

use std::path::{Component, Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::AgentError;
use crate::project::Project;

/// Longest command, in bytes.
const LONGEST_COMMAND: usize = 8 * 1024;
/// Most files.
const MOST_FILES: usize = 100;

/// What must hold in the agent's workspace after its run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Files that exist, relative to its directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// A shell command that exits 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// It has committed something itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub commits: bool,
    /// It has left nothing uncommitted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clean: bool,
}

/// One thing that was expected and does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmet {
    /// Which: `file <path>`, `command`, `commits` or `clean`.
    pub what: String,
    /// Why it does not hold.
    pub why: String,
}

impl Expect {
    /// Refuses what could not be checked in an agent's directory, which will be `cwd` or a tree that
    /// is made from its repository.
    ///
    /// # Errors
    /// [`AgentError::BadValue`].
    pub(super) fn check(&self, cwd: &Path) -> Result<(), AgentError> {
        let refuse = |problem: String| {
            Err(AgentError::BadValue {
                field: "expect",
                problem,
            })
        };
        if *self == Expect::default() {
            return refuse("expects nothing".to_owned());
        }
        if self.files.len() > MOST_FILES {
            return refuse(format!("names more than {MOST_FILES} files"));
        }
        for file in &self.files {
            let inside = Path::new(file)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            if file.trim().is_empty() || !inside || file.contains('\0') {
                let file: String = file.chars().take(60).collect();
                return refuse(format!(
                    "names the file {file:?}, which is none in the agent's directory"
                ));
            }
        }
        match &self.command {
            Some(command) if command.trim().is_empty() => {
                return refuse("has an empty command".to_owned());
            }
            Some(command) if command.len() > LONGEST_COMMAND || command.contains('\0') => {
                return refuse(format!(
                    "has a command that no shell takes, or one over {LONGEST_COMMAND} bytes"
                ));
            }
            _ => {}
        }
        let in_repository =
            || Project::discover(cwd).is_ok_and(|project| project.key != project.root);
        if (self.commits || self.clean) && !in_repository() {
            let asked = if self.commits { "commits" } else { "clean" };
            return refuse(format!(
                "asks for `{asked}`, and {} is in no git repository",
                cwd.display()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(expect: Expect, cwd: &Path) -> String {
        expect.check(cwd).unwrap_err().to_string()
    }

    fn file(path: &str) -> Expect {
        Expect {
            files: vec![path.to_owned()],
            ..Expect::default()
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = dir.path();
        assert_eq!(refusal(Expect::default(), cwd), "`expect` expects nothing");
        for path in ["/etc/passwd", "../x", "a/../../x", "", " ", "a\0b"] {
            let told = refusal(file(path), cwd);
            assert!(told.contains("which is none in the agent's"), "{told}");
        }
        for path in ["a", "a/b.txt", "./a", "..a/b"] {
            assert!(file(path).check(cwd).is_ok(), "{path}");
        }
        let command = |command: &str| Expect {
            command: Some(command.to_owned()),
            ..Expect::default()
        };
        assert_eq!(
            refusal(command(" \n"), cwd),
            "`expect` has an empty command"
        );
        assert!(command("true").check(cwd).is_ok());
        assert!(command(&"x".repeat(9000)).check(cwd).is_err());
    }

    #[test]
    fn git_is_asked_for_in_a_repository_only() {
        let dir = tempfile::tempdir().unwrap();
        let commits = || Expect {
            commits: true,
            ..Expect::default()
        };
        let clean = || Expect {
            clean: true,
            ..Expect::default()
        };
        let told = refusal(commits(), dir.path());
        assert!(told.contains("asks for `commits`, and "), "{told}");
        assert!(refusal(clean(), dir.path()).contains("`clean`"));
        let made = std::process::Command::new("git")
            .args(["init", "-q"])
            .current_dir(dir.path())
            .status();
        assert!(made.unwrap().success());
        let below = dir.path().join("below");
        std::fs::create_dir(&below).unwrap();
        for cwd in [dir.path(), &below] {
            assert!(commits().check(cwd).is_ok() && clean().check(cwd).is_ok());
        }
    }
}
