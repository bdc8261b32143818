//! Sentences that tell how things stand at this moment: `the working tree is dirty`, `it works now`.

/// What changes from hour to hour in a working copy, and what it is then.
const CHANGING: [&str; 16] = [
    "working tree",
    "working directory",
    "working copy",
    "worktree",
    "tree",
    "branch",
    "build",
    "ci",
    "pipeline",
    "test suite",
    "suite",
    "tests",
    "all tests",
    "main",
    "everything",
    "it",
];
const STATES: [&str; 33] = [
    "dirty",
    "clean",
    "green",
    "red",
    "broken",
    "fixed",
    "failing",
    "passing",
    "pass",
    "passes",
    "fail",
    "fails",
    "failed",
    "passed",
    "running",
    "up",
    "down",
    "up to date",
    "done",
    "ready",
    "merged",
    "pushed",
    "deployed",
    "finished",
    "complete",
    "completed",
    "stuck",
    "blocked",
    "online",
    "offline",
    "working",
    "works",
    "good",
];
/// What says when, in front of a sentence or behind it.
const MOMENT: [&str; 6] = [
    "right now",
    "at the moment",
    "at this moment",
    "just now",
    "now",
    "again",
];
/// Words of what will be so for some time, whatever it says of now.
const LASTS: [&str; 26] = [
    "must",
    "should",
    "only",
    "because",
    "until",
    "unless",
    "when",
    "if",
    "always",
    "never",
    "use",
    "uses",
    "using",
    "needs",
    "need",
    "require",
    "requires",
    "support",
    "supports",
    "supported",
    "since",
    "instead",
    "with",
    "by",
    "without",
    "everywhere",
];
/// What git says of a working copy.
const GIT: [&str; 5] = [
    "there are uncommitted changes",
    "there are unstaged changes",
    "there are untracked files",
    "there are unpushed commits",
    "there are merge conflicts",
];
/// Longest sentence that ends with a moment, in words.
const MOMENTARY: usize = 9;

/// Whether a sentence only tells how things stand at this moment.
pub(super) fn is_told(sentence: &str) -> bool {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if words.len() > MOMENTARY || lasts(sentence) {
        return false;
    }
    if GIT.iter().any(|says| sentence.starts_with(says)) {
        return true;
    }
    if let ["currently", "on", "branch", _] | ["on", "branch", _] = words.as_slice() {
        return true;
    }
    if let Some((what, state)) = sentence.split_once(" currently ") {
        return subject(&format!("{what} {state}")).is_some();
    }
    // `now` in front may begin anything: `now we deploy with Argo`.
    let in_front = MOMENT.iter().filter(|moment| moment.contains(' '));
    let mut behind = in_front.filter_map(|moment| sentence.strip_prefix(moment));
    if behind.any(|rest| rest.starts_with([',', ' ']) && subject(rest).is_some()) {
        return true;
    }
    let mut before = MOMENT
        .iter()
        .filter_map(|moment| sentence.strip_suffix(moment));
    if let Some(rest) = before.find(|rest| rest.ends_with(' ')) {
        return subject(rest.trim_end()).is_some();
    }
    match words.as_slice() {
        [share, "done" | "complete" | "finished"] => share.ends_with('%') || share.contains('/'),
        _ => subject(sentence).is_some_and(|what| CHANGING.contains(&what)),
    }
}

/// Whether a sentence says of what will be so for some time.
pub(super) fn lasts(sentence: &str) -> bool {
    sentence
        .split_whitespace()
        .any(|word| LASTS.contains(&word))
}

/// What a sentence says is in one of the states that pass.
fn subject(sentence: &str) -> Option<&str> {
    STATES.iter().find_map(|state| {
        let what = sentence.strip_suffix(state)?.strip_suffix(' ')?;
        let verbs = [
            " is", " are", " was", " were", " has", " have", "'s", " is all", " are all",
        ];
        let mut without = verbs.iter().filter_map(|verb| what.strip_suffix(verb));
        let what = without.next().unwrap_or(what);
        Some(what.strip_prefix("the ").unwrap_or(what))
    })
}
