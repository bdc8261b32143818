//! The words of a question as they are known where it is asked. For one that is known nowhere there,
//! words stand in that begin with it, or else those that look like it.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::candidates::{self, Placed, idf};
use super::time::{self, Window};
use crate::memory::index::Statistics;
use crate::memory::lexicon::{self, Term};
use crate::store::{StoreError, statements};

/// Characters of a question that are looked at.
pub(super) const QUESTION: usize = 4000;
/// Words of a question that are looked for, those that tell the most.
const WORDS: usize = 32;
/// Words that a memory has to have to fit a question of many: a prompt says more than any memory does.
const TELLING: usize = 6;
/// Unknown words of a question for which others are looked for.
const UNKNOWN: usize = 4;
/// Words that may stand in for an unknown one.
const STAND_INS: usize = 3;
/// What a word counts that begins with an unknown one, and one that is wholly like it.
const BEGINS: f64 = 0.7;
const LIKE: f64 = 0.6;
/// Least likeness, by the three-letter pieces that two words share.
const LIKENESS: f64 = 0.5;
/// Letters of words that are compared so.
const LETTERS: std::ops::RangeInclusive<usize> = 4..=14;

/// How many of the pieces $6 to $20 are in a word; a piece that is not there is bound as `/`.
macro_rules! shared {
    ($($piece:literal)+) => {
        concat!("0", $(" + (instr('  ' || word || ' ', ", $piece, ") > 0)"),+)
    };
}

// PostgreSQL spells `instr` as `strpos`.
statements! {
    BEGINNING = "SELECT word.word FROM json_each($1) AS place CROSS JOIN memory_word AS word
        WHERE word.place = place.value AND word.word > $2 AND word.word < $3
        GROUP BY word.word ORDER BY length(word.word), sum(word.memories) DESC LIMIT $4";
    CONTAINING = "SELECT DISTINCT word FROM (
          SELECT word.word FROM json_each($1) AS place CROSS JOIN memory_word AS word
          WHERE word.place = place.value AND length(word.word) = 2 LIMIT 50000)
        WHERE instr(word, $2) > 0 LIMIT $3";
    // At most so many words are looked at, whatever was kept.
    LOOKING_LIKE = concat!(
        "SELECT word FROM (SELECT word, ",
        shared!("$6" "$7" "$8" "$9" "$10" "$11" "$12" "$13" "$14" "$15" "$16" "$17" "$18" "$19" "$20"),
        " AS shared FROM (
            SELECT word.word FROM json_each($1) AS place CROSS JOIN memory_word AS word
            WHERE word.place = place.value AND word.word >= $2 AND word.word < $3
              AND length(word.word) BETWEEN $4 AND $5 LIMIT 50000))
          WHERE shared * 4 >= $21 + length(word)
          GROUP BY word ORDER BY max(shared) DESC, length(word) LIMIT 12"
    );
}

/// One wording of what is looked for.
pub(super) struct Question {
    /// Its words, the most telling of them, each as the place of a [`Word`] and how much it counts.
    pub(super) parts: Vec<(usize, f64)>,
    /// What a memory with all of it has.
    pub(super) attainable: f64,
    /// What a memory with the most telling of its known words has.
    pub(super) telling: f64,
    /// The time that it names.
    pub(super) window: Option<Window>,
    /// Whether it asks for a time.
    pub(super) asks_when: bool,
}

/// A word that is looked for.
pub(super) struct Word {
    /// As it is compared, where it is, and what it tells.
    pub(super) placed: Placed,
    /// As it was asked.
    pub(super) said: String,
    /// Whether it stands in for what was asked.
    pub(super) stands_in: bool,
}

/// What is looked for, in all wordings.
#[derive(Default)]
pub(super) struct Sought {
    pub(super) words: Vec<Word>,
    pub(super) questions: Vec<Question>,
}

/// A wording, read but not looked up.
pub(super) struct Read {
    terms: Vec<Term>,
    pub(super) window: Option<Window>,
    asks_when: bool,
}

impl Read {
    /// Reads the beginning of a wording.
    pub(super) fn of(text: &str, now_ms: i64) -> Self {
        let text = match text.char_indices().nth(QUESTION) {
            Some((end, _)) => text.get(..end).unwrap_or_default(),
            None => text,
        };
        let window = time::named(text, now_ms);
        let mut terms = lexicon::asked(text);
        if let Some(window) = &window {
            // A text of then does not say `last week`, but it may well say `May`.
            let names = |term: &Term| window.words.contains(&term.said);
            if window.relative || terms.iter().all(names) {
                terms.retain(|term| !names(term));
            }
        }
        Self {
            terms,
            window,
            asks_when: time::is_asked(text),
        }
    }

    /// Whether there is no word to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Its words, as they were asked.
    pub(super) fn said(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.said.as_str())
    }
}

/// Looks up what was read.
pub(super) async fn look_up(
    connection: &mut AnyConnection,
    places: &[i64],
    statistics: Statistics,
    read: Vec<Read>,
) -> Result<Sought, StoreError> {
    let mut sought = Sought::default();
    for read in read {
        let question = sought.add(connection, places, statistics, read).await?;
        sought.questions.push(question);
    }
    Ok(sought)
}

impl Sought {
    async fn add(
        &mut self,
        connection: &mut AnyConnection,
        places: &[i64],
        statistics: Statistics,
        read: Read,
    ) -> Result<Question, StoreError> {
        let words: Vec<&str> = read.terms.iter().map(|term| term.word.as_str()).collect();
        let placed = candidates::placed(connection, places, &words).await?;
        let tells = |placed: &Placed| idf(placed.memories(), statistics.memories);
        let mut asked: Vec<(&Term, Placed)> = read.terms.iter().zip(placed).collect();
        // In their order as long as there are few, for words that stand together are worth more.
        if asked.len() > WORDS {
            asked.retain(|(_, placed)| placed.memories() > 0);
            asked.sort_by(|(_, a), (_, b)| tells(b).total_cmp(&tells(a)));
            asked.truncate(WORDS);
        }
        let mut question = Question {
            parts: Vec::new(),
            attainable: 0.0,
            telling: 0.0,
            window: read.window,
            asks_when: read.asks_when,
        };
        let mut unknown = 0;
        let mut known = Vec::new();
        for (term, mut placed) in asked {
            placed.weight = tells(&placed);
            let is_unknown = placed.memories() == 0;
            let own = placed.weight;
            let at = self.put(placed, &term.said, false);
            question.parts.push((at, term.weight));
            if !is_unknown || unknown == UNKNOWN {
                question.attainable += term.weight * own;
                if !is_unknown {
                    known.push(term.weight * own);
                }
                continue;
            }
            unknown += 1;
            let stand_ins = stand_ins(connection, places, term).await?;
            let names: Vec<&str> = stand_ins.iter().map(|(word, _)| word.as_str()).collect();
            let placed = candidates::placed(connection, places, &names).await?;
            let mut most: Option<f64> = None;
            for ((_, weight), mut placed) in stand_ins.into_iter().zip(placed) {
                placed.weight = tells(&placed);
                most = Some(most.unwrap_or_default().max(placed.weight));
                let at = self.put(placed, &term.said, true);
                question.parts.push((at, term.weight * weight));
            }
            question.attainable += term.weight * most.unwrap_or(own);
            known.extend(most.map(|most| term.weight * most));
        }
        known.sort_by(|a, b| b.total_cmp(a));
        question.telling = known.iter().take(TELLING).sum();
        Ok(question)
    }

    fn put(&mut self, placed: Placed, said: &str, stands_in: bool) -> usize {
        let known = |word: &Word| word.placed.word == placed.word;
        if let Some(at) = self.words.iter().position(known) {
            if let Some(word) = self.words.get_mut(at)
                && !stands_in
            {
                word.stands_in = false;
                word.said = said.to_owned();
            }
            return at;
        }
        self.words.push(Word {
            placed,
            said: said.to_owned(),
            stands_in,
        });
        self.words.len() - 1
    }
}

/// Words that may stand in for one that is known nowhere, with what each counts.
async fn stand_ins(
    connection: &mut AnyConnection,
    places: &[i64],
    term: &Term,
) -> Result<Vec<(String, f64)>, StoreError> {
    let word = term.word.as_str();
    let letters = word.chars().count();
    let places = serde_json::json!(places).to_string();
    if lexicon::runs_on(word) {
        // A pair that nobody wrote is no part of any word; a lone character may be.
        if letters > 1 {
            return Ok(Vec::new());
        }
        let found: Vec<String> = sqlx::query_scalar(CONTAINING)
            .bind(places)
            .bind(word)
            .bind(12)
            .fetch_all(connection)
            .await?;
        return Ok(found.into_iter().map(|word| (word, BEGINS)).collect());
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    // Another number is another thing; a hash may be cut.
    let least = if digits > 0 { 6 } else { 3 };
    if letters < least || digits == letters {
        return Ok(Vec::new());
    }
    let beginning: Vec<String> = sqlx::query_scalar(BEGINNING)
        .bind(&places)
        .bind(word)
        .bind(format!("{word}\u{10ffff}"))
        .bind(i64::try_from(STAND_INS).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    if !beginning.is_empty() {
        return Ok(beginning.into_iter().map(|word| (word, BEGINS)).collect());
    }
    if digits > 0 || !LETTERS.contains(&letters) {
        return Ok(Vec::new());
    }
    // Few slip at the first letter, and there are far fewer words to look at with it.
    let first: String = word.chars().take(1).collect();
    let behind_first = format!("{first}\u{10ffff}");
    for (from, to) in [(first.as_str(), behind_first.as_str()), ("", "\u{10ffff}")] {
        let like = looking_like(connection, &places, word, from, to).await?;
        if !like.is_empty() {
            return Ok(like);
        }
    }
    Ok(Vec::new())
}

async fn looking_like(
    connection: &mut AnyConnection,
    places: &str,
    word: &str,
    from: &str,
    to: &str,
) -> Result<Vec<(String, f64)>, StoreError> {
    let pieces = pieces(word);
    let letters = i64::try_from(word.chars().count()).unwrap_or(i64::MAX);
    let mut query = sqlx::query_scalar(LOOKING_LIKE)
        .bind(places.to_owned())
        .bind(from.to_owned())
        .bind(to.to_owned())
        .bind((letters / 3).max(3))
        .bind(letters * 3);
    for at in 0..=*LETTERS.end() {
        let piece = pieces.iter().nth(at);
        query = query.bind(piece.cloned().unwrap_or_else(|| "/".to_owned()));
    }
    let found: Vec<String> = query.bind(letters + 2).fetch_all(connection).await?;
    let mut like: Vec<(String, f64)> = found
        .into_iter()
        .map(|found| (likeness(&pieces, &found), found))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .map(|(likeness, found)| (found, LIKE * likeness))
        .collect();
    like.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    like.truncate(STAND_INS);
    Ok(like)
}

/// How alike two words are, by the pieces that they share: Dice's coefficient.
fn likeness(of: &BTreeSet<String>, other: &str) -> f64 {
    let other = pieces(other);
    let shared = of.intersection(&other).count();
    2.0 * shared as f64 / (of.len() + other.len()) as f64
}

/// The best of `candidates` by their likeness with any of `words`.
pub(super) fn most_like<'a>(
    words: impl Iterator<Item = &'a str>,
    candidates: &[String],
    most: usize,
) -> Vec<String> {
    let asked: Vec<BTreeSet<String>> = words.take(WORDS).map(pieces).collect();
    let best = |candidate: &String| {
        let like = asked.iter().map(|word| likeness(word, candidate));
        like.fold(0.0, f64::max)
    };
    let mut like: Vec<(f64, &String)> = candidates
        .iter()
        .map(|candidate| (best(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.2)
        .collect();
    like.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    like.truncate(most);
    like.into_iter().map(|(_, tag)| tag.clone()).collect()
}

/// Three letters each, with the beginning and the end of the word marked.
fn pieces(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = "  ".chars().chain(word.chars()).chain([' ']).collect();
    let pieces = letters.windows(3).map(|piece| piece.iter().collect());
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_like_the_word_and_another_word_is_not() {
        let like = |a: &str, b: &str| likeness(&pieces(a), b);
        assert!(like("kubernets", "kubernetes") >= LIKENESS);
        assert!(like("redsi", "redis") >= LIKENESS);
        assert!(like("migration", "migraton") >= LIKENESS);
        assert!(like("cache", "cash") < LIKENESS);
        assert_eq!(like("same", "same"), 1.0);
    }
}
