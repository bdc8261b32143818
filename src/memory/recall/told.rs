//! Why something was found, and what was searched where nothing was.

use sqlx::AnyConnection;

use super::score::Scored;
use super::vocabulary::{Sought, most_like};
use super::{Band, filter::Filter};
use crate::memory::model::Scope;
use crate::store::{StoreError, statements};
use crate::text::{counted, one_line};

/// Shares of what was asked from which on a memory fits well, and very well.
const GOOD: f64 = 0.3;
const STRONG: f64 = 0.6;
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

/// Why a memory was found.
pub(super) fn why(scored: &Scored, sought: &Sought) -> String {
    let mut reasons = Vec::new();
    let found: Vec<_> = scored
        .words
        .iter()
        .filter_map(|at| sought.words.get(*at))
        .collect();
    let mut says: Vec<String> = Vec::new();
    for word in found.iter().filter(|word| !word.stands_in) {
        let said = one_line(&word.said, NAME);
        // The parts of a name are told with it.
        if !says.iter().any(|known| known == &said) {
            says.push(said);
        }
    }
    if !says.is_empty() {
        says.truncate(NAMED);
        reasons.push(format!("says {}", says.join(", ")));
    }
    for word in found.iter().filter(|word| word.stands_in).take(NAMED / 2) {
        let (like, said) = (&word.placed.word, one_line(&word.said, NAME));
        reasons.push(format!("{like} is like {said}"));
    }
    if scored.of_subject {
        reasons.push("about whom or what was asked".to_owned());
    }
    if scored.of_that_time {
        reasons.push("of that time".to_owned());
    }
    if !scored.lenders.is_empty() {
        reasons.push(match reasons.is_empty() {
            true => "said beside what fits".to_owned(),
            false => "more beside it".to_owned(),
        });
    }
    reasons.join("; ")
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
