//! Recognising statements about what is going on just now: true when they are written, and wrong as
//! soon as anybody reads them. In doubt a statement is none of these.

mod moment;

/// What somebody says who reports what they do just now; a verb ending in `-ing` follows.
const NOW: [&str; 15] = [
    "i am now ",
    "i'm now ",
    "i am currently ",
    "i'm currently ",
    "i am still ",
    "i'm still ",
    "i am just ",
    "i'm just ",
    "now i am ",
    "now i'm ",
    "right now i am ",
    "right now i'm ",
    "currently ",
    "now ",
    "still ",
];
/// The same, which may as well begin what is so: `I'm running Linux`, `we are now running Postgres 16`.
const OFTEN: [&str; 9] = [
    "i am ",
    "i'm ",
    "we are now ",
    "we're now ",
    "we are currently ",
    "we're currently ",
    "we are ",
    "we're ",
    "",
];
/// What a beginning is announced or an end is reported with, whatever follows.
const SOON: [&str; 18] = [
    "about to ",
    "i am about to ",
    "i'm about to ",
    "we are about to ",
    "just started ",
    "i just started ",
    "i have just started ",
    "i've just started ",
    "just finished ",
    "i just finished ",
    "i will now ",
    "i'll now ",
    "now i will ",
    "now i'll ",
    "next i will ",
    "next, i will ",
    "next i'll ",
    "let's now ",
];
/// What somebody asks to be let do who does it at once; `let me approve it` is a rule.
const LET_ME: [&str; 7] = ["check", "fix", "look", "run", "see", "start", "try"];
/// What makes a rule of what begins like a report.
const RULE: [&str; 9] = [
    "always", "never", "only", "every", "each", "whenever", "before", "first", "myself",
];
/// What one is busy with, as opposed to what is so: `using pnpm` and `supporting Windows` are facts.
const BUSY: [&str; 34] = [
    "analysing",
    "analyzing",
    "building",
    "checking",
    "compiling",
    "continuing",
    "debugging",
    "deploying",
    "downloading",
    "editing",
    "executing",
    "exploring",
    "fetching",
    "fixing",
    "implementing",
    "indexing",
    "installing",
    "investigating",
    "looking",
    "processing",
    "reading",
    "refactoring",
    "restarting",
    "reviewing",
    "running",
    "searching",
    "starting",
    "testing",
    "trying",
    "updating",
    "uploading",
    "waiting",
    "working",
    "writing",
];
/// What is done with and gone soon.
const THINGS: [&str; 27] = [
    "branch",
    "bug",
    "build",
    "change",
    "changes",
    "ci",
    "commit",
    "conflict",
    "conflicts",
    "crash",
    "deploy",
    "deployment",
    "diff",
    "error",
    "failure",
    "fix",
    "issue",
    "log",
    "logs",
    "migration",
    "patch",
    "pipeline",
    "review",
    "suite",
    "task",
    "test",
    "tests",
];
/// What stands between a verb and such a thing that is known.
const THIS: [&str; 10] = [
    "the", "this", "that", "a", "an", "on", "at", "into", "for", "with",
];
/// How a statement ends whose subject is just doing something.
const STANDS: [&str; 16] = [
    "in progress",
    "is in progress",
    "are in progress",
    "is currently running",
    "are currently running",
    "is running now",
    "are running now",
    "is still running",
    "are still running",
    "is running right now",
    "is being worked on",
    "work in progress",
    "is waiting for review",
    "are waiting for review",
    "is awaiting review",
    "are awaiting review",
];
/// A sentence with one of these behind its first verb tells more than that: `running the tests needs
/// Docker`.
const TELLS: [&str; 38] = [
    "is", "are", "was", "were", "has", "have", "needs", "need", "requires", "require", "takes",
    "take", "must", "should", "cannot", "can't", "fails", "fail", "means", "causes", "breaks",
    "uses", "use", "because", "works", "gives", "makes", "costs", "may", "will", "can", "does",
    "doesn't", "always", "go", "live", "belong", "keep",
];
/// What says that there is nothing to say.
const NOTHING: [&str; 30] = [
    "ok",
    "okay",
    "done",
    "all done",
    "i'm done",
    "i am done",
    "it's done",
    "it is done",
    "done so far",
    "done for now",
    "finished",
    "completed",
    "task completed",
    "the task is done",
    "fixed",
    "it works",
    "works",
    "success",
    "successful",
    "passed",
    "ready",
    "yes",
    "no",
    "noted",
    "got it",
    "thanks",
    "thank you",
    "looks good",
    "all good",
    "lgtm",
];
/// What a list of what is to be done has in front of its entries.
const TO_DO: [&str; 6] = [
    "todo:",
    "to do:",
    "to-do:",
    "fixme:",
    "next step:",
    "next steps:",
];
/// Longest sentence that is looked at, in words: a longer one has something to tell.
const LONG: usize = 25;

/// Whether every sentence of a text says only what is going on just now. Where the text `is_rule`, how
/// it begins tells nothing: a preference says what somebody does.
pub(super) fn is_passing(text: &str, is_rule: bool) -> bool {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let mut sentences = lower
        .split(['\n', ';'])
        .map(entry)
        .flat_map(|line| line.split(". "))
        .map(plain)
        .filter(|sentence| !sentence.is_empty())
        .peekable();
    sentences.peek().is_some() && sentences.all(|sentence| passes(sentence, is_rule))
}

/// A line, or what it says is to be done where it has an empty box in front.
fn entry(line: &str) -> &str {
    let boxed = line.trim_start().trim_start_matches(['-', '*', '+', ' ']);
    match boxed.starts_with("[ ]") {
        true => "wip",
        false => line,
    }
}

/// A sentence without what stands around it.
fn plain(sentence: &str) -> &str {
    let marks = |c: char| !c.is_alphanumeric();
    let sentence = sentence.trim_matches(marks);
    let named = ["status:", "update:", "note:", "progress:", "context:"];
    let begins = named.iter().find_map(|name| sentence.strip_prefix(name));
    begins.map_or(sentence, |rest| rest.trim_matches(marks))
}

fn passes(sentence: &str, is_rule: bool) -> bool {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if words.len() > LONG {
        return false;
    }
    if sentence == "wip"
        || NOTHING.contains(&sentence)
        || is_to_do(sentence)
        || moment::is_told(sentence)
    {
        return true;
    }
    if STANDS.iter().any(|stands| sentence.ends_with(stands)) {
        // `a red badge means that the build is in progress`
        let ending = words.len().saturating_sub(4);
        return !words.iter().take(ending).any(|word| TELLS.contains(word));
    }
    !is_rule && !words.iter().any(|word| RULE.contains(word)) && reports(sentence)
}

/// Whether a sentence begins like a report of what somebody does.
fn reports(sentence: &str) -> bool {
    let let_me = sentence.strip_prefix("let me ").map(first);
    if SOON.iter().any(|soon| sentence.starts_with(soon))
        || let_me.is_some_and(|verb| LET_ME.contains(&verb))
    {
        return true;
    }
    let busy_behind = |begins: &&str| {
        let rest = sentence.strip_prefix(*begins)?;
        // What runs somewhere does so for long.
        if ["running on ", "running in ", "working in "]
            .iter()
            .any(|it| rest.starts_with(it))
        {
            return None;
        }
        BUSY.contains(&first(rest)).then_some(rest)
    };
    let mut now = NOW.iter().filter_map(|now| Some((now, busy_behind(now)?)));
    let tells = |rest: &str| rest.split_whitespace().any(|word| TELLS.contains(&word));
    now.any(|(now, rest)| now.starts_with('i') || !tells(rest))
        || OFTEN.iter().any(|begins| {
            busy_behind(begins)
                .is_some_and(|rest| !tells(rest) && is_bound(rest, begins.is_empty()))
        })
}

fn first(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

fn is_to_do(sentence: &str) -> bool {
    let begins = TO_DO
        .iter()
        .find_map(|begins| sentence.strip_prefix(begins));
    // `TODO(ann): rename it`
    let named = sentence
        .strip_prefix("todo(")
        .and_then(|rest| rest.split_once("):"));
    let Some(rest) = begins.or(named.map(|(_, rest)| rest)) else {
        return false;
    };
    // `TODO: comments are banned`
    let tells = rest
        .split_whitespace()
        .nth(1)
        .is_some_and(|verb| TELLS.contains(&verb));
    !tells || moment::is_told(rest.trim())
}

/// Whether what somebody is doing, from its verb on, is of this moment; `is_alone` if nobody is said
/// to do it, so that it may be what a rule is about.
fn is_bound(doing: &str, is_alone: bool) -> bool {
    let mut words = doing.split_whitespace().skip(1).peekable();
    let is_this = words.peek().is_some_and(|word| THIS.contains(word));
    let is_thing = is_this && words.any(|word| THINGS.contains(&word)) && !moment::lasts(doing);
    let begins = [
        "working on ",
        "waiting for ",
        "continuing with ",
        "looking into ",
        "looking at ",
    ];
    let ends = [" now", " right now", " at the moment", "..."];
    ends.iter().any(|ends| doing.ends_with(ends))
        || match is_alone {
            true => begins.iter().any(|begins| doing.starts_with(begins)),
            false => is_thing,
        }
}

#[cfg(test)]
mod tests;
