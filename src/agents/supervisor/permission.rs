//! Whether a tool call of the child may be made.

use std::path::{Component, Path, PathBuf};

use super::{Outcome, Run};
use crate::agents::budget::Admission;
use crate::config::Permission;
use crate::providers::{Gate, PermissionSupport, Reach};

/// What becomes of a tool call.
pub(super) enum Ruling {
    /// It may be made.
    Allow,
    /// It may not.
    Deny(String),
    /// It may not, and that was one too many.
    End(String, Outcome),
    /// Somebody else decides.
    Ask,
}

impl Run {
    pub(super) fn rule(
        &mut self,
        gate: Gate,
        tool: &str,
        reach: Reach,
        files: &[String],
    ) -> Ruling {
        let permission = self.job.plan.launch.permission;
        let cwd = &self.job.plan.launch.cwd;
        let stays_inside = files.iter().all(|path| inside(cwd, path));
        match gate {
            // The CLI lets its agents write some places outside, its own memory among them.
            Gate::Policy if permission != Permission::Full && !stays_inside => {
                Ruling::Deny(self.uncovered(tool))
            }
            // What was asked for may be handed in whatever was used up.
            Gate::Policy if self.handover.is_owed() && hands_in(tool) => Ruling::Allow,
            Gate::Policy if self.job.plan.task.is_some() && keeps_task(tool) => Ruling::Allow,
            Gate::Policy => {
                let used_up = "the limit `max_tool_calls` of this run is used up; give your final \
                               answer"
                    .to_owned();
                match self.meter.call_asks() {
                    Admission::Admitted => Ruling::Allow,
                    Admission::Refused => Ruling::Deny(used_up),
                    Admission::Exhausted(limit) => Ruling::End(used_up, Outcome::Cut(limit)),
                }
            }
            Gate::Approval => match (permission, reach) {
                (Permission::Full, _) => Ruling::Allow,
                // Who has rules of its own asks about reading only where it is delicate.
                (_, Reach::Reads) if stays_inside && self.asks_about_everything() => Ruling::Allow,
                // A reading agent stays one, whatever anybody answers.
                (Permission::ReadOnly, _) => Ruling::Deny(self.uncovered(tool)),
                (Permission::Edit, Reach::Edits)
                    if stays_inside
                        && !files.is_empty()
                        && !files.iter().any(|path| decides_what_runs(cwd, path)) =>
                {
                    Ruling::Allow
                }
                (Permission::Edit, _) => Ruling::Ask,
            },
        }
    }

    /// Whether the CLI has no rules of its own that hold the permission.
    fn asks_about_everything(&self) -> bool {
        self.capabilities
            .is_some_and(|can| can.permissions != PermissionSupport::Enforced)
    }

    /// Why a call is refused that goes beyond the agent's permission.
    pub(super) fn uncovered(&self, tool: &str) -> String {
        format!(
            "this agent runs with permission `{}`, which does not cover this use of {tool}; go on \
             without it and say so in your answer",
            self.job.plan.launch.permission.as_str()
        )
    }
}

/// Whether this is our own tool for results, by the names that CLIs give it.
fn hands_in(tool: &str) -> bool {
    matches!(
        tool,
        "mcp__ostler__submit_result" | "mcp_ostler_submit_result" | "ostler_submit_result"
    )
}

/// Whether this is one of our tools by which an agent says how far its task is.
fn keeps_task(tool: &str) -> bool {
    let prefixes = ["mcp__ostler__", "mcp_ostler_", "ostler_"];
    let own = prefixes.iter().find_map(|prefix| tool.strip_prefix(prefix));
    matches!(own, Some("update_task" | "close_task"))
}

/// Folders and files in which a program finds what it is to run, or what an agent may do. Writing
/// there is more than editing: the next command of anybody would carry it out.
const DECISIVE: [&str; 15] = [
    ".git",
    ".agents",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".idea",
    ".mcp.json",
    ".opencode",
    ".ostler",
    ".vscode",
    ".envrc",
    ".gitmodules",
    "opencode.json",
    "opencode.jsonc",
];

/// Whether `path` lies in the directory `cwd`, with links resolved as far as it exists.
fn inside(cwd: &Path, path: &str) -> bool {
    resolved(cwd, path).is_some_and(|path| path.starts_with(cwd))
}

/// Whether writing `path` in the directory `cwd` decides what others run there.
fn decides_what_runs(cwd: &Path, path: &str) -> bool {
    let resolved = resolved(cwd, path);
    let below = resolved.as_deref().and_then(|it| it.strip_prefix(cwd).ok());
    below.is_none_or(|below| {
        below.components().any(|part| {
            let part = part.as_os_str();
            DECISIVE.iter().any(|name| part.eq_ignore_ascii_case(name))
        })
    })
}

/// `path` with links resolved as far as it exists; `None` for one that leads upwards.
fn resolved(cwd: &Path, path: &str) -> Option<PathBuf> {
    let path = cwd.join(path);
    if path
        .components()
        .any(|part| matches!(part, Component::ParentDir))
    {
        return None;
    }
    // A link to what is not there yet exists as well: writing it would make its target.
    let existing = path
        .ancestors()
        .find(|part| part.symlink_metadata().is_ok())?;
    let rest = path.strip_prefix(existing).ok()?;
    Some(existing.canonicalize().ok()?.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_only_if_it_stays_there_whatever_exists() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let cwd = root.join("project");
        std::fs::create_dir(&cwd).unwrap();
        std::os::unix::fs::symlink(&root, cwd.join("out")).unwrap();
        std::os::unix::fs::symlink(root.join("new"), cwd.join("dangling")).unwrap();
        for (path, expected) in [
            ("new.txt", true),
            ("a/b/c.txt", true),
            ("out/x", false),
            ("dangling", false),
            ("../x", false),
            ("a/../../x", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(inside(&cwd, path), expected, "{path}");
        }
        assert!(inside(&cwd, &cwd.join("x").to_string_lossy()));
    }

    #[test]
    fn results_are_handed_in_under_the_names_of_every_cli() {
        for (tool, expected) in [
            ("mcp__ostler__submit_result", true),
            ("mcp_ostler_submit_result", true),
            ("ostler_submit_result", true),
            ("mcp__other__submit_result", false),
            ("submit_result", false),
            ("Bash", false),
        ] {
            assert_eq!(hands_in(tool), expected, "{tool}");
        }
    }

    #[test]
    fn what_decides_what_others_run_is_more_than_a_file_of_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = dir.path().canonicalize().unwrap();
        std::fs::create_dir(cwd.join(".git")).unwrap();
        std::os::unix::fs::symlink(cwd.join(".git"), cwd.join("innocent")).unwrap();
        for (path, expected) in [
            ("src/main.rs", false),
            (".gitignore", false),
            (".github/workflows/ci.yml", false),
            ("docs/.git.md", false),
            (".git/hooks/pre-commit", true),
            ("innocent/hooks/pre-commit", true),
            (".GIT/config", true),
            ("vendor/x/.claude/settings.json", true),
            (".codex/config.toml", true),
            ("opencode.json", true),
            (".gemini/settings.json", true),
        ] {
            assert_eq!(decides_what_runs(&cwd, path), expected, "{path}");
            assert!(inside(&cwd, path), "{path}");
        }
    }
}
