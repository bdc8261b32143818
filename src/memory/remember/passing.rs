//! Recognising statements about what is going on just now: true when they are written, and wrong as
//! soon as anybody reads them. In doubt a statement is none of these.

mod moment;

/// What somebody says who reports what they do; a verb ending in `-ing` follows.
const NOW: [&str; 22] = [
    "i am now ",
    "i'm now ",
    "i am currently ",
    "i'm currently ",
    "i am still ",
    "i'm still ",
    "i am just ",
    "i'm just ",
    "i am ",
    "i'm ",
    "we are now ",
    "we're now ",
    "we are currently ",
    "we're currently ",
    "now i am ",
    "now i'm ",
    "right now i am ",
    "right now i'm ",
    "currently ",
    "now ",
    "still ",
    "",
];
/// What a beginning is announced or an end is reported with, whatever follows.
const SOON: [&str; 19] = [
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
    "let me ",
    "let's now ",
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
/// How a statement ends whose subject is just doing something.
const STANDS: [&str; 12] = [
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
];
/// A sentence with one of these behind its first verb tells more than that: `running the tests needs
/// Docker`.
const TELLS: [&str; 34] = [
    "is", "are", "was", "were", "has", "have", "needs", "need", "requires", "require", "takes",
    "take", "must", "should", "cannot", "can't", "fails", "fail", "means", "causes", "breaks",
    "uses", "use", "because", "works", "gives", "makes", "costs", "may", "will", "can", "does",
    "doesn't", "always",
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

/// Whether every sentence of a text says only what is going on just now.
pub(super) fn is_passing(text: &str) -> bool {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let mut sentences = lower
        .split(['\n', ';'])
        .map(entry)
        .flat_map(|line| line.split(". "))
        .map(plain)
        .filter(|sentence| !sentence.is_empty())
        .peekable();
    sentences.peek().is_some() && sentences.all(passes)
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

fn passes(sentence: &str) -> bool {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if words.len() > LONG {
        return false;
    }
    if SOON.iter().any(|soon| sentence.starts_with(soon)) || sentence == "wip" {
        return true;
    }
    if NOTHING.contains(&sentence) || is_to_do(sentence) || moment::is_told(sentence) {
        return true;
    }
    if STANDS.iter().any(|stands| sentence.ends_with(stands)) {
        // `a red badge means that the build is in progress`
        let ending = words.len().saturating_sub(4);
        return !words.iter().take(ending).any(|word| TELLS.contains(word));
    }
    NOW.iter().any(|now| {
        let Some(rest) = sentence.strip_prefix(now) else {
            return false;
        };
        let mut rest = rest.split_whitespace();
        let is_busy = rest.next().is_some_and(|verb| BUSY.contains(&verb));
        // `running everything in CI` may be a rule; `i am running` is none.
        let says_when = !now.is_empty() || is_bound(sentence);
        is_busy && says_when && (now.starts_with("i") || !rest.any(|word| TELLS.contains(&word)))
    })
}

fn is_to_do(sentence: &str) -> bool {
    let begins = TO_DO.iter().any(|begins| sentence.starts_with(begins));
    // `TODO(ann): rename it`
    let named = sentence
        .strip_prefix("todo(")
        .and_then(|rest| rest.split_once(')'));
    begins || named.is_some_and(|(_, rest)| rest.starts_with(':'))
}

/// Whether a sentence without a subject is about this moment.
fn is_bound(sentence: &str) -> bool {
    [
        "working on ",
        "waiting for ",
        "continuing with ",
        "looking into ",
        "looking at ",
    ]
    .iter()
    .any(|begins| sentence.starts_with(begins))
        || [" now", " right now", " at the moment", "..."]
            .iter()
            .any(|ends| sentence.ends_with(ends))
}

#[cfg(test)]
mod tests;
