//! Whether a tool call of the child may be made.

use std::path::{Component, Path};

use super::{Outcome, Run};
use crate::agents::budget::Admission;
use crate::config::Permission;
use crate::providers::{Decision, Gate};

impl Run {
    /// The decision, and the end of the run if that call was one too many.
    pub(super) fn decide(
        &mut self,
        gate: Gate,
        tool: &str,
        writes: &[String],
    ) -> (Decision, Option<Outcome>) {
        let permission = self.job.plan.launch.permission;
        let uncovered = || {
            Decision::Deny(format!(
                "this agent runs with permission `{}`, which does not cover this use of {tool}; \
                 go on without it and say so in your answer",
                permission.as_str()
            ))
        };
        match gate {
            // The CLI lets its agents write some places outside, its own memory among them.
            Gate::Policy
                if permission != Permission::Full
                    && writes
                        .iter()
                        .any(|path| !inside(&self.job.plan.launch.cwd, path)) =>
            {
                (uncovered(), None)
            }
            Gate::Policy => {
                let used_up = "the limit `max_tool_calls` of this run is used up; give your final \
                               answer";
                match self.meter.call_asks() {
                    Admission::Admitted => (Decision::Allow, None),
                    Admission::Refused => (Decision::Deny(used_up.to_owned()), None),
                    Admission::Exhausted(limit) => (
                        Decision::Deny(used_up.to_owned()),
                        Some(Outcome::Cut(limit)),
                    ),
                }
            }
            Gate::Approval if permission == Permission::Full => (Decision::Allow, None),
            Gate::Approval => (uncovered(), None),
        }
    }
}

/// Whether `path` lies in the directory `cwd`, with links resolved as far as it exists.
fn inside(cwd: &Path, path: &str) -> bool {
    let path = cwd.join(path);
    if path
        .components()
        .any(|part| matches!(part, Component::ParentDir))
    {
        return false;
    }
    let existing = path.ancestors().find_map(|part| part.canonicalize().ok());
    existing.is_some_and(|existing| existing.starts_with(cwd))
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
        for (path, expected) in [
            ("new.txt", true),
            ("a/b/c.txt", true),
            ("out/x", false),
            ("../x", false),
            ("a/../../x", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(inside(&cwd, path), expected, "{path}");
        }
        assert!(inside(&cwd, &cwd.join("x").to_string_lossy()));
    }
}
