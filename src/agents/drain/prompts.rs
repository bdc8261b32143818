//! What agents of a drain are told beside their task.

use crate::workspaces::integrate::{Conflict, ConflictFile};

/// Longest account of what a run lacked.
const WHY: usize = 4000;

/// What an agent is told that begins.
pub(crate) fn begin(writes: bool, commits: bool, expected: Option<&str>) -> String {
    if !writes {
        return "Find out what the task asks and give your answer, with what it rests on, as your \
                final message. Change no files."
            .to_owned();
    }
    let expected = match expected {
        Some(command) => format!(" `{command}` has to succeed there when you end."),
        None => String::new(),
    };
    let commit = match commits {
        true => {
            "Commit everything that belongs to the task on that branch and leave nothing uncommitted."
        }
        false => {
            "You need not commit: what has changed there is committed for you when you have ended, all \
             of it, so leave nothing that does not belong to the task."
        }
    };
    format!(
        "Do the task. You work in a git worktree of your own, on a branch of your own, which starts \
         from what the tasks before yours have left.{expected} {commit} Do not switch branches, push, \
         or merge into others; when you have ended your branch is looked at and merged, and the task \
         is closed for you."
    )
}

/// What an agent is told whose run was cut off.
pub(crate) fn cut_off(title: &str, branch: &str) -> String {
    format!(
        "Your run was cut off by something that was not your fault. Go on with your task, {title:?}, \
         in the same worktree, on the branch {branch}. Whatever you had written and committed is \
         still there: look at `git log` and `git status` first and do nothing again that is done."
    )
}

/// What an agent is told whose run did not do the task.
pub(crate) fn again(title: &str, branch: &str, trunk: &str, why: &str) -> String {
    format!(
        "Your task, {title:?}, is not done yet. What is missing, as ostler has found:\n{why}\n\nSee \
         to that in the same worktree, on the branch {branch}. What others have done meanwhile is on the branch {trunk}; `git merge {trunk}` \
         brings it into yours."
    )
}

/// A conflict in words for the agent that has to resolve it.
pub(crate) fn conflict(conflict: &Conflict, trunk: &str) -> String {
    let with = conflict.with.join(", ");
    let mut told = format!(
        "your branch could not be merged: it is in conflict with what was on {trunk} before (by \
         {with}). Run `git merge {trunk}`, resolve the conflicts so that both sides keep what they \
         meant, and commit the merge"
    );
    for ConflictFile {
        path, ours, theirs, ..
    } in &conflict.files
    {
        told.push_str(&format!(
            "\n- {path}: there: {ours}; on your branch: {theirs}"
        ));
    }
    if conflict.more_files > 0 {
        told.push_str(&format!("\n- and {} more files", conflict.more_files));
    }
    bounded(&told)
}

/// At most as much as an agent is told of what it lacked.
pub(crate) fn bounded(why: &str) -> String {
    crate::providers::clip(why, WHY).to_owned()
}
