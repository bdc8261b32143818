//! Where definitions come from, and how far each place is trusted.

use serde::Serialize;

/// The place of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `.ostler/agents` of the project, or of a directory within it.
    Project,
    /// `.claude/agents` of the project, or of a directory within it.
    ProjectClaude,
    /// `agents` in the user's configuration folder.
    User,
    /// `agents` in the user's folder of Claude Code.
    UserClaude,
    /// Part of ostler.
    BuiltIn,
}

impl Origin {
    /// The name used in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Project => "project",
            Origin::ProjectClaude => "project_claude",
            Origin::User => "user",
            Origin::UserClaude => "user_claude",
            Origin::BuiltIn => "built_in",
        }
    }

    /// Whether it came with a repository, whose author the user need not trust.
    pub(super) fn is_project(self) -> bool {
        matches!(self, Origin::Project | Origin::ProjectClaude)
    }

    /// Whether it was written for Claude Code.
    pub(in crate::agents) fn is_claude(self) -> bool {
        matches!(self, Origin::ProjectClaude | Origin::UserClaude)
    }
}
