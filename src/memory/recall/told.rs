//! Why something was found, and what was searched where nothing was.

use sqlx::AnyConnection;

use super::others::most_like;
use super::score::{Scored, When};
use super::vocabulary::{QUESTION, Read, Sought};
use super::{Band, filter::Filter, kinds};
use crate::memory::brief::date;
use crate::memory::lexicon;
use crate::memory::model::{Memory, Scope};
use crate::store::{StoreError, statements};
use crate::text::{counted, one_line};

/// Shares of what was asked from which on a memory fits well, and very well.
const GOOD: f64 = 0.3;
const STRONG: f64 = 0.6;
/// That it is of a time that was named, or of the days behind it.
pub(super) const OF_THAT_TIME: &str = "of that time";
pub(super) const NEAR_THAT_TIME: &str = "near that time";
pub(super) const NO_WORD_OF_THAT_TIME: &str =
    "nothing has the words of the question; this is what there is of that time";
/// Words that are named, and characters of each.
const NAMED: usize = 6;
const NAME: usize = 40;
/// Tags that are named.
const TAGS: usize = 5;

statements! {
    // Those of the newest: nobody reads more.
    TAGS_THERE = "SELECT tagged.tag FROM (
          SELECT n FROM memory WHERE place IN (SELECT value FROM json_each($1))
            AND forgotten_ms = 0 AND superseded_by = '' ORDER BY n DESC LIMIT 5000
        ) AS newest CROSS JOIN memory_tag AS tagged ON tagged.memory = newest.n
        GROUP BY tagged.tag ORDER BY count(*) DESC, tagged.tag LIMIT 1000";
}

/// How well a memory fits that has this share of what was asked.
pub(super) fn band(share: f64) -> Band {
    match share {
        share if share >= STRONG => Band::Strong,
        share if share >= GOOD => Band::Good,
        _ => Band::Weak,
    }
}

/// Why a memory is not so now, if it is not.
pub(super) fn not_so_now(memory: &Memory, now_ms: i64) -> Option<String> {
    if let Some(by) = &memory.superseded_by {
        return Some(format!("superseded by {by}"));
    }
    if memory.valid_to_ms != 0 && memory.valid_to_ms <= now_ms {
        return Some(format!("no longer so since {}", date(memory.valid_to_ms)));
    }
    let is_to_come = memory.valid_from_ms > now_ms;
    is_to_come.then(|| format!("not so before {}", date(memory.valid_from_ms)))
}

/// What whoever asks should know of a question before it is answered.
pub(super) fn before(wordings: &[&String], read: &[Read]) -> Vec<String> {
    let mut notes = Vec::new();
    let goes_on = |wording: &&String| wording.chars().nth(QUESTION).is_some();
    if wordings.iter().any(goes_on) {
        notes.push(format!(
            "only the first {QUESTION} characters of the question were looked at"
        ));
    }
    let says_nothing = |read: &Read| read.is_empty() && read.window.is_none();
    if !read.is_empty() && read.iter().all(says_nothing) {
        notes.push("there is no word in the question".to_owned());
    }
    let mut vague = read.iter().flat_map(Read::vague);
    if let (Some(word), true) = (vague.next(), read.iter().all(Read::is_vague)) {
        let word = one_line(word, NAME);
        notes.push(format!(
            "the question has only words like `{word}`, which any memory may have; add what it is about"
        ));
    }
    notes
}

/// Why a memory was found, as far as that is known without its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reasons {
    words: Vec<Asked>,
    others: Vec<&'static str>,
    /// Whether what stands beside it made it fit better.
    beside: bool,
}

/// A word that a memory has.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    said: String,
    word: String,
}

impl Reasons {
    pub(super) fn of(scored: &Scored, sought: &Sought) -> Self {
        let words = scored.words.iter().filter_map(|at| sought.words.get(*at));
        // Those that were asked for before those that stand in for others.
        let (own, others): (Vec<_>, Vec<_>) = words.partition(|word| !word.stands_in);
        let words = own.into_iter().chain(others).map(|word| Asked {
            said: word.said.clone(),
            word: word.placed.word.clone(),
        });
        let mut reasons = Self {
            words: words.collect(),
            others: Vec::new(),
            beside: !scored.lenders.is_empty(),
        };
        if scored.of_subject {
            reasons.add("about whom or what was asked");
        }
        match scored.when {
            Some(When::Then) => reasons.add(OF_THAT_TIME),
            Some(When::Near) => reasons.add(NEAR_THAT_TIME),
            None => {}
        }
        reasons
    }

    /// A single reason.
    pub(super) fn only(why: &'static str) -> Self {
        Self {
            others: vec![why],
            ..Self::default()
        }
    }

    /// One more.
    pub(super) fn add(&mut self, why: &'static str) {
        self.others.push(why);
    }

    /// Why `memory` was found, in words that are true of it: it says only what stands in its text.
    pub(super) fn told(&self, memory: &Memory) -> String {
        let text = lexicon::written(&memory.text);
        let tags = lexicon::written(&memory.tags.join(" "));
        let (mut says, mut tagged, mut like) = (Vec::new(), Vec::new(), Vec::new());
        let mut by_kind = false;
        for Asked { said, word } in &self.words {
            let shown = one_line(said, NAME);
            let of = |written: &[(String, String)]| {
                let same = written.iter().find(|(form, _)| form == said);
                let other = || written.iter().find(|(_, it)| it == word);
                same.or_else(other).map(|(form, _)| one_line(form, NAME))
            };
            match (of(&text), of(&tags)) {
                (Some(form), _) if form == shown => put(&mut says, shown, NAMED),
                (_, Some(form)) if form == shown => put(&mut tagged, shown, NAMED),
                (Some(form), _) | (None, Some(form)) => {
                    put(&mut like, format!("{form} is like {shown}"), NAMED / 2);
                }
                (None, None) if kinds::named(word) == Some(memory.kind) => by_kind = true,
                (None, None) => {}
            }
        }
        let mut reasons = Vec::new();
        for (name, words) in [("says", says), ("tagged", tagged)] {
            if !words.is_empty() {
                reasons.push(format!("{name} {}", words.join(", ")));
            }
        }
        reasons.extend(like);
        if by_kind {
            reasons.push(format!("of the kind {}", memory.kind));
        }
        reasons.extend(self.others.iter().map(|why| (*why).to_owned()));
        if self.beside {
            reasons.push(match reasons.is_empty() {
                true => "said beside what fits".to_owned(),
                false => "more beside it".to_owned(),
            });
        }
        reasons.join("; ")
    }
}

fn put(words: &mut Vec<String>, word: String, most: usize) {
    if words.len() < most && !words.contains(&word) {
        words.push(word);
    }
}

/// What was searched without finding anything, and which tags there come closest.
pub(super) async fn nothing(
    connection: &mut AnyConnection,
    scopes: &[Scope],
    places: &[i64],
    memories: i64,
    filter: &Filter,
    said: &[String],
) -> Result<Vec<String>, StoreError> {
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let memories = u64::try_from(memories).unwrap_or_default();
    let mut note = format!(
        "nothing found among {} in {}",
        counted(memories, "memory"),
        scopes.join(", ")
    );
    let wanted = filter.told();
    if !wanted.is_empty() {
        note.push_str(&format!(", of those {}", wanted.join(", ")));
    }
    let mut notes = vec![note];
    if memories == 0 {
        return Ok(notes);
    }
    let there: Vec<String> = sqlx::query_scalar(TAGS_THERE)
        .bind(serde_json::json!(places).to_string())
        .fetch_all(connection)
        .await?;
    let words = said.iter().map(String::as_str).chain(filter.tags());
    let like = most_like(words, &there, TAGS);
    let list = |tags: &[String]| {
        let tags = tags.iter().take(TAGS).map(|tag| one_line(tag, NAME));
        tags.collect::<Vec<_>>().join(", ")
    };
    if !like.is_empty() {
        notes.push(format!("the closest tags there: {}", list(&like)));
    } else if !there.is_empty() {
        notes.push(format!("tags there: {}", list(&there)));
    }
    Ok(notes)
}
