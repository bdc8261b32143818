//! Words about work that was not done: a final text that says so although the account of the run
//! shows nothing of it. Few and plain forms only, because a wrong flag does more harm than a missing
//! one.

use super::Evidence;

const NO_CALLS: &str = "claims work, but made no tool calls";
const ONLY_OURS: &str = "claims work, but called no tools except those of ostler";
const NO_FILES: &str = "claims changed files, but wrote none and ran no command";
const NO_COMMANDS: &str = "claims to have run something, but ran no command";

/// What somebody says who has changed files.
const CHANGED: &[&str] = &[
    "added",
    "changed",
    "committed",
    "corrected",
    "created",
    "deleted",
    "edited",
    "fixed",
    "implemented",
    "modified",
    "pushed",
    "refactored",
    "removed",
    "renamed",
    "replaced",
    "rewrote",
    "rewritten",
    "updated",
    "wrote",
    "written",
];
/// What somebody says who has run something.
const RAN: &[&str] = &["ran", "executed", "tested", "built", "installed"];
/// May stand between `I` and what was done.
const BETWEEN: &[&str] = &[
    "have",
    "also",
    "already",
    "just",
    "now",
    "successfully",
    "then",
];
/// Make a sentence one about what is not, may be, or is only said.
const HEDGES: &[&str] = &[
    "not", "never", "cannot", "can't", "if", "would", "could", "should", "might", "will", "i'll",
    "unless", "until", "whether", "assuming", "once", "when", "unable", "ensure", "expect",
    "asked", "haven't", "didn't", "hasn't", "don't", "doesn't", "wasn't",
];
/// What is made of words, in the answer itself.
const WORDS: &[&str] = &[
    "above",
    "analysis",
    "answer",
    "below",
    "draft",
    "example",
    "examples",
    "explanation",
    "following",
    "list",
    "message",
    "mind",
    "outline",
    "overview",
    "plan",
    "poem",
    "proposal",
    "reply",
    "report",
    "response",
    "sketch",
    "snippet",
    "story",
    "suggestion",
    "suggestions",
    "summary",
    "table",
    "text",
];

/// What `text` claims against the account `evidence`, in words for the caller.
pub(in crate::agents) fn unfounded(text: &str, evidence: &Evidence) -> Vec<String> {
    let (mut changed, mut ran) = (false, false);
    for sentence in sentences(text) {
        changed |= claims(&sentence, CHANGED);
        ran |= claims(&sentence, RAN) || tests_pass(&sentence);
    }
    let calls = evidence.tool_calls.keys().any(|tool| !is_ours(tool));
    let acts_unseen = evidence
        .tool_calls
        .keys()
        .any(|tool| works_unseen(tool) && !is_ours(tool));
    let commands = !evidence.commands.is_empty();
    let wrote = !evidence.files_written.is_empty();
    let flag = match (changed || ran, calls) {
        (false, _) => None,
        (true, false) if evidence.tool_calls.is_empty() => Some(NO_CALLS),
        (true, false) => Some(ONLY_OURS),
        _ if acts_unseen || evidence.entries_left_out > 0 => None,
        _ if changed && !wrote && !commands => Some(NO_FILES),
        _ if ran && !commands => Some(NO_COMMANDS),
        _ => None,
    };
    flag.map(str::to_owned).into_iter().collect()
}

/// Tools of ours, whatever a CLI puts before their names.
const OURS: [&str; 11] = [
    "ask_parent",
    "claim_task",
    "close_task",
    "create_tasks",
    "forget",
    "get_task",
    "list_tasks",
    "recall",
    "remember",
    "submit_result",
    "update_task",
];

/// Tools of ours, by which nothing is done.
fn is_ours(tool: &str) -> bool {
    OURS.iter().any(|ours| tool.ends_with(ours))
}

/// Tools that may write or run what no protocol shows: agents, and servers of others.
fn works_unseen(tool: &str) -> bool {
    let tool = tool.to_ascii_lowercase();
    ["task", "agent", "mcp", "other", "execute"]
        .iter()
        .any(|part| tool.contains(part))
}

/// The words of each sentence, in small letters, without code and quotations.
fn sentences(text: &str) -> Vec<Vec<String>> {
    let mut fenced = false;
    let mut all = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced || line.starts_with('>') {
            continue;
        }
        // The end of a sentence, and not the dot in a file's name.
        for sentence in line
            .split(". ")
            .flat_map(|part| part.split(['!', ';', ':']))
        {
            if sentence.contains(['?', '"', '“']) {
                continue;
            }
            let words = sentence
                .split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’'))
                .filter(|word| !word.is_empty())
                .map(|word| word.to_lowercase().replace('’', "'"))
                .collect();
            all.push(words);
        }
    }
    all
}

/// Whether the sentence says that the speaker has done one of `verbs`.
fn claims(sentence: &[String], verbs: &[&str]) -> bool {
    if any(sentence, HEDGES) || any(sentence, WORDS) {
        return false;
    }
    sentence.iter().enumerate().any(|(at, word)| {
        let speaks = matches!(word.as_str(), "i" | "i've");
        let mut then = sentence
            .iter()
            .skip(at + 1)
            .skip_while(|word| BETWEEN.contains(&word.as_str()));
        speaks
            && then
                .next()
                .is_some_and(|word| verbs.contains(&word.as_str()))
    })
}

/// Whether the sentence says that tests pass now, as in "all 12 tests now pass".
fn tests_pass(sentence: &[String]) -> bool {
    const BEFORE: &[&str] = &[
        "all",
        "the",
        "and",
        "unit",
        "integration",
        "existing",
        "new",
    ];
    const BEHIND: &[&str] = &["are", "all", "now", "have"];
    const AFTER: &[&str] = &["now", "again", "and", "successfully", "locally"];
    let mut words = sentence
        .iter()
        .map(String::as_str)
        .skip_while(|word| BEFORE.contains(word) || word.chars().all(|c| c.is_ascii_digit()));
    if any(sentence, HEDGES) || words.next() != Some("tests") {
        return false;
    }
    let mut words = words.skip_while(|word| BEHIND.contains(word));
    let pass = words.next().is_some_and(|word| {
        matches!(
            word,
            "pass" | "passed" | "passing" | "succeed" | "succeeded"
        )
    });
    // Some tests pass something on.
    pass && words.next().is_none_or(|word| AFTER.contains(&word))
}

fn any(sentence: &[String], words: &[&str]) -> bool {
    sentence.iter().any(|word| words.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::evidence::CommandRun;

    fn flags(text: &str, calls: &[&str]) -> Vec<String> {
        let evidence = Evidence {
            tool_calls: calls.iter().map(|name| ((*name).to_owned(), 1)).collect(),
            ..Evidence::default()
        };
        unfounded(text, &evidence)
    }

    #[test]
    fn work_without_a_single_call_is_doubted() {
        for text in [
            "I have fixed the bug in src/parser.rs.",
            "Done! I've successfully updated the README",
            "I\u{2019}ve implemented the feature. All tests pass.",
            "Everything works.\n\nI created `a.txt` and committed it.",
            "All 12 tests pass",
            "The unit tests are now passing.",
            "I ran the test suite.",
            "I just committed everything to the branch.",
        ] {
            assert_eq!(flags(text, &[]), [NO_CALLS], "{text}");
            for ours in ["mcp__ostler__submit_result", "mcp_ostler_close_task"] {
                assert_eq!(flags(text, &[ours]), [ONLY_OURS]);
            }
        }
    }

    #[test]
    fn answers_and_plans_are_not_doubted() {
        for text in [
            "done",
            "The file says two.",
            "Paris is the capital of France.",
            "I will fix the bug in src/parser.rs.",
            "Plan: 1. I would add a test. 2. Then the bug is fixed.",
            "I have not changed anything.",
            "I haven't updated the file, because it is not there.",
            "I have created a plan:",
            "I have written a summary below.",
            "I've changed my mind about the second step.",
            "I wrote the following function for you:\n```py\n# I fixed it\n```",
            "If I have fixed it, all tests pass.",
            "All tests pass once the path is set.",
            "Make sure that all tests pass.",
            "The tests pass a path to the parser.",
            "Why do the tests pass?",
            "He said \"I have fixed it\".",
            "> I have fixed it",
            "This bug was fixed in version 2. The function has been updated since.",
            "You asked whether I updated it",
            "The model claims that it created a file.",
        ] {
            assert_eq!(flags(text, &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn looking_alone_changes_and_runs_nothing() {
        let (changed, ran) = ("I have fixed the parser.", "All tests pass.");
        assert_eq!(flags(changed, &["Read"]), [NO_FILES]);
        assert_eq!(flags(ran, &["Read"]), [NO_COMMANDS]);
        for unseen in ["Task", "spawn_agent", "mcp__files__write", "other"] {
            assert_eq!(flags(changed, &[unseen]), [""; 0], "{unseen}");
        }
        let mut evidence = Evidence::default();
        evidence.tool_calls.insert("Edit".to_owned(), 1);
        evidence.files_written.insert("parser.rs".to_owned());
        assert_eq!(unfounded(changed, &evidence), [""; 0]);
        assert_eq!(unfounded(ran, &evidence), [NO_COMMANDS]);
        evidence.commands.push(CommandRun {
            command: "cargo test".to_owned(),
            exit_code: Some(0),
            ok: Some(true),
        });
        assert_eq!(unfounded(ran, &evidence), [""; 0]);
    }
}
